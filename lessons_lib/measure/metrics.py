"""How good are predictions? One number each; what it says of a single list of texts."""

import numpy as np
from numpy.typing import ArrayLike


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
