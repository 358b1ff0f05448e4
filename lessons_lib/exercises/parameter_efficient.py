"""The exercises of the chapter on few parameters."""

import math

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

where_parameters = Choice(
    kind="Recap",
    answer_name="where_parameters_answer",
    task="""
    all-MiniLM-L6-v2 has 22.6 million numbers. Where do most of them sit?
    """,
    options={
        "a": "In the attention of its six layers.",
        "b": "In the feed-forward parts of its six layers.",
        "c": "In the vectors of its word pieces.",
        "d": "In the norms.",
    },
    right="c",
    reasons={
        "a": "Four matrices of 384 x 384 a layer: 3.5 million in all.",
        "b": "Two matrices of 384 x 1536 a layer: 7.1 million in all. More than attention.",
        "c": "30,522 pieces of 384 numbers each make 11.7 million, over half of all.",
        "d": "Two vectors of 384 for each norm; there are thirteen norms.",
    },
    hints=("Multiply: how many rows has each table, and how wide is it?",),
)

loss_of_one = Choice(
    kind="Recap",
    answer_name="loss_of_one_answer",
    task="""
    In fine-tuning the loss was measured on standardised ratings. A training ends at a loss near 1,
    without an error. What has most probably happened?
    """,
    options={
        "a": "The model ranks the texts perfectly, on another scale.",
        "b": "The model says nearly the mean rating of every text.",
        "c": "The model has learnt the training texts by heart.",
        "d": "The gradient was clipped.",
    },
    right="b",
    reasons={
        "a": "Then the loss depends on that scale; nothing would bring it to 1 of all numbers.",
        "b": "The variance of standardised ratings is 1, and that is what the mean leaves.",
        "c": "Then the loss would be near 0.",
        "d": "Clipping shortens steps. The loss says nothing of it.",
    },
    hints=("Which constant answer gives the smallest squared error, and how large is it?",),
)

# --- LoRA --------------------------------------------------------------------------------------

lora = CodeExercise(
    returns=("output",),
    task="""
    Write `my_lora(x, weight, down, up, alpha)`: what a layer without bias makes of `x`
    `(..., d_in)` when its weight `(d_out, d_in)` is frozen and a change of low rank is learnt
    beside it. `down` `(rank, d_in)` reads, `up` `(d_out, rank)` writes, and the change counts
    `alpha / rank`. Return `(..., d_out)`. The frozen weight gets no gradient; `x`, `down` and `up`
    do.
    """,
    hints=(
        "The frozen part is `x @ weight.T`, with `weight.detach()`.",
        "`x @ down.T` is `(..., rank)`. Where does the rank stand in the shape of `down`?",
        "`scale = alpha / down.size(0)`, and the change is `scale * (x @ down.T @ up.T)`.",
    ),
    because="Two thin products cost rank x (d_in + d_out) a token; the whole change would cost "
    "d_in x d_out, and need that much memory for its gradient.",
)


@lora.stub
def my_lora(x, weight, down, up, alpha):
    """Frozen weight plus a low-rank change: (..., d_in) -> (..., d_out)."""
    raise NotImplementedError


@lora.reference
def my_lora(x, weight, down, up, alpha):
    scale = alpha / down.size(0)
    return x @ weight.detach().T + scale * (x @ down.T @ up.T)


@lora.right
def my_lora(x, weight, down, up, alpha):
    rank = up.size(1)
    frozen = functional.linear(x, weight.detach())
    return frozen + functional.linear(functional.linear(x, down), up) * alpha / rank


@lora.right
def my_lora(x, weight, down, up, alpha):
    read = torch.einsum("...i,ri->...r", x, down)
    written = torch.einsum("...r,or->...o", read, up)
    frozen = torch.einsum("...i,oi->...o", x, weight.detach())
    return torch.add(frozen, written, alpha=alpha / down.shape[0])


@lora.right
def my_lora(x, weight, down, up, alpha):
    return x @ (weight.detach() + alpha / down.size(0) * up @ down).T


@lora.right
def my_lora(x, weight, down, up, alpha):
    change = 0
    for row, column in zip(down, up.T, strict=True):
        change = change + (x @ row)[..., None] * column
    return x @ weight.detach().mT + alpha * change / len(down)


def _factors(rank=2, d_in=5, d_out=3, n=4):
    rng = torch.Generator().manual_seed(17)
    shapes = (n, d_in), (d_out, d_in), (rank, d_in), (d_out, rank)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


def _product(rows, columns):
    """Number by number: rows (n, k) and columns (m, k) -> (n, m)."""
    found = [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns.tolist()]
        for row in rows.tolist()
    ]
    return torch.tensor(found, dtype=rows.dtype)


@lora.check
def nothing_is_added_where_up_is_zero(answer):
    x, weight, down, up = _factors()
    found = answer(x, weight, down, torch.zeros_like(up), 4.0)
    if found.shape != (4, 3):
        return f"Four tokens, d_in 5 and d_out 3 should give (4, 3); yours is {tuple(found.shape)}."
    if not torch.allclose(found, _product(x, weight)):
        return "With `up` all zero, the output should be that of the frozen weight alone."


@lora.check
def change_is_scaled_by_alpha_over_rank(answer):
    x, weight, down, up = _factors()
    frozen, change = _product(x, weight), _product(_product(x, down), up)
    for alpha in (2.0, 6.0):
        found = answer(x, weight, down, up, alpha) - frozen
        if torch.allclose(found, alpha / 2 * change):
            continue
        slips = {
            1.0: "The change is added as it is; it should count `alpha / rank`.",
            alpha: "The change counts `alpha`; it should be divided by the rank, here 2.",
            alpha / 5: "`alpha` is divided by d_in, 5; the rank is the narrow side, here 2.",
            alpha / 3: "`alpha` is divided by d_out, 3; the rank is the narrow side, here 2.",
            alpha / 4: "`alpha` is divided by the rank twice, or by the number of tokens.",
            alpha / math.sqrt(2): "`alpha` is divided by the root of the rank. That is rsLoRA; "
            "here it is the rank itself.",
            2 / alpha: "The scale is upside down: it should be `alpha / rank`.",
        }
        for scale, message in slips.items():
            if alpha != 2.0 and torch.allclose(found, scale * change):
                return message
        if alpha != 2.0:
            return (
                "The change is not `alpha / rank` times what `down` and then `up` make of `x`: "
                "read first, then write."
            )


