"""The old self as a teacher: what it said is to be said still. It needs no text of the old task.

Axes: B texts, N in all.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.transfer.fine_tuning import Inputs, predict
from lessons_lib.transfer.rating_model import SentimentModel

Loss = Callable[[SentimentModel, tuple[Tensor, Tensor, Tensor]], Tensor]


def with_old_self(
    model: SentimentModel, inputs: Inputs, targets: Sequence[float] | Tensor, precision="float32"
) -> Tensor:
    """Targets, and beside each what the model says now, before it learns: (N, 2), standardised.

    Args:
        inputs: of N texts, such as the new task's.
        targets: (N,), standardised.

    Raises:
        ValueError: there is not a target for each text.
    """
    targets = torch.as_tensor(targets, dtype=torch.float32)
    if targets.shape != (len(inputs),):
        raise ValueError(f"expected targets ({len(inputs)},), got {tuple(targets.shape)}")
    said = torch.as_tensor(predict(model, inputs, precision=precision), dtype=torch.float32)
    said = (said - model.mean.cpu()) / model.spread.cpu()
    return torch.stack([targets, said], dim=1)


def old_self_loss(strength: float) -> Loss:
    """A loss for `train`: the squared error, and strength x the squared step from the old self.

    A batch is inputs, mask and targets (B, 2), of `with_old_self`. Where one head serves both
    tasks, it is the squared error from (target + strength x old self) / (1 + strength), times
    (1 + strength), plus what no training changes: the old self has a vote on each label. (With a
    head for each task, as in the paper, only the old head listens to the old self.)

    Args:
        strength: from 0 on.

    Raises:
        ValueError: the strength is below 0.

    Source: Li and Hoiem 2016, section 3 (arXiv:1606.09282), "learning without forgetting"; there
    with classes and a temperature, here with ratings.
    """
    if not strength >= 0:
        raise ValueError(f"strength should be at least 0, not {strength}")

    def loss_of(model: SentimentModel, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, mask, pairs = batch
        said = model.standardised(x, mask).float()
        target, old = pairs.unbind(dim=1)
        return functional.mse_loss(said, target) + strength * functional.mse_loss(said, old)

    return loss_of
