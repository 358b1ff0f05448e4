"""The exercises of the chapter on self-attention."""

import functools
import math

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.oracles import other_dtype, told_apart, wrong_gradient
from .engine.values import Choice, Number, Ordering, ShapePuzzle

_FIXED = "is a tensor made with a fixed dtype, or outside torch?"

# --- recap -------------------------------------------------------------------------------------

softmax_shift = Choice(
    kind="Recap",
    answer_name="softmax_shift_answer",
    task="How does `softmax([101, 102, 103])` compare with `softmax([1, 2, 3])`?",
    options={
        "a": "Its weights are nearly equal, for 101 and 103 differ by only 2%.",
        "b": "The same: adding a constant to all scores changes nothing.",
        "c": "It overflows: `e^103` is too large.",
        "d": "Sharper: larger scores give a larger winner.",
    },
    right="b",
    reasons={
        "a": "Softmax looks at differences, not at ratios: a lead of 2 is a factor of `e^2` "
        "anywhere.",
        "b": "`e^(x+c) = e^c · e^x`, and the factor `e^c` stands above and below in the fraction.",
        "c": "Written by hand it may; torch subtracts the largest score first, which changes "
        "nothing.",
        "d": "Scores *multiplied* by a number above 1 get sharper; an added constant does nothing.",
    },
    hints=("Write the fraction `e^101 / (e^101 + e^102 + e^103)` and take out `e^100`.",),
)

matmul_shape = ShapePuzzle(
    answer_name="matmul_shape_answer",
    task="`x` has shape `(2, 5, 8)` and `w` has shape `(8, 3)`. What is the shape of `x @ w`?",
    truth=lambda: torch.zeros(2, 5, 8) @ torch.zeros(8, 3),
    traps={
        (
            5,
            3,
        ): "The leading axis does not vanish: each of the 2 batch entries is multiplied by `w`.",
        (2, 8, 3): "The inner sizes (8 and 8) are summed over, and both disappear.",
        (2, 5, 8, 3): "The shared size 8 is summed over; it appears in neither place.",
    },
    hints=("Only the last two axes are multiplied; everything before them comes along.",),
    because="The last axis of `x` meets the first of `w`; both 8s are summed away. The 2 "
    "comes along.",
)


# --- a soft look-up ----------------------------------------------------------------------------

soft_lookup = CodeExercise(
    returns=("output",),
    task="""
    Write `my_soft_lookup(query, keys, values)`: compare one query with every key by a dot product,
    turn the scores into weights with softmax, and return the weighted average of the values.
    Shapes: query `(D,)`, keys `(K, D)`, values `(K, V)`; the output is `(V,)`. No scaling yet.
    Stay in torch all the way, so that dtype and gradient come through; scores may be large.
    """,
    hints=(
        "How do you get all K dot products with a single matrix product?",
        "`scores = keys @ query` has shape `(K,)`. `torch.softmax(scores, dim=0)` keeps that "
        "shape.",
        "Weights `(K,)` times values `(K, V)` is again one matrix product: `weights @ values`.",
    ),
    because="One matrix product compares, one averages; softmax between them makes weights.",
)


@soft_lookup.stub
def my_soft_lookup(query, keys, values):
    """Average the values, each weighted by how well its key matches."""
    raise NotImplementedError


@soft_lookup.reference
def my_soft_lookup(query, keys, values):
    scores = keys @ query  # (K,)
    weights = torch.softmax(scores, dim=0)  # (K,)
    return weights @ values  # (V,)


@soft_lookup.right
def my_soft_lookup(query, keys, values):
    scores = torch.stack([torch.dot(query, key) for key in keys])
    weights = scores.softmax(-1)
    return sum(weight * value for weight, value in zip(weights, values, strict=True))


@soft_lookup.right
def my_soft_lookup(query, keys, values):
    weights = functional.softmax(torch.einsum("kd,d->k", keys, query), dim=0)
    return torch.einsum("k,kv->v", weights, values)


@soft_lookup.right
def my_soft_lookup(query, keys, values):
    scores = (keys * query).sum(dim=1, keepdim=True)
    unnormalised = torch.exp(scores - scores.max())
    return (unnormalised * values).sum(dim=0) / unnormalised.sum()


def _lookup_inputs(num_keys: int = 6, scale: float = 1.0, dtype=torch.float64):
    rng = torch.Generator().manual_seed(1)
    shapes = (5,), (num_keys, 5), (num_keys, 3)
    return tuple(scale * torch.randn(shape, generator=rng, dtype=dtype) for shape in shapes)


def _lookup_by_hand(query, keys, values) -> torch.Tensor:
    """The oracle: plain Python, one number at a time."""
    query = query.tolist()
    scores = [sum(q * k for q, k in zip(query, key, strict=True)) for key in keys.tolist()]
    powers = [math.exp(score - max(scores)) for score in scores]
    weights = [power / sum(powers) for power in powers]
    columns = zip(*values.tolist(), strict=True)
    averages = [sum(w * v for w, v in zip(weights, column, strict=True)) for column in columns]
    return torch.tensor(averages, dtype=values.dtype)


@soft_lookup.check
def output_is_one_value(answer):
    output = answer(*_lookup_inputs())
    if output.shape != (3,):
        likely = {
            (6,): "Those are the weights: now average the values with them.",
            (5,): "That is as wide as a key: what is averaged is the values.",
            (1, 3): "One axis is left over: there is a single query, so it can go.",
        }
        return (
            f"For 6 values of width 3 the output should have shape (3,), one averaged value; yours "
            f"has {tuple(output.shape)}. "
            + likely.get(tuple(output.shape), "Average over the keys, not over the width.")
        )
    return other_dtype("output", output, torch.float64, _FIXED)


@soft_lookup.check
def output_is_an_average_of_the_values(answer):
    query, keys, _ = _lookup_inputs()
    total = answer(query, keys, torch.ones(6, 3, dtype=torch.float64))
    if (total - 1).abs().max() > 1e-9:
        mine, _ = told_apart(total[0].item(), 1.0)
        cause = "is softmax applied to the scores, over the keys?"
        if (total - 1).abs().max() < 0.05:
            cause = "is something small added to the sum that they are divided by?"
        return (
            f"If every value is 1, any average is 1; yours is {mine}. The weights should sum to "
            f"1: {cause}"
        )


@soft_lookup.check
def weights_come_from_the_dot_products(answer):
    inputs = _lookup_inputs()
    output = answer(*inputs)
    if torch.allclose(output, _lookup_by_hand(*inputs), atol=1e-9):
        return None
    query, keys, values = inputs
    if torch.allclose(output, values.mean(dim=0)):
        return "Every key gets the same weight: the query is not used yet."
    if torch.allclose(output, torch.softmax(keys @ query / 5**0.5, dim=0) @ values):
        return "The scores are divided by √D. That comes later in the chapter: here, no scaling."
    if torch.allclose(output, values[(keys @ query).argmax()]):
        return "This is a hard look-up: the best key takes all. Let softmax share the weight."
    if torch.allclose(output, torch.softmax(-(keys @ query), dim=0) @ values):
        return "The worst match gets the largest weight: is there a minus sign too many?"
    return (
        "The weights are not the softmax of the dot products of the query with each key. Does "
        "every key take part?"
    )


@soft_lookup.check
def a_single_key_takes_all(answer):
    query, keys, values = _lookup_inputs(num_keys=1)
    output = answer(query, keys, values)
    if output.shape != (3,) or not torch.allclose(output, values[0]):
        return "With one key there is nothing to share: its value should come out, of shape (3,)."


@soft_lookup.check
def large_scores_do_not_overflow(answer):
    for dtype, tolerance in ((torch.float32, 0.1), (torch.float64, 1e-9)):
        inputs = _lookup_inputs(scale=30.0, dtype=dtype)
        output = answer(*inputs)
        if not torch.isfinite(output).all():
            return (
                "With large scores the output is not a finite number: exp of a large score "
                "overflows. torch.softmax subtracts the largest score first."
            )
        if not torch.allclose(output, _lookup_by_hand(*inputs), atol=tolerance):
            return (
                "With large scores the weights are no longer the softmax of the dot products: are "
                "the scores bounded, or is something added to their sum?"
            )


