"""Prompt tuning: a few trained vectors before the text's own, and nothing else.

Axes: B texts, L tokens, P vectors of the prompt, D the model's width.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.transfer.inserting import frozen_layers


class PromptedLayers(nn.Module):
    """A stack of layers that reads a trained prompt before each text, and gives back the text's.

    Args:
        layers: called one after the other.
        prompt: (P, D), where it starts.

    Source: Lester et al. 2021, section 2 (arXiv:2104.08691).

    >>> from lessons_lib.model.layers import Config, EncoderLayer
    >>> stack = PromptedLayers(nn.ModuleList([EncoderLayer(Config())]), torch.zeros(3, 128))
    >>> stack(torch.zeros(2, 5, 128), torch.ones(2, 1, 5, dtype=torch.bool)).shape
    torch.Size([2, 5, 128])
    """

    def __init__(self, layers: nn.ModuleList, prompt: Tensor):
        super().__init__()
        self.layers = layers
        self.prompt = nn.Parameter(prompt.detach().clone())

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x (B, L, D), mask (B, 1, L) -> (B, L, D)."""
        length = len(self.prompt)
        x = torch.cat([self.prompt.to(x.dtype).expand(len(x), -1, -1), x], dim=1)
        if mask is not None:  # all may look at the prompt
            mask = functional.pad(mask, (length, 0), value=True)
        for layer in self.layers:
            x = layer(x, mask)
        return x[:, length:]

    def extra_repr(self) -> str:
        return f"length={len(self.prompt)}"


def add_prompt(encoder: nn.Module, ids: Sequence[int]) -> PromptedLayers:
    """Freeze an encoder, and let its layers read a prompt before each text.

    The prompt starts as what the first layer would read of these words; Lester et al. (section
    3.2) found words better than random vectors. The text's own tokens keep their positions.

    Args:
        encoder: a BertEncoder, changed in place: all its layers become one that holds them.
        ids: P tokens.

    Raises:
        ValueError: the model has no such layers or isn't a BertEncoder, or there is no token.
    """
    layers = frozen_layers(encoder)
    if not hasattr(encoder, "embed"):
        raise ValueError(f"expected a BertEncoder, not a {type(encoder).__name__}")
    if not len(ids):
        raise ValueError("expected 1 token at least for the prompt to start from, got none")
    with torch.no_grad():
        device = next(encoder.parameters()).device
        prompt = encoder.embed(torch.tensor([list(ids)], device=device))[0]
    stack = PromptedLayers(layers, prompt).train(encoder.training)
    encoder.layers = nn.ModuleList([stack])
    return stack
