"""The exercises of the chapter on forgetting."""

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

overlapping = Choice(
    kind="Recap",
    answer_name="overlapping_answer",
    task="""
    On the same 500 test texts one model reaches r = .64 [.60, .68], another .66 [.62, .70]. The
    intervals overlap. Is the second better?
    """,
    options={
        "a": "No: intervals that overlap show that there is no difference.",
        "b": "Yes: it has the larger number.",
        "c": "Ask for the interval of the paired difference, on the same texts.",
        "d": "Nobody can know without new texts.",
    },
    right="c",
    reasons={
        "a": "What makes a text hard is shared by both. The difference can be known far better "
        "than either number.",
        "b": "The numbers are estimates; the next 500 texts may turn them round.",
        "c": "Whole groups of texts are drawn, the same for both, and r is subtracted each time.",
        "d": "These texts tell more than the two intervals do.",
    },
    hints=("What do both models have in common, and what does a difference take away?",),
)

kept_states = Choice(
    kind="Recap",
    answer_name="kept_states_answer",
    task="""
    You keep what the four lowest layers make of each text, and train the top two. Which of these
    makes what you have kept worthless?
    """,
    options={
        "a": "Another learning rate.",
        "b": "A pull of the top two layers back to where they began.",
        "c": "A third layer from the top is opened.",
        "d": "Labels of another domain for the same texts.",
    },
    right="c",
    reasons={
        "a": "It moves the top two alone. Below everything is as it was.",
        "b": "That changes the loss, and nothing of the lower layers.",
        "c": "Its output was kept, and now changes with every step.",
        "d": "What is kept is made from the text. It knows no label.",
    },
    hints=("Which of these changes what comes out of the fourth layer?",),
)

# --- what matters to the old task --------------------------------------------------------------

importance = CodeExercise(
    returns=("importance",),
    task="""
    Write `my_importance(slopes, errors)`, the diagonal of the Fisher information. `slopes` `(N, P)`
    says how what the model says of text n changes with parameter p; `errors` `(N,)` holds the
    drawn rating minus what the model says. The log of the density of text n has the slope
    `errors[n] * slopes[n, p]`. Square it, then average over the texts. Return `(P,)`.
    """,
    hints=(
        "First a product for each text: `errors[:, None] * slopes` is `(N, P)`.",
        "Square before you average: each text speaks for itself.",
    ),
    because="Slopes of opposite sign cancel in a mean. A parameter that half of the texts pull up "
    "and half pull down matters for all of them.",
)


@importance.stub
def my_importance(slopes, errors):
    """How much each parameter matters for what is said: (N, P), (N,) -> (P,)."""
    raise NotImplementedError


@importance.reference
def my_importance(slopes, errors):
    return (errors[:, None] * slopes).square().mean(dim=0)


@importance.right
def my_importance(slopes, errors):
    return torch.einsum("n,np->p", errors**2, slopes**2) / len(errors)


@importance.right
def my_importance(slopes, errors):
    return errors.square() @ slopes.square() / slopes.size(0)


@importance.right
def my_importance(slopes, errors):
    total = torch.zeros_like(slopes[0])
    for slope, error in zip(slopes, errors, strict=True):
        total = total + (error * slope) ** 2
    return total / len(slopes)


def _slopes(n=6, p=4):
    rng = torch.Generator().manual_seed(5)
    slopes = torch.randn(n, p, generator=rng, dtype=torch.float64)
    return slopes, 2 * torch.randn(n, generator=rng, dtype=torch.float64)


def _importance_by_loops(slopes, errors):
    columns = [
        torch.stack([(error * slope) ** 2 for error, slope in zip(errors, column, strict=True)])
        for column in slopes.T
    ]
    return torch.stack([column.mean() for column in columns])


@importance.check
def one_text_is_squared(answer):
    slopes, errors = _slopes(1)
    found = answer(slopes, errors)
    if found.shape != (4,):
        return f"One text and four parameters should give (4,); yours is {tuple(found.shape)}."
    if torch.allclose(found, _importance_by_loops(slopes, errors)):
        return None
    if torch.allclose(found, slopes[0].square()):
        return "The errors play no part: the slope of the log density is error times slope."
    if torch.allclose(found, errors * slopes[0]) or torch.allclose(found, -errors * slopes[0]):
        return "That is the slope itself. It should be squared."
    if torch.allclose(found, (errors * slopes[0]).abs()):
        return "That is the slope's size. It should be squared."
    return "With a single text it should be the square of error times slope."


@importance.check
def texts_do_not_cancel(answer):
    slopes, errors = _slopes()
    found, wanted = answer(slopes, errors), _importance_by_loops(slopes, errors)
    if torch.allclose(found, wanted):
        return None
    own = errors[:, None] * slopes
    if torch.allclose(found, own.mean(dim=0).square()):
        return (
            "The mean is taken first and squared then, so texts that pull in opposite ways cancel. "
            "Square each text's slope first. A batch's gradient is such a mean, too."
        )
    if torch.allclose(found, own.square().sum(dim=0)):
        return "That is the sum over the texts; it should be their mean."
    if torch.allclose(found, own.square().mean(dim=0).sqrt()):
        return "That is the root of it: leave the mean of the squares as it is."
    if torch.allclose(found, errors.square().mean() * slopes.square().mean(dim=0)):
        return "Errors and slopes are averaged apart. Each text's error belongs to its own slopes."
    return "With six texts it is not the mean of their squared slopes."


