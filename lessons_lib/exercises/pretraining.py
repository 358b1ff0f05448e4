"""The exercises of the chapter on pre-training."""

import math

import torch
from torch.nn import functional

from lessons_lib.training.objectives import IGNORED, looks_at, prediction_loss

from .engine.declare import CodeExercise, FindTheBug
from .engine.oracles import told_apart
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

who_may_look = Choice(
    kind="Recap",
    answer_name="who_may_look_answer",
    task="""
    A model is to fill the gap in *the film is ___ and funny*. At which tokens may the gap's query
    look, so that nothing of use is wasted and nothing is given away?
    """,
    options={
        "a": "At those before the gap only: the causal mask.",
        "b": "At all tokens of the text, but not at padding.",
        "c": "At all tokens but itself: the diagonal of the mask is False.",
        "d": "At everything, padding included: it has learnt to ignore it.",
    },
    right="b",
    reasons={
        "a": "Right for a model that writes on; here *and funny* would be wasted.",
        "b": "The gap's own token says nothing but that there is a gap; both sides help.",
        "c": "The gap's token gives nothing away, since the word is gone. What must be hidden is "
        "hidden in the input.",
        "d": "Padding depends on the batch. What a text gives would depend on its neighbours.",
    },
    hints=("The word is already taken out of the input. What is left that must be hidden?",),
)

without_order = Choice(
    kind="Recap",
    answer_name="without_order_answer",
    task="""
    An encoder without positions fills the gap in *the dog ___ the man*. Then it gets the words in
    another order: *the man ___ the dog*. What happens to its prediction for the gap?
    """,
    options={
        "a": "It stays the same, up to rounding.",
        "b": "It changes, for the gap's neighbours are others.",
        "c": "It changes, but only in the deeper layers.",
        "d": "It cannot make one: attention needs positions.",
    },
    right="a",
    reasons={
        "a": "The gap sees a bag of words, and the bag is the same.",
        "b": "Who is a neighbour is what positions tell; without them nobody is.",
        "c": "In every layer the gap sees the same bag of vectors, so no layer can tell.",
        "d": "Attention runs well without positions. It just does not know the order.",
    },
    hints=("Which of the sums inside attention depends on the order of its terms?",),
)

# --- perplexity --------------------------------------------------------------------------------

two_kinds = Number(
    kind="Predict, then run",
    answer_name="two_kinds_guess",
    form="a perplexity",
    task="""
    In a text, every second token is certain: the model gives it probability 1. At all others it
    hesitates among 100 tokens, 1/100 each. What is its perplexity over the whole text?
    """,
    truth=lambda: math.exp((math.log(1) + math.log(100)) / 2),
    factor=1.01,
    traps=(
        (50.5, "That is the mean of 1 and 100. It is the *losses* that are averaged."),
        (math.log(100) / 2, "That is the mean loss in nats; perplexity is its exponential."),
        (100.0, "That would be so if no token were certain."),
    ),
    hints=("What is the loss in nats at a certain token? And at the others? Average, then exp.",),
    because="The losses are 0 and ln 100; their mean is ln 10, and the exponential of that is 10.",
)

order_of_baselines = Ordering(
    kind="Order",
    answer_name="order_of_baselines_answer",
    task="Four ways to guess a hidden word. Put them in order, from the highest perplexity down.",
    items={
        "a": "how often each word follows its left neighbour",
        "b": "all words equally likely",
        "c": "counts from the left and from the right neighbour together",
        "d": "how often each word occurs",
    },
    right="bdac",
    rule="Who knows more hesitates less: compare what each of them looks at.",
    hints=("Which of them knows everything that another one knows, and something besides?",),
    because="Each one knows what the one before it knows, and one thing more.",
)

perplexity = CodeExercise(
    returns=("perplexity",),
    task="""
    Write `my_perplexity(loss_nats, num_tokens)` for a test set that came in batches. `loss_nats`
    `(batches,)` holds each batch's *mean* loss per token, `num_tokens` `(batches,)` how many tokens
    that was; it may be 0. Return the perplexity over all tokens, a tensor of shape `()`, of the
    dtype of `loss_nats`, gradients included.
    """,
    hints=(
        "Which tokens would count for more if you took the mean of the batch means?",
        "A batch's mean times its number of tokens is its sum.",
        "Divide the sum of the sums by the number of all tokens, then `exp`.",
    ),
    because="Every token counts the same; the exponential comes last.",
)


@perplexity.stub
def my_perplexity(loss_nats, num_tokens):
    """Return the perplexity over all tokens of all batches: ()."""
    raise NotImplementedError


@perplexity.reference
def my_perplexity(loss_nats, num_tokens):
    total = (loss_nats * num_tokens).sum()
    return torch.exp(total / num_tokens.sum())


@perplexity.right
def my_perplexity(loss_nats, num_tokens):
    weights = num_tokens.to(loss_nats.dtype) / num_tokens.sum()
    return torch.dot(loss_nats, weights).exp()


@perplexity.right
def my_perplexity(loss_nats, num_tokens):
    nats, count = 0.0, 0
    for loss, number in zip(loss_nats, num_tokens, strict=True):
        nats = nats + loss * number
        count = count + number
    return math.e ** (nats / count)


@perplexity.right
def my_perplexity(loss_nats, num_tokens):
    return torch.repeat_interleave(loss_nats, num_tokens).mean().exp()


