"""The exercises of the chapter on distillation."""

import math

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

falls_back = Choice(
    kind="Recap",
    answer_name="falls_back_answer",
    task="""
    WordPiece has lost the piece "film" from its vocabulary; every single letter is still in it, at
    the beginning of a word and inside one. What becomes of the word "film"?
    """,
    options={
        "a": "[UNK], since it is not in the vocabulary.",
        "b": "It is left out.",
        "c": "It is put together from the longest pieces that are there.",
        "d": "It gets the vector of the nearest word.",
    },
    right="c",
    reasons={
        "a": "Only where some part of the word fits no piece. Here every letter is one.",
        "b": "Nothing is left out; a word gives one piece at least.",
        "c": "Such as `fi`, `##lm`, or letter by letter in the worst case.",
        "d": "The tokenizer knows no vectors; it compares characters.",
    },
    hints=("From the left, the longest piece that fits; then again from there.",),
)

equal_control = Choice(
    kind="Recap",
    answer_name="equal_control_answer",
    task="""
    A small network that starts from a large one's layers is compared with one of the same shape
    that starts from random weights. Which of these would make the comparison unfair? Give all.
    """,
    options={
        "a": "The random one may train its word vectors, the other may not.",
        "b": "The learning rate was searched for the first and handed to the second.",
        "c": "Both get the same number of tries, each in a range of its own.",
        "d": "Both take the same number of steps, and the random one was still falling at the end.",
    },
    right="bd",
    reasons={
        "a": "The control may have more freedom. Without it, words stay noise for ever.",
        "b": "Random weights want higher rates. The control was starved.",
        "c": "That is the rule: equal tries, and no best value at the edge of the range.",
        "d": "Then the gap is that of these steps alone, and says nothing of what it could reach.",
    },
    hints=("Ask of each: could the control have done better, had it been treated as the other?",),
)

# --- soft targets ------------------------------------------------------------------------------

soft = CodeExercise(
    returns=("loss",),
    task="""
    Write `my_soft_loss(student, teacher, temperature)`: T² times the divergence of the student's
    shares from the teacher's, in nats. Both are scores `(B, C)`, one row a text; T divides the
    scores of both before softmax. For each text it is KL(teacher || student), the sum over the
    classes of `p (log p - log q)`, `p` being the teacher's; return its mean over the texts, times
    T². Scores may be large. The teacher gets no gradient.
    """,
    hints=(
        "`log_softmax` along the last axis, of both over T; `exp` gives the teacher's shares.",
        "`(p * (log_p - log_q)).sum(dim=-1).mean()`, and then T squared.",
        "`teacher.detach()` keeps the teacher as it is.",
    ),
    because="The gradient of softened shares is T times smaller in each of two places. T² gives it "
    "back, so that the temperature does not turn the learning rate as well.",
)


@soft.stub
def my_soft_loss(student, teacher, temperature):
    """T squared times KL(teacher || student), mean over texts: a scalar."""
    raise NotImplementedError


@soft.reference
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    nats = (log_p.exp() * (log_p - log_q)).sum(dim=-1)
    return temperature**2 * nats.mean()


@soft.right
def my_soft_loss(student, teacher, temperature):
    wanted = functional.softmax(teacher.detach() / temperature, dim=1)
    said = functional.log_softmax(student / temperature, dim=1)
    return functional.kl_div(said, wanted, reduction="batchmean") * temperature**2


@soft.right
def my_soft_loss(student, teacher, temperature):
    log_p, log_q = (torch.log_softmax(x / temperature, 1) for x in (teacher.detach(), student))
    total = torch.einsum("bc,bc->", log_p.exp(), log_p - log_q)
    return temperature * temperature * total / student.size(0)


@soft.right
def my_soft_loss(student, teacher, temperature):
    losses = []
    for own, told in zip(student, teacher.detach(), strict=True):
        log_p = torch.log_softmax(told / temperature, dim=0)
        log_q = torch.log_softmax(own / temperature, dim=0)
        losses.append(torch.dot(log_p.exp(), log_p - log_q))
    return torch.stack(losses).mean().mul(temperature**2)


def _two_scores(num_texts=3, classes=4):
    rng = torch.Generator().manual_seed(37)
    return [torch.randn(num_texts, classes, generator=rng, dtype=torch.float64) for _ in range(2)]


def _shares(scores: list[float], temperature: float) -> list[float]:
    top = max(scores)
    raised = [math.exp((score - top) / temperature) for score in scores]
    return [one / math.fsum(raised) for one in raised]


def _divergence(student, teacher, temperature, turned=False) -> float:
    """Number by number, mean over texts; no T squared. `turned`: KL(student || teacher)."""
    total = 0.0
    for own, told in zip(student.tolist(), teacher.tolist(), strict=True):
        q, p = _shares(own, temperature), _shares(told, temperature)
        p, q = (q, p) if turned else (p, q)
        total += math.fsum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    return total / len(student)


@soft.check
def nothing_is_lost_where_both_say_the_same(answer):
    student, _ = _two_scores()
    found = answer(student + 2, student.clone(), 1.0)
    if found.dim():
        return f"One number should come back, the mean over the texts; yours is {found.shape}."
    if abs(found.item()) > 1e-6:
        return (
            f"Where the student's scores are the teacher's, all moved by 2, their shares are the "
            f"same and the loss should be 0; yours is {found.item():.3f}. A cross-entropy keeps "
            "the teacher's own entropy."
        )


@soft.check
def divergence_is_that_of_the_shares_of_each_text(answer):
    student, teacher = _two_scores()
    found, wanted = answer(student, teacher, 1.0).item(), _divergence(student, teacher, 1.0)
    if math.isclose(found, wanted, rel_tol=1e-6):
        return None
    slips = (
        (_divergence(student, teacher, 1.0, turned=True), "That is KL(student || teacher): the "
         "shares in front should be the teacher's."),
        (wanted / 4, "The mean went over the classes as well: sum over the classes, then take the "
         "mean over the texts."),
        (wanted * 3, "The texts are added up; it should be their mean."),
        (_divergence(student.T, teacher.T, 1.0) , "Softmax runs over the texts; it should run over "
         "the classes of each text, the last axis."),
        (_divergence(student.T, teacher.T, 1.0) * 4 / 3, "Softmax runs over the texts; it should "
         "run over the classes of each text, the last axis."),
        (-wanted, "The sign is wrong: p (log p - log q)."),
    )  # fmt: skip
    for slip, message in slips:
        if math.isclose(found, slip, rel_tol=1e-6):
            return message
    return f"With T = 1 and these scores the loss should be {wanted:.4f}; yours is {found:.4f}."


