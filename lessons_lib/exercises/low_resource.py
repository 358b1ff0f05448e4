"""The exercises of the chapter on few labels."""

import math

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.values import Choice, Number

# --- recap -------------------------------------------------------------------------------------

small_validation = Choice(
    kind="Recap",
    answer_name="small_validation_answer",
    task="""
    You have 16 labels in all, and four learning rates to choose from. Twelve texts are trained on,
    four are set aside to choose by. What is the trouble?
    """,
    options={
        "a": "None: that is how it is done.",
        "b": "Four texts hardly tell four rates apart, and a quarter of the labels is gone.",
        "c": "Validation texts have to be more than training texts.",
        "d": "The test texts should have been used to choose.",
    },
    right="b",
    reasons={
        "a": "With thousands of texts that works; of four any r from -1 to 1 may come by luck.",
        "b": "So one chooses elsewhere, on a domain with labels, or takes what usually works.",
        "c": "They have to be enough to tell apart what is compared; that is another matter.",
        "d": "Then no text is left that has not been looked at.",
    },
    hints=("How far does r move from one draw of four texts to the next?",),
)

cached_prompt = Choice(
    kind="Recap",
    answer_name="cached_prompt_answer",
    task="""
    A language model is asked about 1,000 texts, each behind the same eight examples. What need not
    be computed 1,000 times?
    """,
    options={
        "a": "The keys and values of the examples.",
        "b": "The queries of the texts.",
        "c": "The score of the last token.",
        "d": "Nothing: each prompt is a text of its own.",
    },
    right="a",
    reasons={
        "a": "A causal model never looks ahead, so they are the same whatever text follows.",
        "b": "These differ from text to text.",
        "c": "It is what is asked for, and differs from text to text.",
        "d": "Each is a text of its own, but its beginning is shared, and cannot see what follows.",
    },
    hints=("What does a token see in a causal model?",),
)

# --- attention over labelled texts -------------------------------------------------------------

neighbours = CodeExercise(
    returns=("ratings",),
    task="""
    Write `my_neighbours(features, labelled, known, temperature)`. `features` `(N, D)` are of texts
    to be rated, `labelled` `(K, D)` of texts whose ratings `known` `(K,)` you have. Take the cosine
    of each text with each labelled one, divide by the temperature, a softmax over the labelled
    texts, and with these weights the mean of the known ratings. Return `(N,)`.
    """,
    hints=(
        "A cosine is a product of two vectors of length 1: divide each row by its length first.",
        "The softmax runs over the K labelled texts, the last axis of (N, K).",
    ),
    because="It is attention: the new text is the query, labelled texts are keys, ratings values.",
)


@neighbours.stub
def my_neighbours(features, labelled, known, temperature):
    """Rate texts by those that are like them: (N, D), (K, D), (K,) -> (N,)."""
    raise NotImplementedError


@neighbours.reference
def my_neighbours(features, labelled, known, temperature):
    cosines = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (cosines / temperature).softmax(dim=-1) @ known


@neighbours.right
def my_neighbours(features, labelled, known, temperature):
    cosines = functional.cosine_similarity(features[:, None], labelled[None], dim=-1)
    weights = torch.softmax(cosines / temperature, dim=1)
    return (weights * known).sum(dim=1)


@neighbours.right
def my_neighbours(features, labelled, known, temperature):
    said = []
    for text in features:
        near = labelled @ text / (labelled.norm(dim=1) * text.norm())
        weights = torch.exp(near / temperature)
        said.append((weights @ known) / weights.sum())
    return torch.stack(said)


@neighbours.right
def my_neighbours(features, labelled, known, temperature):
    lengths = features.norm(dim=1)[:, None] * labelled.norm(dim=1)[None, :]
    cosines = torch.einsum("nd,kd->nk", features, labelled) / lengths
    return torch.einsum("nk,k->n", torch.softmax(cosines / temperature, -1), known)


def _rated(n=3, k=5, d=4):
    rng = torch.Generator().manual_seed(3)
    shapes = (n, d), (k, d), (k,)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


