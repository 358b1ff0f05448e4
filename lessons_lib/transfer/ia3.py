"""(IA)^3: keys, values and the feed-forward layer's inside are made longer or shorter, by columns.

Axes: I inputs and O outputs of a linear layer.
"""

import torch
from torch import Tensor, nn

from lessons_lib.transfer.inserting import frozen_layers, narrowing


class Rescaled(nn.Module):
    """A frozen linear layer, each column of its outputs or of its inputs times a trained number.

    The numbers start at 1, so that at first nothing is changed.

    Args:
        linear: I to O; it is frozen.
        side: "output", (O,) numbers, or "input", (I,) of them.

    Raises:
        ValueError: there is no such side.

    Source: Liu et al. 2022, section 3.3 (arXiv:2205.05638).

    >>> Rescaled(nn.Linear(6, 4), "input").factor.shape
    torch.Size([6])
    """

    def __init__(self, linear: nn.Linear, side: str):
        super().__init__()
        if side not in ("output", "input"):
            raise ValueError(f"side should be 'output' or 'input', not {side!r}")
        self.linear, self.side = linear.requires_grad_(False), side
        width = linear.out_features if side == "output" else linear.in_features
        self.factor = nn.Parameter(torch.ones_like(linear.weight[0, :1]).repeat(width))

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        if self.side == "input":
            return self.linear(x * self.factor.to(x.dtype))
        output = self.linear(x)
        return output * self.factor.to(output.dtype)

    def extra_repr(self) -> str:
        return f"side={self.side}"


def add_ia3(model: nn.Module) -> list[Rescaled]:
    """Freeze a model, and rescale keys, values and what the feed-forward layer narrows again.

    Args:
        model: changed in place, such as a BertEncoder or a Llama.

    Returns:
        What was put in, three for each layer.

    Raises:
        ValueError: the model has no such layers.
    """
    made = []
    for layer in frozen_layers(model):
        attention, (holder, name) = layer.attention, narrowing(layer)
        attention.project_key = Rescaled(attention.project_key, "output")
        attention.project_value = Rescaled(attention.project_value, "output")
        setattr(holder, name, Rescaled(getattr(holder, name), "input"))
        made += [attention.project_key, attention.project_value, getattr(holder, name)]
    return [rescaled.train(model.training) for rescaled in made]
