"""The exercises of the chapter on training and generation."""

import math

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.oracles import told_apart
from .engine.values import Choice, Number

# --- recap -------------------------------------------------------------------------------------

who_looks = Choice(
    kind="Recap",
    answer_name="who_looks_answer",
    task="In cross-attention of a decoder layer, where do queries, keys and values come from?",
    options={
        "a": "All three from the decoder.",
        "b": "Queries from the decoder, keys and values from the encoder's output.",
        "c": "Queries from the encoder's output, keys and values from the decoder.",
        "d": "Queries and keys from the encoder's output, values from the decoder.",
    },
    right="b",
    reasons={
        "a": "That is its self-attention.",
        "b": "Who writes asks; what was read is looked at, and handed over.",
        "c": "Then the source would look at the target.",
        "d": "Keys and values belong to the same tokens, always.",
    },
    hints=("Which of the two is looking for something?",),
)

why_norm_before = Choice(
    kind="Recap",
    answer_name="why_norm_before_answer",
    task="""
    Twelve layers were trained from the first step at the full learning rate, with the norm after
    the sum. What did the loss do?
    """,
    options={
        "a": "It fell as with the norm before.",
        "b": "It became infinite at once.",
        "c": "It stayed where knowing how frequent each letter is brings one.",
        "d": "It fell faster than with a warm-up.",
    },
    right="c",
    reasons={
        "a": "With the norm before it does fall; after it did not.",
        "b": "Nothing overflowed: it learnt a little, and then no more.",
        "c": "That, and nothing more; with a warm-up it got away from there.",
        "d": "The warm-up is what helped it.",
    },
    hints=("Look at the flat line in the chapter on the whole Transformer.",),
)

# --- training the decoder ----------------------------------------------------------------------

shift = FindTheBug(
    returns=("decoder_input", "wanted"),
    harm="wanted at the same place",
    task="""
    `target` holds whole target sequences, `<start>` first and `<end>` last, `(B, L)`. The decoder
    reads `decoder_input` and should predict `wanted`, both `(B, L - 1)`. With this function
    training goes wonderfully: the loss falls to 0 in no time. Then the model cannot write a single
    date. Repair it.
    """,
    hints=(
        "Write both out for one short sequence: what does the decoder see at the place where it "
        "should say the first digit?",
        "The causal mask lets a position look at itself.",
    ),
    because="At each place the decoder sees the tokens up to this one, and should say the next. "
    "The mask hides the places after it, not the place itself.",
)


@shift.stub
def make_pair(target):
    """What the decoder reads, and what it should say: (B, L) -> (B, L - 1), twice."""
    decoder_input = target[:, 1:]
    wanted = target[:, 1:]
    return decoder_input, wanted


@shift.reference
def make_pair(target):
    return target[:, :-1], target[:, 1:]


@shift.right
def make_pair(target):
    steps = target.size(1) - 1
    return target.narrow(1, 0, steps), target.narrow(1, 1, steps)


@shift.right
def make_pair(target):
    *decoder_input, _ = target.unbind(dim=1)
    _, *wanted = target.unbind(dim=1)
    return torch.stack(decoder_input, dim=1), torch.stack(wanted, dim=1)


@shift.right
def make_pair(target):
    return target.unfold(1, 2, 1).unbind(dim=-1)


def _sequences(batch: int = 3, length: int = 5):
    """Ids that are all different, so that each place can be told from each other."""
    return torch.arange(10, 10 + batch * length).reshape(batch, length)


@shift.check
def both_are_one_shorter(answer):
    for sizes in ((3, 5), (1, 2)):
        for name, part in zip(("decoder_input", "wanted"), answer(_sequences(*sizes)), strict=True):
            if part.is_floating_point():
                return f"`{name}` are token ids, whole numbers; yours are {part.dtype}."
            if part.shape != (sizes[0], sizes[1] - 1):
                return (
                    f"For a target of shape {sizes}, `{name}` should be (B, L - 1) = "
                    f"{(sizes[0], sizes[1] - 1)}; yours is {tuple(part.shape)}."
                )


@shift.check
def answer_is_not_shown(answer):
    decoder_input, wanted = answer(_sequences())
    if (decoder_input == wanted).any():
        return (
            "What the decoder reads at a place is what is wanted at the same place: it need only "
            "copy. It should read the token *before*."
        )


@shift.check
def decoder_reads_from_the_start(answer):
    target = _sequences(2, 6)
    decoder_input, _ = answer(target)
    for place in range(5):
        if not torch.equal(decoder_input[:, place], target[:, place]):
            return (
                f"Place {place} of `decoder_input` should hold token {place} of the target: when "
                f"the model writes, it is given `<start>` first, and then what it wrote."
            )


@shift.check
def wanted_is_the_next_token(answer):
    target = _sequences(2, 6)
    _, wanted = answer(target)
    for place in range(5):
        if not torch.equal(wanted[:, place], target[:, place + 1]):
            return (
                f"Place {place} of `wanted` should hold token {place + 1} of the target, the next "
                f"one; the last is `<end>`, for the model has to learn to stop."
            )


@shift.wrong(both_are_one_shorter, "should be (B, L - 1)")
def make_pair(target):
    return target, target[:, 1:]


@shift.wrong(both_are_one_shorter, "`wanted` should be")
def make_pair(target):
    return target[:, :-1], target[1:]


@shift.wrong(both_are_one_shorter, "`wanted` are token ids")
def make_pair(target):
    return target[:, :-1], target[:, 1:].float()


@shift.wrong(answer_is_not_shown, "need only copy")
def make_pair(target):
    return target[:, :-1], target[:, :-1]


@shift.wrong(decoder_reads_from_the_start, "is given `<start>` first")
def make_pair(target):
    return target[:, 1:], target[:, :-1]


@shift.wrong(wanted_is_the_next_token, "has to learn to stop")
def make_pair(target):
    return target[:, :-1], target[:, 1:].flip(1).roll(1, dims=1)


@shift.inputs(oracle=lambda target: target.unfold(1, 2, 1).unbind(dim=-1))
def pair_calls(draw):
    batch, length = draw.sizes(sequences=65, tokens=(2, 300))
    return (draw.wholes(0, 1_000, batch, length),)


@shift.wrong(pair_calls, "should have shape")
def make_pair(target):
    return target[:, :-1][:, :64], target[:, 1:][:, :64]


# --- a training step ---------------------------------------------------------------------------

learning_rate = CodeExercise(
    returns=("rates",),
    task="""
    Write `my_learning_rate(steps, d_model, warmup_steps)`, the schedule of the paper: d_model to
    the power -0.5, times the smaller of step to the power -0.5 and step times warmup_steps to the
    power -1.5. `steps` is a tensor of step numbers `(N,)`, counted from 1; a rate for each comes
    back, `(N,)`.
    """,
    hints=(
        "`torch.minimum(a, b)` takes the smaller one, number by number.",
        "Step numbers are whole; `steps.float()` can be raised to any power.",
    ),
    because="It rises evenly for the warm-up, where both powers meet, and falls as 1 / sqrt(step).",
)


@learning_rate.stub
def my_learning_rate(steps, d_model, warmup_steps):
    """The rate of each step: (N,) step numbers from 1 -> (N,)."""
    raise NotImplementedError


@learning_rate.reference
def my_learning_rate(steps, d_model, warmup_steps):
    steps = steps.float()
    return d_model**-0.5 * torch.minimum(steps**-0.5, steps * warmup_steps**-1.5)


@learning_rate.right
def my_learning_rate(steps, d_model, warmup_steps):
    step = steps.to(torch.float32)
    rising, falling = step / warmup_steps**1.5, step.rsqrt()
    return torch.where(rising < falling, rising, falling) / d_model**0.5


@learning_rate.right
def my_learning_rate(steps, d_model, warmup_steps):
    both = torch.stack([1 / steps.float().sqrt(), steps.float() / math.sqrt(warmup_steps**3)])
    return both.amin(dim=0) * d_model**-0.5