def _neighbours_by_attention(features, labelled, known, temperature):
    """torch's own attention: texts of length 1 as queries and keys, one number as each value."""
    query, key = (
        rows / rows.square().sum(dim=1, keepdim=True).sqrt() for rows in (features, labelled)
    )
    looked = functional.scaled_dot_product_attention(
        query[None], key[None], known[None, :, None], scale=1 / temperature
    )
    return looked[0, :, 0]


@neighbours.check
def each_text_gets_one_rating(answer):
    features, labelled, known = _rated()
    found = answer(features, labelled, known, 0.3)
    if found.shape != (3,):
        return f"Three texts should give ratings (3,); yours are {tuple(found.shape)}."


@neighbours.check
def length_plays_no_part(answer):
    features, labelled, known = _rated()
    one = answer(features, labelled, known, 0.3)
    times = torch.tensor([1.0, 9.0, 2.0, 4.0, 0.5], dtype=torch.float64)[:, None]
    if not torch.allclose(one, answer(features, labelled * times, known, 0.3)):
        return "Where a labelled text is made longer, the ratings move: are both sides of length 1?"
    if not torch.allclose(one, answer(features * times[1:4], labelled, known, 0.3)):
        return "Where a new text is made longer, its rating moves: are both sides of length 1?"


@neighbours.check
def weights_are_a_softmax_over_the_labelled(answer):
    features, labelled, known = _rated()
    found = answer(features, labelled, known, 0.3)

    def is_by(temperature):
        wanted = _neighbours_by_attention(features, labelled, known, temperature)
        return torch.allclose(found, wanted)

    if is_by(0.3):
        return None
    if is_by(1 / 0.3):
        return "The cosines are multiplied by the temperature; they should be divided by it."
    if is_by(1.0):
        return "The temperature plays no part."
    if is_by(-0.3):
        return "The text that is least alike speaks loudest: is a sign turned round?"
    if is_by(0.3 * features.shape[1] ** 0.5):
        return "The cosines are divided by the root of D, too: only the temperature should do so."
    if not torch.allclose(answer(features, labelled, known * 0 + 2, 0.3), features[:, 0] * 0 + 2):
        return (
            "Where all labelled texts are rated 2, all should be rated 2: the weights of each text "
            "should sum to 1 over the labelled ones."
        )
    return "It is not the mean of the known ratings, weighted by a softmax of the cosines."


@neighbours.check
def a_text_that_is_labelled_says_its_own_rating(answer):
    labelled = torch.tensor([[1, 0], [3, 3], [0, 1], [-2, 0], [0, -5]], dtype=torch.float64)
    known = torch.tensor([2.0, -1.0, 0.5, -3.0, 1.0], dtype=torch.float64)
    if not torch.allclose(answer(labelled, labelled, known, 0.02), known, atol=1e-5):
        return (
            "At a temperature near 0 only the nearest labelled text should speak: a text that is "
            "among the labelled ones should get its own rating."
        )


@neighbours.wrong(each_text_gets_one_rating, "should give ratings (3,)")
def my_neighbours(features, labelled, known, temperature):
    cosines = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (cosines / temperature).softmax(dim=-1) * known


@neighbours.wrong(length_plays_no_part, "Where a labelled text is made longer")
def my_neighbours(features, labelled, known, temperature):
    return (features @ labelled.T / temperature).softmax(dim=-1) @ known


@neighbours.wrong(length_plays_no_part, "Where a labelled text is made longer")
def my_neighbours(features, labelled, known, temperature):
    return (-torch.cdist(features, labelled) / temperature).softmax(dim=-1) @ known


@neighbours.wrong(length_plays_no_part, "Where a new text is made longer")
def my_neighbours(features, labelled, known, temperature):
    near = features @ functional.normalize(labelled, dim=-1).T
    return (near / temperature).softmax(dim=-1) @ known


@neighbours.wrong(weights_are_a_softmax_over_the_labelled, "multiplied by the temperature")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (near * temperature).softmax(dim=-1) @ known


@neighbours.wrong(weights_are_a_softmax_over_the_labelled, "The temperature plays no part")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return near.softmax(dim=-1) @ known


@neighbours.wrong(weights_are_a_softmax_over_the_labelled, "is a sign turned round")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (-near / temperature).softmax(dim=-1) @ known


