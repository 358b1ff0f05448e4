"""The exercises of the chapter on domain adaptation."""

import math

import torch

from .engine.declare import CodeExercise
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

same_rule = Choice(
    kind="Recap",
    answer_name="same_rule_answer",
    task="""
    Under which shift is a rule that was learnt on the source still right for the target, text by
    text?
    """,
    options={
        "a": "Covariate shift: other texts are written.",
        "b": "Prior shift: good texts are rarer.",
        "c": "Concept shift: the same words mean something else.",
        "d": "Under none of them.",
    },
    right="a",
    reasons={
        "a": "p(x) differs and p(y | x) does not: the rule holds, and is asked about other texts.",
        "b": "By Bayes, p(y | x) changes with p(y): the same word is then worth less or more.",
        "c": "That is the case in which the rule itself is another one.",
        "d": "One of the three is named after what it leaves alone.",
    },
    hints=("Which of p(x), p(y) and p(y | x) is the rule?",),
)

what_is_hidden = Choice(
    kind="Recap",
    answer_name="what_is_hidden_answer",
    task="""
    Masked language modelling reads texts that nobody has rated. From what does it learn?
    """,
    options={
        "a": "From the ratings of similar texts.",
        "b": "From the words that were hidden: each text brings its own answers.",
        "c": "From whether two texts are of one domain.",
        "d": "From nothing: without labels the loss is always 0.",
    },
    right="b",
    reasons={
        "a": "No rating is read, of any text.",
        "b": "The label of a gap is the word that stood there.",
        "c": "That is asked by another head, later in this chapter.",
        "d": "The loss is the nats that each hidden word costs.",
    },
    hints=("What stands in `labels` where something is asked?",),
)

# --- gradient reversal -------------------------------------------------------------------------

reverse = CodeExercise(
    returns=("output",),
    task="""
    Write `my_reverse(x, strength)`: a tensor with the numbers of `x`, whose gradient on its way
    back is multiplied by `-strength`. `x` has any shape.
    """,
    hints=(
        "An own `torch.autograd.Function` has two static methods, `forward` and `backward`; what "
        "is kept in `ctx` by the first is there in the second. `Reverse.apply(x, strength)` calls "
        "it.",
        "`backward(ctx, gradient)` returns one thing for each argument of `forward`: the gradient "
        "for `x`, and `None` for the strength.",
        "There is a way without a class: a sum of `x` and `x.detach()` whose numbers add up to 1.",
    ),
    because="Forward, nothing happens, so the domain head sees the true features. Backward, the "
    "encoder is told the opposite of what would help that head.",
)


@reverse.stub
def my_reverse(x, strength):
    """x as it is; its gradient comes back times -strength."""
    raise NotImplementedError


@reverse.reference
def my_reverse(x, strength):
    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, gradient):
            return -strength * gradient

    return Reverse.apply(x)


@reverse.right
def my_reverse(x, strength):
    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.factor = factor
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * ctx.factor, None

    return Reverse.apply(x, -strength)


@reverse.right
def my_reverse(x, strength):
    turned = -strength * x
    return x.detach() + turned - turned.detach()


@reverse.right
def my_reverse(x, strength):
    same = x.view_as(x)
    if same.requires_grad:
        same = same.clone()
        same.register_hook(lambda gradient: -strength * gradient)
    return same


def _some_features(*shape):
    rng = torch.Generator().manual_seed(41)
    return torch.randn(shape, generator=rng, dtype=torch.float64)


@reverse.check
def numbers_stay_as_they_are(answer):
    x = _some_features(3, 4)
    found = answer(x.clone(), 0.5)
    if found.shape != x.shape:
        return f"`x` is (3, 4), and so should the output be; yours is {tuple(found.shape)}."
    if torch.allclose(found, -0.5 * x):
        return "The numbers themselves are turned round. On the way forward `x` should stay."
    if not torch.allclose(found, x):
        return "On the way forward nothing should happen: the numbers of `x` come out."


@reverse.check
def gradient_comes_back_reversed(answer):
    for strength in (0.25, 1.0):
        x = _some_features(3, 4).requires_grad_()
        output = answer(x, strength)
        if not output.requires_grad:
            return "No gradient comes back at all: the output was detached from `x`."
        (found,) = torch.autograd.grad(output.sin().sum(), x, allow_unused=True)
        plain = x.detach().cos()
        if found is None:
            return "The gradient does not reach `x`."
        if torch.allclose(found, -strength * plain):
            continue
        if torch.allclose(found, strength * plain):
            return "The gradient is multiplied by the strength; its sign should change as well."
        if torch.allclose(found, plain):
            return "The gradient comes back as it went; it should be multiplied by `-strength`."
        if torch.allclose(found, -plain):
            return "The sign changes, and the strength plays no part."
        if torch.allclose(found, -plain / strength):
            return "The gradient is divided by the strength; it should be multiplied."
        return "The gradient of `x` should be `-strength` times what comes from above."


@reverse.wrong(numbers_stay_as_they_are, "and so should the output be")
def my_reverse(x, strength):
    return x.flatten()


@reverse.wrong(numbers_stay_as_they_are, "are turned round")
def my_reverse(x, strength):
    return -strength * x


@reverse.wrong(numbers_stay_as_they_are, "nothing should happen")
def my_reverse(x, strength):
    return x.detach() - strength * x


@reverse.wrong(gradient_comes_back_reversed, "was detached")
def my_reverse(x, strength):
    return x.detach()


@reverse.wrong(gradient_comes_back_reversed, "its sign should change")
def my_reverse(x, strength):
    turned = strength * x
    return x.detach() + turned - turned.detach()


@reverse.wrong(gradient_comes_back_reversed, "comes back as it went")
def my_reverse(x, strength):
    return x.view_as(x)


@reverse.wrong(gradient_comes_back_reversed, "plays no part")
def my_reverse(x, strength):
    return 2 * x.detach() - x


@reverse.wrong(gradient_comes_back_reversed, "is divided by the strength")
def my_reverse(x, strength):
    turned = -x / strength
    return x.detach() + turned - turned.detach()


@reverse.wrong(gradient_comes_back_reversed, "times what comes from above")
def my_reverse(x, strength):
    turned = -(strength**2) * x
    return x.detach() + turned - turned.detach()


@reverse.wrong(gradient_comes_back_reversed, "does not reach `x`")
def my_reverse(x, strength):
    return x.detach() + 0 * torch.zeros_like(x).requires_grad_()


