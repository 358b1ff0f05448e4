"""What goes on inside an encoder while it reads: states, queries, keys and values of each layer.

Axes: B texts, L tokens.
"""

from dataclasses import dataclass, field

from torch import Tensor

from lessons_lib.model.bert import BertEncoder


@dataclass
class Watched:
    """All of (B, L, d_model).

    Attributes:
        states: what the first layer reads, then what each layer makes: num_layers + 1.
        query, key, value: of each layer, all heads side by side: num_layers.
    """

    states: list[Tensor] = field(default_factory=list)
    query: list[Tensor] = field(default_factory=list)
    key: list[Tensor] = field(default_factory=list)
    value: list[Tensor] = field(default_factory=list)


def watched(encoder: BertEncoder, ids: Tensor, mask: Tensor | None = None) -> Watched:
    """Read texts and keep what is computed inside; gradients go through it.

    Args:
        ids: (B, L).
        mask: (B, 1, L), bool, True = a real token; None where no text is padded.
    """
    found, hooks = Watched(), []
    for layer in encoder.layers:
        for name in ("query", "key", "value"):
            kept, part = getattr(found, name), getattr(layer.attention, f"project_{name}")
            hooks.append(part.register_forward_hook(_keep_in(kept)))
    try:
        found.states = encoder.hidden_states(ids, mask)
    finally:
        for hook in hooks:
            hook.remove()
    return found


def _keep_in(kept: list[Tensor]):
    def hook(module, inputs, output: Tensor) -> None:
        kept.append(output)

    return hook
