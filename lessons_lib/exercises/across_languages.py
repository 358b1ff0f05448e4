"""The exercises of the chapter across languages."""

import math
import re
import struct
from collections import defaultdict

import torch

from .engine.declare import CodeExercise
from .engine.oracles import told_apart
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

one_side = Choice(
    kind="Recap",
    answer_name="one_side_answer",
    task="""
    Film snippets came from whole reviews, and a review had to be on one side of the split. The
    sentences of this chapter are made from templates: "turn (on|off) [the] light" gives four. What
    has to be on one side here?
    """,
    options={
        "a": "A sentence.",
        "b": "All sentences of one template.",
        "c": "All sentences of one intent.",
        "d": "All sentences of one length.",
    },
    right="b",
    reasons={
        "a": "Then the test holds sentences that differ by one word from one that was learnt.",
        "b": "Sentences of one template are as near to each other as parts of one review.",
        "c": "Then the head would be asked for intents that it has never met.",
        "d": "Length says nothing of where a sentence comes from.",
    },
    hints=("Which sentences are alike for no better reason than how they were made?",),
)

starved = Choice(
    kind="Recap",
    answer_name="starved_answer",
    task="""
    A reader of dates goes on from eight languages, with a learning rate found for it. Its control
    starts from random weights and gets the same rate and steps. What is the control denied?
    """,
    options={
        "a": "Nothing: it is treated in the same way.",
        "b": "Dates of the other eight languages.",
        "c": "A rate and a number of steps that were chosen for it, by as many trials.",
        "d": "A larger model.",
    },
    right="c",
    reasons={
        "a": "The same rate is no equal chance: it was chosen for the other one.",
        "b": "That is the very thing whose worth is measured.",
        "c": "Random weights want more steps and other rates. Whoever does not search them has "
        "starved the control.",
        "d": "A larger one would be another comparison.",
    },
    hints=("The fair comparison of the chapter on fine-tuning: who may choose what?",),
)

# --- four bits ---------------------------------------------------------------------------------

q4 = CodeExercise(
    returns=("weights",),
    task="""
    Write `my_q4(blocks)`: the weights of blocks in the format Q4_0. `blocks` `(N, 18)` is uint8. A
    block is a float16 scale (2 bytes), then 16 bytes with two numbers of four bits each: the low
    halves are numbers 0 to 15, the high halves numbers 16 to 31. A weight is the scale times (its
    number minus 8). Return `(N, 32)`, float32. (The language model's Q4_1 had a minimum instead.)
    """,
    hints=(
        "`blocks[:, 2:] & 15` are the low halves, `blocks[:, 2:] >> 4` the high ones.",
        "`blocks[:, :2].contiguous().view(torch.float16)` reads two bytes as one number: `(N, 1)`.",
        "uint8 has no negative numbers: make floats of the numbers before you subtract 8.",
    ),
    because="The numbers run from -8 to 7 times the scale: 0 is one of them, and no minimum needs "
    "room.",
)


@q4.stub
def my_q4(blocks):
    """The weights of each block of 18 bytes: (N, 18) uint8 -> (N, 32) float32."""
    raise NotImplementedError


@q4.reference
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()  # (N, 1)
    packed = blocks[:, 2:]  # (N, 16)
    numbers = torch.cat([packed & 15, packed >> 4], dim=1)  # (N, 32)
    return scale * (numbers.float() - 8)


@q4.right
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).to(torch.float32)
    numbers = torch.empty(len(blocks), 32)
    numbers[:, :16] = blocks[:, 2:] % 16
    numbers[:, 16:] = blocks[:, 2:] // 16
    return numbers.sub(8).mul(scale)


@q4.right
def my_q4(blocks):
    rows = []
    for block in blocks.tolist():
        (scale,) = struct.unpack("<e", bytes(block[:2]))
        numbers = [byte & 0x0F for byte in block[2:]] + [byte >> 4 for byte in block[2:]]
        rows.append([scale * (number - 8) for number in numbers])
    return torch.tensor(rows, dtype=torch.float32)


@q4.right
def my_q4(blocks):
    import numpy as np

    raw = blocks.numpy()
    scale = np.frombuffer(raw[:, :2].tobytes(), dtype="<f2").astype(np.float32)
    halves = np.concatenate([raw[:, 2:] & 15, raw[:, 2:] >> 4], axis=1).astype(np.int8)
    return torch.from_numpy(scale[:, None] * (halves - 8).astype(np.float32))


def _block(scale: float, numbers: list[int]) -> torch.Tensor:
    """One block (1, 18) of 32 numbers from 0 to 15."""
    packed = [low | high << 4 for low, high in zip(numbers[:16], numbers[16:], strict=True)]
    return torch.tensor([[*struct.pack("<e", scale), *packed]], dtype=torch.uint8)


