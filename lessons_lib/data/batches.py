"""Batches of texts of like length: rectangles with little padding in them.

Axes: B texts, L tokens.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

POOL = 8  # batches that are drawn together and sorted by length
TOKENS_A_BATCH = 4_096  # more would not be quicker, and would need more memory
LEAST_TOKENS = 512  # fewer do not keep the cores busy: then a little padding is cheaper


def pad(sequences: Sequence[Sequence[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Sequences of different length as one rectangle.

    Returns:
        ids: (B, longest), filled up with `pad_id` at the end.
        lengths: (B,).

    Raises:
        ValueError: there is no sequence.

    >>> pad([[5, 6], [7]])[0].tolist()
    [[5, 6], [7, 0]]
    """
    if not sequences:
        raise ValueError("pad needs at least one sequence")
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    ids = torch.full((len(sequences), int(lengths.max())), pad_id)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = torch.tensor(sequence, dtype=torch.long)
    return ids, lengths


def rectangle(rows: Sequence[Sequence[int]] | Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Texts of different length as one rectangle, and the mask of its real tokens.

    Args:
        rows: for each text its ids, or a vector for each of its tokens (L, d_model).

    Returns:
        x: ids (B, L), or vectors (B, L, d_model), float32; zeros at the padding.
        mask: (B, 1, L), bool, True = a real token.

    Raises:
        ValueError: there is no text.

    >>> rectangle([[5, 6], [7]])[1].int().tolist()
    [[[1, 1]], [[1, 0]]]
    """
    if len(rows) and isinstance(rows[0], Tensor):
        lengths = torch.tensor([len(row) for row in rows], device=rows[0].device)
        x = nn.utils.rnn.pad_sequence(list(rows), batch_first=True).float()
    else:
        x, lengths = pad(rows)
    places = torch.arange(x.size(1), device=x.device)
    return x, (places < lengths[:, None])[:, None, :]


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Places of all texts, the shortest first, in batches of texts of like length.

    >>> by_length([9, 2, 5], batch_size=2)
    [[1, 2], [0]]
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def by_tokens(lengths: Sequence[int]) -> list[list[int]]:
    """Places of all texts in batches of (nearly) one length and of many tokens, the longest first.

    A batch is filled up with shorter texts only while it holds too few tokens to be worth a
    computation of its own.

    >>> by_tokens([3, 400, 9, 400])
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


def mixed_by_length(
    order: Sequence[int], lengths: Sequence[int], batch_size: int, rng: torch.Generator
) -> Iterator[list[int]]:
    """Texts in a random order, and yet batches of like length.

    `POOL` batches at a time are sorted by length, cut, and come in a random order.

    Args:
        order: places, as they were drawn.
        lengths: of all texts, by place.
        rng: of the order of the batches.
    """
    size = POOL * batch_size
    for start in range(0, len(order), size):
        pool = order[start : start + size]
        batches = by_length([lengths[place] for place in pool], batch_size)
        for number in torch.randperm(len(batches), generator=rng).tolist():
            yield [pool[place] for place in batches[number]]


def text_batches(texts: Sequence[Sequence[int]], batch_size: int, seed: int) -> Iterator[Tensor]:
    """Endless batches of texts drawn at random, each padded to its longest: ids (B, L).

    Raises:
        ValueError: there is no text.
    """
    if not texts:
        raise ValueError("text_batches needs at least one text")
    rng, lengths = torch.Generator().manual_seed(seed), [len(text) for text in texts]
    while True:
        drawn = torch.randint(len(texts), (POOL * batch_size,), generator=rng).tolist()
        for places in mixed_by_length(drawn, lengths, batch_size, rng):
            yield pad([texts[place] for place in places])[0]
