"""A learning-rate finder: one short training in which the rate climbs until the loss breaks."""

import contextlib
import copy
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from lessons_lib.base.plots import show
from lessons_lib.training.loop import Loss, TrainingFault, train
from lessons_lib.training.plan import Plan

_SMOOTHING = 0.8  # the share of the past in the running mean of the losses
_DIVERGED = 2.0  # times the lowest smoothed loss so far


@dataclass(frozen=True)
class RateCurve:
    """What came out: the loss at each rate on the way up.

    Attributes:
        rates: learning rates, rising by a constant factor.
        losses: the training loss at each, in nats, as a running mean.
    """

    rates: list[float]
    losses: list[float]

    def suggestion(self) -> float:
        """A tenth of the rate at which the loss was lowest: a common rule, no law.

        >>> round(RateCurve([0.001, 0.01, 0.1, 1.0], [5.0, 4.0, 3.0, 9.0]).suggestion(), 3)
        0.01
        """
        return self.rates[self.losses.index(min(self.losses))] / 10

    def plot(self, title: str = "") -> None:
        """Draw the loss against the rate, with the suggestion."""
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots()
        axes.semilogx(self.rates, self.losses, marker="")
        rate = self.suggestion()
        axes.axvline(rate, marker="", linestyle="--", color="C1", label="suggestion")
        axes.set(xlabel="learning rate", ylabel="loss (nats), smoothed", title=title)
        axes.set_ylim(top=1.2 * self.losses[0])
        axes.xaxis.set_major_formatter("{x:g}")
        axes.legend()
        best = self.rates[self.losses.index(min(self.losses))]
        show(
            figure,
            alt=f"Loss against learning rate on a logarithmic axis: lowest near {best:.0e}; "
            f"a tenth of that, {rate:.0e}, is marked.",
        )


class _Diverged(Exception):
    """The loss has left its valley; there is nothing more to learn."""


@dataclass(frozen=True)
class _Ramp(Plan):
    """A plan whose rate climbs by a constant factor, from `lowest` to `learning_rate`."""

    lowest: float = 1e-5

    def rate(self, step: int) -> float:
        return self.lowest * (self.learning_rate / self.lowest) ** (step / (self.steps - 1))


def find_rate(
    model: nn.Module,
    batches: Iterable,
    loss_of: Loss,
    *,
    lowest: float = 1e-5,
    highest: float = 1.0,
    steps: int = 100,
) -> RateCurve:
    """Train a copy of the model by the usual loop while the rate climbs; stop when the loss breaks.

    Args:
        batches: one for each step.
        loss_of: called as loss_of(model, batch), as in `train`.
        lowest: the first rate.
        highest: the last one, unless the loss has doubled before.
        steps: at most so many, at least 2.

    Returns:
        The losses on the way; the model itself and torch's random state are left as they were.

    Raises:
        ValueError: not 0 < lowest < highest, fewer than 2 steps, or nothing is open to training.

    Source: Smith 2017, section 3.3 (arXiv:1506.01186), where the rate climbs by equal steps; by a
    constant factor is later practice.
    """
    if not 0 < lowest < highest or steps < 2:
        numbers = f"{lowest}, {highest} and {steps}"
        raise ValueError(f"wanted: 0 < lowest < highest and at least 2 steps; got {numbers}")
    plan = _Ramp(steps=steps, learning_rate=highest, lowest=lowest)
    smoothed: list[float] = []

    def watch(step: int, loss: float) -> None:
        smoothed.append(_next_mean(smoothed, loss))
        if smoothed[-1] > _DIVERGED * min(smoothed):
            raise _Diverged

    # Breaking off, by either, is how a ramp is meant to end.
    with torch.random.fork_rng(), contextlib.suppress(_Diverged, TrainingFault):
        train(copy.deepcopy(model), batches, loss_of, plan, progress=watch)
    return RateCurve([plan.rate(step) for step in range(len(smoothed))], smoothed)


def _next_mean(means: list[float], loss: float) -> float:
    """The running mean with one more loss; it starts at the first."""
    return _SMOOTHING * means[-1] + (1 - _SMOOTHING) * loss if means else loss
