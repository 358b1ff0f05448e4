"""One training loop: warm-up and decay, clipping, early stop, resumable, and loud about NaN."""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lessons_lib.plots import show

Loss = Callable[[nn.Module, object], Tensor]


@dataclass(frozen=True)
class Plan:
    """How to train.

    Attributes:
        steps: optimiser steps in all.
        learning_rate: at its peak.
        warmup_steps: steps over which the rate rises from 0 to its peak.
        decay: "linear" or "cosine" down to 0 at the last step, or "constant".
        weight_decay: of AdamW, on matrices only (not on biases and norms).
        clip_norm: the gradient is scaled down to this length; None = never.
        check_every: steps between two looks at the validation loss.
        patience: stop after so many looks without a new best; None = never.

    Raises:
        ValueError: an unknown decay, or more warm-up than steps.
    """

    steps: int
    learning_rate: float = 1e-3
    warmup_steps: int = 0
    decay: str = "linear"
    weight_decay: float = 0.01
    clip_norm: float | None = 1.0
    check_every: int = 100
    patience: int | None = None

    def __post_init__(self):
        if self.decay not in ("linear", "cosine", "constant"):
            raise ValueError(f"decay should be linear, cosine or constant, not {self.decay!r}")
        if not 0 <= self.warmup_steps <= self.steps:
            raise ValueError(
                f"warmup_steps should be from 0 to steps = {self.steps}, not {self.warmup_steps}"
            )

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
    validation: list[tuple[int, float]] = field(default_factory=list)
    stopped_early: bool = False

    def plot(self, title: str = "") -> None:
        """Draw the loss curves."""
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots()
        axes.plot(_smooth(self.train), label="training (smoothed)", marker="")
        if self.validation:
            axes.plot(*zip(*self.validation, strict=True), label="validation")
        axes.set(xlabel="step", ylabel="loss (nats)", title=title)
        axes.legend()
        first, last = _smooth(self.train)[0], _smooth(self.train)[-1]
        show(
            figure,
            alt=f"Loss curve{': ' + title if title else ''}, over {len(self.train)} steps: the "
            f"training loss goes from {first:.2g} to {last:.2g} nats.",
        )


class TrainingFault(RuntimeError):
    """The loss or a gradient is no longer a finite number; the message names step and layer."""


def train(
    model: nn.Module,
    batches: Iterator,
    loss_of: Loss,
    plan: Plan,
    *,
    validate: Callable[[nn.Module], float] | None = None,
    checkpoint: Path | str | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> History:
    """Train a model in place; its best state by the validation loss is kept, if there is one.

    Args:
        batches: one batch for each step, in the same order whenever it is begun anew; after an
            interruption it is begun anew and the steps done already are skipped.
        loss_of: called as loss_of(model, batch); a scalar.
        validate: called every `plan.check_every` steps with the model in evaluation mode; returns
            a loss.
        checkpoint: a file to save to at each look, and to go on from where it exists.
        progress: called as progress(step, loss) after each step, for a progress bar.

    Returns:
        The history, that of an interrupted run included.

    Raises:
        TrainingFault: a loss or gradient is not finite. The last good checkpoint is untouched.
        StopIteration: `batches` ended before the last step.
    """
    optimiser = torch.optim.AdamW(_groups(model, plan.weight_decay), lr=plan.learning_rate)
    history, best, looks_without = History(), None, 0
    if checkpoint is not None and Path(checkpoint).exists():
        history = load_checkpoint(checkpoint, model, optimiser)
    done = len(history.train)
    for _ in range(done):
        next(batches)
    model.train()
    for step in range(done, plan.steps):
        loss = _one_step(model, next(batches), loss_of, optimiser, plan, step)
        history.train.append(loss)
        if progress:
            progress(step, loss)
        if (step + 1) % plan.check_every and step + 1 < plan.steps:
            continue
        if validate:
            history.validation.append((step + 1, _look(model, validate)))
            if history.validation[-1][1] <= min(loss for _, loss in history.validation):
                best, looks_without = _copy(model), 0
            else:
                looks_without += 1
        if checkpoint is not None:
            save_checkpoint(checkpoint, model, optimiser, history)
        if plan.patience is not None and looks_without > plan.patience:
            history.stopped_early = True
            break
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    return history


def _one_step(model, batch, loss_of, optimiser, plan: Plan, step: int) -> float:
    for group in optimiser.param_groups:
        group["lr"] = plan.rate(step)
    loss = loss_of(model, batch)
    if not torch.isfinite(loss):
        raise TrainingFault(_describe_fault(model, step, f"the loss is {loss.item()}"))
    optimiser.zero_grad()
    loss.backward()
    largest = plan.clip_norm if plan.clip_norm is not None else math.inf
    length = nn.utils.clip_grad_norm_(model.parameters(), largest)
    if not torch.isfinite(length):
        raise TrainingFault(_describe_fault(model, step, "a gradient is not finite"))
    optimiser.step()
    return loss.item()


def _describe_fault(model: nn.Module, step: int, what: str) -> str:
    """Name the first parameter with a bad value or gradient, in the order of the layers."""
    for name, parameter in model.named_parameters():
        for kind, tensor in (("value", parameter.data), ("gradient", parameter.grad)):
            if tensor is not None and not torch.isfinite(tensor).all():
                return f"step {step}: {what}; the first {kind} that is not finite is that of {name}"
    return f"step {step}: {what}; all parameters are finite, so look at the batch and the loss"


def _look(model: nn.Module, validate) -> float:
    model.eval()
    with torch.no_grad():
        loss = float(validate(model))
    model.train()
    return loss


def _groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Decay pulls matrices towards zero; biases and norms are left alone."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def save_checkpoint(path: Path | str, model: nn.Module, optimiser, history: History) -> None:
    """Write model, optimiser, random state and history in one step: safetensors, no pickle."""
    state = {f"model.{name}": tensor for name, tensor in _copy(model).items()}
    for number, entries in optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{number}.{name}": tensor for name, tensor in entries.items()}
    state["random"] = torch.get_rng_state()
    notes = {"history": json.dumps([history.train, history.validation])}
    path = Path(path)
    draft = path.with_name(path.name + ".part")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, draft, notes)
    draft.replace(path)


def load_checkpoint(path: Path | str, model: nn.Module, optimiser) -> History:
    """Put a checkpoint's state back into the model, the optimiser and torch's random numbers.

    Raises:
        RuntimeError: the checkpoint is of another model.
    """
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        train_losses, looks = json.loads(file.metadata()["history"])
    model.load_state_dict(
        {n.removeprefix("model."): t for n, t in state.items() if n[:6] == "model."}
    )
    saved = optimiser.state_dict()
    for name, tensor in state.items():
        kind, *rest = name.split(".")
        if kind == "optimiser":
            saved["state"].setdefault(int(rest[0]), {})[rest[1]] = tensor
    optimiser.load_state_dict(saved)
    torch.set_rng_state(state["random"])
    return History(train_losses, [tuple(look) for look in looks])


def _smooth(losses: list[float], window: int = 20) -> list[float]:
    return [
        sum(losses[max(0, i - window + 1) : i + 1]) / min(i + 1, window) for i in range(len(losses))
    ]