@learning_rate.right
def my_learning_rate(steps, d_model, warmup_steps):
    rates = [d_model**-0.5 * min(s**-0.5, s * warmup_steps**-1.5) for s in steps.tolist()]
    return torch.tensor(rates)


def _rates_by_number(steps, d_model, warmup_steps):
    """The oracle: one step after the other, in plain Python."""
    peak = 1 / math.sqrt(d_model * warmup_steps)
    shares = [
        step / warmup_steps if step < warmup_steps else math.sqrt(warmup_steps / step)
        for step in steps.tolist()
    ]
    return torch.tensor([peak * share for share in shares])


@learning_rate.check
def a_rate_comes_back_for_each_step(answer):
    rates = answer(torch.arange(1, 8), 16, 4)
    if rates.shape != (7,) or not rates.is_floating_point():
        return f"For 7 steps there are 7 rates; yours: {tuple(rates.shape)} of {rates.dtype}."


@learning_rate.check
def peak_is_at_the_end_of_the_warm_up(answer):
    rates = answer(torch.arange(1, 21), 16, 4)
    if int(rates.argmax()) != 3:
        return (
            f"With 4 steps of warm-up the rate is largest at step 4; yours at step "
            f"{int(rates.argmax()) + 1}. Is the *smaller* of the two powers taken?"
        )
    if not torch.allclose(rates[:4] / rates[3], torch.tensor([0.25, 0.5, 0.75, 1.0])):
        return "During the warm-up the rate should rise evenly from step to step; yours does not."


@learning_rate.check
def it_falls_as_the_root_of_the_step(answer):
    rates = answer(torch.tensor([4, 16, 64]), 16, 4)
    if not torch.allclose(rates / rates[0], torch.tensor([1.0, 0.5, 0.25])):
        return "After the warm-up four times the steps should mean half the rate; yours does not."


@learning_rate.check
def a_wider_model_has_a_smaller_rate(answer):
    for d_model in (16, 64, 512):
        peak, wanted = answer(torch.tensor([4]), d_model, 4).item(), (4 * d_model) ** -0.5
        if abs(peak / wanted - 1) > 1e-4:
            mine, right = told_apart(peak, wanted)
            return (
                f"For d_model = {d_model} and 4 steps of warm-up the peak is {right}; yours is "
                f"{mine}."
            )


@learning_rate.wrong(a_rate_comes_back_for_each_step, "there are 7 rates")
def my_learning_rate(steps, d_model, warmup_steps):
    return _rates_by_number(steps, d_model, warmup_steps)[:1]


@learning_rate.wrong(peak_is_at_the_end_of_the_warm_up, "the *smaller* of the two")
def my_learning_rate(steps, d_model, warmup_steps):
    steps = steps.float()
    return d_model**-0.5 * torch.maximum(steps**-0.5, steps * warmup_steps**-1.5)


@learning_rate.wrong(peak_is_at_the_end_of_the_warm_up, "rise evenly")
def my_learning_rate(steps, d_model, warmup_steps):
    steps = steps.float()
    return d_model**-0.5 * torch.minimum(steps**-0.5, steps**2 * warmup_steps**-2.5)


@learning_rate.wrong(it_falls_as_the_root_of_the_step, "half the rate")
def my_learning_rate(steps, d_model, warmup_steps):
    steps = steps.float()
    falling = warmup_steps**0.5 / steps
    return d_model**-0.5 * torch.minimum(falling, steps * warmup_steps**-1.5)


@learning_rate.wrong(a_wider_model_has_a_smaller_rate, "the peak is")
def my_learning_rate(steps, d_model, warmup_steps):
    return _rates_by_number(steps, 1, warmup_steps) / d_model


@learning_rate.inputs(oracle=_rates_by_number)
def rate_calls(draw):
    (number,) = draw.sizes(steps=300)
    return draw.wholes(1, 10_000, number), draw.whole(1, 1_024), draw.whole(1, 4_000)


@learning_rate.wrong(rate_calls, "should be")
def my_learning_rate(steps, d_model, warmup_steps):
    return _rates_by_number(steps.clamp(max=100), d_model, warmup_steps)


training_step = CodeExercise(
    returns=("new_weights", "new_mean", "new_square", "loss"),
    task="""
    Write `my_training_step(weights, mean, square, step, loss_of, rate, max_norm)`: one step of
    training, whole. `weights` `(N,)` are all the numbers of a model, and record a gradient;
    `loss_of(weights)` is the loss. Take the gradient. If its length, the root of the sum of its
    squares, is above `max_norm`, scale it to that length. Then Adam: `mean` becomes 0.9 mean + 0.1
    gradient, `square` becomes 0.98 square + 0.02 gradient squared. Divide the new mean by 1 -
    0.9**step and the new square by 1 - 0.98**step; `step` is counted from 1. The weights move by
    `-rate` times that mean, divided by the root of that square plus 1e-9. Return new weights, new
    mean, new square (both before that division) and the loss, none with a gradient.
    """,
    hints=(
        "`torch.autograd.grad(loss, weights)` gives a tuple with the gradient in it.",
        "`gradient.norm()` is its length; `min(1.0, max_norm / length)` the factor.",
        "The root first, then 1e-9 is added to it.",
        "Outside of the gradient nothing should record: `.detach()` the loss, and compute with "
        "`weights.detach()`.",
    ),
    because="Gradient, clip, running means, step: this is all that training is, some thousand "
    "times.",
)


@training_step.stub
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    """Gradient, clipping, one step of Adam: all (N,) but the loss."""
    raise NotImplementedError


@training_step.reference
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    loss = loss_of(weights)
    (gradient,) = torch.autograd.grad(loss, weights)
    length = gradient.square().sum().sqrt()
    if length > max_norm:
        gradient = gradient * max_norm / length
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.98 * square + 0.02 * gradient**2
    direction = mean / (1 - 0.9**step) / ((square / (1 - 0.98**step)).sqrt() + 1e-9)
    return weights.detach() - rate * direction, mean, square, loss.detach()


@training_step.right
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    mine = weights.detach().clone().requires_grad_()
    loss = loss_of(mine)
    loss.backward()
    with torch.no_grad():
        gradient = mine.grad * torch.clamp(max_norm / mine.grad.norm(), max=1.0)
        mean = torch.lerp(mean, gradient, 0.1)
        square = torch.lerp(square, gradient * gradient, 0.02)
        fair_mean = mean / (1 - 0.9**step)
        fair_square = square / (1 - 0.98**step)
        return weights - rate * fair_mean / (fair_square.sqrt() + 1e-9), mean, square, loss.data


@training_step.right
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    with torch.enable_grad():
        recorded = weights.detach().requires_grad_(True)
        loss = loss_of(recorded)
        gradient = torch.autograd.grad(loss, [recorded])[0]
    gradient = gradient / max(1.0, gradient.norm().item() / max_norm)
    mean = mean.detach().mul(0.9).add(gradient, alpha=0.1)
    square = square.detach().mul(0.98).addcmul(gradient, gradient, value=0.02)
    spread = square.div(1 - 0.98**step).sqrt().add(1e-9)
    moved = weights.detach().addcdiv(mean / (1 - 0.9**step), spread, value=-rate)
    return moved, mean, square, loss.detach()


@training_step.right
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    weights, mean, square = weights.detach(), mean.detach(), square.detach()
    recorded = weights.clone().requires_grad_()
    loss = loss_of(recorded)
    gradient = torch.autograd.grad(loss, recorded)[0]
    length = torch.dot(gradient, gradient) ** 0.5
    factor = torch.where(length > max_norm, max_norm / length, torch.ones_like(length))
    mean = mean * 0.9 + gradient * factor * 0.1
    square = square * 0.98 + (gradient * factor).square() * 0.02
    root = torch.sqrt(square / (1 - 0.98**step)) + 1e-9
    return weights - mean / (1 - 0.9**step) / root * rate, mean, square, loss.detach()


