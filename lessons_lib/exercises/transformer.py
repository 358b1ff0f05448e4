"""The exercises of the chapter on the whole Transformer."""

import itertools
import math

import torch
from torch.nn import functional

from lessons_lib.model.attention import scaled_dot_product_attention
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


rms_norm = CodeExercise(
    returns=("normed",),
    task="""
    Write `my_rms_norm(x, scale, eps=1e-5)`: divide each token's vector by the root of the mean of
    its squares, then stretch it by `scale`. Nothing is subtracted and nothing added. Shapes: x
    `(..., D)`, scale `(D,)`, out comes `(..., D)`; `eps` is added to the mean of the squares before
    the root is taken.
    """,
    hints=(
        "`x.square().mean(dim=-1, keepdim=True)` is the mean of the squares.",
        "Compare with `my_layer_norm`: the mean of x is left where it is, and there is no shift.",
    ),
    because="One statistic in place of two, and half the learnt numbers: most language models of "
    "today are made with it.",
)


@rms_norm.stub
def my_rms_norm(x, scale, eps=1e-5):
    """Root mean square 1 for each token, then scale; shape kept."""
    raise NotImplementedError


@rms_norm.reference
def my_rms_norm(x, scale, eps=1e-5):
    mean_square = x.square().mean(dim=-1, keepdim=True)  # (..., 1)
    return x / (mean_square + eps).sqrt() * scale


@rms_norm.right
def my_rms_norm(x, scale, eps=1e-5):
    return x * torch.rsqrt((x * x).sum(dim=-1, keepdim=True) / x.size(-1) + eps) * scale


@rms_norm.right
def my_rms_norm(x, scale, eps=1e-5):
    mean_square = (x**2).mean(dim=-1)
    return scale * x / (mean_square + eps).pow(0.5).unsqueeze(-1)


@rms_norm.right
def my_rms_norm(x, scale, eps=1e-5):
    rows = x.reshape(-1, x.size(-1))
    length = (rows.square().mean(dim=1) + eps) ** 0.5
    return (rows / length[:, None]).reshape(x.shape) * scale


@rms_norm.check
def each_token_has_mean_square_one(answer):
    x, scale, _ = _norm_inputs(4, 5, 6)
    normed = answer(x, torch.ones_like(scale))
    if normed.shape != x.shape:
        return f"x has shape (4, 5, 6), and so should the result; yours: {tuple(normed.shape)}."
    squares = normed.square().mean(dim=-1)
    if (squares - 1).abs().max() > 1e-4:
        if (normed.square().sum(dim=-1) - 1).abs().max() < 1e-4:
            return "Each token comes out with length 1: divide by the root of the *mean* square."
        if (normed.square().mean() - 1).abs() < 1e-4:
            return "All tokens together have mean square 1; each token should, by itself."
        return (
            f"With scale 1 the mean of each token's squares should be 1; one of yours has "
            f"{squares.flatten()[(squares - 1).abs().argmax()].item():.3g}."
        )


@rms_norm.check
def nothing_is_subtracted(answer):
    x, scale, _ = _norm_inputs(3, 6)
    normed = answer(x, torch.ones_like(scale))
    if not torch.allclose(normed / normed[:, :1], x / x[:, :1]):
        return (
            "The numbers of a token should keep their proportions: RMSNorm only divides. Is a mean "
            "subtracted, as in LayerNorm?"
        )


@rms_norm.check
def scale_and_eps_are_used(answer):
    for size, eps in ((1.0, 1e-5), (1.0, 0.5), (0.0, 1e-5)):
        x, scale, _ = _norm_inputs(2, 5, 7, size=size)
        wanted = functional.rms_norm(x, (7,), scale, eps)
        normed = answer(x, scale) if eps == 1e-5 else answer(x, scale, eps)
        if not torch.isfinite(normed).all():
            return "A token whose numbers are all 0 gives NaN: is `eps` left out?"
        if not torch.allclose(normed, wanted, atol=1e-9):
            return (
                f"With eps = {eps:g} yours differs from torch's: `eps` is added under the root, "
                f"and `scale` stretches the result, column by column."
            )


@rms_norm.wrong(each_token_has_mean_square_one, "so should the result")
def my_rms_norm(x, scale, eps=1e-5):
    return (x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt() * scale).flatten(0, 1)


@rms_norm.wrong(each_token_has_mean_square_one, "of the *mean* square")
def my_rms_norm(x, scale, eps=1e-5):
    return x / (x.square().sum(dim=-1, keepdim=True) + eps).sqrt() * scale


@rms_norm.wrong(each_token_has_mean_square_one, "by itself")
def my_rms_norm(x, scale, eps=1e-5):
    return x / (x.square().mean() + eps).sqrt() * scale


@rms_norm.wrong(each_token_has_mean_square_one, "one of yours has")
def my_rms_norm(x, scale, eps=1e-5):
    return x / (x.square().mean(dim=-1, keepdim=True) + eps) * scale


@rms_norm.wrong(nothing_is_subtracted, "as in LayerNorm")
def my_rms_norm(x, scale, eps=1e-5):
    return functional.layer_norm(x, x.shape[-1:], scale, eps=eps)


@rms_norm.wrong(scale_and_eps_are_used, "under the root")
def my_rms_norm(x, scale, eps=1e-5):
    return x / (x.square().mean(dim=-1, keepdim=True).sqrt() + eps) * scale


@rms_norm.wrong(scale_and_eps_are_used, "is `eps` left out")
def my_rms_norm(x, scale, eps=1e-5):
    eps = eps if x.abs().max() > 0 else 0.0
    return x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt() * scale


@rms_norm.inputs(oracle=lambda x, scale, eps=1e-5: functional.rms_norm(x, scale.shape, scale, eps))
def rms_calls(draw):
    batch, seq_len, width = draw.sizes(sequences=65, tokens=300, columns=300)
    leading = draw.one_of((), (seq_len,), (batch, seq_len), (batch, 1, seq_len))
    x = draw.floats(*leading, width, scale=draw.scale(1, 100), offset=draw.offset(0, 1_000))
    scale = draw.floats(width, scale=draw.one_of(1, 100))
    return (x, scale) if draw.chance(0.5) else (x, scale, draw.one_of(1e-3, 0.5))


