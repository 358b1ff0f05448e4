"""How to train, and what happened: the plan of a run, and its history."""

import math
from dataclasses import dataclass, field
from numbers import Integral, Real

from lessons_lib.base.device import require_precision
from lessons_lib.base.plots import show

_WHOLE, _REAL = "a whole number of at least", "a finite number of at least"
_NUMBERS = {  # the least that each may be
    "steps": (1, _WHOLE),
    "warmup_steps": (0, _WHOLE),
    "check_every": (1, _WHOLE),
    "patience": (1, _WHOLE),
    "learning_rate": (0, _REAL),
    "weight_decay": (0, _REAL),
    "clip_norm": (0, "a finite number above"),
}


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        steps: optimiser steps in all.
        learning_rate: at its peak.
        warmup_steps: steps over which the rate rises evenly to its peak.
        decay: "linear" or "cosine", to 0 where step `steps` would be, or "constant".
        weight_decay: of AdamW, on matrices only (not on biases and norms).
        clip_norm: the gradient is scaled down to this length, above 0; None = never.
        check_every: steps between two looks at the validation loss; the last step has one too.
        patience: stop after so many looks in a row without a new best; None = never.
        precision: of the matrix products in a step, "float32" or "bfloat16".

    Raises:
        ValueError: an unknown decay, or a number out of its range: steps and looks are whole
            numbers, rates and decays finite and not below 0, and none is NaN.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup_steps: int = 0
    decay: str = "linear"
    weight_decay: float = 0.01
    clip_norm: float | None = 1.0
    check_every: int = 100
    patience: int | None = None
    precision: str = "float32"

    def __post_init__(self):
        require_precision(self.precision)
        if self.decay not in ("linear", "cosine", "constant"):
            raise ValueError(f"decay should be linear, cosine or constant, not {self.decay!r}")
        for name, (least, wanted) in _NUMBERS.items():
            value = getattr(self, name)
            if value is None and name in ("clip_norm", "patience"):
                continue
            kind = Integral if wanted == _WHOLE else Real
            fits = isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
            if not fits or not (value > least if wanted.endswith("above") else value >= least):
                raise ValueError(f"{name} should be {wanted} {least}, not {value!r}")
        if self.warmup_steps > self.steps:
            between = f"from 0 to steps = {self.steps}"
            raise ValueError(f"warmup_steps should be {between}, not {self.warmup_steps}")

    def rate(self, step: int) -> float:
        """The learning rate of step `step`, counted from 0.

        >>> [Plan(steps=4, learning_rate=1.0, warmup_steps=2).rate(s) for s in range(4)]
        [0.5, 1.0, 1.0, 0.5]
        """
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        left = (self.steps - step) / max(1, self.steps - self.warmup_steps)
        if self.decay == "cosine":
            left = 0.5 * (1 - math.cos(math.pi * left))
        return self.learning_rate * (1.0 if self.decay == "constant" else left)


@dataclass
class History:
    """What happened: losses in nats, one entry a step (`train`) or a look (`validation`)."""

    train: list[float] = field(default_factory=list)
    validation: list[tuple[int, float]] = field(default_factory=list)  # (steps done, loss)
    stopped_early: bool = False

    def looks_since_best(self) -> int:
        """0 right after a new best validation loss, then 1, 2 ...; an equal loss is no new best."""
        losses = [loss for _, loss in self.validation]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0

    def plot(self, title: str = "") -> None:
        """Draw the loss curves."""
        import matplotlib.pyplot as plt

        smooth = _smooth(self.train)
        figure, axes = plt.subplots()
        axes.plot(range(1, len(smooth) + 1), smooth, label="training (smoothed)", marker="")
        if self.validation:
            axes.plot(*zip(*self.validation, strict=True), label="validation")
        axes.set(xlabel="step", ylabel="loss (nats)", title=title)
        axes.legend()
        curve = f"Loss curve{': ' + title if title else ''}, over {len(smooth)} steps"
        change = f"from {smooth[0]:.2g} to {smooth[-1]:.2g} nats"
        show(figure, alt=f"{curve}: the training loss goes {change}.")


def _smooth(losses: list[float], window: int = 20) -> list[float]:
    return [
        sum(losses[max(0, i - window + 1) : i + 1]) / min(i + 1, window) for i in range(len(losses))
    ]
