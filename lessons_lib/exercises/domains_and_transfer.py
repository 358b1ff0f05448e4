"""The exercises of the chapter on domains and transfer."""

import itertools
import math
import random
import statistics
from collections import Counter

import torch

from .engine.declare import CodeExercise
from .engine.oracles import told_apart
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
    In the chapter on pre-training, an encoder that had learnt from film snippets gave better
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
        "a": "*It was unpredictable* praises a film and condemns a brake.",
        "b": "Half of the film reviews are strongly negative, and hardly any editorial is.",
        "c": "Tweets hold smileys, and editorials hold none.",
        "d": "*A quiet film*: one group of raters loves action films, another sleeps badly.",
    },
    right="ad",
    reasons={
        "a": "The same sentence, and what it says about the thing is the opposite.",
        "b": "Only the mixture of ratings differs: prior shift.",
        "c": "Only the inputs differ: covariate shift. What a smiley would mean in an editorial is "
        "another question.",
        "d": "The same text, other raters, another rating: the rule from text to rating differs.",
    },
    hints=("Hold the text fixed. Does its rating change?",),
)

# --- a grouped split ---------------------------------------------------------------------------

grouped_split = CodeExercise(
    returns=("is_test",),
    task="""
    Write `my_grouped_split(groups, test_share, seed)`. `groups` is a list of N strings, each text's
    group, in any order. Put whole groups into test until it holds at least `test_share` of the
    *texts*: in a random order that `seed` fixes, with every group equally likely to come first.
    Leave `groups` as it is. Return a bool tensor `(N,)`, True = test.
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
    """Return a bool tensor (N,), True for test; no group is on both sides."""
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
    ends = list(itertools.accumulate(sizes[name] for name in names))
    wanted = test_share * len(groups)
    test = {name for place, name in enumerate(names) if ends[place] - sizes[name] < wanted}
    return torch.tensor([group in test for group in groups])


@grouped_split.right
def my_grouped_split(groups, test_share, seed):
    id_of = {name: number for number, name in enumerate(dict.fromkeys(groups))}
    ids = torch.tensor([id_of[group] for group in groups])
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(len(groups), dtype=torch.bool)
    for place in torch.randperm(len(id_of), generator=generator):
        if mask.float().mean() < test_share:
            mask = mask | (ids == place)
    return mask


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
    mixed = [1, 5, 2, 7, 3, 4]
    uneven = [1, 1, 1, 1, 1, 1, 30]
    for sizes, share in (
        *(([1] * 8, 0.25), (mixed, 0.4), ([3] * 8, 0.5), ([2] * 6, 0.05)),
        *((uneven, 0.3), ([20, 1, 1, 2, 12], 0.5)),
    ):
        for seed in range(8):
            groups = _groups(sizes, seed)
            _, test = _sides(groups, answer(groups, share, seed).tolist())
            wanted = share * len(groups)
            if len(test) < wanted:
                return (
                    f"Test should hold at least {share:.0%} of {len(groups)} texts; yours holds "
                    f"{len(test)}. {_why_too_few(answer, _groups(mixed))}"
                )
            if len(test) - max(Counter(test).values()) >= wanted:
                return (
                    f"Of {len(groups)} texts, {share:.0%} should go to test. Yours holds "
                    f"{len(test)}, and would have enough with a group less."
                )


def _why_too_few(answer, groups):
    """Does it take as many groups each time, or as many as fit under the line?"""
    counts = {len(set(_sides(groups, answer(groups, 0.4, seed).tolist())[1])) for seed in range(9)}
    if len(counts) == 1:
        return "Is it a share of the texts, or of the groups?"
    return "It stops before the group that leads over that line; this one still goes in."


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
def names_that_begin_alike_are_different_groups(answer):
    groups = [name for number in range(1, 13) for name in [f"article {number}"] * 2]
    for seed in range(60):
        found = answer(groups, 0.05, seed).tolist()
        _, test = _sides(groups, found)
        if len(set(test)) != 1:
            return (
                f"One group of two texts would be enough here; yours takes {sorted(set(test))}. "
                "Are names compared as a whole?"
            )


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


@grouped_split.check
def large_groups_have_no_advantage(answer):
    groups = _groups([1, 1, 1, 1, 16])
    large = groups.index("article 4")
    times = sum(bool(answer(groups, 0.05, seed)[large]) for seed in range(80))
    if times > 36:
        return (
            f"Of five groups one is drawn, so each should come about 16 times in 80; the one with "
            f"most texts came {times} times. Draw among the groups, each once."
        )


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


@grouped_split.wrong(test_holds_its_share_and_no_group_more, "this one still goes in")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test, size = set(), 0
    for name in names:
        if size + groups.count(name) > test_share * len(groups):
            break
        test.add(name)
        size += groups.count(name)
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


@grouped_split.wrong(a_truth_value_comes_for_each_text, "Work on a copy")
def my_grouped_split(groups, test_share, seed):
    mixed = sorted(set(groups))
    random.Random(seed).shuffle(mixed)
    test, size = set(), 0
    for name in mixed:
        if size < test_share * len(groups):
            test.add(name)
            size += groups.count(name)
    found = torch.tensor([group in test for group in groups])
    groups.sort()
    return found


@grouped_split.wrong(names_that_begin_alike_are_different_groups, "compared as a whole")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test, size = [], 0
    for name in names:
        if size >= test_share * len(groups):
            break
        test.append(name)
        size += groups.count(name)
    return torch.tensor([any(group.startswith(name) for name in test) for group in groups])


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


@grouped_split.wrong(large_groups_have_no_advantage, "each once")
def my_grouped_split(groups, test_share, seed):
    texts = random.Random(seed).sample(groups, k=len(groups))  # a group for each of its texts
    test = set()
    for group in texts:
        if sum(one in test for one in groups) < test_share * len(groups):
            test.add(group)
    return torch.tensor([group in test for group in groups])


@grouped_split.wrong(every_group_may_come_into_test, "always in test")
def my_grouped_split(groups, test_share, seed):
    first, *names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test, names = {first}, iter(names)
    while sum(group in test for group in groups) < test_share * len(groups):
        test.add(next(names))
    return torch.tensor([group in test for group in groups])


@grouped_split.check
def large_groups_come_into_test_too(answer):
    groups = _groups([1, 1, 1, 1, 16])
    large = groups.index("article 4")
    times = sum(bool(answer(groups, 0.05, seed)[large]) for seed in range(80))
    if times < 4:
        return (
            f"Of five groups one is drawn, so each should come about 16 times in 80; the one with "
            f"most texts came {times} times. Is it put back, or sorted to the end?"
        )


def _wrong_split(is_test, groups, test_share, seed):
    """What is wrong with a split, whatever the dice said."""
    if is_test.dtype != torch.bool or is_test.shape != (len(groups),):
        return f"{len(groups)} truth values should come back, one for each text."
    train, test = _sides(groups, is_test.tolist())
    if both := set(train) & set(test):
        return f"{min(both)!r} has texts on both sides."
    wanted = test_share * len(groups) - 1e-6
    if len(test) < wanted:
        return (
            f"test should hold at least {test_share:.0%} of the {len(groups)} texts, "
            f"{test_share * len(groups):.4g}; yours holds {len(test)}."
        )
    if test and len(test) - max(Counter(test).values()) >= wanted + 2e-6:
        return f"test holds {len(test)} texts, and would have enough with a group less."


@grouped_split.inputs(holds=_wrong_split)
def split_calls(draw):
    num_texts, num_groups = draw.sizes(texts=300, groups=65)
    names = [f"review {number}" for number in range(num_groups)]
    groups = [draw.one_of(*names) for _ in range(num_texts)]
    return groups, draw.one_of(0.1, 0.2, 0.32, 0.5, 0.75, 0.9), draw.whole(0, 999)


@grouped_split.wrong(large_groups_come_into_test_too, "came 0 times")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    names.sort(key=lambda name: groups.count(name) > 0.7 * len(groups))
    test, size = set(), 0
    for name in names:
        if size >= test_share * len(groups):
            break
        test.add(name)
        size += groups.count(name)
    return torch.tensor([group in test for group in groups])


@grouped_split.wrong(split_calls, "should hold at least")
def my_grouped_split(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    test, size = set(), 0
    for name in names:
        if size >= round(test_share * len(groups)):
            break
        test.add(name)
        size += groups.count(name)
    return torch.tensor([group in test for group in groups])


# --- the human ---------------------------------------------------------------------------------

human = CodeExercise(
    returns=("others", "r"),
    task="""
    Write `my_human(ratings)`. `ratings` `(N, R)` holds the ratings of N texts by R raters each.
    Return `others` `(N, R)`, for every single rating the mean of the *other* R - 1 ratings of its
    text; and `r` `()`, Pearson's r between `ratings` and `others` over all N x R pairs. Stay in
    torch: the dtype is kept, and gradients come through.
    """,
    hints=(
        "All ratings of a text but one: their sum is the sum of all less that one.",
        "`ratings.sum(dim=1, keepdim=True)` is `(N, 1)` and can be subtracted from.",
        "`torch.corrcoef` of two rows is a 2 x 2 matrix; r stands off its diagonal.",
    ),
    because="A rater who stands among those he is compared with agrees with himself.",
)


@human.stub
def my_human(ratings):
    """Return what the others said (N, R), and r with them: ()."""
    raise NotImplementedError


@human.reference
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    pairs = torch.stack([ratings.flatten(), others.flatten()])
    return others, torch.corrcoef(pairs)[0, 1]


@human.right
def my_human(ratings):
    _, r = ratings.shape
    others = [ratings[:, torch.arange(r) != one].mean(dim=1) for one in range(r)]
    others = torch.stack(others, dim=1)
    x, y = ratings - ratings.mean(), others - others.mean()
    return others, (x * y).sum() / (x.square().sum() * y.square().sum()).sqrt()


@human.right
def my_human(ratings):
    _, r = ratings.shape
    rows = (torch.ones(r, r) - torch.eye(r)).to(ratings) / (r - 1)
    others = ratings @ rows
    spread = ratings.std(correction=0) * others.std(correction=0)
    return others, ((ratings - ratings.mean()) * (others - others.mean())).mean() / spread


@human.right
def my_human(ratings):
    mine, theirs = [], []
    for row in ratings:
        for one in range(len(row)):
            mine.append(row[one])
            theirs.append((row[:one].sum() + row[one + 1 :].sum()) / (len(row) - 1))
    a, b = torch.stack(mine), torch.stack(theirs)
    r = torch.cosine_similarity(a - a.mean(), b - b.mean(), dim=0)
    return b.reshape(ratings.shape), r


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


_SAME_N = "one of its parts divides by n, another by n - 1. Take the same in both."


def _mixes_n(r: float, wanted: float, n: int) -> bool:
    """Is r as large as it gets where covariance and spread are not divided by the same number?"""
    return any(abs(r - wanted * off) < 1e-9 for off in ((n - 1) / n, n / (n - 1)))


@human.check
def both_have_their_shapes(answer):
    for dtype in (torch.float64, torch.float32):
        others, r = answer(_ratings(7, 4).to(dtype))
        if others.shape != (7, 4) or r.shape != ():
            return (
                f"Ratings (7, 4) should give `others` (7, 4) and `r` (); yours are "
                f"{tuple(others.shape)} and {tuple(r.shape)}."
            )
        if (others.dtype, r.dtype) != (dtype, dtype):
            return f"{dtype} should come back as {dtype}; yours are {others.dtype} and {r.dtype}."


@human.check
def others_are_all_but_oneself(answer):
    ratings = _ratings(9, 3, seed=1)
    others, _ = answer(ratings)
    if torch.allclose(others, _others_one_by_one(ratings), atol=1e-9):
        return None
    if torch.allclose(others, ratings.mean(dim=1, keepdim=True).expand_as(ratings)):
        return (
            "Each rating is compared with a mean that it is itself a part of: the rater agrees "
            "with himself, and r comes out too high."
        )
    if torch.allclose(others * 3, _others_one_by_one(ratings) * 2):
        return "What the other two said is divided by 3, the number of *all* raters."
    if torch.allclose(others, _others_one_by_one(ratings) * 2):
        return "That is the sum of what the other two said; wanted is their mean."
    row = [round(rating, 2) for rating in ratings[0].tolist()]
    return (
        f"Of ratings {row}, what the other two said to the first of them is not "
        f"{others[0, 0].item():.2f}. Work it out on paper, rating by rater."
    )


@human.check
def r_is_over_all_pairs(answer):
    for size, seed in (((9, 3), 1), ((2, 5), 2), ((30, 2), 3)):
        ratings = 2 * _ratings(*size, seed=seed) + 1
        others = _others_one_by_one(ratings)
        _, r = answer(ratings)
        wanted = statistics.correlation(ratings.flatten().tolist(), others.flatten().tolist())
        if abs(r.item() - wanted) > 1e-9:
            by_rater = [_r(ratings[:, i], others[:, i]) for i in range(size[1])]
            if torch.isclose(r, sum(by_rater) / size[1], atol=1e-9):
                return (
                    "That is the mean of one r for each column. The columns are not persons here; "
                    "take all pairs together, for one r."
                )
            if _mixes_n(r.item(), wanted, ratings.numel()):
                return f"`r` is off by a factor of (n - 1) / n: {_SAME_N}"
            return (
                f"For {size[0]} texts with {size[1]} raters, `r` does not fit its `others`: it "
                f"comes out at {r.item():.3f}. Are both sides centred, over all pairs?"
            )


@human.check
def gradient_comes_through_human(answer):
    ratings = _ratings(6, 4, seed=6).requires_grad_()
    others, r = answer(ratings)
    if not (others.requires_grad and r.requires_grad):
        return "No gradient comes back: `.item()`, `.detach()` or NumPy leaves torch on the way."
    mine = [torch.autograd.grad(x.square().sum(), ratings, retain_graph=True) for x in (others, r)]
    theirs = (ratings @ (1 - torch.eye(4, dtype=ratings.dtype))) / 3
    wanted = [
        torch.autograd.grad(x.square().sum(), ratings, retain_graph=True)
        for x in (theirs, _r(ratings, theirs))
    ]
    for (one,), (other,) in zip(mine, wanted, strict=True):
        if not torch.allclose(one, other, atol=1e-8):
            return "Only a part of the gradient comes back: is something on the way detached?"


@human.wrong(both_have_their_shapes, "`r` ()")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return others, torch.corrcoef(ratings.T)


@human.wrong(both_have_their_shapes, "should come back as")
def my_human(ratings):
    ratings = ratings.double()
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return others, torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(others_are_all_but_oneself, "a part of")
def my_human(ratings):
    others = ratings.mean(dim=1, keepdim=True).expand_as(ratings)
    return others, torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(others_are_all_but_oneself, "on paper")
def my_human(ratings):
    others = ratings.roll(1, dims=1)  # the neighbour alone
    return others, torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(others_are_all_but_oneself, "divided by 3")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / ratings.shape[1]
    return others, torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(others_are_all_but_oneself, "wanted is their mean")
def my_human(ratings):
    others = ratings.sum(dim=1, keepdim=True) - ratings
    return others, torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(r_is_over_all_pairs, "another by n - 1")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    x, y = ratings - ratings.mean(), others - others.mean()
    return others, (x * y).mean() / (ratings.std() * others.std())


@human.wrong(r_is_over_all_pairs, "one r for each column")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    columns = range(ratings.shape[1])
    r = [torch.corrcoef(torch.stack([ratings[:, i], others[:, i]]))[0, 1] for i in columns]
    return others, sum(r) / len(r)


@human.wrong(r_is_over_all_pairs, "Are both sides centred")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return others, torch.cosine_similarity(ratings.flatten(), others.flatten(), dim=0)


@human.wrong(gradient_comes_through_human, "No gradient")
def my_human(ratings):
    ratings = ratings.detach()
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    return others, torch.corrcoef(torch.stack([ratings.flatten(), others.flatten()]))[0, 1]


@human.wrong(gradient_comes_through_human, "Only a part")
def my_human(ratings):
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (ratings.shape[1] - 1)
    pairs = torch.stack([ratings.flatten(), others.detach().flatten()])
    return others, torch.corrcoef(pairs)[0, 1]


def _by_matrix(ratings):
    """The oracle for all sizes: the others' mean as a product with a matrix."""
    num_raters = ratings.shape[1]
    others = ratings @ (1 - torch.eye(num_raters, dtype=ratings.dtype)) / (num_raters - 1)
    return others, _r(ratings, others)


@human.inputs(oracle=_by_matrix)
def human_calls(draw):
    """Three raters at least, and three texts where numbers or gradients need care."""
    num_texts, num_raters = draw.sizes(texts=300, raters=(3, 17))
    if draw.wants_gradient:
        num_texts = max(num_texts, 3)
    if num_texts < 3:  # r is -1 for one text, by a hair's breadth
        return (draw.floats(num_texts, num_raters),)
    scale, offset = draw.scale(1, 100), draw.offset(0, 1_000)
    return (draw.floats(num_texts, num_raters, scale=scale, offset=offset),)


@human.wrong(human_calls, "does a difference of two large numbers lose its digits")
def my_human(ratings):
    num_raters = ratings.shape[1]
    others = (ratings.sum(dim=1, keepdim=True) - ratings) / (num_raters - 1)
    spread_mine = ratings.square().mean() - ratings.mean().square()
    spread_theirs = others.square().mean() - others.mean().square()
    together = (ratings * others).mean() - ratings.mean() * others.mean()
    return others, together / (spread_mine * spread_theirs).sqrt()


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
        "Reliability is r between two noisy means, and each side's noise costs the same factor. "
        "Here only one side is noisy.",
    ),
    because="One noisy side costs the square root of what two noisy sides cost.",
)

