"""The exercises of the chapter on tokens."""

import random

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
        "a": "By a little: reviews of films have the most different words, names among them.",
        "b": "Product reviews need the fewest: short, common words.",
        "c": "Tweets come second. Their odd spellings are many, but their common words more.",
        "d": "Editorials come third.",
    },
    hints=("Names of people and titles are rare words. Where are there the most of them?",),
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