@soft_lookup.check
def gradient_reaches_every_input(answer):
    ours = [tensor.requires_grad_() for tensor in _lookup_inputs()]
    oracle = [tensor.requires_grad_() for tensor in _lookup_inputs()]
    output = answer(*ours)
    if not output.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.item()`, `.detach()`)."
    output.square().sum().backward()
    query, keys, values = oracle
    wanted = functional.scaled_dot_product_attention(query[None], keys, values, scale=1.0)
    wanted.square().sum().backward()
    return wrong_gradient(("query", "keys", "values"), ours, oracle)


@soft_lookup.wrong(output_is_one_value, "Average over the keys")
def my_soft_lookup(query, keys, values):
    weights = torch.softmax(keys @ query, dim=0)
    return weights[:, None] * values


@soft_lookup.wrong(output_is_one_value, "Those are the weights")
def my_soft_lookup(query, keys, values):
    return torch.softmax(keys @ query, dim=0)


@soft_lookup.wrong(output_is_an_average_of_the_values, "should sum to 1")
def my_soft_lookup(query, keys, values):
    return (keys @ query) @ values


@soft_lookup.wrong(output_is_an_average_of_the_values, "yours is 0.9998. The weights")
def my_soft_lookup(query, keys, values):
    powers = torch.exp(keys @ query - (keys @ query).max())
    return powers @ values / (powers.sum() + 4e-4)


@soft_lookup.wrong(output_is_an_average_of_the_values, "something small added to the sum")
def my_soft_lookup(query, keys, values):
    powers = torch.exp(keys @ query - (keys @ query).max())
    return powers @ values / (powers.sum() + 1e-6)


@soft_lookup.wrong(weights_come_from_the_dot_products, "hard look-up")
def my_soft_lookup(query, keys, values):
    return values[(keys @ query).argmax()]


@soft_lookup.wrong(weights_come_from_the_dot_products, "no scaling")
def my_soft_lookup(query, keys, values):
    return torch.softmax(keys @ query / keys.size(-1) ** 0.5, dim=0) @ values


@soft_lookup.wrong(large_scores_do_not_overflow, "overflows")
def my_soft_lookup(query, keys, values):
    powers = torch.exp(keys @ query)
    return powers @ values / powers.sum()


@soft_lookup.wrong(output_is_one_value, "Given torch.float64, `output` is torch.float32")
def my_soft_lookup(query, keys, values):
    return torch.tensor((torch.softmax(keys @ query, dim=0) @ values).tolist())


@soft_lookup.wrong(a_single_key_takes_all, "nothing to share")
def my_soft_lookup(query, keys, values):
    weights = torch.softmax(keys @ query, dim=0)
    return (weights[:, None] * values).squeeze().sum(dim=0)


@soft_lookup.wrong(large_scores_do_not_overflow, "bounded")
def my_soft_lookup(query, keys, values):
    powers = torch.exp((keys @ query).clamp(max=80))
    return powers @ values / powers.sum()


@soft_lookup.wrong(gradient_reaches_every_input, "The gradient of `query` is wrong")
def my_soft_lookup(query, keys, values):
    powers = torch.exp(keys @ query - (keys @ query).max())
    return powers @ values / powers.sum().detach()


@soft_lookup.wrong(gradient_reaches_every_input, "`query`")
def my_soft_lookup(query, keys, values):
    return torch.softmax(keys.detach() @ query.detach(), dim=0) @ values


def _torch_lookup(query, keys, values):
    """The oracle for all sizes: torch's own attention, with one query."""
    return functional.scaled_dot_product_attention(query[None], keys, values, scale=1.0)[0]


@soft_lookup.inputs(oracle=_torch_lookup)
def lookup_calls(draw):
    num_keys, width, value_width = draw.sizes(
        keys=300, columns_of_the_keys=300, columns_of_the_values=300
    )
    scale = draw.scale(1, 30, 1_000)
    query, keys = draw.floats(width, scale=scale), draw.floats(num_keys, width, scale=scale)
    return query, keys, draw.floats(num_keys, value_width, scale=draw.scale(1, 100))


@soft_lookup.wrong(lookup_calls, "is a size fixed")
def my_soft_lookup(query, keys, values):
    scores = keys[:128] @ query
    return torch.softmax(scores, dim=0) @ values[:128]


# --- attention without a mask -------------------------------------------------------------------

attention_plain = CodeExercise(
    returns=("output", "weights"),
    task="""
    Write `my_plain_attention(query, key, value)`: the formula, with the scaling by √D and without
    a mask. Return `(output, weights)`. Shapes: query `(..., Q, D)`, key `(..., K, D)`, value
    `(..., K, V)`, with any leading axes.
    """,
    hints=(
        "Three steps: scaled scores, softmax over the keys, average. Write each shape "
        "beside its line.",
        "`key.transpose(-2, -1)` swaps the last two axes whatever stands before them.",
        "`torch.softmax(scores, dim=-1)` shares out one whole for each query; `@ value` averages.",
    ),
    because="Scores compare each query with every key; softmax over the keys makes each row sum "
    "to 1; the product with the values is an average for each query.",
)


@attention_plain.stub
def my_plain_attention(query, key, value):
    """Return (output, weights) of attention without a mask."""
    raise NotImplementedError


@attention_plain.reference
def my_plain_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5  # (..., Q, K)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights  # (..., Q, V), (..., Q, K)


@attention_plain.right
def my_plain_attention(query, key, value):
    scores = torch.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5
    weights = scores.softmax(dim=-1)
    return torch.einsum("...qk,...kv->...qv", weights, value), weights


@attention_plain.right
def my_plain_attention(query, key, value):
    scores = torch.matmul(query / math.sqrt(key.shape[-1]), key.mT)
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True).detach())
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return torch.matmul(weights, value), weights


@attention_plain.right
def my_plain_attention(query, key, value):
    rows, shares = [], []
    for position in range(query.shape[-2]):
        one = query[..., position : position + 1, :]
        share = ((one * key).sum(dim=-1) / query.shape[-1] ** 0.5).softmax(dim=-1)
        shares.append(share)
        rows.append((share[..., None] * value).sum(dim=-2))
    return torch.stack(rows, dim=-2), torch.stack(shares, dim=-2)


def _attention_inputs(scale: float = 1.0, dtype=torch.float64, leading=(2, 3), width: int = 7):
    """Query (..., 5, 7), key (..., 6, 7), value (..., 6, 4): all sizes differ."""
    rng = torch.Generator().manual_seed(2)
    shapes = (*leading, 5, width), (*leading, 6, width), (*leading, 6, 4)
    return tuple(scale * torch.randn(shape, generator=rng, dtype=dtype) for shape in shapes)


def _torch_weights(query, key, mask=None):
    """The oracle for the weights: torch's own attention, applied to the identity as values."""
    identity = torch.eye(key.size(-2), dtype=key.dtype).expand(*key.shape[:-1], key.size(-2))
    return functional.scaled_dot_product_attention(query, key, identity, attn_mask=mask)


@attention_plain.check
def shapes_are_right(answer):
    output, weights = answer(*_attention_inputs())
    if (output.shape, weights.shape) == ((2, 3, 5, 6), (2, 3, 5, 4)):
        return "The two are the wrong way round: `return output, weights`."
    if weights.shape != (2, 3, 5, 6):
        return (
            f"`weights` should be (..., queries, keys) = (2, 3, 5, 6); yours is "
            f"{tuple(weights.shape)}. Scores are query @ key transposed over its last two axes."
        )
    if output.shape != (2, 3, 5, 4):
        return (
            f"`output` should be (..., queries, value width) = (2, 3, 5, 4); yours is "
            f"{tuple(output.shape)}. It is weights @ value."
        )
    for name, tensor in (("output", output), ("weights", weights)):
        message = other_dtype(name, tensor, torch.float64, _FIXED)
        if message:
            return message


@attention_plain.check
def each_row_sums_to_one(answer):
    _, weights = answer(*_attention_inputs())
    totals = weights.sum(dim=-1)
    if torch.allclose(totals, torch.ones(2, 3, 5, dtype=torch.float64)):
        return None
    if torch.allclose(weights.sum(dim=-2), torch.ones(2, 3, 6, dtype=torch.float64)):
        return (
            "Each *column* sums to 1: the softmax runs over the queries. It should run over the "
            "keys, dim=-1, so that each query shares out one whole."
        )
    furthest = totals.flatten()[(totals - 1).abs().argmax()].item()
    cause = "Does the softmax run over the keys only, dim=-1, and is its result what you return?"
    if abs(furthest - 1) < 0.01:
        cause = "Is something small added to the sum that they are divided by?"
    mine, _ = told_apart(furthest, 1.0)
    return f"Each row of `weights` should sum to 1; one of yours sums to {mine}. {cause}"


@attention_plain.check
def scores_are_scaled_dot_products(answer):
    query, key, value = _attention_inputs()
    _, weights = answer(query, key, value)
    if torch.allclose(weights, _torch_weights(query, key), atol=1e-9):
        narrow = _attention_inputs(width=3)
        if torch.allclose(answer(*narrow)[1], _torch_weights(*narrow[:2]), atol=1e-9):
            return None
        return "With another width D the scaling is wrong: is a number fixed that should be √D?"
    if (weights == 0).any():
        return "Without a mask every key gets some weight; yours hides some. Is a mask built in?"
    slips = {
        1.0: "The scores are not scaled: divide them by √D, the root of the query's width.",
        7.0: "The scores are divided by D; it should be its square root, √D.",
        6**0.5: "The scores are divided by the root of the number of keys; it should be √D, "
        "the root of the width that is summed over.",
        5**0.5: "The scores are divided by the root of the number of queries; it should be √D, "
        "the root of the width that is summed over.",
        7**-0.5: "The scores are multiplied by √D; they should be divided by it.",
    }
    for divisor, message in slips.items():
        if torch.allclose(weights, torch.softmax(query @ key.mT / divisor, dim=-1)):
            return message
    if torch.allclose(weights, torch.softmax(-(query @ key.mT) / 7**0.5, dim=-1)):
        return "The worst match gets the largest weight: is there a minus sign too many?"
    return (
        "The weights are not softmax(query · key / √D), taken over the keys. Is D the last axis of "
        "the query, and every key compared with every query?"
    )


@attention_plain.check
def output_is_the_weighted_average(answer):
    query, key, value = _attention_inputs()
    output, weights = answer(query, key, value)
    if not torch.allclose(output, weights @ value, atol=1e-9):
        return "`weights` is right, but `output` is not weights @ value."


@attention_plain.check
def leading_axes_may_be_any_and_one_token_is_enough(answer):
    for leading in ((), (1,), (2, 1, 3)):
        inputs = _attention_inputs(leading=leading)
        output, _ = answer(*inputs)
        if not torch.allclose(output, functional.scaled_dot_product_attention(*inputs), atol=1e-9):
            return (
                f"With leading axes {leading} the output is wrong: does a line count on four axes?"
            )
    one = [tensor[..., :1, :] for tensor in _attention_inputs()]
    output, weights = answer(*one)
    if weights.shape != (2, 3, 1, 1) or output.shape != (2, 3, 1, 4):
        return (
            f"For one query and one key `output` should be (2, 3, 1, 4) and `weights` "
            f"(2, 3, 1, 1); yours are {tuple(output.shape)} and {tuple(weights.shape)}. "
            f"Does a `squeeze` drop axes?"
        )
    if not torch.allclose(output, one[2]) or not (weights == 1).all():
        return "A single token can only look at itself: weight 1, and its own value comes out."


@attention_plain.check
def precision_is_kept(answer):
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        inputs = _attention_inputs(dtype=dtype)
        output, _ = answer(*inputs)
        if output.dtype != dtype:
            return other_dtype("output", output, dtype, _FIXED)
        difference = output - functional.scaled_dot_product_attention(*inputs)
        if not difference.abs().max() < tolerance:
            return (
                f"In {dtype} the output is off by {difference.abs().max():.1g}: is a part of it "
                f"computed in less, or something added to a sum?"
            )


@attention_plain.check
def large_scores_do_not_overflow(answer):  # the same fact as for the look-up, on this function
    inputs = _attention_inputs(scale=30.0, dtype=torch.float32)
    output, _ = answer(*inputs)
    if not torch.isfinite(output).all():
        return (
            "With large scores the output is not a finite number: exp of a large score overflows. "
            "torch.softmax subtracts the largest score first."
        )
    query, key, value = _attention_inputs(scale=300.0)
    _, weights = answer(query, key, value)
    if not torch.allclose(weights, _torch_weights(query, key), atol=1e-9):
        return (
            "With large scores the weights are wrong: are the scores bounded, or is the largest of "
            "*all* subtracted rather than the largest of each row?"
        )


@attention_plain.check
def inputs_need_not_be_contiguous(answer):
    inputs = [tensor.transpose(0, 1) for tensor in _attention_inputs()]
    output, _ = answer(*inputs)
    if not torch.allclose(output, functional.scaled_dot_product_attention(*inputs), atol=1e-9):
        return (
            "For inputs that are transposed views the output is wrong: does a `reshape` mix axes?"
        )


def _wrong_gradients(answer, mask=None) -> str | None:
    """What is wrong with the gradients through `output` and through `weights`."""
    ours = [tensor.requires_grad_() for tensor in _attention_inputs()]
    oracle = [tensor.requires_grad_() for tensor in _attention_inputs()]
    output, weights = answer(*ours) if mask is None else answer(*ours, mask)
    output.square().sum().backward(retain_graph=True)
    wanted = functional.scaled_dot_product_attention(*oracle, attn_mask=mask)
    wanted.square().sum().backward()
    message = wrong_gradient(("query", "key", "value"), ours, oracle)
    if message:
        return message
    if not weights.requires_grad:
        return "`weights` comes back cut off from its inputs: return it without `.detach()`."
    weights.square().sum().backward()
    _torch_weights(*oracle[:2], mask).square().sum().backward()
    message = wrong_gradient(("query", "key"), ours[:2], oracle[:2])
    return message and f"Through `weights`, not through `output`: {message}"


@attention_plain.check
def gradients_without_a_mask_are_right(answer):
    return _wrong_gradients(answer)


@attention_plain.wrong(shapes_are_right, "(..., queries, keys)")
def my_plain_attention(query, key, value):
    weights = torch.softmax(key @ query.mT / query.size(-1) ** 0.5, dim=-2)
    return weights.mT @ value, weights


@attention_plain.wrong(shapes_are_right, "wrong way round")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return weights, weights @ value


@attention_plain.wrong(shapes_are_right, "weights @ value")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return weights, weights


@attention_plain.wrong(each_row_sums_to_one, "Each *column* sums to 1")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-2)
    return weights @ value, weights


@attention_plain.wrong(scores_are_scaled_dot_products, "not scaled")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.mT, dim=-1)
    return weights @ value, weights


@attention_plain.wrong(scores_are_scaled_dot_products, "square root")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.mT / query.size(-1), dim=-1)
    return weights @ value, weights


@attention_plain.wrong(output_is_the_weighted_average, "not weights @ value")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return torch.softmax(weights, dim=-1) @ value, weights


@attention_plain.wrong(leading_axes_may_be_any_and_one_token_is_enough, "stopped")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.transpose(2, 3) / query.size(-1) ** 0.5, dim=-1)
    return weights @ value, weights


@attention_plain.wrong(precision_is_kept, "Given torch.float32")
def my_plain_attention(query, key, value):
    scores = query @ key.mT / query.size(-1) ** 0.5
    weights = torch.softmax(scores, dim=-1, dtype=torch.float64)
    return weights @ value.double(), weights


@attention_plain.wrong(large_scores_do_not_overflow, "not a finite number")
def my_plain_attention(query, key, value):
    powers = torch.exp(query @ key.mT / query.size(-1) ** 0.5)
    weights = powers / powers.sum(dim=-1, keepdim=True)
    return weights @ value, weights


@attention_plain.wrong(large_scores_do_not_overflow, "largest of each row")
def my_plain_attention(query, key, value):
    scores = query @ key.mT / query.size(-1) ** 0.5
    powers = torch.exp(scores - scores.max())
    total = powers.sum(dim=-1, keepdim=True)
    weights = powers / torch.where(total == 0, 1.0, total)
    return weights @ value, weights


@attention_plain.wrong(inputs_need_not_be_contiguous, "stopped")
def my_plain_attention(query, key, value):
    lines = query.view(-1, *query.shape[-2:])  # `view` needs one unbroken piece of memory
    scores = (lines @ key.reshape(-1, *key.shape[-2:]).mT).view(*query.shape[:-1], key.shape[-2])
    weights = torch.softmax(scores / query.size(-1) ** 0.5, dim=-1)
    return weights @ value, weights


@attention_plain.wrong(gradients_without_a_mask_are_right, "without `.detach()`")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return weights @ value, weights.detach()


@attention_plain.wrong(gradients_without_a_mask_are_right, "No gradient reaches `key`")
def my_plain_attention(query, key, value):
    scores = query @ key.detach().mT / query.size(-1) ** 0.5 + 0 * (key.sum() * 0)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


def _torch_plain_attention(query, key, value):
    """The oracle for all sizes: torch's attention."""
    weights = _torch_weights(query, key)
    return weights @ value, weights


def _drawn_inputs(draw):
    """Query, key and value of any sizes, with any leading axes."""
    queries, keys, width, value_width, batch = draw.sizes(
        queries=300, keys=300, columns_of_the_keys=300, columns_of_the_values=300, sequences=65
    )
    leading = draw.one_of((), (batch,), (batch, 1), (batch, draw.whole(1, 3)))
    scale = draw.scale(1, 30, 1_000)
    query = draw.floats(*leading, queries, width, scale=scale)
    key = draw.floats(*leading, keys, width, scale=scale)
    return query, key, draw.floats(*leading, keys, value_width, scale=draw.scale(1, 100))


@attention_plain.inputs(oracle=_torch_plain_attention)
def plain_attention_calls(draw):
    return _drawn_inputs(draw)


@attention_plain.wrong(plain_attention_calls, "should have shape")
def my_plain_attention(query, key, value):
    weights = torch.softmax(query[..., :128, :] @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return weights @ value, weights


# --- the whole of attention --------------------------------------------------------------------

attention = CodeExercise(
    returns=("output", "weights"),
    task="""
    Write `my_attention(query, key, value, mask=None)`, with the scaling by √D, and return
    `(output, weights)`. Shapes: query `(..., Q, D)`, key `(..., K, D)`, value `(..., K, V)`, with
    any leading axes. `mask` is bool and broadcastable to `(..., Q, K)`; True = may look. A query
    that may look at nothing gets zeros, in `output` and in `weights`, and no NaN in its gradient.
    Once it passes, the real model further down runs through *your* function.
    """,
    hints=(
        "Four steps: scores, scale, mask, softmax; then the average. Write each shape beside "
        "its line.",
        "`key.transpose(-2, -1)` swaps the last two axes whatever stands before them.",
        "To hide a key, give it a very low score *before* the softmax: "
        "`scores.masked_fill(~mask, torch.finfo(scores.dtype).min)`.",
        "A row that may look at nothing comes out uniform then; "
        "`weights.masked_fill(~mask, 0.0)` after the softmax turns it into zeros.",
    ),
    because="A finite lowest score instead of minus infinity keeps a fully masked row free of NaN.",
)


@attention.stub
def my_attention(query, key, value, mask=None):
    """Return (output, weights) of scaled dot-product attention."""
    raise NotImplementedError


@attention.reference
def my_attention(query, key, value, mask=None):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5  # (..., Q, K)
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ value, weights  # (..., Q, V), (..., Q, K)


@attention.right
def my_attention(query, key, value, mask=None):
    scores = torch.einsum("...qd,...kd->...qk", query, key) * query.shape[-1] ** -0.5
    if mask is None:
        mask = torch.ones_like(scores, dtype=torch.bool)
    scores = torch.where(mask, scores, -torch.inf)
    weights = torch.nan_to_num(scores.softmax(dim=-1), nan=0.0)
    return torch.einsum("...qk,...kv->...qv", weights, value), weights


@attention.right
def my_attention(query, key, value, mask=None):
    width = key.shape[-1]
    scores = torch.matmul(query / math.sqrt(width), key.mT)
    if mask is not None:
        scores = torch.where(mask, scores, -1e30)
    powers = torch.exp(scores - scores.amax(dim=-1, keepdim=True).detach())
    if mask is not None:
        powers = powers * mask
    total = powers.sum(dim=-1, keepdim=True)
    weights = powers / torch.where(total == 0, 1.0, total)
    return torch.matmul(weights, value), weights


@attention.right
def my_attention(query, key, value, mask=None):
    rows, shares = [], []
    for position in range(query.shape[-2]):
        one = query[..., position : position + 1, :]
        scores = (one * key).sum(dim=-1) / query.shape[-1] ** 0.5
        seen = torch.ones_like(scores, dtype=torch.bool)
        if mask is not None:
            all_rows = mask.expand(*mask.shape[:-2], query.shape[-2], key.shape[-2])
            seen = seen & all_rows[..., position, :]
        share = scores.masked_fill(~seen, -1e30).softmax(dim=-1) * seen
        shares.append(share)
        rows.append((share[..., None] * value).sum(dim=-2))
    return torch.stack(rows, dim=-2), torch.stack(shares, dim=-2)


def _some_mask() -> torch.Tensor:
    """(2, 1, 5, 6): each query sees two to five of the six keys."""
    rng = torch.Generator().manual_seed(3)
    mask = torch.rand(2, 1, 5, 6, generator=rng) < 0.5
    mask[..., :2], mask[..., 5] = True, False
    return mask


for _same in (  # what holds without a mask holds for the whole
    shapes_are_right,
    each_row_sums_to_one,
    scores_are_scaled_dot_products,
    output_is_the_weighted_average,
):
    attention.check(_same)


@attention.check
def mask_hides_what_is_false(answer):
    mask, inputs = _some_mask(), _attention_inputs()
    output, weights = answer(*inputs, mask)
    if weights.isnan().any():
        return (
            "With a mask the weights are NaN: 0 times infinity, or infinity minus infinity, "
            "is not a number. `masked_fill` puts a score in without calculating."
        )
    everywhere = mask.expand_as(weights)
    if weights[everywhere].abs().max() == 0 or (weights[~everywhere] > 0.05).any():
        if (weights[everywhere] < 1e-9).all():
            return (
                "The mask is the wrong way round: True means *may look*, and your weights are zero "
                "exactly there. Fill where the mask is False (`~mask`)."
            )
        return "A key that the mask hides still gets weight. Is `mask` used, before the softmax?"
    if not torch.allclose(weights.sum(dim=-1), torch.ones(2, 3, 5, dtype=torch.float64)):
        return (
            "With a mask the rows no longer sum to 1: it cuts weights away after the softmax. "
            "Lower the hidden *scores* before it, so that the rest shares out the whole."
        )
    if not torch.allclose(weights, _torch_weights(*inputs[:2], mask), atol=1e-9):
        return "With a mask, the keys that may be seen do not share the weight as they should."
    if not torch.allclose(output, weights @ inputs[2], atol=1e-9):
        return "With a mask, `weights` is right, but `output` is not weights @ value."


@attention.check
def mask_may_be_smaller_and_is_broadcast(answer):
    inputs = _attention_inputs()
    row = torch.tensor([True, False, True, True, False, True])
    for mask in (row, row.expand(5, 6), row.expand(3, 1, 6), row.expand(2, 1, 1, 6)):
        _, weights = answer(*inputs, mask)
        if not torch.allclose(weights, _torch_weights(*inputs[:2], row.expand(5, 6)), atol=1e-9):
            return f"A mask of shape {tuple(mask.shape)} should be broadcast to (2, 3, 5, 6)."


@attention.check
def query_that_sees_nothing_gets_zeros(answer):
    mask = torch.ones(5, 6, dtype=torch.bool)
    mask[3] = False
    inputs = [tensor.requires_grad_() for tensor in _attention_inputs()]
    output, weights = answer(*inputs, mask)
    if output[..., 3, :].isnan().any():
        return (
            "A query that may look at nothing gives NaN (softmax of minus infinity everywhere is "
            "0/0). It should give zeros."
        )
    if (output[..., 3, :] != 0).any() or (weights[..., 3, :] != 0).any():
        return "A query that may look at nothing should give zeros, in `output` and in `weights`."
    if not output.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.item()`, `.detach()`)."
    output.square().sum().backward()
    if any(tensor.grad is not None and tensor.grad.isnan().any() for tensor in inputs):
        return (
            "Where a query may look at nothing the gradient is NaN, though the output is not: "
            "minus infinity leaves it behind. Use a finite lowest score."
        )