# --- the matrix --------------------------------------------------------------------------------

who_reads_tweets = Ordering(
    kind="Predict, then run",
    answer_name="who_reads_tweets_guess",
    task="""
    Who predicts the ratings of tweets best? Put them in order, from the highest r to the lowest.
    *Encoder* is ridge regression on a frozen encoder's features, *words* on counted words, both
    from 500 rated texts; VADER is a lexicon with rules, made for social media.
    """,
    items={
        "a": "words, learnt from film reviews",
        "b": "the encoder, learnt from tweets",
        "c": "VADER",
        "d": "words, learnt from tweets",
        "e": "the encoder, learnt from film reviews",
    },
    right="cbeda",
    rule="Two things count: what was it made for, and does a word that it never saw in training "
    "mean anything to it?",
    hints=(
        "How many words of a tweet stand in 500 film reviews? And how many did the encoder read, "
        "long before?",
    ),
    because="Made for tweets beats learnt from 500 of them; and what the encoder knew before "
    "outweighs the right domain.",
)

# --- the paired difference ---------------------------------------------------------------------

paired = CodeExercise(
    returns=("differences",),
    task="""
    Write `my_paired(a, b, ratings, chosen)`. Two methods' predictions `a` and `b` and the true
    `ratings` are `(N,)`. Each row of `chosen` `(B, N)` is one resample: the numbers of the texts
    that it holds, with repetitions. Return, for each resample, r of `a` minus r of `b`, both
    against the ratings: a tensor `(B,)`, of the dtype of `a`, gradients included.
    """,
    hints=(
        "`a[chosen]` is `(B, N)`: each row a resample of a's predictions.",
        "All three are indexed by the *same* numbers, so that a text brings its rating along and "
        "both methods meet the same texts.",
        "r along the last axis: take the mean off, then the sum of the products over the root of "
        "the product of the two sums of squares.",
    ),
    because="What makes a resample easy makes it easy for both, and drops out of the difference.",
)