@perplexity.check
def one_batch_is_the_exponential_of_its_loss(answer):
    found = answer(torch.tensor([math.log(50.0)]), torch.tensor([7]))
    if found.shape != ():
        return f"One number should come back, of shape (); yours has shape {tuple(found.shape)}."
    if not found.is_floating_point():
        return f"Perplexity is a floating-point number; yours is {found.dtype}."
    if _near(found, 50.0):
        return None
    if _near(found, math.log(50.0)):
        return "That is the loss in nats; perplexity is its exponential."
    if _near(found, 2.0 ** math.log(50.0)):
        return "The loss is in nats, so the base is e; 2 would be right for bits."
    return (
        "One batch whose tokens all have probability 1/50 should give a perplexity of 50; yours is "
        f"{found.item():.4g}."
    )


@perplexity.check
def every_token_counts_the_same(answer):
    loss_nats, num_tokens = [1.0, 3.0, 2.5], [90, 9, 1]
    tokens = [loss for loss, n in zip(loss_nats, num_tokens, strict=True) for _ in range(n)]
    wanted = math.exp(sum(tokens) / len(tokens))
    found = answer(torch.tensor(loss_nats), torch.tensor(num_tokens))
    if _near(found, wanted):
        return None
    if _near(found, math.exp(sum(loss_nats) / 3)):
        return (
            "Every *batch* counts the same in yours. A batch of 90 tokens should count for 90 "
            "times as much as a batch of one."
        )
    mean_of_exp = sum(math.exp(loss) for loss in tokens) / len(tokens)
    if _near(found, mean_of_exp):
        return "The exponential comes last: average the losses, not the perplexities."
    return f"Three batches of 90, 9 and 1 tokens should not come out at {found.item():.4g}."


@perplexity.check
def batches_may_be_empty_or_cut_anew(answer):
    loss_nats = torch.tensor([2.0, 0.5], dtype=torch.float64)
    together = answer(loss_nats, torch.tensor([6, 2]))
    apart = answer(loss_nats[[0, 0, 1, 1]], torch.tensor([1, 5, 2, 0]))
    if together.dtype != torch.float64:
        return f"float64 should come back as float64; yours is {together.dtype}."
    if not _near(apart, together.item()):
        one, other = told_apart(together.item(), apart.item())
        return (
            "The same tokens in other batches, one of them empty, should give the same perplexity; "
            f"yours gives {one} and {other}."
        )


@perplexity.check
def gradient_comes_through_perplexity(answer):
    loss_nats = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    found = answer(loss_nats, torch.tensor([3, 1]))
    if not found.requires_grad:
        return "No gradient comes back: `.item()` or `.detach()` leaves torch on the way."
    found.backward()
    wanted = found.detach() * torch.tensor([0.75, 0.25], dtype=torch.float64)
    if not torch.allclose(loss_nats.grad, wanted):
        return "Only a part of the gradient comes back: is something on the way detached?"


@perplexity.wrong(one_batch_is_the_exponential_of_its_loss, "of shape ()")
def my_perplexity(loss_nats, num_tokens):
    return torch.exp(loss_nats)


@perplexity.wrong(one_batch_is_the_exponential_of_its_loss, "That is the loss in nats")
def my_perplexity(loss_nats, num_tokens):
    return (loss_nats * num_tokens).sum() / num_tokens.sum()


@perplexity.wrong(one_batch_is_the_exponential_of_its_loss, "right for bits")
def my_perplexity(loss_nats, num_tokens):
    return 2 ** ((loss_nats * num_tokens).sum() / num_tokens.sum())


@perplexity.wrong(one_batch_is_the_exponential_of_its_loss, "probability 1/50")
def my_perplexity(loss_nats, num_tokens):
    return torch.exp((loss_nats * num_tokens).sum())


@perplexity.wrong(every_token_counts_the_same, "Every *batch* counts the same")
def my_perplexity(loss_nats, num_tokens):
    return loss_nats.mean().exp()


@perplexity.wrong(every_token_counts_the_same, "exponential comes last")
def my_perplexity(loss_nats, num_tokens):
    return (loss_nats.exp() * num_tokens).sum() / num_tokens.sum()


@perplexity.wrong(batches_may_be_empty_or_cut_anew, "one of them empty")
def my_perplexity(loss_nats, num_tokens):
    num_tokens = num_tokens.clamp(min=1)
    return torch.exp((loss_nats * num_tokens).sum() / num_tokens.sum())


@perplexity.wrong(batches_may_be_empty_or_cut_anew, "float64")
def my_perplexity(loss_nats, num_tokens):
    return torch.exp((loss_nats * num_tokens).sum() / num_tokens.sum()).float()


@perplexity.wrong(gradient_comes_through_perplexity, "No gradient comes back")
def my_perplexity(loss_nats, num_tokens):
    return torch.exp((loss_nats * num_tokens).sum() / num_tokens.sum()).detach()


@perplexity.wrong(gradient_comes_through_perplexity, "Only a part")
def my_perplexity(loss_nats, num_tokens):
    first = loss_nats[:1].detach() * num_tokens[:1]
    total = first.sum() + (loss_nats[1:] * num_tokens[1:]).sum()
    return torch.exp(total / num_tokens.sum())


def _counted_out(loss_nats, num_tokens):
    """The oracle: each batch's loss as many times as it has tokens."""
    return torch.repeat_interleave(loss_nats, num_tokens).mean().exp()


@perplexity.inputs(oracle=_counted_out)
def perplexity_calls(draw):
    """Losses of 0 to 3 nats, or ten times that; some batches without a token, but never all."""
    (batches,) = draw.sizes(batches=300)
    losses = 3 * draw.floats(batches).detach().sigmoid() * draw.scale(1, 10)
    num_tokens = draw.wholes(0, draw.one_of(2, 90), batches)
    num_tokens[draw.whole(0, batches - 1)] = draw.whole(1, 9)
    return losses.requires_grad_(draw.wants_gradient), num_tokens