@soft.check
def temperature_softens_both_and_is_squared(answer):
    student, teacher = _two_scores()
    heat = 3.0
    found, plain = answer(student, teacher, heat).item(), _divergence(student, teacher, heat)
    if math.isclose(found, heat**2 * plain, rel_tol=1e-6):
        return None
    slips = (
        (plain, "The factor T² is missing: here the loss is 9 times too small."),
        (heat * plain, "The loss counts T; it should count T squared."),
        (heat**3 * plain, "The loss counts T³; it should count T squared."),
        (heat**2 * _divergence(student, teacher, 1 / heat), "The scores are multiplied by T; they "
         "should be divided."),
        (heat**2 * _divergence(student, heat * teacher, heat), "Only the student is softened: T "
         "divides the teacher's scores, too."),
        (heat**2 * _divergence(heat * student, teacher, heat), "Only the teacher is softened: T "
         "divides the student's scores, too."),
        (heat**2 * _divergence(student, teacher, 1.0), "The shares are not softened at all: T "
         "divides the scores."),
    )  # fmt: skip
    for slip, message in slips:
        if math.isclose(found, slip, rel_tol=1e-6):
            return message
    return f"With T = 3 the loss should be {heat**2 * plain:.4f}; yours is {found:.4f}."


@soft.check
def large_scores_give_finite_numbers(answer):
    student = torch.tensor([[900.0, 0.0, -900.0]], dtype=torch.float64)
    teacher = torch.tensor([[-900.0, 0.0, 900.0]], dtype=torch.float64)
    found = answer(student, teacher, 1.0).item()
    if not math.isclose(found, 1800.0, rel_tol=1e-6):
        return (
            f"With scores of 900 the loss should be 1800; yours is {found}. The logarithm of a "
            "share that rounds to 0 is minus infinity: take `log_softmax` in one go."
        )


@soft.check
def student_learns_and_the_teacher_does_not(answer):
    student, teacher = (tensor.requires_grad_() for tensor in _two_scores())
    loss = answer(student, teacher, 2.0)
    if not loss.requires_grad:
        return "No gradient reaches the student."
    found = torch.autograd.grad(loss, (student, teacher), allow_unused=True)
    if found[1] is not None and found[1].any():
        return "The teacher gets a gradient, and would move towards its student: detach it."
    wanted = 2.0 * ((student / 2).softmax(-1) - (teacher / 2).softmax(-1)) / len(student)
    if found[0] is None or not torch.allclose(found[0], wanted):
        return "The gradient for the student is not T (q - p) / B: is a part of it detached?"


@soft.wrong(nothing_is_lost_where_both_say_the_same, "One number should come back")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1)


@soft.wrong(nothing_is_lost_where_both_say_the_same, "keeps the teacher's own entropy")
def my_soft_loss(student, teacher, temperature):
    wanted = (teacher.detach() / temperature).softmax(dim=-1)
    return temperature**2 * functional.cross_entropy(student / temperature, wanted)


@soft.wrong(divergence_is_that_of_the_shares_of_each_text, "KL(student || teacher)")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature**2 * (log_q.exp() * (log_q - log_p)).sum(dim=-1).mean()


@soft.wrong(divergence_is_that_of_the_shares_of_each_text, "went over the classes as well")
def my_soft_loss(student, teacher, temperature):
    wanted = functional.softmax(teacher.detach() / temperature, dim=1)
    said = functional.log_softmax(student / temperature, dim=1)
    return functional.kl_div(said, wanted, reduction="none").mean() * temperature**2


@soft.wrong(divergence_is_that_of_the_shares_of_each_text, "The texts are added up")
def my_soft_loss(student, teacher, temperature):
    wanted = functional.softmax(teacher.detach() / temperature, dim=1)
    said = functional.log_softmax(student / temperature, dim=1)
    return functional.kl_div(said, wanted, reduction="sum") * temperature**2


@soft.wrong(divergence_is_that_of_the_shares_of_each_text, "Softmax runs over the texts")
def my_soft_loss(student, teacher, temperature):
    wanted = functional.softmax(teacher.detach() / temperature, dim=0)
    said = functional.log_softmax(student / temperature, dim=0)
    return functional.kl_div(said, wanted, reduction="batchmean") * temperature**2


@soft.wrong(divergence_is_that_of_the_shares_of_each_text, "Softmax runs over the texts")
def my_soft_loss(student, teacher, temperature):
    wanted = functional.softmax(teacher.detach().T / temperature, dim=1)
    said = functional.log_softmax(student.T / temperature, dim=1)
    return functional.kl_div(said, wanted, reduction="batchmean") * temperature**2


@soft.wrong(divergence_is_that_of_the_shares_of_each_text, "The sign is wrong")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_q - log_p)).sum(dim=-1).mean()


@soft.wrong(divergence_is_that_of_the_shares_of_each_text, "the loss should be")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature**2 * (log_p - log_q).square().sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "The factor T² is missing")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "counts T; it should")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "counts T³")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature**3 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "they should be divided")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() * temperature).log_softmax(dim=-1)
    log_q = (student * temperature).log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "Only the student is softened")
def my_soft_loss(student, teacher, temperature):
    log_p = teacher.detach().log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "Only the teacher is softened")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = student.log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "not softened at all")
def my_soft_loss(student, teacher, temperature):
    log_p, log_q = teacher.detach().log_softmax(dim=-1), student.log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(temperature_softens_both_and_is_squared, "With T = 3 the loss should be")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return (2 * temperature - 1) * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(large_scores_give_finite_numbers, "`log_softmax` in one go")
def my_soft_loss(student, teacher, temperature):
    p = (teacher.detach() / temperature).softmax(dim=-1)
    q = (student / temperature).softmax(dim=-1)
    return temperature**2 * (p * (p.log() - q.log())).sum(dim=-1).mean()


