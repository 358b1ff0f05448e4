"""What a result is worth in labels: how many of the target's own a baseline needs to be as good."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lessons_lib.measure.intervals import resampled_r
from lessons_lib.measure.metrics import column


def worth_labels(r: float, num_labels: Sequence[int], curve: Sequence[float]) -> str:
    """How many target labels a baseline needs to reach r, read off its curve: two digits.

    Args:
        r: the quality to reach.
        num_labels: rising.
        curve: the baseline's r with each number of labels; interpolated over log2 of the number.

    Raises:
        ValueError: the numbers do not rise from 1 on, there are none, the curve is not as long,
            or something is not finite.

    >>> worth_labels(0.5, [16, 64, 256], [0.2, 0.4, 0.6])
    '130'
    >>> worth_labels(0.7, [16, 64, 256], [0.2, 0.4, 0.6])
    'more than 256'
    """
    (r,), curve = column([r], "r, as a list,"), column(curve, "the curve")
    rises = list(num_labels) == sorted(set(num_labels)) and min(num_labels, default=0) >= 1
    if len(num_labels) != len(curve) or not rises:
        raise ValueError("expected a rising list of numbers and a curve of the same length")
    return _told(_needed(r, num_labels, curve), num_labels)


def worth_labels_between(
    predictions: ArrayLike,
    num_labels: Sequence[int],
    curve: Sequence[ArrayLike],
    ratings: ArrayLike,
    groups: Sequence,
    num_resamples: int = 1000,
    seed: int = 0,
) -> str:
    """`worth_labels` with its 95% interval, over groups of texts and over the seeds of both.

    The predictions and every point of the curve are measured on the same resampled texts.

    Args:
        predictions: (S, N) or (N,), on the target's test texts.
        num_labels: rising.
        curve: the baseline's predictions (S, N) with each number of labels.
        ratings, groups: (N,).

    Raises:
        ValueError: as `worth_labels` and `interval` do.

    >>> ratings = np.arange(40.0)
    >>> at = [ratings + noise * np.sin(9 * ratings) for noise in (60, 20, 7)]
    >>> worth_labels_between(at[1], [16, 64, 256], at, ratings, groups=range(40))
    '64 [64, 64]'
    """
    methods = [predictions, *curve]
    (r, *at), drawn = resampled_r(methods, ratings, groups, num_resamples, seed)
    value = worth_labels(r, num_labels, at)
    each = [_needed(own, num_labels, rest) for own, *rest in drawn.T]
    ends = np.percentile(each, [2.5, 97.5], method="nearest")
    low, high = (_told(end, num_labels) for end in ends)
    return f"{value} [{low}, {high}]"


def _needed(r: float, num_labels: Sequence[int], curve: Sequence[float]) -> float:
    """The number of labels; minus or plus infinity where it lies before or after the curve."""
    best = np.maximum.accumulate(curve)
    if r > best[-1]:
        return math.inf
    if r < best[0]:
        return -math.inf
    reached = int(np.searchsorted(best, r))  # the first number that is enough
    if reached == 0 or best[reached] == r:
        return num_labels[reached]
    share = (r - best[reached - 1]) / (best[reached] - best[reached - 1])
    low, high = np.log2(num_labels[reached - 1]), np.log2(num_labels[reached])
    return float(f"{2 ** (low + share * (high - low)):.2g}")


def _told(number: float, num_labels: Sequence[int]) -> str:
    if math.isinf(number):
        return f"more than {num_labels[-1]:,}" if number > 0 else f"fewer than {num_labels[0]:,}"
    return f"{number:,.0f}"
