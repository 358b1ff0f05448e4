"""The target's own mean and spread of each feature, put in place of the source's.

In a network with batch norm these are the norms' running statistics. A Transformer has none: its
norms look at one token at a time. So the pooled features are standardised in front of the head.

Axes: B texts, D features.
"""

import torch
from torch import Tensor


def statistics_of(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and spread of each feature over texts (B, D): (D,) and (D,).

    Raises:
        ValueError: features are not (B, D) with 2 texts at least.
    """
    if features.dim() != 2 or len(features) < 2:
        raise ValueError(f"expected features (B, D) of 2 texts at least: {tuple(features.shape)}")
    return features.mean(dim=0), features.std(dim=0)


def as_if_from_source(
    features: Tensor, target: Tensor, source: Tensor, least_spread: float = 1e-6
) -> Tensor:
    """Features of target texts, moved so that the target's mean and spread become the source's.

    What the head has learnt about the source's features is then asked in the source's terms. It
    needs no training, and no rating.

    Args:
        features: (B, D), of texts to be rated.
        target, source: (N, D), (M, D): texts from which the statistics are taken.
        least_spread: a feature that varies less in the target is moved and not stretched.

    Raises:
        ValueError: as `statistics_of` does.

    Source: Li et al. 2016, section 3 (arXiv:1603.04779), "adaptive batch normalization".

    >>> source, target = torch.tensor([[0.0], [2.0]]), torch.tensor([[10.0], [14.0]])
    >>> as_if_from_source(target, target, source).tolist()
    [[0.0], [2.0]]
    """
    mean, spread = statistics_of(target)
    wanted_mean, wanted_spread = statistics_of(source)
    ratio = torch.where(spread > least_spread, wanted_spread / spread, torch.ones_like(spread))
    return wanted_mean + (features - mean) * ratio