@soft.wrong(student_learns_and_the_teacher_does_not, "No gradient reaches the student")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    log_q = (student.detach() / temperature).log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(student_learns_and_the_teacher_does_not, "would move towards its student")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher / temperature).log_softmax(dim=-1)
    log_q = (student / temperature).log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


@soft.wrong(student_learns_and_the_teacher_does_not, "is not T (q - p) / B")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature).log_softmax(dim=-1)
    scores = student / temperature
    log_q = scores - scores.logsumexp(dim=-1, keepdim=True).detach()
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


def _soft_by_torch(student, teacher, temperature):
    """The oracle: torch's cross-entropies, the student's minus the teacher's own."""
    told = teacher.detach() / temperature
    wanted = told.softmax(dim=-1)
    own = functional.cross_entropy(student / temperature, wanted)
    return temperature**2 * (own - functional.cross_entropy(told, wanted))


@soft.inputs(oracle=_soft_by_torch)
def soft_calls(draw):
    num_texts, classes = draw.sizes(texts=300, classes=300)
    scale = draw.scale(1, 30)
    student = draw.floats(num_texts, classes, scale=scale)
    return student, draw.floats(num_texts, classes, scale=scale), draw.one_of(0.5, 1.0, 2.0, 5.0)


@soft.wrong(soft_calls, "`loss` should be")
def my_soft_loss(student, teacher, temperature):
    log_p = (teacher.detach() / temperature)[:, :50].log_softmax(dim=-1)
    log_q = (student / temperature)[:, :50].log_softmax(dim=-1)
    return temperature**2 * (log_p.exp() * (log_p - log_q)).sum(dim=-1).mean()


smaller_gradient = Number(
    kind="Derive",
    answer_name="smaller_gradient_answer",
    form="how many times smaller",
    task="""
    Scores are a few units apart, and T is raised from 20 to 80. Without the factor T², about how
    many times smaller does the gradient of KL for the student's scores become? Within a tenth.
    """,
    truth=lambda: (80 / 20) ** 2,
    factor=1.1,
    traps=(
        (
            4.0,
            "One factor of T comes from the division of the scores. The shares themselves come "
            "nearer to each other, too.",
        ),
        (1.0, "That is so with the factor T². Here it is left out."),
        (64.0, "T stands in two places, not in three."),
        (1 / 16, "Turn it round: the gradient becomes smaller."),
    ),
    hints=(
        "The gradient for a score is (q - p) / T.",
        "For large T, q - p is nearly (student - teacher) / (C T), both centred.",
    ),
    because="One T from the chain rule and one from the shares, which all come near to 1 / C.",
)

# --- which layers ------------------------------------------------------------------------------

places = CodeExercise(
    returns=("places",),
    task="""
    Write `my_places(num_teacher, num_student)`: which of the teacher's layers, counted from 0, the
    student starts from, as a tensor of whole numbers `(num_student,)`, rising. They are evenly
    spaced, and the teacher's last layer is the last: 6 layers and 2 give `[2, 5]`, 12 and 4 give
    `[2, 5, 8, 11]`.
    Where the student's number does not divide the teacher's, layer m of M (counted from 1) stands
    for the teacher's layer m N / M, rounded down: 5 and 2 give `[1, 4]`.
    """,
    hints=(
        "Count from 1 first: m N / M for m = 1, 2, ..., M. Then take away 1.",
        "`torch.arange(1, M + 1) * N // M - 1`: multiply first, divide afterwards.",
    ),
    because="Whole numbers only: multiply first, divide afterwards, and it is rounded once.",
)


@places.stub
def my_places(num_teacher, num_student):
    """Evenly spaced layers, the last among them: (num_student,)."""
    raise NotImplementedError


@places.reference
def my_places(num_teacher, num_student):
    return torch.arange(1, num_student + 1) * num_teacher // num_student - 1