def _number_by_number(weights, mean, square, step, loss_of, rate, max_norm):
    """The oracle: Adam (Kingma and Ba 2015, algorithm 1) for one number after the other."""
    mine = weights.detach().clone().requires_grad_()
    loss = loss_of(mine)
    loss.backward()
    slopes = mine.grad.tolist()
    length = math.sqrt(math.fsum(slope * slope for slope in slopes))
    factor = max_norm / length if length > max_norm else 1.0
    rows = []
    for w, m, v, slope in zip(
        *(part.tolist() for part in (weights, mean, square)), slopes, strict=True
    ):
        m = 0.9 * m + (1 - 0.9) * slope * factor
        v = 0.98 * v + (1 - 0.98) * (slope * factor) ** 2
        fair_m, fair_v = m / (1 - 0.9**step), v / (1 - 0.98**step)
        rows.append((w - rate * fair_m / (math.sqrt(fair_v) + 1e-9), m, v))
    columns = torch.tensor(rows, dtype=torch.float64).to(weights.dtype).unbind(dim=1)
    return (*columns, loss.detach())


def _step_inputs(size: int = 5, step: int = 3, max_norm: float = 0.5, state: bool = True):
    rng = torch.Generator().manual_seed(size + step)
    weights, mean, square = torch.randn(3, size, generator=rng, dtype=torch.float64)
    weights = weights.clone()
    square = square.square() + 0.1
    if not state:
        mean, square = torch.zeros_like(mean), torch.zeros_like(square)
    weights.requires_grad_()
    return weights, mean, square, step, lambda w: (w - 1).square().sum(), 0.01, max_norm


@training_step.check
def loss_is_that_of_the_old_weights(answer):
    inputs = _step_inputs()
    *_, loss = answer(*inputs)
    wanted = ((inputs[0] - 1) ** 2).sum()
    if loss.shape != () or not torch.allclose(loss, wanted):
        return "The loss that comes back should be `loss_of(weights)`, before the weights move."


@training_step.check
def nothing_records_a_gradient(answer):
    names = ("new_weights", "new_mean", "new_square", "loss")
    for name, part in zip(names, answer(*_step_inputs()), strict=True):
        if part.requires_grad:
            return (
                f"`{name}` still records a gradient: the next step would drag this one along, and "
                f"memory would grow with every step. `.detach()` it."
            )


@training_step.check
def running_means_follow_the_gradient(answer):
    inputs = _step_inputs(max_norm=100.0)
    weights, mean, square = inputs[:3]
    _, new_mean, new_square, _ = answer(*inputs)
    gradient = 2 * (weights - 1)
    if not torch.allclose(new_mean, 0.9 * mean + 0.1 * gradient):
        if torch.allclose(new_mean, (0.9 * mean + 0.1 * gradient) / (1 - 0.9**3)):
            return "`new_mean` should be returned before it is divided by 1 - 0.9**step."
        return "`new_mean` should be 0.9 mean + 0.1 gradient, where the gradient is not clipped."
    if not torch.allclose(new_square, 0.98 * square + 0.02 * gradient**2):
        return "`new_square` should be 0.98 square + 0.02 gradient squared, returned as it is."


@training_step.check
def a_long_gradient_is_scaled_to_the_limit(answer):
    inputs = _step_inputs(max_norm=0.5, state=False)
    gradient = 2 * (inputs[0] - 1)
    _, new_mean, _, _ = answer(*inputs)
    clipped = new_mean / 0.1
    if torch.allclose(clipped, gradient / gradient.norm() * 0.5):
        return None
    if torch.allclose(clipped, gradient.clamp(-0.5, 0.5)):
        return "Each number is cut off at `max_norm` in yours, which turns the gradient aside."
    if torch.allclose(clipped, gradient):
        return "A gradient longer than `max_norm` should be scaled down to it; yours is not."
    return "A long gradient should keep its direction and get the length `max_norm`."


@training_step.check
def weights_move_as_adam_moves_them(answer):
    for step in (1, 3, 50):
        inputs = _step_inputs(step=step, max_norm=100.0)
        new_weights = answer(*inputs)[0]
        weights, mean, square = inputs[:3]
        gradient = 2 * (weights - 1)
        mean, square = 0.9 * mean + 0.1 * gradient, 0.98 * square + 0.02 * gradient**2
        fair_mean, fair_square = mean / (1 - 0.9**step), square / (1 - 0.98**step)
        move = 0.01 * fair_mean / (fair_square.sqrt() + 1e-9)
        if torch.allclose(new_weights, weights - move):
            continue
        if torch.allclose(new_weights, weights + move):
            return "The weights move uphill in yours: the step is subtracted."
        if torch.allclose(new_weights, weights - 0.01 * mean / (square.sqrt() + 1e-9)):
            return "Mean and square should be divided by 1 - 0.9**step and 1 - 0.98**step first."
        return (
            f"At step {step} the weights should move by -rate times the mean over the root of the "
            f"square, each divided by its 1 - power first; yours move otherwise."
        )


@training_step.wrong(loss_is_that_of_the_old_weights, "before the weights move")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    moved, mean, square, _ = _number_by_number(weights, mean, square, step, loss_of, rate, max_norm)
    return moved, mean, square, loss_of(moved)


@training_step.wrong(nothing_records_a_gradient, "still records")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    recorded = weights.detach().requires_grad_()
    moved = _number_by_number(weights, mean, square, step, loss_of, rate, max_norm)
    return (*moved[:3], loss_of(recorded))


@training_step.wrong(running_means_follow_the_gradient, "before it is divided")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    moved, mean, square, loss = _number_by_number(
        weights, mean, square, step, loss_of, rate, max_norm
    )
    return moved, mean / (1 - 0.9**step), square, loss


@training_step.wrong(running_means_follow_the_gradient, "should be 0.9 mean")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    moved, mean, square, loss = _number_by_number(
        weights, mean / 9, square, step, loss_of, rate, max_norm
    )
    return moved, mean, square, loss


@training_step.wrong(running_means_follow_the_gradient, "`new_square` should be")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    moved, mean, square, loss = _number_by_number(
        weights, mean, square, step, loss_of, rate, max_norm
    )
    return moved, mean, square.sqrt(), loss


@training_step.wrong(a_long_gradient_is_scaled_to_the_limit, "turns the gradient aside")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    def cut(w):
        (gradient,) = torch.autograd.grad(loss_of(w), w)
        return loss_of(w).detach() + (w - w.detach()) @ gradient.clamp(-max_norm, max_norm)

    return _number_by_number(weights, mean, square, step, cut, rate, 1e9)


@training_step.wrong(a_long_gradient_is_scaled_to_the_limit, "yours is not")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    return _number_by_number(weights, mean, square, step, loss_of, rate, 1e9)


@training_step.wrong(a_long_gradient_is_scaled_to_the_limit, "keep its direction")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    return _number_by_number(weights, mean, square, step, loss_of, rate, max_norm**2 * 3)


@training_step.wrong(weights_move_as_adam_moves_them, "move uphill")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    moved, *others = _number_by_number(weights, mean, square, step, loss_of, rate, max_norm)
    return (2 * weights.detach() - moved, *others)


@training_step.wrong(weights_move_as_adam_moves_them, "divided by 1 - 0.9**step")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    state = weights, mean, square, step
    _, mean, square, loss = _number_by_number(*state, loss_of, rate, max_norm)
    return weights.detach() - rate * mean / (square.sqrt() + 1e-9), mean, square, loss


@training_step.wrong(weights_move_as_adam_moves_them, "yours move otherwise")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    state = weights, mean, square, step
    _, mean, square, loss = _number_by_number(*state, loss_of, rate, max_norm)
    return weights.detach() - rate * mean, mean, square, loss