@importance.wrong(one_text_is_squared, "should give (4,)")
def my_importance(slopes, errors):
    return (errors[:, None] * slopes).square()


@importance.wrong(one_text_is_squared, "The errors play no part")
def my_importance(slopes, errors):
    return slopes.square().mean(dim=0)


@importance.wrong(one_text_is_squared, "the slope itself")
def my_importance(slopes, errors):
    return (errors[:, None] * slopes).mean(dim=0)


@importance.wrong(one_text_is_squared, "the slope's size")
def my_importance(slopes, errors):
    return (errors[:, None] * slopes).abs().mean(dim=0)


@importance.wrong(one_text_is_squared, "the square of error times slope")
def my_importance(slopes, errors):
    return (errors[:, None].abs() * slopes.square()).mean(dim=0)


@importance.wrong(texts_do_not_cancel, "The mean is taken first")
def my_importance(slopes, errors):
    return (errors[:, None] * slopes).mean(dim=0).square()


@importance.wrong(texts_do_not_cancel, "the sum over the texts")
def my_importance(slopes, errors):
    return (errors[:, None] * slopes).square().sum(dim=0)


@importance.wrong(texts_do_not_cancel, "averaged apart")
def my_importance(slopes, errors):
    return errors.square().mean() * slopes.square().mean(dim=0)


@importance.wrong(texts_do_not_cancel, "not the mean of their squared slopes")
def my_importance(slopes, errors):
    return (errors[:, None] * slopes).square().amax(dim=0)


@importance.inputs(oracle=lambda slopes, errors: (slopes.T * errors).pow(2).mean(dim=1))
def importance_calls(draw):
    texts, parameters = draw.sizes(texts=300, parameters=300)
    scale = draw.scale(1, 100)
    return draw.floats(texts, parameters, scale=scale), draw.floats(texts)


@importance.wrong(importance_calls, "`importance` at [")
def my_importance(slopes, errors):
    return (errors[:64, None] * slopes[:64]).square().mean(dim=0)


whose_labels = FindTheBug(
    harm="the model's own ratings",
    returns=("importance",),
    task="""
    The *true* Fisher asks how much the answers of the old model would change, so its ratings are
    drawn from the model: `said + noise`, with `noise` from a standard normal distribution.
    `my_true_fisher(slopes, said, given, noise)` has `slopes` `(N, P)`, what the model `said`, the
    `given` ratings, both `(N,)`, and `noise` `(N, D)`: D draws for each text. It should return the
    mean, over texts and draws, of the squared slope of the log density, `(P,)`. On a model that
    fits its texts to the letter it returns nothing but zeros. Repair it.
    """,
    hints=(
        "The slope of the log density is (rating - said) times the slope. Which rating?",
        "With a drawn rating, `rating - said` is the noise.",
    ),
    because="The given ratings make the *empirical* Fisher, which fades as the model fits: then "
    "nothing is held, just where the old task was learnt best.",
)


@whose_labels.stub
def my_true_fisher(slopes, said, given, noise):
    """How much each parameter matters for what the model says: (P,)."""
    errors = given - said
    return (errors[:, None] * slopes).square().mean(dim=0)


@whose_labels.reference
def my_true_fisher(slopes, said, given, noise):
    return (noise[:, :, None] * slopes[:, None]).square().mean(dim=(0, 1))


@whose_labels.right
def my_true_fisher(slopes, said, given, noise):
    weights = noise.square().mean(dim=1)
    return weights @ slopes.square() / len(slopes)


@whose_labels.right
def my_true_fisher(slopes, said, given, noise):
    total = 0
    for errors in noise.T:
        total = total + (errors[:, None] * slopes).square().mean(dim=0)
    return total / noise.size(1)


@whose_labels.right
def my_true_fisher(slopes, said, given, noise):
    return torch.einsum("nd,np->p", noise**2, slopes**2) / noise.numel()


def _fisher_inputs(n=5, p=3, draws=2):
    rng = torch.Generator().manual_seed(11)
    shapes = (n, p), (n,), (n,), (n, draws)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


@whose_labels.check
def model_that_fits_still_has_something_to_lose(answer):
    slopes, said, _, noise = _fisher_inputs()
    found = answer(slopes, said, said.clone(), noise)
    if found.shape != (3,):
        return f"Three parameters should give (3,); yours is {tuple(found.shape)}."
    if not found.any():
        return (
            "Where the given ratings are what the model says, nothing matters by this count. The "
            "true Fisher takes the model's own ratings, which are drawn."
        )


@whose_labels.check
def given_ratings_play_no_part(answer):
    slopes, said, given, noise = _fisher_inputs()
    one, again = (answer(slopes, said, given, noise) for _ in range(2))
    if not torch.allclose(one, again):
        return "Asked twice, it says two things. The draws are given: take `noise`, draw none."
    other = answer(slopes, said, given + 3, noise)
    if not torch.allclose(one, other):
        return "The given ratings still play a part: with others the result is another."


@whose_labels.check
def every_draw_counts(answer):
    slopes, said, given, noise = _fisher_inputs()
    found = answer(slopes, said, given, noise)
    each = [_importance_by_loops(slopes, errors) for errors in noise.T]
    if torch.allclose(found, torch.stack(each).mean(dim=0)):
        return None
    if torch.allclose(found, _importance_by_loops(slopes, noise.mean(dim=1))):
        return "The draws are averaged before they are squared: so they cancel."
    if torch.allclose(found, torch.stack(each).sum(dim=0)):
        return "That is the sum over the draws; it should be their mean."
    drawn = noise + said[:, None]
    each = [_importance_by_loops(slopes, ratings) for ratings in drawn.T]
    if torch.allclose(found, torch.stack(each).mean(dim=0)):
        return "That is the rating itself; the slope has the rating minus what the model says."
    return "It is not the mean over texts and draws of (noise x slope) squared."