attention.check(leading_axes_may_be_any_and_one_token_is_enough)


@attention.check
def mask_goes_with_any_leading_axes(answer):
    for leading in ((), (1,), (2, 1, 3)):
        inputs = _attention_inputs(leading=leading)
        mask = _some_mask()[0, 0]
        output, _ = answer(*inputs, mask)
        wanted = functional.scaled_dot_product_attention(*inputs, attn_mask=mask)
        if not torch.allclose(output, wanted, atol=1e-9):
            return (
                f"With leading axes {leading} and a mask of shape (5, 6) the output is wrong: "
                f"does a line about the mask count on four axes?"
            )


attention.check(precision_is_kept)
attention.check(large_scores_do_not_overflow)


@attention.check
def mask_holds_against_large_scores(answer):
    query, key, value = _attention_inputs(scale=300.0)
    _, weights = answer(query, key, value, _some_mask())
    if not torch.allclose(weights, _torch_weights(query, key, _some_mask()), atol=1e-9):
        return (
            "With a mask and large scores the weights are wrong: a hidden key still plays a part. "
            "Hide it by the lowest score there is, before anything is compared or summed."
        )


attention.check(inputs_need_not_be_contiguous)


@attention.check
def gradients_are_right(answer):
    return _wrong_gradients(answer, _some_mask())


