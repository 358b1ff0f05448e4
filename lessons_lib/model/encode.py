"""Texts to vectors by a published encoder: hardly any padding, kept once computed, resumable."""

import contextlib
import copy
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from tokenizers import Tokenizer
from torch import Tensor

from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.batches import pad
from lessons_lib.model.attention import padding_mask
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.pretrained import load_encoder, load_tokenizer

LONGEST = 512
TOKENS_A_BATCH = 4_096  # more would not be quicker, and would need more memory
LEAST_TOKENS = 512  # fewer do not keep the cores busy: then a little padding is cheaper
SAVE_SECONDS = 10.0
SILENT_SECONDS = 3.0  # no bar for what is done by then

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


def batches_of(lengths: Sequence[int]) -> list[list[int]]:
    """Places of the texts in groups of (nearly) one length, the longest first.

    A group is filled up with shorter texts only while it holds too few tokens to be worth a
    computation of its own.

    >>> batches_of([3, 400, 9, 400])
    [[1, 3], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    batches: list[list[int]] = []
    width = 0
    for place in order:
        tokens = len(batches[-1]) * width if batches else 0
        fits = batches and tokens + width <= TOKENS_A_BATCH
        if fits and (lengths[place] == width or tokens < LEAST_TOKENS):
            batches[-1].append(place)
        else:
            batches.append([place])
            width = lengths[place]
    return batches


def _encode(ids, done: Tensor, encoder, pool, dtype) -> Iterator[tuple[list[int], Tensor]]:
    """Rows that were not done yet, and their vectors, batch after batch."""
    waiting = [row for row in range(len(ids)) if not done[row]]
    device = encoder.norm.weight.device
    if dtype != encoder.norm.weight.dtype:
        encoder = copy.deepcopy(encoder).to(dtype)
    was_training = encoder.training
    encoder.eval()
    bar = _Bar(len(ids), len(ids) - len(waiting))
    try:
        for batch in batches_of([len(ids[row]) for row in waiting]):
            rows = [waiting[place] for place in batch]
            padded, lengths = pad([ids[row] for row in rows])
            mask = padding_mask(lengths, padded.size(1)).to(device)
            mask = None if len(set(lengths.tolist())) == 1 else mask
            with torch.inference_mode():
                found = pool(encoder(padded.to(device), mask).float(), mask).cpu()
            yield rows, found
            bar.add(len(rows))
    finally:
        encoder.train(was_training)
        bar.close()


class _Bar:
    """How far it is, for whoever waits: in a terminal, or in a notebook with a person before it."""

    def __init__(self, total: int, done: int):
        self.total, self.done, self.started, self.shown = total, done, time.monotonic(), 0.0
        self.handle = None

    def add(self, number: int) -> None:
        self.done += number
        now = time.monotonic()
        if now - self.started > SILENT_SECONDS and now - self.shown > 0.5:
            self.shown = now
            self._show(f"{self.done:,} of {self.total:,} texts")

    def close(self) -> None:
        if self.shown:
            self._show(" " * 40)

    def _show(self, text: str) -> None:
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        # A front end with a person at it takes input; a run that stores outputs does not.
        if getattr(getattr(shell, "kernel", None), "_allow_stdin", False):
            from IPython.display import display

            if self.handle is None:
                self.handle = display({"text/plain": text}, raw=True, display_id=True)
            else:
                self.handle.update({"text/plain": text}, raw=True)
        elif sys.stderr.isatty():
            print(f"\r{text}", end="", file=sys.stderr, flush=True)


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
