"""The exercises of the chapter on a real language model."""

import math
import struct

import torch

from .engine.declare import CodeExercise, FindTheBug
from .engine.oracles import told_apart
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

shared_heads = Choice(
    kind="Recap",
    answer_name="shared_heads_answer",
    task="""
    A layer has 9 query heads that share 3 heads of keys and values. Beside a layer with 9 of each,
    what shrinks to a third?
    """,
    options={
        "a": "The table of scores, (queries, keys) for each head.",
        "b": "The cache of keys and values, and the matrices that make them.",
        "c": "`d_model`, the width of the tokens' vectors.",
        "d": "The number of positions that a token can look at.",
    },
    right="b",
    reasons={
        "a": "Every query head still has scores of its own: nine tables, as before.",
        "b": "Three heads of keys and values are made and kept in place of nine; queries are as "
        "many as before.",
        "c": "The nine heads' outputs still lie side by side, and make up `d_model`.",
        "d": "Who may look where is the mask's business, and no head's.",
    },
    hints=("What is made once for each *key-value* head, and what once for each *query* head?",),
)

same_shape = Choice(
    kind="Recap",
    answer_name="same_shape_answer",
    task="""
    You load weights into your own classes, all names and all shapes fit, and the output is wrong.
    Which of these faults can be the reason?
    """,
    options={
        "a": "A layer's matrix is missing from the file.",
        "b": "The rows of the query matrix stand in another order than your code expects.",
        "c": "The vocabulary has a token more than your embedding has rows.",
        "d": "Your feed-forward layer is half as wide as the file's.",
    },
    right="b",
    reasons={
        "a": "A loader that compares names stops at this one.",
        "b": "The order of rows has neither name nor shape. Only what is computed tells.",
        "c": "Then the embedding's shape does not fit, and the loader stops.",
        "d": "Then the matrices' shapes do not fit, and the loader stops.",
    },
    hints=("Which of them would be seen by comparing names and shapes?",),
)

# --- numbers in four bits ----------------------------------------------------------------------

bits = Number(
    kind="Estimate the budget",
    answer_name="bits_answer",
    form="a number of bits",
    task="""
    In the format Q4_1, 32 weights share one block: a scale and a minimum of two bytes each, then
    four bits for each weight. How many bits does a weight cost, all in all?
    """,
    truth=lambda: (2 + 2 + 32 * 4 / 8) * 8 / 32,
    factor=1,
    traps=(
        (4.0, "The four bits alone. The scale and the minimum need room, too."),
        (4.5, "One number of two bytes for each block; there are two."),
        (20.0, "That is the block in bytes. A weight's share of it, in bits, is asked for."),
        (0.625, "That is in bytes; a byte has eight bits."),
        (8.5, "That is Q8_0, with a byte for each weight. Here a weight has four bits."),
        (160.0, "That is the whole block in bits; 32 weights share it."),
    ),
    hints=("How many bytes has a block? Times 8, over 32.",),
    because="A block has 20 bytes: 160 bits for 32 weights. A fifth of them is scale and minimum.",
)

unpack = CodeExercise(
    returns=("weights",),
    task="""
    Write `my_unpack(blocks)` for the format Q4_1. `blocks` is `(N, 20)`, dtype `torch.uint8`. Bytes
    0 and 1 of a block are its scale, a float16 with its low byte first, bytes 2 and 3 its minimum,
    likewise. The 16 bytes that are left hold 32 numbers from 0 to 15: the *low* four bits of each
    are numbers 0 to 15 of the block, the *high* four bits numbers 16 to 31. A weight is scale times
    number plus minimum. Return the weights, `(N, 32)`, in float32.
    """,
    hints=(
        "`byte & 15` are the low four bits, `byte >> 4` the high ones.",
        "`blocks[:, :2].contiguous().view(torch.float16)` reads two bytes as one number: `(N, 1)`.",
        "Concatenate the low halves and the high halves along the last axis, *then* scale.",
    ),
    because="Low halves first, then high halves: so the processor takes all 16 by one mask.",
)


@unpack.stub
def my_unpack(blocks):
    """The weights of each block of 20 bytes: (N, 20) uint8 -> (N, 32) float32."""
    raise NotImplementedError


@unpack.reference
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    packed = blocks[:, 4:]  # (N, 16)
    numbers = torch.cat([packed & 15, packed >> 4], dim=1)  # (N, 32)
    return scale * numbers + minimum


@unpack.right
def my_unpack(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).to(torch.float32)
    minimum = blocks[:, 2:4].contiguous().view(torch.float16).to(torch.float32)
    numbers = torch.empty(len(blocks), 32)
    numbers[:, :16] = blocks[:, 4:] % 16
    numbers[:, 16:] = blocks[:, 4:] // 16
    return torch.addcmul(minimum, scale, numbers)