@lora.check
def leading_axes_are_kept(answer):
    x, weight, down, up = _factors(n=12)
    found = answer(x.view(2, 6, 5), weight, down, up, 3.0)
    if found.shape != (2, 6, 3):
        return f"`x` (2, 6, 5) should give (2, 6, 3); yours is {tuple(found.shape)}."


@lora.check
def factors_learn_and_the_weight_does_not(answer):
    x, weight, down, up = (tensor.requires_grad_() for tensor in _factors())
    output = answer(x, weight, down, up, 4.0)
    if not output.requires_grad:
        return "No gradient reaches `down` and `up`: something on the way was detached."
    wanted = torch.autograd.grad(
        (x @ weight.detach().T + 2 * (x @ (up @ down).T)).square().sum(), (x, down, up)
    )
    found = torch.autograd.grad(output.square().sum(), (x, down, up, weight), allow_unused=True)
    if found[3] is not None and found[3].any():
        return "The frozen weight gets a gradient: use `weight.detach()`."
    for name, mine, right in zip(("x", "down", "up"), found, wanted, strict=False):
        if mine is None or not torch.allclose(mine, right):
            return f"The gradient for `{name}` is not right: is a part detached that should learn?"


@lora.wrong(nothing_is_added_where_up_is_zero, "should give (4, 3)")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T @ torch.ones(3, 2, dtype=x.dtype)


@lora.wrong(nothing_is_added_where_up_is_zero, "that of the frozen weight alone")
def my_lora(x, weight, down, up, alpha):
    return x @ down.T @ up.T * alpha / len(down)


@lora.wrong(change_is_scaled_by_alpha_over_rank, "is added as it is")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T + x @ down.T @ up.T


@lora.wrong(change_is_scaled_by_alpha_over_rank, "should be divided by the rank")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T + alpha * (x @ down.T @ up.T)


@lora.wrong(change_is_scaled_by_alpha_over_rank, "divided by d_in")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T + alpha / down.size(1) * (x @ down.T @ up.T)


@lora.wrong(change_is_scaled_by_alpha_over_rank, "divided by d_out")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T + alpha / up.size(0) * (x @ down.T @ up.T)


@lora.wrong(change_is_scaled_by_alpha_over_rank, "That is rsLoRA")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T + alpha / down.size(0) ** 0.5 * (x @ down.T @ up.T)


@lora.wrong(change_is_scaled_by_alpha_over_rank, "upside down")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T + down.size(0) / alpha * (x @ down.T @ up.T)


@lora.wrong(change_is_scaled_by_alpha_over_rank, "by the rank twice")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.detach().T + alpha / down.size(0) ** 2 * (x @ down.T @ up.T)


@lora.wrong(change_is_scaled_by_alpha_over_rank, "read first, then write")
def my_lora(x, weight, down, up, alpha):
    change = torch.tanh(x @ down.T) @ up.T
    return x @ weight.detach().T + alpha / down.size(0) * change


@lora.wrong(leading_axes_are_kept, "should give (2, 6, 3)")
def my_lora(x, weight, down, up, alpha):
    flat = x.reshape(-1, x.size(-1))
    return flat @ weight.detach().T + alpha / down.size(0) * (flat @ down.T @ up.T)


@lora.wrong(factors_learn_and_the_weight_does_not, "No gradient reaches")
def my_lora(x, weight, down, up, alpha):
    with torch.no_grad():
        return x @ weight.T + alpha / down.size(0) * (x @ down.T @ up.T)


@lora.wrong(factors_learn_and_the_weight_does_not, "The frozen weight gets a gradient")
def my_lora(x, weight, down, up, alpha):
    return x @ weight.T + alpha / down.size(0) * (x @ down.T @ up.T)


@lora.wrong(factors_learn_and_the_weight_does_not, "gradient for `x`")
def my_lora(x, weight, down, up, alpha):
    with torch.no_grad():
        frozen = x @ weight.T
    return frozen + alpha / down.size(0) * (x @ down.T @ up.T)


@lora.inputs(
    oracle=lambda x, weight, down, up, alpha: functional.linear(
        x, weight.detach() + (alpha / len(down)) * up @ down
    )
)
def lora_calls(draw):
    tokens, d_in, d_out, rank = draw.sizes(tokens=300, inputs=300, outputs=300, directions=17)
    x = draw.floats(tokens, d_in, scale=draw.scale(1, 100))
    weight = draw.floats(d_out, d_in)
    return x, weight, draw.floats(rank, d_in), draw.floats(d_out, rank), draw.one_of(1.0, 16.0)


@lora.wrong(lora_calls, "`output` at [")
def my_lora(x, weight, down, up, alpha):
    change = x @ down[:8].T @ up[:, :8].T
    return x @ weight.detach().T + alpha / down.size(0) * change


# --- the start ---------------------------------------------------------------------------------

start = CodeExercise(
    returns=("down", "up"),
    task="""
    Write `my_start(normal, d_out)`: the two factors as training begins. `normal` `(rank, d_in)`
    holds numbers drawn from a standard normal distribution. At the start the model should be
    exactly the published one, and a first step should be able to change it. Return `down`
    `(rank, d_in)`, the given numbers with standard deviation `1 / sqrt(d_in)`, and `up`
    `(d_out, rank)`.
    """,
    hints=(
        "`up @ down` has to be zero. Which of the two may be zero, so that a step moves something?",
        "The gradient for `up` holds what `down` reads from `x`; the gradient for `down` goes "
        "through `up`.",
        "`normal / d_in**0.5` reads; the other begins with zeros, made by `normal.new_zeros`.",
    ),
    because="With `up` zero the product is zero, and the gradient for `up` is not. With both zero "
    "either gradient would be a product with zero, for ever.",
)