@whose_labels.wrong(model_that_fits_still_has_something_to_lose, "should give (3,)")
def my_true_fisher(slopes, said, given, noise):
    return (noise[:, :, None] * slopes[:, None]).square().mean(dim=0)


@whose_labels.wrong(given_ratings_play_no_part, "still play a part")
def my_true_fisher(slopes, said, given, noise):
    errors = given[:, None] + noise - said[:, None]
    return (errors[:, :, None] * slopes[:, None]).square().mean(dim=(0, 1))


@whose_labels.wrong(given_ratings_play_no_part, "take `noise`, draw none")
def my_true_fisher(slopes, said, given, noise):
    return (torch.randn_like(said)[:, None] * slopes).square().mean(dim=0)


@whose_labels.wrong(every_draw_counts, "averaged before they are squared")
def my_true_fisher(slopes, said, given, noise):
    return (noise.mean(dim=1)[:, None] * slopes).square().mean(dim=0)


@whose_labels.wrong(every_draw_counts, "the sum over the draws")
def my_true_fisher(slopes, said, given, noise):
    return (noise[:, :, None] * slopes[:, None]).square().sum(dim=1).mean(dim=0)


@whose_labels.wrong(every_draw_counts, "the rating itself")
def my_true_fisher(slopes, said, given, noise):
    drawn = said[:, None] + noise
    return (drawn[:, :, None] * slopes[:, None]).square().mean(dim=(0, 1))


@whose_labels.wrong(every_draw_counts, "the mean over texts and draws")
def my_true_fisher(slopes, said, given, noise):
    return slopes.square().mean(dim=0)


@whose_labels.inputs(
    oracle=lambda slopes, said, given, noise: torch.stack(
        [(slopes * errors[:, None]).pow(2).mean(dim=0) for errors in noise.T]
    ).mean(0)
)
def true_fisher_calls(draw):
    texts, parameters, draws = draw.sizes(texts=300, parameters=65, draws=17)
    slopes = draw.floats(texts, parameters, scale=draw.scale(1, 100))
    return slopes, draw.floats(texts), draw.floats(texts), draw.floats(texts, draws)


@whose_labels.wrong(true_fisher_calls, "`importance` at [")
def my_true_fisher(slopes, said, given, noise):
    noise = noise[:, :3]
    return (noise[:, :, None] * slopes[:, None]).square().mean(dim=(0, 1))


batch_of_16 = Number(
    kind="Derive",
    answer_name="batch_of_16_answer",
    form="a number",
    task="""
    To save time somebody takes the gradient of a batch's *mean* loss, for batches of 16 texts with
    drawn ratings, squares it, and averages over the batches. Slopes of different texts are
    independent, and their mean is 0. How many times smaller than the Fisher will his numbers be, on
    average?
    """,
    truth=lambda: 16,
    factor=1,
    traps=(
        (1, "The square of a mean is not the mean of the squares."),
        (4, "Four is by how much the mean's *spread* is smaller; here it is squared."),
        (
            256,
            "The mean divides by 16, its square by 256; but 16 x 16 products are added up. How "
            "many of them are not 0 on average?",
        ),
    ),
    hints=("What is the variance of a mean of 16 independent numbers?",),
    because="The variance of a mean of 16 independent numbers is a sixteenth of theirs. A strength "
    "chosen with one size of batches is wrong for another.",
)

# --- the pull ----------------------------------------------------------------------------------

elastic = CodeExercise(
    returns=("penalty", "gradient"),
    task="""
    Write `my_elastic(now, start, importance, strength)` for parameters `now` and `start` `(P,)` and
    their `importance` `(P,)`. Return the penalty, `strength / 2` times the sum of importance times
    squared distance from the start (a tensor without axes), and its gradient with respect to `now`,
    `(P,)`, as you derive it by hand.
    """,
    hints=(
        "`step = now - start`; the penalty needs `step**2`, the gradient `step`.",
        "The derivative of the square is 2 x step, which the half takes back.",
    ),
    because="The gradient grows with the distance, as a spring's pull does, and each spring has a "
    "strength of its own.",
)


@elastic.stub
def my_elastic(now, start, importance, strength):
    """Return (penalty, gradient): () and (P,)."""
    raise NotImplementedError


@elastic.reference
def my_elastic(now, start, importance, strength):
    step = now - start
    pull = strength * importance * step
    return (pull * step).sum() / 2, pull


@elastic.right
def my_elastic(now, start, importance, strength):
    penalty = strength / 2 * (importance * (now - start) ** 2).sum()
    return penalty, strength * importance * (now - start)


@elastic.right
def my_elastic(now, start, importance, strength):
    step = start - now
    return 0.5 * strength * (importance @ step.square()), -step * importance * strength


@elastic.right
def my_elastic(now, start, importance, strength):
    total = 0
    for one, then, matters in zip(now, start, importance, strict=True):
        total = total + matters * (one - then) * (one - then)
    return total * strength / 2, torch.mul(now - start, importance) * strength