@places.right
def my_places(num_teacher, num_student):
    layers = [num_teacher * m // num_student - 1 for m in range(1, num_student + 1)]
    return torch.tensor(layers)


@places.right
def my_places(num_teacher, num_student):
    counted = torch.arange(num_student).add(1).mul(num_teacher)
    return torch.div(counted, num_student, rounding_mode="floor") - 1


@places.right
def my_places(num_teacher, num_student):
    found, layer = [], 0
    for m in range(1, num_student + 1):
        while (layer + 1) * num_student <= m * num_teacher:
            layer += 1
        found.append(layer - 1)
    return torch.tensor(found, dtype=torch.long)


@places.check
def there_are_so_many_whole_numbers(answer):
    found = answer(12, 3)
    if found.shape != (3,):
        return f"3 of 12 layers should be (3,); yours is {tuple(found.shape)}."
    if found.is_floating_point():
        return f"Layers are counted in whole numbers; yours are {found.dtype}."


@places.check
def layers_are_evenly_spaced_and_end_with_the_last(answer):
    for have, keep, wanted in ((6, 2, [2, 5]), (12, 4, [2, 5, 8, 11]), (6, 6, [0, 1, 2, 3, 4, 5])):
        found = answer(have, keep).tolist()
        if found == wanted:
            continue
        slips = (
            ([place + 1 for place in wanted], "They are counted from 1; the first layer is 0."),
            (list(range(have - keep, have)), "Those are the last ones, side by side."),
            (list(range(keep)), "Those are the first ones, side by side."),
            ([place * have // keep for place in range(keep)], "They begin with the first layer; "
             "they should end with the last."),
            (wanted[::-1], "They should rise."),
        )  # fmt: skip
        told = f"{keep} of {have} layers should be {wanted}; yours are {found}. "
        if have != keep:
            return told + next((why for slip, why in slips if found == slip), "Are they even?")
        return told + "All layers should stay in their order."


@places.check
def it_works_where_nothing_divides(answer):
    for have, keep, wanted in ((5, 2, [1, 4]), (7, 3, [1, 3, 6]), (7, 4, [0, 2, 4, 6])):
        found = answer(have, keep).tolist()
        if found != wanted:
            return f"{keep} of {have} layers should be {wanted}; yours are {found}."


@places.wrong(there_are_so_many_whole_numbers, "should be (3,)")
def my_places(num_teacher, num_student):
    return torch.arange(num_student - 1, num_teacher, num_student)


@places.wrong(there_are_so_many_whole_numbers, "counted in whole numbers")
def my_places(num_teacher, num_student):
    return torch.arange(1, num_student + 1) * num_teacher / num_student - 1


@places.wrong(layers_are_evenly_spaced_and_end_with_the_last, "counted from 1")
def my_places(num_teacher, num_student):
    return torch.arange(1, num_student + 1) * num_teacher // num_student


@places.wrong(layers_are_evenly_spaced_and_end_with_the_last, "Those are the last ones")
def my_places(num_teacher, num_student):
    return torch.arange(num_teacher - num_student, num_teacher)


@places.wrong(layers_are_evenly_spaced_and_end_with_the_last, "Those are the first ones")
def my_places(num_teacher, num_student):
    return torch.arange(num_student)


@places.wrong(layers_are_evenly_spaced_and_end_with_the_last, "They begin with the first layer")
def my_places(num_teacher, num_student):
    return torch.arange(num_student) * num_teacher // num_student


@places.wrong(layers_are_evenly_spaced_and_end_with_the_last, "They should rise")
def my_places(num_teacher, num_student):
    return torch.arange(num_student, 0, -1) * num_teacher // num_student - 1


@places.wrong(layers_are_evenly_spaced_and_end_with_the_last, "Are they even?")
def my_places(num_teacher, num_student):
    return torch.linspace(0, num_teacher - 1, num_student).round().long()


@places.wrong(layers_are_evenly_spaced_and_end_with_the_last, "stay in their order")
def my_places(num_teacher, num_student):
    if num_teacher == num_student:
        return torch.arange(num_teacher).flip(0)
    return torch.arange(1, num_student + 1) * num_teacher // num_student - 1


@places.wrong(it_works_where_nothing_divides, "2 of 5 layers should be [1, 4]")
def my_places(num_teacher, num_student):
    step = num_teacher // num_student
    return torch.arange(1, num_student + 1) * step - 1


@places.inputs(
    oracle=lambda num_teacher, num_student: (
        torch.tensor(
            [
                max(
                    layer
                    for layer in range(num_teacher + 1)
                    if layer * num_student <= m * num_teacher
                )
                for m in range(1, num_student + 1)
            ]
        )
        - 1
    )
)
def places_calls(draw):
    (num_teacher,) = draw.sizes(layers=300)
    return num_teacher, draw.whole(1, num_teacher)


@places.wrong(places_calls, "should have shape (")
def my_places(num_teacher, num_student):
    return torch.arange(1, min(num_student, 64) + 1) * num_teacher // num_student - 1


# --- inside ------------------------------------------------------------------------------------

relation = CodeExercise(
    returns=("shares",),
    task="""
    Write `my_relation(x, mask, num_heads)`: how much each token is like each other one. `x` is
    `(B, L, d_model)`, such as all values of a layer; cut its width into R = `num_heads` parts, side
    by side. In each part, the products of all vectors with all vectors, divided by the root of the
    part's width, through softmax over the second token: `(B, R, L, L)`. `mask` `(B, 1, L)`, bool:
    True = a real token; the share of padding is 0.
    """,
    hints=(
        "`x.unflatten(-1, (num_heads, -1)).transpose(1, 2)` is `(B, R, L, width)`.",
        "`parts @ parts.mT / width**0.5`; then `masked_fill` with minus infinity where `mask[:, "
        "None]` is False.",
        "Softmax along the last axis.",
    ),
    because="It is attention with the same vectors on both sides; its shape does not know the "
    "width, so teacher and student may differ in it.",
)


@relation.stub
def my_relation(x, mask, num_heads):
    """Shares of likeness: (B, L, d_model) -> (B, R, L, L)."""
    raise NotImplementedError


@relation.reference
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = parts @ parts.transpose(-2, -1) / parts.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


@relation.right
def my_relation(x, mask, num_heads):
    width = x.size(-1) // num_heads
    parts = x.reshape(len(x), x.size(1), num_heads, width)
    scores = torch.einsum("bird,bjrd->brij", parts, parts) / math.sqrt(width)
    return torch.softmax(scores.where(mask[:, None], -math.inf), dim=3)


@relation.right
def my_relation(x, mask, num_heads):
    found = []
    for part in x.chunk(num_heads, dim=-1):
        scores = part @ part.mT * part.size(-1) ** -0.5
        found.append(scores.masked_fill(~mask, -torch.inf).softmax(dim=-1))
    return torch.stack(found, dim=1)


@relation.right
def my_relation(x, mask, num_heads):
    rows = []
    for text, real in zip(x, mask[:, 0], strict=True):
        parts = text.unflatten(-1, (num_heads, -1)).movedim(1, 0)
        scores = torch.bmm(parts, parts.mT) / parts.size(2) ** 0.5
        hidden = torch.zeros_like(scores).masked_fill(~real, -torch.inf)
        rows.append((scores + hidden).softmax(-1))
    return torch.stack(rows)


def _some_states(batch=2, length=3, d_model=8, padded=False):
    rng = torch.Generator().manual_seed(41)
    x = torch.randn(batch, length, d_model, generator=rng, dtype=torch.float64)
    mask = torch.ones(batch, 1, length, dtype=torch.bool)
    if padded:
        mask[-1, 0, -1] = False
    return x, mask


def _related(x, mask, num_heads, divisor=None):
    """Vector by vector, over the real tokens."""
    batch, length, d_model = x.shape
    width = d_model // num_heads
    found = torch.zeros(batch, num_heads, length, length, dtype=x.dtype)
    for b in range(batch):
        real = [j for j in range(length) if mask[b, 0, j]]
        for r in range(num_heads):
            part = x[b, :, r * width : (r + 1) * width]
            for i in range(length):
                scores = [float(part[i] @ part[j]) / (divisor or width**0.5) for j in real]
                for j, share in zip(real, _shares(scores, 1.0), strict=True):
                    found[b, r, i, j] = share
    return found


@relation.check
def shares_have_their_shape_and_add_up_to_one(answer):
    x, mask = _some_states()
    found = answer(x, mask, 2)
    if found.shape != (2, 2, 3, 3):
        return (
            f"2 texts of 3 tokens and 2 relations should give (2, 2, 3, 3); yours is "
            f"{tuple(found.shape)}."
        )
    if torch.allclose(found.sum(dim=-2), torch.ones(2, 2, 3, dtype=x.dtype)):
        return "The columns add up to 1: softmax should run along the last axis."
    if not torch.allclose(found.sum(dim=-1), torch.ones(2, 2, 3, dtype=x.dtype)):
        return "The shares of each token should add up to 1."


@relation.check
def likeness_is_the_scaled_product_in_each_part(answer):
    x, mask = _some_states()
    found, wanted = answer(x, mask, 2), _related(x, mask, 2)
    if torch.allclose(found, wanted):
        return None
    woven = x.unflatten(-1, (4, 2)).transpose(-1, -2).flatten(-2)
    slips = (
        (_related(x, mask, 2, divisor=1.0), "The products are not divided by the root of the "
         "part's width, here 2."),
        (_related(x, mask, 2, divisor=8**0.5), "The products are divided by the root of d_model; "
         "it should be that of a part's width, 4."),
        (_related(x, mask, 2, divisor=4.0), "The products are divided by the part's width; it "
         "should be its root."),
        (_related(woven, mask, 2), "The parts are woven: the first holds every second number. They "
         "should lie side by side."),
        (_related(functional.normalize(x, dim=-1), mask, 2), "The vectors are brought to length 1 "
         "first; products of them as they are were asked for."),
    )  # fmt: skip
    for slip, message in slips:
        if torch.allclose(found, slip):
            return message
    return "The shares are not those of the products in each part, worked out one by one."


@relation.check
def padding_has_no_share(answer):
    x, mask = _some_states(padded=True)
    found = answer(x, mask, 4)
    if found[1, :, :, 2].any():
        return "A token has a share in padding: its score should be minus infinity before softmax."
    if not torch.allclose(found, _related(x, mask, 4)):
        return "With a padded token, the shares of the real ones should still add up to 1."


@relation.wrong(shares_have_their_shape_and_add_up_to_one, "should give (2, 2, 3, 3)")
def my_relation(x, mask, num_heads):
    return (x @ x.mT).masked_fill(~mask, float("-inf")).softmax(dim=-1)


@relation.wrong(shares_have_their_shape_and_add_up_to_one, "softmax should run along")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = parts @ parts.transpose(-2, -1) / parts.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-2)


@relation.wrong(shares_have_their_shape_and_add_up_to_one, "should add up to 1")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    return parts @ parts.transpose(-2, -1) / parts.size(-1) ** 0.5


@relation.wrong(likeness_is_the_scaled_product_in_each_part, "are not divided by the root")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = parts @ parts.transpose(-2, -1)
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


@relation.wrong(likeness_is_the_scaled_product_in_each_part, "by the root of d_model")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = parts @ parts.transpose(-2, -1) / x.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


@relation.wrong(likeness_is_the_scaled_product_in_each_part, "should be its root")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = parts @ parts.transpose(-2, -1) / parts.size(-1)
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


@relation.wrong(likeness_is_the_scaled_product_in_each_part, "The parts are woven")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (-1, num_heads)).permute(0, 3, 1, 2)
    scores = parts @ parts.transpose(-2, -1) / parts.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