@start.stub
def my_start(normal, d_out):
    """Return (down, up): (rank, d_in) and (d_out, rank)."""
    raise NotImplementedError


@start.reference
def my_start(normal, d_out):
    rank, d_in = normal.shape
    return normal / d_in**0.5, normal.new_zeros(d_out, rank)


@start.right
def my_start(normal, d_out):
    down = normal * math.sqrt(1 / normal.size(1))
    return down, torch.zeros(d_out, len(normal), dtype=normal.dtype)


@start.right
def my_start(normal, d_out):
    up = torch.zeros_like(normal[:, :1]).repeat(1, d_out).T
    return normal.div(normal.shape[-1] ** 0.5), up


@start.right
def my_start(normal, d_out):
    spread = torch.tensor(float(normal.size(1)), dtype=normal.dtype).rsqrt()
    return spread * normal, torch.full((d_out, normal.size(0)), 0.0, dtype=normal.dtype)


def _drawn(rank=8, d_in=40):
    rng = torch.Generator().manual_seed(3)
    return torch.randn(rank, d_in, generator=rng, dtype=torch.float64)


@start.check
def factors_have_their_shapes(answer):
    down, up = answer(_drawn(), 30)
    for name, found, wanted in (("down", down, (8, 40)), ("up", up, (30, 8))):
        if found.shape != wanted:
            return (
                f"With `normal` (8, 40) and d_out 30, `{name}` should be {wanted}; yours is "
                f"{tuple(found.shape)}."
            )


@start.check
def model_starts_as_published_and_can_learn(answer):
    down, up = answer(_drawn(), 30)
    if not down.any() and not up.any():
        return (
            "Both factors are zero. Then the gradient for each is a product with zero, and nothing "
            "is ever learnt: one of them has to be random."
        )
    if (up @ down).any():
        return (
            "`up @ down` is not zero, so the model is another one before the first step. One of "
            "the two factors has to begin with zeros."
        )
    if not down.any():
        return (
            "That would learn, too: the product is zero and one factor is not. But the task, like "
            "the paper, has the random numbers in `down`, which reads, and zeros in `up`."
        )


@start.check
def random_numbers_are_scaled_by_the_root_of_d_in(answer):
    normal = _drawn(4, 25)
    down, _ = answer(normal, 3)
    slips = (
        (1, "`down` is not scaled: divide by the root of d_in."),
        (1 / 2, "`down` is divided by the root of the rank; it should be that of d_in."),
        (1 / 25, "`down` is divided by d_in; it should be its root."),
        (5, "`down` is multiplied by the root of d_in; it should be divided."),
        (1 / math.sqrt(3), "`down` is divided by the root of d_out; it should be that of d_in."),
    )
    if torch.allclose(down, normal / 5):
        return None
    for scale, message in slips:
        if torch.allclose(down, scale * normal):
            return message
    return "`down` should be the given numbers, each divided by the root of d_in."


@start.wrong(factors_have_their_shapes, "`down` should be (8, 40)")
def my_start(normal, d_out):
    return normal.T / normal.size(1) ** 0.5, normal.new_zeros(d_out, len(normal))


@start.wrong(factors_have_their_shapes, "`up` should be (30, 8)")
def my_start(normal, d_out):
    return normal / normal.size(1) ** 0.5, normal.new_zeros(len(normal), d_out)


@start.wrong(model_starts_as_published_and_can_learn, "Both factors are zero")
def my_start(normal, d_out):
    return torch.zeros_like(normal), normal.new_zeros(d_out, len(normal))


@start.wrong(model_starts_as_published_and_can_learn, "another one before the first step")
def my_start(normal, d_out):
    down = normal / normal.size(1) ** 0.5
    return down, down[:, :1].T.expand(d_out, -1)


@start.wrong(model_starts_as_published_and_can_learn, "That would learn, too")
def my_start(normal, d_out):
    return torch.zeros_like(normal), normal.new_ones(d_out, len(normal))


@start.wrong(random_numbers_are_scaled_by_the_root_of_d_in, "is not scaled")
def my_start(normal, d_out):
    return normal.clone(), normal.new_zeros(d_out, len(normal))


@start.wrong(random_numbers_are_scaled_by_the_root_of_d_in, "the root of the rank")
def my_start(normal, d_out):
    return normal / len(normal) ** 0.5, normal.new_zeros(d_out, len(normal))


@start.wrong(random_numbers_are_scaled_by_the_root_of_d_in, "by d_in; it should be its root")
def my_start(normal, d_out):
    return normal / normal.size(1), normal.new_zeros(d_out, len(normal))


@start.wrong(random_numbers_are_scaled_by_the_root_of_d_in, "the root of d_out")
def my_start(normal, d_out):
    return normal / d_out**0.5, normal.new_zeros(d_out, len(normal))


@start.wrong(random_numbers_are_scaled_by_the_root_of_d_in, "multiplied by the root")
def my_start(normal, d_out):
    return normal * normal.size(1) ** 0.5, normal.new_zeros(d_out, len(normal))


@start.wrong(random_numbers_are_scaled_by_the_root_of_d_in, "each divided")
def my_start(normal, d_out):
    return normal.abs() / normal.size(1) ** 0.5, normal.new_zeros(d_out, len(normal))


@start.inputs(
    oracle=lambda normal, d_out: (
        normal * normal.size(1) ** -0.5,
        torch.zeros(d_out, normal.size(0), dtype=normal.dtype),
    )
)
def start_calls(draw):
    rank, d_in, d_out = draw.sizes(directions=65, inputs=300, outputs=300)
    return draw.floats(rank, d_in, scale=draw.scale(1, 100)), d_out


@start.wrong(start_calls, "`down` at [")
def my_start(normal, d_out):
    return normal / min(normal.size(1), 100) ** 0.5, normal.new_zeros(d_out, len(normal))