@unpack.right
def my_unpack(blocks):
    rows = []
    for block in blocks.tolist():
        scale, minimum = struct.unpack("<ee", bytes(block[:4]))
        numbers = [byte & 0x0F for byte in block[4:]] + [byte >> 4 for byte in block[4:]]
        rows.append([scale * number + minimum for number in numbers])
    return torch.tensor(rows, dtype=torch.float32)


@unpack.right
def my_unpack(blocks):
    import numpy as np

    raw = blocks.numpy()
    ends = np.frombuffer(raw[:, :4].tobytes(), dtype="<f2").reshape(-1, 2).astype(np.float32)
    halves = np.stack([raw[:, 4:] & 15, raw[:, 4:] >> 4], axis=1).reshape(len(raw), 32)
    return torch.from_numpy(ends[:, :1] * halves + ends[:, 1:])


def _block(scale: float, minimum: float, numbers: list[int]) -> torch.Tensor:
    """One block (1, 20) of 32 numbers from 0 to 15."""
    packed = [low | high << 4 for low, high in zip(numbers[:16], numbers[16:], strict=True)]
    return torch.tensor([[*struct.pack("<ee", scale, minimum), *packed]], dtype=torch.uint8)


def _unpacked(blocks) -> torch.Tensor:
    """The oracle: each block by the module `struct` and plain loops, in float64."""
    rows = []
    for block in blocks.tolist():
        scale, minimum = struct.unpack("<ee", bytes(block[:4]))
        numbers = [byte % 16 for byte in block[4:]] + [byte // 16 for byte in block[4:]]
        rows.append([scale * number + minimum for number in numbers])
    return torch.tensor(rows, dtype=torch.float64)


_COUNTED = [*range(16), *range(15, -1, -1)]


@unpack.check
def thirty_two_floats_come_out_of_a_block(answer):
    found = answer(_block(1.0, 0.0, _COUNTED).expand(3, 20))
    if found.shape != (3, 32):
        return f"Three blocks hold (3, 32) weights; yours have shape {tuple(found.shape)}."
    if found.dtype != torch.float32:
        return f"The weights should be float32; yours are {found.dtype}."


@unpack.check
def numbers_come_in_their_order(answer):
    found = answer(_block(1.0, 0.0, _COUNTED))[0].tolist()
    if found == _COUNTED:
        return None
    halves = _COUNTED[16:] + _COUNTED[:16]
    in_turn = [n for pair in zip(_COUNTED[:16], _COUNTED[16:], strict=True) for n in pair]
    if found == halves:
        return "The high halves of the bytes come first in yours; the low halves should."
    if found == in_turn:
        return (
            "Low and high halves take turns in yours. All sixteen low ones come first, then all "
            "sixteen high ones."
        )
    if found == [number - 8 for number in _COUNTED]:
        return "Here the numbers run from 0 to 15: nothing is subtracted, the minimum does that."
    if set(found) == {1.0}:
        return "Scale and minimum are exchanged: the scale's two bytes come first."
    if found[16:] == [16 * number for number in _COUNTED[16:]]:
        return "The high four bits have to be shifted down by four; yours are 16 times too large."
    return (
        "With scale 1 and minimum 0 the weights are the numbers themselves. Yours are not: are the "
        "two numbers in front read as float16, low byte first, and the right bits of the others?"
    )


@unpack.check
def scale_and_minimum_are_used(answer):
    found = answer(_block(0.5, -3.0, _COUNTED))[0]
    numbers = torch.tensor(_COUNTED, dtype=torch.float32)
    if torch.equal(found, 0.5 * numbers - 3):
        return None
    if torch.equal(found, 0.5 * numbers):
        return "The minimum is left out: it is added to every weight of its block."
    if torch.equal(found, 0.5 * (numbers - 3)):
        return "The minimum is scaled in yours. It is a weight already: scale first, then add it."
    if torch.equal(found, numbers - 3):
        return "The scale is left out: the numbers are steps, and the scale is a step's width."
    return "With scale 0.5 and minimum -3, number 4 should become -1, and so on; yours does not."


@unpack.check
def every_block_has_its_own_scale(answer):
    blocks = torch.cat([_block(1.0, 0.0, _COUNTED), _block(0.25, 8.0, _COUNTED)])
    if not torch.equal(answer(blocks)[1].double(), _unpacked(blocks)[1]):
        return "The second block has a scale and a minimum of its own; yours does not use them."


@unpack.wrong(thirty_two_floats_come_out_of_a_block, "hold (3, 32)")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    return scale * blocks[:, 4:] + minimum


@unpack.wrong(thirty_two_floats_come_out_of_a_block, "should be float32")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).split(1, dim=1)
    return scale * torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1) + minimum


@unpack.wrong(numbers_come_in_their_order, "The high halves")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    return scale * torch.cat([blocks[:, 4:] >> 4, blocks[:, 4:] & 15], dim=1) + minimum


