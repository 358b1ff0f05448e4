"""Labelled batches of the source beside batches of the target, and a penalty on both's features.

What the data are, texts or images, and what their labels are, ratings or classes, plays no part.

Axes: B examples, D features.
"""

from collections.abc import Callable

from torch import Tensor, nn

Penalty = Callable[..., Tensor]


def loss_beside(
    label_loss: Callable[[Tensor, Tensor], Tensor], penalty: Penalty
) -> Callable[[nn.Module, tuple], Tensor]:
    """The loss for `train`: that of the source's labels, plus the penalty.

    A batch is a pair: the source's inputs, then its labels; the target's inputs, then anything,
    which is not looked at.

    Args:
        label_loss: called with what `model.read` says and the labels; a scalar.
        penalty: called with what `model.pooled` makes of source and target, (B, D) each; a scalar.
            One that has `wants_loss` is given the label loss, too.
    """

    def loss_of(model: nn.Module, batches: tuple) -> Tensor:
        (*inputs, wanted), (*target_inputs, _) = batches
        source, target = model.pooled(*inputs), model.pooled(*target_inputs)
        loss = label_loss(model.read(source), wanted)
        if getattr(penalty, "wants_loss", False):
            return loss + penalty(source, target, loss)
        return loss + penalty(source, target)

    return loss_of


def balanced(penalty: Penalty) -> Penalty:
    """The penalty times a factor that makes it as large as the label loss at the first batch.

    Sun and Saenko 2016, section 4 (arXiv:1607.01719), ask for a weight at which both losses are
    roughly the same in the end; here they are so at the first batch.
    """
    factor: list[float] = []

    def scaled(source: Tensor, target: Tensor, loss: Tensor) -> Tensor:
        found = penalty(source.float(), target.float())
        if not factor:
            factor.append(loss.item() / max(found.item(), 1e-12))
        return factor[0] * found

    scaled.wants_loss = True
    return scaled
