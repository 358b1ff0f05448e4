"""Rehearsal: between the new texts come old ones, so that the old task is practised on."""

from collections.abc import Iterator
from typing import TypeVar

Batch = TypeVar("Batch")


def rehearsed(new: Iterator[Batch], old: Iterator[Batch], share: float) -> Iterator[Batch]:
    """New batches, and evenly between them old ones.

    Args:
        new, old: endless batches of the same kind, such as those of `rated_batches`.
        share: of old batches among all, from 0 up to, and without, 1. After k batches the whole
            part of k x share have been old.

    Yields:
        What `new` and `old` yield, nothing left out and nothing twice.

    Raises:
        ValueError: the share is not in that range; said when the first batch is asked for.

    Source: Robins 1995 (doi:10.1080/09540099550039318), "catastrophic forgetting, rehearsal and
    pseudorehearsal"; few old examples in deep networks: Chaudhry et al. 2019 (arXiv:1902.10486).

    >>> from itertools import islice, repeat
    >>> "".join(islice(rehearsed(repeat("n"), repeat("o"), share=0.25), 8))
    'nnnonnno'
    """
    if not 0 <= share < 1:
        raise ValueError(f"share should be from 0 to below 1, not {share}")
    num_old = num_all = 0
    while True:
        num_all += 1
        is_old = int(num_all * share + 1e-9) > num_old
        num_old += is_old
        yield next(old if is_old else new)