@reverse.inputs(oracle=lambda x, strength: x.detach() * (1 + strength) - strength * x)
def reverse_calls(draw):
    texts, features = draw.sizes(texts=300, features=300)
    x = draw.floats(texts, features, scale=draw.scale(1, 100))
    return x, draw.one_of(0.125, 0.5, 1.0)


@reverse.wrong(reverse_calls, "gradient")
def my_reverse(x, strength):
    near = torch.zeros_like(x)
    near[:8, :8] = 1.0
    turned = -strength * x * near
    return x.detach() + turned - turned.detach()


# --- distances ---------------------------------------------------------------------------------

coral = CodeExercise(
    returns=("loss",),
    task="""
    Write `my_coral(source, target)`: the CORAL loss of features `(B, D)` and `(B', D)`, with two
    texts at least on each side. Take the covariance of each side, `(D, D)`, divided by the number
    of texts less 1; the loss is the sum of the squared differences of the two, divided by `4 D²`.
    Return a scalar.
    """,
    hints=(
        "Subtract each feature's mean over the texts first: `x - x.mean(dim=0)`.",
        "The covariance is `centred.T @ centred / (len(x) - 1)`.",
        "D is `source.size(1)`.",
    ),
    because="It sees how features vary together, and not where they lie: means play no part. A "
    "difference of means is for the head to bear, or for another loss.",
)


@coral.stub
def my_coral(source, target):
    """The squared distance of two covariances, over 4 D²."""
    raise NotImplementedError


@coral.reference
def my_coral(source, target):
    covariances = []
    for x in (source, target):
        centred = x - x.mean(dim=0)
        covariances.append(centred.T @ centred / (len(x) - 1))
    gap = covariances[0] - covariances[1]
    return gap.square().sum() / (4 * source.size(1) ** 2)


@coral.right
def my_coral(source, target):
    gap = torch.cov(source.T) - torch.cov(target.T)
    return (gap**2).sum() / 4 / source.shape[1] / source.shape[1]


@coral.right
def my_coral(source, target):
    def covariance(x):
        centred = x - x.mean(dim=0, keepdim=True)
        return torch.einsum("nd,ne->de", centred, centred).div(x.size(0) - 1)

    return (covariance(source) - covariance(target)).pow(2).mean() / 4


@coral.right
def my_coral(source, target):
    gap = 0
    for x, sign in ((source, 1), (target, -1)):
        centred = x - x.mean(dim=0)
        gap = gap + sign * (centred.mT @ centred) / (x.size(0) - 1)
    return torch.linalg.matrix_norm(gap.double()).square().to(source.dtype) / (2 * len(gap)) ** 2


def _two_sides(shift=0.0, num_source=4, num_target=6, d=3):
    rng = torch.Generator().manual_seed(43)
    source = torch.randn(num_source, d, generator=rng, dtype=torch.float64)
    return source, 2 * torch.randn(num_target, d, generator=rng, dtype=torch.float64) + shift


def _covariance(x, less=1, centre=True):
    """Number by number: (B, D) -> D lists of D numbers."""
    rows, d = x.tolist(), x.size(1)
    means = [sum(row[i] for row in rows) / len(rows) if centre else 0.0 for i in range(d)]
    return [
        [
            sum((row[i] - means[i]) * (row[j] - means[j]) for row in rows) / (len(rows) - less)
            for j in range(d)
        ]
        for i in range(d)
    ]


def _squares(source, target, **settings) -> float:
    one, two = _covariance(source, **settings), _covariance(target, **settings)
    return sum(
        (a - b) ** 2
        for left, right in zip(one, two, strict=True)
        for a, b in zip(left, right, strict=True)
    )


@coral.check
def it_is_one_number(answer):
    found = answer(*_two_sides())
    if found.shape != ():
        return f"The loss should be a scalar; yours has the shape {tuple(found.shape)}."


@coral.check
def means_play_no_part(answer):
    source, target = _two_sides()
    still, moved = answer(source, target), answer(source, target + 10)
    if not torch.allclose(still, moved):
        return (
            "A target whose features are all moved by 10 has the same covariance, and your loss "
            "changes: subtract each feature's mean over the texts."
        )


@coral.check
def loss_is_the_squared_distance_over_4_d_squared(answer):
    source, target = _two_sides()
    found, squares = answer(source, target).item(), _squares(source, target)
    if math.isclose(found, squares / 36, rel_tol=1e-9):
        return None
    slips = {
        squares: "It is not divided by 4 D², here 36.",
        squares / 4: "It is divided by 4 alone; D², here 9, is missing.",
        squares / 9: "It is divided by D² alone; the 4 is missing.",
        squares / 12: "It is divided by 4 D; the D should be squared.",
        math.sqrt(squares) / 36: "It is the distance of the two; it should be its square.",
        _squares(source, target, less=0) / 36: "The covariances are divided by the number of "
        "texts; here it is one less.",
    }
    for slip, message in slips.items():
        if math.isclose(found, slip, rel_tol=1e-9):
            return message
    return "The loss is not the sum of the squared differences of the two covariances, over 4 D²."


@coral.wrong(it_is_one_number, "should be a scalar")
def my_coral(source, target):
    return (torch.cov(source.T) - torch.cov(target.T)).square() / (4 * source.size(1) ** 2)


@coral.wrong(means_play_no_part, "subtract each feature's mean")
def my_coral(source, target):
    gap = source.T @ source / (len(source) - 1) - target.T @ target / (len(target) - 1)
    return gap.square().sum() / (4 * source.size(1) ** 2)


@coral.wrong(loss_is_the_squared_distance_over_4_d_squared, "not divided by 4 D²")
def my_coral(source, target):
    return (torch.cov(source.T) - torch.cov(target.T)).square().sum()


@coral.wrong(loss_is_the_squared_distance_over_4_d_squared, "divided by 4 alone")
def my_coral(source, target):
    return (torch.cov(source.T) - torch.cov(target.T)).square().sum() / 4


@coral.wrong(loss_is_the_squared_distance_over_4_d_squared, "the 4 is missing")
def my_coral(source, target):
    return (torch.cov(source.T) - torch.cov(target.T)).square().mean()


@coral.wrong(loss_is_the_squared_distance_over_4_d_squared, "the D should be squared")
def my_coral(source, target):
    return (torch.cov(source.T) - torch.cov(target.T)).square().sum() / (4 * source.size(1))


