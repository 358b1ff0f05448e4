"""A fair comparison: one measure, intervals over seeds and texts, the human beside the machine.

Predictions are (S, N): S seeds, N texts; a method without seeds gives (N,). Groups say which
texts belong together: resampling takes or leaves a review, an article or a cluster as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lessons_lib.domains import Snippet


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


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Pearson's correlation r of two lists of N numbers, from -1 to 1.

    Raises:
        ValueError: lengths differ, fewer than 2 numbers, one that is not finite, or all alike.

    >>> round(pearson([1, 2, 3], [2, 4, 7]), 2)
    0.99
    """
    a, b = (np.asarray(values, dtype=float) for values in (a, b))
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise ValueError(
            f"expected two lists of equal length, 2 at least, got {a.shape}, {b.shape}"
        )
    for name, values in (("first", a), ("second", b)):
        if not np.isfinite(values).all():
            raise ValueError(
                f"the {name} list holds {(~np.isfinite(values)).sum()} values that are not finite"
            )
        if np.ptp(values) == 0:
            raise ValueError(f"the {name} list is constant ({values[0]:.3g}): r is not defined")
    return float(np.corrcoef(a, b)[0, 1])


def mean_absolute_error(predictions: ArrayLike, ratings: ArrayLike) -> float:
    """Mean distance between prediction and rating, in points of the rating's scale.

    >>> mean_absolute_error([1.0, 2.0], [1.5, 2.0])
    0.25
    """
    a, b = (np.asarray(values, dtype=float) for values in (predictions, ratings))
    return float(np.abs(a - b).mean())


def three_classes(scores: ArrayLike, threshold: float) -> np.ndarray:
    """-1, 0 or 1 for each score: below -threshold, between, above.

    >>> three_classes([-0.3, 0.0, 0.05, 0.2], threshold=0.05).tolist()
    [-1, 0, 0, 1]
    """
    scores = np.asarray(scores, dtype=float)
    return np.sign(scores).astype(int) * (np.abs(scores) > threshold)


def macro_f1(classes: ArrayLike, truth: ArrayLike) -> float:
    """F1 of each class -1, 0, 1, averaged: a small class counts as much as a large one.

    >>> round(macro_f1([-1, 0, 1, 1], [-1, 0, 0, 1]), 3)
    0.778
    """
    from sklearn.metrics import f1_score

    return float(f1_score(truth, classes, labels=[-1, 0, 1], average="macro", zero_division=0.0))


def interval(
    predictions: ArrayLike,
    ratings: ArrayLike,
    groups: Sequence,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean r over the seeds, and its interval over seeds and groups of texts (bootstrap).

    Args:
        predictions: (S, N) or (N,).
        ratings: (N,), or (S, N) where each seed is compared with ratings of its own.
        groups: (N,) labels; groups are drawn with replacement, and so are seeds.

    Raises:
        ValueError: shapes do not fit, or a list is constant or not finite.

    >>> interval([1, 2, 3, 5], [1, 3, 2, 5], groups="abcd").value > 0.8
    True
    """
    predictions, ratings, groups = _checked(predictions, ratings, groups)
    rng = np.random.default_rng(seed)
    weights = _group_weights(groups, num_resamples, rng)  # (R, N)
    resampled = _mean_over_seeds(_weighted_r(weights, predictions, ratings), rng)
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Interval(_mean_r(predictions, ratings), float(low), float(high))


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    ratings: ArrayLike,
    groups: Sequence,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """r of `a` minus r of `b` on the same texts, with interval and p.

    Both are measured on the same resampled groups, so that what makes a text hard for both
    cancels. Their seeds are drawn apart, for seed 3 of one has nothing to do with seed 3 of the
    other.

    Args:
        a, b: predictions, (S, N) or (N,); S may differ.
        ratings: (N,).
        groups: (N,).

    >>> ratings = [1, 2, 3, 4, 5, 6]
    >>> paired_difference([1, 2, 3, 4, 5, 7], [6, 1, 2, 5, 4, 3], ratings, "abcdef").value > 0
    True
    """
    a, ratings, groups = _checked(a, ratings, groups)
    b, _, _ = _checked(b, ratings, groups)
    rng = np.random.default_rng(seed)
    weights = _group_weights(groups, num_resamples, rng)
    of_a, of_b = (
        _mean_over_seeds(_weighted_r(weights, predictions, ratings), rng) for predictions in (a, b)
    )
    gaps = of_a - of_b
    gaps = gaps[np.isfinite(gaps)]
    low, high = np.percentile(gaps, [2.5, 97.5])
    tail = min((gaps <= 0).sum(), (gaps >= 0).sum())
    p = min(1.0, 2 * (tail + 1) / (len(gaps) + 1))
    value = _mean_r(a, ratings) - _mean_r(b, ratings)
    return Difference(value, float(low), float(high), float(p))


def holm(p_values: ArrayLike) -> np.ndarray:
    """p values made larger for having looked m times (Holm 1979), in the order given.

    The smallest is multiplied by m, the next by m - 1, and so on, never falling. What stays
    below 0.05 holds, with at most 5% risk of even one false finding among all m.

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"expected a list of p values from 0 to 1, got {p_values}")
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted


def one_rater(
    snippets: Sequence[Snippet], num_draws: int = 20, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """One rater drawn at random for each text, and the mean of that text's other raters.

    `interval(drawn, others, groups)` is then the human beside the machine.

    Returns:
        drawn (num_draws, N), others (num_draws, N).

    >>> drawn, others = one_rater([Snippet("1", "1", "Good.", 2.0, (1, 3))], num_draws=1)
    >>> sorted([drawn.item(), others.item()])
    [1.0, 3.0]
    """
    table, counts = _table(snippets)
    rng = np.random.default_rng(seed)
    choice = (rng.random((num_draws, len(counts))) * counts).astype(int)
    drawn = table[np.arange(len(counts)), choice]
    others = (np.nansum(table, axis=1) - drawn) / (counts - 1)
    return drawn, others


def reliability(snippets: Sequence[Snippet], num_splits: int = 20, seed: int = 0) -> float:
    """How well the mean rating would be repeated by as many other raters: r, from 0 to 1.

    Each text's raters are split in two halves at random; r between the halves' means is raised
    to the full number by the formula of Spearman and Brown, 2r / (1 + r). The best that a
    perfect predictor can reach against the mean is the square root of it.
    """
    table, counts = _table(snippets)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num_splits):
        places = np.where(np.isnan(table), 2.0, rng.random(table.shape)).argsort(axis=1)
        shuffled = np.take_along_axis(table, places, axis=1)
        half = (counts // 2)[:, None]
        place = np.arange(table.shape[1])[None, :]
        first, second = (
            np.nanmean(np.where(part, shuffled, np.nan), axis=1)
            for part in (place < half, place >= half)
        )
        r = pearson(first, second)
        found.append(2 * r / (1 + r))
    return float(np.mean(found))


def share_of_possible(r: float, snippets: Sequence[Snippet]) -> float:
    """r as a share of the best that the raters' noise permits: r over the root of reliability.

    Args:
        r: correlation with the mean rating of `snippets`.

    Source: Spearman 1904, correction for attenuation, of one side only.
    """
    return r / reliability(snippets) ** 0.5


def worth_raters(r: float, snippets: Sequence[Snippet]) -> float:
    """How many raters' mean agrees with held-out raters as well as predictions of quality r do.

    k raters' mean has the reliability k q / (1 + (k - 1) q), q being one rater's (Spearman and
    Brown). Predictions agree with an endless crowd by r over the root of the reliability of the
    mean that they were compared with; k is where both are equal.

    Args:
        r: correlation with the mean rating of `snippets`.

    Returns:
        k, often below 1; infinite where r is as good as the ratings allow.
    """
    if r <= 0:
        return 0.0
    whole = reliability(snippets)
    raters = len(snippets) / sum(1 / len(snippet.ratings) for snippet in snippets)
    one = whole / (raters - (raters - 1) * whole)
    share = r**2 / whole  # of what the crowd agrees on, the part that is explained
    return share / (1 - share) * (1 - one) / one if share < 1 else float("inf")


def worth_labels(r: float, num_labels: Sequence[int], curve: Sequence[float]) -> str:
    """How many target labels a baseline needs to reach r, read off its curve: two digits.

    Args:
        r: the quality to reach.
        num_labels: rising.
        curve: the baseline's r with each number of labels; interpolated over log2 of the number.

    >>> worth_labels(0.5, [16, 64, 256], [0.2, 0.4, 0.6])
    '130'
    >>> worth_labels(0.7, [16, 64, 256], [0.2, 0.4, 0.6])
    'more than 256'
    """
    if len(num_labels) != len(curve) or list(num_labels) != sorted(set(num_labels)):
        raise ValueError("expected a rising list of numbers and a curve of the same length")
    best = np.maximum.accumulate(np.asarray(curve, dtype=float))
    if r > best[-1]:
        return f"more than {num_labels[-1]:,}"
    if r < best[0]:
        return f"fewer than {num_labels[0]:,}"
    reached = int(np.searchsorted(best, r))  # the first number that is enough
    if reached == 0 or best[reached] == r:
        return f"{num_labels[reached]:,}"
    share = (r - best[reached - 1]) / (best[reached] - best[reached - 1])
    low, high = np.log2(num_labels[reached - 1]), np.log2(num_labels[reached])
    return f"{float(f'{2 ** (low + share * (high - low)):.2g}'):,.0f}"


def _checked(predictions, ratings, groups) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """predictions (S, N), ratings (1 or S, N), groups (N,) numbered from 0."""
    predictions, ratings = (np.atleast_2d(np.asarray(x, float)) for x in (predictions, ratings))
    labels = np.unique(list(groups), return_inverse=True)[1]
    num_texts = ratings.shape[1]
    fits = predictions.ndim == 2 and len(ratings) in (1, len(predictions))
    if not fits or predictions.shape[1] != num_texts or len(labels) != num_texts:
        raise ValueError(
            "expected predictions (seeds, texts), ratings (texts,) and groups (texts,), got "
            f"{predictions.shape}, {ratings.shape} and ({len(labels)},)"
        )
    for row in (*predictions, *ratings):
        pearson(row, np.arange(num_texts))  # finite, and not constant
    return predictions, ratings, labels


def _group_weights(groups: np.ndarray, num_resamples: int, rng) -> np.ndarray:
    """How often each text is taken in each resample: (R, N)."""
    num_groups = groups.max() + 1
    times = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=num_resamples)
    return times[:, groups].astype(float)