@neighbours.wrong(weights_are_a_softmax_over_the_labelled, "divided by the root of D, too")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (near / features.shape[1] ** 0.5 / temperature).softmax(dim=-1) @ known


@neighbours.wrong(weights_are_a_softmax_over_the_labelled, "should sum to 1")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (near.softmax(dim=-1) / temperature) @ known


@neighbours.wrong(weights_are_a_softmax_over_the_labelled, "should sum to 1")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (near / temperature).softmax(dim=0) @ known


@neighbours.wrong(weights_are_a_softmax_over_the_labelled, "weighted by a softmax of the cosines")
def my_neighbours(features, labelled, known, temperature):
    units = functional.normalize(features, dim=-1), functional.normalize(labelled, dim=-1)
    return (-torch.cdist(*units) / temperature).softmax(dim=-1) @ known


@neighbours.wrong(a_text_that_is_labelled_says_its_own_rating, "only the nearest labelled text")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled, dim=-1).T
    return (near / max(temperature, 0.1)).softmax(dim=-1) @ known


@neighbours.inputs(oracle=_neighbours_by_attention)
def neighbours_calls(draw):
    texts, labels, width = draw.sizes(texts=65, labels=65, width=65)
    features = draw.floats(texts, width, scale=draw.scale(1, 100))
    return features, draw.floats(labels, width), draw.floats(labels), 0.3


@neighbours.wrong(neighbours_calls, "`ratings` at [")
def my_neighbours(features, labelled, known, temperature):
    near = functional.normalize(features, dim=-1) @ functional.normalize(labelled[:32], dim=-1).T
    return (near / temperature).softmax(dim=-1) @ known[:32]


# --- pairs -------------------------------------------------------------------------------------

number_of_pairs = Number(
    kind="Derive",
    answer_name="number_of_pairs_answer",
    form="a number",
    task="""
    How many different pairs of two different texts can be made of 16 labelled ones, where the order
    of the two does not matter?
    """,
    truth=lambda: 120,
    factor=1,
    traps=(
        (256, "That counts each pair twice, and each text with itself."),
        (240, "That counts each pair twice, once in each order."),
        (136, "That counts each text with itself, too."),
        (128, "Each meets 15 others, not 16."),
        (8, "That is how many pairs there are at one time. A text may be in many pairs."),
    ),
    hints=("Each of 16 meets 15 others; and then each meeting has been counted by both.",),
    because="16 x 15 / 2. That is why contrastive learning has something to do where a head has "
    "only sixteen numbers to fit. (But it is sixteen texts still: the pairs are not independent.)",
)

pull_and_push = CodeExercise(
    returns=("loss",),
    task="""
    Write `my_pair_loss(first, second, ratings_first, ratings_second, reach)`. `first` and `second`
    `(B, D)` are the features of the two texts of each pair, the ratings are `(B,)`, and `reach` is
    the difference of ratings at which two texts should point in opposite directions. The cosine of
    a pair should be `1 - 2 * |difference| / reach`: 1 for equal ratings, -1 at `reach`. Return the
    mean squared error of the cosines, a tensor without axes.
    """,
    hints=(
        "`functional.cosine_similarity(first, second)` is `(B,)`.",
        "Mind the bars: |difference|.",
    ),
    because="Like ratings are drawn together, unlike ones pushed apart, and everything between in "
    "proportion. Classes would know only together and apart.",
)


@pull_and_push.stub
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    """How far the pairs' cosines are from what their ratings ask for: ()."""
    raise NotImplementedError


@pull_and_push.reference
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    return functional.mse_loss(functional.cosine_similarity(first, second), wanted)


@pull_and_push.right
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    units = functional.normalize(first, dim=1), functional.normalize(second, dim=1)
    found = (units[0] * units[1]).sum(dim=1)
    wanted = (reach - 2 * (ratings_second - ratings_first).abs()) / reach
    return (found - wanted).square().mean()


@pull_and_push.right
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    total = 0
    for a, b, r, s in zip(first, second, ratings_first, ratings_second, strict=True):
        cosine = (a @ b) / (a.norm() * b.norm())
        total = total + (cosine - 1 + 2 * torch.abs(r - s) / reach) ** 2
    return total / len(first)