@coral.wrong(loss_is_the_squared_distance_over_4_d_squared, "it should be its square")
def my_coral(source, target):
    gap = torch.cov(source.T) - torch.cov(target.T)
    return gap.square().sum().sqrt() / (4 * source.size(1) ** 2)


@coral.wrong(loss_is_the_squared_distance_over_4_d_squared, "here it is one less")
def my_coral(source, target):
    gap = torch.cov(source.T, correction=0) - torch.cov(target.T, correction=0)
    return gap.square().sum() / (4 * source.size(1) ** 2)


@coral.wrong(loss_is_the_squared_distance_over_4_d_squared, "is not the sum of the squared")
def my_coral(source, target):
    gap = source.var(dim=0) - target.var(dim=0)
    return gap.square().sum() / (4 * source.size(1) ** 2)


def _by_cov(source, target):
    """The oracle: torch's own covariance."""
    gap = torch.atleast_2d(torch.cov(source.T)) - torch.atleast_2d(torch.cov(target.T))
    return torch.linalg.vector_norm(gap) ** 2 / (4 * source.size(1) ** 2)


@coral.inputs(oracle=_by_cov)
def coral_calls(draw):
    num_source, num_target, d = draw.sizes(
        source_texts=(3, 300), target_texts=(3, 300), features=(2, 65)
    )
    scale = draw.scale(1, 10)
    return draw.floats(num_source, d, scale=scale), draw.floats(num_target, d, scale=2 * scale)


@coral.wrong(coral_calls, "`loss` should be")
def my_coral(source, target):
    gap = torch.cov(source[:64].T) - torch.cov(target[:64].T)
    return torch.as_tensor(gap).square().sum() / (4 * source.size(1) ** 2)


mmd = CodeExercise(
    returns=("discrepancy",),
    task="""
    Write `my_mmd(source, target, width)`: the squared maximum mean discrepancy of features
    `(B, D)` and `(B', D)`, by the kernel `exp(-squared distance / width)`. It is the mean kernel
    of all pairs within the source (each text with itself, too), plus that within the target, minus
    twice the mean kernel of all pairs between them. Return a scalar.
    """,
    hints=(
        "`(a[:, None] - b[None]).square().sum(dim=-1)` has every squared distance, `(B, B')`.",
        "A helper `kernel(a, b)` that returns a mean is called three times.",
    ),
    because="With this kernel it is 0 for two distributions only if they are the same, whatever "
    "their means and covariances; with B texts it is never quite 0.",
)


@mmd.stub
def my_mmd(source, target, width):
    """Mean kernel within the source, plus within the target, minus twice between."""
    raise NotImplementedError


@mmd.reference
def my_mmd(source, target, width):
    def kernel(a, b):
        distances = (a[:, None] - b[None]).square().sum(dim=-1)
        return torch.exp(-distances / width).mean()

    return kernel(source, source) + kernel(target, target) - 2 * kernel(source, target)


@mmd.right
def my_mmd(source, target, width):
    both = torch.cat([source, target])
    distances = (both.unsqueeze(1) - both.unsqueeze(0)).pow(2).sum(-1)
    kernel, n = torch.exp(distances / -width), len(source)
    return kernel[:n, :n].mean() + kernel[n:, n:].mean() - 2 * kernel[:n, n:].mean()


@mmd.right
def my_mmd(source, target, width):
    def squares(a, b):
        return torch.stack([(a - row).pow(2).sum(dim=1) for row in b])

    within = squares(source, source).div(-width).exp().mean()
    within = within + squares(target, target).div(-width).exp().mean()
    return within - 2 * torch.exp(squares(source, target) / -width).mean()


@mmd.right
def my_mmd(source, target, width):
    total = 0
    for a, b, sign in ((source, source, 1), (target, target, 1), (source, target, -2)):
        squares = 0
        for one, two in zip(a.T, b.T, strict=True):
            squares = squares + (one[:, None] - two) ** 2
        total = total + sign * torch.exp(-squares / width).mean()
    return total


def _kernels(a, b, width, root=False, factor=1.0, others_only=False):
    """The mean kernel over pairs, in plain Python."""
    found = []
    for i, one in enumerate(a.tolist()):
        for j, two in enumerate(b.tolist()):
            if others_only and i == j:
                continue
            square = sum((x - y) ** 2 for x, y in zip(one, two, strict=True))
            found.append(math.exp(-(math.sqrt(square) if root else square) / (factor * width)))
    return sum(found) / len(found)


def _mmd(source, target, width, between=2.0, others_only=False, **settings) -> float:
    within = [_kernels(x, x, width, others_only=others_only, **settings) for x in (source, target)]
    return sum(within) - between * _kernels(source, target, width, **settings)


@mmd.check
def a_set_and_itself_do_not_differ(answer):
    source, _ = _two_sides()
    found = answer(source, source.clone(), 3.0)
    if found.shape != ():
        return f"The result should be a scalar; yours has the shape {tuple(found.shape)}."
    if abs(found.item()) > 1e-9:
        return (
            f"Between a set and itself it should be 0; yours is {found.item():.3f}. Within, within "
            "and twice between have to cancel."
        )


@mmd.check
def value_is_that_of_all_pairs(answer):
    source, target = _two_sides(shift=0.7)
    found, wanted = answer(source, target, 3.0).item(), _mmd(source, target, 3.0)
    if math.isclose(found, wanted, rel_tol=1e-9):
        return None
    slips = {
        _mmd(source, target, 3.0, root=True): "The kernel takes the distance; it should be the "
        "squared one.",
        _mmd(source, target, 3.0, factor=2.0): "The squared distance is divided by twice the "
        "width; here it is the width itself.",
        _mmd(source, target, 3.0, factor=3.0): "The squared distance is divided by the squared "
        "width; here it is the width itself.",
        _mmd(source, target, 3.0, factor=6.0): "The squared distance is divided by twice the "
        "squared width; here it is the width itself.",
        -wanted: "The sign is turned round: what is within counts plus.",
        math.sqrt(wanted): "That is the root; asked for is the squared discrepancy.",
        wanted / 2: "That is half of it.",
    }
    for slip, message in slips.items():
        if math.isclose(found, slip, rel_tol=1e-9):
            return message
    return "It is another number: compare the kernel, and how its three means are put together."


@mmd.wrong(a_set_and_itself_do_not_differ, "should be a scalar")
def my_mmd(source, target, width):
    distances = (source[:, None] - target[None]).square().sum(dim=-1)
    return torch.exp(-distances / width)