def _num_lora(rank=8, d_model=384, num_layers=6, matrices=2) -> int:
    return num_layers * matrices * rank * (d_model + d_model)


num_lora = Number(
    kind="Estimate the budget",
    answer_name="num_lora_answer",
    form="a number of parameters",
    task="""
    LoRA of rank 8 on the queries and the values of six layers, each a matrix of 384 x 384. How many
    numbers are trained, without the head? The exact number.
    """,
    truth=_num_lora,
    factor=1,
    traps=(
        (_num_lora() // 2, "Count both factors of each matrix; or both matrices of each layer."),
        (_num_lora(matrices=4), "Queries and values alone: two matrices a layer, not four."),
        (6 * 2 * 384 * 384, "That is all of the frozen matrices. The change is two thin factors."),
        (6 * 2 * 8 * 8, "The factors are 8 x 384 and 384 x 8: only one side is narrow."),
        (_num_lora(num_layers=1), "That is one layer; there are six."),
        (_num_lora() + 385, "That counts the head, 385 numbers; it is asked for without."),
        (6 * 384 * 384, "That is all of one frozen matrix a layer. The change is two thin ones."),
    ),
    hints=("One matrix has a factor of 8 x 384 and one of 384 x 8.", "6 x 2 x 8 x (384 + 384)."),
    because="6 layers x 2 matrices x 8 x (384 + 384): 0.33% of the model.",
)

# --- folding in and out ------------------------------------------------------------------------

switch = FindTheBug(
    harm="folded in once more",
    returns=("weight",),
    task="""
    A server keeps one weight, and folds a change into it or takes it out: `my_switch(weight, down,
    up, scale, is_merged, wanted)` returns the weight as it should be. `is_merged` says whether the
    change is in it now, `wanted` whether it should be. The first call of the day works. By evening
    the model raves: it is asked for the same thing more than once. Repair it; the tensor that came
    in must stay as it is.
    """,
    hints=(
        "What should happen when `is_merged` and `wanted` agree?",
        "`+=` and `.add_` change the tensor that somebody else holds.",
    ),
    because="The state has to be asked before it is changed: to fold in twice is to count twice.",
)


@switch.stub
def my_switch(weight, down, up, scale, is_merged, wanted):
    """Return the weight with the change folded in if `wanted`, else without it."""
    change = scale * up @ down
    return weight + change if wanted else weight - change


@switch.reference
def my_switch(weight, down, up, scale, is_merged, wanted):
    change = scale * up @ down
    if wanted and not is_merged:
        return weight + change
    if is_merged and not wanted:
        return weight - change
    return weight


@switch.right
def my_switch(weight, down, up, scale, is_merged, wanted):
    return weight + (int(wanted) - int(is_merged)) * scale * (up @ down)


@switch.right
def my_switch(weight, down, up, scale, is_merged, wanted):
    if is_merged == wanted:
        return weight
    sign = 1 if wanted else -1
    return torch.addmm(weight, up, down, alpha=sign * scale)


@switch.right
def my_switch(weight, down, up, scale, is_merged, wanted):
    plain = weight - scale * up @ down if is_merged else weight.clone()
    return plain + scale * up @ down if wanted else plain


def _weight_and_factors():
    _, weight, down, up = _factors()
    return weight, down, up


@switch.check
def change_goes_in_and_out(answer):
    weight, down, up = _weight_and_factors()
    change = 0.5 * _product(up, down.T)
    for is_merged in (False, True):
        found = answer(weight.clone(), down, up, 0.5, is_merged, not is_merged)
        wanted = weight - change if is_merged else weight + change
        if torch.allclose(found, wanted):
            continue
        told = "taken out of a merged weight" if is_merged else "folded into a plain weight"
        slips = (
            (weight, "nothing happened: the weight came back as it was."),
            (2 * weight - wanted, "it was done the other way round: the sign is wrong."),
            (2 * wanted - weight, "`scale` is missing: here it is 0.5."),
        )
        causes = [cause for slip, cause in slips if torch.allclose(found, slip)]
        cause = causes[0] if causes else "the weight is not right."
        return f"Where the change is to be {told}, {cause}"


@switch.check
def asking_twice_changes_nothing(answer):
    weight, down, up = _weight_and_factors()
    for state in (True, False):
        found = answer(weight.clone(), down, up, 0.5, state, state)
        if not torch.allclose(found, weight):
            told = "in it already is folded in once more" if state else "not in it is taken out"
            return f"A change that is {told}: the call should leave the weight alone."


@switch.wrong(change_goes_in_and_out, "folded into a plain weight, `scale` is missing")
def my_switch(weight, down, up, scale, is_merged, wanted):
    return weight + (int(wanted) - int(is_merged)) * (up @ down)


@switch.wrong(change_goes_in_and_out, "taken out of a merged weight, nothing happened")
def my_switch(weight, down, up, scale, is_merged, wanted):
    return weight if is_merged or not wanted else weight + scale * up @ down


@switch.wrong(change_goes_in_and_out, "the other way round")
def my_switch(weight, down, up, scale, is_merged, wanted):
    return weight + (int(is_merged) - int(wanted)) * scale * (up @ down)


@switch.wrong(change_goes_in_and_out, "the other way round")
def my_switch(weight, down, up, scale, is_merged, wanted):
    sign = 1 if is_merged else -1
    return weight if is_merged == wanted else weight + sign * scale * (up @ down)


@switch.wrong(change_goes_in_and_out, "the weight is not right")
def my_switch(weight, down, up, scale, is_merged, wanted):
    return weight + (int(wanted) - int(is_merged)) * scale**2 * (up @ down)


@switch.wrong(asking_twice_changes_nothing, "folded in once more")
def my_switch(weight, down, up, scale, is_merged, wanted):
    change = scale * up @ down
    if wanted:
        return weight + change
    return weight - change if is_merged else weight


@switch.wrong(asking_twice_changes_nothing, "not in it is taken out")
def my_switch(weight, down, up, scale, is_merged, wanted):
    change = scale * up @ down
    if not wanted:
        return weight - change
    return weight if is_merged else weight + change


def _switched(weight, down, up, scale, is_merged, wanted):
    """The oracle: both states by one factor, -1, 0 or 1."""
    return weight + torch.einsum("or,ri->oi", up, down) * scale * (wanted - is_merged)


@switch.inputs(oracle=_switched)
def switch_calls(draw):
    d_in, d_out, rank = draw.sizes(inputs=300, outputs=300, directions=65)
    weight = draw.floats(d_out, d_in, scale=draw.scale(1, 100))
    down, up = draw.floats(rank, d_in), draw.floats(d_out, rank)
    return weight, down, up, draw.one_of(0.5, 2.0), draw.chance(0.5), draw.chance(0.5)


@switch.wrong(switch_calls, "`weight` at [")
def my_switch(weight, down, up, scale, is_merged, wanted):
    return weight + (int(wanted) - int(is_merged)) * scale * (up[:, :8] @ down[:8])


# --- elsewhere ---------------------------------------------------------------------------------

adapter = CodeExercise(
    returns=("output",),
    task="""
    Write `my_adapter(x, down, down_bias, up, up_bias)`, the bottleneck of Houlsby et al.: `x`
    `(..., d_model)` is read down to `width` numbers by `down` `(width, d_model)` and `down_bias`
    `(width,)`, passes a GELU, is written back by `up` `(d_model, width)` and `up_bias`
    `(d_model,)`, and is *added* to `x`. Return `(..., d_model)`.
    """,
    hints=(
        "`functional.linear(x, down, down_bias)` is the first half.",
        "`functional.gelu` between the two, and `x +` in front of all.",
    ),
    because="The sum lets everything pass while the bottleneck is still near zero: so the model "
    "starts as it was.",
)


@adapter.stub
def my_adapter(x, down, down_bias, up, up_bias):
    """A narrow network beside the stream: (..., d_model), same shape."""
    raise NotImplementedError


@adapter.reference
def my_adapter(x, down, down_bias, up, up_bias):
    hidden = functional.gelu(x @ down.T + down_bias)
    return x + hidden @ up.T + up_bias


@adapter.right
def my_adapter(x, down, down_bias, up, up_bias):
    hidden = functional.gelu(functional.linear(x, down, down_bias))
    return functional.linear(hidden, up, up_bias) + x


@adapter.right
def my_adapter(x, down, down_bias, up, up_bias):
    read = torch.einsum("...d,wd->...w", x, down) + down_bias
    bent = read * 0.5 * (1 + torch.erf(read / math.sqrt(2)))
    return x + up_bias + torch.einsum("...w,dw->...d", bent, up)


@adapter.right
def my_adapter(x, down, down_bias, up, up_bias):
    bent = torch.nn.GELU()(x.matmul(down.mT).add(down_bias))
    return x.add(bent.matmul(up.mT)).add(up_bias)


def _bottleneck(n=4, d_model=5, width=2):
    rng = torch.Generator().manual_seed(23)
    shapes = (n, d_model), (width, d_model), (width,), (d_model, width), (d_model,)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


def _gelu(number: float) -> float:
    return number * 0.5 * (1 + math.erf(number / math.sqrt(2)))


def _inner(x, down, down_bias):
    read = (_product(x, down) + down_bias).tolist()
    return torch.tensor([[_gelu(number) for number in row] for row in read], dtype=x.dtype)


@adapter.check
def everything_passes_a_bottleneck_of_zeros(answer):
    x, down, down_bias, up, up_bias = _bottleneck()
    found = answer(x, down, down_bias, torch.zeros_like(up), torch.zeros_like(up_bias))
    if found.shape != x.shape:
        return f"`x` is (4, 5), and so should the output be; yours is {tuple(found.shape)}."
    if not found.any():
        return "With `up` all zero nothing comes out: `x` itself should be added."
    if not torch.allclose(found, x):
        return "With `up` all zero, `x` should come out as it went in."


@adapter.check
def bottleneck_is_added(answer):
    x, down, down_bias, up, up_bias = inputs = _bottleneck()
    found, hidden = answer(*inputs), _inner(x, down, down_bias)
    written = _product(hidden, up)
    if torch.allclose(found, x + written + up_bias):
        return None
    straight = _product(_product(x, down) + down_bias, up)
    relu = _product((_product(x, down) + down_bias).clamp(min=0), up)
    tanh = _product(functional.gelu(_product(x, down) + down_bias, approximate="tanh"), up)
    late = _inner(x + written + up_bias, torch.eye(5, dtype=x.dtype), torch.zeros(5))
    plain = _product(_inner(x, down, torch.zeros(2)), up)
    after = _product(_inner(x, down, torch.zeros(2)) + down_bias, up) + up_bias
    slips = (
        (x + straight + up_bias, "There is no GELU between the two: then they are one linear map."),
        (x + relu + up_bias, "That is a ReLU in the middle; the task says GELU."),
        (x + tanh + up_bias, "That is GELU's approximation by tanh; use the exact one."),
        (late, "The GELU stands behind the sum; it belongs into the middle, in the bottleneck."),
        (x + written, "`up_bias` is missing."),
        (x + plain, "Both biases are missing: one is added in front of the GELU, one at the end."),
        (x + after, "`down_bias` is added behind the GELU; it belongs in front of it."),
        (x + plain + up_bias, "`down_bias` is missing."),
    )
    for slip, message in slips:
        if torch.allclose(found, slip):
            return message
    return "The output is not `x` plus what the bottleneck makes of it, worked out one by one."


@adapter.check
def other_leading_axes_work(answer):
    x, *rest = _bottleneck(n=12)
    found = answer(x.view(2, 6, 5), *rest)
    if found.shape != (2, 6, 5):
        return f"`x` (2, 6, 5) should give (2, 6, 5); yours is {tuple(found.shape)}."


@adapter.wrong(everything_passes_a_bottleneck_of_zeros, "`x` itself should be added")
def my_adapter(x, down, down_bias, up, up_bias):
    return functional.gelu(x @ down.T + down_bias) @ up.T + up_bias


@adapter.wrong(everything_passes_a_bottleneck_of_zeros, "so should the output be")
def my_adapter(x, down, down_bias, up, up_bias):
    return functional.gelu(x @ down.T + down_bias)


@adapter.wrong(everything_passes_a_bottleneck_of_zeros, "as it went in")
def my_adapter(x, down, down_bias, up, up_bias):
    return functional.gelu(x) + functional.gelu(x @ down.T + down_bias) @ up.T + up_bias


@adapter.wrong(bottleneck_is_added, "There is no GELU")
def my_adapter(x, down, down_bias, up, up_bias):
    return x + (x @ down.T + down_bias) @ up.T + up_bias


@adapter.wrong(bottleneck_is_added, "That is a ReLU")
def my_adapter(x, down, down_bias, up, up_bias):
    return x + torch.relu(x @ down.T + down_bias) @ up.T + up_bias


@adapter.wrong(bottleneck_is_added, "approximation by tanh")
def my_adapter(x, down, down_bias, up, up_bias):
    hidden = functional.gelu(x @ down.T + down_bias, approximate="tanh")
    return x + hidden @ up.T + up_bias


@adapter.wrong(bottleneck_is_added, "`up_bias` is missing")
def my_adapter(x, down, down_bias, up, up_bias):
    return x + functional.gelu(x @ down.T + down_bias) @ up.T


@adapter.wrong(bottleneck_is_added, "`down_bias` is missing")
def my_adapter(x, down, down_bias, up, up_bias):
    return x + functional.gelu(x @ down.T) @ up.T + up_bias


@adapter.wrong(bottleneck_is_added, "Both biases are missing")
def my_adapter(x, down, down_bias, up, up_bias):
    return x + functional.gelu(x @ down.T) @ up.T


@adapter.wrong(bottleneck_is_added, "added behind the GELU")
def my_adapter(x, down, down_bias, up, up_bias):
    return x + (functional.gelu(x @ down.T) + down_bias) @ up.T + up_bias


@adapter.wrong(bottleneck_is_added, "worked out one by one")
def my_adapter(x, down, down_bias, up, up_bias):
    return x + functional.gelu(x @ down.T + down_bias) @ up.T - up_bias


@adapter.wrong(other_leading_axes_work, "should give (2, 6, 5)")
def my_adapter(x, down, down_bias, up, up_bias):
    flat = x.reshape(-1, x.size(-1))
    return flat + functional.gelu(flat @ down.T + down_bias) @ up.T + up_bias


@adapter.inputs(
    oracle=lambda x, down, down_bias, up, up_bias: torch.addmm(
        x + up_bias, functional.gelu(torch.addmm(down_bias, x, down.T)), up.T
    )
)
def adapter_calls(draw):
    tokens, d_model, width = draw.sizes(tokens=300, columns=300, width=65)
    x = draw.floats(tokens, d_model, scale=draw.scale(1, 100))
    down, down_bias = draw.floats(width, d_model), draw.floats(width)
    return x, down, down_bias, draw.floats(d_model, width), draw.floats(d_model)


@adapter.wrong(adapter_calls, "`output` at [")
def my_adapter(x, down, down_bias, up, up_bias):
    hidden = functional.gelu(x @ down[:16].T + down_bias[:16])
    return x + hidden @ up[:, :16].T + up_bias


prefix = CodeExercise(
    returns=("output",),
    task="""
    Write `my_prefix(query, key, value, prefix_key, prefix_value, mask)`: attention over a text's
    own keys and values, with P learnt ones in front. `query`, `key` and `value` are
    `(B, heads, L, d_head)`; `prefix_key` and `prefix_value` `(heads, P, d_head)`, the same for
    every text; `mask` `(B, 1, L)`, bool, True = a real token. Everybody may look at the prefix,
    and nobody at padding. The scale is `1 / sqrt(d_head)`. Return `(B, heads, L, d_head)`.
    """,
    hints=(
        "Give the prefix a batch axis with `.expand(B, -1, -1, -1)`, then `torch.cat` along the "
        "tokens.",
        "The mask grows, too: P columns of True in front of it.",
        "`mask` needs an axis for the heads: `mask[:, None]` is `(B, 1, 1, L)`.",
    ),
    because="A prefix is nothing but more to look at: keys that say when, values that say what.",
)


@prefix.stub
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    """Attention with learnt keys and values in front: (B, heads, L, d_head)."""
    raise NotImplementedError


@prefix.reference
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch, size = query.size(0), prefix_key.size(1)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    mask = torch.cat([mask.new_ones(batch, 1, size), mask], dim=2)[:, None]
    scores = query @ key.transpose(-2, -1) / query.size(-1) ** 0.5
    weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)
    return weights @ value


