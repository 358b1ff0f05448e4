"""One measure for each kind of label, with intervals: r for ratings, mean recall for classes.

Mean recall (balanced accuracy) asks of each class what share of its texts is found, and takes the
mean: a rare class counts as much as a frequent one, and whoever guesses gets 1 / classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lessons_lib.measure.intervals import Difference, Interval, resampled_r
from lessons_lib.transfer.advise.reading import Labelled

NUM_RESAMPLES = 1_000


def measure_of(data: Labelled) -> str:
    """The measure's name."""
    return "r" if data.is_rated else "mean recall"


def floor_of(data: Labelled) -> float:
    """What the measure gives whoever says the same of every text."""
    return 0.0 if data.is_rated else 1 / len(data.classes)


def resampled(
    data: Labelled, methods: Sequence[ArrayLike], rows: np.ndarray | None = None, seed: int = 0
) -> tuple[list[float], np.ndarray]:
    """The measure of several methods, and of each in the same resamples of groups of texts.

    Args:
        methods: M times predictions (S, N) or (N,): numbers, or numbers of classes.
        rows: of the texts that the predictions are for; None = all.
        seed: of the resampling.

    Returns:
        The M values, and the resampled ones (M, R).
    """
    rows = np.arange(len(data.texts)) if rows is None else rows
    truth, groups = data.labels[rows], np.array(data.groups)[rows]
    if data.is_rated:
        return resampled_r(methods, truth, groups, NUM_RESAMPLES, seed, constant=0.0)
    rng = np.random.default_rng(seed)
    _, groups = np.unique(groups, return_inverse=True)
    num_groups = groups.max() + 1
    chances = np.full(num_groups, 1 / num_groups)
    weights = rng.multinomial(num_groups, chances, size=NUM_RESAMPLES)[:, groups].astype(float)
    values, drawn = [], []
    for said in methods:
        hits = np.atleast_2d(said) == truth  # (S, N)
        values.append(float(_mean_recall(np.ones((1, len(truth))), hits, truth).mean()))
        each = _mean_recall(weights, hits, truth)  # (R, S)
        picked = rng.integers(each.shape[1], size=(len(each), max(1, each.shape[1] - 1)))
        drawn.append(np.take_along_axis(each, picked, axis=1).mean(axis=1))
    return values, np.array(drawn)


def _mean_recall(weights: np.ndarray, hits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Weights (R, N), hits (S, N), truth (N,) to (R, S); a class that was not drawn is left out."""
    recalls = []
    for number in np.unique(truth):
        own = truth == number
        total = weights[:, own].sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            recalls.append(weights[:, own] @ hits[:, own].T / total)
    return np.nanmean(recalls, axis=0)


def intervals(
    data: Labelled, methods: Sequence[ArrayLike], rows: np.ndarray | None = None
) -> list[Interval]:
    """The measure of each method, with its 95% interval over groups of texts and over seeds."""
    values, drawn = resampled(data, methods, rows)
    ends = np.nanpercentile(drawn, [2.5, 97.5], axis=1).T
    return [Interval(v, float(lo), float(hi)) for v, (lo, hi) in zip(values, ends, strict=True)]


def difference(data: Labelled, a: ArrayLike, b: ArrayLike, rows=None) -> Difference:
    """The measure of `a` minus that of `b` on the same texts, paired, with interval and p."""
    values, drawn = resampled(data, [a, b], rows)
    gaps = (drawn[0] - drawn[1])[np.isfinite(drawn[0] - drawn[1])]
    low, high = np.percentile(gaps, [2.5, 97.5])
    tail = min((gaps <= 0).sum(), (gaps >= 0).sum())
    p = min(1.0, 2 * (tail + 1) / (len(gaps) + 1))
    return Difference(values[0] - values[1], float(low), float(high), float(p))
