"""A probe and a lexicon added up, the weight chosen on other folds than those that are judged."""

import numpy as np

from lessons_lib.measure.metrics import pearson
from lessons_lib.transfer.advise.probes import folds_of
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.lexicon import WEIGHTS, blend


def own_blend(data: Labelled, own: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Blend what two say of the reader's texts.

    Ratings are standardised and added, logarithms of chances are added as they stand.

    Args:
        own: (N,) or (N, classes), by cross-validation.
        other: the lexicon's, of the same shape.

    Returns:
        (N,) ratings' order or numbers of classes, and the weight that each fold was given.
    """
    if data.is_rated and (np.ptp(own) == 0 or np.ptp(other) == 0):
        return own, [0.0]
    blends = [_blended(data, own, other, weight) for weight in WEIGHTS]
    said, weights = np.zeros(len(data.labels), blends[0].dtype), []
    for others, place in folds_of(data.labels, data.groups, data.is_rated):
        best = int(np.argmax([_quality(data, one, others) for one in blends]))
        said[place] = blends[best][place]
        weights.append(WEIGHTS[best])
    return said, weights


def _blended(data: Labelled, own: np.ndarray, other: np.ndarray, weight: float) -> np.ndarray:
    if data.is_rated:
        mixed = blend(own, other, weight)
        return mixed / mixed.std()  # of one scale, for folds may differ in their weight
    return (own + weight * other).argmax(axis=1)


def _quality(data: Labelled, said: np.ndarray, rows: np.ndarray) -> float:
    if data.is_rated:
        return pearson(said[rows], data.labels[rows]) if np.ptp(said[rows]) else 0.0
    truth = data.labels[rows]
    return float(np.mean([np.mean(said[rows][truth == k] == k) for k in np.unique(truth)]))