@pull_and_push.right
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    dots = torch.einsum("bd,bd->b", first, second)
    cosines = dots / (first.square().sum(1).sqrt() * second.square().sum(1).sqrt())
    gap = torch.maximum(ratings_first, ratings_second) - torch.minimum(
        ratings_first, ratings_second
    )
    return torch.mean((1 - 2 * gap / reach - cosines) ** 2)


@pull_and_push.right
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = (1 - 2 * (ratings_first - ratings_second).abs() / reach).clamp(min=-1)
    return (functional.cosine_similarity(first, second, dim=-1) - wanted).pow(2).mean()


def _pairs(b=6, d=4):
    rng = torch.Generator().manual_seed(9)
    shapes = (b, d), (b, d), (b,), (b,)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


def _misses_by_loops(first, second, ratings_first, ratings_second, reach):
    """How far each pair's cosine is from the one that is wanted: (B,)."""
    misses = []
    for one, other, own, its in zip(first, second, ratings_first, ratings_second, strict=True):
        cosine = torch.dot(one, other) / torch.sqrt(torch.dot(one, one) * torch.dot(other, other))
        far = own - its if own > its else its - own
        misses.append(cosine - (reach - 2 * far) / reach)
    return torch.stack(misses)


def _pair_loss_by_loops(*pairs_and_reach):
    misses = _misses_by_loops(*pairs_and_reach)
    return (misses * misses).sum() / len(misses)


@pull_and_push.check
def a_pair_of_equals_wants_one_direction(answer):
    first, _, ratings, _ = _pairs()
    found = answer(first, 2 * first, ratings, ratings.clone(), 4.0)
    if found.shape != ():
        return f"The loss should have no axes; yours has {tuple(found.shape)}."
    if found.abs() > 1e-9:
        return (
            "Pairs of equal ratings whose features point one way should cost nothing, however long "
            "they are."
        )


@pull_and_push.check
def the_two_ends_want_opposite_directions(answer):
    first, _, ratings, _ = _pairs()
    low, high = torch.full_like(ratings, -2.0), torch.full_like(ratings, 2.0)
    costs = [answer(first, -first, *ends, 4.0).abs() > 1e-9 for ends in ((low, high), (high, low))]
    if all(costs):
        return (
            "Pairs of the two ends whose features point in opposite ways should cost nothing: at "
            "`reach` the cosine should be -1."
        )
    if any(costs):
        return (
            "Pairs of the two ends cost something only where one of the two comes first: mind the "
            "bars of |difference|."
        )


@pull_and_push.check
def between_it_is_in_proportion(answer):
    pairs = _pairs()
    found, misses = answer(*pairs, 5.0), _misses_by_loops(*pairs, 5.0)
    squares = misses.square()
    if torch.allclose(found, squares.mean()):
        return None
    if torch.allclose(found, squares.sum()):
        return "That is the sum over the pairs; it should be their mean."
    if torch.allclose(found, squares.mean() / 2):
        return "That is half of the mean squared error; it should be all of it."
    if torch.allclose(found, squares.mean().sqrt()):
        return "That is the root of the mean squared error; no root is asked for."
    if torch.allclose(found, misses.abs().mean()):
        return "That is the mean of |error|; each error should be squared."
    return "With ratings between the ends it is not the mean squared error of the cosines."


@pull_and_push.wrong(a_pair_of_equals_wants_one_direction, "should have no axes")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    return (functional.cosine_similarity(first, second) - wanted).square()


@pull_and_push.wrong(a_pair_of_equals_wants_one_direction, "however long they are")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    return functional.mse_loss((first * second).sum(dim=1), wanted)


@pull_and_push.wrong(the_two_ends_want_opposite_directions, "the cosine should be -1")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - (ratings_first - ratings_second).abs() / reach
    return functional.mse_loss(functional.cosine_similarity(first, second), wanted)


@pull_and_push.wrong(the_two_ends_want_opposite_directions, "mind the bars")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_second - ratings_first) / reach
    return functional.mse_loss(functional.cosine_similarity(first, second), wanted)


@pull_and_push.wrong(between_it_is_in_proportion, "the sum over the pairs")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    return (functional.cosine_similarity(first, second) - wanted).square().sum()


