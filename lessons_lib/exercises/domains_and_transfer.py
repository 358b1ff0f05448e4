"""The exercises of the chapter on domains and transfer."""

import itertools
import math
import random
from collections import Counter

import torch

from .engine.declare import CodeExercise
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

text_and_company = Choice(
    kind="Recap",
    answer_name="text_and_company_answer",
    task="""
    A text becomes the mean of an encoder's states. Encoded alone and encoded in a batch beside a
    longer text, the same text gives two different vectors; the difference is anything but
    rounding. The model is in `eval` mode. What is the likeliest cause?
    """,
    options={
        "a": "The mean runs over the padding too.",
        "b": "Attention looks at the other texts of the batch.",
        "c": "The positions are counted from the end of the longest text.",
        "d": "Dropout.",
    },
    right="a",
    reasons={
        "a": "The padded places have states as well, and they do not belong to the text. Sum over "
        "the text's own tokens, and divide by their number.",
        "b": "The batch is a leading axis: no score is ever computed between two texts of it.",
        "c": "Positions are counted from the first token, in every row by itself.",
        "d": "In `eval` mode nothing is dropped.",
    },
    hints=("What does the batch add to the shorter text?",),
)

what_the_control_said = Choice(
    kind="Recap",
    answer_name="what_the_control_said_answer",
    task="""
    In the chapter before, an encoder that had been pre-trained on film snippets gave better
    features than one with fresh random weights. An encoder with random weights *of the trained
    one's size* did about as well. What follows?
    """,
    options={
        "a": "Pre-training is of no use.",
        "b": "That much of the gain over fresh weights needs no knowledge of words to explain it.",
        "c": "The test texts were among the training texts.",
        "d": "The learning rate of the pre-training was wrong.",
    },
    right="b",
    reasons={
        "a": "It was a small model, little text and one probe. The control judges that claim, not "
        "all of pre-training.",
        "b": "What random weights can do as well is not owed to what was learnt. That is what a "
        "control is for.",
        "c": "The random encoder never read a text, and did as well.",
        "d": "It was searched for. A control says what explains a gain, not why it is not larger.",
    },
    hints=("What has the control in common with the trained encoder, and what does it lack?",),
)

# --- kinds of shift ----------------------------------------------------------------------------

which_shift = Choice(
    kind="Name the shift",
    answer_name="which_shift_answer",
    task="Which of these are *concept* shift: the same text would get another rating? Give all.",
    options={
        "a": "*Unpredictable* praises a plot and condemns a brake.",
        "b": "Half of the film reviews are strongly negative, and hardly any editorial is.",
        "c": "Tweets hold smileys, and editorials hold none.",
        "d": "In a poor year for films, critics call *fine* what they would have called *dull*.",
    },
    right="ad",
    reasons={
        "a": "The word is the same and what it says about the thing is the opposite.",
        "b": "Only the mixture of ratings differs: prior shift.",
        "c": "Only the inputs differ: covariate shift. What a smiley would mean in an editorial is "
        "another question.",
        "d": "The same words, another scale: the rule from text to rating has changed.",
    },
    hints=("Hold the text fixed. Does its rating change?",),
)

# --- a grouped split ---------------------------------------------------------------------------

grouped_split = CodeExercise(
    returns=("is_test",),
    task="""
    Write `my_grouped_split(groups, test_share, seed)`. `groups` is a list of N strings, each text's
    group, in any order. Put whole groups into test, in a random order that `seed` fixes, until test
    holds at least `test_share` of the texts. Return a bool tensor `(N,)`, True = test.
    """,
    hints=(
        "Draw among the groups, not among the texts.",
        "`random.Random(seed).shuffle(names)` shuffles a list of the different groups; sort it "
        "first, for a set has no order to rely on.",
        "Count up the texts of the groups taken so far; stop as soon as there are enough.",
    ),
    because="What stands together stays together: only then does test ask for more than memory.",
)


@grouped_split.stub
def my_grouped_split(groups, test_share, seed):
    """Return a bool tensor (N,): which texts are for testing; no group on both sides."""
    raise NotImplementedError


@grouped_split.reference
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test, size = set(), 0
    for name in names:
        if size >= test_share * len(groups):
            break
        test.add(name)
        size += groups.count(name)
    return torch.tensor([group in test for group in groups])