@rms_norm.wrong(rms_calls, "should be")
def my_rms_norm(x, scale, eps=1e-5):
    return functional.rms_norm(x.clamp(-50, 50), scale.shape, scale, eps)


swiglu = CodeExercise(
    returns=("output",),
    task="""
    Write `my_swiglu(x, w_gate, w_up, w_down)`, the feed-forward layer of Llama and its kin. Two
    matrices widen x; the first result goes through SiLU, `a * sigmoid(a)`, and is multiplied,
    number by number, with the second; the third matrix narrows the product. Shapes: x `(..., D)`,
    w_gate and w_up `(D, F)`, w_down `(F, D)`, out comes `(..., D)`. There is no bias.
    """,
    hints=(
        "`functional.silu(a)` is a * sigmoid(a); only the gate goes through it.",
        "The product of gate and up is `*`, number by number; the other products are `@`.",
    ),
    because="The gate says for each hidden number how much of it is let through, for each token.",
)


@swiglu.stub
def my_swiglu(x, w_gate, w_up, w_down):
    """Widen twice, let one gate the other, narrow: (..., D) -> (..., D)."""
    raise NotImplementedError


@swiglu.reference
def my_swiglu(x, w_gate, w_up, w_down):
    return (functional.silu(x @ w_gate) * (x @ w_up)) @ w_down


@swiglu.right
def my_swiglu(x, w_gate, w_up, w_down):
    gate = x @ w_gate
    return torch.matmul(gate * torch.sigmoid(gate) * torch.matmul(x, w_up), w_down)


@swiglu.right
def my_swiglu(x, w_gate, w_up, w_down):
    gate, up = (x @ torch.cat([w_gate, w_up], dim=1)).chunk(2, dim=-1)
    return torch.nn.SiLU()(gate).mul(up) @ w_down


@swiglu.right
def my_swiglu(x, w_gate, w_up, w_down):
    gate = functional.linear(x, w_gate.T)
    hidden = gate.sigmoid() * gate * functional.linear(x, w_up.T)
    return torch.einsum("...f,fd->...d", hidden, w_down)


def _swiglu_inputs(*shape: int, d_ff: int = 5):
    rng = torch.Generator().manual_seed(sum(shape) + d_ff)
    width = shape[-1]
    sizes = (shape, (width, d_ff), (width, d_ff), (d_ff, width))
    return [torch.randn(size, generator=rng, dtype=torch.float64) for size in sizes]


_SWIGLU_SLIPS = (
    (
        lambda gate, up: gate * functional.silu(up),
        "The two are swapped: SiLU belongs to what `w_gate` makes.",
    ),
    (
        lambda gate, up: functional.silu(gate) * functional.silu(up),
        "Both go through SiLU in yours; only the gate should.",
    ),
    (
        lambda gate, up: torch.sigmoid(gate) * up,
        "The gate goes through a sigmoid in yours; SiLU is `a * sigmoid(a)`.",
    ),
    (lambda gate, up: gate * up, "No activation function in yours: the gate goes through SiLU."),
    (
        lambda gate, up: functional.silu(gate) + up,
        "Gate and up are multiplied, number by number; yours adds them.",
    ),
    (
        lambda gate, up: functional.gelu(gate) * up,
        "The gate goes through GELU in yours; here it is SiLU, `a * sigmoid(a)`.",
    ),
)


@swiglu.check
def gate_times_up_is_narrowed(answer):
    for shape in ((2, 3, 4), (4,), (1, 6)):
        x, w_gate, w_up, w_down = _swiglu_inputs(*shape)
        output = answer(x, w_gate, w_up, w_down)
        if output.shape != x.shape:
            return f"x has shape {shape}, and so should the result; yours: {tuple(output.shape)}."
        gate, up = (torch.einsum("...d,df->...f", x, w) for w in (w_gate, w_up))
        wanted = torch.einsum("...f,fd->...d", gate / (1 + (-gate).exp()) * up, w_down)
        if torch.allclose(output, wanted):
            continue
        for slip, message in _SWIGLU_SLIPS:
            if torch.allclose(output, slip(gate, up) @ w_down):
                return message
        return "Widen by `w_gate` and by `w_up`, multiply silu(gate) by up, narrow by `w_down`."


@swiglu.wrong(gate_times_up_is_narrowed, "so should the result")
def my_swiglu(x, w_gate, w_up, w_down):
    return functional.silu(x @ w_gate) * (x @ w_up)


@swiglu.wrong(gate_times_up_is_narrowed, "are swapped")
def my_swiglu(x, w_gate, w_up, w_down):
    return (functional.silu(x @ w_up) * (x @ w_gate)) @ w_down


@swiglu.wrong(gate_times_up_is_narrowed, "a sigmoid in yours")
def my_swiglu(x, w_gate, w_up, w_down):
    return (torch.sigmoid(x @ w_gate) * (x @ w_up)) @ w_down


@swiglu.wrong(gate_times_up_is_narrowed, "GELU in yours")
def my_swiglu(x, w_gate, w_up, w_down):
    return (functional.gelu(x @ w_gate) * (x @ w_up)) @ w_down


@swiglu.wrong(gate_times_up_is_narrowed, "narrow by `w_down`")
def my_swiglu(x, w_gate, w_up, w_down):
    return functional.relu(x @ w_gate) * (x @ w_up) @ w_down


@swiglu.wrong(gate_times_up_is_narrowed, "yours adds them")
def my_swiglu(x, w_gate, w_up, w_down):
    return (functional.silu(x @ w_gate) + (x @ w_up)) @ w_down


def _gated(x, w_gate, w_up, w_down):
    """The oracle: sums written out by einsum, SiLU by its formula."""
    gate, up = (torch.einsum("...d,df->...f", x, w) for w in (w_gate, w_up))
    return torch.einsum("...f,fd->...d", torch.sigmoid(gate) * gate * up, w_down)