def _moved(p=5):
    rng = torch.Generator().manual_seed(7)
    now, start = (torch.randn(p, generator=rng, dtype=torch.float64) for _ in range(2))
    return now, start, torch.rand(p, generator=rng, dtype=torch.float64) + 0.1


def _penalty_by_loops(now, start, importance, strength):
    rows = zip(now, start, importance, strict=True)
    return strength / 2 * torch.stack([f * (a - b) ** 2 for a, b, f in rows]).sum()


@elastic.check
def nothing_pulls_at_the_start(answer):
    _, start, matters = _moved()
    penalty, gradient = answer(start.clone(), start, matters, 2.0)
    if penalty.shape != () or gradient.shape != (5,):
        return (
            "Five parameters should give a penalty without axes and a gradient (5,); yours are "
            f"{tuple(penalty.shape)} and {tuple(gradient.shape)}."
        )
    if penalty.abs() > 1e-12 or gradient.abs().max() > 1e-12:
        return "At the start nothing should be paid, and nothing pull: is the distance that to 0?"


@elastic.check
def penalty_weighs_each_square(answer):
    now, start, matters = _moved()
    penalty, _ = answer(now, start, matters, 3.0)
    step, wanted = now - start, _penalty_by_loops(now, start, matters, 3.0)
    slips = (
        (wanted, None),
        (2 * wanted, "The penalty is twice what it should be: it has a half in front."),
        (wanted / 3, "The strength plays no part in the penalty."),
        (1.5 * step.square().sum(), "The importance plays no part in the penalty: that is L2-SP."),
        (1.5 * (matters * step).square().sum(), "The importance is squared; the step alone is."),
        (wanted / 5, "That is a mean over the parameters; it should be their sum."),
    )
    for value, message in slips:
        if torch.allclose(penalty, value):
            return message
    return "The penalty should be strength / 2 x the sum of importance x squared distance."


@elastic.check
def gradient_is_that_of_the_penalty(answer):
    now, start, matters = _moved()
    _, gradient = answer(now, start, matters, 3.0)
    free = now.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(_penalty_by_loops(free, start, matters, 3.0), free)
    slips = (
        (wanted, None),
        (-wanted, "The gradient points the wrong way: uphill is away from the start."),
        (2 * wanted, "The gradient is twice what it should be: the half in front goes with the 2."),
        (wanted / 2, "The gradient is half of what it should be: the square brings a 2."),
        (wanted / 3, "The strength plays no part in the gradient."),
    )
    for value, message in slips:
        if torch.allclose(gradient, value):
            return message
    return "The gradient should be strength x importance x step, for each parameter."


@elastic.wrong(nothing_pulls_at_the_start, "a penalty without axes")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (now - start)
    return pull * (now - start) / 2, pull


@elastic.wrong(nothing_pulls_at_the_start, "is the distance that to 0")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * now
    return (pull * now).sum() / 2, pull


@elastic.wrong(penalty_weighs_each_square, "a half in front")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (now - start)
    return (pull * (now - start)).sum(), pull


@elastic.wrong(penalty_weighs_each_square, "The strength plays no part in the penalty")
def my_elastic(now, start, importance, strength):
    pull = importance * (now - start)
    return (pull * (now - start)).sum() / 2, strength * pull


@elastic.wrong(penalty_weighs_each_square, "that is L2-SP")
def my_elastic(now, start, importance, strength):
    step = now - start
    return strength / 2 * step.square().sum(), strength * importance * step


@elastic.wrong(penalty_weighs_each_square, "The importance is squared")
def my_elastic(now, start, importance, strength):
    step = now - start
    return strength / 2 * (importance * step).square().sum(), strength * importance * step


@elastic.wrong(penalty_weighs_each_square, "a mean over the parameters")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (now - start)
    return (pull * (now - start)).mean() / 2, pull


@elastic.wrong(penalty_weighs_each_square, "strength / 2 x the sum")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (now - start)
    return pull.abs().sum() / 2, pull


@elastic.wrong(gradient_is_that_of_the_penalty, "points the wrong way")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (start - now)
    return (pull * (start - now)).sum() / 2, pull


@elastic.wrong(gradient_is_that_of_the_penalty, "goes with the 2")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (now - start)
    return (pull * (now - start)).sum() / 2, 2 * pull


@elastic.wrong(gradient_is_that_of_the_penalty, "the square brings a 2")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (now - start)
    return (pull * (now - start)).sum() / 2, pull / 2


@elastic.wrong(gradient_is_that_of_the_penalty, "no part in the gradient")
def my_elastic(now, start, importance, strength):
    pull = importance * (now - start)
    return strength * (pull * (now - start)).sum() / 2, pull


@elastic.wrong(gradient_is_that_of_the_penalty, "strength x importance x step")
def my_elastic(now, start, importance, strength):
    step = now - start
    return strength * (importance * step * step).sum() / 2, strength * importance * step.sign()


@elastic.inputs(
    oracle=lambda now, start, importance, strength: (
        strength
        * functional.mse_loss(importance.sqrt() * now, importance.sqrt() * start)
        * 0.5
        * len(now),
        torch.diag(importance) @ (now - start) * strength,
    )
)
def elastic_calls(draw):
    (parameters,) = draw.sizes(parameters=300)
    scale = draw.scale(1, 100)
    now, start = draw.floats(parameters, scale=scale), draw.floats(parameters, scale=scale)
    return now, start, draw.floats(parameters).detach().square() + 0.01, draw.one_of(0.5, 3.0)


