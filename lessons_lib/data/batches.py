"""Batches of texts of like length: rectangles with little padding in them.

Axes: B texts, L tokens.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


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


def text_batches(texts: Sequence[Sequence[int]], batch_size: int, seed: int) -> Iterator[Tensor]:
    """Endless batches of texts drawn at random, each padded to its longest: ids (B, L).

    Eight batches are drawn at once and sorted by length, so that little is padding.

    Raises:
        ValueError: there is no text.
    """
    if not texts:
        raise ValueError("text_batches needs at least one text")
    rng = torch.Generator().manual_seed(seed)
    while True:
        drawn = torch.randint(len(texts), (8 * batch_size,), generator=rng).tolist()
        drawn.sort(key=lambda number: len(texts[number]))
        for start in torch.randperm(8, generator=rng).tolist():
            chosen = drawn[start * batch_size : (start + 1) * batch_size]
            yield pad([texts[number] for number in chosen])[0]