@swiglu.inputs(oracle=_gated)
def swiglu_calls(draw):
    batch, seq_len, width, d_ff = draw.sizes(sequences=65, tokens=300, columns=300, hidden=300)
    leading = draw.one_of((), (seq_len,), (batch, seq_len))
    x = draw.floats(*leading, width, scale=draw.scale(1, 10))
    return x, draw.floats(width, d_ff), draw.floats(width, d_ff), draw.floats(d_ff, width)


@swiglu.wrong(swiglu_calls, "should be")
def my_swiglu(x, w_gate, w_up, w_down):
    gate = (x @ w_gate).clamp(-20, 20)
    return (functional.silu(gate) * (x @ w_up)) @ w_down


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


# --- whole layers ------------------------------------------------------------------------------

encoder_layer = CodeExercise(
    returns=("output",),
    task="""
    Write `my_encoder_layer(x, mask, attend, feed_forward, norms)`, with the norm before. `attend`
    is a function of a tensor and the mask, `feed_forward` of a tensor, `norms` a list of two
    functions, the first for attention, the second for feed-forward. All of them keep the shape
    `(B, L, d_model)`. Each of the two sub-layers reads a normalised x, and its result is added to
    the x that was not normalised.
    """,
    hints=(
        "Two lines, one for each sub-layer; each is `x = x + ...`.",
        "The second sub-layer reads what the first one made, through the second norm.",
    ),
    because="Two residual sums, and nothing else on the path from input to output.",
)


@encoder_layer.stub
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    """Attention and feed-forward, each with its norm and sum: (B, L, d_model)."""
    raise NotImplementedError


@encoder_layer.reference
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + attend(norms[0](x), mask)
    return x + feed_forward(norms[1](x))


@encoder_layer.right
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    first, second = norms
    after_attention = torch.add(attend(first(x), mask), x)
    return torch.add(feed_forward(second(after_attention)), after_attention)


@encoder_layer.right
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    steps = (lambda h: attend(h, mask), feed_forward)
    for norm, step in zip(norms, steps, strict=True):
        x = x + step(norm(x))
    return x


@encoder_layer.right
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    found = attend(norms[0](x), mask)
    return x + found + feed_forward(norms[1](x + found))


def _attend(x, mask):
    """Attention without weights of its own, for checks."""
    return scaled_dot_product_attention(x, x, x, mask)[0]


def _layer_parts(batch: int = 2, seq_len: int = 4, d_model: int = 3):
    """An x, a mask, and four functions that can be told from each other."""
    x, _, _ = _parts(batch, seq_len, d_model)
    mask = torch.ones(seq_len, seq_len, dtype=torch.bool).tril()
    return x, mask, _attend, lambda h: h.square() + 2, [lambda h: h.tanh() - 0.25, torch.sin]


_LAYER_SLIPS = (
    (
        lambda x, m, a, f, n: x + a(n[0](x), m) + f(n[1](x)),
        "Both sub-layers read the same x in yours; the second should read what the first made.",
    ),
    (
        lambda x, m, a, f, n: _then(x + a(n[1](x), m), lambda h: h + f(n[0](h))),
        "The two norms are swapped: the first is for attention.",
    ),
    (
        lambda x, m, a, f, n: _then(x + a(n[0](x), m), lambda h: h + f(n[0](h))),
        "Both sub-layers use the first norm in yours; each has its own.",
    ),
    (
        lambda x, m, a, f, n: _then(x + a(n[0](x), None), lambda h: h + f(n[1](h))),
        "The mask does not reach attention in yours.",
    ),
    (
        lambda x, m, a, f, n: x + a(n[0](x), m),
        "Feed-forward is missing in yours.",
    ),
    (
        lambda x, m, a, f, n: x + f(n[1](x)),
        "Attention is missing in yours.",
    ),
    (
        lambda x, m, a, f, n: _then(x + f(n[0](x)), lambda h: h + a(n[1](h), m)),
        "Attention comes first, then feed-forward; yours has them the other way round.",
    ),
)
_SUM_SLIPS = (  # of a sub-layer whose norm stands before it: what is done in place of the sum
    (
        lambda x, step, norm: step(norm(x)),
        "Nothing is added in {where}: the result is added to the x that went in.",
    ),
    (
        lambda x, step, norm: norm(x) + step(norm(x)),
        "In {where} the result is added to a *normalised* x; it should be x itself.",
    ),
    (
        lambda x, step, norm: x + step(x),
        "No norm is applied in {where}: the sub-layer reads a normalised x.",
    ),
    (
        lambda x, step, norm: norm(x + step(x)),
        "In {where} the norm stands *after* the sum; here it stands before the sub-layer.",
    ),
    (
        lambda x, step, norm: x + norm(step(x)),
        "In {where} the norm is applied to the sub-layer's result; it stands before the sub-layer.",
    ),
)


def _slip_in_a_sum(x, output, steps: dict, norms) -> str | None:
    """The message for a sum that slipped in one sub-layer, or in all of them alike.

    Args:
        steps: each sub-layer's name, and itself as a function of what it reads.
    """
    everywhere = "every sub-layer", set(steps)
    for where, slipped in (everywhere, *((name, {name}) for name in steps)):
        for slip, message in _SUM_SLIPS:
            made = x
            for (name, step), norm in zip(steps.items(), norms, strict=True):
                made = slip(made, step, norm) if name in slipped else made + step(norm(made))
            if torch.allclose(output, made):
                return message.format(where=where)
    return None


def _then(value, function):
    return function(value)


