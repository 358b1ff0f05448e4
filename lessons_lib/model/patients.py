"""Faulty copies of the published encoder, for the reader to diagnose: look inside afterwards."""

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.pretrained import load_encoder


def first_patient() -> BertEncoder:
    """A faulty copy of the published encoder."""
    encoder = load_encoder()
    weight = encoder.layers[4].attention.project_out.weight
    weight.data = weight.data.T.contiguous()
    return encoder


def second_patient() -> BertEncoder:
    """Another faulty copy."""
    encoder = load_encoder()
    for layer in encoder.layers:
        own = layer.attention
        own.project_query, own.project_key = own.project_key, own.project_query
    return encoder
