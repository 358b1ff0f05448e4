"""Weak labels: a rule that costs nothing rates the target's texts, and the network learns from it.

The rule knows some words; the network sees which other words stand beside them. So it may go
beyond its teacher, as data programming hopes, or learn the teacher's faults.

Axes: K rules, N texts.
"""

import numpy as np
from numpy.typing import ArrayLike


def weak_labels(scores: ArrayLike, abstains: float | None = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Which texts get a label from the rules, and which one: places (M,) and labels (M,).

    Each rule's scores are standardised over the texts on which it speaks; a label is the mean of
    the rules that do. Where none speaks, there is no label.

    Args:
        scores: (K, N), or (N,) of one rule, such as `vader_scores`.
        abstains: the score with which a rule says that it knows nothing (VADER's 0 = no known
            word, as good as always); None = every rule speaks everywhere.

    Returns:
        The labels have mean 0 and spread 1 where one rule speaks alone, as a model's standardised
        ratings have.

    Raises:
        ValueError: a score is not finite, or a rule says the same wherever it speaks.

    Source: Ratner et al. 2017, section 2 (arXiv:1711.10160), who also learn how far to trust each
    rule; with one rule there is nothing to weigh.

    >>> places, labels = weak_labels([0.0, 0.5, -0.5])
    >>> places.tolist(), labels.tolist()
    ([1, 2], [1.0, -1.0])
    """
    scores = np.atleast_2d(np.asarray(scores, float))
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ValueError(f"expected finite scores (K, N) or (N,), got {scores.shape}")
    speaks = np.ones_like(scores, bool) if abstains is None else scores != abstains
    labels = np.full_like(scores, np.nan)
    for row, said, known in zip(labels, scores, speaks, strict=True):
        if known.sum() < 2 or np.ptp(said[known]) == 0:
            raise ValueError("a rule says the same wherever it speaks: nothing can be learnt of it")
        row[known] = (said[known] - said[known].mean()) / said[known].std()
    places = np.flatnonzero(speaks.any(axis=0))
    return places, np.nanmean(labels[:, places], axis=0)
