"""Three random controls: what an encoder would be worth that has learnt nothing.

Whatever pre-trained weights are credited with, these must not reach. The first has the weights
that training starts from; the second has, in each tensor, the mean and the spread that training
has led to, and no more; the third has the very numbers, and not their arrangement.
"""

import copy

import torch
from torch import Tensor, nn

from lessons_lib.model.llama import RMSNorm

NORMS = (nn.LayerNorm, RMSNorm)


def default_weights(encoder: nn.Module, seed: int = 0) -> nn.Module:
    """A copy with BERT's initial weights: normal with spread 0.02, biases 0, norms 1.

    Args:
        encoder: left as it is.
        seed: of the draw; torch's own random state is left alone.

    Source: Devlin et al. 2019 (arXiv:1810.04805), by their published code, which cuts the normal
    off at two spreads; here it is not cut.

    >>> default_weights(nn.Linear(300, 200)).weight.std().round(decimals=2)
    tensor(0.0200, grad_fn=<RoundBackward1>)
    """
    rng = torch.Generator().manual_seed(seed)
    fresh = copy.deepcopy(encoder)
    with torch.no_grad():
        for module in fresh.modules():
            is_norm = isinstance(module, NORMS)
            for name, tensor in module.named_parameters(recurse=False):
                if tensor.dim() > 1:
                    tensor.copy_(0.02 * _normal(tensor, rng))
                else:
                    tensor.fill_(1.0 if is_norm and name == "weight" else 0.0)
    return fresh


def matched_weights(encoder: nn.Module, seed: int = 0) -> nn.Module:
    """A copy with every tensor random, normal with the mean and the spread that it had.

    Args:
        encoder: left as it is.
        seed: of the draw; torch's own random state is left alone.

    >>> layer = nn.Linear(300, 200)
    >>> bool((matched_weights(layer).weight.std() / layer.weight.std()).round(decimals=1) == 1)
    True
    """
    rng = torch.Generator().manual_seed(seed)
    matched = copy.deepcopy(encoder)
    with torch.no_grad():
        for tensor in matched.parameters():
            spread = tensor.std() if tensor.numel() > 1 else torch.zeros_like(tensor)
            tensor.copy_(tensor.mean() + spread * _normal(tensor, rng))
    return matched


def shuffled_weights(encoder: nn.Module, seed: int = 0) -> nn.Module:
    """A copy in which the numbers of every tensor stand in a random order.

    Args:
        encoder: left as it is.
        seed: of the order; torch's own random state is left alone.

    >>> layer = nn.Linear(3, 2)
    >>> sorted(shuffled_weights(layer).bias.tolist()) == sorted(layer.bias.tolist())
    True
    """
    rng = torch.Generator().manual_seed(seed)
    shuffled = copy.deepcopy(encoder)
    with torch.no_grad():
        for tensor in shuffled.parameters():
            order = torch.randperm(tensor.numel(), generator=rng).to(tensor.device)
            tensor.copy_(tensor.flatten()[order].view_as(tensor))
    return shuffled


def _normal(like: Tensor, rng: torch.Generator) -> Tensor:
    """The same numbers on every device: they are drawn on the CPU."""
    return torch.randn(like.shape, generator=rng).to(like)