@relation.wrong(likeness_is_the_scaled_product_in_each_part, "brought to length 1")
def my_relation(x, mask, num_heads):
    parts = functional.normalize(x, dim=-1).unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = parts @ parts.transpose(-2, -1) / parts.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


@relation.wrong(likeness_is_the_scaled_product_in_each_part, "worked out one by one")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = -torch.cdist(parts, parts) / parts.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


@relation.wrong(padding_has_no_share, "A token has a share in padding")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    return (parts @ parts.transpose(-2, -1) / parts.size(-1) ** 0.5).softmax(dim=-1)


@relation.wrong(padding_has_no_share, "should still add up to 1")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    shares = (parts @ parts.transpose(-2, -1) / parts.size(-1) ** 0.5).softmax(dim=-1)
    return shares * mask[:, None]


def _related_at_once(x, mask, num_heads):
    """The oracle: torch's own attention, whose values are the identity."""
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    length = x.size(1)
    one = torch.eye(length, dtype=x.dtype).expand(len(x), num_heads, -1, -1)
    return functional.scaled_dot_product_attention(parts, parts, one, mask[:, None])


@relation.inputs(oracle=_related_at_once)
def relation_calls(draw):
    batch, length, heads, width = draw.sizes(texts=17, tokens=65, relations=17, columns=65)
    x = draw.floats(batch, length, heads * width, scale=draw.scale(1, 10))
    lengths = draw.wholes(1, length, batch)
    return x, (torch.arange(length) < lengths[:, None])[:, None], heads


@relation.wrong(relation_calls, "`shares` at [")
def my_relation(x, mask, num_heads):
    parts = x.unflatten(-1, (num_heads, -1)).transpose(1, 2)
    scores = parts[..., :16] @ parts[..., :16].transpose(-2, -1) / parts.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)


# --- the transfer set --------------------------------------------------------------------------

targets = FindTheBug(
    harm="nobody may use them",
    returns=("wanted",),
    task="""
    A student learns from rated texts and from unrated ones. `my_targets(shares, told, is_rated,
    weight)` says what it should learn: `shares` `(N, C)` are the raters' shares, `told` `(N, C)`
    the teacher's, `is_rated` `(N,)` bool. For a rated text it is `(1 - weight)` of the raters'
    and `weight` of the teacher's; for an unrated one the teacher's alone. The numbers in `shares`
    of unrated texts came with the file, and nobody may use them; in the next file they are NaN.
    Repair it.
    """,
    hints=(
        "Which rows of `shares` play a part in what comes back?",
        "0 times NaN is NaN: choose by `torch.where`, do not multiply.",
    ),
    because="A label that is multiplied away is still read. Chosen by `where`, it plays no part.",
)


@targets.stub
def my_targets(shares, told, is_rated, weight):
    """What the student should say of each text: (N, C)."""
    return (1 - weight) * shares + weight * told