@perplexity.wrong(perplexity_calls, "is something bounded")
def my_perplexity(loss_nats, num_tokens):
    mean = (loss_nats * num_tokens).sum() / num_tokens.sum()
    return mean.clamp(max=10.0).exp()


def _near(found: torch.Tensor, wanted: float) -> bool:
    return abs(found.item() - wanted) <= 1e-4 * abs(wanted)


# --- masked language modelling -----------------------------------------------------------------

mask_rule = CodeExercise(
    returns=("inputs", "labels"),
    task="""
    Write `my_mask_tokens(ids, toss, fate, random_ids)`. All are whole numbers of shape `(B, L)`;
    what is random is handed to you, so that the answer can be checked exactly. A token is *chosen*
    where its `toss`, from 0 to 99, is below 15. Ids below 4 are special (0 padding, 1 start,
    2 unknown, 3 `<mask>`) and are never chosen. Of the chosen, `fate` (0 to 9) below 8 becomes
    `<mask>`, 8 becomes the token in `random_ids`, 9 stays. Return `inputs`, and `labels`: the
    original token where one was chosen, -100 everywhere else.
    """,
    hints=(
        "Begin with a table of booleans `chosen` that joins two conditions.",
        "`torch.where(condition, new, old)` makes a new tensor; `chosen & (fate < 8)` is a "
        "condition.",
        "The labels need `chosen` alone: what became of a chosen token plays no part in them.",
    ),
    because="Choosing and hiding are two steps: the labels follow the first, the inputs both.",
)


@mask_rule.stub
def my_mask_tokens(ids, toss, fate, random_ids):
    """Return (inputs, labels) by the 80/10/10 rule, both (B, L)."""
    raise NotImplementedError


@mask_rule.reference
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    labels = torch.where(chosen, ids, -100)
    return inputs, labels


@mask_rule.right
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = torch.logical_and(toss < 15, ids > 3)
    labels = torch.full_like(ids, -100)
    labels[chosen] = ids[chosen]
    hidden, swapped = chosen & (fate <= 7), chosen & (fate == 8)
    inputs = random_ids.where(swapped, ids.masked_fill(hidden, 3))
    return inputs, labels


@mask_rule.right
def my_mask_tokens(ids, toss, fate, random_ids):
    left_alone = (toss >= 15) | (ids < 4)
    instead = random_ids.masked_fill(fate < 8, 3)
    stays = left_alone | (fate == 9)
    return torch.where(stays, ids, instead), ids.masked_fill(left_alone, -100)


@mask_rule.right
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (ids >= 4) * (toss < 15)
    which = torch.where(chosen, (fate >= 8).long() + (fate >= 9).long(), 2)
    offers = torch.stack([3 + 0 * ids, random_ids, ids])
    return offers.gather(0, which[None])[0], ids * chosen - 100 * ~chosen


def _dice(batch: int = 60, seq_len: int = 70, vocab_size: int = 30, seed: int = 3):
    """Texts of special and ordinary tokens, and the three tables of random numbers."""
    rng = torch.Generator().manual_seed(seed)
    bounds = (0, vocab_size), (0, 100), (0, 10), (4, vocab_size)
    return tuple(torch.randint(*bound, (batch, seq_len), generator=rng) for bound in bounds)


@mask_rule.check
def both_have_the_shape_of_the_texts(answer):
    ids, *random = _dice(3, 5)
    inputs, labels = answer(ids, *random)
    for name, found in (("inputs", inputs), ("labels", labels)):
        if found.shape != ids.shape or found.dtype != ids.dtype:
            return (
                f"`{name}` should be (3, 5) of {ids.dtype}, like `ids`; yours is "
                f"{tuple(found.shape)} of {found.dtype}."
            )
    if (inputs == -100).any() and not (labels == -100).any():
        return "The two are the wrong way round: `inputs` holds -100, and `labels` does not."


@mask_rule.check
def not_everything_is_asked_for(answer):
    _, labels = answer(*_dice())
    if not (labels == -100).any():
        return (
            "Every position has a label, so the loss would count tokens that were never chosen, "
            "and those only need to be copied. Put -100 where none was chosen."
        )


@mask_rule.check
def special_tokens_are_never_chosen(answer):
    ids, *random = _dice()
    _, labels = answer(ids, *random)
    for number, name in enumerate(("padding", "start", "unknown", "mask")):
        if ((labels != -100) & (ids == number)).any():
            return (
                f"A special token, {name} (id {number}), is asked for. A model should not spend "
                f"itself on those: choose among ids of 4 and more."
            )


@mask_rule.check
def labels_stand_where_a_token_was_chosen_and_nowhere_else(answer):
    ids, *random = _dice()
    toss = random[0]
    _, labels = answer(ids, *random)
    ordinary = ids >= 4
    asked = labels != -100
    if (asked & ~(ordinary & (toss < 15))).any():
        return (
            "Some position has a label, or something else than -100, though its toss is 15 or more."
        )
    if (ordinary & (toss < 15) & ~asked).any():
        left = ids[ordinary & (toss < 15) & ~asked]
        if len(left.unique()) == 1:
            return f"Token {left[0].item()} is never chosen; it is an ordinary one."
        return (
            "Some chosen token has no label. All that were chosen have one: those that were "
            "swapped or left as they are, too."
        )


@mask_rule.check
def labels_are_the_original_tokens(answer):
    ids, *random = _dice()
    inputs, labels = answer(ids, *random)
    asked = labels != -100
    if torch.equal(labels[asked], ids[asked]):
        return None
    if torch.equal(labels[asked], inputs[asked]):
        return (
            "The labels are taken from the changed inputs, so the model is asked for `<mask>`. "
            "Take them from `ids`."
        )
    return "A label should be the original token of that place."


