"""One training loop: warm-up and decay, clipping, early stop, resumable, and loud about NaN."""

import math
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from lessons_lib.base.device import autocast, device_of, move, working
from lessons_lib.base.progress import progress_bar
from lessons_lib.training.plan import History, Plan
from lessons_lib.training.saving import copy_of, load_checkpoint, require_place, save_checkpoint

Loss = Callable[[nn.Module, object], Tensor]


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

    The work is done on the best device; the batches go there too, and in the end the model is back
    where it was.

    Called again after an interruption, with the same checkpoint, it goes on from the last look;
    on the CPU the losses and weights are then exactly those of a run that was not interrupted.

    Args:
        batches: one batch for each step, the same whenever it is begun anew (so anything random
            in it has a generator of its own); the batches of steps done already are skipped.
        loss_of: called as loss_of(model, batch); a scalar.
        validate: called at each look with the model in evaluation mode; returns a loss.
        checkpoint: a file to save to at each look, and to go on from where it exists; its folder
            has to be there.
        progress: called as progress(step, loss) after each step; a bar is shown anyway.
        groups: the optimiser's parameter groups, in place of the usual two; a group's
            "rate_factor" multiplies its learning rate.

    Returns:
        The history, that of an interrupted run included.

    Raises:
        TrainingFault: a number is not finite; the last good checkpoint is untouched.
        ValueError: nothing is open to training, `batches` ended before the last step, or the
            checkpoint is damaged or of another model.
        OSError: the checkpoint's folder is not there, or takes no file; said before the first step.
    """
    _require_something_to_train(model, groups)
    if checkpoint is not None:
        require_place(checkpoint)
    optimiser = torch.optim.AdamW(
        groups or _groups(model, plan.weight_decay), lr=plan.learning_rate
    )
    with working(model) as device, progress_bar(plan.steps, "steps") as bar:
        history, best = History(), {}
        if checkpoint is not None and Path(checkpoint).exists():
            history, best = load_checkpoint(checkpoint, model, optimiser)
        done, patience = len(history.train), plan.patience or math.inf
        bar.update(done)
        model.train()
        for step, batch in zip(range(done, plan.steps), islice(batches, done, None), strict=False):
            if history.looks_since_best() >= patience:
                break
            loss = _one_step(model, move(batch, device), loss_of, optimiser, plan, step)
            history.train.append(loss)
            bar.update()
            if progress:
                progress(step, loss)
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
    with autocast(plan.precision, device_of(model)):
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
    return best if history.looks_since_best() else copy_of(model)


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


def _require_something_to_train(model: nn.Module, groups: list[dict] | None) -> None:
    given = model.parameters() if groups is None else (p for g in groups for p in g["params"])
    if not any(parameter.requires_grad for parameter in given):
        raise ValueError(
            f"{type(model).__name__} has nothing to train: no parameter with requires_grad = True"
        )


def _groups(model: nn.Module, weight_decay: float) -> list[dict]:
    """Decay pulls matrices towards zero; biases and norms are left alone."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