@targets.reference
def my_targets(shares, told, is_rated, weight):
    mixed = (1 - weight) * shares + weight * told
    return torch.where(is_rated[:, None], mixed, told)


@targets.right
def my_targets(shares, told, is_rated, weight):
    wanted = told.clone()
    wanted[is_rated] = (1 - weight) * shares[is_rated] + weight * told[is_rated]
    return wanted


@targets.right
def my_targets(shares, told, is_rated, weight):
    known = shares.where(is_rated.unsqueeze(1), told)
    return torch.lerp(known, told, weight)


@targets.right
def my_targets(shares, told, is_rated, weight):
    rows = [
        (1 - weight) * one + weight * two if rated else two
        for one, two, rated in zip(shares, told, is_rated.tolist(), strict=True)
    ]
    return torch.stack(rows)


def _told_and_rated():
    rng = torch.Generator().manual_seed(43)
    shares, told = (
        torch.rand(5, 3, generator=rng, dtype=torch.float64).softmax(dim=-1) for _ in range(2)
    )
    return shares, told, torch.tensor([True, False, True, True, False])


@targets.check
def rated_texts_have_both(answer):
    shares, told, _ = _told_and_rated()
    found = answer(shares, told, torch.ones(5, dtype=torch.bool), 0.25)
    if found.shape != (5, 3):
        return f"Five texts and three classes should give (5, 3); yours is {tuple(found.shape)}."
    wanted = [
        [0.75 * a + 0.25 * b for a, b in zip(one, two, strict=True)]
        for one, two in zip(shares.tolist(), told.tolist(), strict=True)
    ]
    wanted = torch.tensor(wanted, dtype=shares.dtype)
    if torch.allclose(found, wanted):
        return None
    if torch.allclose(found, shares + told - wanted):
        return "`weight` is the teacher's, and here it stands in front of the raters'."
    return "For rated texts it should be 0.75 of the raters' and 0.25 of the teacher's."


@targets.check
def labels_of_unrated_texts_play_no_part(answer):
    shares, told, is_rated = _told_and_rated()
    found = answer(shares, told, is_rated, 0.25)
    hidden = shares.masked_fill(~is_rated[:, None], 0.9)
    if not torch.allclose(found, answer(hidden, told, is_rated, 0.25)):
        return (
            "Other numbers in the unrated rows of `shares` change what comes back: labels leak, "
            "and nobody may use them."
        )
    if not torch.allclose(found[~is_rated], told[~is_rated]):
        return "For unrated texts it should be the teacher's shares, as they are."


@targets.check
def missing_labels_do_not_spread(answer):
    shares, told, is_rated = _told_and_rated()
    missing = shares.masked_fill(~is_rated[:, None], float("nan"))
    found = answer(missing, told, is_rated, 0.25)
    if found.isnan().any():
        return "NaN in the unrated rows of `shares` comes out again: 0 times NaN is NaN."


@targets.wrong(rated_texts_have_both, "should give (5, 3)")
def my_targets(shares, told, is_rated, weight):
    return ((1 - weight) * shares + weight * told)[is_rated][:2]


@targets.wrong(rated_texts_have_both, "in front of the raters'")
def my_targets(shares, told, is_rated, weight):
    mixed = weight * shares + (1 - weight) * told
    return torch.where(is_rated[:, None], mixed, told)


@targets.wrong(rated_texts_have_both, "it should be 0.75 of the raters'")
def my_targets(shares, told, is_rated, weight):
    return torch.where(is_rated[:, None], shares, told)


@targets.wrong(labels_of_unrated_texts_play_no_part, "labels leak")
def my_targets(shares, told, is_rated, weight):
    mixed = (1 - weight) * shares + weight * told
    return torch.where(is_rated[:, None], mixed, shares)


@targets.wrong(labels_of_unrated_texts_play_no_part, "as they are")
def my_targets(shares, told, is_rated, weight):
    known = (1 - weight) * shares.nan_to_num() * is_rated[:, None]
    return known.where(is_rated[:, None], 0.0) + weight * told


@targets.wrong(missing_labels_do_not_spread, "0 times NaN is NaN")
def my_targets(shares, told, is_rated, weight):
    part = (1 - weight) * is_rated[:, None].to(shares.dtype)
    return part * shares + (1 - part) * told


@targets.inputs(
    oracle=lambda shares, told, is_rated, weight: torch.stack(
        [
            torch.add(two, one - two, alpha=1 - weight) if bool(known) else two
            for one, two, known in zip(shares, told, is_rated, strict=True)
        ]
    )
)
def target_calls(draw):
    count, classes = draw.sizes(texts=300, classes=65)
    scale = draw.scale(1, 100)
    shares, told = (draw.floats(count, classes, scale=scale) for _ in range(2))
    return shares, told, draw.truths(0.5, count), draw.one_of(0.0, 0.25, 0.5)


@targets.wrong(target_calls, "`wanted` at [")
def my_targets(shares, told, is_rated, weight):
    mixed = (1 - weight) * shares + weight * told
    wanted = torch.where(is_rated[:, None], mixed, told)
    return torch.where(torch.arange(len(told))[:, None] < 64, wanted, told)


# --- a byte a weight ---------------------------------------------------------------------------

int8 = CodeExercise(
    returns=("numbers", "scale"),
    task="""
    Write `my_int8(matrix)`: each row of `matrix` `(R, C)` as whole numbers of one byte. `scale`
    `(R,)` is a row's largest absolute value over 127; `numbers` `(R, C)`, `torch.int8`, are the
    row over its scale, rounded to the nearest. A row of zeros has the scale 0 and the numbers 0.
    So `numbers * scale[:, None]` is the matrix again, to half a scale.
    """,
    hints=(
        "`matrix.abs().amax(dim=1) / 127` is the scale; `[:, None]` makes it a column.",
        "A scale of 0 would divide 0 by 0: put any other number in its place, such as 1.",
        "`.round().to(torch.int8)` at the end; `.to` alone would cut the fraction off.",
    ),
    because="One scale for each row: a row of small numbers keeps its digits beside a large one.",
)


@int8.stub
def my_int8(matrix):
    """Return (numbers, scale): (R, C) int8 and (R,)."""
    raise NotImplementedError