@mask_rule.check
def what_was_not_chosen_stays(answer):
    ids, *random = _dice()
    inputs, labels = answer(ids, *random)
    moved = (inputs != ids) & (labels == -100)
    if moved.any():
        return (
            f"{int(moved.sum())} of {int((labels == -100).sum())} tokens that were not chosen are "
            "changed in `inputs`. Fate is only for those that were chosen."
        )


@mask_rule.check
def eight_of_ten_are_hidden_one_is_swapped_one_stays(answer):
    ids, toss, fate, random_ids = _dice()
    inputs, labels = answer(ids, toss, fate, random_ids)
    asked = labels != -100
    for name, part, wanted in (
        ("below 8", asked & (fate < 8), torch.full_like(ids, 3)),
        ("8", asked & (fate == 8), random_ids),
        ("9", asked & (fate == 9), ids),
    ):
        wrong = (inputs != wanted) & part
        if wrong.any():
            what = {"below 8": "id 3, `<mask>`", "8": "that of `random_ids`", "9": "the original"}
            example = inputs[wrong][0].item()
            return (
                f"A chosen token whose fate is {name} should be {what[name]} in `inputs`; one of "
                f"yours is {example}, where the original is {ids[wrong][0].item()}."
            )


@mask_rule.wrong(both_have_the_shape_of_the_texts, "like `ids`")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return inputs, ids[chosen]


@mask_rule.wrong(both_have_the_shape_of_the_texts, "the wrong way round")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return torch.where(chosen, ids, -100), inputs


@mask_rule.wrong(special_tokens_are_never_chosen, "padding (id 0)")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = toss < 15
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return inputs, torch.where(chosen, ids, -100)


@mask_rule.wrong(special_tokens_are_never_chosen, "start (id 1)")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids != 0)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return inputs, torch.where(chosen, ids, -100)


@mask_rule.wrong(labels_stand_where_a_token_was_chosen_and_nowhere_else, "toss is 15 or more")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss <= 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return inputs, torch.where(chosen, ids, -100)


@mask_rule.wrong(labels_stand_where_a_token_was_chosen_and_nowhere_else, "is an ordinary one")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids > 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return inputs, torch.where(chosen, ids, -100)


@mask_rule.wrong(labels_stand_where_a_token_was_chosen_and_nowhere_else, "left as they are, too")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return inputs, torch.where(inputs == 3, ids, -100).masked_fill(ids < 4, -100)


@mask_rule.wrong(labels_are_the_original_tokens, "taken from the changed inputs")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids, inputs)
    return inputs, torch.where(chosen, inputs, -100)


@mask_rule.wrong(labels_are_the_original_tokens, "original token of that place")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    return inputs, torch.where(chosen, random_ids, -100)


@mask_rule.wrong(what_was_not_chosen_stays, "Fate is only for those")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(fate == 8, random_ids, inputs)
    return inputs, torch.where(chosen, ids, -100)


@mask_rule.wrong(eight_of_ten_are_hidden_one_is_swapped_one_stays, "fate is 8")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    return torch.where(chosen & (fate < 9), 3, ids), torch.where(chosen, ids, -100)


@mask_rule.wrong(eight_of_ten_are_hidden_one_is_swapped_one_stays, "fate is 9")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate >= 8), random_ids, inputs)
    return inputs, torch.where(chosen, ids, -100)


@mask_rule.wrong(not_everything_is_asked_for, "only need to be copied")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    return torch.where(chosen & (fate == 8), random_ids, inputs), ids


def _token_by_token(ids, toss, fate, random_ids):
    """The oracle: the rule for one token, in plain Python, for all of them."""

    def one(token, toss, fate, other):
        if toss >= 15 or token < 4:
            return token, -100
        return (3 if fate < 8 else other if fate == 8 else token), token

    parts = (part.flatten().tolist() for part in (ids, toss, fate, random_ids))
    pairs = [one(*four) for four in zip(*parts, strict=True)]
    return tuple(torch.tensor(column).view(ids.shape) for column in zip(*pairs, strict=True))


@mask_rule.inputs(oracle=_token_by_token)
def dice_calls(draw):
    """As many chosen as usual, or nearly all."""
    shape, vocab_size = draw.sizes(texts=65, tokens=300), draw.whole(5, 3_000)
    tosses = draw.wholes(0, draw.one_of(20, 99), *shape)
    ids, random_ids = (draw.wholes(low, vocab_size, *shape) for low in (0, 4))
    return ids, tosses, draw.wholes(0, 9, *shape), random_ids


@mask_rule.wrong(dice_calls, "`inputs` at [")
def my_mask_tokens(ids, toss, fate, random_ids):
    chosen = (toss < 15) & (ids >= 4)
    inputs = torch.where(chosen & (fate < 8), 3, ids)
    inputs = torch.where(chosen & (fate == 8), random_ids % 1_000, inputs)
    return inputs, torch.where(chosen, ids, -100)


why_keep = Choice(
    kind="Explain",
    answer_name="why_keep_answer",
    task="""
    One chosen token in ten stays as it is, and is asked for all the same. The model could simply
    copy it. What is it good for?
    """,
    options={
        "a": "It lowers the loss, so that training is stable.",
        "b": "Later the model will read texts without any `<mask>`. Asked for at visible words "
        "too, it must form a useful state there, and cannot trust that what it sees is right.",
        "c": "It saves time: nothing has to be replaced.",
        "d": "Without it the model could not learn that gaps exist.",
    },
    right="b",
    reasons={
        "a": "It lowers the number, not the difficulty of the other nine.",
        "b": "Training and use would differ otherwise: a model that is asked only at `<mask>` need "
        "not care what it makes of all other words.",
        "c": "Replacing a number by another costs nothing that could be measured.",
        "d": "Gaps show themselves: `<mask>` is a token of its own.",
    },
    hints=("How many `<mask>` tokens will there be in the texts that you use the model for?",),
)

