"""Shares that are right: their intervals, and differences in pairs.

Right is 1, wrong 0, and what lies between counts in part. Rows are seeds, columns test examples,
the same for all methods. As in `intervals.py`, of S seeds S - 1 are drawn at a time.

Axes: S seeds, N examples.
"""

import numpy as np
from numpy.typing import ArrayLike

from lessons_lib.measure.intervals import Difference, Interval


def share_right(right: ArrayLike, num_resamples: int = 2000, seed: int = 0) -> Interval:
    """The mean, and its interval over seeds and examples (bootstrap).

    Args:
        right: (S, N) or (N,), each from 0 to 1.

    Raises:
        ValueError: it is of another shape, empty, or holds something else.

    >>> share_right([1, 1, 0, 1]).value
    0.75
    """
    right = _checked(right)
    drawn = _resampled([right], num_resamples, np.random.default_rng(seed))[0]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(right.mean()), float(low), float(high))


def difference_in_shares(
    a: ArrayLike, b: ArrayLike, num_resamples: int = 2000, seed: int = 0
) -> Difference:
    """The mean of `a` minus that of `b` on the same examples, with interval and p.

    Args:
        a, b: (S, N) or (N,); S may differ.

    Raises:
        ValueError: as `share_right` does, or N differs.

    >>> difference_in_shares([1, 1, 1, 0], [1, 0, 1, 0]).value
    0.25
    """
    a, b = _checked(a), _checked(b)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"expected the same examples: {a.shape[1]} and {b.shape[1]}")
    of_a, of_b = _resampled([a, b], num_resamples, np.random.default_rng(seed))
    gaps = of_a - of_b
    low, high = np.percentile(gaps, [2.5, 97.5])
    tail = min((gaps <= 0).sum(), (gaps >= 0).sum())
    p = min(1.0, 2 * (tail + 1) / (len(gaps) + 1))
    return Difference(float(a.mean() - b.mean()), float(low), float(high), float(p))


def _checked(right: ArrayLike) -> np.ndarray:
    right = np.atleast_2d(np.asarray(right, float))
    if right.ndim != 2 or not right.size or not ((right >= 0) & (right <= 1)).all():
        raise ValueError(f"expected shares from 0 to 1, (seeds, examples): {right.shape}")
    return right


def _resampled(methods: list[np.ndarray], num_resamples: int, rng) -> list[np.ndarray]:
    """The mean of each method over the same drawn examples, and seeds of its own: (R,) each."""
    count = methods[0].shape[1]
    times = rng.multinomial(count, np.full(count, 1 / count), size=num_resamples)  # (R, N)
    found = []
    for right in methods:
        means = times @ right.T / count  # (R, S)
        seeds = rng.integers(len(right), size=(num_resamples, max(1, len(right) - 1)))
        found.append(np.take_along_axis(means, seeds, axis=1).mean(axis=1))
    return found
