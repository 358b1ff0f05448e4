"""Texts to vectors by a published encoder: hardly any padding, kept once computed, resumable."""

import contextlib
import copy
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from torch import Tensor

from lessons_lib.base.device import move, working
from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.base.progress import progress_bar
from lessons_lib.data.batches import by_tokens, rectangle
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.pretrained import load_encoder, load_tokenizer

LONGEST = 512
SAVE_SECONDS = 10.0

Pool = Callable[[Tensor, Tensor | None], Tensor]


def tokenize(texts: Sequence[str], tokenizer: Tokenizer | None = None) -> list[list[int]]:
    """Each text's ids, [CLS] first and [SEP] last, cut to 512.

    An empty text is [CLS] and [SEP] alone.

    Args:
        texts: N texts.
        tokenizer: None = that of all-MiniLM-L6-v2.

    Raises:
        TypeError: one string came instead of a list of them.

    >>> tokenize(["Hello."])
    [[101, 7592, 1012, 102]]
    """
    if isinstance(texts, str):
        raise TypeError(f"expected a list of texts, got one string: {texts[:40]!r}")
    tokenizer = tokenizer or load_tokenizer()
    tokenizer.enable_truncation(LONGEST)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]


def encode_texts(
    texts: Sequence[str],
    encoder: BertEncoder | None = None,
    pool: Pool = mean_pool,
    cache: bool = True,
    *,
    tokenizer: Tokenizer | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """One vector for each text: (N, d_model) float32, on the CPU.

    Texts of one length go together, so that there is next to no padding. Stopped half-way, the
    next call with the same texts and weights goes on from there.

    Args:
        texts: N texts; longer ones than 512 tokens are cut.
        encoder: None = the published all-MiniLM-L6-v2; it works on the device where it is.
        pool: hidden states (B, L, d_model) and mask (B, 1, L), or None where nothing is padded,
            to (B, d_model).
        cache: keep the result in the cache folder, and take it from there next time.
        tokenizer: that of `encoder`; None = that of all-MiniLM-L6-v2.
        dtype: in which the encoder computes; torch.bfloat16 is quicker where the processor has
            it, and has 8 significant bits.

    Raises:
        TypeError: one string came instead of a list of them.

    >>> encode_texts(["It rains.", "Rain falls."], cache=False).shape
    torch.Size([2, 384])
    """
    encoder = load_encoder() if encoder is None else encoder
    ids = tokenize(texts, tokenizer)
    path = _path(ids, encoder, pool, dtype) if cache else None
    if path is not None and (kept := _load(path)):
        return kept["vectors"]
    draft = None if path is None else path.with_suffix(".draft")
    vectors, done = torch.zeros(len(ids), encoder.config.d_model), torch.zeros(len(ids)).bool()
    if draft is not None and (kept := _load(draft)):
        vectors, done = kept["vectors"], kept["done"]
    try:
        saved = time.monotonic()
        for rows, found in _encode(ids, done, encoder, pool, dtype):
            vectors[rows], done[rows] = found, True
            if draft is not None and time.monotonic() - saved > SAVE_SECONDS:
                _save(draft, vectors=vectors, done=done)
                saved = time.monotonic()
    finally:  # an interruption comes here too
        if draft is not None and done.any() and not done.all():
            _save(draft, vectors=vectors, done=done)
    if path is not None:
        _save(path, vectors=vectors)
        draft.unlink(missing_ok=True)
    return vectors


def _encode(ids, done: Tensor, encoder, pool, dtype) -> Iterator[tuple[list[int], Tensor]]:
    """Rows that were not done yet, and their vectors, batch after batch."""
    waiting = [row for row in range(len(ids)) if not done[row]]
    if dtype != encoder.norm.weight.dtype:
        encoder = copy.deepcopy(encoder).to(dtype)
    was_training = encoder.training
    encoder.eval()
    bar = progress_bar(len(ids), "texts", done=len(ids) - len(waiting))
    try:
        with working(encoder) as device:
            for batch in by_tokens([len(ids[row]) for row in waiting]):
                rows = [waiting[place] for place in batch]
                x, mask = move(rectangle([ids[row] for row in rows]), device)
                mask = None if len({len(ids[row]) for row in rows}) == 1 else mask
                with torch.inference_mode():
                    found = pool(encoder(x, mask).float(), mask).cpu()
                yield rows, found
                bar.update(len(rows))
    finally:
        encoder.train(was_training)
        bar.close()


def _path(ids: list[list[int]], encoder: BertEncoder, pool: Pool, dtype: torch.dtype) -> Path:
    """Where the vectors are kept: by tokens, weights, settings and functions, all of them."""
    custom = [layer.attention.attention for layer in encoder.layers[:1]]
    settings = encoder.config, dtype, [_fingerprint(function) for function in (pool, *custom)]
    digest = hashlib.sha256(repr((settings, ids)).encode())
    for name, tensor in encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return cache_folder() / "features" / f"{digest.hexdigest()[:24]}.safetensors"


def _fingerprint(function: Callable | None) -> tuple:
    """What tells a function from a later one of the same name: its compiled code."""
    named = getattr(function, "__module__", ""), getattr(function, "__qualname__", repr(function))
    return *named, _compiled(getattr(function, "__code__", None))


def _compiled(code) -> tuple:
    if code is None:
        return ()
    inner = [_compiled(part) if hasattr(part, "co_code") else part for part in code.co_consts]
    return code.co_code, code.co_names, inner


def _load(path: Path) -> dict[str, Tensor]:
    """What is kept there; nothing where there is no file, or a damaged one."""
    with contextlib.suppress(OSError, SafetensorError):
        return load_file(path)
    return {}


def _save(path: Path, **tensors: Tensor) -> None:
    with atomic_write(path) as out:
        out.write(save(tensors))