masked_loss = FindTheBug(
    returns=("loss",),
    harm="nobody asked for",
    task="""
    This loss of a masked language model runs, and looks wonderful from the first step on. Repair
    it: it should be the mean over the *chosen* tokens of the negative log-probability of the
    original. Shapes: `logits` `(B, L, V)`, `ids` `(B, L)` the original tokens, `chosen` `(B, L)`
    bool, with at least one True.
    """,
    hints=(
        "Four tokens in five stand in the input, open to all. How hard is it to name those?",
        "`logits[chosen]` is `(number chosen, V)`.",
    ),
    because="Only what is hidden has to be understood; what is seen has to be copied.",
)


@masked_loss.stub
def masked_loss_of(logits, ids, chosen):
    """Return the mean loss in nats over the chosen tokens: ()."""
    losses = functional.cross_entropy(logits.transpose(1, 2), ids, reduction="none")
    return losses.mean()


@masked_loss.reference
def masked_loss_of(logits, ids, chosen):
    return functional.cross_entropy(logits[chosen], ids[chosen])


@masked_loss.right
def masked_loss_of(logits, ids, chosen):
    labels = ids.masked_fill(~chosen, -100)
    return functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


@masked_loss.right
def masked_loss_of(logits, ids, chosen):
    losses = functional.cross_entropy(logits.transpose(1, 2), ids, reduction="none")
    return losses[chosen].mean()


@masked_loss.right
def masked_loss_of(logits, ids, chosen):
    log_p = logits.log_softmax(dim=-1).gather(-1, ids[..., None]).squeeze(-1)
    return -(log_p * chosen).sum() / chosen.sum()


def _scored(batch: int = 3, seq_len: int = 5, vocab_size: int = 7, dtype=torch.float64):
    rng = torch.Generator().manual_seed(8)
    logits = torch.randn(batch, seq_len, vocab_size, generator=rng, dtype=dtype)
    ids = torch.randint(vocab_size, (batch, seq_len), generator=rng)
    chosen = torch.rand(batch, seq_len, generator=rng) < 0.4
    chosen[0, 0] = True
    return logits, ids, chosen


def _loss_one_by_one(logits, ids, chosen) -> float:
    """The oracle: every chosen token by itself."""
    losses = []
    for row, column in chosen.nonzero().tolist():
        scores = logits[row, column].tolist()
        total = sum(math.exp(score) for score in scores)
        losses.append(math.log(total) - scores[ids[row, column]])
    return sum(losses) / len(losses)


def _is_mean_of_rows(found: float, logits, ids, chosen) -> bool:
    """Is it the mean of the texts' means, over those with a chosen token, or over all of them?"""
    means = [
        _loss_one_by_one(logits[row : row + 1], ids[row : row + 1], chosen[row : row + 1])
        for row in range(len(ids))
        if chosen[row].any()
    ]
    return any(abs(found - sum(means) / count) < 1e-9 for count in (len(means), len(ids)))


@masked_loss.check
def loss_is_one_number_with_a_gradient(answer):
    logits, ids, chosen = _scored()
    loss = answer(logits.requires_grad_(), ids, chosen)
    if loss.shape != ():
        return f"The loss should be one number, of shape (); yours has shape {tuple(loss.shape)}."
    if not loss.requires_grad:
        return "No gradient comes back from the loss: something in between leaves torch."


@masked_loss.check
def unasked_tokens_play_no_part(answer):
    logits, ids, chosen = _scored()
    other = logits + 3 * torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    other = torch.where(chosen[..., None], logits, other)
    if abs(answer(other, ids, chosen).item() - answer(logits, ids, chosen).item()) > 1e-9:
        return (
            "The loss moves when the scores of tokens move that nobody asked for: they are counted "
            "as well, and as they stand in the input, they are easy."
        )


@masked_loss.check
def loss_is_the_mean_over_the_chosen(answer):
    for sizes in ((3, 5, 7), (1, 1, 2), (2, 9, 4)):
        logits, ids, chosen = _scored(*sizes)
        found, wanted = answer(logits, ids, chosen).item(), _loss_one_by_one(logits, ids, chosen)
        if abs(found - wanted) <= 1e-9 * (1 + abs(wanted)):
            continue
        number = int(chosen.sum())
        if abs(found - wanted * number / chosen.numel()) < 1e-9:
            return (
                f"The sum is right, but it is divided by all {chosen.numel()} places; "
                f"{number} were chosen."
            )
        if abs(found - wanted * number) < 1e-9:
            return f"That is the sum over the {number} chosen tokens; wanted is their mean."
        if abs(found - wanted / math.log(2)) < 1e-9:
            return "That is the mean in bits; wanted is nats, by the natural logarithm."
        if _is_mean_of_rows(found, logits, ids, chosen):
            return (
                "The mean is taken text by text first, so a token of a text with few chosen ones "
                "counts for more. Average over all chosen tokens at once."
            )
        return (
            "The mean over the chosen tokens of the negative log-probability should come out "
            "otherwise. Does each token meet its own scores?"
        )


@masked_loss.check
def gradient_is_right_and_reaches_the_chosen_only(answer):
    logits, ids, chosen = _scored()
    logits.requires_grad_()
    (slope,) = torch.autograd.grad(answer(logits, ids, chosen), logits)
    shares = logits.detach().softmax(dim=-1) - functional.one_hot(ids, 7)
    wanted = shares * chosen[..., None] / chosen.sum()
    if not torch.allclose(slope, wanted, atol=1e-9):
        return "The value is right, but its gradient is not: is a part of it detached?"


