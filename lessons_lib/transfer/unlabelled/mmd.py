"""Maximum mean discrepancy: are two sets of features drawn from one distribution?

Axes: B texts, D features.
"""

import torch
from torch import Tensor

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # kernels, by their width beside the median


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Of every text in a (B, D) to every one in b (B', D): (B, B')."""
    return (a[:, None] - b[None]).square().sum(dim=-1)


def mmd(source: Tensor, target: Tensor, factors: tuple[float, ...] = FACTORS) -> Tensor:
    """Squared MMD, with the mean of several Gaussian kernels: a scalar, from 0 on.

    The mean kernel within the source, plus that within the target, minus twice that between them;
    each text is compared with itself, too, so that the result is never below 0. A kernel is
    exp(-squared distance / width), and the widths are multiples of the median squared distance
    between different texts of both sets, which is taken as a constant.

    Args:
        source, target: features (B, D); B may differ.
        factors: of the median, a kernel each.

    Raises:
        ValueError: there is no text on a side, D differs, or all texts are alike.

    Source: Gretton et al. 2012, section 2 (JMLR 13); several kernels, for features in a network:
    Long et al. 2015, section 3 (arXiv:1502.02791).

    >>> a = torch.tensor([[0.0], [1.0]])
    >>> mmd(a, a).item(), mmd(a, a + 1).item() > 0
    (0.0, True)
    """
    if not len(source) or not len(target) or source.shape[1:] != target.shape[1:]:
        shapes = f"{tuple(source.shape)} and {tuple(target.shape)}"
        raise ValueError(f"expected two sets of features (B, D) with 1 text at least: {shapes}")
    both = torch.cat([source, target])
    distances = squared_distances(both, both)
    apart = ~torch.eye(len(both), dtype=torch.bool, device=both.device)
    median = distances.detach()[apart].median()
    if not median > 0:
        raise ValueError("most texts have the same features: there is no width for the kernels")
    kernel = sum(torch.exp(-distances / (factor * median)) for factor in factors) / len(factors)
    n = len(source)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()
