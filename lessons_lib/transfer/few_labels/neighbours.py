"""The rating of a text, from those of the labelled texts that are most like it.

It is attention: the new text asks, the labelled ones are keys, their ratings are values.
Axes: N texts, K labelled texts, D width of the features.
"""

import torch
from torch import Tensor
from torch.nn import functional


def neighbours_say(
    features: Tensor, labelled: Tensor, ratings: Tensor, temperature: float = 0.1
) -> Tensor:
    """Each text's mean of the known ratings, weighted by likeness: (N,).

    The weights are softmax(cosine / temperature) over the K labelled texts. Towards 0 only the
    nearest one speaks; at a high temperature all say their mean.

    Args:
        features: (N, D).
        labelled: (K, D), K from 1 on.
        ratings: (K,).
        temperature: above 0.

    Raises:
        ValueError: shapes disagree, there is no labelled text, or the temperature is not above 0.

    Source: Nadaraya 1964 and Watson 1964 (the estimator); as a softmax over cosines, Vinyals et
    al. 2016, section 2.1 (arXiv:1606.04080), "matching networks".

    >>> labelled = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> neighbours_say(torch.tensor([[2.0, 2.0]]), labelled, torch.tensor([-1.0, 3.0]))
    tensor([1.])
    """
    _require(features, labelled, ratings)
    if not temperature > 0:
        raise ValueError(f"temperature should be above 0, not {temperature}")
    cosine = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (cosine / temperature).softmax(dim=-1) @ ratings


def prototypes_say(
    features: Tensor, labelled: Tensor, ratings: Tensor, share: float = 1.0
) -> Tensor:
    """How much nearer each text is to the mean of the good texts than to that of the bad: (N,).

    Good is the upper half of the known ratings, bad the lower. The result orders texts; its scale
    is no rating's.

    Args:
        features: (N, D).
        labelled: (K, D), K from 2 on.
        ratings: (K,), not all alike.
        share: of each half, its outermost ones, that make the mean: above 0, up to 1; one text at
            least.

    Raises:
        ValueError: shapes disagree, there are fewer than 2 labelled texts, all ratings are alike,
            or the share is not in its range.

    Source: Snell et al. 2017, section 2.2 (arXiv:1703.05175), "prototypical networks": there the
    features are trained for it, and the distance is Euclidean; here unit vectors and cosines.

    >>> labelled = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> prototypes_say(torch.tensor([[2.0, 0.0]]), labelled, torch.tensor([-1.0, 3.0]))
    tensor([-1.])
    """
    _require(features, labelled, ratings)
    if not 0 < share <= 1:
        raise ValueError(f"share should be above 0 and at most 1, not {share}")
    if ratings.min() == ratings.max():
        raise ValueError(f"expected 2 different ratings at least, got {ratings.tolist()[:5]}")
    order, count = ratings.argsort(stable=True), max(1, round(share * (len(ratings) // 2)))
    units = functional.normalize(labelled, dim=-1)
    ends = torch.stack([units[order[-count:]].mean(dim=0), units[order[:count]].mean(dim=0)])
    nearness = functional.normalize(features, dim=-1) @ functional.normalize(ends, dim=-1).T
    return nearness[:, 0] - nearness[:, 1]


def _require(features: Tensor, labelled: Tensor, ratings: Tensor) -> None:
    shapes = [tuple(t.shape) for t in (features, labelled, ratings)]
    is_fit = features.dim() == labelled.dim() == 2 and ratings.dim() == 1
    if not is_fit or features.size(1) != labelled.size(1) or len(labelled) != len(ratings):
        raise ValueError(f"expected features (N, D), labelled (K, D), ratings (K,), got {shapes}")
    if not len(labelled):
        raise ValueError("expected a labelled text at least")