@mmd.wrong(a_set_and_itself_do_not_differ, "have to cancel")
def my_mmd(source, target, width):
    def kernel(a, b):
        return torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / width).mean()

    return kernel(source, source) + kernel(target, target) - kernel(source, target)


@mmd.wrong(a_set_and_itself_do_not_differ, "have to cancel")
def my_mmd(source, target, width):
    def kernel(a, b, apart=False):
        found = torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / width)
        return (found.sum() - len(a)) / (len(a) * (len(a) - 1)) if apart else found.mean()

    within = kernel(source, source, True) + kernel(target, target, True)
    return within - 2 * kernel(source, target)


@mmd.wrong(value_is_that_of_all_pairs, "it should be the squared one")
def my_mmd(source, target, width):
    def kernel(a, b):
        square = (a[:, None] - b[None]).square().sum(dim=-1)
        return torch.exp(-square.sqrt() / width).mean()

    return kernel(source, source) + kernel(target, target) - 2 * kernel(source, target)


@mmd.wrong(value_is_that_of_all_pairs, "divided by twice the width")
def my_mmd(source, target, width):
    def kernel(a, b):
        return torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / (2 * width)).mean()

    return kernel(source, source) + kernel(target, target) - 2 * kernel(source, target)


@mmd.wrong(value_is_that_of_all_pairs, "by the squared width")
def my_mmd(source, target, width):
    def kernel(a, b):
        return torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / width**2).mean()

    return kernel(source, source) + kernel(target, target) - 2 * kernel(source, target)


@mmd.wrong(value_is_that_of_all_pairs, "turned round")
def my_mmd(source, target, width):
    def kernel(a, b):
        return torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / width).mean()

    return 2 * kernel(source, target) - kernel(source, source) - kernel(target, target)


@mmd.wrong(value_is_that_of_all_pairs, "That is the root")
def my_mmd(source, target, width):
    def kernel(a, b):
        return torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / width).mean()

    found = kernel(source, source) + kernel(target, target) - 2 * kernel(source, target)
    return found.clamp(min=0).sqrt()


@mmd.wrong(value_is_that_of_all_pairs, "half of it")
def my_mmd(source, target, width):
    def kernel(a, b):
        return torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / width).mean()

    return (kernel(source, source) + kernel(target, target)) / 2 - kernel(source, target)


@mmd.wrong(value_is_that_of_all_pairs, "how its three means are put together")
def my_mmd(source, target, width):
    return (source.mean(dim=0) - target.mean(dim=0)).square().sum()


def _mmd_at_once(source, target, width):
    """The oracle: one matrix of kernels, and signs on both sides."""
    both = torch.cat([source, target])
    signs = torch.cat(
        [
            torch.full((len(source),), 1 / len(source), dtype=both.dtype),
            torch.full((len(target),), -1 / len(target), dtype=both.dtype),
        ]
    )
    squares = (both[:, None] - both).pow(2).sum(dim=2)
    return torch.einsum("i,ij,j->", signs, torch.exp(-squares / width), signs)


@mmd.inputs(oracle=_mmd_at_once)
def mmd_calls(draw):
    num_source, num_target, d = draw.sizes(source_texts=300, target_texts=300, features=65)
    scale = draw.scale(1, 100)
    source = draw.floats(num_source, d, scale=scale)
    return source, draw.floats(num_target, d, scale=scale, offset=2 * scale), 2.0 * d * scale**2


@mmd.wrong(mmd_calls, "`discrepancy` should be")
def my_mmd(source, target, width):
    def kernel(a, b):
        return torch.exp(-(a[:, None] - b[None]).square().sum(dim=-1) / width).mean()

    source, target = source[:64], target[:64]
    return kernel(source, source) + kernel(target, target) - 2 * kernel(source, target)


# --- importance --------------------------------------------------------------------------------

weights = CodeExercise(
    returns=("weights",),
    task="""
    A classifier has learnt to tell `num_source` source texts from `num_target` target texts, each
    counting once. Of each source text it says the log of the odds that the text is from the target,
    log p(target | x) / p(source | x): `scores` `(N,)`. Write `my_weights(scores, num_source,
    num_target)`: by Bayes the ratio p(x | target) / p(x | source) of each text, `(N,)`.
    """,
    hints=(
        "p(target | x) = p(x | target) p(target) / p(x), and the same for the source. Divide the "
        "two: p(x) goes.",
        "What is left is the odds, `scores.exp()`, and the ratio of the priors. Which way round?",
        "Where there are three times as many target texts, the odds are three times too high.",
    ),
    because="The odds mix two things: how much more often such a text is written in the target, "
    "and how many target texts there were to learn from. The second has to be taken out.",
)


@weights.stub
def my_weights(scores, num_source, num_target):
    """The ratio of the two densities at each source text: (N,)."""
    raise NotImplementedError


@weights.reference
def my_weights(scores, num_source, num_target):
    return scores.exp() * num_source / num_target


@weights.right
def my_weights(scores, num_source, num_target):
    prior = math.log(num_source) - math.log(num_target)
    return torch.exp(scores + prior)


@weights.right
def my_weights(scores, num_source, num_target):
    share = num_target / (num_source + num_target)
    return torch.exp(scores) * (1 - share) / share


@weights.right
def my_weights(scores, num_source, num_target):
    return (num_source / num_target) / torch.exp(-scores)


@weights.check
def even_numbers_give_the_odds(answer):
    odds = torch.tensor([1.0, 3.0, 0.25], dtype=torch.float64)
    found = answer(odds.log(), 100, 100)
    if found.shape != (3,):
        return f"Three texts should get a weight each, (3,); yours is {tuple(found.shape)}."
    if torch.allclose(found, odds):
        return None
    slips = (
        (odds.log(), "The scores are logs of odds; `exp` makes odds of them."),
        (
            odds / (1 + odds),
            "The weights are probabilities; it should be odds, p / (1 - p), which is `exp` of "
            "the scores.",
        ),
        (
            1 / odds,
            "The odds are upside down: a text that looks like the target should count for more.",
        ),
        (odds / odds.mean(), "The weights are made to have a mean of 1; here that is not asked."),
        (odds / odds.sum(), "The weights are made to sum to 1; here that is not asked."),
    )
    for slip, message in slips:
        if torch.allclose(found, slip):
            return message
    return "With as many texts on both sides, the weights are the odds: 1, 3 and 0.25 here."