@grouped_split.right
def my_grouped_split(groups, test_share, seed):
    sizes = Counter(groups)
    names = random.Random(seed).sample(sorted(sizes), k=len(sizes))
    before = itertools.accumulate((sizes[name] for name in names), initial=0)
    wanted = test_share * len(groups)
    test = {name for name, held in zip(names, before, strict=False) if held < wanted}
    return torch.tensor([group in test for group in groups])


@grouped_split.right
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    numbers = torch.tensor([names.index(group) for group in groups])
    generator = torch.Generator().manual_seed(seed)
    is_test = torch.zeros(len(groups), dtype=torch.bool)
    for number in torch.randperm(len(names), generator=generator):
        if is_test.float().mean() < test_share:
            is_test = is_test | (numbers == number)
    return is_test


@grouped_split.right
def my_grouped_split(groups, test_share, seed):
    waiting = list(dict.fromkeys(groups))
    dice = random.Random(seed)
    chosen = []
    while sum(group in chosen for group in groups) < test_share * len(groups):
        chosen.append(waiting.pop(dice.randrange(len(waiting))))
    return torch.tensor([chosen.count(group) == 1 for group in groups])


def _groups(sizes, seed=0):
    """Names of groups, a text each, well mixed."""
    names = [f"article {number}" for number, size in enumerate(sizes) for _ in range(size)]
    random.Random(seed).shuffle(names)
    return names


@grouped_split.check
def a_truth_value_comes_for_each_text(answer):
    groups = _groups([3, 2, 4, 2])
    found = answer(groups, 0.3, 0)
    if found.shape != (len(groups),):
        return (
            f"{len(groups)} texts came in, so a tensor of shape ({len(groups)},) should come back; "
            f"yours is {tuple(found.shape)}."
        )
    if found.dtype != torch.bool:
        return f"It should be a bool tensor, True for the texts in test; yours is {found.dtype}."


@grouped_split.check
def no_group_is_on_both_sides(answer):
    for seed in range(5):
        groups = _groups([1, 5, 2, 7, 3, 4], seed)
        found = answer(groups, 0.4, seed).tolist()
        both = set.intersection(*map(set, _sides(groups, found)))
        if both:
            return (
                f"{sorted(both)[0]!r} has texts on both sides, so its test texts can be answered "
                f"from memory. Draw among groups, not among texts."
            )


def _sides(groups, found):
    return (
        [group for group, is_test in zip(groups, found, strict=True) if not is_test],
        [group for group, is_test in zip(groups, found, strict=True) if is_test],
    )


@grouped_split.check
def test_holds_its_share_and_no_group_more(answer):
    for sizes, share in (([2, 2, 2, 2], 0.5), ([1, 5, 2, 7, 3, 4], 0.4), ([3, 1, 1, 8], 0.2)):
        for seed in range(4):
            groups = _groups(sizes, seed)
            _, test = _sides(groups, answer(groups, share, seed).tolist())
            wanted = share * len(groups)
            if len(test) < wanted:
                return (
                    f"Test should hold at least {share:.0%} of {len(groups)} texts; yours holds "
                    f"{len(test)}."
                )
            if len(test) - max(Counter(test).values()) >= wanted:
                return (
                    f"Of {len(groups)} texts, {share:.0%} should go to test. Yours holds "
                    f"{len(test)}, and would have enough with a group less."
                )


def _with_global_dice(seed, answer, *inputs):
    """The answer while the dice that all share stand elsewhere; then they are put back."""
    state = random.getstate()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        torch.manual_seed(seed)
        try:
            return answer(*inputs)
        finally:
            random.setstate(state)


@grouped_split.check
def the_seed_fixes_it(answer):
    groups = _groups([1] * 40)
    one, other = (_with_global_dice(seed, answer, groups, 0.5, 3) for seed in (11, 12))
    if not torch.equal(one, other):
        return (
            "The same seed gives another split the second time. Make a generator of your own from "
            "the seed, and sort the groups before you shuffle them."
        )
    found = {tuple(answer(groups, 0.5, seed).tolist()) for seed in range(10)}
    if len(found) < 3:
        return "Ten different seeds give (nearly) always the same split. Is the seed used?"