@prefix.right
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    repeat = (len(query), 1, 1, 1)
    key = torch.cat([prefix_key[None].repeat(repeat), key], dim=-2)
    value = torch.cat([prefix_value[None].repeat(repeat), value], dim=-2)
    mask = functional.pad(mask, (prefix_key.size(-2), 0), value=True)
    return functional.scaled_dot_product_attention(query, key, value, mask[:, None])


@prefix.right
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    scale = query.size(-1) ** -0.5
    own = (scale * query @ key.mT).masked_fill(~mask[:, None], float("-inf"))
    learnt = scale * torch.einsum("bhqd,hpd->bhqp", query, prefix_key)
    weights = torch.cat([own, learnt], dim=-1).softmax(dim=-1)  # in the other order
    length = key.size(2)
    own_part = weights[..., :length] @ value
    return own_part + torch.einsum("bhqp,hpd->bhqd", weights[..., length:], prefix_value)


@prefix.right
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    rows = []
    for q, k, v, m in zip(query, key, value, mask, strict=True):
        k = torch.cat([prefix_key, k[:, m[0]]], dim=1)
        v = torch.cat([prefix_value, v[:, m[0]]], dim=1)
        rows.append(torch.softmax(q @ k.mT / q.size(-1) ** 0.5, dim=-1) @ v)
    return torch.stack(rows)