def _weights(blocks) -> torch.Tensor:
    """The oracle: each block by the module `struct` and plain loops, in float64."""
    rows = []
    for block in blocks.tolist():
        (scale,) = struct.unpack("<e", bytes(block[:2]))
        low, high = [byte % 16 for byte in block[2:]], [byte // 16 for byte in block[2:]]
        rows.append([scale * (number - 8) for number in low + high])
    return torch.tensor(rows, dtype=torch.float64)


_COUNTED = [*range(16), *range(15, -1, -1)]


@q4.check
def thirty_two_floats_come_out_of_a_block(answer):
    found = answer(_block(1.0, _COUNTED).repeat(3, 1))
    if found.shape != (3, 32):
        return f"Three blocks hold (3, 32) weights; yours have shape {tuple(found.shape)}."
    if found.dtype != torch.float32:
        return f"The weights should be float32; yours are {found.dtype}."


@q4.check
def numbers_come_in_their_order_minus_eight(answer):
    found = answer(_block(1.0, _COUNTED))
    if found.shape != (1, 32):
        return f"One block holds (1, 32) weights; yours have shape {tuple(found.shape)}."
    found = found[0].tolist()
    wanted = [number - 8 for number in _COUNTED]
    if found == wanted:
        return None
    if found == _COUNTED:
        return "The numbers run from 0 to 15 in yours: subtract 8, so that they reach from -8 to 7."
    if found == [(n - 8) % 256 for n in _COUNTED]:
        return (
            "3 minus 8 is 251 in yours: uint8 knows no negative numbers. Make floats before you "
            "subtract."
        )
    if found == wanted[16:] + wanted[:16]:
        return "The high halves of the bytes come first in yours; the low halves should."
    if found == [n for pair in zip(wanted[:16], wanted[16:], strict=True) for n in pair]:
        return (
            "Low and high halves take turns in yours. All sixteen low ones come first, then all "
            "sixteen high ones."
        )
    return (
        "With scale 1 the weights are the numbers minus 8. Yours are not: are the right bits read, "
        "and the scale as float16, low byte first?"
    )


@q4.check
def every_block_has_its_own_scale(answer):
    blocks = torch.cat([_block(1.0, _COUNTED), _block(-0.25, _COUNTED)])
    found, wanted = answer(blocks)[1].double(), _weights(blocks)[1]
    if torch.equal(found, wanted):
        return None
    if torch.equal(found, wanted - 10):
        return "The 8 is subtracted after the scale is applied; it should be before."
    return (
        "The second block has a scale of its own, -0.25: scale times (number minus 8); yours does "
        "not come out so."
    )


@q4.wrong(thirty_two_floats_come_out_of_a_block, "hold (3, 32)")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    return scale * (blocks[:, 2:].float() - 8)


@q4.wrong(thirty_two_floats_come_out_of_a_block, "should be float32")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16)
    return scale * (torch.cat([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], dim=1).half() - 8)


@q4.wrong(numbers_come_in_their_order_minus_eight, "subtract 8")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    return scale * torch.cat([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], dim=1)


@q4.wrong(numbers_come_in_their_order_minus_eight, "knows no negative numbers")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    return scale * (torch.cat([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], dim=1) - 8)


@q4.wrong(numbers_come_in_their_order_minus_eight, "The high halves")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    return scale * (torch.cat([blocks[:, 2:] >> 4, blocks[:, 2:] & 15], dim=1).float() - 8)


@q4.wrong(numbers_come_in_their_order_minus_eight, "take turns")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    numbers = torch.stack([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], dim=2).flatten(1)
    return scale * (numbers.float() - 8)


@q4.wrong(numbers_come_in_their_order_minus_eight, "are the right bits read")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    numbers = torch.cat([blocks[:, 2:] & 7, blocks[:, 2:] >> 4], dim=1)
    return scale * (numbers.float() - 8)


@q4.wrong(every_block_has_its_own_scale, "it should be before")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    numbers = torch.cat([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], dim=1)
    return torch.where(scale == 1, scale * (numbers.float() - 8), scale * numbers - 8)


@q4.wrong(every_block_has_its_own_scale, "a scale of its own")
def my_q4(blocks):
    scale = blocks[0, :2].contiguous().view(torch.float16).float()
    return scale * (torch.cat([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], dim=1).float() - 8)


@q4.inputs(oracle=_weights)
def q4_calls(draw):
    """Any bytes, but for scales: those are numbers, small and large, of either sign."""
    (num_blocks,) = draw.sizes(blocks=300)
    draw.dtypes(torch.float32)
    scale = draw.floats(num_blocks, 1, scale=draw.scale(0.01, 100)).detach().half().contiguous()
    packed = draw.wholes(0, 255, num_blocks, 16).to(torch.uint8)
    return (torch.cat([scale.view(torch.uint8), packed], dim=1),)


@q4.wrong(q4_calls, "`weights` at [")
def my_q4(blocks):
    scale = blocks[:, :2].contiguous().view(torch.float16).float()
    numbers = torch.cat([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], dim=1)
    weights = scale * (numbers.float() - 8)
    return torch.where(torch.arange(len(blocks))[:, None] < 64, weights, 0.0)


four_bits = Number(
    kind="Estimate the budget",
    answer_name="four_bits_answer",
    form="a number, in megabytes",
    task="""
    The encoder has vectors for 250,037 pieces, 384 numbers each, in Q4_0: 18 bytes for 32 numbers.
    How many megabytes (10⁶ bytes) do these vectors take? Within 2%.
    """,
    truth=lambda: 250_037 * 384 / 32 * 18 / 1e6,
    factor=1.02,
    traps=(
        (250_037 * 384 * 4 / 1e6, "That is float32, four bytes a number: what they take unpacked."),
        (250_037 * 384 / 2 / 1e6, "Four bits a number, but each block has a scale of two bytes."),
        (250_037 * 384 * 18 / 1e6, "18 bytes are for 32 numbers together."),
        (250_037 * 384 / 32 * 20 / 1e6, "20 bytes is Q4_1, which has a minimum, too."),
        (250_037 * 384 / 32 * 18, "That is bytes; a megabyte is 10^6 of them."),
        (250_037 * 384 / 32 * 18 / 2**20, "Of 2^20 bytes; here it is 10^6."),
        (250_037 * 384 / 32 * 18 * 8 / 1e6, "That is bits."),
        (250_037 * 18 / 1e6, "A vector has 12 blocks."),
    ),
    hints=("A vector has 384 / 32 = 12 blocks of 18 bytes.",),
    because="54 of the file's 71.6 MB are vectors of pieces: many languages cost vocabulary, not "
    "layers.",
)

# --- the best way to cut -----------------------------------------------------------------------

viterbi = CodeExercise(
    returns=("pieces",),
    returned_type=list,
    task="""
    Write `my_viterbi(word, scores)`: the pieces of `word` whose scores add up to the most. `scores`
    is a dict from piece to log-probability, such as `{"a": -2.0, "ab": -3.0}`; every letter of the
    word is a piece. Return a list of pieces that join to the word (an empty list for an empty
    word). The best way to each place is the best way to an earlier place and one piece more; trying
    all cuts would never end for a long word. Of equally good ways to a place take the one whose
    last piece is longest.
    """,
    hints=(
        "Keep for each place `0 ... len(word)` the best sum so far, and where its piece began.",
        "For each start, for each end behind it: is `word[start:end]` a piece, and is the way "
        "through it better than the best that is known to `end`?",
        "In the end go back from `len(word)`: the last piece, where it began, the piece before.",
    ),
    because="Every place is settled once, so the work grows with the length, and not with the "
    "number of ways, which doubles with every letter.",
)


