"""Encoder and decoder layers: against torch's, forward and backward; configuration; properties."""

from dataclasses import FrozenInstanceError
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional

from bench.torch_twins import (
    assert_same,
    copy_over,
    decoder_layer_pairs,
    encoder_layer_pairs,
    randomise,
    settings,
)
from lessons_lib.model.attention import causal_mask, padding_mask
from lessons_lib.model.layers import (
    Config,
    DecoderLayer,
    EncoderLayer,
    FeedForward,
    Residual,
)
from lessons_lib.model.multi_head import KeyValueCache
from lessons_lib.model.positions import Rotary, Shaw
from lessons_lib.model.surgery import use_attention

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
KINDS = list(product((True, False), ("relu", "gelu"), TOLERANCE))


def config_of(**changes):
    return Config(**{"d_model": 12, "num_heads": 3, "d_ff": 20, "positions": "none"} | changes)


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def twice(*shape, seed=0, dtype=torch.float64):
    return [random(*shape, seed=seed, dtype=dtype).requires_grad_() for _ in range(2)]


@pytest.mark.parametrize("masked", ["none", "causal", "padding", "both"])
@pytest.mark.parametrize(("pre_norm", "activation", "dtype"), KINDS, ids=str)
def test_encoder_layer_equals_torchs(pre_norm, activation, dtype, masked):
    config = config_of(pre_norm=pre_norm, activation=activation)
    ours = randomise(EncoderLayer(config)).to(dtype)
    theirs = nn.TransformerEncoderLayer(**settings(config)).to(dtype)
    pairs = copy_over(encoder_layer_pairs(theirs, ours))
    their_x, x = twice(2, 5, 12, dtype=dtype)
    is_causal, is_padded = masked in ("causal", "both"), masked in ("padding", "both")
    mask = padding_mask(torch.tensor([5, 3]), 5) if is_padded else None
    wanted = theirs(
        their_x,
        src_mask=~causal_mask(5) if is_causal else None,
        src_key_padding_mask=~mask[:, 0] if is_padded else None,
    )
    output = ours(x, mask, is_causal=is_causal)
    assert_same(output, wanted, [(their_x, x)], pairs, TOLERANCE[dtype])


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("pre_norm", "activation", "dtype"), KINDS, ids=str)
def test_decoder_layer_equals_torchs(pre_norm, activation, dtype, padded):
    config = config_of(pre_norm=pre_norm, activation=activation)
    ours = randomise(DecoderLayer(config)).to(dtype)
    theirs = nn.TransformerDecoderLayer(**settings(config)).to(dtype)
    pairs = copy_over(decoder_layer_pairs(theirs, ours))
    their_x, x = twice(2, 5, 12, dtype=dtype)
    their_memory, memory = twice(2, 7, 12, seed=1, dtype=dtype)
    mask = padding_mask(torch.tensor([4, 7]), 7) if padded else None
    wanted = theirs(
        their_x,
        their_memory,
        tgt_mask=~causal_mask(5),
        memory_key_padding_mask=~mask[:, 0] if padded else None,
    )
    output = ours(x, memory, mask)
    inputs = [(their_x, x), (their_memory, memory)]
    assert_same(output, wanted, inputs, pairs, TOLERANCE[dtype])


def test_activations_by_hand():
    """relu cuts, gelu is x times the normal distribution, gelu_tanh its published stand-in."""
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    normal = torch.distributions.Normal(0.0, 1.0).cdf(x)
    inner = (2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)
    wanted = {
        "relu": x.clamp(min=0),
        "gelu": x * normal,
        "gelu_tanh": 0.5 * x * (1 + inner.tanh()),
    }
    for activation, curve in wanted.items():
        bend = FeedForward(config_of(activation=activation))[1]
        torch.testing.assert_close(bend(x), curve, rtol=0, atol=1e-10)
    assert (wanted["gelu"] - wanted["gelu_tanh"]).abs().max() > 1e-4


def test_feed_forward_is_two_matrices_and_a_bend_for_each_token_alone():
    layer, x = randomise(FeedForward(config_of(activation="relu"))).double(), random(2, 5, 12)
    inside = functional.relu(x @ layer[0].weight.T + layer[0].bias)
    assert inside.shape == (2, 5, 20)
    torch.testing.assert_close(layer(x), inside @ layer[3].weight.T + layer[3].bias)
    torch.testing.assert_close(layer(x)[:, 2], layer(x[:, 2]))