@unpack.wrong(numbers_come_in_their_order, "take turns")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    numbers = torch.stack([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=2).flatten(1)
    return scale * numbers + minimum


@unpack.wrong(numbers_come_in_their_order, "nothing is subtracted")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    numbers = torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1)
    return scale * (numbers.float() - 8) + minimum


@unpack.wrong(numbers_come_in_their_order, "shifted down")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    return scale * torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] & 240], dim=1) + minimum


@unpack.wrong(numbers_come_in_their_order, "the right bits")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    numbers = torch.cat([blocks[:, 4:] & 7, blocks[:, 4:] >> 4], dim=1)
    return scale * numbers + minimum


@unpack.wrong(scale_and_minimum_are_used, "The minimum is left out")
def my_unpack(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    return scale * torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1)


@unpack.wrong(scale_and_minimum_are_used, "The minimum is scaled")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    return scale * (torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1) + minimum)


@unpack.wrong(scale_and_minimum_are_used, "The scale is left out")
def my_unpack(blocks):
    minimum = blocks[:, 2:4].contiguous().view(torch.float16).float()
    return torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1) + minimum


@unpack.wrong(numbers_come_in_their_order, "are exchanged")
def my_unpack(blocks):
    minimum, scale = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    return scale * torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1) + minimum


@unpack.wrong(every_block_has_its_own_scale, "of its own")
def my_unpack(blocks):
    scale, minimum = blocks[0, :4].contiguous().view(torch.float16).float()
    return scale * torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1) + minimum


@unpack.inputs(oracle=_unpacked)
def unpack_calls(draw):
    """Any bytes, but for scales and minima: those are numbers, small and large, of either sign."""
    (num_blocks,) = draw.sizes(blocks=300)
    draw.dtypes(torch.float32)
    ends = draw.floats(num_blocks, 2, scale=draw.scale(0.01, 100)).detach().half().contiguous()
    packed = draw.wholes(0, 255, num_blocks, 16).to(torch.uint8)
    return (torch.cat([ends.view(torch.uint8), packed], dim=1),)


@unpack.wrong(unpack_calls, "yours")
def my_unpack(blocks):
    scale, minimum = blocks[:, :4].contiguous().view(torch.float16).float().split(1, dim=1)
    numbers = torch.cat([blocks[:, 4:] & 15, blocks[:, 4:] >> 4], dim=1)
    return scale.abs() * numbers + minimum


# --- the order of rows -------------------------------------------------------------------------

rows = FindTheBug(
    returns=("weight",),
    harm="the way back",
    task="""
    The file keeps query and key matrices for rotary pairs of *neighbouring* rows: 0 and 1, 2 and 3,
    and so on within each head. The reference library wants *halves*: rows `i` and `i + D / 2` of a
    head of `D` rows are a pair. This function is to bring the rows into that order. It fails as
    soon as a head has more than four rows. Repair it.
    """,
    hints=(
        "Number the rows of one head of 6: which order should come out?",
        "0, 2, 4, 1, 3, 5 should. The stub makes 0, 3, 1, 4, 2, 5: that is the way *back*.",
        "Cut a head into `D / 2` pairs of two, then exchange those two axes.",
    ),
    because="First of each pair, then second of each pair. With two or four rows the way there and "
    "the way back are the same, so that a small test shows nothing.",
)


@rows.stub
def to_halves(weight, num_heads):
    """(H * D, d_model), neighbouring pairs -> the same shape, pairs in halves."""
    pairs = weight.unflatten(0, (num_heads, 2, -1))
    return pairs.transpose(1, 2).flatten(0, 2)


@rows.reference
def to_halves(weight, num_heads):
    pairs = weight.unflatten(0, (num_heads, -1, 2))  # (H, D / 2, 2, d_model)
    return pairs.transpose(1, 2).flatten(0, 2)


@rows.right
def to_halves(weight, num_heads):
    heads = weight.unflatten(0, (num_heads, -1))  # (H, D, d_model)
    return torch.cat([heads[:, 0::2], heads[:, 1::2]], dim=1).flatten(0, 1)


@rows.right
def to_halves(weight, num_heads):
    width = len(weight) // num_heads
    order = [
        head * width + place
        for head in range(num_heads)
        for place in [*range(0, width, 2), *range(1, width, 2)]
    ]
    return weight[order]