@pull_and_push.wrong(between_it_is_in_proportion, "half of the mean")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    return functional.mse_loss(functional.cosine_similarity(first, second), wanted) / 2


@pull_and_push.wrong(between_it_is_in_proportion, "root of the mean")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    return functional.mse_loss(functional.cosine_similarity(first, second), wanted).sqrt()


@pull_and_push.wrong(between_it_is_in_proportion, "the mean of |error|")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    return functional.l1_loss(functional.cosine_similarity(first, second), wanted)


@pull_and_push.wrong(between_it_is_in_proportion, "not the mean squared error")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * ((ratings_first - ratings_second) / reach).square()
    return functional.mse_loss(functional.cosine_similarity(first, second), wanted)


@pull_and_push.inputs(oracle=_pair_loss_by_loops)
def pair_loss_calls(draw):
    pairs, width = draw.sizes(pairs=65, width=(4, 65))
    features = [draw.floats(pairs, width, scale=draw.scale(1, 100)) for _ in range(2)]
    scale = draw.scale(1, 100)
    ratings = [draw.floats(pairs, scale=scale) for _ in range(2)]
    return *features, *ratings, 9.0 * scale  # no difference is beyond reach


@pull_and_push.wrong(pair_loss_calls, "`loss`")
def my_pair_loss(first, second, ratings_first, ratings_second, reach):
    wanted = 1 - 2 * (ratings_first - ratings_second).abs() / reach
    cosines = functional.cosine_similarity(first, second)
    return functional.mse_loss(cosines[:16], wanted[:16])


# --- which texts to ask for --------------------------------------------------------------------

same_again = FindTheBug(
    harm="chosen twice",
    returns=("places",),
    task="""
    `my_farthest(distances, count)` picks texts that are worth a label. `distances` `(N, N)` says in
    how many words two texts differ. Apart from the zeros on the diagonal no distance occurs for two
    pairs. It begins with text 0, and then takes, again and again, the text whose distance to the
    *nearest* chosen one is the largest, until there are `count`. As it stands texts are chosen
    twice. Repair it, and return the places `(count,)`.
    """,
    hints=(
        "What is the distance of a chosen text to the nearest chosen one?",
        "To be far from one chosen text is not enough: take the least distance, not the largest.",
    ),
    because="A text that is far from one chosen text may lie beside another. Only the least "
    "distance says how new it is; and of a chosen text it is 0, so that none comes again.",
)


@same_again.stub
def my_farthest(distances, count):
    """Places of `count` texts, each far from all chosen before: (count,)."""
    chosen = [0]
    while len(chosen) < count:
        far = distances[chosen].amax(dim=0)
        chosen.append(int(far.argmax()))
    return torch.tensor(chosen)


@same_again.reference
def my_farthest(distances, count):
    chosen = [0]
    while len(chosen) < count:
        far = distances[chosen].amin(dim=0)
        chosen.append(int(far.argmax()))
    return torch.tensor(chosen)


@same_again.right
def my_farthest(distances, count):
    chosen, nearest = [0], distances[0].clone()
    for _ in range(count - 1):
        chosen.append(int(torch.argmax(nearest)))
        nearest = torch.minimum(nearest, distances[chosen[-1]])
    return torch.tensor(chosen)


@same_again.right
def my_farthest(distances, count):
    chosen = [0]
    for _ in range(1, count):
        left = [place for place in range(len(distances)) if place not in chosen]
        chosen.append(max(left, key=lambda place: min(distances[place, c] for c in chosen)))
    return torch.tensor(chosen)


@same_again.right
def my_farthest(distances, count):
    chosen = torch.tensor([0])
    for _ in range(count - 1):
        nearest = distances[:, chosen].min(dim=1).values
        chosen = torch.cat([chosen, nearest.argmax()[None]])
    return chosen


def _unlike(n, wholes):
    """Distances of n texts, all different, as whole numbers: (n, n)."""
    above = torch.triu_indices(n, n, offset=1)
    distances = torch.zeros(n, n, dtype=torch.long)
    distances[above[0], above[1]] = 1 + wholes
    return distances + distances.T