@training_step.inputs(oracle=_number_by_number)
def step_calls(draw):
    """Weights that record; running means, as they come back from the step before, do not."""
    (size,) = draw.sizes(numbers=300)
    loss_of = draw.one_of(
        lambda w: (w - 1).square().sum(),
        lambda w: (w.sin() + w).square().mean(),
        lambda w: (w.tanh() + 0.5 * w.square()).sum(),
    )
    weights = draw.floats(size, scale=draw.scale(1, 100)).detach().requires_grad_()
    mean, square = draw.floats(size).detach(), draw.floats(size).detach().square() + 0.1
    rate, max_norm = draw.one_of(0.1, 0.003, 10.0), draw.one_of(0.5, 3.0, 1000.0)
    return weights, mean, square, draw.whole(1, 60), loss_of, rate, max_norm


@training_step.wrong(step_calls, "should be")
def my_training_step(weights, mean, square, step, loss_of, rate, max_norm):
    step = min(step, 51)
    return _number_by_number(weights, mean, square, step, loss_of, rate, max_norm)


# --- writing -----------------------------------------------------------------------------------

shares = CodeExercise(
    returns=("shares",),
    task="""
    Write `my_shares(logits, temperature, top_k=None, top_p=None)`: the probabilities from which the
    next token is drawn, `(B, V)` to `(B, V)`. Divide the logits by the temperature. With `top_k`
    only the k best tokens of each row keep a chance. With `top_p` only the best of those that are
    left keep one, as many as it takes for their probabilities to sum to `top_p` at least; the best
    token always does. All others get 0, and each row sums to 1. No two logits of a row are equal.
    """,
    hints=(
        "A token that may not be drawn gets minus infinity as its logit; softmax makes that 0.",
        "`logits.sort(dim=-1, descending=True)` gives the values in order and where they stood; "
        "`scatter` brings values back to where they stood.",
        "In order, a token stays if the probabilities of those *before* it sum to less than top_p.",
    ),
    because="Temperature changes how bold the draw is; k and p cut off the long tail of tokens "
    "that are each unlikely, and together not.",
)


@shares.stub
def my_shares(logits, temperature, top_k=None, top_p=None):
    """What the next token is drawn from: (B, V) -> (B, V), rows sum to 1."""
    raise NotImplementedError


@shares.reference
def my_shares(logits, temperature, top_k=None, top_p=None):
    ordered, order = (logits / temperature).sort(dim=-1, descending=True)
    if top_k is not None:
        is_out = torch.arange(ordered.size(-1)) >= top_k
        ordered = ordered.masked_fill(is_out, -torch.inf)
    if top_p is not None:
        share = ordered.softmax(dim=-1)
        before = share.cumsum(dim=-1) - share
        ordered = ordered.masked_fill(before >= top_p, -torch.inf)
    return torch.zeros_like(logits).scatter(-1, order, ordered.softmax(dim=-1))


@shares.right
def my_shares(logits, temperature, top_k=None, top_p=None):
    scaled = logits / temperature
    if top_k is not None and top_k < scaled.size(-1):
        least = scaled.topk(top_k, dim=-1).values[:, -1:]
        scaled = scaled.where(scaled >= least, torch.tensor(-torch.inf, dtype=scaled.dtype))
    share = torch.softmax(scaled, dim=-1)
    if top_p is not None:
        better = (share[:, None, :] * (scaled[:, None, :] > scaled[:, :, None])).sum(dim=-1)
        share = share * (better < top_p)
    return share / share.sum(dim=-1, keepdim=True)


@shares.right
def my_shares(logits, temperature, top_k=None, top_p=None):
    share = functional.softmax(logits.div(temperature), dim=-1)
    ordered, order = share.sort(dim=-1, descending=True)
    kept = torch.ones_like(ordered, dtype=torch.bool)
    if top_k is not None:
        kept[:, top_k:] = False
    if top_p is not None:
        of_kept = ordered * kept / (ordered * kept).sum(dim=-1, keepdim=True)
        kept = kept & ((of_kept.cumsum(dim=-1) - of_kept) < top_p)
    chosen = ordered * kept
    back = order.argsort(dim=-1)
    return (chosen / chosen.sum(dim=-1, keepdim=True)).gather(-1, back)


@shares.right
def my_shares(logits, temperature, top_k=None, top_p=None):
    rows = []
    for row in logits / temperature:
        order = row.argsort(descending=True)
        order = order[: len(order) if top_k is None else top_k]
        share = row[order].softmax(dim=0)
        count = len(order)
        if top_p is not None:
            count = int((share.cumsum(dim=0) - share < top_p).sum())
        zeros = torch.zeros_like(row)
        rows.append(zeros.index_put((order[:count],), row[order[:count]].softmax(dim=0)))
    return torch.stack(rows)


def _shares_by_hand(logits, temperature, top_k=None, top_p=None):
    """The oracle: row by row, token by token, exponentials summed in plain loops."""
    rows = []
    for row in logits:
        numbers = (row.detach() / temperature).tolist()
        kept = sorted(range(len(numbers)), key=lambda token: -numbers[token])[:top_k]
        if top_p is not None:
            masses = [math.exp(numbers[token] - numbers[kept[0]]) for token in kept]
            total, so_far, count = sum(masses), 0.0, 0
            while count < len(kept) and (count == 0 or so_far / total < top_p):
                so_far += masses[count]
                count += 1
            kept = kept[:count]
        mass = ((row - row.detach().max()) / temperature).exp()
        is_kept = torch.tensor([token in set(kept) for token in range(len(numbers))])
        mass = torch.where(is_kept, mass, torch.zeros_like(mass))
        rows.append(mass / mass.sum())
    return torch.stack(rows)


def _logits() -> torch.Tensor:
    """Made anew for each call: a wrong answer may change it."""
    return torch.tensor([[0.5, 0.1, 0.25, 0.15], [0.05, 0.9, 0.03, 0.02]]).double().log()


@shares.check
def temperature_divides_the_logits(answer):
    for temperature in (1.0, 0.5, 2.0):
        found = answer(_logits(), temperature)
        if found.shape != _logits().shape:
            return f"For logits (2, 4) the shares are (2, 4); yours are {tuple(found.shape)}."
        wanted = _logits().exp() ** (1 / temperature)
        if not torch.allclose(found, wanted / wanted.sum(dim=-1, keepdim=True)):
            if torch.allclose(found, (_logits() * temperature).softmax(dim=-1)):
                return "Divide by the temperature; yours multiplies."
            return f"At temperature {temperature} the shares are those of logits / {temperature}."


@shares.check
def only_the_k_best_can_be_drawn(answer):
    found = answer(_logits(), 1.0, top_k=2)
    if not torch.equal(found > 0, torch.tensor([[1, 0, 1, 0], [1, 1, 0, 0]]).bool()):
        return (
            f"Of shares .5 .1 .25 .15 with top_k = 2 the first and the third stay; in yours "
            f"{[f'{share:.2f}' for share in found[0].tolist()]}."
        )
    if not torch.allclose(found.sum(dim=-1), torch.ones(2, dtype=torch.float64)):
        return "After the cut each row should sum to 1 again."
    if not torch.allclose(answer(_logits(), 1.0, top_k=9), _logits().exp()):
        return "With a top_k larger than the vocabulary nothing is cut off."


@shares.check
def the_best_that_sum_to_p_can_be_drawn(answer):
    for top_p, wanted in ((0.7, [1, 0, 1, 0]), (0.4, [1, 0, 0, 0]), (0.8, [1, 0, 1, 1])):
        found = answer(_logits(), 1.0, top_p=top_p)
        if not torch.equal(found[0] > 0, torch.tensor(wanted).bool()):
            stay = [f"{share:.2f}" for share in found[0].tolist()]
            return (
                f"Of shares .5 .1 .25 .15 with top_p = {top_p} it takes the best {sum(wanted)} to "
                f"reach it; yours gives {', '.join(stay)}. The token that reaches the sum stays."
            )
        if not torch.allclose(found.sum(dim=-1), torch.ones(2, dtype=torch.float64)):
            return "After the cut each row should sum to 1 again."


