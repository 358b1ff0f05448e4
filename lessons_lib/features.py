"""Texts to vectors by the published encoder: sorted by length, kept once computed."""

import hashlib
import os
from collections.abc import Callable, Sequence

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from lessons_lib.attention import padding_mask
from lessons_lib.bert import BertEncoder, mean_pool
from lessons_lib.fetch import cache_folder
from lessons_lib.pretrained import load_encoder, load_tokenizer
from lessons_lib.tokens import pad

LONGEST = 512
TOKENS_A_BATCH = 4_096


def tokenize(texts: Sequence[str]) -> list[list[int]]:
    """Each text's ids, [CLS] first and [SEP] last, cut to 512.

    >>> tokenize(["Hello."])
    [[101, 7592, 1012, 102]]
    """
    tokenizer = load_tokenizer()
    tokenizer.enable_truncation(LONGEST)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


@torch.inference_mode()
def encode_texts(
    texts: Sequence[str],
    encoder: BertEncoder | None = None,
    pool: Callable[[Tensor, Tensor], Tensor] = mean_pool,
    cache: bool = True,
) -> Tensor:
    """One vector for each text: (N, d_model) float32.

    Args:
        texts: N texts.
        encoder: None = the published all-MiniLM-L6-v2.
        pool: hidden states (B, L, d_model) and mask (B, 1, L) to (B, d_model).
        cache: keep the result in the cache folder, and take it from there next time.
    """
    encoder = encoder or load_encoder()
    path = _path(texts, encoder, pool)
    if cache and path.is_file():
        return load_file(path)["vectors"]
    ids = tokenize(texts)
    order = sorted(range(len(ids)), key=lambda place: -len(ids[place]))
    found: dict[int, Tensor] = {}
    while order:
        size = max(1, TOKENS_A_BATCH // len(ids[order[0]]))
        chosen, order = order[:size], order[size:]
        batch, lengths = pad([ids[place] for place in chosen])
        mask = padding_mask(lengths, batch.size(1))
        found |= dict(zip(chosen, pool(encoder(batch, mask), mask).float(), strict=True))
    vectors = torch.stack([found[place] for place in range(len(texts))])
    if cache:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        save_file({"vectors": vectors}, draft)
        os.replace(draft, path)
    return vectors


def _path(texts, encoder: BertEncoder, pool):
    digest = hashlib.sha256(repr(list(texts)).encode())
    digest.update(pool.__qualname__.encode())
    for tensor in encoder.state_dict().values():
        digest.update(tensor.double().sum().numpy().tobytes())
        digest.update(tensor.double().square().sum().numpy().tobytes())
    return cache_folder() / "features" / f"{digest.hexdigest()[:24]}.safetensors"
