"""Elastic weight consolidation: what mattered for the old task is held, the rest may move.

Axes: N texts, L tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lessons_lib.base.device import autocast, move, working
from lessons_lib.data.batches import rectangle
from lessons_lib.transfer.l2_sp import Tensors, pairs_of
from lessons_lib.transfer.rating_model import SentimentModel


def fisher(
    model: SentimentModel,
    inputs: Sequence[Sequence[int]],
    targets: Tensor | None = None,
    num_draws: int = 1,
    seed: int = 0,
    precision: str = "float32",
) -> dict[str, Tensor]:
    """The diagonal of the Fisher information: how much each parameter matters for what is said.

    The model is taken as a Gaussian of spread 1 around its standardised rating m. The log of its
    density at y has the slope (y - m) dm/dw; squared, and averaged over the texts, that is the
    diagonal. The *true* Fisher asks for y from the model's own Gaussian; the *empirical* one takes
    the ratings that were given, and so depends on how well the model fits them.

    Args:
        inputs: ids of N texts of the old task.
        targets: (N,) given ratings, standardised: the empirical Fisher; None = the true one, with
            ratings that are drawn.
        num_draws: of a rating for each text, for the true Fisher.
        seed: of these draws.

    Returns:
        For each trained parameter a tensor of its shape, from 0 on.

    Raises:
        ValueError: there is no text, no draw, nothing is trained, or not a target for each text.

    Source: Kirkpatrick et al. 2017, section 2 (arXiv:1612.00796); true against empirical: Kunstner
    et al. 2019 (arXiv:1905.12558).
    """
    opened = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not len(inputs) or not opened or num_draws < 1:
        raise ValueError("expected a text, a draw and a trained parameter, at least 1 of each")
    if targets is not None and len(targets) != len(inputs):
        raise ValueError(f"expected a target for each of {len(inputs)} texts, got {len(targets)}")
    drawn = torch.randn(len(inputs), num_draws, generator=torch.Generator().manual_seed(seed))
    total = {name: torch.zeros_like(p, device="cpu") for name, p in opened.items()}
    was_training = model.training
    model.eval()
    with working(model) as device:
        total = {name: part.to(device) for name, part in total.items()}
        for place, text in enumerate(inputs):
            x, mask = move(rectangle([text]), device)
            with autocast(precision, device):
                said = model.standardised(x, mask).squeeze()
            slopes = torch.autograd.grad(said, list(opened.values()), allow_unused=True)
            errors = drawn[place] if targets is None else targets[place] - said.detach().cpu()
            weight = errors.square().mean().item() / len(inputs)
            for part, slope in zip(total.values(), slopes, strict=True):
                if slope is not None:
                    part.addcmul_(slope, slope, value=weight)
        total = {name: part.cpu() for name, part in total.items()}
    model.train(was_training)
    return total


def ewc(model: nn.Module, start: Tensors, importance: Tensors, strength: float = 1.0) -> Tensor:
    """strength / 2 x the squared distance from the start, each square times its importance.

    With an importance of 1 everywhere it is L2-SP.

    Args:
        start: of `starting_point`.
        importance: of `fisher`, for every parameter in `start`.
        strength: from 0 on.

    Raises:
        ValueError: the strength is below 0, the starting point is that of another model, or a
            parameter has no importance of its shape.

    Source: Kirkpatrick et al. 2017, equation 3 (arXiv:1612.00796).
    """
    total = []
    for name, (now, then) in pairs_of(model, start, strength).items():
        if name not in importance or importance[name].shape != then.shape:
            raise ValueError(f"there is no importance of shape {tuple(then.shape)} for {name}")
        total.append(torch.vdot(importance[name].flatten(), (now - then).square().flatten()))
    return 0.5 * strength * torch.stack(total).sum()
