"""A fair comparison: intervals over seeds and groups of texts, differences in pairs, Holm.

Predictions are (S, N): S seeds, N texts; a method without seeds gives (N,). Groups say which
texts belong together: resampling takes or leaves a review, an article or a cluster as a whole.

Of S seeds, S - 1 are drawn at a time: with S the intervals would be too narrow, for five numbers
drawn from five vary by four fifths of what five new seeds would (Rao and Wu 1988, JASA 83, section
2). What the seeds share, such as part of their training texts, no resampling brings out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lessons_lib.measure.metrics import column, pearson


@dataclass(frozen=True)
class Interval:
    """A value and its 95% interval.

    Attributes:
        value: computed on all texts, averaged over the seeds.
        low, high: 2.5% of the resampled values lie below low, 2.5% above high.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


@dataclass(frozen=True)
class Difference(Interval):
    """How much better the first of two methods is, and its 95% interval.

    Attributes:
        p: two-sided: how often resampling turns the sign round.
    """

    p: float


def interval(
    predictions: ArrayLike,
    ratings: ArrayLike,
    groups: Sequence,
    num_resamples: int = 2000,
    seed: int = 0,
    constant: float | None = None,
) -> Interval:
    """Mean r over the seeds, and its interval over seeds and groups of texts (bootstrap).

    Args:
        predictions: (S, N) or (N,).
        ratings: (N,), or (S, N) where each seed is compared with ratings of its own.
        groups: (N,) labels; groups are drawn with replacement, and so are seeds.
        constant: what r counts as where a seed says the same of every text; None = an error.

    Raises:
        ValueError: shapes do not fit, a list is constant or not finite, or all texts are of one
            group: then there is nothing to draw anew, and no interval.

    >>> interval([1, 2, 3, 5], [1, 3, 2, 5], groups="abcd").value > 0.8
    True
    """
    predictions, ratings, groups = _checked(predictions, ratings, groups, constant)
    rng = np.random.default_rng(seed)
    weights = _group_weights(groups, num_resamples, rng)  # (R, N)
    resampled = _mean_over_seeds(_weighted_r(weights, predictions, ratings, constant), rng)
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Interval(_mean_r(predictions, ratings, constant), float(low), float(high))


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    ratings: ArrayLike,
    groups: Sequence,
    num_resamples: int = 2000,
    seed: int = 0,
    constant: float | None = None,
) -> Difference:
    """r of `a` minus r of `b` on the same texts, with interval and p.

    Both are measured on the same resampled groups, so that what makes a text hard for both
    cancels. Their seeds are drawn apart. Where seed 3 of both has drawn the same training texts,
    this makes the interval wider rather than narrower.

    Args:
        a, b: predictions, (S, N) or (N,); S may differ.
        ratings: (N,).
        groups: (N,).
        constant: as in `interval`.

    Raises:
        ValueError: as `interval` does.

    >>> ratings = [1, 2, 3, 4, 5, 6]
    >>> paired_difference([1, 2, 3, 4, 5, 7], [6, 1, 2, 5, 4, 3], ratings, "abcdef").value > 0
    True
    """
    a, ratings, groups = _checked(a, ratings, groups, constant)
    b, _, _ = _checked(b, ratings, groups, constant)
    rng = np.random.default_rng(seed)
    weights = _group_weights(groups, num_resamples, rng)
    of_a, of_b = (
        _mean_over_seeds(_weighted_r(weights, predictions, ratings, constant), rng)
        for predictions in (a, b)
    )
    gaps = of_a - of_b
    gaps = gaps[np.isfinite(gaps)]
    low, high = np.percentile(gaps, [2.5, 97.5])
    tail = min((gaps <= 0).sum(), (gaps >= 0).sum())
    p = min(1.0, 2 * (tail + 1) / (len(gaps) + 1))
    value = _mean_r(a, ratings, constant) - _mean_r(b, ratings, constant)
    return Difference(value, float(low), float(high), float(p))


def resampled_r(
    methods: Sequence[ArrayLike],
    ratings: ArrayLike,
    groups: Sequence,
    num_resamples: int = 1000,
    seed: int = 0,
    constant: float | None = None,
) -> tuple[list[float], np.ndarray]:
    """Mean r of several methods, and of each in the same resamples of groups; its own seeds drawn.

    For what is worked out of several r at once, such as where a curve is crossed.

    Args:
        methods: M times predictions (S, N) or (N,); S may differ.
        constant: as in `interval`.

    Returns:
        The M values, and the resampled ones (M, R).

    Raises:
        ValueError: as `interval` does.
    """
    checked = [_checked(predictions, ratings, groups, constant) for predictions in methods]
    rng = np.random.default_rng(seed)
    weights = _group_weights(checked[0][2], num_resamples, rng)
    values = [_mean_r(predictions, rows, constant) for predictions, rows, _ in checked]
    drawn = [
        _mean_over_seeds(_weighted_r(weights, predictions, rows, constant), rng)
        for predictions, rows, _ in checked
    ]
    return values, np.array(drawn)