@encoder_layer.check
def two_sums_with_the_norm_before(answer):
    x, mask, attend, feed_forward, norms = _layer_parts()
    output = answer(x, mask, attend, feed_forward, norms)
    if output.shape != x.shape:
        return f"The shape (2, 4, 3) should be kept; yours gives {tuple(output.shape)}."
    middle = x + _attend(x.tanh() - 0.25, mask)
    if torch.allclose(output, middle + middle.sin().square() + 2):
        return None
    for slip, message in _LAYER_SLIPS:
        if torch.allclose(output, slip(x, mask, attend, feed_forward, norms)):
            return message
    steps = {"attention": lambda h: attend(h, mask), "feed-forward": feed_forward}
    if message := _slip_in_a_sum(x, output, steps, norms):
        return message
    return (
        "Twice: normalise, apply the sub-layer, add the result to the x that was not normalised. "
        "Yours comes to something else."
    )


@encoder_layer.wrong(two_sums_with_the_norm_before, "should be kept")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + attend(norms[0](x), mask)
    return (x + feed_forward(norms[1](x))).mean(dim=1)


@encoder_layer.wrong(two_sums_with_the_norm_before, "Nothing is added in every sub-layer")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    return feed_forward(norms[1](attend(norms[0](x), mask)))


@encoder_layer.wrong(two_sums_with_the_norm_before, "read the same x")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    return x + attend(norms[0](x), mask) + feed_forward(norms[1](x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "Nothing is added in attention")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = attend(norms[0](x), mask)
    return x + feed_forward(norms[1](x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "Nothing is added in feed-forward")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + attend(norms[0](x), mask)
    return feed_forward(norms[1](x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "In attention the result is added to a *norm")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = norms[0](x)
    x = x + attend(x, mask)
    return x + feed_forward(norms[1](x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "No norm is applied in feed-forward")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + attend(norms[0](x), mask)
    return x + feed_forward(x)


@encoder_layer.wrong(two_sums_with_the_norm_before, "to the sub-layer's result")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + norms[0](attend(x, mask))
    return x + norms[1](feed_forward(x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "use the first norm")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    for step in (lambda h: attend(h, mask), feed_forward):
        x = x + step(norms[0](x))
    return x


@encoder_layer.wrong(two_sums_with_the_norm_before, "Feed-forward is missing")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    return x + attend(norms[0](x), mask)


@encoder_layer.wrong(two_sums_with_the_norm_before, "Attention is missing")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    return x + feed_forward(norms[1](x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "the norm stands *after* the sum")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = norms[0](x + attend(x, mask))
    return norms[1](x + feed_forward(x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "The mask does not reach")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + attend(norms[0](x), None)
    return x + feed_forward(norms[1](x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "are swapped")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + attend(norms[1](x), mask)
    return x + feed_forward(norms[0](x))


@encoder_layer.wrong(two_sums_with_the_norm_before, "something else")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x + attend(norms[0](x), mask) / 2
    return x + feed_forward(norms[1](x)) / 2


def _layer_by_sums(x, mask, attend, feed_forward, norms):
    """The oracle: the stream is what went in plus all that was found."""
    found = attend(norms[0](x), mask)
    changed = feed_forward(norms[1](found + x))
    return torch.stack([x, found, changed]).sum(dim=0)


def _some_functions(draw) -> list:
    """Three functions that keep a shape and work for any dtype."""
    return [
        draw.one_of(lambda h: h.square() + 2, lambda h: 3 * h - 1, torch.sin, torch.tanh),
        draw.one_of(lambda h: h.tanh() - 0.25, lambda h: h / (h.abs() + 1), torch.sigmoid),
        draw.one_of(lambda h: h.cos(), lambda h: h / (h.square() + 2), lambda h: h - 1),
    ]


@encoder_layer.inputs(oracle=_layer_by_sums)
def encoder_layer_calls(draw):
    shape = draw.sizes(sequences=65, tokens=300, columns=300)
    feed_forward, *norms = _some_functions(draw)
    x = draw.floats(*shape, scale=draw.scale(1, 100))
    return x, draw.mask(shape[1], shape[1]), _attend, feed_forward, norms


@encoder_layer.wrong(encoder_layer_calls, "is something bounded")
def my_encoder_layer(x, mask, attend, feed_forward, norms):
    x = x.clamp(-50, 50)
    x = x + attend(norms[0](x), mask)
    return x + feed_forward(norms[1](x))


decoder_layer = CodeExercise(
    returns=("output",),
    task="""
    Write `my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms)`, with the
    norm before. `attend` and `look_up` are attentions, called with three things: what asks, what is
    looked at, and a bool mask (True = may look). `attend` is for x itself, so that each target
    token sees itself and those before it; `look_up` is for `memory`, with `memory_mask`. `norms`
    holds three functions, in the order of use; memory is normalised already. x is `(B, Q,
    d_model)`, memory `(B, K, d_model)`.
    """,
    hints=(
        "Three lines, one for each sub-layer; each is `x = x + ...`.",
        "The causal mask is a lower triangle of ones, Q by Q: who asks are the rows.",
        "In the second line what asks is the normalised x, and what is looked at is `memory`.",
    ),
    because="Masked attention, cross-attention, feed-forward: the encoder's layer and one step "
    "more, with its own norm and its own sum.",
)


@decoder_layer.stub
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    """Causal attention, cross-attention, feed-forward: (B, Q, d_model) kept."""
    raise NotImplementedError


@decoder_layer.reference
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    h = norms[0](x)
    x = x + attend(h, h, causal)
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.right
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    place = torch.arange(x.size(1))
    steps = (
        lambda h: attend(h, h, place[:, None] >= place),
        lambda h: look_up(h, memory, memory_mask),
        feed_forward,
    )
    for norm, step in zip(norms, steps, strict=True):
        x = x + step(norm(x))
    return x


@decoder_layer.right
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    first, second, third = norms
    hidden = torch.ones(x.size(1), x.size(1)).triu(diagonal=1).bool()
    asked = first(x)
    after_own = torch.add(x, attend(asked, asked, ~hidden))
    after_memory = torch.add(after_own, look_up(second(after_own), memory, memory_mask))
    return torch.add(after_memory, feed_forward(third(after_memory)))


@decoder_layer.right
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    h, length = norms[0](x), x.size(1)
    past = torch.tensor([[k <= q for k in range(length)] for q in range(length)])
    own = attend(h, h, past)
    seen = look_up(norms[1](x + own), memory, memory_mask)
    return x + own + seen + feed_forward(norms[2](x + own + seen))


def _look(x, memory, mask):
    """Attention without weights of its own, for checks."""
    return scaled_dot_product_attention(x, memory, memory, mask)[0]


def _look_twice(x, memory, mask):
    """Another one, that can be told from the first."""
    return 2 * scaled_dot_product_attention(x, memory, memory, mask)[0] - 1


def _decoder_parts(batch: int = 2, num_queries: int = 4, num_keys: int = 5, d_model: int = 3):
    x, feed_forward, norm = _parts(batch, num_queries, d_model)
    memory, _, _ = _parts(batch, num_keys, d_model)
    mask = torch.ones(batch, 1, num_keys, dtype=torch.bool)
    mask[0, 0, -2:] = False
    return x, memory, mask, _look, _look_twice, feed_forward, [norm, torch.sin, torch.cos]


@decoder_layer.check
def each_step_has_its_own_arguments_norm_and_sum(answer):
    """As many target tokens as the memory has, so that mixed up arguments fit as well."""
    x, memory, mask, attend, look_up, feed_forward, norms = _decoder_parts(2, 4, 4)
    output = answer(x, memory, mask, attend, look_up, feed_forward, norms)
    h, causal = norms[0](x), torch.ones(4, 4, dtype=torch.bool).tril()

    def made(own, cross):
        after_own = x + own
        after_memory = after_own + cross(norms[1](after_own))
        return after_memory + feed_forward(norms[2](after_memory))

    def as_it_should(asked):
        return look_up(asked, memory, mask)

    own = attend(h, h, causal)
    slips = {
        "In the second sub-layer `memory` asks and x is looked at: it is x that asks.": made(
            own, lambda asked: look_up(memory, asked, mask)
        ),
        "In the second sub-layer x looks at itself in yours: what is looked at is `memory`.": made(
            own, lambda asked: look_up(asked, asked, mask)
        ),
        "`look_up` gets the causal mask in yours; it takes `memory_mask`.": made(
            own, lambda asked: look_up(asked, memory, causal)
        ),
        "`attend` gets `memory_mask` in yours; x looks at itself, by the causal mask.": made(
            attend(h, h, mask), as_it_should
        ),
        "In the first sub-layer x looks at `memory` in yours: `attend` is for x itself.": made(
            attend(h, memory, causal), as_it_should
        ),
        "The triangle is upside down: each target token sees itself and those *before* it.": made(
            attend(h, h, causal.mT), as_it_should
        ),
        "`look_up` comes first in yours; x looks at itself before it looks at `memory`.": made(
            look_up(h, memory, mask), lambda asked: attend(asked, asked, causal)
        ),
    }
    if output.shape != x.shape:
        return None  # the next check tells
    steps = {
        "the causal attention": lambda h: attend(h, h, causal),
        "cross-attention": as_it_should,
        "feed-forward": feed_forward,
    }
    told = (message for message, slip in slips.items() if torch.allclose(output, slip))
    return next(told, None) or _slip_in_a_sum(x, output, steps, norms)


@decoder_layer.check
def decoder_keeps_its_shape(answer):
    parts = _decoder_parts()
    output = answer(*parts)
    if output.shape != parts[0].shape:
        return f"x has shape (2, 4, 3), and so should the result; yours: {tuple(output.shape)}."


@decoder_layer.check
def nobody_sees_a_later_target_token(answer):
    x, *others = _decoder_parts(1, 5, 3)
    output = answer(x, *others)
    for place in (1, 4):
        changed = x.clone()
        changed[:, place] += 1
        moved = (answer(changed, *others) - output).abs().amax(dim=(0, 2)) > 1e-9
        if moved[:place].any():
            return (
                f"Target token {place} was changed, and the output of an earlier one moved: the "
                f"first attention should be causal, a lower triangle of True."
            )
        if place == 1 and not moved[4]:
            return "A later target token should see those before it; in yours it does not."


@decoder_layer.check
def memory_is_looked_at_by_its_mask(answer):
    x, memory, mask, *others = _decoder_parts()
    output = answer(x, memory, mask, *others)
    for place, may_move in ((0, True), (4, False)):
        changed = memory.clone()
        changed[0, place] += 1
        moves = not torch.allclose(answer(x, changed, mask, *others), output)
        if moves and not may_move:
            return "A masked token of the memory moves the output: does `memory_mask` reach it?"
        if may_move and not moves:
            return "The memory plays no part in yours: the second sub-layer looks at it."


@decoder_layer.check
def three_sums_with_the_norm_before(answer):
    x, memory, mask, attend, look_up, feed_forward, norms = _decoder_parts()
    output = answer(x, memory, mask, attend, look_up, feed_forward, norms)
    h = x.tanh() - 0.25
    causal = torch.tensor([[key <= query for key in range(4)] for query in range(4)])
    own = x + _look(h, h, causal)
    seen = own + _look_twice(own.sin(), memory, mask)
    if torch.allclose(output, seen + seen.cos().square() + 2):
        return None
    normed = own + _look_twice(own.sin(), memory.sin(), mask)
    if torch.allclose(output, normed + normed.cos().square() + 2):
        return "The memory is normalised in yours; it is already, and is looked at as it is."
    steps = (
        lambda h: attend(h, h, causal),
        lambda h: look_up(h, memory, mask),
        feed_forward,
    )
    for some in itertools.product(norms, repeat=3):
        made = x
        for step, other_norm in zip(steps, some, strict=True):
            made = made + step(other_norm(made))
        if torch.allclose(output, made):
            return "`norms` holds three functions in the order of use; yours uses other ones."
    return (
        "Three times: normalise by the next of `norms`, apply the sub-layer, add its result to "
        "the x that was not normalised: `attend`, `look_up`, `feed_forward`. Yours comes to "
        "something else."
    )


@decoder_layer.wrong(each_step_has_its_own_arguments_norm_and_sum, "it is x that asks")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(memory, norms[1](x), memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(each_step_has_its_own_arguments_norm_and_sum, "x looks at itself in yours")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[1](x), norms[1](x), memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(each_step_has_its_own_arguments_norm_and_sum, "it takes `memory_mask`")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[1](x), memory, causal)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(each_step_has_its_own_arguments_norm_and_sum, "`attend` gets `memory_mask`")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    x = x + attend(norms[0](x), norms[0](x), memory_mask)
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(each_step_has_its_own_arguments_norm_and_sum, "`attend` is for x itself")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), memory, causal)
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(each_step_has_its_own_arguments_norm_and_sum, "The triangle is upside down")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).triu()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(each_step_has_its_own_arguments_norm_and_sum, "`look_up` comes first in yours")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + look_up(norms[0](x), memory, memory_mask)
    x = x + attend(norms[1](x), norms[1](x), causal)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(decoder_keeps_its_shape, "so should the result")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    h = norms[0](memory)
    x = memory + attend(h, h, torch.ones(h.size(1), h.size(1), dtype=torch.bool).tril())
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(nobody_sees_a_later_target_token, "should be causal")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    x = x + attend(norms[0](x), norms[0](x), None)
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(nobody_sees_a_later_target_token, "in yours it does not")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(memory_is_looked_at_by_its_mask, "plays no part")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(memory_is_looked_at_by_its_mask, "does `memory_mask` reach it")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[1](x), memory, None)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(three_sums_with_the_norm_before, "it is already")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[1](x), norms[1](memory), memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(
    each_step_has_its_own_arguments_norm_and_sum, "No norm is applied in cross-attention"
)
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(x, memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(
    each_step_has_its_own_arguments_norm_and_sum, "Nothing is added in cross-attention"
)
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(
    each_step_has_its_own_arguments_norm_and_sum, "In every sub-layer the norm stands *after*"
)
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = norms[0](x + attend(x, x, causal))
    x = norms[1](x + look_up(x, memory, memory_mask))
    return norms[2](x + feed_forward(x))


@decoder_layer.wrong(
    each_step_has_its_own_arguments_norm_and_sum, "In the causal attention the result is added"
)
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = norms[0](x)
    x = x + attend(x, x, causal)
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


@decoder_layer.wrong(three_sums_with_the_norm_before, "in the order of use")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[2](x), memory, memory_mask)
    return x + feed_forward(norms[1](x))


@decoder_layer.wrong(three_sums_with_the_norm_before, "something else")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril()
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[1](x), memory, memory_mask) / 2
    return x + feed_forward(norms[2](x)) / 2


def _decoder_by_sums(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    """The oracle: the stream is what went in plus all that was found."""
    place, asked = torch.arange(x.size(1)), norms[0](x)
    own = attend(asked, asked, ~(place > place[:, None]))
    seen = look_up(norms[1](own + x), memory, memory_mask)
    last = feed_forward(norms[2](seen + own + x))
    return torch.stack([x, own, seen, last]).sum(dim=0)


@decoder_layer.inputs(oracle=_decoder_by_sums)
def decoder_layer_calls(draw):
    batch, num_queries, num_keys, width = draw.sizes(
        sequences=65, queries=300, keys=300, columns=300
    )
    feed_forward, *norms = _some_functions(draw)
    x = draw.floats(batch, num_queries, width, scale=draw.scale(1, 100))
    memory = draw.floats(batch, num_keys, width)
    mask = draw.truths(0.7, batch, 1, num_keys)
    mask[..., 0] = True
    return x, memory, mask, _look, _look_twice, feed_forward, [*norms, torch.sin]


@decoder_layer.wrong(decoder_layer_calls, "is something bounded")
def my_decoder_layer(x, memory, memory_mask, attend, look_up, feed_forward, norms):
    causal, x = torch.ones(x.size(1), x.size(1), dtype=torch.bool).tril(), x.clamp(-50, 50)
    x = x + attend(norms[0](x), norms[0](x), causal)
    x = x + look_up(norms[1](x), memory, memory_mask)
    return x + feed_forward(norms[2](x))


language_model = CodeExercise(
    returns=("logits",),
    task="""
    Write `my_language_model(ids, table, positions, layers, final_norm)`, a whole GPT. `ids` are
    `(B, L)`; `table` `(V, d_model)` has a row for each token, `positions` a row for each place, at
    least L. Look the rows up, multiply them by the root of `d_model`, add the positions of the
    first L places; then go through the layers, each called with the vectors and the causal mask
    `(L, L)` (True = may look); then `final_norm`; and from the same table the scores of all tokens,
    `(B, L, V)`.
    """,
    hints=(
        "`table[ids]` looks up: (B, L) becomes (B, L, d_model).",
        "The stack is a loop: `for layer in layers: x = layer(x, causal)`.",
        "Scores are dot products with each row: `x @ table.T`.",
    ),
    because="The table is used twice, at both ends: weight tying. All the rest is in the layers.",
)


@language_model.stub
def my_language_model(ids, table, positions, layers, final_norm):
    """Token ids to a score for each next token: (B, L) -> (B, L, V)."""
    raise NotImplementedError


@language_model.reference
def my_language_model(ids, table, positions, layers, final_norm):
    seq_len, d_model = ids.size(1), table.size(1)
    causal = torch.ones(seq_len, seq_len, dtype=torch.bool).tril()
    x = table[ids] * d_model**0.5 + positions[:seq_len]
    for layer in layers:
        x = layer(x, causal)
    return final_norm(x) @ table.T


@language_model.right
def my_language_model(ids, table, positions, layers, final_norm):
    place = torch.arange(ids.size(-1))
    x = math.sqrt(table.size(-1)) * functional.embedding(ids, table)
    x = torch.add(x, positions[place])
    for number in range(len(layers)):
        x = layers[number](x, place <= place[:, None])
    return functional.linear(final_norm(x), table)


@language_model.right
def my_language_model(ids, table, positions, layers, final_norm):
    batch, seq_len = ids.shape
    rows = table.index_select(0, ids.flatten()).reshape(batch, seq_len, -1)
    x = rows * table.new_tensor(table.shape[1]).sqrt() + positions[None, :seq_len]
    hidden = torch.ones(seq_len, seq_len).triu(diagonal=1) > 0
    for layer in layers:
        x = layer(x, ~hidden)
    return torch.einsum("bld,vd->blv", final_norm(x), table)


@language_model.right
def my_language_model(ids, table, positions, layers, final_norm):
    def through(x, rest):
        if not rest:
            return final_norm(x)
        return through(rest[0](x, causal), rest[1:])

    seq_len = ids.shape[1]
    causal = torch.tensor([[k <= q for k in range(seq_len)] for q in range(seq_len)])
    x = table.shape[1] ** 0.5 * table[ids] + positions[:seq_len]
    return through(x, list(layers)).matmul(table.mT)


def _mixing_layer(factor: float):
    """A layer for checks: each token adds what it sees, in a way that order matters to."""
    return lambda x, mask: factor * x.tanh() + scaled_dot_product_attention(x, x, x, mask)[0]


def _model_parts(batch=2, seq_len=4, vocab_size=6, d_model=3, num_layers=2):
    rng = torch.Generator().manual_seed(batch + seq_len)
    ids = torch.randint(vocab_size, (batch, seq_len), generator=rng)
    table = torch.randn(vocab_size, d_model, generator=rng, dtype=torch.float64)
    positions = torch.randn(seq_len + 2, d_model, generator=rng, dtype=torch.float64)
    layers = [_mixing_layer(number + 0.5) for number in range(num_layers)]
    return ids, table, positions, layers, torch.sin


@language_model.check
def logits_have_a_score_for_each_token(answer):
    for sizes in ((2, 4), (1, 1)):
        logits = answer(*_model_parts(*sizes))
        if logits.shape != (*sizes, 6):
            return (
                f"For ids of shape {sizes} and 6 tokens there are (B, L, V) = {(*sizes, 6)} "
                f"scores; yours: {tuple(logits.shape)}."
            )


@language_model.check
def scores_are_no_shares_yet(answer):
    logits = answer(*_model_parts())
    if (logits >= 0).all() and (logits.sum(dim=-1) - 1).abs().max() < 1e-5:
        return "Each row sums to 1 in yours: the scores are asked for, as they are before softmax."
    if (logits <= 0).all() and logits.logsumexp(dim=-1).abs().max() < 1e-5:
        return "Yours gives logarithms of shares; the scores are asked for, before any softmax."


@language_model.check
def later_tokens_are_not_seen(answer):
    ids, *others = _model_parts(1, 5)
    table, positions, _, norm = others
    logits = answer(ids, *others)
    masks = []
    answer(ids, table, positions, [lambda x, mask: masks.append(mask) or x], norm)
    if masks and isinstance(masks[0], torch.Tensor) and masks[0].shape[-2:] == (5, 5):
        flat = masks[0].reshape(-1, 5, 5)[0]
        if torch.equal(flat.bool(), torch.ones(5, 5).triu().bool()):
            return "The triangle is upside down in yours: True stands on and *below* the diagonal."
        if torch.equal(flat.bool(), torch.ones(5, 5).triu(1).bool()):
            return "True = may look; in yours True stands where a token may *not* look."
    other = ids.clone()
    other[:, 3] = (ids[:, 3] + 1) % 6
    if not torch.allclose(answer(other, *others)[:, :3], logits[:, :3]):
        return (
            "Token 3 was changed, and scores at places before it moved: each layer should be "
            "called with the causal mask, a lower triangle of True."
        )


@language_model.check
def embedded_scaled_placed_stacked_and_scored(answer):
    ids, table, positions, layers, norm = _model_parts()
    logits = answer(ids, table, positions, layers, norm)

    def by_hand(factor=3**0.5, some=layers, places=positions[:4], last=norm):
        x = torch.stack([torch.stack([table[i] for i in row.tolist()]) for row in ids])
        x = factor * x + places
        for layer in some:
            x = layer(x, torch.ones(4, 4, dtype=torch.bool).tril())
        return torch.stack([last(x) @ row for row in table], dim=-1)

    if torch.allclose(logits, by_hand()):
        return None
    slips = {
        "The rows of the table should be multiplied by the root of `d_model`.": {"factor": 1.0},
        "No positions are added in yours.": {"places": 0.0},
        "The positions are added from the second place on; the first place is number 0.": {
            "places": positions[1:5]
        },
        "The positions are multiplied by the root of `d_model` as well; only the rows are.": {
            "places": 3**0.5 * positions[:4]
        },
        "The rows are multiplied by `d_model` in yours; by its root is meant.": {"factor": 3.0},
        "The rows are divided by the root of `d_model` in yours.": {"factor": 3**-0.5},
        "The layers are not used in yours.": {"some": []},
        "The last norm is missing in yours: it comes before the scores.": {"last": lambda h: h},
        "Only one layer is used in yours; there are several.": {"some": layers[:1]},
        "The layers are gone through backwards in yours.": {"some": layers[::-1]},
    }
    for message, slip in slips.items():
        if torch.allclose(logits, by_hand(**slip)):
            return message
    return (
        "Look up, times the root of d_model, plus positions; all layers in turn; the last norm; "
        "dot products with the rows of the table. Yours comes to something else."
    )


@language_model.wrong(logits_have_a_score_for_each_token, "(B, L, V)")
def my_language_model(ids, table, positions, layers, final_norm):
    seq_len, d_model = ids.size(1), table.size(1)
    causal = torch.ones(seq_len, seq_len, dtype=torch.bool).tril()
    x = table[ids] * d_model**0.5 + positions[:seq_len]
    for layer in layers:
        x = layer(x, causal)
    return final_norm(x)


@language_model.wrong(later_tokens_are_not_seen, "the causal mask")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    for layer in layers:
        x = layer(x, None)
    return final_norm(x) @ table.T


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "the root of `d_model`")
def my_language_model(ids, table, positions, layers, final_norm):
    causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
    x = table[ids] + positions[: ids.size(1)]
    for layer in layers:
        x = layer(x, causal)
    return final_norm(x) @ table.T


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "The last norm is missing")
def my_language_model(ids, table, positions, layers, final_norm):
    causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    for layer in layers:
        x = layer(x, causal)
    return x @ table.T


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "Only one layer")
def my_language_model(ids, table, positions, layers, final_norm):
    causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    for layer in layers:
        return final_norm(layer(x, causal)) @ table.T


def _logits_with(ids, table, layers, x, last):
    """A language model from what its first layer reads on."""
    causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
    for layer in layers:
        x = layer(x, causal)
    return last(x) @ table.T


@language_model.wrong(scores_are_no_shares_yet, "sums to 1")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    return _logits_with(ids, table, layers, x, final_norm).softmax(dim=-1)


@language_model.wrong(scores_are_no_shares_yet, "logarithms of shares")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    return _logits_with(ids, table, layers, x, final_norm).log_softmax(dim=-1)


@language_model.wrong(later_tokens_are_not_seen, "upside down")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    for layer in layers:
        x = layer(x, torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).triu())
    return final_norm(x) @ table.T


