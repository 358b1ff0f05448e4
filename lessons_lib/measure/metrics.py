"""How good are predictions? One number each; what it says of a single list of texts."""

import numpy as np
from numpy.typing import ArrayLike


def column(values: ArrayLike, name: str) -> np.ndarray:
    """A list of N finite numbers as an array (N,).

    Args:
        name: what an error calls it, such as "the ratings".

    Raises:
        ValueError: it has another shape, such as (N, 1), which would broadcast to a square; or a
            value is not finite.

    >>> column([1, 2], "the ratings").shape
    (2,)
    """
    found = np.asarray(values, dtype=float)
    if found.ndim != 1:
        advice = (
            "; .ravel() makes it one list" if found.ndim and max(found.shape) == found.size else ""
        )
        raise ValueError(f"{name} should be a list (N,), not {found.shape}{advice}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} holds {(~np.isfinite(found)).sum()} values that are not finite")
    return found


def pearson(a: ArrayLike, b: ArrayLike) -> float:
    """Pearson's correlation r of two lists of N numbers, from -1 to 1.

    Raises:
        ValueError: lengths differ, fewer than 2 numbers, one that is not finite, or all alike.

    >>> round(pearson([1, 2, 3], [2, 4, 7]), 2)
    0.99
    """
    a, b = _equally_long(a, b, at_least=2)
    for name, values in (("first", a), ("second", b)):
        if np.ptp(values) == 0:
            raise ValueError(f"the {name} list is constant ({values[0]:.3g}): r is not defined")
    return float(np.corrcoef(a, b)[0, 1])


def mean_absolute_error(predictions: ArrayLike, ratings: ArrayLike) -> float:
    """Mean distance between prediction and rating, in points of the rating's scale.

    Raises:
        ValueError: lengths differ, there is no number, or one that is not finite.

    >>> mean_absolute_error([1.0, 2.0], [1.5, 2.0])
    0.25
    """
    a, b = _equally_long(predictions, ratings)
    return float(np.abs(a - b).mean())


def three_classes(scores: ArrayLike, threshold: float) -> np.ndarray:
    """-1, 0 or 1 for each score: below -threshold, between, above.

    Raises:
        ValueError: scores are no list of finite numbers, or the threshold is below 0.

    >>> three_classes([-0.3, 0.0, 0.05, 0.2], threshold=0.05).tolist()
    [-1, 0, 0, 1]
    """
    scores = column(scores, "the list of scores")
    if not threshold >= 0:
        raise ValueError(f"threshold should be at least 0, not {threshold}")
    return np.sign(scores).astype(int) * (np.abs(scores) > threshold)


def macro_f1(classes: ArrayLike, truth: ArrayLike) -> float:
    """F1 of each class -1, 0, 1, averaged: a small class counts as much as a large one.

    Raises:
        ValueError: lengths differ, there is none, or a class is not -1, 0 or 1.

    >>> round(macro_f1([-1, 0, 1, 1], [-1, 0, 0, 1]), 3)
    0.778
    """
    from sklearn.metrics import f1_score

    classes, truth = _equally_long(classes, truth)
    for name, values in (("first", classes), ("second", truth)):
        if strangers := sorted({*values.tolist()} - {-1, 0, 1}):
            raise ValueError(f"the {name} list should hold -1, 0 and 1 only, not {strangers[:3]}")
    return float(f1_score(truth, classes, labels=[-1, 0, 1], average="macro", zero_division=0.0))


def _equally_long(a: ArrayLike, b: ArrayLike, at_least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of as many finite numbers each."""
    shapes = np.shape(a), np.shape(b)
    if shapes[0] != shapes[1] or len(shapes[0]) != 1 or shapes[0][0] < at_least:
        raise ValueError(
            f"expected two lists of equal length, {at_least} at least, got {shapes[0]}, {shapes[1]}"
        )
    return column(a, "the first list"), column(b, "the second list")