def interval_score(low: float, high: float, found: float, level: float = 0.8) -> float:
    """How good an interval forecast was, once the outcome is known; lower is better.

    Its width, and where the outcome lies outside, 2 / (1 - level) times the distance on top: who
    is too sure pays, and who says nothing does too.

    Args:
        level: how often the interval was meant to hold, between 0 and 1.

    Raises:
        ValueError: high is below low, or the level is not between 0 and 1.

    Source: Gneiting and Raftery 2007, JASA 102, section 6.2.

    >>> round(interval_score(0.1, 0.3, found=0.2), 2), round(interval_score(0.1, 0.3, 0.35), 2)
    (0.2, 0.7)
    """
    if not low <= high or not 0 < level < 1:
        raise ValueError(f"expected low <= high and a level in (0, 1): {low}, {high}, {level}")
    return high - low + 2 / (1 - level) * max(low - found, found - high, 0.0)


def holm(p_values: ArrayLike) -> np.ndarray:
    """p values made larger for having looked m times (Holm 1979), in the order given.

    The smallest is multiplied by m, the next by m - 1, and so on, never falling. What stays
    below 0.05 holds, with at most 5% risk of even one false finding among all m.

    Raises:
        ValueError: it is no list of numbers from 0 to 1.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = column(p_values, "the list of p values")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"expected a list of p values from 0 to 1, got {p_values}")
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted


def _checked(
    predictions, ratings, groups, constant=None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """predictions (S, N), ratings (1 or S, N), groups (N,) numbered from 0."""
    predictions, ratings = (np.atleast_2d(np.asarray(x, float)) for x in (predictions, ratings))
    groups = np.asarray(list(groups))
    num_texts = ratings.shape[1]
    fits = predictions.ndim == ratings.ndim == 2 and len(ratings) in (1, len(predictions))
    if not fits or predictions.shape[1] != num_texts or groups.shape != (num_texts,):
        raise ValueError(
            "expected predictions (seeds, texts), ratings (texts,) and groups (texts,), got "
            f"{predictions.shape}, {ratings.shape} and {groups.shape}"
        )
    names, labels = np.unique(groups, return_inverse=True)
    if len(names) < 2:
        raise ValueError(
            f"expected 2 groups of texts at least, got one, {names[0]}: an interval comes from "
            "drawing groups anew"
        )
    judged = [row for row in predictions if constant is None or np.ptp(row) or np.isnan(row).any()]
    for row in (*judged, *ratings):
        pearson(row, np.arange(num_texts))  # finite, and not constant
    return predictions, ratings, labels


def _group_weights(groups: np.ndarray, num_resamples: int, rng) -> np.ndarray:
    """How often each text is taken in each resample: (R, N)."""
    if num_resamples < 1:
        raise ValueError(f"num_resamples should be at least 1, not {num_resamples}")
    num_groups = groups.max() + 1
    times = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=num_resamples)
    return times[:, groups].astype(float)


def _weighted_r(
    weights: np.ndarray,
    predictions: np.ndarray,
    ratings: np.ndarray,
    constant: float | None = None,
) -> np.ndarray:
    """r of each seed (S, N) in each resample (R, N), by sums alone: (R, S)."""
    x = predictions - predictions.mean(axis=1, keepdims=True)
    y = ratings - ratings.mean(axis=1, keepdims=True)
    total = weights.sum(axis=1, keepdims=True)  # (R, 1)
    mean_x, mean_y, xx, yy, xy = (weights @ part.T / total for part in (x, y, x * x, y * y, x * y))
    spread = (xx - mean_x**2) * (yy - mean_y**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.where(spread > 0, (xy - mean_x * mean_y) / np.sqrt(spread), np.nan)
    return r if constant is None else np.where(np.ptp(predictions, axis=1) > 0, r, constant)


def _mean_over_seeds(r: np.ndarray, rng) -> np.ndarray:
    """S - 1 seeds drawn with replacement, anew for each resample: (R, S) -> (R,)."""
    num_resamples, num_seeds = r.shape
    drawn = rng.integers(num_seeds, size=(num_resamples, max(1, num_seeds - 1)))
    return np.take_along_axis(r, drawn, axis=1).mean(axis=1)


def _mean_r(predictions: np.ndarray, ratings: np.ndarray, constant: float | None = None) -> float:
    pairs = zip(predictions, np.broadcast_to(ratings, predictions.shape), strict=True)
    return float(np.mean([pearson(x, y) if np.ptp(x) else constant for x, y in pairs]))
