"""CORAL: the features of both domains are to vary alike.

Axes: B texts, D features.
"""

import torch
from torch import Tensor


def covariance(features: Tensor) -> Tensor:
    """How features vary together: (B, D) -> (D, D).

    Raises:
        ValueError: features are not (B, D) with 2 texts at least.

    >>> covariance(torch.tensor([[0.0, 0.0], [2.0, 4.0]]))
    tensor([[2., 4.],
            [4., 8.]])
    """
    if features.dim() != 2 or len(features) < 2:
        raise ValueError(f"expected features (B, D) of 2 texts at least: {tuple(features.shape)}")
    centred = features - features.mean(dim=0)
    return centred.T @ centred / (len(features) - 1)


def coral_loss(source: Tensor, target: Tensor) -> Tensor:
    """The squared distance of two covariances, over 4 D^2: a scalar.

    Means play no part: a target whose features are all shifted alike costs nothing.

    Args:
        source, target: features (B, D); B may differ.

    Raises:
        ValueError: as `covariance` does, or D differs.

    Source: Sun and Saenko 2016, equation 1 (arXiv:1607.01719).
    """
    gap = covariance(source), covariance(target)
    if gap[0].shape != gap[1].shape:
        raise ValueError(f"expected as many features: {source.size(1)} and {target.size(1)}")
    return torch.sum((gap[0] - gap[1]) ** 2) / (4 * source.size(1) ** 2)