@paired.stub
def my_paired(a, b, ratings, chosen):
    """Return r of a minus r of b in each resample: (B,)."""
    raise NotImplementedError


@paired.reference
def my_paired(a, b, ratings, chosen):
    def r(x, y):
        x = x - x.mean(dim=-1, keepdim=True)
        y = y - y.mean(dim=-1, keepdim=True)
        spread = x.square().sum(dim=-1) * y.square().sum(dim=-1)
        return (x * y).sum(dim=-1) / spread.sqrt()

    return r(a[chosen], ratings[chosen]) - r(b[chosen], ratings[chosen])


@paired.right
def my_paired(a, b, ratings, chosen):
    differences = []
    for row in chosen:
        r = torch.corrcoef(torch.stack([a[row], b[row], ratings[row]]))
        differences.append(r[0, 2] - r[1, 2])
    return torch.stack(differences)


@paired.right
def my_paired(a, b, ratings, chosen):
    drawn = torch.stack([a, b, ratings])[:, chosen]  # (3, B, N)
    centred = drawn - drawn.mean(dim=2, keepdim=True)
    of_a, of_b, y = centred / centred.norm(dim=2, keepdim=True)
    return ((of_a - of_b) * y).sum(dim=1)


@paired.right
def my_paired(a, b, ratings, chosen):
    y = ratings[chosen]
    y = (y - y.mean(1, keepdim=True)) / y.std(1, correction=0, keepdim=True)
    x = torch.stack([a[chosen], b[chosen]])  # (2, B, N)
    x = x - x.mean(2, keepdim=True)
    r_a, r_b = (x * y).mean(2) / x.std(2, correction=0)
    return r_a - r_b