@rows.right
def to_halves(weight, num_heads):
    made = torch.empty_like(weight)
    width = len(weight) // num_heads
    for head in range(num_heads):
        one = weight[head * width : (head + 1) * width]
        made[head * width : head * width + width // 2] = one[::2]
        made[head * width + width // 2 : (head + 1) * width] = one[1::2]
    return made


def _rows_one_by_one(weight, num_heads):
    """The oracle: where each row goes, by its number."""
    width = len(weight) // num_heads
    made = [None] * len(weight)
    for row in range(len(weight)):
        head, place = divmod(row, width)
        pair, second = divmod(place, 2)
        made[head * width + pair + second * width // 2] = weight[row]
    return torch.stack(made)


def _order_of(answer, num_heads, width):
    numbered = torch.arange(float(num_heads * width))[:, None].expand(-1, 3)
    return answer(numbered.clone(), num_heads)


@rows.check
def rows_of_one_head_come_in_order(answer):
    found = _order_of(answer, 1, 6)
    if found.shape != (6, 3):
        return f"A matrix (6, 3) should stay (6, 3); yours is {tuple(found.shape)}."
    order = found[:, 0].int().tolist()
    if order == [0, 3, 1, 4, 2, 5]:
        return (
            "One head of 6 rows comes out as 0, 3, 1, 4, 2, 5. That is the way back, from "
            "halves to neighbours."
        )
    if order == [0, 1, 2, 3, 4, 5]:
        return "The rows have not moved."
    if order != [0, 2, 4, 1, 3, 5]:
        return (
            f"One head of 6 rows comes out as {', '.join(map(str, order))}. Rows 0, 2 and 4 are "
            "the first of their pairs, and should come first."
        )


@rows.check
def heads_stay_apart(answer):
    found = _order_of(answer, 3, 8)[:, 0]
    wanted = _rows_one_by_one(torch.arange(24.0)[:, None], 3)[:, 0]
    if torch.equal(found, wanted):
        return None
    if torch.equal(found, _rows_one_by_one(torch.arange(24.0)[:, None], 1)[:, 0]):
        return "The rows are sorted over all heads together; each head should keep its own rows."
    return "With three heads of 8 rows, rows leave their head or come in another order."


@rows.check
def columns_stay_as_they_are(answer):
    weight = torch.arange(60.0).view(12, 5)
    found = answer(weight, 2)
    if not torch.equal(found, _rows_one_by_one(weight, 2)):
        return "Only whole rows should move; the numbers inside them should stay in their places."


@rows.wrong(rows_of_one_head_come_in_order, "should stay (6, 3)")
def to_halves(weight, num_heads):
    return weight.unflatten(0, (num_heads, -1, 2)).transpose(1, 2).flatten(0, 1)


@rows.wrong(rows_of_one_head_come_in_order, "The rows have not moved")
def to_halves(weight, num_heads):
    return weight.unflatten(0, (num_heads, -1, 2)).flatten(0, 2)


@rows.wrong(rows_of_one_head_come_in_order, "should come first")
def to_halves(weight, num_heads):
    heads = weight.unflatten(0, (num_heads, -1))
    return torch.cat([heads[:, 1::2], heads[:, ::2]], dim=1).flatten(0, 1)


@rows.wrong(heads_stay_apart, "over all heads together")
def to_halves(weight, num_heads):
    return torch.cat([weight[::2], weight[1::2]])


@rows.wrong(heads_stay_apart, "rows leave their head")
def to_halves(weight, num_heads):
    return weight.unflatten(0, (-1, num_heads, 2)).transpose(0, 2).flatten(0, 2)


@rows.wrong(columns_stay_as_they_are, "Only whole rows")
def to_halves(weight, num_heads):
    pairs = weight.unflatten(0, (num_heads, -1, 2))
    return pairs.transpose(1, 2).flatten(0, 2).sort(dim=1, descending=True).values


@rows.inputs(oracle=_rows_one_by_one)
def rows_calls(draw):
    """As read from a file, so without gradient; heads of any even width."""
    num_heads, pairs, d_model = draw.sizes(heads=17, pairs_of_rows=65, columns=300)
    weight = draw.floats(num_heads * 2 * pairs, d_model, scale=draw.scale(1, 1_000)).detach()
    return weight, num_heads


@rows.wrong(rows_calls, "yours")
def to_halves(weight, num_heads):
    moved = weight.unflatten(0, (num_heads, -1, 2)).transpose(1, 2).flatten(0, 2)
    return moved if len(weight) // num_heads <= 64 else weight


# --- how likely a text is ----------------------------------------------------------------------

continuation = CodeExercise(
    returns=("log_probability",),
    task="""
    Write `my_continuation(logits, ids, start)`: how likely a model finds the tokens
    `ids[start:]`, given those before them. `ids` is `(L,)`; `logits` is `(L, vocab_size)`, what the
    model answered at each of these tokens; `start` is at least 1 and at most `L`. Return the *sum*
    of the log-probabilities in nats, a tensor of shape `()`, in the dtype of `logits`.
    """,
    hints=(
        "At which place did the model say what it expects as token `start`?",
        "The answer at place `i` is about token `i + 1`: `logits[start - 1 : -1]`.",
        "`log_softmax` over the vocabulary, `gather` the tokens that came, sum.",
    ),
    because="What stands at a place is the forecast of the *next* token, so the two are shifted.",
)


@continuation.stub
def my_continuation(logits, ids, start):
    """The log-probability of ids[start:] after ids[:start], in nats: ()."""
    raise NotImplementedError


@continuation.reference
def my_continuation(logits, ids, start):
    forecasts = logits[start - 1 : -1].log_softmax(dim=-1)  # (L - start, vocab_size)
    return forecasts.gather(1, ids[start:, None]).sum()


@continuation.right
def my_continuation(logits, ids, start):
    return -torch.nn.functional.cross_entropy(
        logits[start - 1 : len(ids) - 1], ids[start:], reduction="sum"
    )


@continuation.right
def my_continuation(logits, ids, start):
    total = logits.new_zeros(())
    for place in range(start, len(ids)):
        total = total + logits[place - 1].log_softmax(dim=0)[ids[place]]
    return total


@continuation.right
def my_continuation(logits, ids, start):
    places = torch.arange(start, len(ids))
    return torch.log_softmax(logits, dim=1)[places - 1, ids[start:]].sum()


def _one_by_one(logits, ids, start):
    """The oracle: token by token, the sum of exponentials written out, the largest taken out."""
    total = logits.new_zeros(())
    for place in range(start, len(ids)):
        before = logits[place - 1] - logits[place - 1].max()
        total = total + before[int(ids[place])] - before.exp().sum().log()
    return total


def _a_text(length=5, vocab_size=7, seed=2, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    logits = torch.randn(length, vocab_size, generator=rng, dtype=dtype)
    return logits, torch.randint(vocab_size, (length,), generator=rng)


@continuation.check
def one_number_in_nats_comes_back(answer):
    logits = torch.zeros(4, 10, dtype=torch.float64)
    found = answer(logits, torch.tensor([1, 2, 3, 4]), 3)
    if found.shape != ():
        return f"One number should come back, of shape (); yours has shape {tuple(found.shape)}."
    if found.dtype != torch.float64:
        return f"Given float64, float64 should come back; yours is {found.dtype}."
    if abs(found.item() + math.log(10)) < 1e-9:
        return None
    if abs(found.item() - math.log(10)) < 1e-9:
        return "That is the loss; a log-probability is its negative, and at most 0."
    if abs(found.item() - 0.1) < 1e-9:
        return (
            "That is the probability itself. Its logarithm is asked for: sums of many stay exact."
        )
    if abs(found.item() + 1) < 1e-9 or abs(found.item() + math.log2(10)) < 1e-9:
        return "The logarithm should be the natural one: the task asks for nats."
    if found.item() == 0:
        return (
            "Yours is 0: is `log_softmax` taken over the vocabulary, and does the token at `start` "
            "count, the last one included?"
        )
    return (
        "One token after a model that finds ten tokens equally likely has log-probability "
        f"{-math.log(10):.3f}; yours is {found.item():.3f}."
    )


@continuation.check
def a_forecast_is_about_the_next_token(answer):
    logits, ids = _a_text()
    found, wanted = answer(logits, ids, 3), _one_by_one(logits, ids, 3)
    if torch.allclose(found, wanted):
        return None
    same_place = logits.log_softmax(-1).gather(1, ids[:, None])[3:].sum()
    if torch.allclose(found, same_place):
        return (
            "Each token is looked up in the answer at its own place. What stands there is about "
            "the token after it: look one place earlier."
        )
    count = len(ids) - 3
    if torch.allclose(found, wanted / count):
        return "That is the mean over the tokens; the sum is asked for."
    if torch.allclose(found, _one_by_one(logits, ids, 1)):
        return "Every token of the text is counted; those before `start` are given."
    if torch.allclose(found, _one_by_one(logits, ids, 4)):
        return "The token at `start` itself is missing: it is the first that counts."
    raw = logits[2:-1].gather(1, ids[3:, None]).sum()
    if torch.allclose(found, raw):
        return (
            "Those are bare logits; `log_softmax` over the vocabulary makes them log-probabilities."
        )
    mine, right = told_apart(found.item(), wanted.item())
    return (
        f"For five tokens, the last two of them counted, {right} should come out; yours is {mine}."
    )


@continuation.check
def nothing_counted_is_certain(answer):
    logits, ids = _a_text()
    found = answer(logits, ids, 5)
    if found.shape != () or found.item() != 0:
        return (
            "With `start` at the end of the text nothing is left to count: the sum is 0. Yours is "
            f"{found.tolist()}."
        )


@continuation.check
def long_and_sure_texts_stay_numbers(answer):
    logits, ids = _a_text(length=60, vocab_size=9, dtype=torch.float32)
    found = answer(200 * logits, ids, 1)
    wanted = _one_by_one(200 * logits.double(), ids, 1)
    if not torch.isfinite(found) or not torch.allclose(found.double(), wanted, rtol=1e-4):
        return (
            "With logits of some hundreds the sum is not right any more: a probability rounds to "
            "0. `log_softmax` never writes the probability down."
        )


@continuation.check
def gradient_reaches_the_logits(answer):
    logits, ids = _a_text()
    logits.requires_grad_()
    found = answer(logits, ids, 2)
    if not found.requires_grad:
        return "No gradient comes back: `.item()` or `.detach()` leaves torch on the way."


def _forecasts(logits, ids, start):
    return logits[start - 1 : -1].log_softmax(dim=-1), ids[start:, None]


@continuation.wrong(one_number_in_nats_comes_back, "of shape ()")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start)
    return forecasts.gather(1, came).sum(dim=0)


@continuation.wrong(one_number_in_nats_comes_back, "That is the loss")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start)
    return -forecasts.gather(1, came).sum()


@continuation.wrong(one_number_in_nats_comes_back, "the probability itself")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start)
    return forecasts.gather(1, came).exp().prod()


@continuation.wrong(one_number_in_nats_comes_back, "the task asks for nats")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start)
    return forecasts.gather(1, came).sum() / math.log(2)


