"""Importance weights: source texts that look like the target's count for more.

If only p(x) differs, an expectation over the target is one over the source, each text weighed by
p_target(x) / p_source(x). A classifier that tells the domains apart gives that ratio as its odds.

Axes: N source texts, M target texts, D features.
"""

import numpy as np
from numpy.typing import ArrayLike

FOLDS = 5


def log_odds(source: ArrayLike, target: ArrayLike, penalty: float = 1.0) -> np.ndarray:
    """The log of the odds that a source text is from the target: (N,), above 0 = it looks like it.

    By a logistic regression that has not seen the text itself: five parts, each judged by a
    classifier of the other four. Both domains weigh the same in it.

    Args:
        source, target: features (N, D) and (M, D), standardised here together.
        penalty: the regression's C is 1 / penalty.

    Raises:
        ValueError: fewer than `FOLDS` texts on a side, or D differs.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    source, target = np.asarray(source, float), np.asarray(target, float)
    fits = source.ndim == target.ndim == 2 and source.shape[1:] == target.shape[1:]
    if not fits or min(len(source), len(target)) < FOLDS:
        raise ValueError(
            f"expected features (N, D) and (M, D) of {FOLDS} texts at least, got {source.shape} "
            f"and {target.shape}"
        )
    x = np.concatenate([source, target])
    is_target = np.arange(len(x)) >= len(source)
    classifier = make_pipeline(
        StandardScaler(), LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=500)
    )
    scores = cross_val_predict(classifier, x, is_target, cv=FOLDS, method="decision_function")
    return scores[: len(source)]


def importance_weights(source: ArrayLike, target: ArrayLike, strength: float = 1.0) -> np.ndarray:
    """A weight for each source text, with a mean of 1: the odds of `log_odds`, (N,).

    Args:
        strength: the odds' power; 0 = all weights 1, 1 = as they are. Between them the weights are
            flattened, for less variance and more bias (Shimodaira 2000).

    Raises:
        ValueError: as `log_odds` does, or the strength is below 0.

    Source: Shimodaira 2000 (J. Statistical Planning and Inference 90); odds of a classifier:
    Sugiyama, Suzuki and Kanamori 2012, chapter 4.
    """
    return weights_of(log_odds(source, target), strength)


def weights_of(odds: ArrayLike, strength: float = 1.0) -> np.ndarray:
    """Weights with a mean of 1 from the logs of odds (N,), to a power: (N,).

    Raises:
        ValueError: the strength is below 0.
    """
    if not strength >= 0:
        raise ValueError(f"strength should be at least 0, not {strength}")
    powers = strength * np.asarray(odds, float)
    weights = np.exp(powers - powers.max())  # the largest first, so that nothing overflows
    return weights / weights.mean()


def strongest(odds: ArrayLike, least_share: float) -> float:
    """The largest power, from 0 to 1, at which so large a share of the texts is still effective.

    Where the domains are told apart with ease, the plain odds leave a handful of texts. How many
    are left can be seen without any rating.

    Args:
        odds: their logs (N,), of `log_odds`.
        least_share: of N, that `effective_number` is to be at least.

    Raises:
        ValueError: the share is not between 0 and 1.
    """
    if not 0 < least_share < 1:
        raise ValueError(f"least_share should be between 0 and 1, not {least_share}")
    wanted = least_share * len(odds)
    low, high = 0.0, 1.0
    if effective_number(weights_of(odds, high)) >= wanted:
        return high
    for _ in range(40):  # the number falls as the power rises
        middle = (low + high) / 2
        is_enough = effective_number(weights_of(odds, middle)) >= wanted
        low, high = (middle, high) if is_enough else (low, middle)
    return low


def effective_number(weights: ArrayLike) -> float:
    """How many equally weighed texts are worth as much as these: (sum w)^2 / sum w^2.

    Raises:
        ValueError: there is no weight, one is below 0, or all are 0.

    Source: Kish 1965, Survey Sampling.

    >>> effective_number([1, 1, 1, 1]), effective_number([4, 0, 0, 0])
    (4.0, 1.0)
    """
    weights = np.asarray(weights, float)
    if not weights.size or not (weights >= 0).all() or not weights.any():
        raise ValueError("expected weights of at least 0, one of them above it")
    return float(weights.sum() ** 2 / (weights**2).sum())
