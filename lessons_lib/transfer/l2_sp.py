"""L2-SP: whoever walks away from where he started pays for it, by the square of the distance."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Tensors = Mapping[str, Tensor]


def starting_point(model: nn.Module) -> dict[str, Tensor]:
    """A copy of every parameter that is trained, by name.

    Raises:
        ValueError: nothing is trained.

    >>> sorted(starting_point(nn.Linear(2, 1)))
    ['bias', 'weight']
    """
    start = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}
    if not start:
        raise ValueError(f"{type(model).__name__} trains nothing, so nothing can move")
    return start


def l2_sp(model: nn.Module, start: Tensors, strength: float = 1.0) -> Tensor:
    """strength / 2 x the squared distance of the parameters from their starting point: a scalar.

    Ordinary weight decay has 0 in place of the starting point. Here every parameter in `start` is
    held; the paper lets a head that is new go free, and pulls it towards 0.

    Args:
        start: of `starting_point`.
        strength: from 0 on.

    Raises:
        ValueError: the strength is below 0, or the starting point is that of another model.

    Source: Li, Grandvalet and Davoine 2018, section 3 (arXiv:1802.01483).

    >>> layer = nn.Linear(2, 1)
    >>> l2_sp(layer, starting_point(layer)).item()
    0.0
    """
    pairs = pairs_of(model, start, strength)
    squares = [functional.mse_loss(now, then, reduction="sum") for now, then in pairs.values()]
    return 0.5 * strength * torch.stack(squares).sum()


def distance(model: nn.Module, start: Tensors) -> float:
    """How far the parameters have moved from their starting point: the length of the step."""
    with torch.no_grad():
        return (2 * l2_sp(model, start)).sqrt().item()


def pairs_of(
    model: nn.Module, start: Tensors, strength: float = 1.0
) -> dict[str, tuple[Tensor, Tensor]]:
    """Each held parameter as it is now, and as it was, by name.

    Raises:
        ValueError: as `l2_sp` does.
    """
    if not strength >= 0:
        raise ValueError(f"strength should be at least 0, not {strength}")
    now = dict(model.named_parameters())
    for name, then in start.items():
        shape = tuple(now[name].shape) if name in now else None
        if shape != tuple(then.shape):
            differ = f"{name} is {tuple(then.shape)} there and {shape} here"
            raise ValueError(f"this starting point is of another model: {differ}")
    if not start:
        raise ValueError("the starting point is empty: there is nothing to hold")
    return {name: (now[name], then) for name, then in start.items()}