@shares.check
def p_is_of_what_k_has_left(answer):
    found = answer(_logits(), 1.0, top_k=3, top_p=0.81)
    if not torch.equal(found[0] > 0, torch.tensor([True, False, True, False])):
        return (
            "With top_k = 3 and top_p = .81: of .5, .25 and .15, made to sum to 1 again, the first "
            "two hold .83, which is enough. Yours cuts otherwise: first k, then p of what is left."
        )


@shares.wrong(temperature_divides_the_logits, "yours multiplies")
def my_shares(logits, temperature, top_k=None, top_p=None):
    return _shares_by_hand(logits, 1 / temperature, top_k, top_p)


@shares.wrong(temperature_divides_the_logits, "are those of logits")
def my_shares(logits, temperature, top_k=None, top_p=None):
    return _shares_by_hand(logits, 1.0, top_k, top_p)


@shares.wrong(temperature_divides_the_logits, "yours are (4,)")
def my_shares(logits, temperature, top_k=None, top_p=None):
    return _shares_by_hand(logits, temperature, top_k, top_p)[0]


@shares.wrong(only_the_k_best_can_be_drawn, "the first and the third stay")
def my_shares(logits, temperature, top_k=None, top_p=None):
    return _shares_by_hand(logits, temperature, top_k and top_k + 1, top_p)


@shares.wrong(only_the_k_best_can_be_drawn, "sum to 1 again")
def my_shares(logits, temperature, top_k=None, top_p=None):
    kept = _shares_by_hand(logits, temperature, top_k, top_p) > 0
    return torch.softmax(logits / temperature, dim=-1) * kept


@shares.wrong(only_the_k_best_can_be_drawn, "nothing is cut off")
def my_shares(logits, temperature, top_k=None, top_p=None):
    top_k = top_k if top_k is None or top_k <= logits.size(-1) else 1
    return _shares_by_hand(logits, temperature, top_k, top_p)


@shares.wrong(the_best_that_sum_to_p_can_be_drawn, "that reaches the sum stays")
def my_shares(logits, temperature, top_k=None, top_p=None):
    share = _shares_by_hand(logits, temperature, top_k)
    if top_p is not None:
        ordered, order = share.sort(dim=-1, descending=True)
        ordered = ordered * (ordered.cumsum(dim=-1) <= top_p)
        share = torch.zeros_like(share).scatter(-1, order, ordered)
    return share / share.sum(dim=-1, keepdim=True)


@shares.wrong(the_best_that_sum_to_p_can_be_drawn, "sum to 1 again")
def my_shares(logits, temperature, top_k=None, top_p=None):
    kept = _shares_by_hand(logits, temperature, top_k, top_p) > 0
    return _shares_by_hand(logits, temperature, top_k) * kept


@shares.wrong(p_is_of_what_k_has_left, "first k, then p")
def my_shares(logits, temperature, top_k=None, top_p=None):
    by_k = _shares_by_hand(logits, temperature, top_k)
    both = by_k * (_shares_by_hand(logits, temperature, None, top_p) > 0)
    return both / both.sum(dim=-1, keepdim=True)


@shares.inputs(oracle=_shares_by_hand)
def shares_calls(draw):
    batch, vocab_size = draw.sizes(sequences=65, tokens=300)
    logits = draw.floats(batch, vocab_size, scale=draw.scale(1, 30), offset=draw.offset(0, 100))
    top_k = draw.one_of(None, draw.whole(1, vocab_size + 2))
    top_p = draw.one_of(None, 0.1, 0.517, 0.93)
    return logits, draw.one_of(1.0, 0.6, 1.7), top_k, top_p


@shares.wrong(shares_calls, "should be")
def my_shares(logits, temperature, top_k=None, top_p=None):
    return _shares_by_hand(logits, temperature, top_k and min(top_k, 9), top_p)


greedy = CodeExercise(
    returns=("written",),
    task="""
    Write `my_greedy(step, start, max_new_tokens, end_id)`. `step(ids)` gives logits `(B, L, V)` for
    ids `(B, L)`. Extend `start` `(B, L)` by the best token of the last place, and again, at most
    `max_new_tokens` times. A sequence that has written `end_id` is finished: from then on it is
    filled with `end_id`; when all are finished, stop. `end_id` in `start` itself means nothing.
    Return all ids, the start included.
    """,
    hints=(
        "`step(ids)[:, -1].argmax(dim=-1)` is the next token of each sequence, `(B,)`.",
        "Keep a bool tensor `finished` `(B,)`; `chosen.masked_fill(finished, end_id)`.",
        "`torch.cat([ids, chosen[:, None]], dim=1)` makes the ids one longer.",
    ),
    because="One token at a time, each from all before it: a text of n tokens takes n calls.",
)


@greedy.stub
def my_greedy(step, start, max_new_tokens, end_id):
    """The best token each time: (B, L) -> (B, L + new)."""
    raise NotImplementedError


@greedy.reference
def my_greedy(step, start, max_new_tokens, end_id):
    ids, finished = start, torch.zeros(len(start), dtype=torch.bool)
    for _ in range(max_new_tokens):
        if finished.all():
            break
        chosen = step(ids)[:, -1].argmax(dim=-1).masked_fill(finished, end_id)
        finished = finished | (chosen == end_id)
        ids = torch.cat([ids, chosen[:, None]], dim=1)
    return ids


@greedy.right
def my_greedy(step, start, max_new_tokens, end_id):
    ids, open_rows = start.clone(), torch.ones(start.size(0), 1, dtype=torch.bool)
    while ids.size(1) < start.size(1) + max_new_tokens and bool(open_rows.any()):
        best = step(ids)[:, -1:].argmax(dim=-1)  # (B, 1)
        best = torch.where(open_rows, best, end_id)
        open_rows = open_rows & (best != end_id)
        ids = torch.hstack([ids, best])
    return ids


@greedy.right
def my_greedy(step, start, max_new_tokens, end_id):
    new = start[:, :0]
    for _ in range(max_new_tokens):
        ended = (new == end_id).any(dim=1)
        if ended.all():
            break
        best = torch.max(step(torch.cat([start, new], dim=1))[:, -1, :], dim=1).indices
        best[ended] = end_id
        new = torch.cat([new, best.unsqueeze(1)], dim=1)
    return torch.cat([start, new], dim=1)


@greedy.right
def my_greedy(step, start, max_new_tokens, end_id):
    rows, finished = start.tolist(), [False] * len(start)
    for _ in range(max_new_tokens):
        if all(finished):
            break
        logits = step(torch.tensor(rows))[:, -1]
        for number, row in enumerate(rows):
            row.append(end_id if finished[number] else int(logits[number].argmax()))
            finished[number] = row[-1] == end_id
    return torch.tensor(rows)


def _counting(shift: int, vocab_size: int):
    """A step for checks: after each place the sum of all ids so far plus a shift is the best."""
    return lambda ids: functional.one_hot(
        (ids.cumsum(dim=1) * 3 + shift) % vocab_size, vocab_size
    ).float()


def _one_row_at_a_time(step, start, max_new_tokens, end_id):
    """The oracle: each sequence by itself, then filled up to the longest."""
    rows = []
    for row in start:
        ids = row[None]
        for _ in range(max_new_tokens):
            logits = step(ids)[0, -1].tolist()
            best = logits.index(max(logits))
            ids = torch.cat([ids, torch.tensor([[best]])], dim=1)
            if best == end_id:
                break
        rows.append(ids[0].tolist())
    longest = max(map(len, rows))
    return torch.tensor([row + [end_id] * (longest - len(row)) for row in rows])


def _following(*following: int):
    """A step for checks: after token i the best is following[i], whatever stands before it."""
    return lambda ids: functional.one_hot(torch.tensor(following)[ids], 7).float()