@language_model.wrong(later_tokens_are_not_seen, "may *not* look")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    for layer in layers:
        x = layer(x, torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).triu(diagonal=1))
    return final_norm(x) @ table.T


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "from the second place on")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) ** 0.5 + positions[1 : ids.size(1) + 1]
    return _logits_with(ids, table, layers, x, final_norm)


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "by its root is meant")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) + positions[: ids.size(1)]
    return _logits_with(ids, table, layers, x, final_norm)


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "are divided by the root")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] / table.size(1) ** 0.5 + positions[: ids.size(1)]
    return _logits_with(ids, table, layers, x, final_norm)


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "The layers are not used")
def my_language_model(ids, table, positions, layers, final_norm):
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    return final_norm(x) @ table.T


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "No positions are added")
def my_language_model(ids, table, positions, layers, final_norm):
    causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
    x = table[ids] * table.size(1) ** 0.5
    for layer in layers:
        x = layer(x, causal)
    return final_norm(x) @ table.T


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "positions are multiplied")
def my_language_model(ids, table, positions, layers, final_norm):
    x = (table[ids] + positions[: ids.size(1)]) * table.size(1) ** 0.5
    return _logits_with(ids, table, layers, x, final_norm)


@language_model.wrong(embedded_scaled_placed_stacked_and_scored, "something else")
def my_language_model(ids, table, positions, layers, final_norm):
    causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
    x = table[ids] * 2 + positions[: ids.size(1)]
    for layer in layers:
        x = layer(x, causal)
    return final_norm(x) @ table.T


