"""One training loop: warm-up and decay, clipping, early stop, resumable, and loud about NaN."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
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
        warmup_steps: steps over which the rate rises evenly to its peak.
        decay: "linear" or "cosine", to 0 where step `steps` would be, or "constant".
        weight_decay: of AdamW, on matrices only (not on biases and norms).
        clip_norm: the gradient is scaled down to this length; None = never.
        check_every: steps between two looks at the validation loss; the last step has one too.
        patience: stop after so many looks in a row without a new best; None = never.

    Raises:
        ValueError: an unknown decay, or a number out of its range.
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
        warmup, steps = self.warmup_steps, self.steps
        if not 0 <= warmup <= steps:
            raise ValueError(f"warmup_steps should be from 0 to steps = {steps}, not {warmup}")
        for name in ("steps", "check_every", "patience"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} should be at least 1, not {getattr(self, name)}")

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


class TrainingFault(RuntimeError):
    """A loss, gradient or weight is no longer a finite number; the message names step and layer."""


def train(
    model: nn.Module,
    batches: Iterable,
    loss_of: Loss,
    plan: Plan,
    *,
    validate: Callable[[nn.Module], float] | None = None,
    checkpoint: Path | str | None = None,
    progress: Callable[[int, float], None] | None = None,
    groups: list[dict] | None = None,
) -> History:
    """Train a model in place; its best state by the validation loss is kept, if there is one.

    Called again after an interruption, with the same checkpoint, it goes on from the last look;
    on the CPU the losses and weights are then exactly those of a run that was not interrupted.

    Args:
        batches: one batch for each step, the same whenever it is begun anew (so anything random
            in it has a generator of its own); the batches of steps done already are skipped.
        loss_of: called as loss_of(model, batch); a scalar.
        validate: called at each look with the model in evaluation mode; returns a loss.
        checkpoint: a file to save to at each look, and to go on from where it exists.
        progress: called as progress(step, loss) after each step, for a progress bar.
        groups: the optimiser's parameter groups, in place of the usual two; a group's
            "rate_factor" multiplies its learning rate.

    Returns:
        The history, that of an interrupted run included.

    Raises:
        TrainingFault: a number is not finite; the last good checkpoint is untouched.
        ValueError: `batches` ended before the last step, or the checkpoint is of another model.
    """
    groups = groups or _groups(model, plan.weight_decay)
    optimiser = torch.optim.AdamW(groups, lr=plan.learning_rate)
    history, best = History(), {}
    if checkpoint is not None and Path(checkpoint).exists():
        history, best = load_checkpoint(checkpoint, model, optimiser)
    done, patience = len(history.train), plan.patience or math.inf
    model.train()
    for step, batch in zip(range(done, plan.steps), islice(batches, done, None), strict=False):
        if history.looks_since_best() >= patience:
            break
        history.train.append(_one_step(model, batch, loss_of, optimiser, plan, step))
        if progress:
            progress(step, history.train[-1])
        if (step + 1) % plan.check_every and step + 1 < plan.steps:
            continue
        if validate:
            best = _look(model, validate, step, history, best)
        if checkpoint is not None:
            if _first_fault(model):
                _stop(model, step, "a weight is not finite")
            save_checkpoint(checkpoint, model, optimiser, history, best)
    is_short = len(history.train) < plan.steps
    history.stopped_early = is_short and history.looks_since_best() >= patience
    if is_short and not history.stopped_early:
        raise ValueError(f"batches ended after {len(history.train)} of {plan.steps} steps")
    if best:
        model.load_state_dict(best)
    model.eval()
    return history


def _one_step(model, batch, loss_of, optimiser, plan: Plan, step: int) -> float:
    for group in optimiser.param_groups:
        group["lr"] = plan.rate(step) * group.get("rate_factor", 1.0)
    optimiser.zero_grad()
    loss = loss_of(model, batch)
    if not torch.isfinite(loss):
        _stop(model, step, f"the loss is {loss.item()}")
    loss.backward()
    length = nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None])
    if not torch.isfinite(length):
        _stop(model, step, "a gradient is not finite")
    if plan.clip_norm is not None:
        nn.utils.clip_grads_with_norm_(model.parameters(), plan.clip_norm, length)
    optimiser.step()
    return loss.item()


def _look(model, validate, step: int, history: History, best: dict) -> dict[str, Tensor]:
    """Note the validation loss in the history; return the best state so far."""
    model.eval()
    with torch.no_grad():
        loss = float(validate(model))
    model.train()
    if not math.isfinite(loss):
        _stop(model, step, f"the validation loss is {loss}")
    history.validation.append((step + 1, loss))
    return best if history.looks_since_best() else _copy(model)


def _stop(model: nn.Module, step: int, what: str) -> None:
    where = _first_fault(model) or "all weights are finite, so look at the batch and the loss"
    raise TrainingFault(f"step {step} (from 0): {what}; {where}")


def _first_fault(model: nn.Module) -> str | None:
    """Name the first parameter with a bad value or gradient, in the order of the layers."""
    for name, parameter in model.named_parameters():
        for kind, tensor in (("weight", parameter), ("gradient", parameter.grad)):
            if tensor is not None and not torch.isfinite(tensor).all():
                return f"the first {kind} that is not finite is in {name}"
    return None


def _groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Decay pulls matrices towards zero; biases and norms are left alone."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def save_checkpoint(
    path: Path | str, model: nn.Module, optimiser, history: History, best: dict[str, Tensor]
) -> None:
    """Write model, best state, optimiser, random state and history, as a whole or not at all."""
    state = {f"model.{name}": tensor for name, tensor in _copy(model).items()}
    state |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, entries in optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{number}.{name}": tensor for name, tensor in entries.items()}
    state["random"] = torch.get_rng_state()
    notes = {"history": json.dumps([history.train, history.validation])}
    draft = Path(f"{path}.part")
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, draft, notes)
    draft.replace(path)


def load_checkpoint(
    path: Path | str, model: nn.Module, optimiser
) -> tuple[History, dict[str, Tensor]]:
    """Put a checkpoint back into model, optimiser and random state; return history and best state.

    Raises:
        ValueError: the file is no checkpoint, or that of another model; nothing was changed then.
    """
    with safe_open(path, framework="pt") as file:
        notes = file.metadata() or {}
        state = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    if "history" not in notes:
        raise ValueError(f"{path} is not a checkpoint that `train` has written")
    saved = _part(state, "model.")
    there, here = _shapes(saved), _shapes(model.state_dict())
    for name in here | there:
        if there.get(name) != here.get(name):
            differ = f"{name} is {there.get(name)} there and {here.get(name)} here"
            raise ValueError(f"{path} is a checkpoint of another model: {differ}")
    model.load_state_dict(saved)
    memory = optimiser.state_dict()
    for name, tensor in _part(state, "optimiser.").items():
        number, entry = name.split(".")
        memory["state"].setdefault(int(number), {})[entry] = tensor
    optimiser.load_state_dict(memory)
    torch.set_rng_state(state["random"])
    train_losses, looks = json.loads(notes["history"])
    return History(train_losses, [tuple(look) for look in looks]), _part(state, "best.")


def _part(state: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name[len(start) :]: state[name] for name in state if name.startswith(start)}


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def _smooth(losses: list[float], window: int = 20) -> list[float]:
    return [
        sum(losses[max(0, i - window + 1) : i + 1]) / min(i + 1, window) for i in range(len(losses))
    ]