@weights.check
def other_numbers_of_texts_are_taken_out(answer):
    odds = torch.tensor([3.0, 9.0], dtype=torch.float64)
    found = answer(odds.log(), 100, 300)
    if torch.allclose(found, odds / 3):
        return None
    slips = (
        (
            odds,
            "A classifier that saw three target texts for each source text gives odds of 3 to a "
            "text that is as common in both. Its weight should be 1: take the numbers of texts "
            "out.",
        ),
        (3 * odds, "The ratio is upside down: with more target texts the odds are too high."),
        (odds / 4, "That divides by the sum of both numbers; it should be the ratio of the two."),
    )
    for slip, message in slips:
        if torch.allclose(found, slip):
            return message
    return "With 100 source and 300 target texts, odds of 3 should get the weight 1."


@weights.wrong(even_numbers_give_the_odds, "a weight each")
def my_weights(scores, num_source, num_target):
    return scores.exp().mean()


@weights.wrong(even_numbers_give_the_odds, "are logs of odds")
def my_weights(scores, num_source, num_target):
    return scores * num_source / num_target


@weights.wrong(even_numbers_give_the_odds, "are probabilities")
def my_weights(scores, num_source, num_target):
    return scores.sigmoid() * num_source / num_target


@weights.wrong(even_numbers_give_the_odds, "upside down")
def my_weights(scores, num_source, num_target):
    return torch.exp(-scores) * num_source / num_target


@weights.wrong(even_numbers_give_the_odds, "a mean of 1")
def my_weights(scores, num_source, num_target):
    return scores.exp() / scores.exp().mean()


@weights.wrong(even_numbers_give_the_odds, "sum to 1")
def my_weights(scores, num_source, num_target):
    return scores.softmax(dim=0)


@weights.wrong(even_numbers_give_the_odds, "the weights are the odds")
def my_weights(scores, num_source, num_target):
    return scores.exp() ** 2 * num_source / num_target


@weights.wrong(other_numbers_of_texts_are_taken_out, "take the numbers of texts out")
def my_weights(scores, num_source, num_target):
    return scores.exp()


@weights.wrong(other_numbers_of_texts_are_taken_out, "ratio is upside down")
def my_weights(scores, num_source, num_target):
    return scores.exp() * num_target / num_source


@weights.wrong(other_numbers_of_texts_are_taken_out, "the sum of both numbers")
def my_weights(scores, num_source, num_target):
    share = num_source / (num_source + num_target)
    return scores.exp() * (share if num_source != num_target else 1)


@weights.wrong(other_numbers_of_texts_are_taken_out, "should get the weight 1")
def my_weights(scores, num_source, num_target):
    return scores.exp() * (num_source / num_target) ** 2


@weights.inputs(
    oracle=lambda scores, num_source, num_target: (
        torch.pow(torch.full_like(scores, math.e), scores) / (num_target / num_source)
    )
)
def weights_calls(draw):
    (count,) = draw.sizes(texts=300)
    scores = draw.floats(count, scale=draw.scale(1, 10))
    return scores, draw.one_of(100, 700), draw.one_of(150, 250)


@weights.wrong(weights_calls, "`weights` at [")
def my_weights(scores, num_source, num_target):
    odds = scores.exp()
    return torch.cat([odds[:64] * num_source / num_target, odds[64:]])


# --- self-training -----------------------------------------------------------------------------

own_labels = CodeExercise(
    returns=("places", "labels"),
    task="""
    A model with dropout left on has rated N texts K times: `draws` `(K, N)`. Write
    `my_own_labels(draws, count)`: the places of the `count` texts on which it differs least with
    itself, by the standard deviation over the draws, in rising order; and for each of them the
    mean of what was said, its own label. Return `places` and `labels`, `(count,)` each.
    """,
    hints=(
        "`draws.std(dim=0)` is one number for each text.",
        "`.argsort()[:count]` has the places of the smallest; `.sort().values` puts places in "
        "order.",
        "The labels are `draws.mean(dim=0)[places]`.",
    ),
    because="A class comes with a probability, a rating does not. That a model is steady does not "
    "make it right: it may be steadily wrong, and then it learns its own mistake.",
)


@own_labels.stub
def my_own_labels(draws, count):
    """The steadiest texts' places, in rising order, and the mean rating of each."""
    raise NotImplementedError


@own_labels.reference
def my_own_labels(draws, count):
    order = draws.std(dim=0).argsort()
    places = order[:count].sort().values
    return places, draws.mean(dim=0)[places]


@own_labels.right
def my_own_labels(draws, count):
    places = torch.topk(draws.var(dim=0), count, largest=False).indices
    places = torch.sort(places)[0]
    return places, draws[:, places].mean(dim=0)


@own_labels.right
def my_own_labels(draws, count):
    spread = (draws - draws.mean(dim=0)).square().sum(dim=0)
    is_sure = spread.argsort().argsort() < count
    return is_sure.nonzero().flatten(), draws.mean(dim=0)[is_sure]


@own_labels.right
def my_own_labels(draws, count):
    spreads = draws.detach().double().std(dim=0).tolist()
    order = sorted(range(len(spreads)), key=spreads.__getitem__)
    places = torch.tensor(sorted(order[:count]))
    return places, draws.sum(dim=0).index_select(0, places) / len(draws)


def _spread_draws():
    """Six texts, of which 1, 4 and 2 vary least; their means are not in that order."""
    rng = torch.Generator().manual_seed(47)
    noise = torch.randn(5, 6, generator=rng, dtype=torch.float64)
    noise = (noise - noise.mean(dim=0)) / noise.std(dim=0)
    spread = torch.tensor([3.0, 0.1, 0.8, 2.0, 0.4, 5.0], dtype=torch.float64)
    return noise * spread + torch.tensor([0.0, 4.0, -1.0, 2.0, 3.0, -3.0], dtype=torch.float64)


@own_labels.check
def the_steadiest_are_taken(answer):
    draws = _spread_draws()
    found, labels = answer(draws, 3)
    for name, part in (("places", found), ("labels", labels)):
        if part.shape != (3,):
            return f"`{name}` of three texts should be (3,); yours is {tuple(part.shape)}."
    means = draws.mean(dim=0)
    slips = {
        (0, 3, 5): "Those are the texts on which the draws differ most.",
        tuple(sorted(means.argsort()[-3:].tolist())): "Those are the highest ratings. How sure "
        "the model is shows in the spread over the draws.",
        tuple(sorted(means.argsort()[:3].tolist())): "Those are the lowest ratings. How sure the "
        "model is shows in the spread over the draws.",
        (0.1, 0.4, 0.8): "Those are spreads; asked for are the places of their texts.",
    }
    rounded = tuple(sorted(round(place, 1) for place in found.tolist()))
    if rounded != (1, 2, 4):
        return slips.get(rounded, "Those are not the three texts with the smallest spread.")