@masked_loss.wrong(loss_is_one_number_with_a_gradient, "of shape ()")
def masked_loss_of(logits, ids, chosen):
    return functional.cross_entropy(logits[chosen], ids[chosen], reduction="none")


@masked_loss.wrong(loss_is_one_number_with_a_gradient, "No gradient comes back")
def masked_loss_of(logits, ids, chosen):
    return functional.cross_entropy(logits[chosen], ids[chosen]).detach()


@masked_loss.wrong(unasked_tokens_play_no_part, "nobody asked for")
def masked_loss_of(logits, ids, chosen):
    return functional.cross_entropy(logits[~chosen], ids[~chosen])


@masked_loss.wrong(loss_is_the_mean_over_the_chosen, "divided by all")
def masked_loss_of(logits, ids, chosen):
    losses = functional.cross_entropy(logits.transpose(1, 2), ids, reduction="none")
    return (losses * chosen).mean()


@masked_loss.wrong(loss_is_the_mean_over_the_chosen, "wanted is their mean")
def masked_loss_of(logits, ids, chosen):
    return functional.cross_entropy(logits[chosen], ids[chosen], reduction="sum")


@masked_loss.wrong(loss_is_the_mean_over_the_chosen, "taken text by text")
def masked_loss_of(logits, ids, chosen):
    losses = functional.cross_entropy(logits.transpose(1, 2), ids, reduction="none")
    rows = (losses * chosen).sum(dim=1) / chosen.sum(dim=1).clamp(min=1)
    return rows.mean()


@masked_loss.wrong(loss_is_the_mean_over_the_chosen, "in bits")
def masked_loss_of(logits, ids, chosen):
    log_p = logits.softmax(dim=-1).log2().gather(-1, ids[..., None]).squeeze(-1)
    return -log_p[chosen].mean()


@masked_loss.wrong(loss_is_the_mean_over_the_chosen, "Does each token meet its own scores")
def masked_loss_of(logits, ids, chosen):
    return functional.cross_entropy(logits[chosen].flip(0), ids[chosen])


@masked_loss.wrong(gradient_is_right_and_reaches_the_chosen_only, "is a part of it detached")
def masked_loss_of(logits, ids, chosen):
    total = logits.detach().exp().sum(dim=-1).log()
    log_p = logits.gather(-1, ids[..., None])[..., 0] - total
    return -log_p[chosen].mean()


def _picked(logits, ids, chosen):
    """The oracle for all sizes: log-probabilities, of which each token picks its own."""
    log_p = logits.log_softmax(dim=-1).gather(-1, ids[..., None]).squeeze(-1)
    return -log_p[chosen].mean()


@masked_loss.inputs(oracle=_picked)
def loss_calls(draw):
    batch, seq_len, vocab_size = draw.sizes(texts=17, tokens=300, words=(2, 300))
    logits = draw.floats(batch, seq_len, vocab_size, scale=draw.scale(1, 100))
    ids, chosen = draw.wholes(0, vocab_size - 1, batch, seq_len), draw.truths(0.3, batch, seq_len)
    chosen[draw.whole(0, batch - 1), draw.whole(0, seq_len - 1)] = True
    return logits, ids, chosen


@masked_loss.wrong(loss_calls, "is something bounded")
def masked_loss_of(logits, ids, chosen):
    losses = functional.cross_entropy(logits.transpose(1, 2), ids, reduction="none")
    return losses.clamp(max=50.0)[chosen].mean()


# --- causal language modelling -----------------------------------------------------------------

shift = FindTheBug(
    returns=("inputs", "labels"),
    harm="its own input",
    task="""
    This function should make a batch for a *causal* language model: at each place the label is
    the token that comes next, and -100 where that is padding (id 0). It runs, and the loss falls
    to almost nothing. Repair it. `ids` is `(B, L)`; both results are `(B, L - 1)`.
    """,
    hints=(
        "At which place does the model see the token that it is asked for?",
        "The inputs lack the last token, the labels the first.",
    ),
    because="Even a causal model sees the token at its own place; the label stands one further on.",
)


@shift.stub
def next_tokens(ids):
    """(B, L) -> inputs and labels, both (B, L - 1)."""
    inputs = ids[:, :-1]
    labels = inputs.masked_fill(inputs == 0, -100)
    return inputs, labels


@shift.reference
def next_tokens(ids):
    inputs, following = ids[:, :-1], ids[:, 1:]
    labels = following.masked_fill(following == 0, -100)
    return inputs, labels


@shift.right
def next_tokens(ids):
    labels = torch.where(ids == 0, -100, ids)
    return ids[:, : ids.size(1) - 1], labels[:, 1:]


@shift.right
def next_tokens(ids):
    labels = torch.full_like(ids[:, 1:], -100)
    is_token = ids[:, 1:] != 0
    labels[is_token] = ids[:, 1:][is_token]
    return ids[:, :-1], labels


@shift.right
def next_tokens(ids):
    seq_len = ids.shape[1]
    inputs = ids.narrow(1, 0, seq_len - 1)
    labels = ids.narrow(1, 1, seq_len - 1)
    return inputs, labels - 100 * (labels == 0)


def _padded():
    return torch.tensor([[1, 7, 3, 9, 4, 2], [1, 6, 2, 0, 0, 0], [1, 9, 3, 7, 2, 0]])


