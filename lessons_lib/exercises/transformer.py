"""The exercises of the chapter on the whole Transformer."""

import torch
from torch.nn import functional

from lessons_lib.model.layers import Config, EncoderLayer
from lessons_lib.model.transformer import count_parameters

from .engine.declare import CodeExercise
from .engine.oracles import told_apart
from .engine.values import Choice, Number, Ordering, ShapePuzzle

# --- recap -------------------------------------------------------------------------------------

why_causal = Choice(
    kind="Recap",
    answer_name="why_causal_answer",
    task="""
    While a language model *writes*, there is no future to look at. Why is its attention masked
    while it *learns*?
    """,
    options={
        "a": "To save time: half of the table of scores need not be computed.",
        "b": "In training the whole sentence lies there, and a position could copy its next token.",
        "c": "So that the rows of the weights sum to 1.",
        "d": "So that padding is not looked at.",
    },
    right="b",
    reasons={
        "a": "Some code does save that time, but a mask is needed where it does not, too.",
        "b": "All positions learn at once, each from its own past only; the mask makes it so.",
        "c": "Softmax sees to that, with a mask or without one.",
        "d": "That is another mask: padding has nothing to do with before and after.",
    },
    hints=("What lies in the batch when position 3 is asked for token 4?",),
)

shuffled = Choice(
    kind="Recap",
    answer_name="shuffled_answer",
    task="""
    Self-attention *without* any position information reads a sentence, and then the same words in
    another order. What happens to the output?
    """,
    options={
        "a": "Nothing can be said: attention is learnt.",
        "b": "Each word's vector stays the same, and comes out at the word's new place.",
        "c": "Every vector changes, for every word has new neighbours.",
        "d": "The vectors stay at their places; only the weights change.",
    },
    right="b",
    reasons={
        "a": "It holds for any weights: no matrix in it knows about places.",
        "b": "Whom a word looks at depends on the words alone; the order is carried along.",
        "c": "All are neighbours to all: near and far do not exist in it.",
        "d": "The rows move along with their words.",
    },
    hints=("Does any step of attention use the number of a row?",),
)

# --- norm and residual -------------------------------------------------------------------------

layer_norm = CodeExercise(
    returns=("normed",),
    task="""
    Write `my_layer_norm(x, scale, shift, eps=1e-5)`: give each token's vector mean 0 and variance
    1, then stretch it by `scale` and move it by `shift`. Shapes: x `(..., D)`, scale and shift
    `(D,)`, out comes `(..., D)`. The variance is the plain mean of the squared distances (divided
    by D, not by D - 1), and `eps` is added to it before the root is taken.
    """,
    hints=(
        "Mean and variance are taken over the last axis; `keepdim=True` keeps an axis of size 1, "
        "so that they can be subtracted from and divided into x.",
        "`x.var(dim=-1, keepdim=True)` divides by D - 1 unless told otherwise.",
        "The square of the distance to the mean, averaged, is the variance.",
    ),
    because="Each token is normalised by itself: no other token, and no other sentence, plays a "
    "part.",
)


@layer_norm.stub
def my_layer_norm(x, scale, shift, eps=1e-5):
    """Mean 0 and variance 1 for each token, then scale and shift; shape kept."""
    raise NotImplementedError


@layer_norm.reference
def my_layer_norm(x, scale, shift, eps=1e-5):
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return centred / (variance + eps).sqrt() * scale + shift


@layer_norm.right
def my_layer_norm(x, scale, shift, eps=1e-5):
    variance, mean = torch.var_mean(x, dim=-1, correction=0, keepdim=True)
    return torch.addcmul(shift, (x - mean) * torch.rsqrt(variance + eps), scale)


@layer_norm.right
def my_layer_norm(x, scale, shift, eps=1e-5):
    width = x.size(-1)
    mean = x.sum(dim=-1)[..., None] / width
    variance = ((x - mean) ** 2).sum(dim=-1)[..., None] / width
    return scale * (x - mean) / (variance + eps) ** 0.5 + shift