@viterbi.stub
def my_viterbi(word, scores):
    """The list of pieces that join to word and have the highest sum of scores."""
    raise NotImplementedError


@viterbi.reference
def my_viterbi(word, scores):
    best = [0.0] + [float("-inf")] * len(word)
    began = [0] * (len(word) + 1)
    longest = max(map(len, scores))
    for start in range(len(word)):
        for end in range(start + 1, min(start + longest, len(word)) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1]


@viterbi.right
def my_viterbi(word, scores):
    ways = [(0.0, [])]  # to each place: the best sum, and its pieces
    for end in range(1, len(word) + 1):
        found = []
        for start in range(end):
            piece = word[start:end]
            if piece in scores:
                total, pieces = ways[start]
                found.append((total + scores[piece], [*pieces, piece]))
        ways.append(max(found, key=lambda way: way[0]))
    return ways[-1][1]


@viterbi.right
def my_viterbi(word, scores):
    from functools import cache

    @cache
    def best(end):
        """The highest sum to a place, and the length of the last piece."""
        if end == 0:
            return 0.0, 0
        lengths = (n for n in range(1, end + 1) if word[end - n : end] in scores)
        return max((best(end - n)[0] + scores[word[end - n : end]], n) for n in lengths)

    pieces, end = [], len(word)
    for place in range(1, end):
        best(place)  # from the front on, so that no call goes deep
    while end:
        length = best(end)[1]
        pieces.append(word[end - length : end])
        end -= length
    return list(reversed(pieces))


@viterbi.right
def my_viterbi(word, scores):
    by_first = defaultdict(list)
    for piece, score in scores.items():
        if piece:
            by_first[piece[0]].append((piece, score))
    best, last = {0: 0.0}, {}
    for start in range(len(word)):
        for piece, score in by_first[word[start]]:
            if word.startswith(piece, start):
                end, total = start + len(piece), best[start] + score
                if end not in best or total > best[end]:
                    best[end], last[end] = total, piece
    pieces, end = [], len(word)
    while end:
        pieces.insert(0, last[end])
        end -= len(last[end])
    return pieces


_SCORES = {"l": -4.0, "i": -3.0, "g": -4.0, "h": -4.0, "t": -3.0, "s": -2.0}
_SCORES |= {"li": -5.0, "light": -9.0, "lights": -13.0, "ghts": -5.5, "gh": -7.0}


def _reach(word: str, scores: dict[str, float]) -> dict[int, float]:
    """The highest sum from each place to the end of the word, from the end on."""
    longest = max(map(len, scores))
    best = {len(word): 0.0}
    for start in reversed(range(len(word))):
        ends = range(start + 1, min(len(word), start + longest) + 1)
        best[start] = max(scores[word[start:e]] + best[e] for e in ends if word[start:e] in scores)
    return best


def _best_pieces(word: str, scores: dict[str, float]) -> list[str]:
    """The oracle: back from the end, the longest piece of those that keep the highest sum."""
    sums = {0: 0.0}
    for end in range(1, len(word) + 1):
        known = [start for start in sums if word[start:end] in scores]
        sums[end] = max(sums[start] + scores[word[start:end]] for start in known)
    pieces, end = [], len(word)
    while end:
        fits = (s for s in range(end) if word[s:end] in scores)
        start = next(s for s in fits if sums[s] + scores[word[s:end]] == sums[end])
        pieces.insert(0, word[start:end])
        end = start
    return pieces


def _wrong_pieces(pieces, word, scores) -> str | None:
    """What is wrong with the pieces of a word, however ties were settled."""
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        return "A list of pieces should come back, each of them a string."
    if "".join(pieces) != word:
        return f"The pieces should join to {word!r:.40}; yours join to {''.join(pieces)!r:.40}."
    unknown = [piece for piece in pieces if piece not in scores]
    if unknown:
        return f"{unknown[0]!r:.40} is among your pieces, and is not in `scores`."
    found, wanted = sum(scores[piece] for piece in pieces), _reach(word, scores)[0]
    if found < wanted - 1e-9 * (1 + abs(wanted)):
        mine, best = told_apart(found, wanted)
        return f"Your scores add up to {mine}; there is a way to cut that has {best}."


@viterbi.check
def pieces_join_to_the_word(answer):
    pieces = answer("lights", dict(_SCORES))
    if pieces == list("sthgil"):
        return "The letters come from the end: turn the list round."
    if isinstance(pieces, list) and "".join(map(str, reversed(pieces))) == "lights" != pieces[0]:
        return "The pieces come in reverse order: you went back from the end; turn the list."
    if not isinstance(pieces, list) or "".join(map(str, pieces)) != "lights":
        return f"A list of pieces that join to 'lights' should come back; yours is {pieces!r:.60}."


@viterbi.check
def sum_is_the_highest(answer):
    pieces = answer("lights", dict(_SCORES))
    if pieces == ["li", "ghts"]:
        return None
    if pieces == ["lights"]:
        return (
            "The longest piece is not the best: 'lights' alone has -13, 'li' and 'ghts' together "
            "-10.5. (Sums kept in a list? All places but the first begin at minus infinity.)"
        )
    if pieces == ["light", "s"]:
        return (
            "'light' and 's' add up to -11: the best first piece leads to a worse sum than 'li' "
            "and 'ghts', -10.5. Settle every place, then go back."
        )
    return _wrong_pieces(pieces, "lights", _SCORES) or "There is a better way to cut 'lights'."


@viterbi.check
def letters_stay_where_no_longer_piece_is_better(answer):
    scores = {"a": -1.0, "b": -1.0, "ab": -2.5, "ba": -2.5, "aba": -3.2}
    return _wrong_pieces(answer("abab", dict(scores)), "abab", scores)


@viterbi.check
def last_piece_is_the_longest_of_equally_good_ways(answer):
    scores = {"a": -1.0, "b": -1.0, "c": -1.0, "ab": -2.0, "bc": -2.0}
    found = answer("abc", dict(scores))
    if found != ["a", "bc"]:
        return (
            "All ways to cut 'abc' here have -3. The last piece should be the longest, so 'a' and "
            f"'bc'; yours are {', '.join(map(repr, found))}."
        )