@int8.reference
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1) / 127
    step = torch.where(scale == 0, 1.0, scale)[:, None]
    return (matrix / step).round().to(torch.int8), scale


@int8.right
def my_int8(matrix):
    scale = torch.linalg.vector_norm(matrix, ord=math.inf, dim=1) / 127
    numbers = matrix / scale.unsqueeze(1).masked_fill(scale.unsqueeze(1) == 0, 1)
    return torch.round(numbers).clamp(-127, 127).type(torch.int8), scale


@int8.right
def my_int8(matrix):
    rows, scales = [], []
    for row in matrix:
        scale = torch.maximum(row.max(), -row.min()) / 127
        rows.append((row / scale).round() if scale > 0 else torch.zeros_like(row))
        scales.append(scale)
    return torch.stack(rows).char(), torch.stack(scales)


@int8.right
def my_int8(matrix):
    scale = matrix.abs().max(dim=1).values.div(127)
    numbers = matrix.div(scale[:, None]).nan_to_num(0.0)
    return numbers.add(0.5).floor().to(torch.int8), scale


def _rows():
    rng = torch.Generator().manual_seed(47)
    matrix = torch.randn(4, 9, generator=rng, dtype=torch.float64)
    return matrix * torch.tensor([1.0, 0.01, 30.0, 0.3], dtype=torch.float64)[:, None]


@int8.check
def shapes_and_bytes(answer):
    numbers, scale = answer(_rows())
    if numbers.dtype != torch.int8:
        return f"`numbers` should be torch.int8, one byte each; yours are {numbers.dtype}."
    if numbers.shape != (4, 9) or scale.shape != (4,):
        if scale.numel() == 1:
            return "There is one scale for the whole matrix; each row should have its own."
        return (
            f"A matrix (4, 9) should give `numbers` (4, 9) and `scale` (4,); yours are "
            f"{tuple(numbers.shape)} and {tuple(scale.shape)}."
        )


@int8.check
def scale_is_the_largest_of_the_row_over_127(answer):
    matrix = _rows()
    _, scale = answer(matrix)
    tops = [max(abs(number) for number in row) for row in matrix.tolist()]
    wanted = torch.tensor(tops, dtype=matrix.dtype) / 127
    if torch.allclose(scale, wanted):
        return None
    signed = torch.tensor([max(row) for row in matrix.tolist()], dtype=matrix.dtype) / 127
    slips = (
        (wanted.max().expand(4), "All rows have the scale of the largest one; each row should have "
         "its own."),
        (wanted * 127 / 128, "That divides by 128: then the largest number would be 128, which one "
         "byte does not hold."),
        (wanted * 127 / 255, "That divides by 255; the sign takes one of the eight bits."),
        (signed, "A row's largest number is not its largest absolute value."),
        (wanted * 127, "The scale should be the largest value over 127."),
        (1 / wanted, "The scale is upside down."),
    )  # fmt: skip
    for slip, message in slips:
        if torch.allclose(scale, slip):
            return message
    return "`scale` should be the largest absolute value of each row, over 127."


@int8.check
def numbers_are_the_nearest(answer):
    matrix = _rows()
    numbers, scale = answer(matrix)
    error = (numbers * scale[:, None] - matrix).abs() / scale[:, None]
    if (error <= 0.5 + 1e-6).all():
        return None
    if (error < 1 + 1e-6).all():
        return (
            "Some numbers are off by more than half a scale: `.to(torch.int8)` cuts the fraction "
            "off; round first."
        )
    return "`numbers * scale[:, None]` should be the matrix again, to half a scale."


@int8.check
def row_of_zeros_stays_zero(answer):
    matrix = torch.cat([torch.zeros(1, 9, dtype=torch.float64), _rows()])
    numbers, scale = answer(matrix)
    if numbers[0].any() or scale[0] != 0:
        return (
            f"A row of zeros should have the scale 0 and the numbers 0; yours are "
            f"{scale[0].item():.3g} and {numbers[0].tolist()[:3]}."
        )


@int8.wrong(shapes_and_bytes, "should be torch.int8")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1) / 127
    return (matrix / torch.where(scale == 0, 1.0, scale)[:, None]).round(), scale


@int8.wrong(shapes_and_bytes, "one scale for the whole matrix")
def my_int8(matrix):
    scale = matrix.abs().max() / 127
    return (matrix / scale).round().to(torch.int8), scale


@int8.wrong(shapes_and_bytes, "should give `numbers` (4, 9) and `scale` (4,)")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=0) / 127
    return (matrix / torch.where(scale == 0, 1.0, scale)).round().to(torch.int8), scale


@int8.wrong(scale_is_the_largest_of_the_row_over_127, "the scale of the largest one")
def my_int8(matrix):
    scale = (matrix.abs().max() / 127).expand(len(matrix))
    return (matrix / scale[:, None]).round().to(torch.int8), scale


@int8.wrong(scale_is_the_largest_of_the_row_over_127, "divides by 128")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1) / 128
    step = torch.where(scale == 0, 1.0, scale)[:, None]
    return (matrix / step).round().clamp(-128, 127).to(torch.int8), scale


@int8.wrong(scale_is_the_largest_of_the_row_over_127, "takes one of the eight bits")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1) / 255
    step = torch.where(scale == 0, 1.0, scale)[:, None]
    return (matrix / step).round().clamp(-127, 127).to(torch.int8), scale


@int8.wrong(scale_is_the_largest_of_the_row_over_127, "not its largest absolute value")
def my_int8(matrix):
    scale = matrix.amax(dim=1) / 127
    step = torch.where(scale == 0, 1.0, scale)[:, None]
    return (matrix / step).round().clamp(-127, 127).to(torch.int8), scale


@int8.wrong(scale_is_the_largest_of_the_row_over_127, "the largest value over 127")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1)
    step = torch.where(scale == 0, 1.0, scale)[:, None]
    return (127 * matrix / step).round().to(torch.int8), scale


@int8.wrong(scale_is_the_largest_of_the_row_over_127, "upside down")
def my_int8(matrix):
    scale = 127 / matrix.abs().amax(dim=1)
    return (matrix * scale[:, None]).nan_to_num(0.0).round().to(torch.int8), scale