@attention.wrong(shapes_are_right, "(..., queries, keys)")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(key @ query.mT / query.size(-1) ** 0.5, dim=-2)
    return weights.mT @ value, weights


@attention.wrong(shapes_are_right, "weights @ value")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return weights, weights


@attention.wrong(each_row_sums_to_one, "Each *column* sums to 1")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-2)
    return weights @ value, weights


@attention.wrong(each_row_sums_to_one, "over the keys only")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    weights = torch.softmax(scores.flatten(-2), dim=-1).view_as(scores)
    return weights @ value, weights


@attention.wrong(each_row_sums_to_one, "Is something small added to the sum")
def my_attention(query, key, value, mask=None):
    powers = torch.exp(query @ key.mT / query.size(-1) ** 0.5)
    weights = powers / (powers.sum(dim=-1, keepdim=True) + 1e-3)
    return weights @ value, weights


@attention.wrong(scores_are_scaled_dot_products, "not scaled")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT, dim=-1)
    return weights @ value, weights


@attention.wrong(scores_are_scaled_dot_products, "square root")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / query.size(-1), dim=-1)
    return weights @ value, weights


@attention.wrong(scores_are_scaled_dot_products, "is a number fixed")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / 7**0.5, dim=-1)
    return weights @ value, weights