@own_labels.check
def places_rise(answer):
    found = answer(_spread_draws(), 3)[0].tolist()
    if found != sorted(found):
        return "The right texts, in the order of their spread; asked for is the order of places."


@own_labels.check
def a_label_is_the_mean_of_what_was_said(answer):
    draws = _spread_draws()
    labels = answer(draws, 3)[1]
    means = [sum(row[place] for row in draws.tolist()) / 5 for place in (1, 2, 4)]
    wanted = torch.tensor(means, dtype=torch.float64)
    if torch.allclose(labels, wanted):
        return None
    slips = (
        (draws[0, [1, 2, 4]], "The labels are those of the first draw; take the mean of all."),
        (wanted[[0, 2, 1]], "The labels stand in another order than their places."),
        (draws.std(dim=0)[[1, 2, 4]], "Those are the spreads; a label is a mean."),
        (draws.mean(dim=0)[:3], "Those are the first texts' means; take those at the places."),
    )
    for slip, message in slips:
        if torch.allclose(labels, slip):
            return message
    return "A label should be the mean, over the draws, of what was said of that text."


@own_labels.wrong(the_steadiest_are_taken, "should be (3,)")
def my_own_labels(draws, count):
    return draws.std(dim=0) < draws.std(dim=0).median(), draws.mean(dim=0)


@own_labels.wrong(the_steadiest_are_taken, "differ most")
def my_own_labels(draws, count):
    places = draws.std(dim=0).argsort(descending=True)[:count].sort().values
    return places, draws.mean(dim=0)[places]


@own_labels.wrong(the_steadiest_are_taken, "the highest ratings")
def my_own_labels(draws, count):
    places = draws.mean(dim=0).topk(count).indices.sort().values
    return places, draws.mean(dim=0)[places]


@own_labels.wrong(the_steadiest_are_taken, "the lowest ratings")
def my_own_labels(draws, count):
    places = draws.mean(dim=0).argsort()[:count].sort().values
    return places, draws.mean(dim=0)[places]


@own_labels.wrong(the_steadiest_are_taken, "Those are spreads")
def my_own_labels(draws, count):
    return draws.std(dim=0).sort().values[:count], draws.mean(dim=0)[:count]


@own_labels.wrong(the_steadiest_are_taken, "not the three texts")
def my_own_labels(draws, count):
    return torch.arange(count), draws.mean(dim=0)[:count]


@own_labels.wrong(places_rise, "in the order of their spread")
def my_own_labels(draws, count):
    places = draws.std(dim=0).argsort()[:count]
    return places, draws.mean(dim=0)[places]


@own_labels.wrong(a_label_is_the_mean_of_what_was_said, "the first draw")
def my_own_labels(draws, count):
    places = draws.std(dim=0).argsort()[:count].sort().values
    return places, draws[0, places]


@own_labels.wrong(a_label_is_the_mean_of_what_was_said, "another order than their places")
def my_own_labels(draws, count):
    order = draws.std(dim=0).argsort()[:count]
    return order.sort().values, draws.mean(dim=0)[order]


@own_labels.wrong(a_label_is_the_mean_of_what_was_said, "a label is a mean")
def my_own_labels(draws, count):
    places = draws.std(dim=0).argsort()[:count].sort().values
    return places, draws.std(dim=0)[places]


@own_labels.wrong(a_label_is_the_mean_of_what_was_said, "the first texts' means")
def my_own_labels(draws, count):
    places = draws.std(dim=0).argsort()[:count].sort().values
    return places, draws.mean(dim=0)[:count]


@own_labels.wrong(a_label_is_the_mean_of_what_was_said, "should be the mean")
def my_own_labels(draws, count):
    places = draws.std(dim=0).argsort()[:count].sort().values
    return places, draws.median(dim=0).values[places]


def _chosen(draws, count):
    """The oracle: spreads in float64, sorted as a list."""
    spreads = torch.var(draws.detach().double(), dim=0, correction=0).tolist()
    places = sorted(sorted(range(len(spreads)), key=spreads.__getitem__)[:count])
    return torch.tensor(places), torch.einsum("kn->n", draws)[places] / draws.size(0)


@own_labels.inputs(oracle=_chosen)
def own_labels_calls(draw):
    num_texts, num_draws = draw.sizes(texts=300, draws=(3, 17))
    scale = draw.scale(1, 100)
    noise = draw.floats(num_draws, num_texts).detach().double()
    noise = (noise - noise.mean(dim=0)) / noise.std(dim=0)
    spreads = 1 + 0.2 * torch.randperm(num_texts, generator=torch.Generator().manual_seed(1))
    means = 3 * torch.randn(num_texts, generator=torch.Generator().manual_seed(2))
    draws = (scale * (noise * spreads + means)).to(draw.dtype)
    return draws.requires_grad_(draw.wants_gradient), draw.whole(1, num_texts)


@own_labels.wrong(own_labels_calls, "`places`")
def my_own_labels(draws, count):
    order = draws[:, :128].std(dim=0).argsort()
    order = torch.cat([order, torch.arange(len(order), draws.size(1))])
    places = order[:count].sort().values
    return places, draws.mean(dim=0)[places]


# --- a lexicon ---------------------------------------------------------------------------------

blend = CodeExercise(
    returns=("blended",),
    task="""
    Write `my_blend(said, scores)`. Of N texts in each of D domains, `said` `(D, S, N)` is what S
    seeds of a model say, and `scores` `(D, N)` are a lexicon's. Take the mean over the seeds. Then,
    in each domain for itself, standardise the scores (mean 0, standard deviation 1 over its N
    texts, the variance divided by N), and put them on the scale of the model: times the standard
    deviation of its mean rating. Add both up, and return `(D, N)`. The order of the texts is that
    of z(model) + z(lexicon), and the numbers are ratings.
    """,
    hints=(
        "First the mean over the seeds, `said.mean(dim=1)`, and then its standard deviation.",
        "`x.std(dim=1, correction=0, keepdim=True)` divides by N, and keeps an axis to divide by.",
    ),
    because="Without a common scale, whoever has the wider one wins: ratings go from -4 to 4, "
    "VADER's scores from -1 to 1. The mean over the seeds comes first, for what they disagree on "
    "is noise, and noise widens a scale, too.",
)


