"""What all techniques share that put something into a frozen model's layers."""

from torch import nn


def frozen_layers(model: nn.Module) -> nn.ModuleList:
    """Freeze a model, and return its layers, each with an attention and a feed-forward layer.

    Args:
        model: such as a BertEncoder or a Llama. Of a SentimentModel give the encoder: its head
            would be frozen, too.

    Raises:
        ValueError: it has no such layers.
    """
    layers = getattr(model, "layers", None)
    if not layers or not all(
        hasattr(layer, part) for layer in layers for part in ("attention", "feed_forward")
    ):
        wanted = "layers, each with an attention and a feed_forward"
        raise ValueError(f"expected a model with {wanted}, not {type(model).__name__}")
    model.requires_grad_(False)
    return layers


def narrowing(layer: nn.Module) -> tuple[nn.Module, str]:
    """The last linear layer of a layer's feed-forward part: who holds it, and under which name."""
    named = dict(layer.feed_forward.named_children())
    name = next(name for name in reversed(named) if isinstance(named[name], nn.Linear))
    return layer.feed_forward, name