def _weighted_r(weights: np.ndarray, predictions: np.ndarray, ratings: np.ndarray) -> np.ndarray:
    """r of each seed (S, N) in each resample (R, N), by sums alone: (R, S)."""
    x = predictions - predictions.mean(axis=1, keepdims=True)
    y = ratings - ratings.mean(axis=1, keepdims=True)
    total = weights.sum(axis=1, keepdims=True)  # (R, 1)
    mean_x, mean_y, xx, yy, xy = (weights @ part.T / total for part in (x, y, x * x, y * y, x * y))
    spread = (xx - mean_x**2) * (yy - mean_y**2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, (xy - mean_x * mean_y) / np.sqrt(spread), np.nan)


def _mean_over_seeds(r: np.ndarray, rng) -> np.ndarray:
    """Seeds drawn with replacement, anew for each resample: (R, S) -> (R,)."""
    drawn = rng.integers(r.shape[1], size=r.shape)
    return np.take_along_axis(r, drawn, axis=1).mean(axis=1)


def _mean_r(predictions: np.ndarray, ratings: np.ndarray) -> float:
    rows = np.broadcast_to(ratings, predictions.shape)
    return float(np.mean([pearson(x, y) for x, y in zip(predictions, rows, strict=True)]))


def _table(snippets: Sequence[Snippet]) -> tuple[np.ndarray, np.ndarray]:
    """Ratings (N, most raters), filled up with NaN, and how many each text has (N,)."""
    counts = np.array([len(snippet.ratings) for snippet in snippets])
    if counts.min(initial=2) < 2:
        raise ValueError(f"expected at least 2 raters for each text, got {counts.min()}")
    table = np.full((len(counts), counts.max()), np.nan)
    for row, snippet in zip(table, snippets, strict=True):
        row[: len(snippet.ratings)] = snippet.ratings
    return table, counts
