"""Bottleneck adapters: a narrow network of two layers behind each part of a frozen layer.

Axes: D the model's width, M the bottleneck's.
"""

from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.transfer.inserting import frozen_layers


class Adapted(nn.Module):
    """A frozen part, and behind it h + up(gelu(down(h))): (..., D) -> (..., D).

    Args:
        part: whatever ends in vectors of width `d_model`; it is called as before.
        d_model: D.
        width: M.
        std: of the normal distribution from which `down` is drawn. `up` starts at zero, so that at
            first nothing is changed; the paper draws both, from one as narrow as this.

    Raises:
        ValueError: `width` is not a whole number from 1 on.

    Source: Houlsby et al. 2019, section 2.1 and figure 2 (arXiv:1902.00751).

    >>> import torch
    >>> Adapted(nn.Linear(6, 4), d_model=4, width=2)(torch.zeros(3, 6)).shape
    torch.Size([3, 4])
    """

    def __init__(self, part: nn.Module, d_model: int, width: int = 32, std: float = 0.01):
        super().__init__()
        if isinstance(width, bool) or not isinstance(width, int) or width < 1:
            raise ValueError(f"width should be a whole number of at least 1, not {width!r}")
        self.part = part
        self.down, self.up = nn.Linear(d_model, width), nn.Linear(width, d_model)
        nn.init.normal_(self.down.weight, std=std)
        for start in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(start)

    def forward(self, x: Tensor) -> Tensor:
        h = self.part(x)
        return h + self.up(functional.gelu(self.down(h)))


def add_adapters(model: nn.Module, width: int = 32, norms: bool = True) -> list[Adapted]:
    """Freeze a model, and put an adapter behind each attention and each feed-forward layer.

    Both stand before the residual is added.

    Args:
        model: changed in place, such as a BertEncoder or a Llama.
        width: of the bottlenecks.
        norms: train the layers' own norms, too, as the paper does.

    Returns:
        What was put in, two for each layer.

    Raises:
        ValueError: the model has no such layers, or `width` is not a whole number from 1 on.
    """
    made = []
    for layer in frozen_layers(model):
        attention = layer.attention
        attention.project_out = Adapted(attention.project_out, attention.d_model, width)
        layer.feed_forward = Adapted(layer.feed_forward, attention.d_model, width)
        made += [attention.project_out, layer.feed_forward]
        for name, parameter in layer.named_parameters():
            if norms and "norm." in name:
                parameter.requires_grad_(True)
    device = next(model.parameters()).device
    return [adapted.to(device).train(model.training) for adapted in made]
