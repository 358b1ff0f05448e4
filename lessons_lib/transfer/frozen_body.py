"""A body that has learnt text, with a new beginning and a new end, for data that are no text.

Which parts are open decides what is claimed: with only the beginning, the positions, the norms and
the head open, whatever the rest contributes it brings from text (or from chance, which the random
bodies tell).
"""

import copy
from collections.abc import Callable

import torch
from torch import nn

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.llama import Llama, RMSNorm
from lessons_lib.model.patches import PatchClassifier, PatchEncoder
from lessons_lib.model.random_weights import (
    NORMS,
    default_weights,
    matched_weights,
    shuffled_weights,
)

WEIGHTS: dict[str, Callable[[nn.Module, int], nn.Module]] = {
    "pretrained": lambda body, seed: copy.deepcopy(body),
    "default": default_weights,
    "matched": matched_weights,
    "shuffled": shuffled_weights,
}


def text_body(
    model: BertEncoder | Llama, num_layers: int, weights: str = "pretrained", seed: int = 0
) -> dict:
    """The first layers of a text model, copied, and the norms around them: for `PatchEncoder`.

    A post-norm encoder ends in a norm; its first layer reads what the embeddings' norm makes. A
    language model's layers normalise what they read themselves: around them new norms are put,
    the first of which makes vectors as long as the word vectors are.

    Args:
        model: what the layers are taken of; it stays as it is.
        num_layers: from the first on, at most as many as there are.
        weights: one of `WEIGHTS`; all but the first are random.
        seed: of the random weights.

    Returns:
        Arguments of `PatchEncoder`: layers, d_model, norms.

    Raises:
        ValueError: there are not so many layers, or no such weights.
    """
    if weights not in WEIGHTS:
        raise ValueError(f"weights should be one of {', '.join(WEIGHTS)}, not {weights!r}")
    if not 0 <= num_layers <= len(model.layers):
        raise ValueError(f"there are {len(model.layers)} layers, not {num_layers}")
    if isinstance(model, Llama):
        d_model, eps = model.config.d_model, model.config.norm_eps
        first, last = RMSNorm(d_model, eps), RMSNorm(d_model, eps)
        with torch.no_grad():
            first.weight.fill_(model.embedding.weight[:1000].std())
        own = nn.ModuleList(model.layers[:num_layers])
        layers = WEIGHTS[weights](own, seed)
        return {"layers": layers, "d_model": d_model, "first_norm": first, "last_norm": last}
    own = nn.ModuleList([model.norm, *model.layers[:num_layers]])
    first, *layers = WEIGHTS[weights](own, seed)
    return {"layers": layers, "d_model": model.config.d_model, "first_norm": first}


def open_ends(model: PatchClassifier, norms: bool = True) -> list[str]:
    """Open projection, positions, head and, where wanted, the norms; freeze all the rest.

    Returns:
        The names of the parameters that are open.

    Source: Lu et al. 2021, section 2.2 (arXiv:2103.05247).
    """
    encoder = model.encoder
    model.requires_grad_(True)
    encoder.layers.requires_grad_(False)
    for module in encoder.modules():
        if isinstance(module, NORMS):
            module.requires_grad_(norms)
    return [name for name, parameter in model.named_parameters() if parameter.requires_grad]


def classifier_of(
    body: dict, num_patches: int, patch_values: int, num_classes: int
) -> PatchClassifier:
    """A `PatchClassifier` around a body of `text_body`; its new parts follow torch's own seed."""
    encoder = PatchEncoder(num_patches=num_patches, patch_values=patch_values, **body)
    return PatchClassifier(encoder, num_classes)
