"""A smaller encoder: fewer of the teacher's layers, or a fresh one that is less wide."""

import copy
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.random_weights import default_weights


def evenly_spaced(num_teacher: int, num_student: int) -> list[int]:
    """The layers, counted from 0, that stand for the student's: evenly spaced, the last among them.

    Raises:
        ValueError: the student has no layer, or more than the teacher.

    Source: Jiao et al. 2020, section 3 (arXiv:1909.10351), there as n = g(m) = 3 m for 12 layers
    and 4.

    >>> evenly_spaced(6, 2)
    [2, 5]
    """
    if not 1 <= num_student <= num_teacher:
        raise ValueError(f"a student has 1 to {num_teacher} layers, not {num_student}")
    return [num_teacher * (layer + 1) // num_student - 1 for layer in range(num_student)]


def shrunk(encoder: BertEncoder, places: Sequence[int]) -> BertEncoder:
    """A copy with the embeddings and these layers only, in this order.

    Args:
        encoder: left as it is.
        places: of layers, counted from 0, such as `evenly_spaced` gives.

    Raises:
        ValueError: there is no such layer, or none is named.

    Source: Sanh et al. 2019, section 3 (arXiv:1910.01108): every second layer of the teacher.
    """
    have = len(encoder.layers)
    if not places or not all(0 <= place < have for place in places):
        raise ValueError(f"places should name layers from 0 to {have - 1}, got {list(places)}")
    layers = nn.ModuleList(copy.deepcopy(encoder.layers[place]) for place in places)
    student = copy.copy(encoder)  # shares what is replaced or copied next
    student._modules = {
        name: layers if name == "layers" else copy.deepcopy(module)
        for name, module in encoder._modules.items()
    }
    student.config = replace(encoder.config, num_layers=len(layers))
    return student


def narrower(encoder: BertEncoder, d_model: int, num_heads: int, seed: int = 0) -> BertEncoder:
    """As many layers of another width, with random weights: of the teacher's none fits.

    Args:
        encoder: left as it is; what is said of the feed-forward width stays in proportion.
        seed: of the weights.

    Raises:
        ValueError: `num_heads` does not divide `d_model`.
    """
    old = encoder.config
    d_ff = old.d_ff * d_model // old.d_model
    config = replace(old, d_model=d_model, num_heads=num_heads, d_ff=d_ff)
    num_types = 0 if encoder.types is None else encoder.types.num_embeddings
    fresh = BertEncoder(config, encoder.tokens.num_embeddings, num_types)
    return default_weights(fresh, seed).eval()