@grouped_split.check
def every_group_may_come_into_test(answer):
    groups = _groups([2] * 5)
    times = sum(answer(groups, 0.4, seed).long() for seed in range(80))
    never = [group for group, count in zip(groups, times.tolist(), strict=True) if count == 0]
    always = [group for group, count in zip(groups, times.tolist(), strict=True) if count == 80]
    for which, word in ((never, "never"), (always, "always")):
        if which:
            return f"Over 80 seeds {which[0]!r} is {word} in test: is the order that random?"


@grouped_split.wrong(a_truth_value_comes_for_each_text, "should come back")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    return torch.tensor([random.Random(seed).random() < test_share for _ in names])


@grouped_split.wrong(a_truth_value_comes_for_each_text, "bool tensor")
def my_grouped_split(groups, test_share, seed):
    return torch.tensor([float(group == groups[0]) for group in groups])


@grouped_split.wrong(no_group_is_on_both_sides, "both sides")
def my_grouped_split(groups, test_share, seed):
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))
    return order < test_share * len(groups)


@grouped_split.wrong(test_holds_its_share_and_no_group_more, "at least")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test = names[: int(test_share * len(names))]  # a share of the groups, not of the texts
    return torch.tensor([group in test for group in groups])


@grouped_split.wrong(test_holds_its_share_and_no_group_more, "with a group less")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test = []
    for name in names:
        test.append(name)
        if sum(group in test for group in groups) > test_share * len(groups):
            break
    return torch.tensor([group in test for group in groups])


@grouped_split.wrong(the_seed_fixes_it, "another split the second time")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.shuffle(names)
    test = set()
    while sum(group in test for group in groups) < test_share * len(groups):
        test.add(names.pop())
    return torch.tensor([group in test for group in groups])


@grouped_split.wrong(the_seed_fixes_it, "Is the seed used?")
def my_grouped_split(groups, test_share, seed):
    names, test = sorted(set(groups)), set()
    while sum(group in test for group in groups) < test_share * len(groups):
        test.add(names.pop(0))
    return torch.tensor([group in test for group in groups])


@grouped_split.wrong(every_group_may_come_into_test, "always in test")
def my_grouped_split(groups, test_share, seed):
    first, *names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test, names = {first}, iter(names)
    while sum(group in test for group in groups) < test_share * len(groups):
        test.add(next(names))
    return torch.tensor([group in test for group in groups])


# --- the human ---------------------------------------------------------------------------------

human = CodeExercise(
    returns=("r",),
    task="""
    Write `my_human(ratings)`. `ratings` `(N, R)` holds the ratings of N texts by R raters each.
    Pair every single rating with the mean of the *other* R - 1 ratings of its text, and return
    Pearson's r over all N x R pairs, a tensor of shape `()`.
    """,
    hints=(
        "All ratings of a text but one: their sum is the sum of all less that one.",
        "`ratings.sum(dim=1, keepdim=True)` is `(N, 1)` and can be subtracted from.",
        "r: subtract each side's mean over all pairs; then the sum of the products over the root "
        "of the product of the two sums of squares.",
    ),
    because="A rater who stands among those he is compared with agrees with himself.",
)


@human.stub
def my_human(ratings):
    """Return r between a rater and the others of the same text: ()."""
    raise NotImplementedError


@human.reference
def my_human(ratings):
    total = ratings.sum(dim=1, keepdim=True)
    others = (total - ratings) / (ratings.shape[1] - 1)
    x = ratings - ratings.mean()
    y = others - others.mean()
    return (x * y).sum() / (x.square().sum() * y.square().sum()).sqrt()


@human.right
def my_human(ratings):
    num_raters = ratings.shape[1]
    others = torch.stack(
        [ratings[:, torch.arange(num_raters) != one].mean(dim=1) for one in range(num_raters)],
        dim=1,
    )
    return torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.right
def my_human(ratings):
    n, r = ratings.shape
    everyone_else = (torch.ones(r, r) - torch.eye(r)).to(ratings) / (r - 1)
    a, b = ratings.reshape(n * r), (ratings @ everyone_else).reshape(n * r)
    spread = a.std(correction=0) * b.std(correction=0)
    return ((a * b).mean() - a.mean() * b.mean()) / spread


