"""Attention and masks: by hand, against torch, by properties, and every error."""

import math
from itertools import product

import pytest
import torch
from torch.nn import functional

from lessons_lib.model.attention import (
    causal_mask,
    padding_mask,
    scaled_dot_product_attention,
)

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
SHAPES = [  # leading axes, queries, keys, width, value width
    ((), 1, 1, 1, 1),
    ((), 3, 5, 4, 2),
    ((2,), 5, 3, 7, 4),
    ((2, 3), 5, 7, 8, 6),
    ((1, 12), 64, 33, 32, 16),
    ((2, 1, 3), 1, 300, 64, 5),
]


def random_inputs(leading, num_queries, num_keys, width, value_width, dtype=torch.float64, seed=0):
    rng = torch.Generator().manual_seed(seed)
    sizes = (num_queries, width), (num_keys, width), (num_keys, value_width)
    return [torch.randn(*leading, *size, generator=rng, dtype=dtype) for size in sizes]


def random_mask(num_queries, num_keys, seed=0):
    """About half of the cells, and every query sees at least one key."""
    rng = torch.Generator().manual_seed(seed)
    mask = torch.rand(num_queries, num_keys, generator=rng) < 0.5
    mask[:, -1] = True
    return mask


def test_two_tokens_by_hand():
    query = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    key = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]])
    output, weights = scaled_dot_product_attention(query, key, torch.tensor([[10.0], [20.0]]))
    share = math.e / (math.e + 1)  # scores 2/√4 = 1 and 0
    torch.testing.assert_close(weights, torch.tensor([[share, 1 - share]]))
    torch.testing.assert_close(output, torch.tensor([[10 * share + 20 * (1 - share)]]))


@pytest.mark.parametrize(
    ("shape", "masked", "dtype"), list(product(SHAPES, (False, True), TOLERANCE)), ids=str
)
def test_output_and_gradients_equal_torchs(shape, masked, dtype):
    ours = [tensor.requires_grad_() for tensor in random_inputs(*shape, dtype=dtype)]
    theirs = [tensor.requires_grad_() for tensor in random_inputs(*shape, dtype=dtype)]
    mask = random_mask(shape[1], shape[2]) if masked else None
    output, _ = scaled_dot_product_attention(*ours, mask)
    oracle = functional.scaled_dot_product_attention(*theirs, attn_mask=mask)
    output.square().mean().backward()
    oracle.square().mean().backward()
    close = {"rtol": 0, "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(output, oracle, **close)
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, wanted.grad, **close)


@pytest.mark.parametrize(("masked", "dtype"), list(product((False, True), TOLERANCE)), ids=str)
def test_bias_is_added_as_torchs_float_mask_is(masked, dtype):
    query, key, value = random_inputs((2, 3), 5, 7, 8, 6, dtype=dtype)
    bias = random_inputs((3,), 5, 1, 7, 1, dtype=dtype, seed=1)[0].requires_grad_()  # (3, 5, 7)
    mask = random_mask(5, 7) if masked else torch.ones(5, 7, dtype=torch.bool)
    output, weights = scaled_dot_product_attention(query, key, value, mask, bias=bias)
    both = bias.masked_fill(~mask, -torch.inf)
    oracle = functional.scaled_dot_product_attention(query, key, value, attn_mask=both)
    torch.testing.assert_close(output, oracle, rtol=0, atol=TOLERANCE[dtype])
    assert (weights.masked_select(~mask) == 0).all()
    ours, theirs = (torch.autograd.grad(o.square().mean(), bias)[0] for o in (output, oracle))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE[dtype])


def test_each_row_of_weights_sums_to_one():
    _, weights = scaled_dot_product_attention(*random_inputs((2, 3), 5, 7, 8, 6))
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 3, 5, dtype=torch.float64))
    assert (weights > 0).all()


def test_order_of_the_keys_does_not_matter():
    query, key, value = random_inputs((2,), 5, 7, 8, 6)
    order = torch.tensor([3, 1, 6, 0, 5, 2, 4])
    straight, _ = scaled_dot_product_attention(query, key, value)
    shuffled, _ = scaled_dot_product_attention(query, key[:, order], value[:, order])
    torch.testing.assert_close(straight, shuffled)


def test_hidden_key_moves_nothing():
    query, key, value = random_inputs((2,), 5, 7, 8, 6)
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[:, 2] = False
    before, weights = scaled_dot_product_attention(query, key, value, mask)
    key[:, 2], value[:, 2] = 1e6, -1e6
    after, _ = scaled_dot_product_attention(query, key, value, mask)
    assert (weights[..., 2] == 0).all()
    assert torch.equal(before, after)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_query_that_sees_nothing_gets_zeros_and_no_gradient(dtype):
    inputs = [t.to(dtype).requires_grad_() for t in random_inputs((2,), 5, 7, 8, 6)]
    mask = torch.ones(5, 7, dtype=torch.bool)
    mask[3] = False
    output, weights = scaled_dot_product_attention(*inputs, mask)
    assert (output[:, 3] == 0).all() and (weights[:, 3] == 0).all()
    output.float().sum().backward()
    assert all(tensor.grad.isfinite().all() for tensor in inputs)
    assert (inputs[0].grad[:, 3] == 0).all()


