"""BitFit: the biases of the layers, and nothing else."""

import pytest
from small_model import in_each_layer, moved_by_training, new_model, small_llama

from lessons_lib.transfer.bias_only import open_biases


def test_only_the_layers_biases_are_trained():
    model = new_model("inserted")
    open_biases(model.encoder)
    places = [f"attention.project_{name}" for name in ("query", "value", "out")]
    places += ["feed_forward.0", "feed_forward.3"]
    places += ["attention_residual.norm", "feed_forward_residual.norm"]
    moved = moved_by_training(model)
    # A key's bias adds the same to all scores of a query, so softmax leaves it no gradient but
    # rounding; Adam may still make a step of that.
    moved = {name for name in moved if "project_key" not in name}
    assert moved == in_each_layer(*(f"{place}.bias" for place in places))


def test_number_of_trained_parameters():
    encoder = new_model("all").encoder
    found = open_biases(encoder)
    trained = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    assert trained == sum(p.numel() for p in found) == 3 * (4 * 12 + 20 + 12 + 2 * 12)


def test_a_model_without_biases_is_refused():
    with pytest.raises(ValueError, match="the layers of Llama have no bias to train"):
        open_biases(small_llama())