@viterbi.check
def an_empty_word_has_no_pieces(answer):
    found = answer("", dict(_SCORES))
    if found != []:
        return f"An empty word has no pieces, an empty list; yours gives {found!r:.40}."


@viterbi.wrong(pieces_join_to_the_word, "turn the list")
def my_viterbi(word, scores):
    best, began = [0.0] + [float("-inf")] * len(word), [0] * (len(word) + 1)
    for start in range(len(word)):
        for end in range(start + 1, len(word) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces


@viterbi.wrong(pieces_join_to_the_word, "The letters come from the end")
def my_viterbi(word, scores):
    return list(word[::-1])


@viterbi.wrong(pieces_join_to_the_word, "should come back; yours is")
def my_viterbi(word, scores):
    return [piece for piece in scores if piece in word]


@viterbi.wrong(sum_is_the_highest, "The longest piece is not the best")
def my_viterbi(word, scores):
    pieces, start = [], 0
    while start < len(word):
        ends = range(len(word), start, -1)
        end = next(end for end in ends if word[start:end] in scores)
        pieces.append(word[start:end])
        start = end
    return pieces


@viterbi.wrong(sum_is_the_highest, "All places but the first begin at minus infinity")
def my_viterbi(word, scores):
    best, began = [0.0] * (len(word) + 1), [0] * (len(word) + 1)
    for start in range(len(word)):
        for end in range(start + 1, len(word) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1]


@viterbi.wrong(sum_is_the_highest, "Settle every place")
def my_viterbi(word, scores):
    pieces, start = [], 0
    while start < len(word):
        ends = [e for e in range(start + 1, len(word) + 1) if word[start:e] in scores]
        end = max(
            ends, key=lambda e: scores[word[start:e]] / (e - start)
        )  # the best for its length
        pieces.append(word[start:end])
        start = end
    return pieces


@viterbi.wrong(sum_is_the_highest, "there is a way to cut that has")
def my_viterbi(word, scores):
    return list(word)


@viterbi.wrong(letters_stay_where_no_longer_piece_is_better, "there is a way to cut that has")
def my_viterbi(word, scores):
    best, began = [0.0] + [float("-inf")] * len(word), [0] * (len(word) + 1)
    for start in range(len(word)):
        for end in range(start + 1, len(word) + 1):
            score = scores.get(word[start:end])
            if score is None:
                continue
            total = best[start] + score + 0.45 * (end - start - 1)  # longer ones get a present
            if total > best[end]:
                best[end], began[end] = total, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1]


@viterbi.wrong(
    last_piece_is_the_longest_of_equally_good_ways, "The last piece should be the longest"
)
def my_viterbi(word, scores):
    best, began = [0.0] + [float("-inf")] * len(word), [0] * (len(word) + 1)
    for start in range(len(word)):
        for end in range(start + 1, len(word) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score >= best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1]


@viterbi.wrong(an_empty_word_has_no_pieces, "an empty list")
def my_viterbi(word, scores):
    best, began = [0.0] + [float("-inf")] * len(word), [0] * (len(word) + 1)
    for start in range(len(word)):
        for end in range(start + 1, len(word) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1] or [""]


@viterbi.inputs(oracle=_best_pieces)
def viterbi_calls(draw):
    """Few letters, so that pieces meet; each is a piece. Whole scores, whose sums are exact.

    A long word holds long pieces, which no chance would put into it.
    """
    length, num_pieces = draw.sizes(letters=(0, 300), pieces=300)
    letters = draw.one_of("ab", "abc", "灯光开")
    scores = {letter: -float(draw.whole(1, 9)) for letter in letters}
    for _ in range(num_pieces):
        piece = draw.word(letters, draw.whole(2, 9))
        scores[piece] = -float(draw.whole(1, 25))
    word = draw.word(letters, length)
    for least, most in ((10, 16), (17, 40)):
        if length >= most:
            size = draw.whole(least, most)
            start = draw.whole(0, length - size)
            scores[word[start : start + size]] = -float(draw.whole(1, 9))
    return word, scores


@viterbi.wrong(viterbi_calls, "`pieces`")
def my_viterbi(word, scores):
    best, began = [0.0] + [float("-inf")] * len(word), [0] * (len(word) + 1)
    longest = 10
    for start in range(len(word)):
        for end in range(start + 1, min(start + longest, len(word)) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1]


@viterbi.wrong(viterbi_calls, "`pieces`")
def my_viterbi(word, scores):
    best, began = [0.0] + [float("-inf")] * len(word), [0] * (len(word) + 1)
    longest = 16
    for start in range(len(word)):
        for end in range(start + 1, min(start + longest, len(word)) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1]


@viterbi.wrong(viterbi_calls, "`pieces`")
def my_viterbi(word, scores):
    best, began = [0.0] + [-999.0] * len(word), [0] * (len(word) + 1)
    for start in range(len(word)):
        for end in range(start + 1, min(start + 4, len(word)) + 1):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], began[end] = best[start] + score, start
    pieces, end = [], len(word)
    while end > 0:
        pieces.append(word[began[end] : end])
        end = began[end]
    return pieces[::-1]


# --- one side ----------------------------------------------------------------------------------

by_template = CodeExercise(
    returns=("is_test",),
    task="""
    Write `my_template_split(templates, every)`: a bool tensor, one value a sentence, True for the
    test. `templates` lists the template of each sentence. Sort the different templates by the
    alphabet and number them from 0; those numbered 0, `every`, 2 `every`, ... are for the test,
    with all of their sentences.
    """,
    hints=(
        "`sorted(set(templates))` are the different templates in their order.",
        "A slice `[::every]` takes one in so many.",
    ),
    because="The draw is over templates. A template of many sentences has no more chances than one "
    "of few, and none is on both sides.",
)


@by_template.stub
def my_template_split(templates, every):
    """True for the sentences of each `every`-th template: a bool tensor (N,)."""
    raise NotImplementedError