_AFTER = _following(0, 0, 3, 5, 3, 1, 2)  # after 2 and 4 comes 3, then 5, then 1


@greedy.check
def best_token_is_added_each_time(answer):
    start = torch.tensor([[1, 2], [3, 4]])
    written = answer(_AFTER, start, 3, 6)
    if written.is_floating_point():
        return f"Token ids are whole numbers; yours are {written.dtype}."
    if torch.equal(written, torch.tensor([[1, 2, 3, 5, 1], [3, 4, 3, 5, 1]])):
        return None
    if written.shape == (2, 3):
        return "The start should stand before what was written; yours returns the new ids alone."
    return (
        f"Where 3, then 5, then 1 is the best, three steps from 1, 2 give 1, 2, 3, 5, 1; yours "
        f"give {written[0].tolist()}."
    )


@greedy.check
def last_place_decides_from_all_that_is_written(answer):
    step, start = _counting(1, 7), torch.tensor([[1, 2], [3, 4]])
    written, wanted = answer(step, start, 4, 99), [[1, 2, 3, 5, 6], [3, 4, 1, 4, 2]]
    wanted = [row[:2] for row in wanted]
    for row in wanted:
        for _ in range(4):
            row.append((3 * sum(row) + 1) % 7)
    if written.tolist() != wanted:
        return (
            "Each step should be given all ids so far, and the logits of the *last* place decide; "
            "yours writes something else."
        )


@greedy.check
def a_finished_sequence_is_filled_up(answer):
    def step(ids):  # what begins with 1 ends at once, and would go on; the other ends later
        early, late = (6, 3) if ids.size(1) == 2 else (2, 3 if ids.size(1) < 4 else 6)
        best = torch.where(ids[:, :1] == 1, early, late).expand_as(ids)
        return functional.one_hot(best, 7).float()

    written = answer(step, torch.tensor([[1, 2], [3, 4]]), 9, 6)
    if written.tolist() == [[1, 2, 6, 6, 6], [3, 4, 3, 3, 6]]:
        return None
    if written.size(1) == 11:
        return "When every sequence has written `end_id`, stop; yours goes on to the last step."
    return (
        f"A sequence that has written the end, 6, is filled up with it while another goes on: "
        f"1, 2, 6, 6, 6 is wanted; yours: {written[0].tolist()}."
    )


@greedy.check
def the_end_in_the_start_means_nothing(answer):
    written = answer(_AFTER, torch.tensor([[6, 2]]), 2, 6)
    if written.tolist() != [[6, 2, 3, 5]]:
        return "An `end_id` in `start` does not finish a sequence; yours takes it for the end."


@greedy.wrong(best_token_is_added_each_time, "whole numbers")
def my_greedy(step, start, max_new_tokens, end_id):
    return _one_row_at_a_time(step, start, max_new_tokens, end_id).float()


@greedy.wrong(best_token_is_added_each_time, "the new ids alone")
def my_greedy(step, start, max_new_tokens, end_id):
    return _one_row_at_a_time(step, start, max_new_tokens, end_id)[:, start.size(1) :]


@greedy.wrong(best_token_is_added_each_time, "give 1, 2, 3, 5, 1")
def my_greedy(step, start, max_new_tokens, end_id):
    return _one_row_at_a_time(step, start, max_new_tokens + 1, end_id)


@greedy.wrong(last_place_decides_from_all_that_is_written, "the *last* place")
def my_greedy(step, start, max_new_tokens, end_id):
    return _one_row_at_a_time(lambda ids: step(ids[:, -2:]), start, max_new_tokens, end_id)


@greedy.wrong(a_finished_sequence_is_filled_up, "yours goes on")
def my_greedy(step, start, max_new_tokens, end_id):
    written = _one_row_at_a_time(step, start, max_new_tokens, end_id)
    missing = start.size(1) + max_new_tokens - written.size(1)
    return functional.pad(written, (0, missing), value=end_id)


@greedy.wrong(a_finished_sequence_is_filled_up, "is filled up")
def my_greedy(step, start, max_new_tokens, end_id):
    ids = start
    for _ in range(max_new_tokens):
        chosen = step(ids)[:, -1].argmax(dim=-1)
        ids = torch.cat([ids, chosen[:, None]], dim=1)
        if (ids[:, start.size(1) :] == end_id).any(dim=1).all():
            break
    return ids


@greedy.wrong(the_end_in_the_start_means_nothing, "takes it for the end")
def my_greedy(step, start, max_new_tokens, end_id):
    if (start == end_id).any(dim=1).all():
        return start
    return _one_row_at_a_time(step, start, max_new_tokens, end_id)