@continuation.wrong(one_number_in_nats_comes_back, "float64 should come back")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits.float(), ids, start)
    return forecasts.gather(1, came).sum()


@continuation.wrong(one_number_in_nats_comes_back, "equally likely")
def my_continuation(logits, ids, start):
    return logits.log_softmax(dim=0)[start - 1 : -1].gather(1, ids[start:, None]).sum()


@continuation.wrong(a_forecast_is_about_the_next_token, "at its own place")
def my_continuation(logits, ids, start):
    return logits.log_softmax(dim=-1).gather(1, ids[:, None])[start:].sum()


@continuation.wrong(a_forecast_is_about_the_next_token, "That is the mean")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start)
    return forecasts.gather(1, came).mean()


@continuation.wrong(one_number_in_nats_comes_back, "equally likely")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, 1)
    return forecasts.gather(1, came).sum()


@continuation.wrong(one_number_in_nats_comes_back, "Yours is 0")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start + 1)
    return forecasts.gather(1, came).sum()


@continuation.wrong(one_number_in_nats_comes_back, "Yours is 0")
def my_continuation(logits, ids, start):
    return logits[start - 1 : -1].gather(1, ids[start:, None]).sum()


@continuation.wrong(a_forecast_is_about_the_next_token, "should come out")
def my_continuation(logits, ids, start):
    forecasts = logits[start - 1 : -1].log_softmax(dim=-1)
    return forecasts.gather(1, ids[start:, None].flip(0)).sum()