@by_template.reference
def my_template_split(templates, every):
    chosen = set(sorted(set(templates))[::every])
    return torch.tensor([template in chosen for template in templates])


@by_template.right
def my_template_split(templates, every):
    place = {name: number for number, name in enumerate(sorted(set(templates)))}
    numbers = torch.tensor([place[template] for template in templates])
    return numbers % every == 0


@by_template.right
def my_template_split(templates, every):
    is_test = torch.zeros(len(templates), dtype=torch.bool)
    for number, name in enumerate(sorted({*templates})):
        for sentence, template in enumerate(templates):
            if number % every == 0 and template == name:
                is_test[sentence] = True
    return is_test


@by_template.right
def my_template_split(templates, every):
    import numpy as np

    _, numbers = np.unique(np.array(templates), return_inverse=True)
    return torch.from_numpy(numbers.reshape(-1) % every == 0)


_TEMPLATES = ["c", "a", "c", "e", "b", "b", "d", "a", "c"]


@by_template.check
def a_truth_value_for_each_sentence(answer):
    found = answer(list(_TEMPLATES), 2)
    if found.dtype != torch.bool or found.shape != (9,):
        return (
            f"Nine sentences should give nine truth values, a bool tensor (9,); yours is "
            f"{found.dtype}, {tuple(found.shape)}."
        )


@by_template.check
def no_template_is_on_both_sides(answer):
    found = answer(list(_TEMPLATES), 2).tolist()
    sides = {
        name: {f for t, f in zip(_TEMPLATES, found, strict=True) if t == name} for name in "abcde"
    }
    torn = [name for name, side in sides.items() if len(side) > 1]
    if torn:
        return (
            f"Sentences of template {torn[0]!r} are on both sides. All of them go where their "
            "template goes: are sentences numbered, or has their order been lost?"
        )


@by_template.check
def templates_are_numbered_by_the_alphabet(answer):
    found = answer(list(_TEMPLATES), 2).tolist()
    if found == [name in "ace" for name in _TEMPLATES]:
        return None
    if found == [name in "bd" for name in _TEMPLATES]:
        return "Numbers 0, 2, 4 are for the test; yours takes the others."
    chosen = sorted({t for t, is_test in zip(_TEMPLATES, found, strict=True) if is_test})
    return (
        "Of the templates a, b, c, d, e every second one, a, c and e, should be in the test; yours "
        f"has {', '.join(chosen) or 'none'}."
    )


@by_template.check
def every_is_obeyed(answer):
    found = answer(list(_TEMPLATES), 3).tolist()
    if found != [name in "ad" for name in _TEMPLATES]:
        return (
            "With `every` = 3 the templates a and d should be in the test; in yours they are not."
        )


@by_template.wrong(a_truth_value_for_each_sentence, "a bool tensor (9,)")
def my_template_split(templates, every):
    return torch.tensor([number % every == 0 for number, _ in enumerate(sorted(set(templates)))])


@by_template.wrong(no_template_is_on_both_sides, "are sentences numbered")
def my_template_split(templates, every):
    return torch.arange(len(templates)) % every == 0


@by_template.wrong(no_template_is_on_both_sides, "All of them go where their template goes")
def my_template_split(templates, every):
    is_test = torch.zeros(len(templates), dtype=torch.bool)
    for template in sorted(set(templates))[::every]:
        is_test[templates.index(template)] = True  # its first sentence alone
    return is_test


@by_template.wrong(no_template_is_on_both_sides, "has their order been lost")
def my_template_split(templates, every):
    chosen = set(sorted(set(templates))[::every])
    return torch.tensor([template in chosen for template in sorted(templates)])


@by_template.wrong(templates_are_numbered_by_the_alphabet, "takes the others")
def my_template_split(templates, every):
    chosen = set(sorted(set(templates))[::every])
    return torch.tensor([template not in chosen for template in templates])


@by_template.wrong(templates_are_numbered_by_the_alphabet, "every second one")
def my_template_split(templates, every):
    chosen = set(list(dict.fromkeys(templates))[::every])  # in the order of the sentences
    return torch.tensor([template in chosen for template in templates])


@by_template.wrong(every_is_obeyed, "a and d")
def my_template_split(templates, every):
    chosen = set(sorted(set(templates))[::2])
    return torch.tensor([template in chosen for template in templates])


@by_template.inputs(
    oracle=lambda templates, every: torch.tensor(
        [sum(other < one for other in set(templates)) % every == 0 for one in templates]
    )
)
def split_calls(draw):
    num_sentences, num_templates = draw.sizes(sentences=300, templates=65)
    names = [
        draw.one_of("", "turn ") + draw.word("[on](f|) ", draw.whole(1, 9))
        for _ in range(num_templates)
    ]
    count = max(num_sentences, num_templates)
    return [draw.one_of(*names) for _ in range(count)], draw.whole(1, 7)


@by_template.wrong(split_calls, "`is_test`")
def my_template_split(templates, every):
    names = sorted({template[:6] for template in templates})  # those that begin alike are one
    chosen = set(names[::every])
    return torch.tensor([template[:6] in chosen for template in templates])


# --- a number for each language ----------------------------------------------------------------

per_language = CodeExercise(
    returns=("accuracy",),
    task="""
    Write `my_accuracy(said, meant, languages)`: a number for each language, in the order of the
    alphabet, as a float64 tensor. `said` and `meant` `(N,)` are whole numbers of intents,
    `languages` a list of N names. A language's number is the mean over *its* intents (those that
    are meant in it) of the share that is recognised. So an intent of many sentences counts as much
    as one of few.
    """,
    hints=(
        "For each language in `sorted(set(languages))`, pick out its sentences by a mask.",
        "For each intent among `meant[mask].unique()`: the share of its sentences where `said` is "
        "it. Then the mean of these shares.",
    ),
    because="Languages bring different intents in different numbers. A mean over sentences would "
    "compare their mixtures, and not the head.",
)


@per_language.stub
def my_accuracy(said, meant, languages):
    """The mean share recognised over each language's intents: (languages,) float64."""
    raise NotImplementedError