def _distances(n=9):
    rng = torch.Generator().manual_seed(4)
    return _unlike(n, torch.randperm(n * (n - 1) // 2, generator=rng))


def _farthest_by_loops(distances, count):
    rows, chosen = distances.tolist(), [0]
    while len(chosen) < count:
        least = [min(row[place] for place in chosen) for row in rows]
        chosen.append(least.index(max(least)))
    return torch.tensor(chosen)


@same_again.check
def no_text_comes_twice(answer):
    found = answer(_distances(), 9).tolist()
    if len(found) != 9:
        return f"Nine texts were asked for; you return {len(found)}."
    if len(set(found)) < 9:
        return f"A text is chosen twice: {found}."


@same_again.check
def each_is_far_from_all_before(answer):
    found, wanted = (way(_distances(), 9).tolist() for way in (answer, _farthest_by_loops))
    if found == wanted:
        return None
    if found[0] != 0:
        return "The first should be text 0."
    step = next(i for i, pair in enumerate(zip(found, wanted, strict=True)) if pair[0] != pair[1])
    if step == 1:
        return "Text 0 is right. The next should be the text that is farthest from it."
    return (
        f"The first {step} are right. Then take the text whose distance to the nearest of these is "
        "the largest: it may be far from one and beside another."
    )


@same_again.wrong(no_text_comes_twice, "Nine texts were asked for")
def my_farthest(distances, count):
    chosen = [0]
    while len(chosen) <= count:
        chosen.append(int(distances[chosen].amin(dim=0).argmax()))
    return torch.tensor(chosen)


@same_again.wrong(each_is_far_from_all_before, "The first should be text 0")
def my_farthest(distances, count):
    chosen = [1]
    while len(chosen) < count:
        chosen.append(int(distances[chosen].amin(dim=0).argmax()))
    return torch.tensor(chosen)


@same_again.wrong(each_is_far_from_all_before, "Text 0 is right. The next should be")
def my_farthest(distances, count):
    chosen = [0]
    while len(chosen) < count:
        near = distances[chosen].amin(dim=0)
        near[chosen] = distances.max() + 1
        chosen.append(int(near.argmin()))
    return torch.tensor(chosen)


@same_again.wrong(each_is_far_from_all_before, "may be far from one and beside another")
def my_farthest(distances, count):
    chosen = [0]
    while len(chosen) < count:
        far = distances[chosen].amax(dim=0)
        far[chosen] = -1
        chosen.append(int(far.argmax()))
    return torch.tensor(chosen)


@same_again.inputs(oracle=_farthest_by_loops)
def farthest_calls(draw):
    (texts,) = draw.sizes(texts=65)
    pairs = texts * (texts - 1) // 2
    wholes = torch.tensor(draw.some_of(list(range(pairs)), pairs), dtype=torch.long)
    return _unlike(texts, wholes), min(texts, draw.one_of(1, 3, 20, 65))


@same_again.wrong(farthest_calls, "`places`")
def my_farthest(distances, count):
    chosen = [0]
    while len(chosen) < min(count, 10):
        chosen.append(int(distances[chosen].amin(dim=0).argmax()))
    left = [place for place in range(len(distances)) if place not in chosen]
    return torch.tensor(chosen + left[: count - len(chosen)])


# --- what money buys, and what a model leans to -------------------------------------------------

ratings_bought = Choice(
    kind="Predict",
    answer_name="ratings_bought_answer",
    task="""
    You can pay for 64 ratings of films. Ratings of one film vary by about 1 (variance), films'
    means by 3.7. Which does a probe learn more from: 64 texts with one rating each, or 16 with four
    raters each, whose mean is the label?
    """,
    options={
        "a": "From 64 texts, one rating each.",
        "b": "From 16 texts, four ratings each.",
        "c": "From either as much: it is 64 ratings.",
    },
    right="a",
    reasons={
        "a": "Four raters make a label's variance 4 in place of 4.7, and cost three texts of four.",
        "b": "That would hold if raters differed far more than texts do. Here they do not.",
        "c": "A second rating of one text says less than the first of another, as a rule.",
    },
    hints=(
        "How much of a single rating's variance is the text's, and how much the rater's?",
        "What would you rather have: 16 labels of 3.7 / (3.7 + 0.25), or 64 of 3.7 / (3.7 + 1)?",
    ),
)

what_calibration_moves = Choice(
    kind="Derive",
    answer_name="what_calibration_moves_answer",
    task="""
    A language model finds "positive" likelier than "negative" after nearly every text. From each
    text's score you take off what it says of a text that says nothing, such as "N/A". What does
    that change over 1,000 texts?
    """,
    options={
        "a": "r with the ratings.",
        "b": "The share of texts that are called by the right word.",
        "c": "Both.",
        "d": "Neither.",
    },
    right="b",
    reasons={
        "a": "Take one number off all scores, and r stays: neither order nor spread moves.",
        "b": "Where the line between good and bad lies, that moves; the order of texts does not.",
        "c": "r does not see a number that is taken off all of them.",
        "d": "A text at +0.5 is called positive. Take off 2, and it is called negative.",
    },
    hints=("Is it one number for all texts, or one for each?",),
)

# --- how sure it is ----------------------------------------------------------------------------

half_width = CodeExercise(
    returns=("half_width",),
    task="""
    Write `my_half_width(errors, coverage)`. `errors` `(N,)` are what a model was off by on N texts
    that it has not learnt from. Find h such that "what it says, plus or minus h" holds the rating
    of a *new* text with probability `coverage` at least: the k-th smallest of the sizes |error|,
    with k = (N + 1) times coverage, rounded up. N is large enough for k to be at most N. Return a
    tensor without axes.
    """,
    hints=("`errors.abs().sort().values[k - 1]`: places begin at 0.", "`math.ceil` rounds up."),
    because="The new text is as likely as any of the N to be the k-th of N + 1. Nothing is assumed "
    "of the model. But the new text has to be drawn as the N were: a new domain's is not. (With "
    "five texts nobody can promise 90%: k would be 6.)",
)


@half_width.stub
def my_half_width(errors, coverage):
    """Half the width of an interval that holds so many new ratings: (N,) -> ()."""
    raise NotImplementedError


@half_width.reference
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return errors.abs().sort().values[k - 1]


@half_width.right
def my_half_width(errors, coverage):
    sizes = sorted(abs(error) for error in errors)
    return sizes[math.ceil(coverage * (len(sizes) + 1)) - 1]


@half_width.right
def my_half_width(errors, coverage):
    k = math.ceil((errors.size(0) + 1) * coverage)
    return errors.abs().kthvalue(k).values


@half_width.right
def my_half_width(errors, coverage):
    rest = len(errors) + 1 - math.ceil((len(errors) + 1) * coverage)
    return torch.topk(errors.abs(), rest).values[-1]


def _half_width_by_counting(errors, coverage):
    """The least size that as many sizes reach as are needed."""
    sizes = errors.abs()
    reach = (sizes[:, None] <= sizes).sum(dim=0)
    return sizes[reach >= (len(errors) + 1) * coverage].min()


def _errors(n=20):
    rng = torch.Generator().manual_seed(8)
    return torch.randn(n, generator=rng, dtype=torch.float64) - 0.4


@half_width.check
def the_third_smallest_of_four_sizes(answer):
    errors = torch.tensor([-6.0, 1.0, -2.0, 4.0], dtype=torch.float64)
    found = answer(errors, 0.6)
    if found.shape != ():
        return f"It should be one number, a tensor without axes; yours is {tuple(found.shape)}."
    if found == 4:
        return None
    asked = "Of errors -6, 1, -2, 4 at a coverage of .6: k = (4 + 1) x .6 = 3."
    if found == 1 or found < 0:
        return f"{asked} Off by -6 is off by 6: take the sizes before you sort."
    if found == 2:
        return f"{asked} Sort the sizes and count from the small end: the third smallest is 4."
    if found == 6:
        return f"{asked} Yours is one place too far: the k-th smallest stands at place k - 1."
    if torch.isclose(found.double(), torch.quantile(errors.abs(), 0.6)):
        return f"{asked} Yours lies between two sizes. Take the k-th smallest itself."
    return f"{asked} The third smallest size is 4; yours is {found.item():.3g}."


@half_width.check
def one_more_text_is_counted(answer):
    sizes = _errors().abs().sort().values
    for coverage, k in ((0.9, 19), (0.82, 18)):  # of 18.9 and 17.22, rounded up
        found = answer(_errors(), coverage).double()
        if torch.isclose(found, sizes[k - 1]):
            continue
        asked = f"With 20 errors at a coverage of {coverage} it should be the {k}th smallest size"
        if torch.isclose(found, sizes[k - 2]):
            return f"{asked}; yours is one place too few: k = (N + 1) x coverage, rounded up."
        return f"{asked}."


@half_width.wrong(the_third_smallest_of_four_sizes, "without axes")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return errors.abs().sort().values[k - 1 : k]


@half_width.wrong(the_third_smallest_of_four_sizes, "take the sizes before you sort")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return errors.sort().values[k - 1]


@half_width.wrong(the_third_smallest_of_four_sizes, "take the sizes before you sort")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return errors.sort(descending=True).values[k - 1]


@half_width.wrong(the_third_smallest_of_four_sizes, "count from the small end")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return errors.abs().sort(descending=True).values[k - 1]


@half_width.wrong(the_third_smallest_of_four_sizes, "count from the small end")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * (1 - coverage))
    return errors.abs().sort().values[k - 1]


@half_width.wrong(the_third_smallest_of_four_sizes, "one place too far")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return errors.abs().sort().values[k]


@half_width.wrong(the_third_smallest_of_four_sizes, "lies between two sizes")
def my_half_width(errors, coverage):
    return torch.quantile(errors.abs(), coverage)


@half_width.wrong(the_third_smallest_of_four_sizes, "yours is 16")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return errors.square().sort().values[k - 1]


@half_width.wrong(one_more_text_is_counted, "the 19th smallest size; yours is one place too few")
def my_half_width(errors, coverage):
    return errors.abs().sort().values[math.ceil(len(errors) * coverage) - 1]


@half_width.wrong(one_more_text_is_counted, "the 18th smallest size; yours is one place too few")
def my_half_width(errors, coverage):
    k = round((len(errors) + 1) * coverage)
    return errors.abs().sort().values[k - 1]


@half_width.wrong(one_more_text_is_counted, "the 18th smallest size.")
def my_half_width(errors, coverage):
    return errors.abs().sort().values[-2]


@half_width.inputs(oracle=_half_width_by_counting)
def half_width_calls(draw):
    (texts,) = draw.sizes(texts=(9, 300))
    return draw.floats(texts, scale=draw.scale(1, 100)), draw.one_of(0.5, 0.75, 0.83)


@half_width.wrong(half_width_calls, "leaves torch")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors) + 1) * coverage)
    return torch.tensor(errors.detach().abs().sort().values[k - 1].item())