@blend.stub
def my_blend(said, scores):
    """The seeds' mean, and the lexicon on its scale, added up: (D, N)."""
    raise NotImplementedError


@blend.reference
def my_blend(said, scores):
    mean = said.mean(dim=1)
    z = (scores - scores.mean(dim=1, keepdim=True)) / scores.std(dim=1, correction=0, keepdim=True)
    return mean + mean.std(dim=1, correction=0, keepdim=True) * z


@blend.right
def my_blend(said, scores):
    mean = said.sum(dim=1) / said.size(1)
    centred = scores - scores.mean(dim=1)[:, None]
    ratio = mean.var(dim=1, correction=0) / centred.square().mean(dim=1)
    return mean + centred * ratio.sqrt()[:, None]


@blend.right
def my_blend(said, scores):
    rows = []
    for one, lexicon in zip(said, scores, strict=True):
        mean = one.mean(dim=0)
        spread = torch.std(mean, correction=0)
        rows.append(mean + spread * (lexicon - lexicon.mean()) / torch.std(lexicon, correction=0))
    return torch.stack(rows)


@blend.right
def my_blend(said, scores):
    mean = torch.einsum("dsn->dn", said) / said.shape[1]
    spread, center = torch.std_mean(mean, dim=1, correction=0, keepdim=True)
    z_model = (mean - center) / spread
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    return center + spread * (z_model + (scores - middle) / wide)


def _said_and_scores():
    rng = torch.Generator().manual_seed(53)
    texts = torch.randn(2, 7, generator=rng, dtype=torch.float64)
    texts = texts * torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    said = 3 * texts[:, None] + 2 * torch.randn(2, 4, 7, generator=rng, dtype=torch.float64) + 1
    return said, texts / 4 + 0.1 * torch.randn(2, 7, generator=rng, dtype=torch.float64)


def _moments(numbers, less=0):
    mean = sum(numbers) / len(numbers)
    return mean, math.sqrt(sum((x - mean) ** 2 for x in numbers) / (len(numbers) - less))


def _by_numbers(said, scores, less_model=0, less_lexicon=0, scaled=True, centred=True):
    """Domain by domain, number by number."""
    rows = []
    for one, lexicon in zip(said.tolist(), scores.tolist(), strict=True):
        means = [sum(column) / len(column) for column in zip(*one, strict=True)]
        _, spread = _moments(means, less_model)
        middle, wide = _moments(lexicon, less_lexicon)
        factor, middle = (spread if scaled else 1.0), (middle if centred else 0.0)
        rows.append([m + factor * (x - middle) / wide for m, x in zip(means, lexicon, strict=True)])
    return torch.tensor(rows, dtype=torch.float64)


@blend.check
def one_number_for_each_text(answer):
    found = answer(*_said_and_scores())
    if found.shape != (2, 7):
        return (
            f"Two domains, four seeds and seven texts should give (2, 7); yours is "
            f"{tuple(found.shape)}."
        )


@blend.check
def lexicon_comes_in_on_the_models_scale(answer):
    said, scores = _said_and_scores()
    found, mean = answer(said, scores), said.mean(dim=1)
    if torch.allclose(found, _by_numbers(said, scores)):
        return None
    spread = mean.std(dim=1, correction=0, keepdim=True)
    all_z = (scores - scores.mean()) / scores.std(correction=0)
    z = (_by_numbers(said, scores) - mean) / spread
    noisy = said.std(dim=2, correction=0).mean(dim=1)[:, None]
    slips = (
        (mean + scores, "Nothing is standardised: the model's wider scale drowns the lexicon."),
        (
            mean + all_z * spread,
            "Scores are standardised over all domains together; each has a "
            "mean and a spread of its own.",
        ),
        (
            mean + all_z * mean.std(correction=0),
            "Mean and spread are taken over all domains together; each has its own.",
        ),
        (
            _by_numbers(said, scores, scaled=False),
            "The scores are standardised, and not yet put "
            "on the model's scale: times the spread of its mean rating.",
        ),
        (_by_numbers(said, scores, centred=False), "The mean of the scores is not subtracted."),
        (
            _by_numbers(said, scores, 1, 0),
            "The model's variance is divided by N - 1; asked for is N (`correction=0`).",
        ),
        (
            _by_numbers(said, scores, 0, 1),
            "The scores' variance is divided by N - 1; asked for is N (`correction=0`).",
        ),
        (
            mean + noisy * z,
            "The spread is that of single seeds, noise and all; take that of their mean.",
        ),
        ((mean + spread * z) / 2, "That is half of it: asked for is the sum."),
        (mean, "The lexicon plays no part."),
        (
            said[:, 0] + said[:, 0].std(dim=1, correction=0, keepdim=True) * z,
            "Only the first seed is looked at.",
        ),
    )
    for slip, message in slips:
        if torch.allclose(found, slip):
            return message
    return "It is not the seeds' mean plus the standardised scores times that mean's spread."


@blend.wrong(one_number_for_each_text, "should give (2, 7)")
def my_blend(said, scores):
    return said + scores[:, None]


@blend.wrong(lexicon_comes_in_on_the_models_scale, "Nothing is standardised")
def my_blend(said, scores):
    return said.mean(dim=1) + scores


@blend.wrong(lexicon_comes_in_on_the_models_scale, "Scores are standardised over all domains")
def my_blend(said, scores):
    mean = said.mean(dim=1)
    z = (scores - scores.mean()) / scores.std(correction=0)
    return mean + mean.std(dim=1, correction=0, keepdim=True) * z


@blend.wrong(lexicon_comes_in_on_the_models_scale, "taken over all domains")
def my_blend(said, scores):
    mean = said.mean(dim=1)
    z = (scores - scores.mean()) / scores.std(correction=0)
    return mean + mean.std(correction=0) * z


@blend.wrong(lexicon_comes_in_on_the_models_scale, "not yet put on the model's scale")
def my_blend(said, scores):
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    return said.mean(dim=1) + (scores - middle) / wide


@blend.wrong(lexicon_comes_in_on_the_models_scale, "is not subtracted")
def my_blend(said, scores):
    mean = said.mean(dim=1)
    z = scores / scores.std(dim=1, correction=0, keepdim=True)
    return mean + mean.std(dim=1, correction=0, keepdim=True) * z


