"""Surgery: what is meant is replaced, all of it and nothing else."""

import pytest
import torch
from torch import nn

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.layers import Config
from lessons_lib.model.multi_head import MultiHeadAttention
from lessons_lib.model.surgery import replace, use_attention
from lessons_lib.model.transformer import LanguageModel, Seq2Seq

CONFIG = Config(d_model=12, num_heads=3, num_layers=2, d_ff=20)


class Wrapped(nn.Module):
    """As a LoRA layer wraps a linear one: its forward takes the input, and nothing else."""

    def __init__(self, inner: nn.Linear):
        super().__init__()
        self.inner, self.calls = inner, 0

    def forward(self, x):
        self.calls += 1
        return self.inner(x)


def test_every_linear_layer_can_be_wrapped_and_is_called_in_encoder_and_decoder():
    torch.manual_seed(0)
    model = Seq2Seq(7, 11, CONFIG)
    source, target = torch.tensor([[3, 1, 4, 1]]), torch.tensor([[2, 7, 1]])
    before = model(source, target)
    replace(model, nn.Linear, Wrapped)
    torch.testing.assert_close(model(source, target), before, rtol=0, atol=0)
    wrapped = [module for module in model.modules() if isinstance(module, Wrapped)]
    assert len(wrapped) == 2 * (4 + 2) + 2 * (4 + 4 + 2)
    assert {module.calls for module in wrapped} == {1}


def test_a_module_in_two_places_stays_one():
    shared = nn.ReLU()
    model = nn.Sequential(shared, nn.Linear(2, 2), shared)
    replace(model, nn.ReLU, lambda old: nn.Sequential(old, nn.ReLU()))
    assert model[0] is model[2] and model[0][0] is shared
    assert isinstance(model[0][1], nn.ReLU)  # what `make` put in is not replaced again


def test_nothing_to_replace_is_an_error():
    with pytest.raises(ValueError, match="Linear holds no LayerNorm: nothing was replaced"):
        replace(nn.Linear(2, 2), nn.LayerNorm, lambda old: old)
    with pytest.raises(ValueError, match="Linear has no MultiHeadAttention to change"):
        use_attention(nn.Linear(2, 2), scaled_dot_product_attention)


def test_attention_is_used_in_every_layer_and_taken_back():
    calls = []

    def counted(query, key, value, mask=None, **extra):
        calls.append(query.shape)
        return scaled_dot_product_attention(query, key, value, mask, **extra)

    torch.manual_seed(0)
    model, ids = LanguageModel(11, CONFIG), torch.tensor([[3, 1, 4]])
    fused = model(ids)
    assert use_attention(model, counted) is model
    torch.testing.assert_close(model(ids), fused)
    assert len(calls) == 2
    use_attention(model, None)(ids)
    assert len(calls) == 2
    assert all(m.attention is None for m in model.modules() if isinstance(m, MultiHeadAttention))