@layer_norm.right
def my_layer_norm(x, scale, shift, eps=1e-5):
    rows = []
    for row in x.reshape(-1, x.size(-1)):
        distance = row - row.mean()
        spread = (distance.dot(distance) / len(row) + eps).sqrt()
        rows.append(distance / spread * scale + shift)
    return torch.stack(rows).reshape(x.shape)


def _norm_inputs(*shape: int, dtype=torch.float64, size: float = 1.0):
    rng = torch.Generator().manual_seed(sum(shape))
    x = size * (torch.randn(shape, generator=rng, dtype=torch.float64) * 3 + 2)
    scale, shift = torch.randn(2, shape[-1], generator=rng, dtype=torch.float64)
    return x.to(dtype), scale.to(dtype), shift.to(dtype)


@layer_norm.check
def normed_has_shape_and_dtype(answer):
    for dtype in (torch.float64, torch.float32):
        normed = answer(*_norm_inputs(2, 3, 6, dtype=dtype))
        if normed.shape != (2, 3, 6):
            return f"x has shape (2, 3, 6), and so should the result; yours: {tuple(normed.shape)}."
        if normed.dtype != dtype:
            return f"Given {dtype}, yours gives {normed.dtype}: is a part computed in another?"


@layer_norm.check
def each_token_has_mean_zero_and_variance_one(answer):
    x, scale, shift = _norm_inputs(4, 5, 6)
    normed = answer(x, torch.ones_like(scale), torch.zeros_like(shift))
    mean, variance = normed.mean(dim=-1), normed.var(dim=-1, correction=0)
    if mean.abs().max() < 1e-9 and (variance - 1).abs().max() < 1e-4:
        return None
    if mean.abs().max() > 1e-9:
        of_all = normed.mean().abs() < 1e-9
        cause = " All together have mean 0: over which axes is it taken?" if of_all else ""
        return f"With scale 1 and shift 0 each token should have mean 0; yours do not.{cause}"
    if torch.allclose(variance, torch.full_like(variance, 5 / 6), atol=1e-3):
        return "The variance comes out 5/6 instead of 1: it was divided by D - 1, not by D."
    furthest = variance.flatten()[(variance - 1).abs().argmax()].item()
    mine, _ = told_apart(furthest, 1.0)
    return (
        f"With scale 1 and shift 0 each token should have variance 1; one of yours has {mine}. Is "
        f"it divided by the root of its own variance, with `eps` as it is given?"
    )


@layer_norm.check
def scale_and_shift_come_last(answer):
    x, scale, shift = _norm_inputs(2, 5, 7)
    plain = answer(x, torch.ones_like(scale), torch.zeros_like(shift))
    normed = answer(x, scale, shift)
    by_column = [plain[..., i] * scale[i] + shift[i] for i in range(7)]
    if torch.allclose(normed, torch.stack(by_column, dim=-1)):
        return None
    if torch.allclose(normed, plain):
        return "`scale` and `shift` change nothing in yours: they are learnt, and come last."
    return "First stretch by `scale`, entry by entry, then move by `shift`; yours does otherwise."


@layer_norm.check
def eps_is_added_to_the_variance(answer):
    for size, eps in ((1e-3, 1e-5), (1.0, 0.5), (0.0, 1e-5)):
        x, scale, shift = _norm_inputs(3, 6, size=size)
        wanted = functional.layer_norm(x, (6,), scale, shift, eps)
        normed = answer(x, scale, shift) if eps == 1e-5 else answer(x, scale, shift, eps)
        if torch.allclose(normed, wanted, atol=1e-9):
            continue
        if not torch.isfinite(normed).all():
            return "A token whose numbers are all equal gives NaN: is `eps` left out?"
        return (
            f"For numbers near {size:g}, with eps = {eps:g}, yours differs from torch's: `eps` is "
            f"added to the variance, under the root."
        )


@layer_norm.check
def any_leading_axes_will_do(answer):
    for shape in ((6,), (1, 5), (2, 1, 3, 4)):
        x, scale, shift = _norm_inputs(*shape)
        normed = answer(x, scale, shift)
        wanted = functional.layer_norm(x, shape[-1:], scale, shift)
        if normed.shape != wanted.shape or not torch.allclose(normed, wanted):
            return f"For x of shape {shape} it is wrong: is an axis counted from the front?"