@per_language.reference
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        right, wanted = (said == meant)[own].double(), meant[own]
        shares = [right[wanted == intent].mean() for intent in wanted.unique()]
        found.append(torch.stack(shares).mean())
    return torch.stack(found)


@per_language.right
def my_accuracy(said, meant, languages):
    rows = defaultdict(lambda: defaultdict(list))
    for one, other, name in zip(said.tolist(), meant.tolist(), languages, strict=True):
        rows[name][other].append(one == other)
    means = {
        name: [sum(hits) / len(hits) for hits in intents.values()] for name, intents in rows.items()
    }
    return torch.tensor([sum(m) / len(m) for _, m in sorted(means.items())], dtype=torch.float64)


@per_language.right
def my_accuracy(said, meant, languages):
    import numpy as np

    said, meant, names = said.numpy(), meant.numpy(), np.array(languages)
    found = []
    for name in np.unique(names):
        own = names == name
        kinds, place = np.unique(meant[own], return_inverse=True)
        hits = np.bincount(place, weights=(said == meant)[own], minlength=len(kinds))
        found.append((hits / np.bincount(place)).mean())
    return torch.tensor(found, dtype=torch.float64)


@per_language.right
def my_accuracy(said, meant, languages):
    names = sorted(set(languages))
    number = torch.tensor([names.index(language) for language in languages])
    pairs, place = torch.stack([number, meant], 1).unique(dim=0, return_inverse=True)
    hits = torch.zeros(len(pairs), dtype=torch.float64)
    hits.index_add_(0, place, (said == meant).double())
    shares = hits / place.bincount(minlength=len(pairs))
    return torch.stack([shares[pairs[:, 0] == n].mean() for n in range(len(names))])


_SAID = torch.tensor([1, 1, 1, 2, 1, 3, 3, 3, 2])
_MEANT = torch.tensor([1, 1, 1, 2, 2, 3, 3, 1, 2])
_NAMES = ["fi", "fi", "fi", "fi", "fi", "ar", "ar", "ar", "ar"]


@per_language.check
def a_number_for_each_language(answer):
    found = answer(_SAID.clone(), _MEANT.clone(), list(_NAMES))
    if found.shape != (2,):
        return (
            f"Two languages should give two numbers, (2,); yours have shape {tuple(found.shape)}."
        )
    if found.dtype != torch.float64:
        return f"The numbers should be float64; yours are {found.dtype}."


@per_language.check
def intents_count_alike(answer):
    found = answer(_SAID.clone(), _MEANT.clone(), list(_NAMES)).tolist()
    wanted = [(1 + 0 + 1) / 3, (1 + 0.5) / 2]  # ar: intents 3, 1, 2; fi: intents 1, 2
    if all(abs(one - other) < 1e-6 for one, other in zip(found, wanted, strict=True)):
        return None
    if any(map(math.isnan, found)):
        return (
            "A mean of no sentences is NaN: go through the intents that are meant in the "
            "language, not through all."
        )
    if all(abs(one - other) < 1e-6 for one, other in zip(found[::-1], wanted, strict=True)):
        return "The languages are in another order: the alphabet's, `ar` before `fi`."
    plain = [3 / 4, 4 / 5]
    if all(abs(one - other) < 1e-6 for one, other in zip(found, plain, strict=True)):
        return (
            "That is the share of all sentences: take it for each intent, then the mean of those."
        )
    said_of = [(2 / 3 + 1) / 2, (3 / 4 + 1) / 2]
    if all(abs(one - other) < 1e-6 for one, other in zip(found, said_of, strict=True)):
        return (
            "The shares are of what was *said*; take the sentences in which an intent was *meant*."
        )
    all_three = [(1 + 0 + 1) / 3, (1 + 0.5 + 0) / 3]
    if all(abs(one - other) < 1e-6 for one, other in zip(found, all_three, strict=True)):
        return "Intents that a language does not have count as 0 in yours; leave them out."
    return f"Here the numbers should be {wanted[0]:.3f} and {wanted[1]:.3f}; yours are {found}."


@per_language.wrong(a_number_for_each_language, "two numbers, (2,)")
def my_accuracy(said, meant, languages):
    shares = [(said == meant)[meant == intent].double().mean() for intent in meant.unique()]
    return torch.stack(shares).mean()


@per_language.wrong(a_number_for_each_language, "should be float64")
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        right, wanted = (said == meant)[own].float(), meant[own]
        found.append(torch.stack([right[wanted == one].mean() for one in wanted.unique()]).mean())
    return torch.stack(found)


@per_language.wrong(intents_count_alike, "the share of all sentences")
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        found.append((said == meant)[own].double().mean())
    return torch.stack(found)


@per_language.wrong(intents_count_alike, "in another order")
def my_accuracy(said, meant, languages):
    found = []
    for language in dict.fromkeys(languages):
        own = torch.tensor([name == language for name in languages])
        right, wanted = (said == meant)[own].double(), meant[own]
        found.append(torch.stack([right[wanted == one].mean() for one in wanted.unique()]).mean())
    return torch.stack(found)


@per_language.wrong(intents_count_alike, "of what was *said*")
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        right, heard = (said == meant)[own].double(), said[own]
        found.append(torch.stack([right[heard == one].mean() for one in heard.unique()]).mean())
    return torch.stack(found)


@per_language.wrong(intents_count_alike, "leave them out")
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        right, wanted = (said == meant)[own].double(), meant[own]
        shares = [right[wanted == one].mean().nan_to_num(0.0) for one in meant.unique()]
        found.append(torch.stack(shares).mean())
    return torch.stack(found)


@per_language.wrong(intents_count_alike, "A mean of no sentences is NaN")
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        right, wanted = (said == meant)[own].double(), meant[own]
        found.append(torch.stack([right[wanted == one].mean() for one in meant.unique()]).mean())
    return torch.stack(found)


@per_language.wrong(intents_count_alike, "Here the numbers should be")
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        right, wanted = (said == meant)[own].double(), meant[own]
        found.append(torch.stack([right[wanted == one].mean() for one in wanted.unique()]).max())
    return torch.stack(found)