def _methods(num_texts, num_draws, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    ratings = torch.randn(num_texts, generator=generator, dtype=dtype)
    noise = torch.randn(2, num_texts, generator=generator, dtype=dtype)
    chosen = torch.randint(num_texts, (num_draws, num_texts), generator=generator)
    return ratings + 0.7 * noise[0] + 3, 0.5 * ratings + noise[1] - 1, ratings + 2, chosen


def _one_at_a_time(a, b, ratings, chosen):
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in chosen]
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
    a, _, ratings, chosen = _methods(9, 40, seed=1)
    found = answer(a, a.clone(), ratings, chosen)
    if found.abs().max() > 1e-9:
        return (
            "With the same predictions for both methods, every difference should be 0; yours goes "
            f"up to {found.abs().max().item():.2g}. Are both measured on the same texts?"
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
    if _mixes_n(found[0].item(), wanted.item(), 12):
        return f"Each r is off by a factor of (n - 1) / n: {_SAME_N}"
    mine, right = told_apart(found[0].item(), wanted.item())
    cause = " Is something small added to a sum?" if abs(found[0] / wanted - 1) < 1e-3 else ""
    return (
        "A resample that holds every text once, in another order, should give the plain "
        f"difference of the two r, {right}; yours gives {mine}.{cause}"
    )


@paired.check
def each_resample_holds_the_texts_that_were_drawn(answer):
    inputs = _methods(10, 30, seed=3)
    found, wanted = answer(*inputs), _one_at_a_time(*inputs)
    if not torch.allclose(found, wanted, atol=1e-9):
        row = int((found - wanted).abs().argmax())
        mine, right = told_apart(found[row].item(), wanted[row].item())
        return (
            f"Resample {row} should give {right}, worked out by itself; yours gives {mine}. Does a "
            f"text that was drawn twice count twice, with its rating?"
        )


@paired.check
def gradient_comes_through_paired(answer):
    *floats, chosen = _methods(7, 6, seed=4)
    floats = [one.requires_grad_() for one in floats]
    found = answer(*floats, chosen)
    if not found.requires_grad:
        return "No gradient comes back: `.item()`, `.detach()` or NumPy leaves torch on the way."
    mine = torch.autograd.grad(found.square().sum(), floats, allow_unused=True)
    wanted = torch.autograd.grad(_one_at_a_time(*floats, chosen).square().sum(), floats)
    for name, one, other in zip(("a", "b", "ratings"), mine, wanted, strict=True):
        if one is None or not torch.allclose(one, other, atol=1e-8):
            return f"The gradient by `{name}` is not whole: is something on the way detached?"


@paired.wrong(one_difference_for_each_resample, "should give (5,)")
def my_paired(a, b, ratings, chosen):
    r = torch.corrcoef(torch.stack([a, b, ratings]))
    return r[0, 2] - r[1, 2]


@paired.wrong(one_difference_for_each_resample, "should come back as")
def my_paired(a, b, ratings, chosen):
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in chosen]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows]).float()