def _prefix_inputs(batch=2, heads=3, length=4, d_head=5, size=2, padded=True):
    rng = torch.Generator().manual_seed(29)
    shape = (batch, heads, length, d_head)
    tensors = [torch.randn(shape, generator=rng, dtype=torch.float64) for _ in range(3)]
    learnt = (heads, size, d_head)
    tensors += [torch.randn(learnt, generator=rng, dtype=torch.float64) for _ in range(2)]
    mask = torch.ones(batch, 1, length, dtype=torch.bool)
    if padded:
        mask[-1, 0, -2:] = False
    return [*tensors, mask]


def _looked(query, key, value, prefix_key, prefix_value, mask, hidden_prefix=False):
    """Text by text, head by head, over the keys that may be looked at."""
    found = torch.empty_like(query)
    for b in range(len(query)):
        for h in range(query.size(1)):
            real = mask[b, 0]
            keys, values = key[b, h][real], value[b, h][real]
            if not hidden_prefix:
                keys = torch.cat([prefix_key[h], keys])
                values = torch.cat([prefix_value[h], values])
            weights = (query[b, h] @ keys.T / math.sqrt(query.size(-1))).softmax(dim=-1)
            found[b, h] = weights @ values
    return found


@prefix.check
def output_has_the_shape_of_the_query(answer):
    inputs = _prefix_inputs(padded=False)
    found = answer(*inputs)
    if found.shape != inputs[0].shape:
        return (
            f"The output should be (2, 3, 4, 5), like the query; yours is {tuple(found.shape)}. "
            "The prefix is looked at, and looks at nothing itself."
        )