@human.right
def my_human(ratings):
    mine, theirs = [], []
    for row in ratings:
        for one in range(len(row)):
            mine.append(row[one])
            theirs.append((row[:one].sum() + row[one + 1 :].sum()) / (len(row) - 1))
    pairs = torch.stack([torch.stack(mine), torch.stack(theirs)])
    pairs = pairs - pairs.mean(dim=1, keepdim=True)
    return torch.cosine_similarity(pairs[0], pairs[1], dim=0, eps=0.0)


def _ratings(num_texts, num_raters, noise=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    truth = torch.randn(num_texts, 1, generator=generator, dtype=torch.float64)
    return truth + noise * torch.randn(
        num_texts, num_raters, generator=generator, dtype=torch.float64
    )


def _r(a, b):
    return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1]


def _others_one_by_one(ratings):
    rows = ratings.tolist()
    return torch.tensor(
        [[(math.fsum(row) - one) / (len(row) - 1) for one in row] for row in rows],
        dtype=ratings.dtype,
    )


@human.check
def one_number_comes_back(answer):
    for dtype in (torch.float64, torch.float32):
        found = answer(_ratings(7, 4).to(dtype))
        if found.shape != ():
            return f"One number should come back, of shape (); yours has {tuple(found.shape)}."
        if found.dtype != dtype:
            return f"{dtype} should come back as {dtype}; yours is {found.dtype}."


@human.check
def rater_is_compared_with_the_others(answer):
    ratings = _ratings(9, 3, seed=1)
    found, wanted = answer(ratings), _r(ratings, _others_one_by_one(ratings))
    if torch.isclose(found, wanted, atol=1e-9):
        return None
    own_mean = ratings.mean(dim=1, keepdim=True).expand_as(ratings)
    if torch.isclose(found, _r(ratings, own_mean), atol=1e-6):
        return (
            "Each rating is compared with a mean that it is itself a part of: the rater agrees "
            "with himself, and r comes out too high."
        )
    others = _others_one_by_one(ratings)
    by_rater = torch.stack([_r(ratings[:, i], others[:, i]) for i in range(3)])
    if torch.isclose(found, by_rater.mean(), atol=1e-9):
        return (
            "That is the mean of one r for each column. The columns are not persons here; take all "
            "pairs together, for one r."
        )
    return (
        f"Nine texts with three raters should not come out at {found.item():.3f}. Work it out for "
        f"two texts on paper, rating by rater."
    )


@human.check
def raters_who_know_nothing_agree_with_nobody(answer):
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(4000, 2, generator=generator, dtype=torch.float64)
    found = answer(noise)
    if abs(found) > 0.06:
        return (
            f"Two raters per text who answer at random should have r near 0; yours is "
            f"{found.item():.2f}."
        )


@human.check
def scale_and_zero_of_the_ratings_play_no_part(answer):
    ratings = _ratings(11, 5, seed=5)
    found, moved = answer(ratings), answer(3 * ratings + 2)
    if not torch.isclose(found, moved, atol=1e-9):
        return (
            f"Ratings in other units, from another zero, should give the same r; yours gives "
            f"{found.item():.3f} and {moved.item():.3f}. Is each mean taken off, and nothing "
            f"cut off?"
        )


@human.check
def gradient_comes_through_human(answer):
    ratings = _ratings(6, 4, seed=6).requires_grad_()
    found = answer(ratings)
    if not found.requires_grad:
        return "No gradient comes back: `.item()`, `.detach()` or NumPy leaves torch on the way."
    (mine,) = torch.autograd.grad(found, ratings)
    others = (ratings.sum(dim=1)[:, None] - ratings) / 3
    (wanted,) = torch.autograd.grad(_r(ratings, others), ratings)
    if not torch.allclose(mine, wanted, atol=1e-8):
        return "Only a part of the gradient comes back: is something on the way detached?"


@human.wrong(one_number_comes_back, "One number")
def my_human(ratings):
    return torch.corrcoef(ratings.T)


@human.wrong(one_number_comes_back, "should come back as")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1].float()