@elastic.wrong(elastic_calls, "`penalty`")
def my_elastic(now, start, importance, strength):
    pull = strength * importance * (now - start)
    return (pull * (now - start))[:64].sum() / 2, pull


# --- practice ----------------------------------------------------------------------------------

old_batches = CodeExercise(
    returns=("is_old",),
    task="""
    Write `my_old_batches(num_batches, num_old, num_all)`: which batches are rehearsal, as a bool
    tensor `(num_batches,)`. Of each `num_all` batches `num_old` are old, spread evenly: after k
    batches, for every k, the whole part of `k * num_old / num_all` have been old. `num_old` is from
    0 to `num_all`, `num_all` at least 1.
    """,
    hints=(
        "Count first: how many are old after 0, 1, 2, ... batches? `//` gives the whole part.",
        "A batch is old where the count goes up: `counts[1:] > counts[:-1]`.",
    ),
    because="Whole numbers are counted without rounding: 55 * (3 / 11) is just under 15 in floats.",
)


@old_batches.stub
def my_old_batches(num_batches, num_old, num_all):
    """Which of the batches are old ones: (num_batches,) bool."""
    raise NotImplementedError


@old_batches.reference
def my_old_batches(num_batches, num_old, num_all):
    counts = torch.arange(num_batches + 1) * num_old // num_all
    return counts[1:] > counts[:-1]


@old_batches.right
def my_old_batches(num_batches, num_old, num_all):
    return torch.arange(1, num_batches + 1) * num_old % num_all < num_old


