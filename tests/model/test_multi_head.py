"""Multi-head attention: against torch's, fused against explicit, shared heads, cache, errors."""

from itertools import cycle, product

import pytest
import torch
from torch import nn

from bench.torch_twins import attention_pairs, copy_over, gradient_of
from lessons_lib.model.attention import (
    causal_mask,
    padding_mask,
    scaled_dot_product_attention,
)
from lessons_lib.model.multi_head import KeyValueCache, MultiHeadAttention
from lessons_lib.model.positions import SCHEMES, make_positions

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
SHAPES = [  # batch, queries, memory (None: self-attention), d_model, heads
    (1, 1, None, 2, 1),
    (2, 5, None, 12, 3),
    (3, 33, None, 32, 4),
    (1, 1, 4, 6, 2),
    (2, 5, 7, 12, 3),
    (3, 40, 9, 16, 2),
]
MASKS = ("none", "causal", "padding", "both")


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def attention_of(d_model=24, num_heads=6, scheme="none", dtype=torch.float64, **settings):
    """Attention whose every number, positions included, is random and of a usual size."""
    torch.manual_seed(0)
    positions = make_positions(scheme, d_model, num_heads, is_causal=True)
    module = MultiHeadAttention(d_model, num_heads, positions=positions, **settings).to(dtype)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=d_model**-0.5)
    return module


def padding(batch, length):
    """The first sentence is whole, each further one a token shorter; nobody is empty."""
    return padding_mask((length - torch.arange(batch)).clamp(min=1), length)


def gradients_of(module, output):
    """Zeros for what plays no part, such as vectors that are added before the first layer."""
    return torch.autograd.grad(
        output.square().mean(), list(module.parameters()), materialize_grads=True
    )


def torchs_twin(ours):
    theirs = nn.MultiheadAttention(ours.d_model, ours.num_heads, batch_first=True)
    theirs = theirs.to(ours.project_out.weight.dtype)
    pairs = copy_over(attention_pairs(theirs, ours))
    return theirs, pairs


