"""Which texts are worth a label? Those that are unlike all that have one.

Axes: N texts, D width of the features.
"""

import torch
from torch import Tensor
from torch.nn import functional


def farthest_first(features: Tensor, count: int) -> list[int]:
    """Places of texts, each as far as can be from all chosen before it.

    The first is the one nearest to the middle. Distance is 1 - cosine.

    Args:
        features: (N, D).
        count: 1 to N.

    Raises:
        ValueError: `features` is not (N, D), or there are not so many.

    Source: Sener and Savarese 2018, section 4 (arXiv:1708.00489), "k-center greedy".

    >>> farthest_first(torch.tensor([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [0.9, 0.3]]), 2)
    [3, 2]
    """
    if features.dim() != 2 or not 1 <= count <= len(features):
        found = tuple(features.shape)
        raise ValueError(f"expected features (N, D) and a count of 1 to N, got {found}, {count}")
    units = functional.normalize(features, dim=-1)
    chosen = [int((units @ units.mean(dim=0)).argmax())]
    nearest = units @ units[chosen[0]]  # (N,): cosine to the nearest chosen one
    while len(chosen) < count:
        nearest[chosen] = torch.inf  # never again
        chosen.append(int(nearest.argmin()))
        nearest = torch.maximum(nearest, units @ units[chosen[-1]])
    return chosen


def most_doubtful(said: Tensor, count: int) -> list[int]:
    """Places of the texts on which several models differ most, the most doubtful first.

    Args:
        said: (S, N), what S models say of each text; S from 2 on.
        count: 1 to N.

    Raises:
        ValueError: there are fewer than 2 models, or not so many texts.

    Source: Seung et al. 1992, "query by committee"; for ratings: Burbidge et al. 2007.
    """
    if said.dim() != 2 or len(said) < 2 or not 1 <= count <= said.size(1):
        found = tuple(said.shape)
        raise ValueError(f"expected (S, N) of 2 models at least, and 1 to N, got {found}, {count}")
    return said.var(dim=0).topk(count).indices.tolist()