@half_width.wrong(half_width_calls, "`half_width`")
def my_half_width(errors, coverage):
    k = math.ceil((len(errors[:50]) + 1) * coverage)
    return errors[:50].abs().sort().values[k - 1]


unfair_prompt = Choice(
    kind="Criticise a claim",
    answer_name="unfair_prompt_answer",
    task="""
    "With four examples a language model reaches r = .75 on our tweets. A probe on the encoder's
    features needs 64 labels for that. So prompting is worth sixty labels. We tried twelve wordings
    and show the best, by r on the 300 test tweets; the probe is ridge at alpha = 1. The four
    examples were the two best and two worst tweets of the pool." What is unfair or unproved? Give
    all.
    """,
    options={
        "a": "The wording was chosen on the test texts.",
        "b": "Twelve tries on one side, one on the other.",
        "c": "To know the best and worst tweets one needs the labels of all.",
        "d": "A language model and an encoder may not be compared.",
        "e": "One draw of four examples, one of 64 labels: other draws, other numbers.",
    },
    right="abce",
    reasons={
        "a": "Then .75 is the best of twelve by luck too, and the test texts are used up.",
        "b": "The probe, too, would be better at the best of twelve settings.",
        "c": "Four labels were shown, but many were read to find them.",
        "d": "They may: what is compared is what a user gets for his labels.",
        "e": "With few labels the draw decides much. Ten draws, and an interval.",
    },
    hints=("How many labels did each side see in all, and how many tries did it have?",),
)