@attention.wrong(scores_are_scaled_dot_products, "Is a mask built in")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
    weights = torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)
    return weights @ value, weights


@attention.wrong(shapes_are_right, "wrong way round")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return weights, weights @ value


@attention.wrong(scores_are_scaled_dot_products, "number of keys")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / key.size(-2) ** 0.5, dim=-1)
    return weights @ value, weights


@attention.wrong(output_is_the_weighted_average, "not weights @ value")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return torch.softmax(weights, dim=-1) @ value, weights


@attention.wrong(mask_may_be_smaller_and_is_broadcast, "should be broadcast")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None and mask.shape[-2:] == scores.shape[-2:]:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


@attention.wrong(inputs_need_not_be_contiguous, "stopped")
def my_attention(query, key, value, mask=None):
    lines = query.view(-1, *query.shape[-2:])  # `view` needs one unbroken piece of memory
    scores = (lines @ key.reshape(-1, *key.shape[-2:]).mT).view(*query.shape[:-1], key.shape[-2])
    scores = scores / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value, weights


@attention.wrong(mask_hides_what_is_false, "wrong way round")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask, -1e9)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


@attention.wrong(mask_hides_what_is_false, "before the softmax")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    return weights @ value, weights


@attention.wrong(mask_hides_what_is_false, "0 times infinity")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores + (~mask) * -torch.inf
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


@attention.wrong(mask_hides_what_is_false, "rows no longer sum to 1")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query @ key.mT / query.size(-1) ** 0.5, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value, weights


@attention.wrong(mask_hides_what_is_false, "A key that the mask hides")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, 0.0)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


@attention.wrong(query_that_sees_nothing_gets_zeros, "NaN")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


@attention.wrong(query_that_sees_nothing_gets_zeros, "should give zeros")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, dim=-1)
    return weights @ value, weights


@attention.wrong(leading_axes_may_be_any_and_one_token_is_enough, "stopped")
def my_attention(query, key, value, mask=None):
    scores = query @ key.transpose(2, 3) / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value, weights


@attention.wrong(mask_goes_with_any_leading_axes, "about the mask")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        mask = mask if query.dim() > 3 else mask[..., :1, :]
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ value, weights


@attention.wrong(shapes_are_right, "Given torch.float64")
def my_attention(query, key, value, mask=None):
    weights = torch.softmax(query.float() @ key.float().mT / query.size(-1) ** 0.5, dim=-1)
    return (weights @ value.float()).to(query.dtype), weights


@attention.wrong(precision_is_kept, "Given torch.float32")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1, dtype=torch.float64)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ value.double(), weights


@attention.wrong(large_scores_do_not_overflow, "not a finite number")
def my_attention(query, key, value, mask=None):
    powers = torch.exp(query @ key.mT / query.size(-1) ** 0.5)
    if mask is not None:
        powers = powers * mask
    total = powers.sum(dim=-1, keepdim=True)
    weights = powers / torch.where(total == 0, 1.0, total)
    return weights @ value, weights


@attention.wrong(large_scores_do_not_overflow, "largest of each row")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    powers = torch.exp(scores - scores.max())
    if mask is not None:
        powers = powers * mask
    total = powers.sum(dim=-1, keepdim=True)
    weights = powers / torch.where(total == 0, 1.0, total)
    return weights @ value, weights


@attention.wrong(mask_holds_against_large_scores, "a hidden key still plays a part")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -100.0)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ value, weights


@attention.wrong(gradients_are_right, "without `.detach()`")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ value, weights.detach()


@attention.wrong(gradients_are_right, "No gradient reaches `key`")
def my_attention(query, key, value, mask=None):
    scores = query @ key.detach().mT / query.size(-1) ** 0.5 + 0 * (key.sum() * 0)
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e9)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights * mask
    return weights @ value, weights


def _torch_attention(query, key, value, mask=None):
    """The oracle for all sizes: torch's attention; a row that sees nothing is zero by a switch."""
    seen = torch.ones((), dtype=torch.bool) if mask is None else mask.any(dim=-1, keepdim=True)
    weights = _torch_weights(query, key, None if mask is None else mask | ~seen)
    weights = torch.where(seen, weights, 0.0)
    return weights @ value, weights


@attention.inputs(oracle=_torch_attention)
def attention_calls(draw):
    query, key, value = _drawn_inputs(draw)
    mask = draw.mask(*query.shape[:-1], key.shape[-2])
    return (query, key, value) if mask is None else (query, key, value, mask)