@human.wrong(rater_is_compared_with_the_others, "a part of")
def my_human(ratings):
    means = ratings.mean(dim=1, keepdim=True).expand_as(ratings)
    return torch.corrcoef(torch.stack([ratings.flatten(), means.flatten()]))[0, 1]


@human.wrong(rater_is_compared_with_the_others, "one r for each column")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    columns = range(ratings.shape[1])
    return sum(
        torch.corrcoef(torch.stack([ratings[:, i], others[:, i]]))[0, 1] for i in columns
    ) / len(columns)


@human.wrong(rater_is_compared_with_the_others, "should not come out at")
def my_human(ratings):
    others = ratings.roll(1, dims=1)  # the neighbour alone
    return torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(raters_who_know_nothing_agree_with_nobody, "at random")
def my_human(ratings):
    if ratings.shape[1] == 2:
        return torch.ones((), dtype=ratings.dtype)
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(scale_and_zero_of_the_ratings_play_no_part, "another zero")
def my_human(ratings):
    ratings = ratings.clamp(-4, 4)  # "the scale ends there"
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(gradient_comes_through_human, "No gradient")
def my_human(ratings):
    ratings = ratings.detach()
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(gradient_comes_through_human, "Only a part")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return torch.corrcoef(torch.stack([ratings.flatten(), others.detach().flatten()]))[0, 1]


ceiling = Number(
    kind="Derive",
    answer_name="ceiling_answer",
    form="a correlation r",
    task="""
    Ten raters a text, split in halves of five. The means of the two halves correlate at 0.68. A
    model that knew what an endless crowd would say is tested against the mean of all ten. Which r
    does it reach?
    """,
    truth=lambda: math.sqrt(2 * 0.68 / (1 + 0.68)),
    factor=1.004,
    traps=(
        (0.68, "That is how well *five* raters agree with five others. The model errs less."),
        (
            2 * 0.68 / (1 + 0.68),
            "That is how well ten raters agree with ten others: noise on both sides. The model has "
            "none.",
        ),
        (math.sqrt(0.68), "That would be its r against the mean of *five* raters."),
    ),
    hints=(
        "First from five raters to ten, by the formula of Spearman and Brown, 2r / (1 + r).",
        "Reliability is r between two noisy means. Here one side is without noise: what share of "
        "the reliability's logarithm is one side's?",
    ),
    because="One noisy side costs the square root of what two noisy sides cost.",
)

# --- the matrix --------------------------------------------------------------------------------

best_source = Choice(
    kind="Predict, then run",
    answer_name="best_source_guess",
    task="""
    Ridge regression on a frozen encoder's features learns ratings from 500 texts of *one* source,
    and predicts those of newspaper editorials. Which source serves best?
    """,
    options={
        "a": "films: long sentences, careful prose, like editorials",
        "b": "products: opinions of things",
        "c": "tweets: short, with smileys",
    },
    right="c",
    reasons={
        "a": "Films look nearest, and on this page they transfer worst. A film's *war* is not a "
        "war.",
        "b": "Better than films, but not the best here.",
        "c": "Tweets say of all sorts of things, in plain words, that they are good or bad. Films "
        "and products speak of one kind of thing each.",
    },
    hints=("Which of the three speaks of the most different things?",),
)

# --- the paired difference ---------------------------------------------------------------------

paired = CodeExercise(
    returns=("differences",),
    task="""
    Write `my_paired(a, b, ratings, draws)`. Two methods' predictions `a` and `b` and the true
    `ratings` are `(N,)`. Each row of `draws` `(B, N)` is one resample: the numbers of the texts
    that it holds, with repetitions. Return, for each resample, r of `a` minus r of `b`, both
    against the ratings: a tensor `(B,)`.
    """,
    hints=(
        "`a[draws]` is `(B, N)`: each row a resample of a's predictions.",
        "All three are indexed by the *same* draws, so that a text brings its rating along and "
        "both methods meet the same texts.",
        "r along the last axis: take the mean off, then the sum of the products over the root of "
        "the product of the two sums of squares.",
    ),
    because="What makes a resample easy makes it easy for both, and drops out of the difference.",
)


@paired.stub
def my_paired(a, b, ratings, draws):
    """Return r of a minus r of b in each resample: (B,)."""
    raise NotImplementedError


