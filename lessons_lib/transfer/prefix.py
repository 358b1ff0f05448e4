"""Prefix tuning: in each layer a few keys and values that no token has made, and that are trained.

Axes: B texts, H heads (G of keys and values), P places of the prefix, Q queries, K keys, D width
of a head, L tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.transfer.inserting import frozen_layers


class PrefixAttention(nn.Module):
    """Scaled dot-product attention that sees a trained prefix before the keys and values.

    It is used as the `attention` of a MultiHeadAttention.

    Args:
        key, value: (G, P, D) each, where the prefix starts.

    Source: Li and Liang 2021, sections 4.2 and 4.3 (arXiv:2101.00190). The network through which
    they train the prefix is left out: with it, Liu et al. 2021 (arXiv:2110.07602)
    report gains on some tasks and losses on others.

    >>> attention = PrefixAttention(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4))
    >>> query = key = value = torch.zeros(5, 2, 7, 4)
    >>> attention(query, key, value)[0].shape
    torch.Size([5, 2, 7, 4])
    """

    def __init__(self, key: Tensor, value: Tensor):
        super().__init__()
        self.key = nn.Parameter(key.detach().clone())
        self.value = nn.Parameter(value.detach().clone())

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        dropout_p: float = 0.0,
        bias: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """query (B, H, Q, D), key and value (B, H, K, D) -> (B, H, Q, D), and no weights.

        Raises:
            ValueError: there is a bias of positions, in which the prefix has no place.
        """
        if bias is not None:
            raise ValueError("a prefix has no position, so it can't be used with a bias of these")
        key, value = self._before(self.key, key), self._before(self.value, value)
        if mask is not None:  # all may look at the prefix
            mask = functional.pad(mask, (self.key.size(1), 0), value=True)
        output = functional.scaled_dot_product_attention(query, key, value, mask, dropout_p)
        return output, None

    def _before(self, prefix: Tensor, part: Tensor) -> Tensor:
        group = part.size(1) // len(prefix)  # a head of keys may serve several of queries
        prefix = prefix.repeat_interleave(group, dim=0).to(part.dtype)
        return torch.cat([prefix.expand(len(part), -1, -1, -1), part], dim=-2)

    def extra_repr(self) -> str:
        return f"length={self.key.size(1)}"


def add_prefix(model: nn.Module, ids: Sequence[int]) -> list[PrefixAttention]:
    """Freeze a model, and put a prefix before each layer's keys and values.

    The prefix starts as the keys and values of real words, which Li and Liang (section 7.4) found
    better where texts are few than random ones.

    Args:
        model: changed in place, such as a BertEncoder or a Llama.
        ids: P tokens, whose keys and values are the first prefix; a text about the task does.

    Returns:
        What was put in, one for each layer.

    Raises:
        ValueError: the model has no such layers, a layer attends by a function of its own, or there
            is no token.
    """
    layers = frozen_layers(model)
    if not len(ids):
        raise ValueError("expected 1 token at least for the prefix to start from, got none")
    if any(layer.attention.attention is not None for layer in layers):
        raise ValueError("a layer attends by a function of its own: a prefix would replace it")
    for layer, (key, value) in zip(layers, _keys_and_values(model, ids), strict=True):
        layer.attention.attention = PrefixAttention(key, value).train(model.training)
    return [layer.attention.attention for layer in layers]


@torch.no_grad()
def _keys_and_values(model: nn.Module, ids: Sequence[int]) -> list[tuple[Tensor, Tensor]]:
    """What each layer's projections make of a text, before positions turn it: (G, P, D) each."""
    found: list[Tensor] = []

    def keep(module, inputs, output: Tensor) -> None:
        found.append(output[0])

    attentions = [layer.attention for layer in model.layers]
    projections = [part for a in attentions for part in (a.project_key, a.project_value)]
    hooks = [part.register_forward_hook(keep) for part in projections]
    was_training = model.training
    model.eval()
    try:
        model.hidden(torch.tensor([list(ids)], device=next(model.parameters()).device))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    width = attentions[0].d_head
    heads = [part.unflatten(-1, (-1, width)).transpose(0, 1) for part in found]
    return list(zip(heads[::2], heads[1::2], strict=True))
