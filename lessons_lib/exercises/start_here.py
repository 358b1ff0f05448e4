"""The exercises of the opening chapter: one prediction, and a self-test of ten questions."""

import math

import torch

from .engine.declare import CodeExercise
from .engine.values import Choice, Number, Ordering, ShapePuzzle

# --- the destination ---------------------------------------------------------------------------

away_from_home = Choice(
    kind="Predict, then run",
    answer_name="away_from_home_guess",
    task="""
    VADER was made for social media. On tweets its r with the people's mean is about 0.86, and so is
    that of one more person. What happens to each of them on *film reviews*?
    """,
    options={
        "a": "Both stay about where they are: words are words.",
        "b": "VADER falls to about half of its r, one person stays.",
        "c": "Both fall to about half: film reviews are harder to read.",
        "d": "VADER falls to zero: none of its words occur in film reviews.",
    },
    right="b",
    reasons={
        "a": "Words do stay words, but what a reviewer means stands between them: *a film that "
        "should have been funny*.",
        "b": "The list knows words, and a review says most of it with how they are put together.",
        "c": "People find them no harder: they agree with each other as well as on tweets.",
        "d": "Good, bad and dull mean the same in both places, and that is worth something.",
    },
    hints=("Which of the two has to understand more than single words to be right?",),
)

# --- the self-test -----------------------------------------------------------------------------

softmax_share = Number(
    kind="Self-test",
    answer_name="softmax_share_answer",
    refresher="Softmax",
    task="Two scores, 0 and ln 3. The softmax turns them into weights. How large is the second?",
    truth=lambda: torch.softmax(torch.tensor([0.0, math.log(3.0)]), dim=0)[1].item(),
    factor=1.005,
    form="a weight between 0 and 1",
    traps=(
        (1.0, "Weights are shares of one whole, and the first score still gets some of it."),
        (3.0, "That is the exponential of the score, before it is divided by the sum."),
        (math.log(3.0), "That is the score itself."),
        (0.25, "That is the share of the *first* score."),
        (0.523, "That divides the scores; the softmax divides their exponentials."),
        (0.731, "That would be right for scores 0 and 1. The second one is ln 3, about 1.1."),
        (1 / 3, "A share is of the whole, 1 + 3, not of one of the two."),
    ),
    hints=("The exponentials of the scores are 1 and 3.",),
    because="The exponentials are 1 and 3; of four parts the second has three.",
)

softmax_shift = Choice(
    kind="Self-test",
    answer_name="softmax_shift_answer",
    refresher="Softmax",
    task="You add 5 to *every* score before the softmax. What becomes of the weights?",
    options={
        "a": "They stay the same.",
        "b": "They all grow.",
        "c": "The largest grows, the others shrink.",
        "d": "They become more equal.",
    },
    right="a",
    reasons={
        "a": "Each exponential is multiplied by the same number, which the division takes away.",
        "b": "They always add up to 1, so they cannot all grow.",
        "c": "That is what *multiplying* the scores by a number above 1 does.",
        "d": "That is what dividing the scores by a number above 1 does.",
    },
    hints=("$e^{s + 5} = e^5 e^s$. Where else does $e^5$ stand?",),
)

product_shape = ShapePuzzle(
    answer_name="product_shape_answer",
    refresher="Shapes",
    task="`x` has shape `(5, 3, 4)`, `w` has shape `(4, 2)`. What is the shape of `x @ w`?",
    truth=lambda: torch.zeros(5, 3, 4) @ torch.zeros(4, 2),
    traps={
        (5, 3, 4, 2): "The shared axis, of length 4, is summed over, so it is gone.",
        (3, 2): "That would be one of the five matrices; the axis in front stays.",
        (5, 4, 2): "Rows come from the left matrix, columns from the right one.",
    },
    hints=("A matrix product works on the last two axes; everything before them comes along.",),
    because="`(3, 4) @ (4, 2)` is `(3, 2)`, five times.",
)

broadcast_shape = ShapePuzzle(
    answer_name="broadcast_shape_answer",
    refresher="Shapes",
    task="`a` has shape `(4, 1)`, `b` has shape `(3,)`. What is the shape of `a + b`?",
    truth=lambda: torch.zeros(4, 1) + torch.zeros(3),
    traps={
        (4, 1): "The axis of length 1 is stretched to fit the other tensor's.",
        (3,): "The axis of length 4 does not disappear.",
        (7,): "Addition joins nothing end to end; shapes are lined up at the right.",
    },
    hints=("Line the shapes up at the right: `(4, 1)` above `(3,)`. A 1 is stretched.",),
    because="`(4, 1)` over `(   3)`: the 1 is stretched to 3, and the missing axis is 4.",
)

