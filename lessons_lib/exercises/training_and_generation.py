"""The exercises of the chapter on training and generation."""

import math

import torch

from .engine.declare import FindTheBug
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


# --- writing -----------------------------------------------------------------------------------

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