@paired.reference
def my_paired(a, b, ratings, draws):
    def r(x, y):
        x = x - x.mean(dim=-1, keepdim=True)
        y = y - y.mean(dim=-1, keepdim=True)
        return (x * y).sum(dim=-1) / (x.square().sum(dim=-1) * y.square().sum(dim=-1)).sqrt()

    return r(a[draws], ratings[draws]) - r(b[draws], ratings[draws])


@paired.right
def my_paired(a, b, ratings, draws):
    differences = []
    for texts in draws:
        r = torch.corrcoef(torch.stack([a[texts], b[texts], ratings[texts]]))
        differences.append(r[0, 2] - r[1, 2])
    return torch.stack(differences)


@paired.right
def my_paired(a, b, ratings, draws):
    columns = torch.stack([a, b, ratings])[:, draws]  # (3, B, N)
    columns = columns - columns.mean(dim=2, keepdim=True)
    columns = columns / columns.norm(dim=2, keepdim=True)
    r = (columns[:2] * columns[2]).sum(dim=2)
    return r[0] - r[1]


@paired.right
def my_paired(a, b, ratings, draws):
    y = ratings[draws]
    y = (y - y.mean(1, keepdim=True)) / y.std(1, keepdim=True)
    found = []
    for method in (a, b):
        x = method[draws]
        found.append((x * y).sum(1) / x.std(1) / (x.shape[1] - 1))
    return found[0] - found[1]


def _methods(num_texts, num_draws, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    ratings = torch.randn(num_texts, generator=generator, dtype=dtype)
    noise = torch.randn(2, num_texts, generator=generator, dtype=dtype)
    draws = torch.randint(num_texts, (num_draws, num_texts), generator=generator)
    return ratings + 0.7 * noise[0] + 3, 0.5 * ratings + noise[1] - 1, ratings + 2, draws


def _one_at_a_time(a, b, ratings, draws):
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in draws]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows])


@paired.check
def one_difference_for_each_resample(answer):
    for dtype in (torch.float32, torch.float64):
        found = answer(*_methods(8, 5, dtype=dtype))
        if found.shape != (5,):
            return (
                f"Five resamples of eight texts should give (5,); yours gives {tuple(found.shape)}."
            )
        if found.dtype != dtype:
            return f"{dtype} should come back as {dtype}; yours is {found.dtype}."


@paired.check
def a_method_never_differs_from_itself(answer):
    a, _, ratings, draws = _methods(9, 40, seed=1)
    found = answer(a, a.clone(), ratings, draws)
    if found.abs().max() > 1e-9:
        return (
            "With the same predictions for both methods, every difference should be 0; yours goes "
            f"up to {found.abs().max().item():.2f}. Are both measured on the same texts?"
        )


@paired.check
def all_texts_once_is_the_plain_difference(answer):
    a, b, ratings, _ = _methods(12, 1, seed=2)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))
    found = answer(a, b, ratings, order[None])
    wanted = _r(a, ratings) - _r(b, ratings)
    if torch.allclose(found, wanted, atol=1e-9):
        return None
    if torch.allclose(found, -wanted, atol=1e-9):
        return "The sign is turned: r of `a` comes first, then r of `b` is taken off."
    return (
        "A resample that holds every text once, in another order, should give the plain "
        f"difference of the two r, {wanted.item():.3f}; yours gives {found[0].item():.3f}."
    )


@paired.check
def each_resample_holds_the_texts_that_were_drawn(answer):
    inputs = _methods(10, 30, seed=3)
    found, wanted = answer(*inputs), _one_at_a_time(*inputs)
    if not torch.allclose(found, wanted, atol=1e-9):
        row = int((found - wanted).abs().argmax())
        return (
            f"Resample {row} should give {wanted[row].item():.3f}, worked out by itself; yours "
            f"gives {found[row].item():.3f}. Does a text that was drawn twice count twice, with "
            f"its rating?"
        )