@shift.check
def both_lack_one_place(answer):
    inputs, labels = answer(_padded())
    for name, found in (("inputs", inputs), ("labels", labels)):
        if found.shape != (3, 5):
            return (
                f"Of texts of 6 tokens, 5 places have a next one: `{name}` should be (3, 5), not "
                f"{tuple(found.shape)}."
            )
        if found.dtype != torch.int64:
            return f"`{name}` are token ids, whole numbers; yours are {found.dtype}."


@shift.check
def inputs_are_the_texts_without_their_ends(answer):
    ids = _padded()
    inputs, _ = answer(ids)
    if inputs.tolist() != [row[:-1] for row in ids.tolist()]:
        return "The inputs should be the texts as they are, each without its last place."


@shift.check
def labels_are_what_comes_next(answer):
    ids = _padded()
    _, labels = answer(ids)
    wanted = [[token or -100 for token in row[1:]] for row in ids.tolist()]
    if labels.tolist() == wanted:
        return None
    own = [[token or -100 for token in row[:-1]] for row in ids.tolist()]
    if labels.tolist() == own:
        return (
            "Each label repeats its own input: the model has only to copy. The label "
            "should be the token after it."
        )
    if labels.tolist() == [row[1:] for row in ids.tolist()]:
        return "The model is asked for padding. Where the next token is padding, put -100."
    if not torch.equal(labels == -100, ids[:, 1:] == 0):
        return "Where the next token is padding, the label should be -100, and only there."
    return "The labels should be the texts without their first place, -100 where there is padding."


@shift.check
def other_sizes_are_shifted_too(answer):
    for ids in (torch.tensor([[1, 5]]), torch.randint(4, 9, (2, 11))):
        inputs, labels = answer(ids)
        if inputs.tolist() != ids[:, :-1].tolist() or labels.tolist() != ids[:, 1:].tolist():
            return f"With texts of shape {tuple(ids.shape)} it does not hold. Is a size fixed?"


@shift.wrong(both_lack_one_place, "should be (3, 5)")
def next_tokens(ids):
    following = ids.roll(-1, dims=1)
    return ids, following.masked_fill(following == 0, -100)


@shift.wrong(inputs_are_the_texts_without_their_ends, "without its last place")
def next_tokens(ids):
    before = ids[:, :-1]
    return ids[:, 1:], before.masked_fill(before == 0, -100)


@shift.wrong(labels_are_what_comes_next, "asked for padding")
def next_tokens(ids):
    return ids[:, :-1], ids[:, 1:]


@shift.wrong(labels_are_what_comes_next, "and only there")
def next_tokens(ids):
    return ids[:, :-1], ids[:, 1:].masked_fill(ids[:, :-1] == 0, -100)


@shift.wrong(labels_are_what_comes_next, "without their first place")
def next_tokens(ids):
    following = ids[:, 1:].masked_fill(ids[:, 1:] == 0, -100)
    return ids[:, :-1], following.masked_fill(following == 9, 8)


@shift.wrong(other_sizes_are_shifted_too, "Is a size fixed")
def next_tokens(ids):
    following = ids[:, 1:6]
    return ids[:, :5], following.masked_fill(following == 0, -100)


def _place_by_place(ids):
    """The oracle: windows of two, the second of which is asked for unless it is 0."""
    inputs, following = ids.unfold(1, 2, 1).unbind(dim=-1)
    return inputs, torch.where(following > 0, following, -100)


@shift.inputs(oracle=_place_by_place)
def shift_calls(draw):
    batch, seq_len = draw.sizes(texts=65, places=(2, 300))
    ids, num_tokens = draw.wholes(1, 9, batch, seq_len), draw.wholes(1, seq_len, batch)
    return (ids * (torch.arange(seq_len) < num_tokens[:, None]),)


@shift.wrong(shift_calls, "`labels` should have shape")
def next_tokens(ids):
    labels = ids.masked_fill(ids == 0, -100)
    return ids[:, :-1], labels[:, 1:129]


# --- three patients ----------------------------------------------------------------------------


def _shows_what_it_asks_for(model, batch):
    inputs, labels = batch
    return prediction_loss(model, (torch.where(labels == IGNORED, inputs, labels), labels))


def _stops_at_the_read_out(model, batch):
    inputs, labels = batch
    asked = labels != IGNORED
    states = model.hidden(inputs, looks_at(model, inputs))[asked].detach()
    return functional.cross_entropy(model.embedding.logits(states), labels[asked])


# Loss and peak learning rate of a healthy training and of three broken ones. Spoilers.
PATIENTS = {
    "healthy": (prediction_loss, 1e-2),
    "one": (_shows_what_it_asks_for, 1e-2),
    "two": (prediction_loss, 1.0),
    "three": (_stops_at_the_read_out, 1e-2),
}

_CAUSES = {
    "a": "The learning rate is far too high.",
    "b": "What is asked for stands in the input, for all to see.",
    "c": "The layers get no gradient; only the table of word vectors is trained.",
    "d": "Too little text: it is learnt by heart.",
}

patient_one = Choice(
    kind="Diagnose",
    answer_name="patient_one_answer",
    task="""
    **Patient one.** The training loss is far below that of the healthy run from the first step on,
    and soon below half a nat. At the gaps of held-out texts the loss is worse than if all words
    were equally likely. What is wrong?
    """,
    options=_CAUSES,
    right="b",
    reasons={
        "a": "Then the training loss would be high as well; here it is too good.",
        "b": "Copying is easy, and it is all that was learnt. At a real gap there is nothing to "
        "copy.",
        "c": "Then the training loss could hardly fall below the healthy one.",
        "d": "Learning by heart takes many readings. Here the loss is low at the first step, when "
        "no text has been read before.",
    },
    hints=("What could make a loss small before anything has been learnt?",),
)