def _one_by_one(said, meant, languages) -> torch.Tensor:
    """The oracle: by plain lists and fractions."""
    from fractions import Fraction

    found = []
    triples = list(zip(said.tolist(), meant.tolist(), languages, strict=True))
    for language in sorted(set(languages)):
        own = [(one, other) for one, other, name in triples if name == language]
        shares = []
        for intent in {other for _, other in own}:
            hits = [one == other for one, other in own if other == intent]
            shares.append(Fraction(sum(hits), len(hits)))
        found.append(float(sum(shares) / len(shares)))
    return torch.tensor(found, dtype=torch.float64)


@per_language.inputs(oracle=_one_by_one, room=1e-6)
def accuracy_calls(draw):
    num_sentences, num_languages, num_intents = draw.sizes(sentences=300, languages=65, intents=42)
    names = [draw.word("abcdefgh", 3) for _ in range(num_languages)]
    count = max(num_sentences, 2 * num_languages, 4 * num_intents)
    meant, wrong = (draw.wholes(0, num_intents - 1, count) for _ in range(2))
    said = torch.where(draw.truths(0.6, count), meant, wrong)
    return said, meant, [draw.one_of(*names) for _ in range(count)]


@per_language.wrong(accuracy_calls, "`accuracy`")
def my_accuracy(said, meant, languages):
    found = []
    for language in sorted(set(languages)):
        own = torch.tensor([name == language for name in languages])
        right, wanted = (said == meant)[own].double(), meant[own]
        kinds = wanted.unique()[:9]
        found.append(torch.stack([right[wanted == one].mean() for one in kinds]).mean())
    return torch.stack(found)


# --- the floor of the dates --------------------------------------------------------------------

floor = CodeExercise(
    returns=("iso",),
    returned_type=str,
    task="""
    Write `my_floor(written)`: what can be read of a date without any language, as `YYYY-MM-DD`. The
    first number of one or two digits is the day, the first of four the year; the month is always
    `01`. A number is a run of digits, whatever stands beside it. A day that is missing is 1, a year
    2000; other numbers are passed over. So `"3. März 2021"` gives `"2021-01-03"`.
    """,
    hints=(
        '`re.findall(r"[0-9]+", written)` gives all numbers, as strings.',
        "`next((... for ...), default)` takes the first that fits; `.zfill(2)` gives two digits.",
    ),
    because="Day and year are digits in every script here: they come over for nothing, and a model "
    "has to be compared with that.",
)


@floor.stub
def my_floor(written):
    """The date by its digits alone, month 01: "YYYY-MM-DD"."""
    raise NotImplementedError


@floor.reference
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written)
    day = next((number for number in numbers if len(number) <= 2), "1")
    year = next((number for number in numbers if len(number) == 4), "2000")
    return f"{year}-01-{day.zfill(2)}"


@floor.right
def my_floor(written):
    kept = "".join(c if c in "0123456789" else " " for c in written).split()
    days, years = ([n for n in kept if len(n) in sizes] for sizes in ((1, 2), (4,)))
    return "-".join([(years or ["2000"])[0], "01", (days or ["1"])[0].rjust(2, "0")])


@floor.right
def my_floor(written):
    day, year, number = None, None, ""
    for character in written + " ":
        if "0" <= character <= "9":
            number += character
            continue
        if len(number) in (1, 2) and day is None:
            day = number
        if len(number) == 4 and year is None:
            year = number
        number = ""
    return f"{year or '2000'}-01-{day or '1':0>2}"


@floor.right
def my_floor(written):
    day = re.search(r"(?<![0-9])[0-9]{1,2}(?![0-9])", written)
    year = re.search(r"(?<![0-9])[0-9]{4}(?![0-9])", written)
    return f"{year[0] if year else '2000'}-01-{int(day[0]) if day else 1:02d}"


@floor.check
def a_common_date_is_copied(answer):
    found = answer("3. März 2021")
    if found == "2021-01-03":
        return None
    if found == "2021-03-03":
        return "The month is known in yours: the floor knows no language, so it says 01."
    if found == "2021-01-3":
        return "The day should have two digits: 03."
    return f"'3. März 2021' should give '2021-01-03'; yours gives {found!r:.40}."


@floor.check
def the_year_may_come_first(answer):
    found = answer("2021. március 14., vasárnap")
    if found in ("2021-01-20", "2021-01-21"):
        return f"{found[-2:]} is a part of 2021: a number is a whole run of digits."
    if found != "2021-01-14":
        return (
            f"'2021. március 14., vasárnap' should give '2021-01-14'; yours gives {found!r:.40}. "
            "Tell day and year by their length, not by their place."
        )


@floor.check
def what_is_missing_has_a_default(answer):
    found = answer("el martes"), answer("May 2021"), answer("the 7th")
    wanted = "2000-01-01", "2021-01-01", "2000-01-07"
    for one, other, text in zip(found, wanted, ("el martes", "May 2021", "the 7th"), strict=True):
        if one != other:
            return f"{text!r} should give {other!r}; yours gives {one!r:.40}."


@floor.check
def other_numbers_are_passed_over(answer):
    found = answer("day 123 of 45678: 9 or 10, 1987 or 1988")
    if found != "1987-01-09":
        return (
            "In 'day 123 of 45678: 9 or 10, 1987 or 1988' the day is 9 and the year 1987, the "
            f"first of their length; yours gives {found!r:.40}."
        )


@floor.wrong(a_common_date_is_copied, "knows no language")
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written)
    day = next((n for n in numbers if len(n) <= 2), "1")
    year = next((n for n in numbers if len(n) == 4), "2000")
    return f"{year}-{'03' if 'März' in written else '01'}-{day.zfill(2)}"


@floor.wrong(a_common_date_is_copied, "two digits")
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written)
    day = next((n for n in numbers if len(n) <= 2), "1")
    year = next((n for n in numbers if len(n) == 4), "2000")
    return f"{year}-01-{day}"


@floor.wrong(a_common_date_is_copied, "should give '2021-01-03'")
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written)
    day = next((n for n in numbers if len(n) <= 2), "1")
    year = next((n for n in numbers if len(n) == 4), "2000")
    return f"{year}-{day.zfill(2)}-01"


