"""A lexicon as a second source: a model's ratings and VADER's scores, added up.

How much of the lexicon is added is chosen on the source domains' validation texts: the target has
no rating to choose by.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lessons_lib.measure.metrics import column, pearson

WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)  # of the lexicon, beside 1 of the model


def blend(predictions: ArrayLike, scores: ArrayLike, weight: float) -> np.ndarray:
    """z(model) + weight z(lexicon), both standardised over the texts at hand: (N,).

    The result orders texts; its scale is no rating's.

    Args:
        predictions: (S, N) or (N,); the mean over the S seeds is taken.
        scores: (N,), such as `vader_scores`.
        weight: from 0 on.

    Raises:
        ValueError: lengths differ, a list is constant or not finite, or the weight is below 0.

    >>> blend([[1.0, 3.0], [3.0, 5.0]], [0.5, -0.5], weight=0.5).tolist()
    [-0.5, 0.5]
    """
    if not weight >= 0:
        raise ValueError(f"weight should be at least 0, not {weight}")
    model = _standardised(np.atleast_2d(predictions).mean(axis=0), "the predictions' mean")
    lexicon = _standardised(scores, "the list of scores")
    if len(model) != len(lexicon):
        raise ValueError(f"expected a score for each of {len(model)} texts, got {len(lexicon)}")
    return model + weight * lexicon


def blend_weight(
    predictions: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    ratings: Sequence[ArrayLike],
    weights: Sequence[float] = WEIGHTS,
) -> float:
    """The weight of the highest mean r over the source domains' validation texts.

    Args:
        predictions, scores, ratings: one entry for each source domain, as in `blend`.

    Raises:
        ValueError: as `blend` does, or not as many entries, or none.
    """
    if not len(predictions) == len(scores) == len(ratings) > 0:
        raise ValueError("expected predictions, scores and ratings of at least 1 source domain")
    sources = list(zip(predictions, scores, ratings, strict=True))
    quality = [
        np.mean([pearson(blend(said, lexicon, weight), truth) for said, lexicon, truth in sources])
        for weight in weights
    ]
    return weights[int(np.argmax(quality))]


def _standardised(values: ArrayLike, name: str) -> np.ndarray:
    values = column(values, name)
    if np.ptp(values) == 0:
        raise ValueError(f"{name} is constant: there is nothing to blend")
    return (values - values.mean()) / values.std()