@int8.wrong(scale_is_the_largest_of_the_row_over_127, "of each row, over 127")
def my_int8(matrix):
    scale = 3 * matrix.std(dim=1) / 127
    step = torch.where(scale == 0, 1.0, scale)[:, None]
    return (matrix / step).round().clamp(-127, 127).to(torch.int8), scale


@int8.wrong(numbers_are_the_nearest, "cuts the fraction off")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1) / 127
    return (matrix / torch.where(scale == 0, 1.0, scale)[:, None]).to(torch.int8), scale


@int8.wrong(numbers_are_the_nearest, "the matrix again, to half a scale")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1) / 127
    step = scale.max()
    return (matrix / step).round().to(torch.int8), scale


@int8.wrong(row_of_zeros_stays_zero, "A row of zeros")
def my_int8(matrix):
    scale = matrix.abs().amax(dim=1).clamp(min=1e-3) / 127
    return (matrix / scale[:, None]).round().to(torch.int8), scale


def _wrong_bytes(numbers, scale, matrix):
    """What is wrong with bytes and scales, however ties were rounded."""
    rows, columns = matrix.shape
    if numbers.dtype != torch.int8 or numbers.shape != (rows, columns) or scale.shape != (rows,):
        return f"`numbers` ({rows}, {columns}) of int8 and `scale` ({rows},) should come back."
    if scale.dtype != matrix.dtype:
        return f"`scale` should be {matrix.dtype}, as the matrix is."
    top = torch.tensor([max(map(abs, row)) for row in matrix.tolist()], dtype=matrix.dtype)
    if not torch.allclose(scale, top / 127, rtol=1e-5, atol=0):
        return "`scale` should be each row's largest absolute value over 127."
    error = (numbers.to(matrix.dtype) * scale[:, None] - matrix).abs()
    if (error > 0.5001 * scale[:, None]).any():
        return "`numbers * scale[:, None]` should be the matrix again, to half a scale."


@int8.inputs(holds=_wrong_bytes)
def int8_calls(draw):
    rows, columns = draw.sizes(rows=300, columns=300)
    matrix = draw.floats(rows, columns, scale=draw.scale(1, 100_000)).detach()
    return (matrix * draw.truths(0.8, rows)[:, None],)


@int8.wrong(int8_calls, "each row's largest absolute value")
def my_int8(matrix):
    scale = matrix[:, :64].abs().amax(dim=1) / 127
    step = torch.where(scale == 0, 1.0, scale)[:, None]
    return (matrix / step).round().clamp(-127, 127).to(torch.int8), scale


def _layer_numbers(d_model=384, d_ff=1536) -> int:
    return 4 * d_model**2 + 2 * d_model * d_ff


num_bytes = Number(
    kind="Estimate the budget",
    answer_name="num_bytes_answer",
    form="a number, in megabytes",
    task="""
    A student has two layers (width 384, feed-forward width 1536), the vectors of 5,800 pieces and
    of 256 places, one byte for each weight of a matrix. How many megabytes (10⁶ bytes) is that?
    Biases, norms, scales and the list of pieces come to some .1 in all; leave them out. Within 3%.
    """,
    truth=lambda: (2 * _layer_numbers() + (5800 + 256) * 384) / 1e6,
    factor=1.03,
    traps=(
        (4 * (2 * _layer_numbers() + 6056 * 384) / 1e6, "That is four bytes for each weight."),
        ((2 * _layer_numbers() + 30778 * 384) / 1e6, "That is all of the 30,522 pieces."),
        (
            2 * _layer_numbers() / 1e6,
            "Those are the layers alone: the vectors of the pieces are missing.",
        ),
        ((_layer_numbers() + 6056 * 384) / 1e6, "That is one layer; there are two."),
        (
            (2 * 4 * 384**2 + 6056 * 384) / 1e6,
            "That is attention alone: the feed-forward parts are missing.",
        ),
        ((6 * _layer_numbers() + 6056 * 384) / 1e6, "Those are the teacher's six layers."),
    ),
    hints=(
        "A layer: four matrices of 384 x 384, two of 384 x 1536.",
        "2 x 1.77 million, and 6,056 x 384.",
    ),
    because="3.5 million in the layers and 2.3 million in the vectors: without the trimmed "
    "vocabulary the vectors alone would be 11.7.",
)

# --- what came out -----------------------------------------------------------------------------

who_keeps_most = Ordering(
    kind="Predict",
    answer_name="who_keeps_most_answer",
    task="""
    Film snippets, 200 steps, each student at a rate that was searched for it or for its nearest
    kin. Put these in order by the r that they reach on test texts, the lowest first.
    """,
    items={
        "a": "two layers of the encoder as published, taught by the labels",
        "b": "two layers of the fine-tuned teacher, taught by labels and teacher, half and half",
        "c": "two layers from random weights, everything open, taught by labels and teacher",
        "d": "the teacher, all six layers",
    },
    right="cabd",
    rule="Each step is .03 at least. What does a student bring with it before the first lesson?",
    hints=(
        "Random layers bring nothing; published ones a language; the teacher's, the task, too.",
    ),
    because="So it came out: what a student starts from decides more than what it is shown.",
)

unfair_claim = Choice(
    kind="Criticise a claim",
    answer_name="unfair_claim_answer",
    task="""
    "Our student was distilled from a teacher that was trained on the same 7,000 labels. It has two
    of the teacher's six layers, starts from them, and reaches r = .70. A network of the same shape
    from random weights, trained on the labels for as many steps, reaches .45. So the teacher's soft
    targets are worth .25." What is unproved here? Give all.
    """,
    options={
        "a": "Start and targets were changed together: the same start with labels is missing.",
        "b": "The student should have been compared with the teacher.",
        "c": "The random network may need more steps, or another rate.",
        "d": "The teacher has seen the labels, so that the student cannot be tested on test texts.",
    },
    right="ac",
    reasons={
        "a": "The layers bring what pre-training and the labels have taught. Whether the targets "
        "add anything, only a student with the same start and no targets can tell.",
        "b": "That says what is kept. It does not say what the soft targets are worth.",
        "c": "As many steps are not equal chances; were its rates searched as well?",
        "d": "Training labels are there to be seen. The test texts' ratings were seen by neither.",
    },
    hints=("How many things differ between the two networks?",),
)