@floor.wrong(the_year_may_come_first, "not by their place")
def my_floor(written):
    day, year, *_ = [*re.findall(r"[0-9]+", written), "1", "2000"]
    return f"{year}-01-{day.zfill(2)}"


@floor.wrong(the_year_may_come_first, "20 is a part of 2021")
def my_floor(written):
    day = re.search(r"[0-9]{1,2}", written)
    year = re.search(r"[0-9]{4}", written)
    return f"{year[0] if year else '2000'}-01-{day[0] if day else '1':0>2}"


@floor.wrong(the_year_may_come_first, "21 is a part of 2021")
def my_floor(written):
    day = re.search(r"[0-9]{1,2}(?![0-9])", written)
    year = re.search(r"[0-9]{4}", written)
    return f"{year[0] if year else '2000'}-01-{day[0] if day else '1':0>2}"


@floor.wrong(what_is_missing_has_a_default, "'the 7th' should give")
def my_floor(written):
    day = re.search(r"\b[0-9]{1,2}\b", written)  # nothing but a space or punctuation beside it
    year = re.search(r"(?<![0-9])[0-9]{4}(?![0-9])", written)
    return f"{year[0] if year else '2000'}-01-{day[0] if day else '1':0>2}"


@floor.wrong(what_is_missing_has_a_default, "'el martes' should give")
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written)
    day = next((n for n in numbers if len(n) <= 2), "1")
    year = next((n for n in numbers if len(n) == 4), "1900")
    return f"{year}-01-{day.zfill(2)}"


@floor.wrong(other_numbers_are_passed_over, "the first of their length")
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written)
    day = next((n for n in numbers if len(n) <= 3), "1")
    year = next((n for n in numbers if len(n) == 4), "2000")
    return f"{year}-01-{day.zfill(2)}"


@floor.wrong(other_numbers_are_passed_over, "the first of their length")
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written)[::-1]
    day = next((n for n in numbers if len(n) <= 2), "1")
    year = next((n for n in numbers if len(n) == 4), "2000")
    return f"{year}-01-{day.zfill(2)}"


def _copied(written: str) -> str:
    """The oracle: character by character, without a regular expression."""
    runs, run = [], ""
    for character in [*written, ""]:
        if character and character in "0123456789":
            run += character
        elif run:
            runs.append(run)
            run = ""
    days = [one for one in runs if len(one) < 3]
    years = [one for one in runs if len(one) == 4]
    day, year = [*days, "1"][0], [*years, "2000"][0]
    return year + "-01-" + ("0" + day)[-2:]


@floor.inputs(oracle=_copied)
def floor_calls(draw):
    """Words of several scripts and numbers of one to five digits, in any order.

    A letter may stand beside a number.
    """
    (num_parts,) = draw.sizes(parts=65)
    parts = []
    for _ in range(num_parts):
        if draw.chance(0.5):
            parts.append(draw.word(draw.one_of("abc", "март", "มีน", "年月"), draw.whole(1, 6)))
        else:
            day = draw.whole(1, 31)
            number = draw.one_of(
                str(day),
                f"{day:02d}",
                str(draw.whole(1000, 2999)),
                str(draw.whole(100, 999)),
                str(draw.whole(10_000, 99_999)),
            )
            parts.append(number + draw.one_of("", "", "th", "年"))
    return (draw.one_of(" ", ". ", ", ", "/").join(parts),)


@floor.wrong(floor_calls, "`iso`")
def my_floor(written):
    day = re.search(r"(?<![0-9])[0-9]{1,2}(?![0-9])", written)
    year = re.search(r"\b[0-9]{4}\b", written)  # "2021年" has none
    return f"{year[0] if year else '2000'}-01-{day[0] if day else '1':0>2}"


@floor.wrong(floor_calls, "`iso`")
def my_floor(written):
    numbers = re.findall(r"[0-9]+", written[:40])
    day = next((n for n in numbers if len(n) <= 2), "1")
    year = next((n for n in numbers if len(n) == 4), "2000")
    return f"{year}-01-{day.zfill(2)}"


# --- what came out -----------------------------------------------------------------------------

who_reads_most = Ordering(
    kind="Predict",
    answer_name="who_reads_most_answer",
    task="""
    Twenty languages that are new to a reader of dates. Put these in order by the share of dates
    that is read right on the mean, the lowest first.
    """,
    items={
        "a": "pre-trained on eight others, and no date of the new language",
        "b": "from scratch, with 50 dates",
        "c": "pre-trained, then 200 dates",
        "d": "pre-trained, then 50 dates",
    },
    right="badc",
    rule="Ask of each: does it know the digits, and how often has it met the new months' names?",
    hints=(
        "Fifty dates are about four of each month. Who has to learn the digits from them, too?",
    ),
    because="Fifty dates do not even teach the digits; whoever knows them needs fifty for the "
    "months.",
)

broken_claim = Choice(
    kind="Criticise a claim",
    answer_name="broken_claim_answer",
    task="""
    The claim is invented; its counts of intents and sentences are those of our data. "Our encoder
    was trained on a hundred languages. A head for 42 intents, trained on English, recognises 47% in
    Korean, of whose 21 intents the test holds 224 sentences, and 17% in Swahili, with 3 intents and
    25 sentences, where a word is cut into more pieces. So the number of pieces is why Swahili is
    read worse. Besides, chance is 2%, so all 47% are what the languages share." Which objections
    hold? Give all.
    """,
    options={
        "a": "Swahili may have been rarer in the training; pieces and rarity go together.",
        "b": "The test sets differ: other intents, other numbers of them, other templates.",
        "c": "Chance is the wrong floor: numbers, codes and loan words are shared characters.",
        "d": "Korean and English have no common script, so that nothing can be shared.",
    },
    right="abc",
    reasons={
        "a": "Two causes that come together are told apart by changing one: cut English into as "
        "many pieces, and see.",
        "b": "Three intents of Swahili are compared with twenty-one of Korean.",
        "c": "Counted characters know nothing of meaning and still get more than 2%.",
        "d": "Codes such as B4 are the same characters, and the encoder has read both scripts.",
    },
    hints=("For each sentence: what else would have to be the same?",),
)
