"""Bottleneck adapters: at first nothing, then what the formula says, where the paper puts it."""

import pytest
import torch
from small_model import close, in_each_layer, moved_by_training, new_model, small_llama
from torch import nn
from torch.nn import functional

from lessons_lib.transfer.adapters import Adapted, add_adapters

ADAPTER = ("down.weight", "down.bias", "up.weight", "up.bias")
IDS = torch.tensor([[3, 1, 4], [2, 7, 1]])


@pytest.mark.parametrize("make", [lambda: new_model("inserted").encoder, small_llama])
def test_at_first_nothing_is_changed(make):
    model = make().eval()
    before = model(IDS)
    assert len(add_adapters(model, width=2)) == 2 * len(model.layers)
    assert close(model(IDS), before)


def test_a_layer_computes_what_the_paper_draws():
    encoder, x = new_model("inserted").encoder, torch.randn(2, 5, 12)
    layer = encoder.layers[0]
    attend, feed = layer.attention, layer.feed_forward
    after_attention, after_feed_forward, *_ = add_adapters(encoder, width=3)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.5)

    def behind(adapter, h):
        inside = functional.gelu(h @ adapter.down.weight.T + adapter.down.bias)
        return h + inside @ adapter.up.weight.T + adapter.up.bias

    outer, attend.project_out = attend.project_out, after_attention.part
    h = layer.attention_residual.norm(x + behind(after_attention, attend(x)[0]))
    attend.project_out = outer
    wanted = layer.feed_forward_residual.norm(h + behind(after_feed_forward, feed(h)))
    assert close(layer(x), wanted, 1e-5)


@pytest.mark.parametrize("norms", [True, False])
def test_only_its_own_parameters_are_trained(norms):
    model = new_model("inserted")
    add_adapters(model.encoder, width=2, norms=norms)
    own = [
        f"{place}.{part}" for place in ("attention.project_out", "feed_forward") for part in ADAPTER
    ]
    if norms:
        places = ("attention_residual", "feed_forward_residual")
        own += [f"{place}.norm.{part}" for place in places for part in ("weight", "bias")]
    assert moved_by_training(model) == in_each_layer(*own)


def test_number_of_trained_parameters_is_the_papers():
    """2 m d + d + m for each adapter (section 2.1), two in each layer."""
    encoder = new_model("inserted").encoder
    add_adapters(encoder, width=5, norms=False)
    trained = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
    assert trained == 3 * 2 * (2 * 5 * 12 + 12 + 5)


@pytest.mark.parametrize("width", [0, 2.0, True])
def test_width_that_is_none_is_refused(width):
    with pytest.raises(ValueError, match=f"whole number of at least 1, not {width}"):
        Adapted(nn.Linear(4, 4), 4, width)