patient_two = Choice(
    kind="Diagnose",
    answer_name="patient_two_answer",
    task="""
    **Patient two.** Within a few steps the training loss jumps to several times its first value.
    At the end it is still no better than word frequencies would be. What is wrong?
    """,
    options=_CAUSES,
    right="a",
    reasons={
        "a": "Each step throws the weights far past where the gradient pointed, and the next one "
        "throws them back.",
        "b": "Then the loss would be too low, not too high.",
        "c": "Then nothing could jump: the table alone learns quietly.",
        "d": "Text learnt by heart makes the training loss low.",
    },
    hints=("What can make a loss *rise* at the very beginning?",),
)

patient_three = Choice(
    kind="Diagnose",
    answer_name="patient_three_answer",
    task="""
    **Patient three.** The training loss falls without a jump, but slowly, and stays behind the
    healthy one. On held-out texts the loss is just as poor. What is wrong?
    """,
    options=_CAUSES,
    right="c",
    reasons={
        "a": "Too high a rate shows as jumps. This curve has none.",
        "b": "Then the training loss would look too good.",
        "c": "The read-out learns what it can from states that nobody improves. Look for "
        "parameters whose gradient is None.",
        "d": "Learnt by heart would be a low training loss and a high one on held-out text.",
    },
    hints=("Slow and without jumps: something learns. Does everything?",),
)

# --- claims and budgets ------------------------------------------------------------------------

vocabulary_claim = Choice(
    kind="Criticise a claim",
    answer_name="vocabulary_claim_answer",
    task="""
    "Model A has a vocabulary of 30,000 words and a perplexity of 90. Model B knows the 1,000 most
    frequent words, writes `<unknown>` for all others, predicts that too, and has a perplexity of
    25. On the same test texts. So B is the better language model." Which of these hold? Give all.
    """,
    options={
        "a": "B's targets are others: it never has to say *which* rare word it is.",
        "b": "The comparison is fair, since the texts are the same.",
        "c": "In the extreme, a vocabulary of `<unknown>` alone would reach a perplexity of 1.",
        "d": "Loss per character of the original text, with rare words spelt out by both, could be "
        "compared.",
    },
    right="acd",
    reasons={
        "a": "True: the hard part of the text is replaced by one frequent, easy token.",
        "b": "The same texts, but not the same questions. Perplexity is per token of a vocabulary.",
        "c": "True: it is always right, and says nothing.",
        "d": "True: then both give a probability to the same thing, the text itself.",
    },
    hints=("What exactly is each model asked, where a text holds a rare word?",),
)


def _r_after_8000() -> float:
    """The mean over seeds, from the study's results."""
    from lessons_lib.measure.results import load_results

    runs = load_results("raw_text_and_quality")["runs"]
    final = [r["numbers"] for r in runs if (r["variant"], r["stage"]) == ("text_8000", "final")]
    return sum(numbers["r_movies"] for numbers in final) / len(final)


raw_text_forecast = Number(
    kind="Predict",
    answer_name="raw_text_forecast_answer",
    form="a correlation r",
    task="""
    In the study, which has other texts to learn from than this page, frozen states of an untrained
    encoder and 500 rated film snippets for the ridge predict other ratings with r = 0.15. Counted
    words reach 0.36. What does the same encoder reach after 600 steps of masked language modelling
    on 8,000 snippets? Within a factor of 1.25 counts.
    """,
    truth=_r_after_8000,
    factor=1.25,
    traps=(
        (0.15, "As if nothing had been learnt; something was."),
        (0.36, "That is what counted words reach; 600 steps do not get so far."),
    ),
    reveal=True,
    hints=("Which words does *good* share its gaps with?",),
    because="Better than chance vectors, far from what plain counts of words give.",
)


def _best_for_ten_times() -> float:
    """The largest budget's best size, from the study's results, times the root of ten."""
    from lessons_lib.measure.results import load_results
    from lessons_lib.measure.scaling import frontier, losses_of

    _, size, _ = frontier(losses_of(load_results("scaling")))[-1]
    return size * 10**0.5


next_size = Number(
    kind="Estimate the budget",
    answer_name="next_size_answer",
    form="a number of parameters",
    task="""
    You are given ten times the compute of the largest budget above, and as much new text as you
    like. By the exponent of Hoffmann et al., 0.5, and from the best N that the table has for that
    budget: how many numbers should the layers of your model have? Within 10%.
    """,
    truth=_best_for_ten_times,
    factor=1.1,
    traps=(
        (737_000, "That puts all of the compute into the size; nothing more is read."),
        (73_700, "That is the best size of the largest budget itself."),
        (396_000, "That is by the exponent of Kaplan et al., 0.73; Hoffmann's is smaller."),
    ),
    hints=(
        "N grows as the compute to the power of 0.5.",
        "Ten times the compute is the root of ten, 3.16, times the size.",
    ),
    because="3.16 times the size, and 3.16 times the tokens. It is an extrapolation: a factor of "
    "ten beyond what was measured.",
)

epochs = Number(
    kind="Estimate the budget",
    answer_name="epochs_answer",
    form="a number of times",
    task="""
    The training below takes 900 steps of 64 texts, drawn from 8,603. How many times is each text
    read, on average? Within 5%.
    """,
    truth=lambda: 900 * 64 / 8_603,
    factor=1.05,
    traps=(
        (900 / 64, "That is steps over batch; texts read are steps *times* batch."),
        (8_603 / 64, "That is how many steps it takes to read every text once."),
        (900 / 8_603, "That would be one text a step."),
    ),
    hints=("Texts read in all, divided by texts that there are.",),
    because="900 · 64 = 57,600 readings, over 8,603 texts. Each time other words are hidden.",
)
