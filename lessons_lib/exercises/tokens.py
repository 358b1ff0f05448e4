"""The exercises of the chapter on tokens."""

import random
import re
from itertools import pairwise

from .engine.declare import CodeExercise
from .engine.values import Choice, Number

# --- recap -------------------------------------------------------------------------------------

table_or_product = Choice(
    kind="Recap",
    answer_name="table_or_product_answer",
    task="""
    Self-attention as you built it takes vectors, one for each token. Which of these can it *not*
    do for itself?
    """,
    options={
        "a": "Let each token choose whom it looks at.",
        "b": "Say what vector a word begins with.",
        "c": "Mix the vectors of several tokens.",
        "d": "Leave a token out that is masked.",
    },
    right="b",
    reasons={
        "a": "Queries and keys do just that.",
        "b": "It changes vectors that are there; this chapter asks where they come from.",
        "c": "The average of the values is a mixture.",
        "d": "A masked key gets the weight 0.",
    },
    hints=("What has to be there before the first query can be computed?",),
)

cost_of_length = Number(
    kind="Recap",
    answer_name="cost_of_length_answer",
    form="a factor",
    task="""
    A sentence of 20 words is cut into 90 letters instead. By what factor does the table of scores
    of self-attention grow?
    """,
    truth=lambda: 90**2 / 20**2,
    factor=1.02,
    traps=(
        (4.5, "That is how much longer the sequence is; the table has two sides."),
        (8100, "That is how many scores there are for the letters; how many were there before?"),
    ),
    hints=("The table has a row and a column for each token.",),
    because="(90 / 20) squared: the table has a row and a column for each token.",
)

# --- word pieces ---------------------------------------------------------------------------------

wordpiece = CodeExercise(
    returns=("pieces",),
    returned_type=list,
    task="""
    Write `my_wordpiece(word, vocabulary)`: the list of the word's pieces. Take the longest
    beginning of the word that is in `vocabulary` (`piece in vocabulary` asks), then the longest
    beginning of what is left, and so on. A piece that does not begin the word is looked up, and
    returned, with `##` before it. If at some place nothing fits, the answer for the whole word is
    `["[UNK]"]`. The word has a letter at least. Once it passes, it reads four thousand tweets.
    """,
    hints=(
        "Keep the place where the next piece starts. From the end of the word walk back until "
        "the piece between start and end is known.",
        "`for end in range(len(word), start, -1)` tries the longest piece first.",
        "A `for` loop can have an `else:`, which runs when no `break` was met.",
    ),
    because="Longest first, and never back: the split is greedy. It is quick, and nobody says that "
    "it is the best one.",
)


@wordpiece.stub
def my_wordpiece(word, vocabulary):
    """The longest known pieces of a word, from its beginning; inner ones with ##."""
    raise NotImplementedError


@wordpiece.reference
def my_wordpiece(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start > 0 else ""
        for end in range(len(word), start, -1):  # the longest piece first
            if mark + word[start:end] in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


@wordpiece.right
def my_wordpiece(word, vocabulary):
    pieces, rest, mark = [], word, ""
    while rest:
        known = [mark + rest[:end] for end in range(1, len(rest) + 1)]
        known = [piece for piece in known if piece in vocabulary]
        if not known:
            return ["[UNK]"]
        pieces.append(known[-1])
        rest = rest[len(known[-1]) - len(mark) :]
        mark = "##"
    return pieces


@wordpiece.right
def my_wordpiece(word, vocabulary):
    def split(text):
        if text in ("", "##"):
            return []
        for end in range(len(text), 0, -1):
            if text[:end] in vocabulary and text[:end] != "##":
                rest = split("##" + text[end:])
                return None if rest is None else [text[:end], *rest]
        return None

    return split(word) or ["[UNK]"]


@wordpiece.right
def my_wordpiece(word, vocabulary):
    pieces, rest = [], word
    while rest:
        mark = "##" if pieces else ""
        piece = rest
        while piece and mark + piece not in vocabulary:
            piece = piece[:-1]
        if not piece:
            return ["[UNK]"]
        pieces.append(mark + piece)
        rest = rest.removeprefix(piece)
    return pieces


def _library_pieces(word: str, vocabulary: dict[str, int]) -> list[str]:
    """The oracle: the `tokenizers` library."""
    from tokenizers import models

    return [token.value for token in models.WordPiece(vocabulary, unk_token="[UNK]").tokenize(word)]


def _numbered(*pieces: str) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(("[UNK]", *pieces))}