@old_batches.right
def my_old_batches(num_batches, num_old, num_all):
    found, seen = [], 0
    for k in range(1, num_batches + 1):
        found.append(k * num_old // num_all > seen)
        seen += found[-1]
    return torch.tensor(found)


@old_batches.right
def my_old_batches(num_batches, num_old, num_all):
    owed, found = 0, torch.zeros(num_batches, dtype=torch.bool)
    for k in range(num_batches):
        owed += num_old
        if owed >= num_all:
            found[k] = True
            owed -= num_all
    return found


def _due(num_batches, num_old, num_all):
    """Counted in fractions of a batch."""
    due = [(k * num_old) // num_all for k in range(num_batches + 1)]
    return torch.tensor([due[k + 1] - due[k] == 1 for k in range(num_batches)])


@old_batches.check
def share_is_kept(answer):
    found = answer(40, 3, 8)
    if found.dtype != torch.bool or found.shape != (40,):
        return f"40 batches should give bools (40,); yours are {found.dtype} {tuple(found.shape)}."
    if found.sum() == 25:
        return "25 of 40 are old, where 3 of 8 should be: old and new are exchanged."
    if found.sum() != 15:
        return f"3 of 8 should be old, so 15 of 40; yours are {int(found.sum())}."


@old_batches.check
def ends_are_all_and_none(answer):
    if answer(7, 0, 4).any():
        return "With no old batch among four, none of seven should be old."
    if not answer(7, 4, 4).all():
        return "With four old batches among four, all of seven should be old."


@old_batches.check
def old_batches_are_spread_and_never_early(answer):
    found, wanted = answer(24, 3, 8), _due(24, 3, 8)
    if torch.equal(found, wanted):
        return None
    if found[:3].all():
        return "The old batches come in a block of three. Between them should be new ones."
    early = (found.cumsum(0) > wanted.cumsum(0)).any()
    if early:
        return "An old batch comes too early: after k batches it is the whole part of k x 3 / 8."
    return "An old batch comes too late: after k batches the whole part of k x 3 / 8 were old."


@old_batches.check
def shares_without_an_end_are_counted_too(answer):
    found, wanted = answer(55, 3, 11), _due(55, 3, 11)
    if not torch.equal(found, wanted):
        count = int(found.sum())
        return (
            f"3 of 11: after 55 batches 15 should have been old; yours are {count}. A share like "
            "3 / 11 is rounded; multiply before you divide, in whole numbers."
        )


@old_batches.wrong(share_is_kept, "should give bools (40,)")
def my_old_batches(num_batches, num_old, num_all):
    return torch.arange(num_batches + 1) * num_old // num_all


@old_batches.wrong(share_is_kept, "old and new are exchanged")
def my_old_batches(num_batches, num_old, num_all):
    counts = torch.arange(num_batches + 1) * num_old // num_all
    return counts[1:] == counts[:-1]


@old_batches.wrong(share_is_kept, "so 15 of 40")
def my_old_batches(num_batches, num_old, num_all):
    return torch.arange(1, num_batches + 1) % (num_all // max(num_old, 1)) == 0


@old_batches.wrong(ends_are_all_and_none, "none of seven")
def my_old_batches(num_batches, num_old, num_all):
    num_old = max(num_old, 1)
    counts = torch.arange(num_batches + 1) * num_old // num_all
    return counts[1:] > counts[:-1]


@old_batches.wrong(ends_are_all_and_none, "all of seven")
def my_old_batches(num_batches, num_old, num_all):
    num_old = min(num_old, num_all - 1)
    counts = torch.arange(num_batches + 1) * num_old // num_all
    return counts[1:] > counts[:-1]


@old_batches.wrong(old_batches_are_spread_and_never_early, "in a block of three")
def my_old_batches(num_batches, num_old, num_all):
    return torch.arange(num_batches) % num_all < num_old


@old_batches.wrong(old_batches_are_spread_and_never_early, "comes too early")
def my_old_batches(num_batches, num_old, num_all):
    return torch.arange(num_batches) * num_old % num_all < num_old


@old_batches.wrong(old_batches_are_spread_and_never_early, "comes too late")
def my_old_batches(num_batches, num_old, num_all):
    return torch.arange(num_batches) % num_all >= num_all - num_old


@old_batches.wrong(shares_without_an_end_are_counted_too, "multiply before you divide")
def my_old_batches(num_batches, num_old, num_all):
    owed, found = 0.0, torch.zeros(num_batches, dtype=torch.bool)
    for k in range(num_batches):
        owed += num_old / num_all
        if owed >= 1:
            found[k] = True
            owed -= 1
    return found


@old_batches.inputs(oracle=_due)
def old_batches_calls(draw):
    (num_batches,) = draw.sizes(batches=300)
    num_all = draw.whole(1, 12)
    return num_batches, draw.whole(0, num_all), num_all


@old_batches.wrong(old_batches_calls, "`is_old`")
def my_old_batches(num_batches, num_old, num_all):
    one_round = torch.arange(1, num_all + 1) * num_old % num_all < num_old
    return one_round.repeat(num_batches // num_all)


vote = CodeExercise(
    returns=("label",),
    task="""
    The old self's loss with one head is `(said - target)**2 + strength * (said - old)**2`. Write
    `my_vote(target, old, strength)`: the label `(N,)` for which `(1 + strength) * (said -
    label)**2` has the same gradient for `said`, whatever is said. `target` and `old` are `(N,)`,
    `strength` is a number from 0 on.
    """,
    hints=(
        "Where is the sum of the two parabolas lowest? Set its derivative to 0.",
        "`said - target + strength * (said - old) = 0`: solve for `said`.",
    ),
    because="Two parabolas add up to one parabola, whose lowest point lies between theirs. So with "
    "one head the old self is no more, and no less, than a rater with a vote.",
)


@vote.stub
def my_vote(target, old, strength):
    """A label in which the old self has a vote: (N,)."""
    raise NotImplementedError


@vote.reference
def my_vote(target, old, strength):
    return (target + strength * old) / (1 + strength)


@vote.right
def my_vote(target, old, strength):
    return target + strength / (1 + strength) * (old - target)


@vote.right
def my_vote(target, old, strength):
    return torch.lerp(old, target, 1 / (1 + strength))


@vote.right
def my_vote(target, old, strength):
    share = strength / (1 + strength)
    return (1 - share) * target + share * old


def _votes(n=7):
    rng = torch.Generator().manual_seed(13)
    return [torch.randn(n, generator=rng, dtype=torch.float64) for _ in range(3)]


@vote.check
def without_strength_it_is_the_target(answer):
    target, old, _ = _votes()
    found = answer(target, old, 0.0)
    if found.shape != (7,):
        return f"Seven texts should give (7,); yours is {tuple(found.shape)}."
    if torch.allclose(found, old):
        return "With strength 0 it is the old self's answer. The two are exchanged."
    if not torch.allclose(found, target):
        return "With strength 0 the old self has no vote: the label should be the target."


@vote.check
def gradient_is_the_same_whatever_is_said(answer):
    target, old, said = _votes()
    said.requires_grad_()
    for strength in (0.3, 3.0):
        label = answer(target, old, strength).detach()
        two = (said - target).square() + strength * (said - old).square()
        one = (1 + strength) * (said - label).square()
        (wanted,), (found,) = (torch.autograd.grad(x.sum(), said) for x in (two, one))
        if torch.allclose(wanted, found):
            continue
        if torch.allclose(label, target + strength * old):
            return "The sum of the two is not divided: a label of two votes is a mean."
        if torch.allclose(label, (target + strength * old) / 2):
            return "The sum is divided by 2, but there are `1 + strength` votes."
        if torch.allclose(label, (1 - strength) * target + strength * old):
            return "The weights are 1 - strength and strength; here strength may be above 1."
        return "The gradient is another. Where is the sum of the two losses lowest?"


@vote.wrong(without_strength_it_is_the_target, "should give (7,)")
def my_vote(target, old, strength):
    return ((target + strength * old) / (1 + strength)).mean()


@vote.wrong(without_strength_it_is_the_target, "exchanged")
def my_vote(target, old, strength):
    return (old + strength * target) / (1 + strength)


@vote.wrong(without_strength_it_is_the_target, "the label should be the target")
def my_vote(target, old, strength):
    return (target + old) / 2


@vote.wrong(gradient_is_the_same_whatever_is_said, "is not divided")
def my_vote(target, old, strength):
    return target + strength * old


@vote.wrong(gradient_is_the_same_whatever_is_said, "1 - strength and strength")
def my_vote(target, old, strength):
    return (1 - strength) * target + strength * old


@vote.wrong(gradient_is_the_same_whatever_is_said, "the sum of the two losses lowest")
def my_vote(target, old, strength):
    return (target + strength**2 * old) / (1 + strength**2)


@vote.inputs(
    oracle=lambda target, old, strength: (
        target * (1 / (1 + strength)) + old * (strength / (1 + strength))
    )
)
def vote_calls(draw):
    (texts,) = draw.sizes(texts=300)
    scale = draw.scale(1, 100)
    target, old = draw.floats(texts, scale=scale), draw.floats(texts, scale=scale)
    return target, old, draw.one_of(0.0, 0.3, 1.0, 3.0)


@vote.wrong(vote_calls, "`label` at [")
def my_vote(target, old, strength):
    return torch.cat([((target + strength * old) / (1 + strength))[:64], target[64:]])


# --- the line between two models ---------------------------------------------------------------

between = CodeExercise(
    returns=("weight", "mean", "variance"),
    task="""
    Two models, `first` and `second`, are a layer `(d_out, d_in)` whose outputs `x @ weight.T` pass
    a batch norm with running statistics. Write `my_between(first, second, share, x)`: the layer
    that lies `share` of the way from the first to the second, `(d_out, d_in)`, and the `mean` and
    the `variance` `(d_out,)` of *its* outputs on `x` `(N, d_in)`. The variance divides by N.
    """,
    hints=(
        "Weights lie on a line: `(1 - share) * first + share * second`.",
        "Statistics are measured on what the new layer puts out: `.var(dim=0, correction=0)`.",
    ),
    because="A mean follows the line, a variance does not: it is a square. Two outputs that do not "
    "agree cancel between the models, and a norm with averaged variances then makes all too small.",
)


@between.stub
def my_between(first, second, share, x):
    """Return (weight, mean, variance): (d_out, d_in), (d_out,), (d_out,)."""
    raise NotImplementedError


@between.reference
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    outputs = x @ weight.T
    mean = outputs.mean(dim=0)
    return weight, mean, (outputs - mean).square().mean(dim=0)


@between.right
def my_between(first, second, share, x):
    weight = torch.lerp(first, second, share)
    outputs = functional.linear(x, weight)
    return weight, outputs.mean(dim=0), outputs.var(dim=0, correction=0)


@between.right
def my_between(first, second, share, x):
    weight = first + share * (second - first)
    centre = x.mean(dim=0)
    spread = (x - centre) @ weight.T
    return weight, weight @ centre, spread.square().sum(dim=0) / len(x)


@between.right
def my_between(first, second, share, x):
    outputs = (1 - share) * (x @ first.T) + share * (x @ second.T)
    centred = outputs - outputs.mean(dim=0, keepdim=True)
    variance = torch.einsum("no,no->o", centred, centred) / len(x)
    return share * second + (1 - share) * first, outputs.mean(dim=0), variance


def _two_layers(n=9, d_in=4, d_out=3):
    rng = torch.Generator().manual_seed(19)
    shapes = (d_out, d_in), (d_out, d_in), (n, d_in)
    first, second, x = (torch.randn(s, generator=rng, dtype=torch.float64) for s in shapes)
    return first, second, x + 0.5


def _measured(weight, x):
    """Output by output, in plain Python."""
    means, variances = [], []
    for row in weight.tolist():
        outputs = [sum(a * b for a, b in zip(row, one, strict=True)) for one in x.tolist()]
        means.append(sum(outputs) / len(outputs))
        variances.append(sum((y - means[-1]) ** 2 for y in outputs) / len(outputs))
    return torch.tensor(means, dtype=x.dtype), torch.tensor(variances, dtype=x.dtype)


@between.check
def weights_lie_on_the_line(answer):
    first, second, x = _two_layers()
    weight, mean, variance = answer(first, second, 0.25, x)
    for name, found, wanted in (
        ("weight", weight, (3, 4)),
        ("mean", mean, (3,)),
        ("variance", variance, (3,)),
    ):
        if found.shape != wanted:
            return f"`{name}` should be {wanted}; yours is {tuple(found.shape)}."
    if torch.allclose(weight, 0.25 * first + 0.75 * second):
        return "The line runs the wrong way: `share` 0 is the first model, 1 the second."
    if not torch.allclose(weight, 0.75 * first + 0.25 * second):
        return "A quarter of the way is 3/4 of the first weight and 1/4 of the second."


@between.check
def mean_is_that_of_the_outputs(answer):
    first, second, x = _two_layers()
    _, mean, _ = answer(first, second, 0.25, x)
    wanted, _ = _measured(0.75 * first + 0.25 * second, x)
    if not torch.allclose(mean, wanted):
        return "The mean is not that of the new layer's outputs on `x`."


@between.check
def variance_is_measured_anew(answer):
    first, second, x = _two_layers()
    _, _, variance = answer(first, second, 0.25, x)
    _, wanted = _measured(0.75 * first + 0.25 * second, x)
    if torch.allclose(variance, wanted):
        return None
    (_, one), (_, other) = _measured(first, x), _measured(second, x)
    if torch.allclose(variance, 0.75 * one + 0.25 * other):
        return "The variances are averaged. Measure that of the new layer's outputs."
    if torch.allclose(variance, wanted * 9 / 8):
        return "The variance divides by N - 1; here it should be N."
    if torch.allclose(variance, wanted.sqrt()):
        return "That is the spread, the root of the variance."
    return "The variance is not that of the new layer's outputs on `x`."


@between.wrong(weights_lie_on_the_line, "`mean` should be (3,)")
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    outputs = x @ weight.T
    return weight, outputs.mean(dim=1), outputs.var(dim=1, correction=0)


@between.wrong(weights_lie_on_the_line, "runs the wrong way")
def my_between(first, second, share, x):
    weight = share * first + (1 - share) * second
    outputs = x @ weight.T
    return weight, outputs.mean(dim=0), outputs.var(dim=0, correction=0)


@between.wrong(weights_lie_on_the_line, "3/4 of the first weight")
def my_between(first, second, share, x):
    weight = first + share * second
    outputs = x @ weight.T
    return weight, outputs.mean(dim=0), outputs.var(dim=0, correction=0)


@between.wrong(mean_is_that_of_the_outputs, "The mean is not that")
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    outputs = x @ weight.T
    return weight, (x @ first.T).mean(dim=0), outputs.var(dim=0, correction=0)


@between.wrong(variance_is_measured_anew, "The variances are averaged")
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    one, other = x @ first.T, x @ second.T
    mean = (1 - share) * one.mean(dim=0) + share * other.mean(dim=0)
    variances = [outputs.var(dim=0, correction=0) for outputs in (one, other)]
    return weight, mean, (1 - share) * variances[0] + share * variances[1]


@between.wrong(variance_is_measured_anew, "divides by N - 1")
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    outputs = x @ weight.T
    return weight, outputs.mean(dim=0), outputs.var(dim=0)


@between.wrong(variance_is_measured_anew, "the root of the variance")
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    outputs = x @ weight.T
    return weight, outputs.mean(dim=0), outputs.std(dim=0, correction=0)


@between.wrong(variance_is_measured_anew, "The variance is not that")
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    outputs = x @ weight.T
    return weight, outputs.mean(dim=0), outputs.square().mean(dim=0)


def _between_by_covariance(first, second, share, x):
    weight = torch.lerp(first, second, share)
    centred = x - x.mean(dim=0)
    covariance = centred.T @ centred / len(x)
    return weight, weight @ x.mean(dim=0), ((weight @ covariance) * weight).sum(dim=1)


@between.inputs(oracle=_between_by_covariance)
def between_calls(draw):
    texts, d_in, d_out = draw.sizes(texts=(2, 300), inputs=300, outputs=65)
    scale = draw.scale(1, 100)
    first, second = (draw.floats(d_out, d_in, scale=scale) for _ in range(2))
    return first, second, draw.one_of(0.0, 0.25, 0.5, 1.0), draw.floats(texts, d_in)


@between.wrong(between_calls, "`variance` at [")
def my_between(first, second, share, x):
    weight = (1 - share) * first + share * second
    outputs = x @ weight.T
    return weight, outputs.mean(dim=0), outputs[:64].var(dim=0, correction=0)


no_middle = Choice(
    kind="Predict",
    answer_name="no_middle_answer",
    task="""
    Two models were fine-tuned from one start, and their `state_dict`s are averaged, tensor by
    tensor. Which of these entries does the average make meaningless, or wrong for the new model?
    Give all.
    """,
    options={
        "a": "the gain of a LayerNorm",
        "b": "the running variance of a BatchNorm",
        "c": "a table of whole numbers, unlike in the two, that says which piece has which index",
        "d": "the weight of the head",
        "e": "`num_batches_tracked`, how many batches a BatchNorm has seen: 90 and 120 here",
    },
    right="bce",
    reasons={
        "a": "It is a parameter like others. A LayerNorm measures its statistics in each text.",
        "b": "It was measured on outputs of other weights. Measure it anew.",
        "c": "Index 2.5 is no place in a table.",
        "d": "A parameter like others, as long as both heads have one start.",
        "e": "A count of nothing that the new model has seen.",
    },
    hints=("Which of these were learnt by gradients, and which were measured or counted?",),
)

# --- what is kept, and what is claimed ---------------------------------------------------------

what_is_kept = Ordering(
    kind="Estimate the budget",
    answer_name="what_is_kept_answer",
    task="""
    While the second domain is learnt, something of the first has to be at hand, beside the model
    itself. Six layers of 1.77 million numbers are open, 4 bytes each. Put these in order by the
    bytes that are kept, the fewest first.
    """,
    items={
        "a": "elastic weights: the start, and an importance for each number",
        "b": "rehearsal: 400 old texts of some hundred letters, and their ratings",
        "c": "the old self: what it says of 400 new texts, asked once",
        "d": "L2-SP: the start",
    },
    right="cbda",
    rule="Each is at least ten times the one before, but for the last two: there it is twice.",
    hints=("10.6 million numbers are 42 MB. How many bytes are 400 numbers?",),
    because="1.6 KB, some 40 KB, 42 MB, 85 MB. Texts are cheap to keep, if one may keep them.",
)

unfair_claim = Choice(
    kind="Criticise a claim",
    answer_name="unfair_claim_answer",
    task="""
    "Elastic weights prevent forgetting. Plain training was chosen on the new domain's validation
    texts, from four rates; elastic weights on both domains' texts, from twelve strengths. On old
    test texts elastic weights reach r = .70 and plain training .62, five seeds each, paired
    interval [.05, .11]. They work because they hold what mattered to the old domain." What is
    unfair or unproved here? Give all.
    """,
    options={
        "a": "One side was chosen with old labels, the other without.",
        "b": "The sides had different numbers of trials.",
        "c": "The test texts of both are the same, so the interval is too narrow.",
        "d": "That it is *importance* which helps was not tested.",
        "e": "Nothing is said of the new domain.",
    },
    right="abde",
    reasons={
        "a": "Plain training at a smaller rate, or stopped earlier, forgets less, too.",
        "b": "The best of twelve is ahead of the best of a few by luck alone.",
        "c": "The same texts make the comparison sharper, and rightly so.",
        "d": "Equal importances, or importances shuffled among the parameters, are the control.",
        "e": "A model that learns nothing forgets nothing.",
    },
    hints=("What could plain training have done with the same help? And what did it cost?",),
)