@continuation.wrong(nothing_counted_is_certain, "the sum is 0")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start)
    counted = forecasts.gather(1, came)
    return counted.mean() * counted.numel()


@continuation.wrong(long_and_sure_texts_stay_numbers, "rounds to 0")
def my_continuation(logits, ids, start):
    return logits[start - 1 : -1].softmax(dim=-1).gather(1, ids[start:, None]).log().sum()


@continuation.wrong(gradient_reaches_the_logits, "No gradient")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits.detach(), ids, start)
    return forecasts.gather(1, came).sum()


@continuation.inputs(oracle=_one_by_one)
def continuation_calls(draw):
    """Texts of any length, counted from any token on, the end included."""
    length, vocab_size = draw.sizes(tokens=(2, 300), tokens_of_the_vocabulary=300)
    logits = draw.floats(length, vocab_size, scale=draw.scale(1, 100))
    last = length - draw.wants_gradient  # of a sum of nothing there is none
    return logits, draw.wholes(0, vocab_size - 1, length), draw.one_of(1, draw.whole(1, last))


@continuation.wrong(continuation_calls, "yours")
def my_continuation(logits, ids, start):
    forecasts, came = _forecasts(logits, ids, start)
    return forecasts.gather(1, came)[:128].sum()


# --- memory ------------------------------------------------------------------------------------

cache_megabytes = Number(
    kind="Estimate the budget",
    answer_name="cache_megabytes_answer",
    form="megabytes (millions of bytes)",
    task="""
    The model has 30 layers, 3 heads of keys and values, and a head is 64 wide. How many megabytes
    do keys and values of 1,000 tokens take in float32?
    """,
    truth=lambda: 2 * 30 * 3 * 64 * 4 * 1000 / 1e6,
    factor=1.01,
    traps=(
        (23.04, "Half of it: keys and values are both kept, and a float32 has four bytes."),
        (43.945, "That is in MiB, of 1,048,576 bytes; megabytes are asked for."),
        (46_080.0, "That is in kilobytes; megabytes are asked for."),
        (138.24, "That is for 9 heads of keys and values. Three query heads share one."),
        (1.536, "One layer's; there are 30."),
        (11.52, "That is the number of *numbers*, in millions; each has four bytes."),
        (46_080_000.0, "Right, in bytes; megabytes are asked for."),
    ),
    hints=("Two tensors a layer, each heads times tokens times width, four bytes a number.",),
    because="2 times 30 times 3 times 64 times 1,000 numbers of four bytes. Without shared heads "
    "it would be three times as much.",
)