@paired.wrong(a_method_never_differs_from_itself, "same texts")
def my_paired(a, b, ratings, chosen):
    def r(x, row):
        return torch.corrcoef(torch.stack([x[row], ratings[row]]))[0, 1]

    others = chosen.flip(0)  # b on resamples of its own
    return torch.stack([r(a, row) - r(b, row2) for row, row2 in zip(chosen, others, strict=True)])


@paired.wrong(all_texts_once_is_the_plain_difference, "sign is turned")
def my_paired(a, b, ratings, chosen):
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in chosen]
    return torch.stack([r[1, 2] - r[0, 2] for r in rows])


@paired.wrong(all_texts_once_is_the_plain_difference, "another by n - 1")
def my_paired(a, b, ratings, chosen):
    def r(x, y):
        x, y = x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True)
        return (x * y).mean(dim=1) / (x.std(dim=1) * y.std(dim=1))

    return r(a[chosen], ratings[chosen]) - r(b[chosen], ratings[chosen])


@paired.wrong(all_texts_once_is_the_plain_difference, "0.224974; yours gives 0.224972. Is")
def my_paired(a, b, ratings, chosen):
    def r(x, y):
        x, y = x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True)
        return (x * y).sum(dim=1) / (x.norm(dim=1) * y.norm(dim=1) + 1e-4)

    return r(a[chosen], ratings[chosen]) - r(b[chosen], ratings[chosen])