cosine = Number(
    kind="Self-test",
    answer_name="cosine_answer",
    refresher="Dot product and cosine",
    task="What is the cosine of the angle between the vectors (3, 4) and (4, 3)?",
    truth=lambda: torch.cosine_similarity(
        torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])
    ).item(),
    factor=1.005,
    form="a number between -1 and 1",
    traps=(
        (24.0, "That is the dot product; divide it by both lengths."),
        (4.8, "That is divided by one length only; both vectors are 5 long."),
        (0.28, "A plus became a minus: the products are added."),
        (16.26, "That is the angle in degrees; its cosine is asked for."),
    ),
    hints=("Dot product, divided by the two lengths.",),
    because="The products add up to 24, and both lengths are 5: 24 / 25.",
)

slope = Number(
    kind="Self-test",
    answer_name="slope_answer",
    refresher="Gradients",
    task="A model predicts 2w, and 6 would be right, so the loss is (2w - 6)². What is the "
    "derivative of the loss with respect to w, at w = 1?",
    truth=lambda: torch.func.grad(lambda w: (2 * w - 6) ** 2)(torch.tensor(1.0)).item(),
    factor=1.005,
    traps=(
        (-8.0, "The chain rule has one more factor: the derivative of 2w itself."),
        (16.0, "The size is right. Which way does the loss change when w grows a little?"),
        (8.0, "One factor and the sign are missing: what is 2w - 6 at w = 1?"),
        (-4.0, "That is 2w - 6; the derivative of a square has a factor 2, and so has 2w."),
    ),
    hints=("Outer derivative times inner derivative: 2(2w - 6), times 2.",),
    because="2 times (2 - 6), times 2. It is negative: a larger w would lower the loss.",
)

step_down = CodeExercise(
    returns=("new_weight",),
    kind="Self-test: write it",
    refresher="Gradients",
    task="""
    Write `my_step(weight, gradient, rate)`: one step of gradient descent. `weight` and `gradient`
    are tensors of the same shape. Return the new weight as a new tensor.
    """,
    hints=(
        "The gradient points to where the loss *grows*.",
        "Subtract the gradient, times the rate.",
    ),
    because="Downhill is against the gradient; the rate says how far.",
)


@step_down.stub
def my_step(weight, gradient, rate):
    """Return the weight after one step downhill: the shape of `weight`."""
    raise NotImplementedError


@step_down.reference
def my_step(weight, gradient, rate):
    return weight - rate * gradient


@step_down.right
def my_step(weight, gradient, rate):
    return torch.add(weight, gradient, alpha=-rate)


@step_down.right
def my_step(weight, gradient, rate):
    downhill = gradient.neg()
    return weight.add(downhill.mul(rate))


@step_down.right
def my_step(weight, gradient, rate):
    return torch.lerp(weight, weight - gradient, rate)


@step_down.check
def no_gradient_no_step(answer):
    weight = torch.tensor([1.5, -2.0, 0.25])
    found = answer(weight, torch.zeros(3), 0.1)
    both = answer(torch.ones(2, 3), torch.zeros(2, 3), 0.1)
    if found.shape != weight.shape or both.shape != (2, 3):
        return "The new weight should have the shape of the old one."
    if not torch.equal(found, weight):
        return "Where the gradient is zero the weight should stay as it is; yours moves."


@step_down.check
def a_step_lowers_the_loss(answer):
    weight, aim = torch.tensor([[3.0, -1.0]]), torch.tensor([[1.0, 2.0]])
    found = answer(weight, 2 * (weight - aim), 0.1)
    before, after = ((w - aim).square().sum().item() for w in (weight, found))
    if after > before:
        return (
            f"With a rate of 0.1 the loss rises from {before:.3g} to {after:.3g}. The gradient "
            "points uphill: a step should go the other way, and only rate times gradient far."
        )
    if torch.equal(found, weight):
        return "Nothing has moved, although the gradient is not zero."
    if math.isclose(after, before):
        return "The step is too long: it ends as high on the other side. Is the rate used?"


@step_down.check
def the_rate_says_how_far(answer):
    weight = torch.tensor([2.0, -3.0, 0.5], dtype=torch.float64)
    gradient = torch.tensor([1.0, 4.0, -2.0], dtype=torch.float64)
    for rate in (0.5, 0.125, 2.0):
        found = answer(weight, gradient, rate)
        if found.dtype != torch.float64:
            return f"float64 should come back as float64; yours is {found.dtype}."
        for moved, slope in zip((found - weight).tolist(), gradient.tolist(), strict=True):
            if not math.isclose(moved, -rate * slope, abs_tol=1e-9):
                return (
                    f"With rate {rate} and a gradient of {slope:g}, a weight should move by {rate} "
                    f"times {slope:g}, downhill; yours moves by {moved:.4g}."
                )