# --- predictions -------------------------------------------------------------------------------

hardest = Ordering(
    kind="Predict: order",
    answer_name="hardest_answer",
    task="""
    The model reads the same sentences of editorials in three ways. Order them by its loss in nats a
    token, from the lowest up.
    """,
    items={
        "a": "with their words in random order",
        "b": "each alone",
        "c": "each after the sentences that stand before it in its article",
    },
    right="cba",
    rule="What helps to foresee a word: its neighbours in order, and its own text before it.",
    hints=("Which of the three takes something away from the model, and which gives it more?",),
    because="Its own article helps to foresee it. With its words in random order the model does "
    "no better than a table of how frequent each piece is.",
)

unfair_prompts = Choice(
    kind="Criticise the claim",
    answer_name="unfair_prompts_answer",
    task="""
    *We tried twenty wordings of the prompt on the 400 test texts. The best of them reaches r = .79,
    without a single label, and so beats the lexicon's .75, which needs none either.* What is wrong?
    """,
    options={
        "a": "Twenty wordings are too few: with a hundred it would have been higher.",
        "b": "A lexicon cannot be compared with a language model at all.",
        "c": "The wording was chosen by the ratings of the very texts it is judged on.",
        "d": "Nothing: no weight of the model was changed, so no label was used.",
    },
    right="c",
    reasons={
        "a": "With more of them the best would look better still, and mean less.",
        "b": "Both give each text a number without labels; that is a fair pair.",
        "c": "400 ratings were read to choose it. Its true value is nearer to the twenty's middle, "
        "and the lexicon had no such choice.",
        "d": "Choosing a prompt by ratings is learning from ratings, be it only one of twenty.",
    },
    hints=("Which step needed the ratings?",),
)

# --- calibration -------------------------------------------------------------------------------

calibrated = CodeExercise(
    returns=("shares",),
    task="""
    A model prefers *positive* before it has read anything. Zhao et al. (2021) measure that with a
    text without content, such as *N/A*, and divide it out. Write `my_calibrated(log_p, empty)`:
    `log_p` is `(N, C)`, the log-probability of each of C label words after each of N texts; `empty`
    is `(C,)`, the same after the text without content. Divide each text's probabilities by those of
    the empty one, make each row sum to 1, and return the shares, `(N, C)`, in the dtype of `log_p`.
    The words' probabilities may be as small as exp(-1,000).
    """,
    hints=(
        "Dividing probabilities is subtracting their logarithms.",
        "A row that is to sum to 1, made from logarithms: which function does that?",
        "`(log_p - empty).softmax(dim=-1)`.",
    ),
    because="Dividing by a number that is the same for all of a row's words changes nothing after "
    "the row is made to sum to 1, so neither set needs to be normalised before.",
)


@calibrated.stub
def my_calibrated(log_p, empty):
    """Each text's shares, the empty text's preference divided out: (N, C)."""
    raise NotImplementedError


@calibrated.reference
def my_calibrated(log_p, empty):
    return (log_p - empty).softmax(dim=-1)


@calibrated.right
def my_calibrated(log_p, empty):
    return (log_p - empty[None, :]).log_softmax(dim=1).exp()


@calibrated.right
def my_calibrated(log_p, empty):
    gap = log_p - empty
    odds = (gap - gap.amax(dim=-1, keepdim=True)).exp()
    return odds / odds.sum(dim=-1, keepdim=True)


@calibrated.right
def my_calibrated(log_p, empty):
    return torch.stack([torch.softmax(row - empty, dim=0) for row in log_p])


def _divided_out(log_p, empty):
    """The oracle: row by row, the largest logarithm of the quotients taken out."""
    made = []
    for row in log_p:
        gaps = row - empty
        odds = (gaps - gaps.max()).exp()
        made.append(odds / sum(odds))
    return torch.stack(made)


def _words(num_texts=3, num_words=2, seed=2, dtype=torch.float64):
    rng = torch.Generator().manual_seed(seed)
    log_p = torch.randn(num_texts, num_words, generator=rng, dtype=dtype) - 4
    return log_p, torch.randn(num_words, generator=rng, dtype=dtype) - 3


@calibrated.check
def rows_of_shares_come_back(answer):
    log_p, empty = _words(4, 3)
    found = answer(log_p, empty)
    if found.shape != (4, 3):
        return f"Four texts and three words give (4, 3); yours is {tuple(found.shape)}."
    if found.dtype != log_p.dtype:
        return f"Given float64, float64 should come back; yours is {found.dtype}."
    if (found < 0).any():
        return "Some of yours are negative. Are they logarithms, or differences of probabilities?"
    sums = found.sum(dim=-1)
    if not torch.allclose(sums, torch.ones_like(sums)):
        columns = found.sum(dim=0)
        if torch.allclose(columns, torch.ones_like(columns)):
            return "Each *column* sums to 1 in yours; each text's row should."
        return f"Each row should sum to 1; your first sums to {sums[0].item():.3f}."