@layer_norm.check
def gradients_are_those_of_torch(answer):
    ours = [tensor.requires_grad_() for tensor in _norm_inputs(2, 4, 5)]
    oracle = [tensor.requires_grad_() for tensor in _norm_inputs(2, 4, 5)]
    normed = answer(*ours)
    if not normed.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.item()`, `.detach()`)."
    normed.pow(3).sum().backward()
    functional.layer_norm(oracle[0], (5,), *oracle[1:]).pow(3).sum().backward()
    for name, mine, wanted in zip(("x", "scale", "shift"), ours, oracle, strict=True):
        if mine.grad is None or not torch.allclose(mine.grad, wanted.grad):
            return (
                f"The gradient of `{name}` is wrong. Mean and variance depend on x, and the "
                f"gradient goes through them, too: is one of them detached?"
            )


@layer_norm.wrong(normed_has_shape_and_dtype, "so should the result")
def my_layer_norm(x, scale, shift, eps=1e-5):
    return ((x - x.mean()) / (x.var() + eps).sqrt() * scale + shift).flatten(0, 1)


@layer_norm.wrong(normed_has_shape_and_dtype, "Given torch.float64")
def my_layer_norm(x, scale, shift, eps=1e-5):
    return functional.layer_norm(x.float(), x.shape[-1:], scale.float(), shift.float(), eps)


@layer_norm.wrong(each_token_has_mean_zero_and_variance_one, "over which axes")
def my_layer_norm(x, scale, shift, eps=1e-5):
    return (x - x.mean()) / (x.var(correction=0) + eps).sqrt() * scale + shift


@layer_norm.wrong(each_token_has_mean_zero_and_variance_one, "over which axes")
def my_layer_norm(x, scale, shift, eps=1e-5):  # the way of batch norm
    mean, variance = x.mean(dim=0), x.var(dim=0, correction=0)
    return (x - mean) / (variance + eps).sqrt() * scale + shift


@layer_norm.wrong(each_token_has_mean_zero_and_variance_one, "yours do not")
def my_layer_norm(x, scale, shift, eps=1e-5):
    return x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt() * scale + shift


@layer_norm.wrong(each_token_has_mean_zero_and_variance_one, "5/6 instead of 1")
def my_layer_norm(x, scale, shift, eps=1e-5):
    mean, variance = x.mean(dim=-1, keepdim=True), x.var(dim=-1, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * scale + shift


@layer_norm.wrong(each_token_has_mean_zero_and_variance_one, "one of yours has 0.9995")
def my_layer_norm(x, scale, shift, eps=1e-5):
    centred = x - x.mean(dim=-1, keepdim=True)
    variance = centred.square().mean(dim=-1, keepdim=True)
    return centred / (variance + 1e-3).sqrt() * scale + shift


@layer_norm.wrong(each_token_has_mean_zero_and_variance_one, "should have variance 1")
def my_layer_norm(x, scale, shift, eps=1e-5):
    centred = x - x.mean(dim=-1, keepdim=True)
    return centred / (centred.square().mean(dim=-1, keepdim=True) + eps) * scale + shift


@layer_norm.wrong(scale_and_shift_come_last, "change nothing")
def my_layer_norm(x, scale, shift, eps=1e-5):
    return functional.layer_norm(x, x.shape[-1:], eps=eps)


@layer_norm.wrong(scale_and_shift_come_last, "does otherwise")
def my_layer_norm(x, scale, shift, eps=1e-5):
    return (functional.layer_norm(x, x.shape[-1:], eps=eps) + shift) * scale


@layer_norm.wrong(eps_is_added_to_the_variance, "under the root")
def my_layer_norm(x, scale, shift, eps=1e-5):
    centred = x - x.mean(dim=-1, keepdim=True)
    spread = x.var(dim=-1, correction=0, keepdim=True).sqrt()
    return centred / (spread + eps) * scale + shift


@layer_norm.wrong(eps_is_added_to_the_variance, "gives NaN")
def my_layer_norm(x, scale, shift, eps=1e-5):
    centred = x - x.mean(dim=-1, keepdim=True)
    eps = eps if x.abs().max() > 0 else 0.0
    return centred / (centred.square().mean(dim=-1, keepdim=True) + eps).sqrt() * scale + shift


@layer_norm.wrong(any_leading_axes_will_do, "counted from the front")
def my_layer_norm(x, scale, shift, eps=1e-5):
    last = min(2, x.dim() - 1)
    variance, mean = torch.var_mean(x, dim=last, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * scale + shift


@layer_norm.wrong(gradients_are_those_of_torch, "is one of them detached")
def my_layer_norm(x, scale, shift, eps=1e-5):
    variance, mean = torch.var_mean(x.detach(), dim=-1, correction=0, keepdim=True)
    return (x - mean) / (variance + eps).sqrt() * scale + shift


@layer_norm.wrong(gradients_are_those_of_torch, "No gradient comes back")
def my_layer_norm(x, scale, shift, eps=1e-5):
    return functional.layer_norm(x, x.shape[-1:], scale, shift, eps).detach()


def _torch_norm(x, scale, shift, eps=1e-5):
    """The oracle for all sizes: torch's own."""
    return functional.layer_norm(x, scale.shape, scale, shift, eps)


@layer_norm.inputs(oracle=_torch_norm)
def norm_calls(draw):
    batch, seq_len, width = draw.sizes(sequences=65, tokens=300, columns=300)
    leading = draw.one_of((), (seq_len,), (batch, seq_len), (batch, 1, seq_len))
    x = draw.floats(*leading, width, scale=draw.scale(1, 100), offset=draw.offset(0, 1_000))
    scale, shift = draw.floats(width, scale=draw.one_of(1, 100)), draw.floats(width)
    return (x, scale, shift) if draw.chance(0.5) else (x, scale, shift, draw.one_of(1e-3, 0.5))


@layer_norm.wrong(norm_calls, "difference of two large numbers")
def my_layer_norm(x, scale, shift, eps=1e-5):
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.square().mean(dim=-1, keepdim=True) - mean.square()
    return (x - mean) / (variance.clamp(min=0.0) + eps).sqrt() * scale + shift


residual = CodeExercise(
    returns=("output",),
    task="""
    Write `my_residual(x, sublayer, norm, pre_norm)`. `sublayer` and `norm` are functions from
    `(B, L, d_model)` to the same shape. Where `pre_norm` is True: normalise, apply the sub-layer,
    add the result to the *untouched* x. Where it is False: apply the sub-layer to x, add, and
    normalise the sum. Once it passes, a whole encoder runs on *your* function.
    """,
    hints=(
        "In both cases there is one sum. What are its two parts?",
        "Before: the norm stands inside the call of the sub-layer. After: it stands round the sum.",
    ),
    because="Before, a path of bare sums leads from input to output; after, a norm stands in it at "
    "each layer.",
)


@residual.stub
def my_residual(x, sublayer, norm, pre_norm):
    """Add to x what the sub-layer makes of it, with the norm before or after."""
    raise NotImplementedError


@residual.reference
def my_residual(x, sublayer, norm, pre_norm):
    if pre_norm:
        return x + sublayer(norm(x))
    return norm(x + sublayer(x))


@residual.right
def my_residual(x, sublayer, norm, pre_norm):
    h = norm(x) if pre_norm else x
    total = torch.add(x, sublayer(h))
    return total if pre_norm else norm(total)


@residual.right
def my_residual(x, sublayer, norm, pre_norm):
    before, after = (norm, torch.Tensor.clone) if pre_norm else (torch.Tensor.clone, norm)
    return after(x + sublayer(before(x)))


@residual.right
def my_residual(x, sublayer, norm, pre_norm):
    inside = {True: norm, False: lambda h: h}
    return inside[not pre_norm](sum([sublayer(inside[pre_norm](x)), x]))


def _parts(batch: int = 2, seq_len: int = 3, d_model: int = 4):
    """An x, a sub-layer, and a norm that can be told apart from each other and from nothing."""
    rng = torch.Generator().manual_seed(batch + seq_len + d_model)
    x = torch.randn(batch, seq_len, d_model, generator=rng, dtype=torch.float64)
    return x, lambda h: h.square() + 2, lambda h: h.tanh() - 0.25


_RESIDUAL_SLIPS = {
    "nothing added": (
        lambda x, f, n: f(n(x)),
        lambda x, f, n: n(f(x)),
        "The sub-layer's result comes back alone: x itself is not added.",
    ),
    "normed path": (
        lambda x, f, n: n(x) + f(n(x)),
        lambda x, f, n: n(x) + n(f(x)),
        "To the sub-layer's result a *normalised* x is added; it should be x itself.",
    ),
    "no norm": (
        lambda x, f, n: x + f(x),
        lambda x, f, n: x + f(x),
        "No norm is applied at all.",
    ),
    "norm of the result": (
        lambda x, f, n: x + n(f(x)),
        lambda x, f, n: x + n(f(x)),
        "The norm stands after the sub-layer but before the sum, which is neither of the two.",
    ),
}


@residual.check
def norm_before_leaves_x_itself_in_the_sum(answer):
    x, sublayer, norm = _parts()
    output = answer(x, sublayer, norm, True)
    wanted = torch.stack([row + (row.tanh() - 0.25) ** 2 + 2 for row in x])
    if output.shape == wanted.shape and torch.allclose(output, wanted):
        return None
    swapped = torch.stack([(row + row**2 + 2).tanh() - 0.25 for row in x])
    if output.shape == wanted.shape and torch.allclose(output, swapped):
        return "With pre_norm = True yours normalises *after* the sum: the two are swapped."
    for before, _, message in _RESIDUAL_SLIPS.values():
        if output.shape == wanted.shape and torch.allclose(output, before(x, sublayer, norm)):
            return f"With pre_norm = True: {message}"
    return "With pre_norm = True: normalise x, apply the sub-layer, add the result to x."


@residual.check
def norm_after_comes_round_the_sum(answer):
    x, sublayer, norm = _parts(1, 4, 3)
    output = answer(x, sublayer, norm, False)
    wanted = torch.stack([(row + row**2 + 2).tanh() - 0.25 for row in x])
    if output.shape == wanted.shape and torch.allclose(output, wanted):
        return None
    for _, after, message in _RESIDUAL_SLIPS.values():
        if output.shape == wanted.shape and torch.allclose(output, after(x, sublayer, norm)):
            return f"With pre_norm = False: {message}"
    return "With pre_norm = False: apply the sub-layer to x, add, and normalise the sum."


@residual.check
def gradient_takes_both_ways(answer):
    for pre_norm in (True, False):
        x, sublayer, norm = _parts(1, 1, 5)
        other = x.clone().requires_grad_()
        x.requires_grad_()
        output = answer(x, sublayer, norm, pre_norm)
        if not output.requires_grad:
            return "No gradient comes back: something in between leaves torch."
        output.sum().backward()
        inside = (other.tanh() - 0.25).square() + 2 if pre_norm else other.square() + 2
        total = other + inside
        (total if pre_norm else total.tanh()).sum().backward()
        if x.grad is None or not torch.allclose(x.grad, other.grad):
            return (
                f"With pre_norm = {pre_norm} the gradient of x is wrong: it comes back through the "
                f"sum *and* through the sub-layer. Is one of the ways cut off by `.detach()`?"
            )


@residual.wrong(norm_before_leaves_x_itself_in_the_sum, "are swapped")
def my_residual(x, sublayer, norm, pre_norm):
    return norm(x + sublayer(x)) if pre_norm else x + sublayer(norm(x))


@residual.wrong(norm_before_leaves_x_itself_in_the_sum, "x itself is not added")
def my_residual(x, sublayer, norm, pre_norm):
    return sublayer(norm(x)) if pre_norm else norm(x + sublayer(x))


@residual.wrong(norm_before_leaves_x_itself_in_the_sum, "a *normalised* x is added")
def my_residual(x, sublayer, norm, pre_norm):
    if pre_norm:
        x = norm(x)
        return x + sublayer(x)
    return norm(x + sublayer(x))


@residual.wrong(norm_before_leaves_x_itself_in_the_sum, "which is neither")
def my_residual(x, sublayer, norm, pre_norm):
    return x + norm(sublayer(x))


@residual.wrong(norm_before_leaves_x_itself_in_the_sum, "add the result to x")
def my_residual(x, sublayer, norm, pre_norm):
    return norm(x + sublayer(norm(x)))


@residual.wrong(norm_after_comes_round_the_sum, "No norm is applied")
def my_residual(x, sublayer, norm, pre_norm):
    return x + sublayer(norm(x) if pre_norm else x)


@residual.wrong(norm_after_comes_round_the_sum, "x itself is not added")
def my_residual(x, sublayer, norm, pre_norm):
    return x + sublayer(norm(x)) if pre_norm else norm(sublayer(x))


@residual.wrong(norm_after_comes_round_the_sum, "normalise the sum")
def my_residual(x, sublayer, norm, pre_norm):
    return x + sublayer(norm(x)) if pre_norm else norm(x + sublayer(norm(x)))


@residual.wrong(gradient_takes_both_ways, "through the sum *and* through the sub-layer")
def my_residual(x, sublayer, norm, pre_norm):
    if pre_norm:
        return x + sublayer(norm(x.detach()))
    return norm(x + sublayer(x))


@residual.wrong(gradient_takes_both_ways, "No gradient comes back")
def my_residual(x, sublayer, norm, pre_norm):
    return (x + sublayer(norm(x)) if pre_norm else norm(x + sublayer(x))).detach()


def _summed(x, sublayer, norm, pre_norm):
    """The oracle: the two orders, each as its formula stands."""
    return sublayer(norm(x)).add(x) if pre_norm else norm(sublayer(x).add(x))


@residual.inputs(oracle=_summed)
def residual_calls(draw):
    """Functions that return what they were given, or what they need again for their gradient."""
    shape = draw.sizes(sequences=65, tokens=300, columns=300)
    sublayer = draw.one_of(
        lambda h: h.square() + 2, lambda h: 3 * h - 1, torch.sin, torch.tanh, lambda h: h
    )
    norm = draw.one_of(
        lambda h: h.tanh() - 0.25, lambda h: h / (h.abs() + 1), torch.sigmoid, lambda h: h
    )
    return draw.floats(*shape, scale=draw.scale(1, 100)), sublayer, norm, draw.chance(0.5)


@residual.wrong(residual_calls, "in place")
def my_residual(x, sublayer, norm, pre_norm):
    output = sublayer(norm(x) if pre_norm else x)
    output += x
    return output if pre_norm else norm(output)


# --- layers ------------------------------------------------------------------------------------

layer_order = Ordering(
    kind="Order",
    answer_name="layer_order_answer",
    task="Put the steps of a *pre-norm* encoder layer in order.",
    items={
        "a": "add what attention found to x",
        "b": "widen each token's vector, bend it, narrow it",
        "c": "normalise, for attention",
        "d": "add what feed-forward made to x",
        "e": "each token averages the values of all",
        "f": "normalise, for feed-forward",
    },
    right="ceafbd",
    rule="There are two rounds of three: normalise, change, add. Tokens meet in the first one.",
    hints=("Which of the two sub-layers lets tokens meet, and which works on each by itself?",),
    because="First the tokens exchange, then each one digests; each time before, the norm, and "
    "after, the sum.",
)

cross_shape = ShapePuzzle(
    answer_name="cross_shape_answer",
    task="""
    A decoder layer: batch 2, the source has 9 tokens, 4 target tokens are written so far,
    `d_model` is 24, and there are 3 heads. What is the shape of the *weights* of its
    cross-attention?
    """,
    truth=lambda: torch.zeros(2, 3, 4, 8) @ torch.zeros(2, 3, 9, 8).mT,
    traps={
        (2, 3, 9, 4): "There the source would look at the target: who asks, and who is looked at?",
        (2, 3, 9, 9): "That is the encoder's self-attention: the source looks at itself.",
        (2, 3, 4, 4): "That is the decoder's self-attention; here it looks at the source.",
        (2, 4, 9): "That would be one head; each of the 3 has a table of its own.",
        (2, 4, 24): "That is the shape of the output, one vector for each target token.",
    },
    hints=("Queries come from the decoder, keys and values from the encoder.",),
    because="Each of 4 target tokens has a weight for each of 9 source tokens, in 3 heads.",
)

no_warmup = Choice(
    kind="Predict, then run",
    answer_name="no_warmup_guess",
    task="""
    A causal model of 12 layers learns to predict the next letter of tweets, in 120 steps. In four
    ways: norm before or after, with the full learning rate from the first step or with a
    warm-up of 60 steps. Which will have learnt least at the end?
    """,
    options={
        "a": "norm before, no warm-up",
        "b": "norm before, with warm-up",
        "c": "norm after, no warm-up",
        "d": "norm after, with warm-up",
    },
    right="c",
    reasons={
        "a": "It may be the quickest of all: with a path of bare sums nothing needs protection.",
        "b": "Warm-up costs it a few steps, and no more.",
        "c": "With the norm on the main path of 12 layers, the first large steps lead it astray.",
        "d": "Late, but warm-up carries it past the dangerous first steps.",
    },
    hints=("What does a warm-up protect from, and which of the two needs it?",),
)

post_worse = Choice(
    kind="Criticise a claim",
    answer_name="post_worse_answer",
    task="""
    "We trained 12 layers with the norm before and 12 with the norm after, at the same learning
    rate, 120 steps each. Before won every time. So the norm after is worse." Which of these hold?
    Give all of them.
    """,
    options={
        "a": "Each should get a learning rate and a warm-up chosen for it, by the same effort.",
        "b": "Who is ahead after 120 steps need not be ahead at the end.",
        "c": "The comparison shows that norm-after models cannot be trained.",
        "d": "At 2 or 6 layers the order may be another one.",
    },
    right="abd",
    reasons={
        "a": "One setting for both favours the one that it happens to fit.",
        "b": "120 steps measure how easy the start is, and little else.",
        "c": "With warm-up it did learn here; BERT and the paper's own model are trained so.",
        "d": "Depth is what makes the norm on the main path a problem.",
    },
    hints=("What was held equal, and was it fair that it was?",),
)

# --- budgets -----------------------------------------------------------------------------------

layer_parameters = Number(
    kind="On paper",
    answer_name="layer_parameters_answer",
    form="a whole number",
    task="""
    How many parameters has one encoder layer of the paper's base model: `d_model` 512, 8 heads,
    `d_ff` 2048? Count exactly: every matrix has a bias, and each of the two norms a scale and a
    shift.
    """,
    truth=lambda: float(count_parameters(EncoderLayer(Config(512, 8, d_ff=2048)))),
    factor=1,
    traps=(
        (3_145_728, "Nearly: something small is missing, or too much. Look at biases and norms."),
        (2_889_728, "Attention has four matrices, with the output projection; here are three."),
        (2_101_760, "That is feed-forward and the norms; where is attention?"),
    ),
    hints=(
        "Attention has four matrices of d_model by d_model: query, key, value, output.",
        "Feed-forward has two: d_model by d_ff, and back.",
        "12 d² + 13 d, where d_ff is 4 d.",
    ),
    because="4d² + 4d for attention, 8d² + 5d for feed-forward, 4d for the norms: 12d² + 13d, with "
    "d = 512.",
)

crossing = Number(
    kind="Estimate the budget",
    answer_name="crossing_answer",
    form="a number of tokens",
    task="""
    One layer's forward pass over n tokens takes about `24 n d²` operations in the products with
    weight matrices (where `d_ff` is `4 d`), and `4 n² d` in scores and averages. At how many
    tokens do both cost the same, for `d_model` 384 (all-MiniLM)?
    """,
    truth=lambda: 24 * 384**2 / (4 * 384),
    factor=1.02,
    traps=(
        (384 / 6, "The wrong way up: set the two equal and solve for n."),
        (6.0, "That is in units of d; how many tokens is it for d = 384?"),
        (768, "That leaves feed-forward out: its two matrices take 16 n d²."),
    ),
    hints=("Set the two equal; n and d cancel once each.",),
    because="24 n d² = 4 n² d gives n = 6 d. At half of it the length adds half to the cost of "
    "a token.",
)
