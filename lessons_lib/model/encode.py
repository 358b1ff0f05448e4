"""Texts to vectors by a published encoder: hardly any padding, kept once computed, resumable."""

import contextlib
import copy
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor

from lessons_lib.base.device import move, working
from lessons_lib.base.progress import progress_bar
from lessons_lib.data.batches import by_tokens, rectangle
from lessons_lib.data.tokens import require_texts
from lessons_lib.data.unigram import Unigram
from lessons_lib.model import encode_cache
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.pretrained import load_encoder, load_tokenizer

LONGEST = 512
SAVE_SECONDS = 10.0

Pool = Callable[[Tensor, Tensor | None], Tensor]


def tokenize(texts: Sequence[str], tokenizer: Tokenizer | Unigram | None = None) -> list[list[int]]:
    """Each text's ids, [CLS] first and [SEP] last, cut to 512.

    An empty text is [CLS] and [SEP] alone.

    Args:
        texts: N texts.
        tokenizer: None = that of all-MiniLM-L6-v2. Its own padding and truncation play no part
            here, and are afterwards what they were.

    Raises:
        TypeError: one string came instead of a list of them, or one of them is no string.
        ValueError: a text holds half a character (a lone surrogate); the message names its place.

    >>> tokenize(["Hello."])
    [[101, 7592, 1012, 102]]
    """
    texts = require_texts(texts)
    if isinstance(tokenizer, Unigram):
        rows = [tokenizer.encode(text) for text in texts]
        return [row if len(row) <= LONGEST else [*row[: LONGEST - 1], row[-1]] for row in rows]
    with _cutting(tokenizer or load_tokenizer()) as cutting:
        return [encoding.ids for encoding in cutting.encode_batch(texts)]


@contextlib.contextmanager
def _cutting(tokenizer: Tokenizer) -> Iterator[Tokenizer]:
    """The tokenizer with our truncation and no padding; afterwards with its own again."""
    padding, truncation = tokenizer.padding, tokenizer.truncation
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    try:
        yield tokenizer
    finally:
        tokenizer.no_truncation()
        if truncation is not None:
            tokenizer.enable_truncation(**truncation)
        if padding is not None:
            tokenizer.enable_padding(**padding)


def encode_texts(
    texts: Sequence[str],
    encoder: BertEncoder | None = None,
    pool: Pool = mean_pool,
    cache: bool = True,
    *,
    tokenizer: Tokenizer | Unigram | None = None,
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
        cache: keep the result in the cache folder, and take it from there next time. The key is
            the ids, the encoder and `pool`, with all that they are made of: weights, settings,
            code, captured values, defaults and globals. Where that cannot be told (`pool` holds
            an open file, say), nothing is kept; where nothing can be written, a
            warning says so.
        tokenizer: that of `encoder`; None = that of all-MiniLM-L6-v2.
        dtype: in which the encoder computes; torch.bfloat16 is quicker where the processor has
            it, and has 8 significant bits.

    Raises:
        TypeError, ValueError: as `tokenize` does.

    >>> encode_texts(["It rains.", "Rain falls."], cache=False).shape
    torch.Size([2, 384])
    """
    encoder = load_encoder() if encoder is None else encoder
    ids = tokenize(texts, tokenizer)
    path = encode_cache.path_of(repr(ids), encoder, pool, dtype) if cache else None
    if kept := encode_cache.load(path):
        return kept["vectors"]
    draft = None if path is None else path.with_suffix(".draft")
    vectors, done = torch.zeros(len(ids), encoder.config.d_model), torch.zeros(len(ids)).bool()
    if kept := encode_cache.load(draft):
        vectors, done = kept["vectors"], kept["done"]
    try:
        saved = time.monotonic()
        for rows, found in _encode(ids, done, encoder, pool, dtype):
            vectors[rows], done[rows] = found, True
            if time.monotonic() - saved > SAVE_SECONDS:
                encode_cache.keep(draft, vectors=vectors, done=done)
                saved = time.monotonic()
    finally:  # an interruption comes here too
        if done.any() and not done.all():
            encode_cache.keep(draft, vectors=vectors, done=done)
    encode_cache.keep(path, vectors=vectors)
    encode_cache.remove(draft)
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