def test_inputs_and_mask_are_left_as_they_were():
    inputs, mask = random_inputs((2,), 5, 7, 8, 6), random_mask(5, 7)
    before = [tensor.clone() for tensor in (*inputs, mask)]
    scaled_dot_product_attention(*inputs, mask)
    assert all(torch.equal(old, new) for old, new in zip(before, (*inputs, mask), strict=True))


def test_dropout_keeps_the_mean_and_leaves_the_weights():
    query, key, value = random_inputs((2_000,), 2, 7, 8, 3, dtype=torch.float32)
    torch.manual_seed(0)
    dropped, weights = scaled_dot_product_attention(query, key, value, dropout_p=0.4)
    kept, same_weights = scaled_dot_product_attention(query, key, value)
    assert torch.equal(weights, same_weights)
    assert not torch.allclose(dropped, kept)
    standard_error = (dropped - kept).std(dim=0) / 2_000**0.5
    assert ((dropped - kept).mean(dim=0).abs() < 4 * standard_error).all()


def test_dropout_of_everything_gives_zeros():
    output, _ = scaled_dot_product_attention(*random_inputs((), 2, 3, 4, 5), dropout_p=1.0)
    assert (output == 0).all()


def test_leading_axes_are_broadcast():
    query, key, value = random_inputs((2, 3), 5, 7, 8, 6)
    output, _ = scaled_dot_product_attention(query, key[:, :1], value[:, :1])
    wide = [tensor[:, :1].expand(2, 3, 7, -1) for tensor in (key, value)]
    torch.testing.assert_close(output, scaled_dot_product_attention(query, *wide)[0])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"query": torch.zeros(2, 5, 9)}, ValueError, "width 9, key (2, 7, 8) has width 8"),
        ({"value": torch.zeros(2, 6, 4)}, ValueError, "holds 7, value (2, 6, 4) holds 6"),
        ({"key": torch.zeros(3, 7, 8)}, ValueError, "leading axes (batch, heads) should agree"),
        ({"query": torch.zeros(8)}, ValueError, "query should be (..., length, width), not (8,)"),
        (
            {"query": torch.zeros(2, 5, 8, dtype=torch.int64)},
            TypeError,
            "query should be a floating-point tensor, not torch.int64",
        ),
        ({"value": [[1.0]]}, TypeError, "value should be a floating-point tensor, not list"),
        (
            {"key": torch.zeros(2, 7, 8, dtype=torch.float64)},
            TypeError,
            "key is torch.float64 but query is torch.float32",
        ),
        ({"mask": torch.ones(5, 7)}, TypeError, "mask should be a bool tensor"),
        ({"mask": [[True]]}, TypeError, "mask should be a bool tensor (True = may look), not list"),
        (
            {"mask": torch.ones(7, 5, dtype=torch.bool)},
            ValueError,
            "mask (7, 5) should broadcast to (2, 5, 7): (..., queries, keys)",
        ),
        (
            {"mask": torch.ones(4, 2, 5, 7, dtype=torch.bool)},
            ValueError,
            "mask (4, 2, 5, 7) should broadcast to (2, 5, 7)",
        ),
        (
            {"bias": torch.zeros(3, 5, 7)},
            ValueError,
            "bias (3, 5, 7) should broadcast to (2, 5, 7): (..., queries, keys)",
        ),
    ],
)
def test_wrong_input_says_what_was_expected_and_what_came(changed, error, message):
    inputs = {
        "query": torch.zeros(2, 5, 8),
        "key": torch.zeros(2, 7, 8),
        "value": torch.zeros(2, 7, 4),
    }
    with pytest.raises(error) as raised:
        scaled_dot_product_attention(**(inputs | changed))
    assert message in str(raised.value)


def test_causal_mask_by_hand():
    wanted = [[True, False, False], [True, True, False], [True, True, True]]
    assert causal_mask(3).tolist() == wanted
    assert causal_mask(1).tolist() == [[True]]


def test_causal_mask_hides_the_future():
    query, key, value = random_inputs((2,), 6, 6, 8, 5)
    before, _ = scaled_dot_product_attention(query, key, value, causal_mask(6))
    key[:, 4:], value[:, 4:] = 7.0, -7.0
    after, _ = scaled_dot_product_attention(query, key, value, causal_mask(6))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.parametrize("seq_len", [0, -1, 2.0, True, "3"])
def test_causal_mask_refuses_what_is_no_length(seq_len):
    with pytest.raises(ValueError, match="seq_len should be a whole number of at least 1, not"):
        causal_mask(seq_len)


def test_padding_mask_by_hand():
    assert padding_mask(torch.tensor([2, 0, 3]), 3).tolist() == [
        [[True, True, False]],
        [[False, False, False]],
        [[True, True, True]],
    ]


def test_padding_does_not_change_a_sentence():
    query, key, value = random_inputs((1,), 3, 3, 8, 5)
    alone, _ = scaled_dot_product_attention(query, key, value)
    padded = [functional.pad(tensor, (0, 0, 0, 4), value=9.0) for tensor in (key, value)]
    mask = padding_mask(torch.tensor([3]), 7)
    torch.testing.assert_close(scaled_dot_product_attention(query, *padded, mask)[0], alone)


def test_padding_mask_refuses_wrong_lengths():
    with pytest.raises(ValueError, match=r"from 0 to seq_len = 3, not \[2, 4\]"):
        padding_mask(torch.tensor([2, 4]), 3)
    with pytest.raises(ValueError, match=r"one axis \(B,\), not shape \(1, 1\)"):
        padding_mask(torch.tensor([[2]]), 3)