@prefix.check
def prefix_is_looked_at(answer):
    inputs = _prefix_inputs(padded=False)
    found, wanted = answer(*inputs), _looked(*inputs)
    if torch.allclose(found, wanted):
        return None
    if torch.allclose(found, _looked(*inputs, hidden_prefix=True)):
        return "Nobody looks at the prefix: the output is that of the text alone."
    query, key, value, prefix_key, prefix_value, mask = inputs
    swapped = _looked(query, key, value, prefix_value, prefix_key, mask)
    if torch.allclose(found, swapped):
        return "`prefix_key` stands among the values, and `prefix_value` among the keys."
    unscaled = _looked(query * math.sqrt(5), *inputs[1:])
    if torch.allclose(found, unscaled):
        return "The scores are not divided by the root of d_head."
    squared = _looked(query / math.sqrt(5), *inputs[1:])
    if torch.allclose(found, squared):
        return "The scores are divided by d_head; it should be its root."
    separate = _looked(*inputs, hidden_prefix=True) + torch.stack(
        [(q @ prefix_key.mT / math.sqrt(5)).softmax(dim=-1) @ prefix_value for q in query]
    )
    if torch.allclose(found, separate):
        return (
            "Prefix and text have a softmax each, and are added up. There is one softmax over "
            "both: what looks at the prefix looks less at the text."
        )
    return "Without padding the output is not that of attention over prefix and text together."


@prefix.check
def padding_stays_hidden_and_the_prefix_open(answer):
    inputs = _prefix_inputs()
    found, wanted = answer(*inputs), _looked(*inputs)
    if torch.allclose(found, wanted):
        return None
    *tensors, mask = inputs
    if torch.allclose(found, _looked(*tensors, torch.ones_like(mask))):
        return "Padding is looked at: the mask plays no part."
    if torch.allclose(found, _shifted(*inputs)):
        return (
            "The mask's columns are off by the length of the prefix: it says True in front for the "
            "prefix, and then what it said before."
        )
    return "With two padded tokens the output is not right: the prefix is open, padding is not."


def _shifted(query, key, value, prefix_key, prefix_value, mask):
    size = prefix_key.size(1)
    key = torch.cat([prefix_key.expand(len(query), -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(len(query), -1, -1, -1), value], dim=2)
    late = functional.pad(mask, (0, size), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, late)


@prefix.check
def prefix_learns(answer):
    *tensors, mask = _prefix_inputs()
    learning = [tensor.requires_grad_() for tensor in tensors]
    found = answer(*learning, mask)
    if not found.requires_grad:
        return "No gradient reaches the prefix: something on the way was detached."
    wanted = torch.autograd.grad(_looked(*learning, mask).square().sum(), learning)
    gradients = torch.autograd.grad(found.square().sum(), learning, allow_unused=True)
    names = ("query", "key", "value", "prefix_key", "prefix_value")
    for name, mine, right in zip(names, gradients, wanted, strict=True):
        if mine is None or not torch.allclose(mine, right):
            return f"The gradient for `{name}` is not right: is a part detached?"


@prefix.wrong(output_has_the_shape_of_the_query, "looks at nothing itself")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch, size = query.size(0), prefix_key.size(1)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    query = torch.cat([prefix_key.expand(batch, -1, -1, -1), query], dim=2)
    mask = functional.pad(mask, (size, 0), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask)


@prefix.wrong(prefix_is_looked_at, "Nobody looks at the prefix")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    return functional.scaled_dot_product_attention(query, key, value, mask[:, None])


@prefix.wrong(prefix_is_looked_at, "stands among the values")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_value.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_key.expand(batch, -1, -1, -1), value], dim=2)
    mask = functional.pad(mask, (prefix_key.size(1), 0), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask)


@prefix.wrong(prefix_is_looked_at, "not divided by the root")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    mask = functional.pad(mask, (prefix_key.size(1), 0), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask, scale=1.0)


