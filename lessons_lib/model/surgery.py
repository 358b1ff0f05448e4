"""Changing a finished model in place: other submodules, another attention."""

from collections.abc import Callable
from typing import TypeVar

from torch import nn

from lessons_lib.model.multi_head import Attention, MultiHeadAttention

Model = TypeVar("Model", bound=nn.Module)


def replace(model: Model, kind: type[nn.Module], make: Callable[[nn.Module], nn.Module]) -> Model:
    """Put `make(module)` in the place of each submodule of a kind; return the same model.

    Submodules of a replaced one are not looked at, so that `make` may keep the old one inside the
    new one. A module that stands in two places is made once, and stands in both again.

    Args:
        model: changed in place.
        kind: a class; its subclasses count as well.
        make: called once for each such module.

    Raises:
        ValueError: there is no such submodule.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    >>> replace(model, nn.ReLU, lambda old: nn.GELU())[1]
    GELU(approximate='none')
    """
    everywhere = model.named_modules(remove_duplicate=False)
    found = {name: module for name, module in everywhere if name and isinstance(module, kind)}
    if not found:
        raise ValueError(f"{type(model).__name__} holds no {kind.__name__}: nothing was replaced")
    made: dict[nn.Module, nn.Module] = {}
    for place, module in found.items():
        parent, _, name = place.rpartition(".")
        if any(place.startswith(f"{outer}.") for outer in found):
            continue
        if module not in made:
            made[module] = make(module)
        setattr(model.get_submodule(parent), name, made[module])
    return model


def use_attention(model: Model, attention: Attention | None) -> Model:
    """Let every layer of a model attend by this function; return the same model.

    Args:
        model: changed in place.
        attention: see MultiHeadAttention; None = torch's fused one.

    Raises:
        ValueError: the model has no MultiHeadAttention.

    >>> from lessons_lib.model.attention import scaled_dot_product_attention
    >>> layer = use_attention(MultiHeadAttention(4, num_heads=2), scaled_dot_product_attention)
    >>> layer.attention.__name__
    'scaled_dot_product_attention'
    """
    layers = [module for module in model.modules() if isinstance(module, MultiHeadAttention)]
    if not layers:
        raise ValueError(f"{type(model).__name__} has no MultiHeadAttention to change")
    for layer in layers:
        layer.attention = attention
    return model