@paired.wrong(all_texts_once_is_the_plain_difference, "in another order")
def my_paired(a, b, ratings, chosen):
    rows = [torch.corrcoef(torch.stack([a[row], b[row], ratings])) for row in chosen]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows])


@paired.wrong(each_resample_holds_the_texts_that_were_drawn, "drawn twice")
def my_paired(a, b, ratings, chosen):
    rows = [row.unique() for row in chosen]
    rs = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in rows]
    return torch.stack([r[0, 2] - r[1, 2] for r in rs])


@paired.wrong(gradient_comes_through_paired, "No gradient")
def my_paired(a, b, ratings, chosen):
    a, b, ratings = a.detach(), b.detach(), ratings.detach()
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in chosen]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows])


@paired.wrong(gradient_comes_through_paired, "by `ratings` is not whole")
def my_paired(a, b, ratings, chosen):
    ratings = ratings.detach()
    rows = [torch.corrcoef(torch.stack([x[row] for x in (a, b, ratings)])) for row in chosen]
    return torch.stack([r[0, 2] - r[1, 2] for r in rows])


def _by_cosine(a, b, ratings, chosen):
    """The oracle for all sizes: r is the cosine of what is left when the means are taken away."""
    a, b, y = (x[chosen] - x[chosen].mean(dim=1, keepdim=True) for x in (a, b, ratings))
    return torch.cosine_similarity(a, y, dim=1) - torch.cosine_similarity(b, y, dim=1)


@paired.inputs(oracle=_by_cosine)
def paired_calls(draw):
    """Each resample holds three different texts at least, so that r is defined."""
    num_texts, num_draws = draw.sizes(texts=(4, 300), resamples=300)
    scale, offset = draw.scale(1, 100), draw.offset(0, 1_000)
    columns = [draw.floats(num_texts, scale=scale, offset=offset) for _ in range(3)]
    chosen = draw.wholes(0, num_texts - 1, num_draws, num_texts)
    chosen[:, :3] = torch.tensor(draw.some_of(range(num_texts), 3))
    return *columns, chosen


@paired.wrong(paired_calls, "does a difference of two large numbers lose its digits")
def my_paired(a, b, ratings, chosen):
    def r(x, y):
        def covariance(one, other):
            return (one * other).mean(dim=-1) - one.mean(dim=-1) * other.mean(dim=-1)

        return covariance(x, y) / (covariance(x, x) * covariance(y, y)).sqrt()

    return r(a[chosen], ratings[chosen]) - r(b[chosen], ratings[chosen])


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
    because="Every choice is made before test is seen, and what is only worked out comes after.",
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