@wordpiece.check
def longest_piece_comes_first(answer):
    vocabulary = _numbered("un", "unaff", "##a", "##aff", "##affa", "##able", "##ble")
    pieces = answer("unaffable", vocabulary)
    if pieces == ["unaff", "##able"]:
        return None
    if pieces == ["un", "##affa", "##ble"]:
        return "Yours begins with `un`, but a longer beginning of `unaffable` is known."
    if [str(piece).removeprefix("##") for piece in pieces] == ["unaff", "able"]:
        return (
            "The cuts are right, the marks are not: a piece that does not begin the word is "
            "looked up and returned with `##` before it, the first piece without."
        )
    if pieces == ["[UNK]"]:
        return "For `unaffable` yours finds nothing that fits, though its pieces are known."
    if pieces == ["unaff", "##able", "[UNK]"]:
        return (
            "The pieces of `unaffable` are right, but an [UNK] comes after them: once nothing is "
            "left of the word, nothing is left to be looked for."
        )
    if pieces == ["unaff"]:
        return "For `unaffable` yours stops after its first piece; what is left is cut as well."
    return f"For `unaffable` yours gives {pieces}: at each place the longest known piece is meant."


@wordpiece.check
def inner_pieces_are_looked_up_with_their_mark(answer):
    pieces = answer("tone", _numbered("t", "one", "##on", "##e", "##o", "##n"))
    if pieces != ["t", "##on", "##e"]:
        return (
            f"For `tone` yours gives {pieces}. The vocabulary holds `one`, but not `##one`: inside "
            f"a word only pieces with `##` count."
        )
    pieces = answer("one", _numbered("##one", "o", "##n", "##e"))
    if pieces != ["o", "##n", "##e"]:
        return (
            f"For `one` yours gives {pieces}. `##one` is for the inside of a word; at its "
            f"beginning only pieces without the mark count."
        )


@wordpiece.check
def one_part_that_nothing_fits_spoils_the_word(answer):
    for word in ("unqable", "qun", "unableq"):
        pieces = answer(word, _numbered("un", "##able", "##q1", "q1"))
        if pieces == ["un", "[UNK]"] or pieces == ["un", "##able", "[UNK]"]:
            return (
                f"In `{word}` nothing fits the letter q. Yours puts [UNK] behind the pieces that "
                f"it had found; these are given up, too: the answer is a single [UNK]."
            )
        if pieces != ["[UNK]"]:
            return (
                f"In `{word}` nothing fits the letter q, so the whole word is unknown: a single "
                f"[UNK] in place of all pieces. Yours gives {pieces}."
            )


@wordpiece.check
def random_words_come_out_as_from_the_library(answer):
    rng = random.Random(0)
    for _ in range(60):
        vocabulary = _numbered(*("##" * rng.randint(0, 1) + _word(rng, 3) for _ in range(9)))
        word = _word(rng, 8)
        pieces, wanted = answer(word, vocabulary), _library_pieces(word, vocabulary)
        if pieces != wanted:
            known = ", ".join(piece for piece in vocabulary if piece != "[UNK]")
            return (
                f"Of `{word}`, with the pieces {known}, yours makes {pieces}, and the library "
                f"something else. Go through it by hand: longest first, and never back."
            )


def _word(rng: random.Random, longest: int) -> str:
    return "".join(rng.choice("ab") for _ in range(rng.randint(1, longest)))