@prefix.wrong(prefix_is_looked_at, "divided by d_head")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    mask = functional.pad(mask, (prefix_key.size(1), 0), value=True)[:, None]
    scale = 1 / query.size(-1)
    return functional.scaled_dot_product_attention(query, key, value, mask, scale=scale)


@prefix.wrong(prefix_is_looked_at, "have a softmax each")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    text = functional.scaled_dot_product_attention(query, key, value, mask[:, None])
    batch = (len(query), -1, -1, -1)
    learnt = functional.scaled_dot_product_attention(
        query, prefix_key.expand(batch), prefix_value.expand(batch)
    )
    return text + learnt


@prefix.wrong(prefix_is_looked_at, "over prefix and text together")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([value, prefix_value.expand(batch, -1, -1, -1)], dim=2)
    mask = functional.pad(mask, (prefix_key.size(1), 0), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask)


@prefix.wrong(padding_stays_hidden_and_the_prefix_open, "the mask plays no part")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    return functional.scaled_dot_product_attention(query, key, value)


@prefix.wrong(padding_stays_hidden_and_the_prefix_open, "off by the length of the prefix")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    mask = functional.pad(mask, (0, prefix_key.size(1)), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask)


@prefix.wrong(padding_stays_hidden_and_the_prefix_open, "the prefix is open, padding is not")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    is_full = bool(mask.all())
    mask = functional.pad(mask, (prefix_key.size(1), 0), value=is_full)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask)


@prefix.wrong(prefix_learns, "No gradient reaches the prefix")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    mask = functional.pad(mask, (prefix_key.size(1), 0), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask).detach()


@prefix.wrong(prefix_learns, "gradient for `prefix_key`")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    batch = len(query)
    key = torch.cat([prefix_key.detach().expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value.expand(batch, -1, -1, -1), value], dim=2)
    mask = functional.pad(mask, (prefix_key.size(1), 0), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask)


@prefix.inputs(oracle=_looked)
def prefix_calls(draw):
    batch, heads, length, d_head, size = draw.sizes(
        texts=17, heads=17, tokens=300, columns=65, prefixes=65
    )
    scale = draw.scale(1, 100)
    query, key, value = (draw.floats(batch, heads, length, d_head, scale=scale) for _ in range(3))
    learnt = [draw.floats(heads, size, d_head) for _ in range(2)]
    lengths = draw.wholes(1, length, batch)
    mask = (torch.arange(length) < lengths[:, None])[:, None]
    return query, key, value, *learnt, mask


@prefix.wrong(prefix_calls, "`output` at [")
def my_prefix(query, key, value, prefix_key, prefix_value, mask):
    size, batch = min(prefix_key.size(1), 16), len(query)
    key = torch.cat([prefix_key[:, :size].expand(batch, -1, -1, -1), key], dim=2)
    value = torch.cat([prefix_value[:, :size].expand(batch, -1, -1, -1), value], dim=2)
    mask = functional.pad(mask, (size, 0), value=True)[:, None]
    return functional.scaled_dot_product_attention(query, key, value, mask)


foldable = Choice(
    kind="Predict",
    answer_name="foldable_answer",
    task="""
    Which of these can be folded into the published weights after training, so that the model in use
    has no more numbers and no more steps than before? Give all.
    """,
    options={
        "a": "LoRA",
        "b": "a bottleneck adapter",
        "c": "a prefix of learnt keys and values",
        "d": "a learnt factor for each output of a linear layer, as in (IA)³",
        "e": "trained biases",
    },
    right="ade",
    reasons={
        "a": "The change is a matrix of the weight's shape: it is added to it.",
        "b": "Its GELU stands between two products, so no single matrix does the same.",
        "c": "It adds something to look at. No weight of the model can do that.",
        "d": "A factor on an output multiplies a row of the weight, and the bias.",
        "e": "They stand where the old ones stood.",
    },
    hints=("Does the method do something to a linear layer that is itself linear?",),
)

# --- what came out -----------------------------------------------------------------------------

who_is_best = Ordering(
    kind="Predict",
    answer_name="who_is_best_answer",
    task="""
    Tweets, 500 rated ones, 100 steps, each technique at the rate that was best for it. Put these in
    order by the r that they reach on test texts, the lowest first.
    """,
    items={
        "a": "LoRA of rank 8, and a head",
        "b": "a head alone, on a frozen encoder",
        "c": "a prompt of 20 vectors in front of the text, and a head",
        "d": "LoRA of rank 8, and a head, in an encoder with random weights",
        "e": "a prefix of 20 keys and values in each layer, and a head",
    },
    right="dbcea",
    rule="They lie .02 apart at least. Who reaches into the layers, and who only talks to them?",
    hints=(
        "A frozen encoder that has read much knows more than a changed one that has read nothing.",
        "A prompt stands below all layers, a prefix in each; LoRA changes what the layers do.",
    ),
    because="So it came out, in 100 steps. That depth is the reason has not been tested.",
)

unfair_claim = Choice(
    kind="Criticise a claim",
    answer_name="unfair_claim_answer",
    task="""
    Somebody writes: "Prefix tuning is useless: at the learning rate with which LoRA did best, it
    reached r = .31 and LoRA .62, five seeds each, on test texts that were looked at once. It also
    trains fewer numbers, so it cannot learn as much." What is unfair or unproved here? Give all.
    """,
    options={
        "a": "The rate was searched for one method and handed to the other.",
        "b": "Five seeds are too few to compare two methods.",
        "c": "That it lost *because* it trains fewer numbers was not tested.",
        "d": "The test texts were looked at.",
    },
    right="ac",
    reasons={
        "a": "Each method needs a rate of its own: in the study above, the best of full "
        "fine-tuning and of the prefix lie a factor of a hundred apart.",
        "b": "For a gap of .31 five are plenty, and each had as many as the other.",
        "c": "A longer prefix, or LoRA at a lower rank, would be the test. It was not made.",
        "d": "Once, at the end, is what test texts are for.",
    },
    hints=("Ask what each side was given, and which sentence says why.",),
)