@step_down.wrong(a_step_lowers_the_loss, "points uphill")
def my_step(weight, gradient, rate):
    return weight + rate * gradient


@step_down.wrong(no_gradient_no_step, "yours moves")
def my_step(weight, gradient, rate):
    return -rate * gradient


@step_down.wrong(the_rate_says_how_far, "With rate 0.5")
def my_step(weight, gradient, rate):
    return weight - rate * gradient.sign()


@step_down.wrong(the_rate_says_how_far, "a gradient of -2, a weight should move")
def my_step(weight, gradient, rate):
    return weight - rate * gradient.clamp(min=-1.0)


@step_down.wrong(a_step_lowers_the_loss, "Is the rate used?")
def my_step(weight, gradient, rate):
    return weight - gradient


@step_down.wrong(a_step_lowers_the_loss, "Nothing has moved")
def my_step(weight, gradient, rate):
    return weight.clone()


@step_down.wrong(the_rate_says_how_far, "float64")
def my_step(weight, gradient, rate):
    return (weight - rate * gradient).float()


@step_down.inputs(oracle=lambda weight, gradient, rate: torch.sub(weight, gradient, alpha=rate))
def step_calls(draw):
    shape = draw.sizes(numbers=300) if draw.chance(0.3) else draw.sizes(rows=300, columns=300)
    scale = draw.scale(1, 1_000)
    weight, gradient = (draw.floats(*shape, scale=scale).detach() for _ in range(2))
    return weight, gradient, draw.one_of(0.01, 0.1, 0.5, 1.0)


@step_down.wrong(step_calls, "is something bounded")
def my_step(weight, gradient, rate):
    return weight - (rate * gradient).clamp(-50.0, 50.0)


nats = Number(
    kind="Self-test",
    answer_name="nats_answer",
    refresher="Cross-entropy",
    task="A classifier gives the right class a probability of 1/4. What is the cross-entropy loss "
    "of this example, with the natural logarithm?",
    truth=lambda: torch.nn.functional.cross_entropy(
        torch.tensor([[0.0, math.log(3.0)]]), torch.tensor([0])
    ).item(),
    factor=1.005,
    form="a number, such as math.log(7)",
    traps=(
        (0.75, "The loss is a logarithm, not what is missing to 1."),
        (-math.log(4), "The sign: a loss is never negative here."),
        (2.0, "That is in bits; the natural logarithm gives nats."),
        (0.25, "That is the probability itself; the loss is minus its logarithm."),
        (math.log10(4), "That is with the logarithm to base 10; the natural one is asked for."),
        (math.log(4 / 3), "That is the loss if the *other* class were right."),
    ),
    hints=("Minus the logarithm of the probability of what was right.",),
    because="Minus ln(1/4) is ln 4. A probability of 1 would cost nothing.",
)

split_by_review = Choice(
    kind="Self-test",
    answer_name="split_by_review_answer",
    refresher="Splits",
    task="""
    Ten thousand sentences, cut out of three hundred reviews. You shuffle the *sentences* and put
    every fifth into the test set. The test score is excellent. Why should you not trust it?
    """,
    options={
        "a": "A fifth is too little for a test set.",
        "b": "Sentences of one review stand on both sides: the model may know the review.",
        "c": "Shuffling destroys the order of the sentences, which the model needs.",
        "d": "The test set should have been shuffled a second time.",
    },
    right="b",
    reasons={
        "a": "Two thousand sentences measure a score well; what they measure is the trouble.",
        "b": "Whole reviews belong on one side. Splitting by *group* is done all through part II.",
        "c": "Each sentence is judged for itself here.",
        "d": "The order inside the test set changes no score.",
    },
    hints=("Where is the neighbour of a test sentence?",),
)

three_sets = Ordering(
    kind="Self-test: order",
    answer_name="three_sets_answer",
    refresher="Splits",
    task="Put the steps of an honest experiment in order.",
    items={
        "a": "choose the learning rate by the score on the validation set",
        "b": "look at the score on the test set, once",
        "c": "split into training, validation and test set",
        "d": "train with several learning rates on the training set",
    },
    right="cdab",
    rule="Whatever a choice has looked at can no longer judge that choice.",
    hints=("Which set must not have had a say in anything before it is used?",),
    because="What has had a say in a choice cannot judge it, so the test set comes last.",
)