@pytest.mark.parametrize(
    ("shape", "masked", "need_weights", "dtype"),
    [
        case
        for case in product(SHAPES, MASKS, (False, True), TOLERANCE)
        if case[0][2] is None or case[1] in ("none", "padding")  # causal is about one's own past
    ],
    ids=str,
)
def test_output_weights_and_gradients_equal_torchs(shape, masked, need_weights, dtype):
    batch, num_queries, num_memory, d_model, num_heads = shape
    num_keys = num_memory or num_queries
    ours = attention_of(d_model, num_heads, dtype=dtype)
    theirs, pairs = torchs_twin(ours)
    x, their_x = (random(batch, num_queries, d_model, dtype=dtype).requires_grad_() for _ in "12")
    memory, their_memory = x, their_x
    if num_memory:
        memory, their_memory = (
            random(batch, num_memory, d_model, seed=1, dtype=dtype).requires_grad_() for _ in "12"
        )
    is_causal, is_padded = masked in ("causal", "both"), masked in ("padding", "both")
    mask = padding(batch, num_keys) if is_padded else None
    output, weights = ours(
        x,
        memory if num_memory else None,
        mask,
        is_causal=is_causal,
        need_weights=need_weights,
    )
    wanted, wanted_weights = theirs(
        their_x,
        their_memory,
        their_memory,
        key_padding_mask=~mask[:, 0] if is_padded else None,
        attn_mask=~causal_mask(num_keys) if is_causal else None,
        average_attn_weights=False,
    )
    close = {"rtol": 0, "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(output, wanted, **close)
    if need_weights:
        torch.testing.assert_close(weights, wanted_weights, **close)
    else:
        assert weights is None
    output.square().mean().backward()
    wanted.square().mean().backward()
    pairs += [(their_x, x)] + ([(their_memory, memory)] if num_memory else [])
    for theirs_part, ours_part in pairs:
        torch.testing.assert_close(ours_part.grad, gradient_of(theirs_part), **close)


@pytest.mark.parametrize(
    ("scheme", "masked", "num_key_value_heads"),
    [(*pair, heads) for pair, heads in zip(product(SCHEMES, MASKS), cycle((6, 2, 1)))],
    ids=str,
)
def test_fused_equals_explicit(scheme, masked, num_key_value_heads):
    """Asking for the weights takes the explicit path; so does naming the function."""
    fused = attention_of(scheme=scheme, num_key_value_heads=num_key_value_heads)
    named = attention_of(
        scheme=scheme,
        num_key_value_heads=num_key_value_heads,
        attention=scaled_dot_product_attention,
    )
    x = random(3, 7, 24)
    is_causal, is_padded = masked in ("causal", "both"), masked in ("padding", "both")
    how = {"mask": padding(3, 7) if is_padded else None, "is_causal": is_causal}
    wanted, weights = fused(x, **how, need_weights=True)
    assert weights.shape == (3, 6, 7, 7)
    may_look = causal_mask(7) if is_causal else torch.ones(7, 7, dtype=torch.bool)
    may_look = may_look & (padding(3, 7)[:, None] if is_padded else True)
    assert (weights.masked_fill(may_look, 0) == 0).all()
    wanted_gradients = gradients_of(fused, wanted)
    for module in (fused, named):
        output, nothing = module(x, **how)
        assert module is named or nothing is None
        torch.testing.assert_close(output, wanted, rtol=0, atol=1e-10)
        for one, other in zip(gradients_of(module, output), wanted_gradients, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_fused_path_never_calls_the_explicit_one(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the explicit path was taken")

    monkeypatch.setattr("lessons_lib.model.multi_head.scaled_dot_product_attention", refuse)
    for scheme in set(SCHEMES) - {"shaw"}:
        attention_of(scheme=scheme)(random(2, 5, 24), mask=padding(2, 5), is_causal=True)
    with pytest.raises(AssertionError):
        attention_of()(random(2, 5, 24), need_weights=True)
    with pytest.raises(AssertionError):
        attention_of(scheme="shaw")(random(2, 5, 24))


@pytest.mark.parametrize("num_key_value_heads", [1, 2, 3])
def test_shared_heads_equal_repeated_ones(num_key_value_heads):
    """Each matrix of keys and values, written once for every query head of its group."""
    shared = attention_of(num_key_value_heads=num_key_value_heads)
    wide = attention_of()
    group, d_head = 6 // num_key_value_heads, 4
    with torch.no_grad():
        wide.project_query.load_state_dict(shared.project_query.state_dict())
        for role in ("key", "value"):
            own, repeated = (getattr(module, f"project_{role}") for module in (shared, wide))
            for name in ("weight", "bias"):
                rows = getattr(own, name)
                heads = [rows[h // group * d_head :][:d_head] for h in range(6)]
                getattr(repeated, name).copy_(torch.cat(heads))
        wide.project_out.load_state_dict(shared.project_out.state_dict())
    x, memory = random(2, 5, 24), random(2, 7, 24, seed=1)
    for need_weights in (False, True):
        torch.testing.assert_close(
            shared(x, memory, need_weights=need_weights), wide(x, memory, need_weights=need_weights)
        )


def test_one_head_as_wide_as_the_model_is_plain_attention():
    module = attention_of(d_model=4, num_heads=1)
    with torch.no_grad():
        for layer in module.children():
            if isinstance(layer, nn.Linear):
                layer.weight.copy_(torch.eye(4))
                layer.bias.zero_()
    x = random(2, 5, 4)
    torch.testing.assert_close(module(x)[0], scaled_dot_product_attention(x, x, x)[0])


def test_custom_attention_gets_heads_mask_and_extras_and_its_output_is_used():
    calls = []

    def attend(query, key, value, mask, **extra):
        calls.append((query.shape, key.shape, value.shape, mask, extra))
        return torch.zeros_like(query), None

    module = attention_of(num_key_value_heads=2, attention=attend, dropout_p=0.25)
    output, weights = module(random(2, 5, 24), random(2, 7, 24, seed=1))
    assert calls == [((2, 6, 5, 4), (2, 6, 7, 4), (2, 6, 7, 4), None, {"dropout_p": 0.25})]
    assert weights is None
    torch.testing.assert_close(output, module.project_out.bias.expand(2, 5, 24))
    module.eval()(random(2, 5, 24), mask=padding(2, 5), is_causal=True)
    assert torch.equal(calls[1][3], (padding(2, 5) & causal_mask(5))[:, None])
    assert calls[1][4] == {}
    alibi = attention_of(scheme="alibi", attention=attend)
    alibi(random(2, 5, 24))
    assert calls[2][3] is None
    assert calls[2][4].keys() == {"bias"} and calls[2][4]["bias"].shape == (6, 5, 5)


def chunks_of(module, x, lengths, mask=None):
    """Feed x piece by piece through a cache, and join what comes out."""
    cache, outputs = KeyValueCache(), []
    for piece in x.split(lengths, dim=1):
        seen = len(cache) + piece.size(1)
        part = None if mask is None else mask[..., :seen]
        outputs.append(module(piece, mask=part, is_causal=True, cache=cache)[0])
    return torch.cat(outputs, dim=1), cache


@pytest.mark.parametrize(
    ("scheme", "lengths", "num_key_value_heads", "padded"),
    [  # four ways for five splits: each scheme meets all, each split all four
        (*pair, *how)
        for pair, how in zip(
            product(SCHEMES, [[9], [1] * 9, [4, 5], [1, 6, 2], [7, 1, 1]]),
            cycle(product((6, 2), (False, True))),
        )
    ],
    ids=str,
)
def test_any_split_through_the_cache_equals_the_whole(scheme, lengths, num_key_value_heads, padded):
    module = attention_of(scheme=scheme, num_key_value_heads=num_key_value_heads)
    x = random(3, 9, 24)
    mask = padding(3, 9) if padded else None
    wanted, _ = module(x, mask=mask, is_causal=True)
    output, cache = chunks_of(module, x, lengths, mask)
    torch.testing.assert_close(output, wanted, rtol=0, atol=1e-10)
    assert len(cache) == 9


def test_cache_holds_two_numbers_for_each_token_head_and_column():
    for num_key_value_heads, dtype in product((6, 2, 1), (torch.float32, torch.float64)):
        module = attention_of(num_key_value_heads=num_key_value_heads, dtype=dtype)
        cache = KeyValueCache()
        assert (len(cache), cache.num_bytes()) == (0, 0)
        module(random(3, 5, 24, dtype=dtype), is_causal=True, cache=cache)
        module(random(3, 2, 24, dtype=dtype), is_causal=True, cache=cache)
        assert len(cache) == 7
        assert cache.num_bytes() == 2 * 3 * num_key_value_heads * 7 * 4 * dtype.itemsize


def test_cache_reorders_its_sequences():
    module, cache, x = attention_of(), KeyValueCache(), random(3, 4, 24)
    cache.reorder(torch.tensor([1, 0]))  # an empty one has nothing to reorder
    module(x, is_causal=True, cache=cache)
    rows, new = torch.tensor([2, 0, 0, 1]), random(4, 1, 24, seed=1)
    cache.reorder(rows)
    output, _ = module(new, is_causal=True, cache=cache)
    wanted, _ = module(torch.cat([x[rows], new], dim=1), is_causal=True)
    torch.testing.assert_close(output, wanted[:, -1:])


@pytest.mark.parametrize("need_weights", [False, True])
def test_dropout_acts_in_training_only(need_weights):
    module, x = attention_of(dropout_p=0.5), random(2, 5, 24)
    first, second = (module(x, need_weights=need_weights)[0] for _ in range(2))
    assert not torch.allclose(first, second)
    module.eval()
    first, second = (module(x, need_weights=need_weights)[0] for _ in range(2))
    assert torch.equal(first, second)
    torch.testing.assert_close(first, attention_of()(x)[0])


@pytest.mark.parametrize(
    ("scheme", "need_weights", "dtype"),
    list(product(SCHEMES, (False, True), (torch.float64, torch.float32, torch.bfloat16))),
    ids=str,
)
def test_query_that_sees_nothing_gets_zeros_and_no_gradient(scheme, need_weights, dtype):
    module = attention_of(scheme=scheme, dtype=dtype)
    x = random(2, 5, 24, dtype=dtype).requires_grad_()
    mask = torch.ones(2, 5, 5, dtype=torch.bool)
    mask[1, 3] = False
    output, _ = module(x, mask=mask, need_weights=need_weights)
    torch.testing.assert_close(output[1, 3], module.project_out.bias)
    gradient = torch.autograd.grad(output[1, 3].float().sum(), x, retain_graph=True)[0]
    assert (gradient == 0).all()
    output.float().square().sum().backward()
    gradients = [p.grad for p in (x, *module.parameters()) if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_future_and_padding_move_nothing():
    module, x = attention_of(), random(2, 6, 24)
    before, _ = module(x, mask=padding(2, 6), is_causal=True)
    x[:, 4:] = 1e3
    after, _ = module(x, mask=padding(2, 6), is_causal=True)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_batch_of_one_and_single_token(scheme):
    module = attention_of(scheme=scheme, num_key_value_heads=3)
    x = random(3, 1, 24)
    together, _ = module(x, is_causal=True)
    alone = torch.cat([module(row[None], is_causal=True)[0] for row in x])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"d_model": 10, "num_heads": 4}, "d_model = 10 should be a multiple of num_heads = 4"),
        ({"d_model": 12, "num_heads": 0}, "d_model = 12 should be a multiple of num_heads = 0"),
        (
            {"d_model": 12, "num_heads": 6, "num_key_value_heads": 4},
            "num_heads = 6 should be a multiple of num_key_value_heads = 4",
        ),
        (
            {"d_model": 12, "num_heads": 6, "num_key_value_heads": 0},
            "num_heads = 6 should be a multiple of num_key_value_heads = 0",
        ),
    ],
)
def test_sizes_that_do_not_divide_are_named(sizes, message):
    with pytest.raises(ValueError) as raised:
        MultiHeadAttention(**sizes)
    assert message in str(raised.value)


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (
            {"x": torch.zeros(2, 5, 9)},
            ValueError,
            "x should be (batch, length, d_model = 24), not (2, 5, 9)",
        ),
        (
            {"x": torch.zeros(5, 24)},
            ValueError,
            "x should be (batch, length, d_model = 24), not (5, 24)",
        ),
        (
            {"memory": torch.zeros(2, 7, 12)},
            ValueError,
            "memory should be (batch, length, d_model = 24), not (2, 7, 12)",
        ),
        (
            {"memory": torch.zeros(1, 7, 24)},
            ValueError,
            "x and memory should be of one batch, not 2 and 1",
        ),
        (
            {"memory": torch.zeros(2, 7, 24), "is_causal": True},
            ValueError,
            "is_causal and cache are about x's own past; memory has none of it",
        ),
        (
            {"memory": torch.zeros(2, 7, 24), "cache": KeyValueCache()},
            ValueError,
            "is_causal and cache are about x's own past; memory has none of it",
        ),
        (
            {"mask": torch.ones(5, 5)},
            TypeError,
            "mask should be a bool tensor (True = may look), not torch.float32",
        ),
        (
            {"mask": torch.ones(2, 5, dtype=torch.bool)},
            ValueError,
            "mask (2, 5) should broadcast to (2, 6, 5, 5): (..., queries, keys)",
        ),
        (
            {"mask": torch.ones(3, 1, 5, dtype=torch.bool)},
            ValueError,
            "mask (3, 1, 1, 5) should broadcast to (2, 6, 5, 5): (..., queries, keys)",
        ),
    ],
)
def test_wrong_input_says_what_was_expected_and_what_came(inputs, error, message, need_weights):
    module = attention_of(dtype=torch.float32)
    with pytest.raises(error) as raised:
        module(**({"x": torch.zeros(2, 5, 24)} | inputs), need_weights=need_weights)
    assert message in str(raised.value)


def test_custom_attention_without_weights_is_refused_where_they_are_needed():
    def attend(query, key, value, mask, **extra):
        return torch.zeros_like(query), None

    for module, need_weights in (
        (attention_of(attention=attend), True),
        (attention_of(scheme="shaw", attention=attend), False),
    ):
        with pytest.raises(TypeError, match="needed here, but `attention` returned None for them"):
            module(random(2, 5, 24), need_weights=need_weights)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (5, 5), (1, 5)], ids=str)
def test_a_mask_of_few_axes_is_the_same_with_and_without_weights(shape):
    module, x = attention_of(), random(2, 5, 24)
    mask = torch.ones(shape, dtype=torch.bool)
    if shape and shape[-1] == 5:
        mask[..., 3:] = False
    wanted = module(x, mask=mask.expand(2, 5, 5))[0]
    for need_weights in (False, True):
        output, _ = module(x, mask=mask, need_weights=need_weights)
        torch.testing.assert_close(output, wanted)