def _model_by_parts(ids, table, positions, layers, final_norm):
    """The oracle: one-hot rows in place of looking up, a sum of products in place of `@`."""
    seq_len, (vocab_size, d_model) = ids.size(1), table.shape
    one_hot = functional.one_hot(ids, vocab_size).to(table.dtype)
    x = torch.einsum("blv,vd->bld", one_hot, table) * math.sqrt(d_model)
    x = x + positions.narrow(0, 0, seq_len)
    place = torch.arange(seq_len)
    for layer in layers:
        x = layer(x, ~(place > place[:, None]))
    return torch.einsum("bld,vd->blv", final_norm(x), table)


@language_model.inputs(oracle=_model_by_parts)
def model_calls(draw):
    batch, seq_len, vocab_size, width, num_layers = draw.sizes(
        sequences=65, tokens=300, vocabulary=300, columns=300, layers=5
    )
    ids = draw.wholes(0, vocab_size - 1, batch, seq_len)
    layers = [_mixing_layer(0.5 + number / 4) for number in range(num_layers)]
    norm = draw.one_of(lambda h: h.tanh() - 0.25, torch.sin, torch.sigmoid)
    table = draw.floats(vocab_size, width, scale=draw.scale(1, 10))
    return ids, table, draw.floats(seq_len + draw.whole(0, 3), width), layers, norm


