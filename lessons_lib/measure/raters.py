"""The human beside the machine: one rater, the raters' noise, and what r is worth in raters."""

from collections.abc import Sequence

import numpy as np

from lessons_lib.data.reviews import Snippet
from lessons_lib.measure.metrics import pearson


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


def _table(snippets: Sequence[Snippet]) -> tuple[np.ndarray, np.ndarray]:
    """Ratings (N, most raters), filled up with NaN, and how many each text has (N,)."""
    if not len(snippets):
        raise ValueError("expected at least 1 text, got none")
    counts = np.array([len(snippet.ratings) for snippet in snippets])
    if counts.min(initial=2) < 2:
        raise ValueError(f"expected at least 2 raters for each text, got {counts.min()}")
    table = np.full((len(counts), counts.max()), np.nan)
    for row, snippet in zip(table, snippets, strict=True):
        row[: len(snippet.ratings)] = snippet.ratings
    return table, counts
