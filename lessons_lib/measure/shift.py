"""How far apart are two domains? By their words, and by a classifier that tells them apart.

Both see what is written (covariate shift). Whether the rule from text to label is the same, only
labels say.
"""

from collections.abc import Sequence

import numpy as np


def known_words(source: Sequence[str], target: Sequence[str]) -> float:
    """The share of the target's words, each as often as it is said, that occur in the source.

    Words are what stands between spaces, in lower case.

    Args:
        source, target: texts; the share grows with the number of the source's.

    Raises:
        ValueError: the target has no word.

    >>> known_words(["A fine film"], ["a fine, fine thing"])
    0.5
    """
    known = set(" ".join(source).lower().split())
    said = " ".join(target).lower().split()
    if not said:
        raise ValueError("expected texts with words, got none")
    return float(np.mean([word in known for word in said]))


def a_distance(x_one, x_other, held_out_one, held_out_other) -> float:
    """2(1 - 2 error) of a classifier that tells two domains apart; 0 = as one, 2 = never wrong.

    Args:
        x_one, x_other: (N, F) each, arrays or sparse matrices; the classifier learns from them.
        held_out_one, held_out_other: (M, F) each; it is asked about them. The error is the mean of
            both domains' errors.

    Returns:
        from -2 to 2; below 0 it did worse than guessing.

    Source: the proxy A-distance of Ben-David et al. 2007, NIPS 19.

    >>> one, other = np.zeros((5, 1)), np.ones((5, 1))
    >>> a_distance(one, other, one, other), a_distance(one, other, one, one)
    (2.0, 0.0)
    """
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression

    stack = np.concatenate if isinstance(x_one, np.ndarray) else vstack
    is_other = np.repeat([0, 1], [x_one.shape[0], x_other.shape[0]])
    judge = LogisticRegression(C=10, max_iter=500)
    judge.fit(stack([x_one, x_other]), is_other)
    taken_for_other = judge.predict(held_out_one).mean()
    taken_for_one = 1 - judge.predict(held_out_other).mean()
    return float(2 * (1 - (taken_for_other + taken_for_one)))  # the error is their mean