@pytest.mark.parametrize("pre_norm", [True, False])
def test_residual_by_hand(pre_norm):
    """A sub-layer that doubles, on two numbers: LayerNorm of (1, 3) is (-1, 1)."""
    residual = Residual(config_of(d_model=2, num_heads=1, pre_norm=pre_norm, norm_eps=0.0))
    output = residual(torch.tensor([[[1.0, 3.0]]]), lambda h: 2 * h)
    wanted = [1.0 - 2, 3.0 + 2] if pre_norm else [-1.0, 1.0]  # 3, 9 has mean 6, deviation 3
    torch.testing.assert_close(output, torch.tensor([[wanted]]))


def test_post_norm_output_is_normalised_and_pre_norm_output_is_not():
    for pre_norm in (True, False):
        torch.manual_seed(0)
        output = EncoderLayer(config_of(pre_norm=pre_norm)).double()(3 * random(2, 5, 12))
        deviation = output.std(dim=-1, correction=0)
        assert torch.allclose(deviation, torch.ones(2, 5).double(), atol=1e-4) != pre_norm


def test_dropout_acts_in_training_only():
    memory = random(2, 7, 12, seed=1)
    for layer, more in (
        (EncoderLayer(config_of(dropout_p=0.5)).double(), ()),
        (DecoderLayer(config_of(dropout_p=0.5)).double(), (memory,)),
    ):
        x = random(2, 5, 12)
        assert not torch.allclose(layer(x, *more), layer(x, *more))
        layer.eval()
        assert torch.equal(layer(x, *more), layer(x, *more))


def test_decoder_layer_looks_back_and_at_real_memory_only():
    layer = randomise(DecoderLayer(config_of())).double()
    x, memory = random(2, 5, 12), random(2, 7, 12, seed=1)
    mask = padding_mask(torch.tensor([4, 7]), 7)
    before = layer(x, memory, mask)
    x[:, 3:], memory[0, 4:] = 50.0, -50.0
    after = layer(x, memory, mask)
    assert torch.equal(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3:], after[:, 3:])
    memory[0, 3] = 50.0
    assert not torch.allclose(layer(x, memory, mask)[0, :3], after[0, :3])


def test_decoder_layer_with_a_cache_equals_without():
    layer = randomise(DecoderLayer(config_of(), Rotary(4))).double()
    x, memory, cache = random(2, 5, 12), random(2, 7, 12, seed=1), KeyValueCache()
    pieces = [layer(piece, memory, cache=cache) for piece in x.split([2, 1, 2], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), layer(x, memory), rtol=0, atol=1e-10)


def test_cross_attention_has_no_positions():
    layer = DecoderLayer(config_of(), Shaw(4))
    assert isinstance(layer.self_attention.positions, Shaw)
    assert not list(layer.cross_attention.positions.parameters())
    order = torch.tensor([3, 1, 6, 0, 5, 2, 4])
    x, memory = random(2, 5, 12), random(2, 7, 12, seed=1)
    layer.double()
    torch.testing.assert_close(layer(x, memory), layer(x, memory[:, order]))


def test_layers_pass_their_attention_and_shared_heads_on():
    def attend(query, key, value, mask, **_):
        return torch.zeros_like(query), None

    config = config_of(num_key_value_heads=1, dropout_p=0.25)
    layer = use_attention(DecoderLayer(config), attend)
    for part in (layer.self_attention, layer.cross_attention):
        assert part.attention is attend
        assert (part.num_key_value_heads, part.dropout_p) == (1, 0.25)
        assert part.project_key.out_features == part.project_value.out_features == 4


def test_config_refuses_what_it_does_not_know():
    with pytest.raises(ValueError) as raised:
        Config(activation="swish")
    assert str(raised.value) == "activation should be one of relu, gelu, gelu_tanh, not 'swish'"
    with pytest.raises(ValueError, match=r"positions should be one of none, sinusoid.* not 'x'"):
        Config(positions="x")
    with pytest.raises(FrozenInstanceError):
        Config().d_model = 3


def test_config_makes_its_positions():
    assert Config(positions="t5").make_positions(is_causal=True).is_causal
    assert not Config(positions="t5").make_positions().is_causal
    learned = Config(positions="learned", d_model=12, num_heads=3, max_len=7).make_positions()
    assert learned.embedding.weight.shape == (7, 12)
    assert Config(positions="rotary", d_model=12, num_heads=3).make_positions().d_head == 4
