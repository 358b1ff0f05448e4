"""What techniques put things into: frozen layers, and the last linear layer of each."""

import pytest
from small_model import new_model, small_llama
from torch import nn

from lessons_lib.transfer.inserting import frozen_layers, narrowing


@pytest.mark.parametrize("make", [lambda: new_model("all").encoder, small_llama])
def test_all_is_frozen(make):
    model = make()
    assert frozen_layers(model) is model.layers
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_narrowing_is_the_linear_layer_that_ends_the_feed_forward():
    encoder, llama = new_model("all").encoder, small_llama()
    holder, name = narrowing(encoder.layers[1])
    assert getattr(holder, name) is encoder.layers[1].feed_forward[3]
    holder, name = narrowing(llama.layers[1])
    assert getattr(holder, name) is llama.layers[1].feed_forward.down


@pytest.mark.parametrize("model", [nn.Linear(2, 2), new_model("all"), nn.TransformerEncoder])
def test_other_models_are_refused(model):
    with pytest.raises(ValueError, match="expected a model with layers, each with an attention"):
        frozen_layers(model)