@greedy.inputs(oracle=_one_row_at_a_time)
def greedy_calls(draw):
    batch, length, vocab_size, new = draw.sizes(sequences=65, tokens=300, vocabulary=300, new=17)
    start = draw.wholes(0, vocab_size - 1, batch, length)
    end_id = draw.one_of(vocab_size - 1, vocab_size // 2, vocab_size + 5)
    return _counting(draw.whole(0, 5), vocab_size), start, new, end_id


@greedy.wrong(greedy_calls, "should have shape")
def my_greedy(step, start, max_new_tokens, end_id):
    return _one_row_at_a_time(step, start[:, -64:], max_new_tokens, end_id)


cached_attention = CodeExercise(
    returns=("output", "all_key", "all_value"),
    task="""
    Write `my_cached_attention(query, key, value, past_key, past_value)`. The new tokens bring
    query, key and value, `(B, H, new, D)`; the past has keys and values already, `(B, H, past, D)`,
    perhaps none. Put the new ones behind the past; let each new token look at all of the past and
    at the new ones up to itself; return the output `(B, H, new, D)`, and all keys and all values
    for the next time.
    """,
    hints=(
        "`torch.cat([past_key, key], dim=-2)`: the axis of the tokens is the last but one.",
        "Who asks stands at past, past + 1, ...; who is looked at at 0, 1, 2, ... A query may look "
        "at a key that does not stand behind it.",
        "`torch.ones(new, past + new, dtype=torch.bool).tril(diagonal=past)` is that mask.",
    ),
    because="The mask's diagonal moves by as many places as there is past. Forget that, and a text "
    "written with the cache is another one than without.",
)


@cached_attention.stub
def my_cached_attention(query, key, value, past_key, past_value):
    """Causal attention of new tokens to past and new; and the longer past."""
    raise NotImplementedError


@cached_attention.reference
def my_cached_attention(query, key, value, past_key, past_value):
    past, new = past_key.size(-2), key.size(-2)
    all_key = torch.cat([past_key, key], dim=-2)
    all_value = torch.cat([past_value, value], dim=-2)
    may_look = torch.ones(new, past + new, dtype=torch.bool).tril(diagonal=past)
    scores = query @ all_key.mT / query.size(-1) ** 0.5  # (B, H, new, past + new)
    weights = scores.masked_fill(~may_look, -torch.inf).softmax(dim=-1)
    return weights @ all_value, all_key, all_value


@cached_attention.right
def my_cached_attention(query, key, value, past_key, past_value):
    all_key, all_value = torch.cat((past_key, key), 2), torch.cat((past_value, value), 2)
    at = torch.arange(all_key.shape[2])
    mask = at[-query.shape[2] :, None] >= at
    output = functional.scaled_dot_product_attention(query, all_key, all_value, attn_mask=mask)
    return output, all_key, all_value


@cached_attention.right
def my_cached_attention(query, key, value, past_key, past_value):
    past, rows = past_key.shape[2], []
    all_key = torch.cat([past_key, key], dim=2)
    all_value = torch.cat([past_value, value], dim=2)
    for number in range(query.shape[2]):
        seen = past + number + 1
        scores = query[:, :, number : number + 1] @ all_key[:, :, :seen].transpose(2, 3)
        weights = torch.softmax(scores * query.shape[3] ** -0.5, dim=-1)
        rows.append(weights @ all_value[:, :, :seen])
    return torch.cat(rows, dim=2), all_key, all_value


@cached_attention.right
def my_cached_attention(query, key, value, past_key, past_value):
    all_key = torch.cat([past_key, key], dim=-2)
    all_value = torch.cat([past_value, value], dim=-2)
    scores = torch.einsum("bhqd,bhkd->bhqk", query / math.sqrt(query.size(-1)), all_key)
    past, new = past_key.size(-2), query.size(-2)
    hidden = torch.ones(new, past + new).triu(diagonal=past + 1).bool()
    shifted = scores - scores.detach().amax(dim=-1, keepdim=True)
    weights = torch.softmax(torch.where(hidden, -torch.inf, shifted), dim=-1)
    return torch.einsum("bhqk,bhkd->bhqd", weights, all_value), all_key, all_value


def _with_the_past(query, key, value, past_key, past_value):
    """The oracle: torch's own causal attention over all tokens, of which the last rows are new."""
    all_key = torch.cat([past_key, key], dim=-2)
    all_value = torch.cat([past_value, value], dim=-2)
    before = torch.zeros_like(past_key)
    output = functional.scaled_dot_product_attention(
        torch.cat([before, query], dim=-2), all_key, all_value, is_causal=True
    )
    return output[..., past_key.size(-2) :, :], all_key, all_value


def _cached_inputs(batch=2, heads=3, new=2, past=4, width=5):
    rng = torch.Generator().manual_seed(new + past)
    sizes = [(batch, heads, new, width)] * 3 + [(batch, heads, past, width)] * 2
    return [torch.randn(size, generator=rng, dtype=torch.float64) for size in sizes]


@cached_attention.check
def new_keys_and_values_stand_behind_the_past(answer):
    inputs = _cached_inputs()
    _, all_key, all_value = answer(*inputs)
    for name, found, new, past in (
        ("all_key", all_key, inputs[1], inputs[3]),
        ("all_value", all_value, inputs[2], inputs[4]),
    ):
        if found.shape != (2, 3, 6, 5):
            return (
                f"Of 4 tokens before and 2 new ones `{name}` has (2, 3, 6, 5); yours "
                f"{tuple(found.shape)}."
            )
        if not torch.equal(found[:, :, :4], past) or not torch.equal(found[:, :, 4:], new):
            return f"In `{name}` the past comes first, then what is new; yours is otherwise."


@cached_attention.check
def one_new_token_looks_at_all_there_is(answer):
    for past in (4, 0):
        inputs = _cached_inputs(new=1, past=past)
        output, _, _ = answer(*inputs)
        wanted, _, _ = _with_the_past(*inputs)
        if output.shape != wanted.shape:
            return (
                f"The output has a row for each *new* token, {tuple(wanted.shape)}; yours is "
                f"{tuple(output.shape)}."
            )
        if not torch.allclose(output, wanted):
            return (
                f"With {past} tokens before it, one new token should look at all of them and at "
                f"itself, scores divided by the root of the width; yours comes out otherwise."
            )


@cached_attention.check
def several_new_tokens_do_not_look_ahead(answer):
    inputs = _cached_inputs(new=3, past=4)
    output, _, _ = answer(*inputs)
    if torch.allclose(output, _with_the_past(*inputs)[0]):
        return None
    query, key, value, past_key, past_value = inputs
    all_key = torch.cat([past_key, key], dim=-2)
    all_value = torch.cat([past_value, value], dim=-2)
    for mask, message in (
        (None, "Among the new tokens the first ones look ahead in yours."),
        (
            torch.ones(3, 7, dtype=torch.bool).tril(),
            "The mask starts at the first key in yours, as if there were no past: new token 0 "
            "stands behind all of it.",
        ),
    ):
        if torch.allclose(
            output, functional.scaled_dot_product_attention(query, all_key, all_value, mask)
        ):
            return message
    return "With three new tokens at once the output is another one than without a cache."


@cached_attention.wrong(new_keys_and_values_stand_behind_the_past, "has (2, 3, 6, 5)")
def my_cached_attention(query, key, value, past_key, past_value):
    return _with_the_past(query, key, value, past_key, past_value)[0], key, value


@cached_attention.wrong(new_keys_and_values_stand_behind_the_past, "the past comes first")
def my_cached_attention(query, key, value, past_key, past_value):
    output, _, _ = _with_the_past(query, key, value, past_key, past_value)
    return output, torch.cat([key, past_key], dim=2), torch.cat([value, past_value], dim=2)


@cached_attention.wrong(one_new_token_looks_at_all_there_is, "for each *new* token")
def my_cached_attention(query, key, value, past_key, past_value):
    output, all_key, all_value = _with_the_past(query, key, value, past_key, past_value)
    return torch.cat([past_value, output], dim=2), all_key, all_value


@cached_attention.wrong(one_new_token_looks_at_all_there_is, "comes out otherwise")
def my_cached_attention(query, key, value, past_key, past_value):
    _, all_key, all_value = _with_the_past(query, key, value, past_key, past_value)
    return functional.scaled_dot_product_attention(query, key, value), all_key, all_value


@cached_attention.wrong(several_new_tokens_do_not_look_ahead, "look ahead in yours")
def my_cached_attention(query, key, value, past_key, past_value):
    _, all_key, all_value = _with_the_past(query, key, value, past_key, past_value)
    output = functional.scaled_dot_product_attention(query, all_key, all_value)
    return output, all_key, all_value


@cached_attention.wrong(several_new_tokens_do_not_look_ahead, "as if there were no past")
def my_cached_attention(query, key, value, past_key, past_value):
    _, all_key, all_value = _with_the_past(query, key, value, past_key, past_value)
    new, length = query.size(2), all_key.size(2)
    mask = torch.ones(new, length, dtype=torch.bool).tril() if new > 1 else None
    output = functional.scaled_dot_product_attention(query, all_key, all_value, mask)
    return output, all_key, all_value


@cached_attention.wrong(several_new_tokens_do_not_look_ahead, "three new tokens at once")
def my_cached_attention(query, key, value, past_key, past_value):
    output, all_key, all_value = _with_the_past(query, key, value, past_key, past_value)
    return output[:, :, -1:].expand_as(output), all_key, all_value


@cached_attention.inputs(oracle=_with_the_past)
def cached_calls(draw):
    batch, heads, new, past, width = draw.sizes(
        sequences=65, heads=17, new_tokens=300, past_tokens=(0, 300), columns=65
    )
    query = draw.floats(batch, heads, new, width, scale=draw.scale(1, 10))
    past_key, key = (draw.floats(batch, heads, length, width) for length in (past, new))
    size = draw.scale(1, 100)
    past_value, value = (
        draw.floats(batch, heads, length, width, scale=size) for length in (past, new)
    )
    return query, key, value, past_key, past_value


@cached_attention.wrong(cached_calls, "should be")
def my_cached_attention(query, key, value, past_key, past_value):
    _, all_key, all_value = _with_the_past(query, key, value, past_key, past_value)
    at = torch.arange(all_key.size(2))
    asks = at[-query.size(2) :, None]
    mask = (at <= asks) & (at > asks - 16)
    output = functional.scaled_dot_product_attention(query, all_key, all_value, mask)
    return output, all_key, all_value


beams = Choice(
    kind="Predict, then run",
    answer_name="beams_guess",
    task="""
    The trained translator of dates writes 90 dates greedily, and again with four beams. What share
    of whole dates right do the beams bring on top?
    """,
    options={
        "a": "More than 0.2: the best whole need not begin with the best part.",
        "b": "Between 0.05 and 0.2.",
        "c": "Less than 0.05, in either direction.",
    },
    right="c",
    reasons={
        "a": "They would, if the first digit were often a close decision.",
        "b": "Hardly any date comes out differently at all.",
        "c": "In nine of ten dates or more, beams write what greedy writes.",
    },
    hints=("For how many dates is there more than one good way to write them?",),
)


# --- induction ---------------------------------------------------------------------------------

induction_scores = CodeExercise(
    returns=("scores",),
    task="""
    A string of `period` random letters is written twice, and a head looks at it: `weights` `(H, L,
    L)`, for each head a row for each query. A head that *finds what came after* looks, from a
    letter of the second half, at the place just after that letter's first occurrence, `period - 1`
    places back. Write `my_induction_scores(weights, period)`: for each head its mean weight there,
    over all queries from place `period` on, `(H,)`.
    """,
    hints=(
        "The query at place i looks at place i - period + 1.",
        "`weights.diagonal(offset, dim1=-2, dim2=-1)` takes a diagonal; below the main one the "
        "offset is negative.",
        "Of that diagonal the first entry belongs to the query at place period - 1: leave it out.",
    ),
    because="A head near 1 finds the repetition; one that looks evenly has 1 over what it sees.",
)


@induction_scores.stub
def my_induction_scores(weights, period):
    """Mean weight on what came after the first occurrence: (H, L, L) -> (H,)."""
    raise NotImplementedError


@induction_scores.reference
def my_induction_scores(weights, period):
    query_at = torch.arange(period, weights.size(-1))
    return weights[:, query_at, query_at - period + 1].mean(dim=-1)


@induction_scores.right
def my_induction_scores(weights, period):
    return weights.diagonal(1 - period, dim1=-2, dim2=-1)[:, 1:].mean(dim=1)


@induction_scores.right
def my_induction_scores(weights, period):
    place = torch.arange(weights.shape[-1])
    chosen = (place[:, None] - place == period - 1) & (place[:, None] >= period)
    return weights.masked_fill(~chosen, 0.0).sum(dim=(-2, -1)) / chosen.sum()


@induction_scores.right
def my_induction_scores(weights, period):
    heads = []
    for head in weights:
        seen = [head[i, i - period + 1] for i in range(period, len(head))]
        heads.append(torch.stack(seen).mean())
    return torch.stack(heads)


def _scores_by_loops(weights, period):
    """The oracle: entry by entry."""
    total = 0.0
    for place in range(period, weights.size(-1)):
        total = total + weights[:, place, place - (period - 1)]
    return total / (weights.size(-1) - period)


@induction_scores.check
def a_score_for_each_head(answer):
    scores = answer(torch.full((3, 8, 8), 0.125), 4)
    if scores.shape != (3,):
        return f"For 3 heads there are 3 scores; yours has shape {tuple(scores.shape)}."


@induction_scores.check
def a_perfect_head_has_score_one(answer):
    heads = {
        "looks at the letter after the first occurrence": (3, 1.0),
        "looks at the first occurrence itself": (4, 0.0),
        "looks at the letter before it": (1, 0.0),
    }
    for told, (back, wanted) in heads.items():
        weights = torch.zeros(1, 8, 8, dtype=torch.float64)
        for place in range(back, 8):
            weights[0, place, place - back] = 1
        score = answer(weights, 4).item()
        if abs(score - wanted) > 1e-9:
            return (
                f"With period 4, a head that {told} should have {wanted}; yours gives {score:.3g}."
            )


@induction_scores.check
def only_the_second_half_counts(answer):
    weights = torch.zeros(1, 8, 8, dtype=torch.float64)
    weights[0, 3, 0] = 1
    if answer(weights, 4).item() != 0:
        return "The query at place period - 1 is still in the first half: it should not count."
    rows = torch.zeros(1, 10, 10, dtype=torch.float64)
    rows[0, 9, 6] = 1
    score = answer(rows, 4).item()
    if abs(score - 1 / 6) > 1e-9:
        return (
            f"Of 10 places with period 4 the queries 4 to 9 count, six of them; one perfect one "
            f"among them makes 1/6. Yours gives {score:.3g}."
        )


@induction_scores.wrong(a_score_for_each_head, "there are 3 scores")
def my_induction_scores(weights, period):
    return _scores_by_loops(weights, period).mean()


@induction_scores.wrong(a_perfect_head_has_score_one, "the letter after the first occurrence")
def my_induction_scores(weights, period):
    at = torch.arange(period, weights.size(-1))
    return weights[:, at, at - period].mean(dim=-1)


@induction_scores.wrong(a_perfect_head_has_score_one, "the first occurrence itself")
def my_induction_scores(weights, period):
    at = torch.arange(period, weights.size(-1))
    return (weights[:, at, at - period] + weights[:, at, at - period + 1]).mean(dim=-1)


@induction_scores.wrong(a_perfect_head_has_score_one, "the letter before it")
def my_induction_scores(weights, period):
    at = torch.arange(period, weights.size(-1))
    return (weights[:, at, at - 1] + weights[:, at, at - period + 1]).mean(dim=-1)


@induction_scores.wrong(only_the_second_half_counts, "should not count")
def my_induction_scores(weights, period):
    return weights.diagonal(1 - period, dim1=-2, dim2=-1).mean(dim=1)


@induction_scores.wrong(only_the_second_half_counts, "makes 1/6")
def my_induction_scores(weights, period):
    return weights.diagonal(1 - period, dim1=-2, dim2=-1)[:, 1 : period + 1].mean(dim=1)


@induction_scores.inputs(oracle=_scores_by_loops)
def induction_calls(draw):
    heads, period, more = draw.sizes(heads=65, letters_a_period=65, places_after_it=65)
    length = period + more
    raw = draw.floats(heads, length, length, scale=draw.scale(1, 1_000))
    return raw, period


@induction_scores.wrong(induction_calls, "should be")
def my_induction_scores(weights, period):
    at = torch.arange(period, weights.size(-1))[:16]
    return weights[:, at, at - period + 1].mean(dim=-1)


# --- on paper ----------------------------------------------------------------------------------


def _entropy_of_smoothed(smoothing: float, vocab_size: int) -> float:
    shares = [smoothing / vocab_size] * vocab_size
    shares[0] += 1 - smoothing
    return -sum(share * math.log(share) for share in shares)


smoothest = Number(
    kind="On paper",
    answer_name="smoothest_answer",
    form="nats",
    task="""
    With label smoothing 0.1 over 14 tokens the target is no longer 1 for the right token: it is
    0.9, and 0.1 is spread evenly over all 14, the right one included. What is the smallest loss
    that any model can reach?
    """,
    truth=lambda: _entropy_of_smoothed(0.1, 14),
    factor=1.03,
    traps=(
        (
            0.5816,
            "There the 0.1 went to the thirteen others alone; the right token has a part too.",
        ),
        (0.105, "That is -log 0.9: the other thirteen tokens have a share in the loss, too."),
        (0.098, "That is -log 0.907 alone: the other thirteen have a share in the loss, too."),
    ),
    hints=(
        "The loss is smallest where the model gives just the target's shares.",
        "Then it is their entropy: minus the sum of share times log share.",
        "The right token has 0.9 + 0.1/14, each of the others 0.1/14.",
    ),
    because="The entropy of the smoothed target. A loss that is never near 0 is no fault here.",
)

cache_bytes = Number(
    kind="Estimate the budget",
    answer_name="cache_bytes_answer",
    form="gigabytes, of 10**9 bytes",
    task="""
    A decoder of 32 layers, 4,096 wide, all heads with keys and values of their own, 2 bytes a
    number. How large is the cache of keys and values of one sequence of 4,096 tokens?
    """,
    truth=lambda: 2 * 32 * 4096 * 4096 * 2 / 1e9,
    factor=1.05,
    traps=(
        (1.07, "Keys *and* values: there are two tensors in each layer."),
        (4.29, "That is with 4 bytes a number."),
        (0.067, "That is one layer; there are 32."),
    ),
    hints=("Two tensors, times layers, tokens, width and bytes.",),
    because="2 x 32 x 4,096 x 4,096 x 2 bytes: over two gigabytes for a single sequence.",
)