@calibrated.check
def an_empty_text_prefers_nothing(answer):
    _, empty = _words(1, 4)
    found = answer(empty[None], empty)
    if not torch.allclose(found, torch.full_like(found, 0.25)):
        return (
            "The empty text itself, calibrated by itself, should prefer none of four words: a "
            f"quarter each. Yours gives {', '.join(f'{share:.2f}' for share in found[0].tolist())}."
        )


@calibrated.check
def the_preference_is_divided_out(answer):
    log_p, empty = _words()
    found, wanted = answer(log_p, empty), _divided_out(log_p, empty)
    if torch.allclose(found, wanted):
        return None
    if torch.allclose(found, log_p.softmax(dim=-1)):
        return "The empty text plays no part in yours."
    if torch.allclose(found, (log_p + empty).softmax(dim=-1)):
        return "The preference is multiplied in, not divided out: subtract the logarithms."
    if torch.allclose(found, (empty - log_p).softmax(dim=-1)):
        return "It is turned round: the text's probabilities are divided by the empty text's."
    return (
        "The shares are not those of the texts' probabilities over the empty text's. One way: "
        "the difference of the logarithms, then one `softmax`."
    )


@calibrated.check
def very_unlikely_words_are_compared_too(answer):
    log_p, empty = _words()
    found = answer(log_p - 1_000, empty - 1_000)
    if not torch.allclose(found, _divided_out(log_p, empty)):
        return (
            "With log-probabilities near -1,000 something else comes out, though only the gaps "
            "count: exp(-1,000) rounds to 0. Subtract before you take exponentials."
        )
    log_p, empty = torch.tensor([[-900.0, -10.0]]), torch.tensor([-5.0, -800.0])
    if not torch.equal(answer(log_p, empty), torch.tensor([[0.0, 1.0]])):
        return (
            "Where one word gains exp(790) and the other loses exp(895), the shares are 1 and 0. "
            "Take the largest logarithm out before you take exponentials, as `softmax` does."
        )


@calibrated.check
def gradient_reaches_both(answer):
    log_p, empty = (part.requires_grad_() for part in _words())
    found = answer(log_p, empty)
    if not found.requires_grad:
        return "No gradient comes back: `.item()` or `.detach()` leaves torch on the way."


@calibrated.wrong(rows_of_shares_come_back, "give (4, 3)")
def my_calibrated(log_p, empty):
    return (log_p - empty).softmax(dim=-1)[:, 0]


@calibrated.wrong(rows_of_shares_come_back, "Are they logarithms")
def my_calibrated(log_p, empty):
    return (log_p - empty).log_softmax(dim=-1)


@calibrated.wrong(rows_of_shares_come_back, "Each *column*")
def my_calibrated(log_p, empty):
    return (log_p - empty).softmax(dim=0)


@calibrated.wrong(rows_of_shares_come_back, "should sum to 1")
def my_calibrated(log_p, empty):
    return log_p.exp() / empty.exp()


@calibrated.wrong(rows_of_shares_come_back, "float64 should come back")
def my_calibrated(log_p, empty):
    return (log_p - empty).float().softmax(dim=-1)


@calibrated.wrong(an_empty_text_prefers_nothing, "a quarter each")
def my_calibrated(log_p, empty):
    return log_p.softmax(dim=-1)


@calibrated.wrong(an_empty_text_prefers_nothing, "a quarter each")
def my_calibrated(log_p, empty):
    return (log_p + empty).softmax(dim=-1)


@calibrated.wrong(the_preference_is_divided_out, "then one `softmax`")
def my_calibrated(log_p, empty):
    return (log_p / empty).softmax(dim=-1)


@calibrated.wrong(very_unlikely_words_are_compared_too, "rounds to 0")
def my_calibrated(log_p, empty):
    odds = log_p.exp() / empty.exp()
    return odds / odds.sum(dim=-1, keepdim=True)


@calibrated.wrong(gradient_reaches_both, "No gradient")
def my_calibrated(log_p, empty):
    return (log_p - empty).detach().softmax(dim=-1)


@calibrated.inputs(oracle=_divided_out)
def calibrated_calls(draw):
    """Log-probabilities down to about -1,000."""
    num_texts, num_words = draw.sizes(texts=300, words=65)
    scale, offset = draw.scale(1, 100), draw.offset(-5, -1_000)
    log_p = draw.floats(num_texts, num_words, scale=scale, offset=offset)
    return log_p, draw.floats(num_words, scale=scale, offset=offset)


@calibrated.wrong(calibrated_calls, "yours")
def my_calibrated(log_p, empty):
    return torch.cat([(part - empty).softmax(dim=-1) for part in log_p[:256].split(64)])