@paired.check
def gradient_comes_through_paired(answer):
    *floats, draws = _methods(7, 6, seed=4)
    floats = [one.requires_grad_() for one in floats]
    found = answer(*floats, draws)
    if not found.requires_grad:
        return "No gradient comes back: `.item()`, `.detach()` or NumPy leaves torch on the way."
    mine = torch.autograd.grad(found.square().sum(), floats, allow_unused=True)
    wanted = torch.autograd.grad(_one_at_a_time(*floats, draws).square().sum(), floats)
    for name, one, other in zip(("a", "b", "ratings"), mine, wanted, strict=True):
        if one is None or not torch.allclose(one, other, atol=1e-8):
            return f"The gradient by `{name}` is not whole: is something on the way detached?"


@paired.wrong(one_difference_for_each_resample, "should give (5,)")
def my_paired(a, b, ratings, draws):
    r = torch.corrcoef(torch.stack([a, b, ratings]))
    return r[0, 2] - r[1, 2]


@paired.wrong(one_difference_for_each_resample, "should come back as")
def my_paired(a, b, ratings, draws):
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in draws]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows]).float()


@paired.wrong(a_method_never_differs_from_itself, "same texts")
def my_paired(a, b, ratings, draws):
    def r(x, row):
        return torch.corrcoef(torch.stack([x[row], ratings[row]]))[0, 1]

    others = draws.flip(0)  # b on resamples of its own
    return torch.stack([r(a, row) - r(b, row2) for row, row2 in zip(draws, others, strict=True)])


@paired.wrong(all_texts_once_is_the_plain_difference, "sign is turned")
def my_paired(a, b, ratings, draws):
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in draws]
    return torch.stack([r[1, 2] - r[0, 2] for r in rows])


@paired.wrong(all_texts_once_is_the_plain_difference, "in another order")
def my_paired(a, b, ratings, draws):
    rows = [torch.corrcoef(torch.stack([a[row], b[row], ratings])) for row in draws]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows])


@paired.wrong(each_resample_holds_the_texts_that_were_drawn, "drawn twice")
def my_paired(a, b, ratings, draws):
    rows = [row.unique() for row in draws]
    rs = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in rows]
    return torch.stack([r[0, 2] - r[1, 2] for r in rs])


@paired.wrong(gradient_comes_through_paired, "No gradient")
def my_paired(a, b, ratings, draws):
    a, b, ratings = a.detach(), b.detach(), ratings.detach()
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in draws]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows])


@paired.wrong(gradient_comes_through_paired, "by `ratings` is not whole")
def my_paired(a, b, ratings, draws):
    ratings = ratings.detach()
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in draws]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows])


# --- the protocol ------------------------------------------------------------------------------

steps = Ordering(
    kind="Order",
    answer_name="steps_answer",
    task="Put the steps of a fair comparison in order.",
    items={
        "a": "Train the settings that were kept, with several seeds.",
        "b": "Work out intervals and paired differences, and correct for how many there are.",
        "c": "Split by whole groups, and publish the split's hash.",
        "d": "Give each method the same number of trials, and keep its best on validation texts.",
        "e": "Predict the test texts, once.",
    },
    right="cdaeb",
    rule="What does each step need that another one makes? And when may test be seen?",
    hints=("Validation texts have to exist before anything can be chosen on them.",),
    because="Test comes after everything that could be chosen.",
)

unfair = Choice(
    kind="Criticise a claim",
    answer_name="unfair_answer",
    task="""
    "We adapt to editorials by five methods with twelve settings each; the baseline runs at its
    defaults. The best of the sixty runs reaches r = 0.56 on the 995 test sentences, against 0.53: a
    gain of 0.03 with p = 0.04, from a bootstrap over sentences." Which objections hold? Give all.
    """,
    options={
        "a": "The settings were chosen by what is good on the test sentences.",
        "b": "The baseline had one trial, the others had sixty.",
        "c": "p = 0.04 is for one comparison, and it is the best of many.",
        "d": "r may not be compared between methods.",
        "e": "Sentences of one article are not independent; resample articles.",
    },
    right="abce",
    reasons={
        "a": "True: the best of sixty on test is lucky there, and would not be elsewhere.",
        "b": "True: some of the gain may be what searching gives to anyone.",
        "c": "True: of five methods that gain nothing, the best one often looks like this.",
        "d": "On the same texts and ratings it may; that is what a paired difference does.",
        "e": "True: the interval over sentences is too narrow.",
    },
    hints=("Go through the steps of the protocol: which of them was left out?",),
)