@attention.wrong(attention_calls, "should be 0")
def my_attention(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None and mask.shape[-1] > 1:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None and mask.shape[-1] > 1:
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ value, weights


# --- masks -------------------------------------------------------------------------------------

causal = CodeExercise(
    returns=("mask",),
    task="""
    Write `my_causal_mask(seq_len)`: a bool tensor of shape `(seq_len, seq_len)`, row = query,
    column = key. Each position may look (True) at itself and at what came before it.
    """,
    hints=(
        "Draw it for three tokens: which of the nine cells are True?",
        "Start from `torch.ones(seq_len, seq_len, dtype=torch.bool)`; `tril` keeps a triangle.",
    ),
    because="`tril` keeps the lower triangle: the column (key) is not beyond the row (query).",
)


@causal.stub
def my_causal_mask(seq_len):
    """Return a (seq_len, seq_len) bool mask that lets nobody look ahead."""
    raise NotImplementedError


@causal.reference
def my_causal_mask(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril()


@causal.right
def my_causal_mask(seq_len):
    position = torch.arange(seq_len)
    return position[None, :] <= position[:, None]


@causal.right
def my_causal_mask(seq_len):
    return ~torch.triu(torch.ones(seq_len, seq_len), diagonal=1).bool()


@causal.right
def my_causal_mask(seq_len):
    return torch.tensor([[key <= query for key in range(seq_len)] for query in range(seq_len)])


@causal.check
def causal_mask_is_square_and_bool(answer):
    for seq_len in (5, 1):
        mask = answer(seq_len)
        if mask.shape != (seq_len, seq_len):
            return (
                f"For seq_len={seq_len} the shape should be ({seq_len}, {seq_len}); yours is "
                f"{tuple(mask.shape)}."
            )
        if mask.dtype != torch.bool:
            return f"A mask says yes or no: it should be torch.bool, and yours is {mask.dtype}."


@causal.check
def nobody_looks_ahead_and_everybody_looks_back(answer):
    for seq_len in (5, 1, 2, 12):
        mask = answer(seq_len)
        if mask.shape != (seq_len, seq_len):
            return f"For seq_len={seq_len} the shape is {tuple(mask.shape)}: is a size fixed?"
        message = _wrong_cell(mask.tolist())
        if message:
            return message


def _wrong_cell(mask: list[list[bool]]) -> str | None:
    cells = [(query, key) for query in range(len(mask)) for key in range(len(mask))]
    wrong = [(query, key) for query, key in cells if mask[query][key] != (key <= query)]
    if not wrong:
        return None
    if all(query == key for query, key in wrong):
        return "A position cannot look at itself: the diagonal should be True as well."
    if all(mask[query][key] == (key >= query) for query, key in cells):
        return "This lets each position look *ahead*: rows are queries, columns are keys."
    if all(mask[query][key] == (key > query) for query, key in cells):
        return "This is True where looking is forbidden; the course's masks say True = may look."
    query, key = wrong[0]
    verb = "may look ahead to" if key > query else "cannot look back to"
    return f"With {len(mask)} positions, position {query} {verb} position {key} (counted from 0)."


@causal.wrong(nobody_looks_ahead_and_everybody_looks_back, "look *ahead*")
def my_causal_mask(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).triu()


@causal.wrong(nobody_looks_ahead_and_everybody_looks_back, "may look ahead to")
def my_causal_mask(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril(diagonal=1)


@causal.wrong(nobody_looks_ahead_and_everybody_looks_back, "diagonal")
def my_causal_mask(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril(diagonal=-1)


@causal.wrong(nobody_looks_ahead_and_everybody_looks_back, "True = may look")
def my_causal_mask(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).triu(diagonal=1)


@causal.wrong(nobody_looks_ahead_and_everybody_looks_back, "With 12 positions")
def my_causal_mask(seq_len):
    positions = torch.arange(seq_len)
    back = positions[:, None] - positions[None, :]
    return (back >= 0) & (back < 8)  # a window: right for short sequences only


@causal.wrong(causal_mask_is_square_and_bool, "torch.bool")
def my_causal_mask(seq_len):
    return torch.ones(seq_len, seq_len).tril()


@causal.inputs(oracle=lambda n: torch.arange(n)[:, None] >= torch.arange(n))
def causal_calls(draw):
    return tuple(draw.sizes(places=300))


@causal.wrong(causal_calls, "should have shape (300, 300)")
def my_causal_mask(seq_len):
    buffer = torch.ones(64, 64, dtype=torch.bool).tril()
    return buffer[:seq_len, :seq_len]


padding = CodeExercise(
    returns=("mask",),
    task="""
    Sentences of different length are filled up at their end to one length. Write
    `my_padding_mask(lengths, seq_len)`: from the tensor `lengths` of shape `(B,)` make a bool mask
    of shape `(B, 1, seq_len)` that is True for real tokens. The middle axis stands for every query.
    """,
    hints=(
        "`torch.arange(seq_len)` numbers the positions; a position is real when it is below "
        "the length.",
        "Compare `(seq_len,)` with `(B, 1)`: broadcasting gives `(B, seq_len)`. Then add the "
        "middle axis.",
    ),
    because="Only the columns of padding are hidden. A padded *query* still gets a row; "
    "nobody reads it.",
)


@padding.stub
def my_padding_mask(lengths, seq_len):
    """Return a (B, 1, seq_len) bool mask, True for real tokens."""
    raise NotImplementedError


@padding.reference
def my_padding_mask(lengths, seq_len):
    positions = torch.arange(seq_len)  # (seq_len,)
    return (positions < lengths[:, None])[:, None, :]  # (B, 1, seq_len)


@padding.right
def my_padding_mask(lengths, seq_len):
    rows = [[place < length for place in range(seq_len)] for length in lengths.tolist()]
    return torch.tensor(rows, dtype=torch.bool).unsqueeze(1)


@padding.right
def my_padding_mask(lengths, seq_len):
    mask = torch.zeros(len(lengths), 1, seq_len, dtype=torch.bool)
    for row, length in enumerate(lengths):
        mask[row, 0, :length] = True
    return mask


@padding.right
def my_padding_mask(lengths, seq_len):
    return torch.ge(lengths.view(-1, 1, 1) - 1, torch.arange(seq_len).view(1, 1, -1))


@padding.check
def padding_mask_has_its_axes(answer):
    mask = answer(torch.tensor([2, 5, 3]), 5)
    if mask.dtype != torch.bool:
        return f"A mask says yes or no: it should be torch.bool, and yours is {mask.dtype}."
    if mask.shape == (3, 5):
        return "The shape is (B, seq_len) = (3, 5); add the middle axis for the queries: (3, 1, 5)."
    if mask.shape != (3, 1, 5):
        return (
            f"For 3 lengths and seq_len=5 the shape should be (3, 1, 5); yours is "
            f"{tuple(mask.shape)}."
        )


@padding.check
def real_tokens_are_seen_and_padding_is_not(answer):
    for lengths, seq_len in (([2, 5, 3], 5), ([1], 4), ([0, 6], 6)):
        mask = answer(torch.tensor(lengths), seq_len)
        if mask.shape != (len(lengths), 1, seq_len):
            return (
                f"For lengths {lengths} and seq_len={seq_len} the shape should be "
                f"{(len(lengths), 1, seq_len)}; yours is {tuple(mask.shape)}. Is a size fixed, "
                f"taken from the longest sequence, or an axis squeezed away?"
            )
        for row, length in enumerate(lengths):
            seen = [place for place in range(seq_len) if mask[row, 0, place]]
            if seen == list(range(length)):
                continue
            if length == seq_len and not seen:
                return (
                    f"A sequence of {length} real tokens has no padding in {seq_len} places, and "
                    f"yours hides all of it: a slice that begins at `-0` is the whole row."
                )
            if seen == list(range(length, seq_len)):
                return "This is True for the padding; the course's masks say True = may look."
            return (
                f"A sequence of {length} real tokens padded to {seq_len} should be True at "
                f"positions {list(range(length))}; yours is at {seen}."
            )


@padding.wrong(real_tokens_are_seen_and_padding_is_not, "True for the padding")
def my_padding_mask(lengths, seq_len):
    return (torch.arange(seq_len) >= lengths[:, None])[:, None, :]


@padding.wrong(real_tokens_are_seen_and_padding_is_not, "begins at `-0`")
def my_padding_mask(lengths, seq_len):
    mask = torch.ones(len(lengths), 1, seq_len, dtype=torch.bool)
    for row, length in enumerate(lengths.tolist()):
        mask[row, 0, -(seq_len - length) :] = False
    return mask


@padding.wrong(real_tokens_are_seen_and_padding_is_not, "should be True at")
def my_padding_mask(lengths, seq_len):
    return (torch.arange(seq_len) <= lengths[:, None])[:, None, :]


@padding.wrong(real_tokens_are_seen_and_padding_is_not, "taken from the longest sequence")
def my_padding_mask(lengths, seq_len):
    return (torch.arange(int(lengths.max())) < lengths[:, None])[:, None, :]


@padding.wrong(padding_mask_has_its_axes, "middle axis")
def my_padding_mask(lengths, seq_len):
    return torch.arange(seq_len) < lengths[:, None]


@padding.wrong(padding_mask_has_its_axes, "(3, 1, 5)")
def my_padding_mask(lengths, seq_len):
    return (torch.arange(seq_len) < lengths[:, None])[:, :, None]


@padding.inputs(oracle=lambda lengths, n: (torch.arange(n) < lengths[:, None]).unsqueeze(1))
def padding_calls(draw):
    batch, seq_len = draw.sizes(sentences=300, places=300)
    lengths = draw.wholes(0, seq_len, batch)
    return lengths.to(draw.one_of(torch.int64, torch.int32)), seq_len


@padding.wrong(padding_calls, "`mask` at [")
def my_padding_mask(lengths, seq_len):
    return (torch.arange(seq_len) < lengths.to(torch.int8)[:, None])[:, None, :]


# --- why the square root -----------------------------------------------------------------------

largest_weight = Number(
    kind="Predict, then run",
    answer_name="largest_weight_guess",
    form="a number between 0 and 1",
    task="""
    A query and 16 keys hold random numbers of mean 0 and standard deviation 1, and `d_k` is 256.
    Nothing is scaled. With equal shares each key would get 1/16 = 0.06. How large, on average, is
    the *largest* of the 16 weights? Guess; the check measures it, and tells.
    """,
    truth=lambda: _mean_largest_weight(256),
    factor=1.12,
    traps=((1 / 16, "That is the share of each if all are equal, and these are far from equal."),),
    reveal=True,
    hints=(
        "The scores have standard deviation √256 = 16. How far ahead is the best of 16, typically?",
        "A lead of 3 already gives the best key `e^3` = 20 times the weight of the next.",
    ),
    because="With a standard deviation of 16 the best score is usually far ahead of the next, and "
    "softmax gives it nearly all.",
)


@functools.cache  # a tenth of a second, and the same every time
def _mean_largest_weight(d_k: int, num_queries: int = 2_000, num_keys: int = 16) -> float:
    rng = torch.Generator().manual_seed(0)
    query = torch.randn(num_queries, 1, d_k, generator=rng)
    key = torch.randn(num_queries, num_keys, d_k, generator=rng)
    return torch.softmax(query @ key.mT, dim=-1).amax(dim=-1).mean().item()


score_variance = Number(
    kind="On paper",
    answer_name="score_variance_answer",
    task="""
    All entries are independent, with mean 0. Those of the query have standard deviation 2, those of
    the key 3, and `d_k` is 64. What is the *variance* of the dot product?
    """,
    truth=lambda: 64.0 * 2**2 * 3**2,
    factor=1.001,
    traps=(
        (48, "48 is the standard deviation; its square is asked for."),
        (64, "64 would be right if both standard deviations were 1."),
        (384, "Variances are squares: 2² and 3², not 2 and 3."),
        (36, "36 is the variance of a single product; 64 of them are added."),
    ),
    hints=(
        "The variance of a product of two independent numbers of mean 0 is the product of "
        "the variances.",
        "The variance of a sum of independent numbers is the sum of their variances.",
    ),
    because="One product has variance 2² · 3² = 36; the sum of 64 of them has 64 · 36 = 2304.",
)

order_of_steps = Ordering(
    kind="Order",
    answer_name="order_of_steps_answer",
    task="Put the steps of attention in order.",
    items={
        "a": "softmax over the keys",
        "b": "average the values",
        "c": "hide what the mask forbids",
        "d": "dot products of queries and keys",
    },
    right="dcab",
    rule="Ask of each step what it needs: weights come from scores, and hiding must come "
    "before sharing.",
    hints=("What does softmax need, and what would hiding *after* it do to the sum of a row?",),
    because="Scores, then hide, then share, then average. Scaling may stand anywhere before "
    "softmax.",
)

# --- shapes, bugs, costs, claims ---------------------------------------------------------------

weights_shape = ShapePuzzle(
    answer_name="weights_shape_answer",
    task="""
    A batch of 2 sequences, 12 heads, 7 queries that look at 9 keys; queries and keys are 32 wide,
    values 64. What is the shape of `weights`?
    """,
    truth=lambda: torch.zeros(2, 12, 7, 32) @ torch.zeros(2, 12, 9, 32).mT,
    traps={
        (2, 12, 9, 7): "Rows are queries, columns are keys: a row for each of the 7 that look.",
        (2, 12, 7, 64): "That is the shape of the output, after the values are averaged.",
        (2, 12, 7, 7): "The queries look at 9 keys, not at themselves: this is not self-attention.",
        (2, 12, 7, 32): "That is the query. The width 32 is summed away in the dot product.",
    },
    hints=("One weight for each pair of a query and a key, in each head of each sequence.",),
    because="One weight for each query and key, in each head of each sequence. Widths do not "
    "appear.",
)

late_mask = FindTheBug(
    returns=("output",),
    harm="knows about the future",
    task="""
    This function is meant to be causal. It runs, its shapes are right, and the weights of the
    future are zero. Yet its output at position 0 changes when a later position does. Repair it.
    """,
    hints=(
        "Print the sum of each row of `weights` after the mask.",
        "Softmax divides by a sum over *all* keys. Which keys should that sum see?",
    ),
    because="The mask came after the softmax: the future was cut out of the top of the fraction, "
    "not out of the sum below it.",
)


@late_mask.stub
def causal_attention(query, key, value):
    """Return the output of causal attention."""
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    weights = torch.softmax(scores, dim=-1)
    weights = weights * torch.ones_like(weights).tril()
    return weights @ value


@late_mask.reference
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
    weights = torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)
    return weights @ value


@late_mask.right
def causal_attention(query, key, value):
    scores = torch.einsum("...qd,...kd->...qk", query, key) / math.sqrt(key.shape[-1])
    position = torch.arange(query.shape[-2])
    scores = torch.where(position[:, None] >= position, scores, torch.finfo(scores.dtype).min)
    return scores.softmax(-1) @ value


@late_mask.right
def causal_attention(query, key, value):
    return functional.scaled_dot_product_attention(query, key, value, is_causal=True)


@late_mask.right
def causal_attention(query, key, value):
    outputs = []
    for last in range(query.shape[-2]):
        seen = key[..., : last + 1, :]
        scores = (seen * query[..., last, None, :]).sum(dim=-1)
        share = torch.softmax(scores / query.shape[-1] ** 0.5, dim=-1)
        outputs.append((share[..., None] * value[..., : last + 1, :]).sum(dim=-2))
    return torch.stack(outputs, dim=-2)


def _causal_inputs(leading=(2, 3), seq_len: int = 5, width: int = 7, scale: float = 1.0):
    rng = torch.Generator().manual_seed(4)
    shapes = (*leading, seq_len, width), (*leading, seq_len, width), (*leading, seq_len, 4)
    query, key, value = (torch.randn(s, generator=rng, dtype=torch.float64) for s in shapes)
    return [scale * query, scale * key, value]


@late_mask.check
def causal_output_has_its_shape(answer):
    output = answer(*_causal_inputs())
    if output.shape != (2, 3, 5, 4):
        return f"The output should have shape (2, 3, 5, 4); yours has {tuple(output.shape)}."
    return other_dtype("output", output, torch.float64, _FIXED)


@late_mask.check
def future_moves_nothing(answer):
    query, key, value = _causal_inputs()
    before = answer(query, key, value)
    if before.isnan().any():
        return (
            "Some outputs are NaN: does each query see a key at least, and is a mask multiplied "
            "with infinity (0 times infinity is not a number)?"
        )
    for position in (4, 3, 2, 1):
        other_key, other_value = key.clone(), value.clone()
        other_key[..., position, :] += 1.0
        other_value[..., position, :] -= 1.0
        after = answer(query, other_key, other_value)
        moved = (after - before)[..., :position, :].abs().max()
        if moved > 1e-9:
            return (
                f"Changing position {position} moves earlier outputs by {moved:.2g}: something "
                f"still knows about the future."
            )


@late_mask.check
def past_is_averaged(answer):
    query, key, value = _causal_inputs()
    total = answer(query, key, torch.ones_like(value))
    if not torch.allclose(total, torch.ones_like(value)):
        return (
            "Nothing leaks, but the past is not shared out right: each row of weights should sum "
            "to 1."
        )
    wanted = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    if not torch.allclose(answer(query, key, value), wanted, atol=1e-9):
        return (
            "Nothing leaks and each row of weights sums to 1, but the shares are not those of the "
            "scores query · key / √D. Has the scaling, or a part of the scores, gone?"
        )


@late_mask.check
def other_axes_work_too(answer):
    for leading in ((), (4,)):
        inputs = _causal_inputs(leading=leading)
        wanted = functional.scaled_dot_product_attention(*inputs, is_causal=True)
        if not torch.allclose(answer(*inputs), wanted, atol=1e-9):
            return (
                f"With leading axes {leading} the output is wrong: does a line count on four axes?"
            )
    for sizes in ({"seq_len": 8}, {"width": 3}, {"seq_len": 1}):
        inputs = _causal_inputs(**sizes)
        wanted = functional.scaled_dot_product_attention(*inputs, is_causal=True)
        if not torch.allclose(answer(*inputs), wanted, atol=1e-9):
            return "With another length or width the output is wrong: is a size fixed?"


@late_mask.check
def any_scores_are_borne(answer):
    query, key, value = _causal_inputs(scale=30.0)
    query[..., 2, :] = 0.0  # all its scores are 0
    wanted = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    output = answer(query, key, value)
    if output.isnan().any():
        return (
            "With large scores, or with scores of exactly 0, some outputs are NaN: is something "
            "divided by a sum that can be 0, or a score of 0 taken for a hidden one?"
        )
    if not torch.allclose(output, wanted, atol=1e-9):
        return (
            "With large scores the past is not shared out right: what the future's scores did to "
            "softmax cannot be mended after it. Hide them before."
        )


@late_mask.check
def gradient_is_right(answer):
    ours = [tensor.requires_grad_() for tensor in _causal_inputs()]
    oracle = [tensor.requires_grad_() for tensor in _causal_inputs()]
    output = answer(*ours)
    if not output.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.item()`, `.detach()`)."
    output.square().sum().backward()
    functional.scaled_dot_product_attention(*oracle, is_causal=True).square().sum().backward()
    return wrong_gradient(("query", "key", "value"), ours, oracle)


@late_mask.wrong(causal_output_has_its_shape, "yours has (2, 3, 5, 5)")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
    return torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1)


@late_mask.wrong(future_moves_nothing, "knows about the future")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    scores = scores * torch.ones_like(scores).tril()
    return torch.softmax(scores, dim=-1) @ value


@late_mask.wrong(past_is_averaged, "Has the scaling")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1)
    future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
    return torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1) @ value


@late_mask.wrong(future_moves_nothing, "NaN")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    future = torch.ones_like(scores, dtype=torch.bool).triu()
    return torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1) @ value


@late_mask.wrong(other_axes_work_too, "stopped")
def causal_attention(query, key, value):
    scores = query @ key.transpose(2, 3) / query.size(-1) ** 0.5
    future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
    return torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1) @ value


@late_mask.wrong(gradient_is_right, "gradient of `query`")
def causal_attention(query, key, value):
    twice = query.detach() @ key.mT + query @ key.detach().mT
    scores = twice / 2 / query.size(-1) ** 0.5
    future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
    return torch.softmax(scores.masked_fill(future, -torch.inf), dim=-1) @ value


@late_mask.wrong(past_is_averaged, "each row of weights")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    return torch.sigmoid(scores).tril() @ value


@late_mask.wrong(other_axes_work_too, "stopped")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    scores = scores.masked_fill(~torch.ones(5, 5).bool().tril(), -torch.inf)
    return torch.softmax(scores, dim=-1) @ value


@late_mask.wrong(other_axes_work_too, "is a size fixed")
def causal_attention(query, key, value):
    future = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool).triu(diagonal=1)
    scores = (query @ key.transpose(-2, -1) / 7**0.5).masked_fill(future, -torch.inf)
    return torch.softmax(scores, dim=-1) @ value


@late_mask.wrong(any_scores_are_borne, "NaN")
def causal_attention(query, key, value):
    scores = (query @ key.transpose(-2, -1) / query.size(-1) ** 0.5).tril()
    return torch.softmax(scores.masked_fill(scores == 0, -torch.inf), dim=-1) @ value


@late_mask.wrong(any_scores_are_borne, "NaN")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    weights = torch.softmax(scores, dim=-1)
    weights = weights * torch.ones_like(weights).tril()
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return weights @ value


@late_mask.wrong(any_scores_are_borne, "Hide them before")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    weights = torch.softmax(scores, dim=-1).clamp_min(1e-300)
    weights = weights * torch.ones_like(weights).tril()
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return weights @ value


@late_mask.wrong(future_moves_nothing, "Changing position 3")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    last = torch.zeros_like(scores, dtype=torch.bool)
    last[..., :-1, -1] = True
    return torch.softmax(scores.masked_fill(last, -torch.inf), dim=-1) @ value


@late_mask.inputs(oracle=functools.partial(functional.scaled_dot_product_attention, is_causal=True))
def causal_attention_calls(draw):
    seq_len, width, value_width, batch = draw.sizes(
        tokens=65, columns_of_the_keys=300, columns_of_the_values=300, sequences=65
    )
    leading = draw.one_of((), (batch,), (batch, draw.whole(1, 3)))
    scale = draw.scale(1, 30, 1_000)
    query, key = (draw.floats(*leading, seq_len, width, scale=scale) for _ in range(2))
    return query, key, draw.floats(*leading, seq_len, value_width, scale=draw.scale(1, 100))


@late_mask.wrong(causal_attention_calls, "Smaller numbers come out right")
def causal_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    future = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=1)
    return torch.softmax(scores - 1e4 * future, dim=-1) @ value


score_memory = Number(
    kind="Estimate the budget",
    answer_name="score_memory_answer",
    form="a number of GiB (2^30 bytes)",
    task="""
    How much memory do the scores of *one* layer take, written out in float32: batch 8, 12 heads,
    4,096 tokens? In GiB, within 3%.
    """,
    truth=lambda: 8 * 12 * 4096**2 * 4 / 2**30,
    factor=1.03,
    traps=(
        (6.44, "Nearly: that is in GB, thousands of millions of bytes; one GiB is 2^30 bytes."),
        (1.5, "1.5 G is how many scores there are; each takes 4 bytes."),
        (1.61, "1.61 thousand million is how many scores there are; each takes 4 bytes."),
        (0.75, "One sequence has 12 heads; there are 8 sequences."),
        (0.5, "That is one head for 8 sequences; there are 12 heads."),
        (3.0, "That would be 2 bytes a score, as in bfloat16; float32 takes 4."),
        (0.0625, "That is one head of one sequence; multiply by 12 heads and 8 sequences."),
    ),
    hints=(
        "One score for each pair of tokens, in each head, of each sequence.",
        "4,096² is 2²⁴; 2²⁴ float32 numbers take 2²⁶ bytes = 64 MiB.",
    ),
    because="8 · 12 · 4096² scores of 4 bytes are 6 GiB, for one layer, forward only.",
)

read_the_cost = Choice(
    kind="Read the plot",
    answer_name="read_the_cost_answer",
    task="""
    At its right end, the line of the explicit function's memory in the figure above is straight.
    By what factor does that memory grow if the sequence gets 8 times longer still?
    """,
    options={"a": "8", "b": "16", "c": "64", "d": "512"},
    right="c",
    reasons={
        "a": "That is a slope of 1 on these axes: the fused function's line.",
        "b": "8 times longer is three doublings, and each doubling takes 4 times the memory.",
        "c": "A slope of 2 on doubly logarithmic axes: 8² = 64.",
        "d": "That would be a slope of 3, cubic growth.",
    },
    hints=("How many times does it grow over *one* doubling? How many doublings are in 8?",),
)

too_good = Choice(
    kind="Criticise a claim",
    answer_name="too_good_answer",
    task="""
    "Our causal model predicts the next letter of *random* text with 99.8% accuracy, measured on
    text made fresh for the test." Which of these hold? Give all of them.
    """,
    options={
        "a": "No model can beat 1 in 26 here, so there is a fault.",
        "b": "It may have learnt the test text by heart.",
        "c": "Changing a future token and watching an earlier output would show a leak.",
        "d": "A longer training run would settle the question.",
    },
    right="ac",
    reasons={
        "a": "Random letters hold nothing to learn: 1/26 is the ceiling for anyone who "
        "cannot peek.",
        "b": "The text is made fresh for the test: nobody can have seen it.",
        "c": "An output may depend only on its past, and this tests just that.",
        "d": "A leak gets better with training, not worse; the number would only rise.",
    },
    hints=("What is the best that anyone could do on random letters? What does a leak look like?",),
)