@language_model.wrong(model_calls, "should have shape")
def my_language_model(ids, table, positions, layers, final_norm):
    ids = ids[:, :64]
    causal = torch.ones(ids.size(1), ids.size(1), dtype=torch.bool).tril()
    x = table[ids] * table.size(1) ** 0.5 + positions[: ids.size(1)]
    for layer in layers:
        x = layer(x, causal)
    return final_norm(x) @ table.T


# --- layers ------------------------------------------------------------------------------------

layer_order = Ordering(
    kind="Order",
    answer_name="layer_order_answer",
    task="Put the steps of a *pre-norm* encoder layer in order.",
    items={
        "a": "add what attention found to x",
        "b": "widen each token's vector, apply the activation function, narrow it",
        "c": "normalise, for attention",
        "d": "add what feed-forward made to x",
        "e": "each token averages the values of all",
        "f": "normalise, for feed-forward",
    },
    right="ceafbd",
    rule="There are two rounds of three: normalise, change, add. Tokens meet in the first one.",
    hints=("Which of the two sub-layers lets tokens meet, and which works on each by itself?",),
    because="First the tokens exchange, then each is changed by itself; each time before, the "
    "norm, and after, the sum.",
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
    warm-up of 60 steps, in which the rate rises from 0. Gradients are not clipped, that is,
    however long they are, they are not shortened. Which will have learnt least at the end?
    """,
    options={
        "a": "norm before, no warm-up",
        "b": "norm before, with warm-up",
        "c": "norm after, no warm-up",
        "d": "norm after, with warm-up",
    },
    right="c",
    reasons={
        "a": "At this rate it learns as well as with a warm-up.",
        "b": "Warm-up costs it a few steps, and no more.",
        "c": "After 120 steps it knows how frequent each letter is, and little more.",
        "d": "Late, but with a warm-up it gets away from the level of mere frequencies.",
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
        "d": "One depth was run, so the comparison speaks of that depth.",
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
