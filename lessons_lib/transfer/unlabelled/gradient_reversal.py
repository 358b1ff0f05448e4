"""Gradient reversal (DANN): features by which nobody can tell the domains apart.

A second head guesses a text's domain from its features, and learns to guess well. On its way into
the encoder its gradient changes sign: so the encoder learns features by which guessing fails.

Axes: B texts.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

STEEPNESS = 10.0  # of the schedule, as in the paper


class ReversedGradient(torch.autograd.Function):
    """The identity, whose gradient is multiplied by -strength."""

    @staticmethod
    def forward(ctx, x: Tensor, strength: float) -> Tensor:
        """x as it is; the strength is kept for the way back."""
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        """-strength x what comes from above; the strength itself has no gradient."""
        return -ctx.strength * gradient, None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """x, of any shape; whoever goes back through it gets -strength x the gradient.

    Source: Ganin et al. 2016, section 4 (arXiv:1505.07818).

    >>> x = torch.ones(3, requires_grad=True)
    >>> reverse_gradient(x, 0.5).sum().backward()
    >>> x.grad
    tensor([-0.5000, -0.5000, -0.5000])
    """
    return ReversedGradient.apply(x, strength)


def strength_at(share_done: float) -> float:
    """How strongly to reverse when so much of the training is over: from 0 to nearly 1.

    Raises:
        ValueError: the share is not between 0 and 1.

    Source: Ganin et al. 2016, section 5.

    >>> round(strength_at(0.0), 2), round(strength_at(0.1), 2), round(strength_at(1.0), 2)
    (0.0, 0.46, 1.0)
    """
    if not 0 <= share_done <= 1:
        raise ValueError(f"share_done should be between 0 and 1, not {share_done}")
    return 2 / (1 + math.exp(-STEEPNESS * share_done)) - 1


class DomainGuesser(nn.Sequential):
    """Features (B, d_model) to a score for each text (B,): above 0 = it guesses the target."""

    def __init__(self, d_model: int, width: int = 64):
        super().__init__(
            nn.Linear(d_model, width), nn.ReLU(), nn.Linear(width, 1), nn.Flatten(start_dim=0)
        )


def domain_loss(guesser: nn.Module, source: Tensor, target: Tensor, strength: float) -> Tensor:
    """The guesser's mean loss in nats, both domains weighing the same; reversed for the features.

    Args:
        guesser: such as a `DomainGuesser`; its own gradient is not reversed.
        source, target: features (B, d_model); B may differ.
        strength: of the reversal.

    Raises:
        ValueError: a side is empty.
    """
    if not len(source) or not len(target):
        raise ValueError("expected at least 1 text of the source and 1 of the target")
    halves = []
    for features, is_target in ((source, 0.0), (target, 1.0)):
        scores = guesser(reverse_gradient(features, strength))
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        wanted = torch.full_like(scores, is_target)
        halves.append(functional.binary_cross_entropy_with_logits(scores, wanted))
    return (halves[0] + halves[1]) / 2
