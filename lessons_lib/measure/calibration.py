"""How sure a model is, against how often it is right; and intervals that keep their promise.

Axes: N texts.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from lessons_lib.measure.metrics import column


def expected_calibration_error(
    confidences: ArrayLike, is_right: ArrayLike, num_bins: int = 10
) -> float:
    """The mean gap between how sure a model is and how often it is right, over bins of confidence.

    Args:
        confidences: (N,), from 0 to 1.
        is_right: (N,), bool or 0 and 1.
        num_bins: of equal width; each counts by the number of its texts.

    Raises:
        ValueError: lengths differ, a confidence is not from 0 to 1, or there is no bin.

    Source: Naeini et al. 2015; Guo et al. 2017, section 2 (arXiv:1706.04599).

    >>> expected_calibration_error([0.9, 0.9, 0.6, 0.6], [1, 1, 1, 0])
    0.1
    """
    sure, right = column(confidences, "the list of confidences"), column(is_right, "is_right")
    if len(sure) != len(right) or num_bins < 1 or not ((sure >= 0) & (sure <= 1)).all():
        raise ValueError(
            "expected confidences from 0 to 1, as many of is_right, and a bin at least; got "
            f"{len(sure)} and {len(right)}, {num_bins} bins"
        )
    bins = np.minimum((sure * num_bins).astype(int), num_bins - 1)
    gaps = [abs((sure[bins == b] - right[bins == b]).sum()) for b in range(num_bins)]
    return round(float(sum(gaps) / len(sure)), 12)


def best_temperature(logits: ArrayLike, is_positive: ArrayLike) -> float:
    """What logits are to be divided by, so that the truth is as likely as can be.

    Args:
        logits: (N,), log odds of "positive".
        is_positive: (N,), bool or 0 and 1.

    Raises:
        ValueError: lengths differ.

    Source: Guo et al. 2017, section 4.2 (arXiv:1706.04599), "temperature scaling". Found on a grid
    from 1/20 to 20, a thirtieth of a factor of ten apart.
    """
    odds, truth = column(logits, "the list of logits"), column(is_positive, "is_positive")
    if len(odds) != len(truth):
        raise ValueError(f"expected a truth for each of {len(odds)} logits, got {len(truth)}")
    grid = np.geomspace(0.05, 20, 79)
    signed = np.where(truth > 0, odds, -odds)
    loss = np.logaddexp(0, -signed[None] / grid[:, None]).mean(axis=1)
    return float(grid[loss.argmin()])


def conformal_half_width(errors: ArrayLike, coverage: float = 0.9) -> float:
    """h such that what is said, plus or minus h, holds a new rating as often as promised.

    The k-th smallest |error|, k = (N + 1) x coverage rounded up; infinity where N is too few. The
    promise holds for texts that are drawn as these were, whatever the model.

    Args:
        errors: (N,), on texts that the model has not learnt from.
        coverage: above 0, below 1.

    Raises:
        ValueError: the coverage is not in that range.

    Source: Vovk et al. 2005; Lei et al. 2018, section 2 (arXiv:1604.04173), "split conformal".

    >>> conformal_half_width([-3.0, 1.0, -2.0], 0.75)
    3.0
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage should be above 0 and below 1, not {coverage}")
    sizes = np.sort(np.abs(column(errors, "the list of errors")))
    place = math.ceil((len(sizes) + 1) * coverage - 1e-9)
    return math.inf if place > len(sizes) else float(sizes[place - 1])