@blend.wrong(lexicon_comes_in_on_the_models_scale, "The model's variance is divided by N - 1")
def my_blend(said, scores):
    mean = said.mean(dim=1)
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    return mean + mean.std(dim=1, keepdim=True) * (scores - middle) / wide


@blend.wrong(lexicon_comes_in_on_the_models_scale, "The scores' variance is divided by N - 1")
def my_blend(said, scores):
    mean = said.mean(dim=1)
    wide, middle = torch.std_mean(scores, dim=1, keepdim=True)
    return mean + mean.std(dim=1, correction=0, keepdim=True) * (scores - middle) / wide


@blend.wrong(lexicon_comes_in_on_the_models_scale, "noise and all")
def my_blend(said, scores):
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    spread = said.std(dim=2, correction=0).mean(dim=1, keepdim=True)
    return said.mean(dim=1) + spread * (scores - middle) / wide


@blend.wrong(lexicon_comes_in_on_the_models_scale, "asked for is the sum")
def my_blend(said, scores):
    mean = said.mean(dim=1)
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    spread = mean.std(dim=1, correction=0, keepdim=True)
    return (mean + spread * (scores - middle) / wide) / 2


@blend.wrong(lexicon_comes_in_on_the_models_scale, "plays no part")
def my_blend(said, scores):
    return said.mean(dim=1)


@blend.wrong(lexicon_comes_in_on_the_models_scale, "Only the first seed")
def my_blend(said, scores):
    first = said[:, 0]
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    return first + first.std(dim=1, correction=0, keepdim=True) * (scores - middle) / wide


@blend.wrong(lexicon_comes_in_on_the_models_scale, "It is not the seeds' mean plus")
def my_blend(said, scores):
    mean = said.mean(dim=1)
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    return mean - mean.std(dim=1, correction=0, keepdim=True) * (scores - middle) / wide


def _blended(said, scores):
    """The oracle: layer norm over the texts standardises in one call."""
    mean = said.mean(dim=1)
    z = torch.nn.functional.layer_norm(scores, scores.shape[1:], eps=0.0)
    return mean + z * torch.linalg.vector_norm(
        mean - mean.mean(dim=1, keepdim=True), dim=1, keepdim=True
    ) / math.sqrt(mean.size(1))


@blend.inputs(oracle=_blended)
def blend_calls(draw):
    num_domains, num_seeds, num_texts = draw.sizes(domains=17, seeds=17, texts=(3, 300))
    scale = draw.scale(1, 100)
    said = draw.floats(num_domains, num_seeds, num_texts, scale=scale)
    return said, draw.floats(num_domains, num_texts)


@blend.wrong(blend_calls, "`blended` at [")
def my_blend(said, scores):
    mean = said[:, :8].mean(dim=1)
    wide, middle = torch.std_mean(scores, dim=1, correction=0, keepdim=True)
    return mean + mean.std(dim=1, correction=0, keepdim=True) * (scores - middle) / wide


# --- predictions and claims --------------------------------------------------------------------


def _least_errors(source=0.5, target=0.9) -> float:
    """A head on features that do not tell the domains apart says "good" equally often in both."""
    return abs(source - target)


least_errors = Number(
    kind="Derive",
    answer_name="least_errors_answer",
    form="a share, such as 0.25",
    task="""
    Gradient reversal has done all it can: source and target have exactly the same features. 50% of
    the source texts are good, and 90% of the target texts. A head says "good" or "bad" from these
    features. Its share of errors on the source, plus its share of errors on the target: how small
    can the sum be?
    """,
    truth=_least_errors,
    factor=1.0001,
    traps=(
        (
            0.0,
            "Then it would have to say good of 50% here and of 90% there, from the same features.",
        ),
        (0.2, "That is what each has to bear if they share it evenly; asked for is the sum."),
        (0.5, "Fewer are possible: choose how often the head says good."),
        (0.1, "That is the target's share of bad texts. Which errors does the source have then?"),
        (
            0.8,
            "That is twice the gap: each domain errs at least by how far its own share lies from "
            "what the head says.",
        ),
    ),
    hints=(
        "The head says good of the same share q of the texts in both domains.",
        "On a domain with a share p of good texts it errs at least on |p - q| of them.",
    ),
    because="|0.5 - q| + |0.9 - q| is at least 0.4, whatever q. Zhao et al. 2019 prove the general "
    "bound: where the priors differ, features that are perfectly alike must cost errors.",
)

who_is_first = Ordering(
    kind="Predict",
    answer_name="who_is_first_answer",
    task="""
    No tweet is rated. The study of the chapter on fine-tuning has trained five seeds of a model
    with everything open on 1,500 rated texts of the three other domains. Put these in order by the
    r that they reach on tweets, the lowest first.
    """,
    items={
        "a": "one seed of that model (the mean r of five)",
        "b": "VADER, a lexicon",
        "c": "the mean of the five seeds' ratings",
        "d": "ridge regression on frozen features, from the same texts",
        "e": "z(mean of the five seeds) + z(VADER)",
    },
    right="dacbe",
    rule="They lie .02 apart at least. VADER was made for tweets.",
    hints=(
        "Averaging seeds takes noise away. How much noise can there be?",
        "Two sources that err on different texts are better together than the better one alone.",
    ),
    because="r of .70, .78, .80, .86 and .89. The last was computed after the fact; the study "
    "below has forecast its own.",
)

peeking_claim = Choice(
    kind="Criticise a claim",
    answer_name="peeking_claim_answer",
    task="""
    "Our method needs no target labels. We trained it with 30 settings of rate and strength, and
    report the best on 200 rated target texts kept for validation: r = .81 on the target's test
    texts. Training on the sources alone, at its authors' settings, reaches .78." What is wrong?
    Give all.
    """,
    options={
        "a": "It does need target labels: those 200 chose the settings.",
        "b": "The comparison had one setting, the method thirty.",
        "c": "The test texts should have been the validation texts.",
        "d": "With 200 rated target texts one might simply have trained on them: that comparison "
        "is missing.",
    },
    right="abd",
    reasons={
        "a": "Labels that choose are labels used. Without them nobody would know the setting.",
        "b": "The best of thirty has a head start; both sides get as many trials.",
        "c": "Texts that have chosen can not judge any more. That part was right.",
        "d": "200 labels are worth a good deal, as the chapter on fine-tuning has measured.",
    },
    hints=("Ask of every number that was chosen: by which ratings?",),
)