@wordpiece.wrong(longest_piece_comes_first, "a longer beginning")
def my_wordpiece(word, vocabulary):
    start, pieces, mark = 0, [], ""
    while start < len(word):
        ends = range(start + 1, len(word) + 1) if not pieces else range(len(word), start, -1)
        end = next((e for e in ends if mark + word[start:e] in vocabulary), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start, mark = end, "##"
    return pieces


@wordpiece.wrong(longest_piece_comes_first, "The cuts are right")
def my_wordpiece(word, vocabulary):
    plain = {piece.removeprefix("##") for piece in vocabulary}
    pieces, start = [], 0
    while start < len(word):
        end = next((e for e in range(len(word), start, -1) if word[start:e] in plain), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(word[start:end])
        start = end
    return pieces


@wordpiece.wrong(longest_piece_comes_first, "finds nothing that fits")
def my_wordpiece(word, vocabulary):
    return [word] if word in vocabulary else ["[UNK]"]


@wordpiece.wrong(longest_piece_comes_first, "an [UNK] comes after them")
def my_wordpiece(word, vocabulary):
    pieces, start = [], 0
    while start <= len(word):  # once too often
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((e for e in ends if mark + word[start:e] in vocabulary), None)
        if end is None:
            return [*pieces, "[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


@wordpiece.wrong(longest_piece_comes_first, "stops after its first piece")
def my_wordpiece(word, vocabulary):
    for end in range(len(word), 0, -1):
        if word[:end] in vocabulary:
            return [word[:end]]
    return ["[UNK]"]


@wordpiece.wrong(longest_piece_comes_first, "longest known piece is meant")
def my_wordpiece(word, vocabulary):
    return [word[:1], *("##" + letter for letter in word[1:])]


@wordpiece.wrong(inner_pieces_are_looked_up_with_their_mark, "but not `##one`")
def my_wordpiece(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        for end in range(len(word), start, -1):
            if mark + word[start:end] in vocabulary or word[start:end] in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


@wordpiece.wrong(inner_pieces_are_looked_up_with_their_mark, "at its beginning")
def my_wordpiece(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            part = word[start:end]
            if (start == 0 and part in vocabulary) or "##" + part in vocabulary:
                break
        else:
            return ["[UNK]"]
        pieces.append("##" * (start > 0 or part not in vocabulary) + part)
        start = end
    return pieces


@wordpiece.wrong(one_part_that_nothing_fits_spoils_the_word, "these are given up, too")
def my_wordpiece(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        ends = range(len(word), start, -1)
        end = next((e for e in ends if mark + word[start:e] in vocabulary), None)
        if end is None:
            return [*pieces, "[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


@wordpiece.wrong(one_part_that_nothing_fits_spoils_the_word, "so the whole word is unknown")
def my_wordpiece(word, vocabulary):
    pieces, start = [], 0
    while start < len(word):
        mark = "##" if start else ""
        end = next(
            (e for e in range(len(word), start, -1) if mark + word[start:e] in vocabulary), None
        )
        pieces.append("[UNK]" if end is None else mark + word[start:end])
        start = start + 1 if end is None else end
    return pieces


@wordpiece.wrong(random_words_come_out_as_from_the_library, "never back")
def my_wordpiece(word, vocabulary):
    if word in vocabulary:
        return [word]
    for end in range(len(word) - 1, 0, -1):  # goes back where the rest does not fit
        if word[:end] in vocabulary and not word[:end].endswith("#"):
            rest = my_wordpiece("##" + word[end:], vocabulary)
            if rest != ["[UNK]"]:
                return [word[:end], *rest]
    return ["[UNK]"]


def _library_pieces_of_any_length(word, vocabulary):
    """The oracle for all lengths: the library calls words of more than 100 letters unknown."""
    from tokenizers import models

    library = models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=10_000)
    return [token.value for token in library.tokenize(word)]


@wordpiece.inputs(oracle=_library_pieces_of_any_length)
def wordpiece_calls(draw):
    """Few letters, so that pieces meet; now and then one that no piece holds."""
    length, num_pieces = draw.sizes(letters=300, pieces=300)
    letters = draw.one_of("ab", "abA")
    pieces = [
        draw.one_of("", "##") + draw.word(letters, draw.whole(1, 6)) for _ in range(num_pieces)
    ]
    if length > 16 or draw.chance(0.7):
        pieces += [mark + letter for letter in letters for mark in ("", "##")]
    word = draw.word(letters if length > 16 or draw.chance(0.8) else letters + "c", length)
    return word, _numbered(*pieces)


@wordpiece.wrong(wordpiece_calls, "`pieces`")
def my_wordpiece(word, vocabulary):
    pieces, start, word = [], 0, word[:20]
    while start < len(word):
        mark = "##" if start > 0 else ""
        ends = range(len(word), start, -1)
        end = next((e for e in ends if mark + word[start:e] in vocabulary), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


@wordpiece.wrong(wordpiece_calls, "of `pieces` should be")
def my_wordpiece(word, vocabulary):
    pieces, start, word = [], 0, word.lower()
    while start < len(word):
        mark = "##" if start > 0 else ""
        ends = range(len(word), start, -1)
        end = next((e for e in ends if mark + word[start:e] in vocabulary), None)
        if end is None:
            return ["[UNK]"]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


# --- byte-pair encoding ------------------------------------------------------------------------

learn_merges = CodeExercise(
    returns=("merges",),
    returned_type=list,
    task="""
    Write `my_learn_merges(words, num_merges)`. `words` maps each word to how often it occurs. Every
    word begins as its letters. Then, `num_merges` times: count each pair of neighbours over all
    words, each word as often as it occurs; take the most frequent pair, of equally frequent ones
    the first in Python's order (`min` of the pairs); join it wherever it stands, from left to
    right. Return the list of pairs `(left, right)` in the order in which they were taken; fewer
    where no pair is left.
    """,
    hints=(
        "Keep a list of symbols for each word; `pairwise(symbols)` of `itertools` gives its pairs.",
        "`min(counts, key=lambda pair: (-counts[pair], pair))` is the most frequent, and of equals "
        "the first.",
        "To join: go through the symbols and build a new list; where its last one and the next "
        "are the pair, make them one.",
    ),
    because="Nothing in it knows of syllables or stems: a piece is what occurs often.",
)


@learn_merges.stub
def my_learn_merges(words, num_merges):
    """The pairs to join, in order: {word: count} -> [(left, right), ...]."""
    raise NotImplementedError


@learn_merges.reference
def my_learn_merges(words, num_merges):
    split, merges = {word: list(word) for word in words}, []
    for _ in range(num_merges):
        counts = {}
        for word, symbols in split.items():
            for pair in pairwise(symbols):
                counts[pair] = counts.get(pair, 0) + words[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        for word, symbols in split.items():
            joined = []
            for symbol in symbols:
                if joined and (joined[-1], symbol) == best:
                    joined[-1] += symbol
                else:
                    joined.append(symbol)
            split[word] = joined
    return merges


@learn_merges.right
def my_learn_merges(words, num_merges):
    from collections import Counter

    def join(symbols, pair):
        place, joined = 0, []
        while place < len(symbols):
            width = 2 if tuple(symbols[place : place + 2]) == pair else 1
            joined.append("".join(symbols[place : place + width]))
            place += width
        return joined

    split, merges = [(list(word), count) for word, count in words.items()], []
    while len(merges) < num_merges:
        counts = Counter()
        for symbols, count in split:
            for place in range(len(symbols) - 1):
                counts[symbols[place], symbols[place + 1]] += count
        if not counts:
            return merges
        most = max(counts.values())
        merges.append(sorted(pair for pair in counts if counts[pair] == most)[0])
        split = [(join(symbols, merges[-1]), count) for symbols, count in split]
    return merges


@learn_merges.right
def my_learn_merges(words, num_merges):
    spelt = {tuple(word): count for word, count in words.items()}
    merges = []
    for _ in range(num_merges):
        pairs = [(pair, count) for symbols, count in spelt.items() for pair in pairwise(symbols)]
        if not pairs:
            break
        total = {pair: 0 for pair, _ in pairs}
        for pair, count in pairs:
            total[pair] += count
        best = sorted(total, key=lambda pair: (-total[pair], *pair))[0]
        merges.append(best)
        after = {}
        for symbols, count in spelt.items():
            stack = list(reversed(symbols))
            made = []
            while stack:
                first = stack.pop()
                if stack and (first, stack[-1]) == best:
                    first += stack.pop()
                made.append(first)
            after[tuple(made)] = count
        spelt = after
    return merges


@learn_merges.right
def my_learn_merges(words, num_merges):
    split, merges = {word: tuple(word) for word in words}, []
    while len(merges) < num_merges and any(len(symbols) > 1 for symbols in split.values()):
        counts = {}
        for word, symbols in split.items():
            for left, right in pairwise(symbols):
                counts.setdefault((left, right), []).append(words[word])
        ordered = sorted(counts)
        best = max(ordered, key=lambda pair: sum(counts[pair]))  # the first of equals
        merges.append(best)
        for word, symbols in split.items():
            made = ()
            for symbol in symbols:
                fits = made[-1:] == best[:1] and symbol == best[1]
                made = (*made[:-1], made[-1] + symbol) if fits else (*made, symbol)
            split[word] = made
    return merges


def _merges_by_text(words: dict[str, int], num_merges: int) -> list[tuple[str, str]]:
    """The oracle: words spelt with spaces, pairs joined as text (Sennrich et al. 2016)."""
    spelt, merges = {word: " ".join(word) for word in words}, []
    for _ in range(num_merges):
        counts: dict[tuple[str, str], int] = {}
        for word, text in spelt.items():
            symbols = text.split()
            for place in range(1, len(symbols)):
                pair = symbols[place - 1], symbols[place]
                counts[pair] = counts.get(pair, 0) + words[word]
        if not counts:
            break
        best = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[0][0]
        merges.append(best)
        pattern = re.compile(rf"(?<!\S){re.escape(' '.join(best))}(?!\S)")
        spelt = {word: pattern.sub("".join(best), text) for word, text in spelt.items()}
    return merges


_HUGS = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}


@learn_merges.check
def merges_are_pairs(answer):
    merges = answer({"ab": 2}, 1)
    if merges == [("a", "b")]:
        return None
    if merges == [("b", "a")]:
        return "The pair of `ab` is ('a', 'b'), left symbol first; yours gives ('b', 'a')."
    if merges and not isinstance(merges[0], tuple):
        return f"Each merge should be a tuple of two symbols; yours begins with {merges[0]!r}."
    return f"Of the word `ab` alone the first merge is ('a', 'b'); yours gives {merges}."


@learn_merges.check
def most_frequent_pair_comes_first(answer):
    merges = answer(_HUGS, 1)
    if merges == [("u", "g")]:
        return None
    return (
        f"In hug (10 times), pug (5), pun (12), bun (4) and hugs (5) the pair of u and g occurs 20 "
        f"times, more than any other. Yours gives {merges} for one merge."
    )


@learn_merges.check
def each_word_counts_as_often_as_it_occurs(answer):
    merges = answer(_HUGS, 2)
    if merges[1:] == [("u", "n")]:
        return None
    if merges[1:] == [("h", "ug")]:
        return (
            "Yours goes on with h and ug, which occur together 10 + 5 times; u with n occur "
            "12 + 4 times. Is each word counted as often as it occurs, not once?"
        )
    if merges[1:] == [("p", "u")]:
        return (
            "Yours goes on with p and u. They were frequent before u and g were joined; now pug "
            "is p and ug. Are the pairs counted anew after each merge?"
        )
    if merges[1:] == [("u", "g")]:
        return "Yours takes u and g again: the pair that was taken should be joined in the words."
    return (
        f"The second merge of hug (10 times), pug (5), pun (12), bun (4) and hugs (5) is u with n: "
        f"it occurs 12 + 4 times, h with ug 10 + 5. Yours gives {merges}. Is each word "
        f"counted as often as it occurs, and is what was joined one symbol?"
    )


@learn_merges.check
def pairs_are_counted_anew_after_each_merge(answer):
    merges = answer(_HUGS, 3)
    if merges == [("u", "g"), ("u", "n"), ("h", "ug")]:
        return None
    return (
        f"After ug and un have become symbols, h with ug is the most frequent pair. Yours goes on "
        f"with {merges[2:]}: are the pairs counted anew, with ug as one symbol?"
    )


@learn_merges.check
def of_equals_the_first_is_taken(answer):
    merges = answer({"zy": 3, "yx": 3, "bz": 3}, 2)
    if merges != [("b", "z"), ("y", "x")]:
        return (
            f"In zy, yx and bz, three times each, all pairs are equally frequent: the first in "
            f"Python's order is ('b', 'z'), then ('y', 'x'). Yours gives {merges}."
        )


@learn_merges.check
def a_pair_is_joined_from_left_to_right(answer):
    merges = answer({"aaa": 1, "b": 7}, 5)
    if merges != [("a", "a"), ("aa", "a")]:
        return (
            f"`aaa` becomes aa and a, and then aaa; after two merges no pair is left. Yours gives "
            f"{merges}."
        )


@learn_merges.check
def a_pair_is_two_whole_symbols(answer):
    merges = answer({"cab": 5, "ca": 9, "ab": 8}, 3)
    if merges == [("c", "a"), ("a", "b"), ("ca", "b")]:
        return None
    if merges == [("c", "a"), ("a", "b")]:
        return (
            "In `cab`, which is ca and b by then, yours joins all when the pair is a and b. ca "
            'ends in an a, but it is no a: does yours replace in a text, as `replace("a b", "ab")` '
            "does?"
        )
    return (
        f"Of cab (5 times), ca (9) and ab (8) the merges are c a, a b, ca b; yours gives {merges}."
    )


@learn_merges.wrong(a_pair_is_two_whole_symbols, "does yours replace in a text")
def my_learn_merges(words, num_merges):
    split, merges = {word: " ".join(word) for word in words}, []
    for _ in range(num_merges):
        counts = {}
        for word, text in split.items():
            for pair in pairwise(text.split()):
                counts[pair] = counts.get(pair, 0) + words[word]
        if not counts:
            break
        merges.append(min(counts, key=lambda pair: (-counts[pair], pair)))
        split = {
            word: text.replace(" ".join(merges[-1]), "".join(merges[-1]))
            for word, text in split.items()
        }
    return merges


@learn_merges.wrong(a_pair_is_two_whole_symbols, "the merges are c a, a b, ca b")
def my_learn_merges(words, num_merges):
    merges = _merges_by_text(words, num_merges)
    return [pair for pair in merges if pair != ("ca", "b")] + [("b", "ca")] * (
        ("ca", "b") in merges
    )


@learn_merges.wrong(merges_are_pairs, "left symbol first")
def my_learn_merges(words, num_merges):
    return [(right, left) for left, right in _merges_by_text(words, num_merges)]


@learn_merges.wrong(each_word_counts_as_often_as_it_occurs, "counted as often as it occurs, not")
def my_learn_merges(words, num_merges):
    split, merges = {word: list(word) for word in words}, []
    for _ in range(num_merges):
        counts = {}
        for symbols in split.values():
            for pair in pairwise(symbols):
                counts[pair] = counts.get(pair, 0) + 1
        if not counts:
            break
        merges.append(min(counts, key=lambda pair: (-counts[pair], pair)))
        for word, symbols in split.items():
            joined = []
            for symbol in symbols:
                if joined and (joined[-1], symbol) == merges[-1]:
                    joined[-1] += symbol
                else:
                    joined.append(symbol)
            split[word] = joined
    return merges


@learn_merges.wrong(each_word_counts_as_often_as_it_occurs, "counted anew after each merge")
def my_learn_merges(words, num_merges):
    counts = {}
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] = counts.get(pair, 0) + count
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[:num_merges]


@learn_merges.wrong(each_word_counts_as_often_as_it_occurs, "takes u and g again")
def my_learn_merges(words, num_merges):
    return _merges_by_text(words, 1) * num_merges


@learn_merges.wrong(merges_are_pairs, "a tuple of two symbols")
def my_learn_merges(words, num_merges):
    return ["".join(pair) for pair in _merges_by_text(words, num_merges)]


@learn_merges.wrong(merges_are_pairs, "the first merge is")
def my_learn_merges(words, num_merges):
    return _merges_by_text(words, num_merges - 1)


@learn_merges.wrong(most_frequent_pair_comes_first, "more than any other")
def my_learn_merges(words, num_merges):
    counts = {}
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] = max(counts.get(pair, 0), count)
    return sorted(counts, key=lambda pair: (-counts[pair], pair))[:num_merges]


@learn_merges.wrong(each_word_counts_as_often_as_it_occurs, "counted as often as it occurs")
def my_learn_merges(words, num_merges):
    return _merges_by_text(dict.fromkeys(words, 1), num_merges)


@learn_merges.wrong(pairs_are_counted_anew_after_each_merge, "counted anew")
def my_learn_merges(words, num_merges):
    counts = {}
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] = counts.get(pair, 0) + count
    ordered = sorted(counts, key=lambda pair: (-counts[pair], pair))
    return [ordered[0], *(pair for pair in ordered[1:] if pair != ("p", "u"))][:num_merges]


@learn_merges.wrong(of_equals_the_first_is_taken, "equally frequent")
def my_learn_merges(words, num_merges):
    split, merges = {word: " ".join(word) for word in words}, []
    for _ in range(num_merges):
        counts = {}
        for word, text in split.items():
            for pair in zip(text.split(), text.split()[1:], strict=False):
                counts[pair] = counts.get(pair, 0) + words[word]
        if not counts:
            break
        best = max(counts, key=counts.get)  # of equals, the one that was met first
        merges.append(best)
        pattern = re.compile(rf"(?<!\S){re.escape(' '.join(best))}(?!\S)")
        split = {word: pattern.sub("".join(best), text) for word, text in split.items()}
    return merges


@learn_merges.wrong(a_pair_is_joined_from_left_to_right, "after two merges")
def my_learn_merges(words, num_merges):
    merges = _merges_by_text(words, num_merges)
    return merges + [merges[-1]] * (num_merges - len(merges))


@learn_merges.inputs(oracle=_merges_by_text)
def merge_calls(draw):
    """Few letters, so that pairs meet; long words where many merges are asked for."""
    num_words, length, num_merges = draw.sizes(words=300, letters=300, merges=300)
    letters = draw.one_of("ab", "abc", "zyxwA")
    if num_merges > 9:
        num_words, length = max(num_words, 4), max(length, 20)
    words = {}
    for _ in range(num_words):
        word = draw.word(letters, draw.whole((length + 1) // 2, length))
        words[word] = draw.whole(1, 9)
    if num_words > 9:
        words |= {f"{draw.word(letters, 2)}{number}": 1 for number in range(num_words)}
    return words, num_merges


@learn_merges.wrong(merge_calls, "long; yours is")
def my_learn_merges(words, num_merges):
    return _merges_by_text(words, min(num_merges, 12))


bpe_encode = CodeExercise(
    returns=("pieces",),
    returned_type=list,
    task="""
    Write `my_bpe_encode(word, merges)`: the list of the word's pieces. It begins as its letters;
    each pair of `merges`, in the order in which they were learnt, is joined wherever it stands,
    from left to right. The word has a letter at least, no pair is there twice, and no two pairs
    make the same piece.
    """,
    hints=(
        "Joining one pair is what you did for each word in learning.",
        "Go through `merges` from the first to the last; each makes a new list of symbols.",
    ),
    because="An early merge comes first, whatever stands further on. Published code looks for the "
    "earliest merge that fits, again and again, which gives the same and is quicker.",
)


@bpe_encode.stub
def my_bpe_encode(word, merges):
    """The pieces of a word, joined in the order of the merges."""
    raise NotImplementedError


@bpe_encode.reference
def my_bpe_encode(word, merges):
    pieces = list(word)
    for left, right in merges:
        joined = []
        for piece in pieces:
            if joined and joined[-1] == left and piece == right:
                joined[-1] += piece
            else:
                joined.append(piece)
        pieces = joined
    return pieces


@bpe_encode.right
def my_bpe_encode(word, merges):
    pieces = list(word)
    rank = {tuple(pair): number for number, pair in enumerate(merges)}
    while True:
        known = [(rank[pair], place) for place, pair in enumerate(pairwise(pieces)) if pair in rank]
        if not known:
            return pieces
        _, place = min(known)
        pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]


@bpe_encode.right
def my_bpe_encode(word, merges):
    pieces = list(word)
    for pair in merges:
        place = 0
        while place + 1 < len(pieces):
            if (pieces[place], pieces[place + 1]) == tuple(pair):
                pieces[place] += pieces.pop(place + 1)
            place += 1
    return pieces


@bpe_encode.right
def my_bpe_encode(word, merges):
    def join(pieces, pair):
        if len(pieces) < 2:
            return pieces
        found, place = [], 0
        while place < len(pieces):
            width = 1 + (tuple(pieces[place : place + 2]) == pair)
            found.append("".join(pieces[place : place + width]))
            place += width
        return found

    pieces = [*word]
    for pair in merges:
        pieces = join(pieces, (pair[0], pair[1]))
    return pieces


@bpe_encode.check
def letters_are_joined_by_known_pairs_only(answer):
    pieces = answer("cab", [("x", "y")])
    if pieces != ["c", "a", "b"]:
        return f"No merge fits in `cab`, so it stays c, a, b; yours gives {pieces}."
    for word, wanted in (("cab", ["c", "ab"]), ("ab", ["ab"])):
        pieces = answer(word, [("a", "b")])
        if pieces != wanted:
            told = " and ".join(wanted)
            return f"With the merge of a and b, `{word}` becomes {told}; yours gives {pieces}."


@bpe_encode.check
def a_pair_is_joined_where_both_are_whole_pieces(answer):
    pieces = answer("cab", [("c", "a"), ("a", "b")])
    if pieces == ["cab"]:
        return (
            "In `cab` ca is joined first, and the pair of a and b is then nowhere: ca ends in an "
            'a, but it is no a. Does yours replace in a text, as `replace("a b", "ab")` does?'
        )
    if pieces != ["ca", "b"]:
        return f"With c a, then a b, `cab` becomes ca and b; yours gives {pieces}."


@bpe_encode.check
def earlier_merges_come_first(answer):
    pieces = answer("abc", [("b", "c"), ("a", "b")])
    if pieces != ["a", "bc"]:
        return (
            f"b with c was learnt before a with b, so `abc` becomes a and bc; yours gives "
            f"{pieces}. The order of the merges decides, not the place in the word."
        )


@bpe_encode.check
def what_was_joined_can_be_joined_again(answer):
    pieces = answer("lower", [("l", "o"), ("lo", "w"), ("e", "r")])
    if pieces != ["low", "er"]:
        return f"l o, then lo w, then e r: `lower` becomes low and er; yours gives {pieces}."


@bpe_encode.check
def pairs_are_joined_wherever_they_stand(answer):
    pieces = answer("banana", [("a", "n")])
    if pieces != ["b", "an", "an", "a"]:
        return f"In `banana` the pair of a and n stands twice; yours gives {pieces}."
    pieces = answer("aaaaa", [("a", "a")])
    if pieces != ["aa", "aa", "a"]:
        return f"From left to right `aaaaa` becomes aa, aa, a; yours gives {pieces}."


@bpe_encode.wrong(a_pair_is_joined_where_both_are_whole_pieces, "Does yours replace in a text")
def my_bpe_encode(word, merges):
    text = " ".join(word)
    for left, right in merges:
        text = text.replace(f"{left} {right}", left + right)
    return text.split()


@bpe_encode.wrong(a_pair_is_joined_where_both_are_whole_pieces, "becomes ca and b")
def my_bpe_encode(word, merges):
    pieces = _pieces_of_the_library(word, merges)
    return list(word) if pieces == ["ca", "b"] else pieces


@bpe_encode.wrong(letters_are_joined_by_known_pairs_only, "so it stays")
def my_bpe_encode(word, merges):
    return [word]


@bpe_encode.wrong(letters_are_joined_by_known_pairs_only, "becomes c and ab")
def my_bpe_encode(word, merges):
    return list(word)


@bpe_encode.wrong(earlier_merges_come_first, "not the place in the word")
def my_bpe_encode(word, merges):
    pieces, place = list(word), 0
    while place + 1 < len(pieces):
        if (pieces[place], pieces[place + 1]) in merges:
            pieces[place : place + 2] = [pieces[place] + pieces[place + 1]]
            place = 0
        else:
            place += 1
    return pieces


@bpe_encode.wrong(what_was_joined_can_be_joined_again, "becomes low and er")
def my_bpe_encode(word, merges):
    pieces = list(word)
    for pair in merges:
        joined = []
        for piece in pieces:
            if joined and (joined[-1], piece) == tuple(pair) and len(joined[-1] + piece) == 2:
                joined[-1] += piece
            else:
                joined.append(piece)
        pieces = joined
    return pieces


@bpe_encode.wrong(pairs_are_joined_wherever_they_stand, "stands twice")
def my_bpe_encode(word, merges):
    pieces = list(word)
    for pair in merges:
        pairs = list(pairwise(pieces))
        if tuple(pair) in pairs:
            place = pairs.index(tuple(pair))
            pieces[place : place + 2] = ["".join(pair)]
    return pieces


@bpe_encode.wrong(pairs_are_joined_wherever_they_stand, "From left to right")
def my_bpe_encode(word, merges):
    pieces = list(word)
    for pair in merges:
        for place in range(len(pieces) - 2, -1, -1):
            if tuple(pieces[place : place + 2]) == tuple(pair):
                pieces[place : place + 2] = ["".join(pair)]
    return pieces


def _pieces_of_the_library(word: str, merges: list[tuple[str, str]]) -> list[str]:
    """The oracle: the `tokenizers` library."""
    from tokenizers import models

    symbols = [*sorted({*word, *(c for pair in merges for c in "".join(pair))})]
    symbols += ["".join(pair) for pair in merges]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    return [token.value for token in models.BPE(vocabulary, merges).tokenize(word)]


@bpe_encode.inputs(oracle=_pieces_of_the_library)
def encode_calls(draw):
    """Merges as learning makes them: of symbols that are known already, each piece made once."""
    length, num_merges = draw.sizes(letters=300, merges=300)
    letters = draw.one_of("ab", "abc", "zyxA")
    symbols, merges = list(letters), []
    for _ in range(num_merges):
        near = symbols[:6] if draw.chance(0.6) else symbols
        pair = draw.one_of(*near), draw.one_of(*near)
        if len("".join(pair)) < 40 and "".join(pair) not in symbols:
            symbols.append("".join(pair))
            merges.append(pair)
    return draw.word(letters, length), merges


@bpe_encode.wrong(encode_calls, "place")
def my_bpe_encode(word, merges):
    return _pieces_of_the_library(word, merges[:3])


# --- what a vocabulary costs -------------------------------------------------------------------

gpt2_table = Number(
    kind="Estimate the budget",
    answer_name="gpt2_table_answer",
    form="a whole number",
    task="""
    GPT-2's vocabulary: one token for each of the 256 bytes, one for each of 50,000 merges, and one
    that ends a text. Each has a vector of 768 numbers in its smallest model. How many numbers are
    in the table?
    """,
    truth=lambda: (256 + 50_000 + 1) * 768,
    factor=1,
    traps=(
        (38_400_000, "Those are the merges alone: bytes and the end of a text have rows, too."),
        (38_596_608, "Nearly: count the tokens to the last one, and give the number unrounded."),
        (50_257, "That is the number of tokens; each has a vector."),
    ),
    hints=("Count the tokens first, then multiply by the width of a row.",),
    because="50,257 tokens, 768 numbers each: nearly a third of the model's 124 million.",
)

which_domain = Choice(
    kind="Predict, then run",
    answer_name="which_domain_guess",
    task="""
    The published tokenizer was learnt from books and an encyclopedia. It reads our four domains:
    film reviews, product reviews, tweets and editorials. In which does it need the most pieces for
    a word, on average?
    """,
    options={"a": "films", "b": "products", "c": "tweets", "d": "editorials"},
    right="a",
    reasons={
        "a": "By a little: 1.11 pieces a word, against 1.08 in tweets.",
        "b": "Product reviews need the fewest, 1.05 pieces a word.",
        "c": "Tweets come second, with all their odd spellings.",
        "d": "Editorials come third, with 1.07 pieces a word.",
    },
    hints=(
        "A frequent word is one piece. Where do you expect the most rare ones, names included?",
    ),
)

fewer_nats = Choice(
    kind="Criticise a claim",
    answer_name="fewer_nats_answer",
    task="""
    "Our model predicts letters and loses 1.5 nats at each. Theirs predicts pieces of words and
    loses 3 nats at each. Ours is twice as good." Which of these hold? Give all of them.
    """,
    options={
        "a": "A piece holds several letters, so its loss counts for several of ours.",
        "b": "The two should be compared by nats for the same text, such as for each letter.",
        "c": "Letters are the better tokens, whatever is measured.",
        "d": "A longer sequence of letters also costs more work for the same text.",
    },
    right="abd",
    reasons={
        "a": "With three letters to a piece their 3 nats are 1 for each letter, less than ours.",
        "b": "All the nats of a text, divided by its letters or bytes: the cut drops out.",
        "c": "The claim measures nothing of the kind.",
        "d": "Attention grows with the square of the length, and each token passes all layers.",
    },
    hints=("What does one nat more or less mean for the whole text, in each case?",),
)
