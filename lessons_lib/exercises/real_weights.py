"""The exercises of the chapter on real pre-trained weights."""

import functools
import random
import re
import unicodedata

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn import functional

from lessons_lib.data.tokens import split_words
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.checkpoint import Published, name_table
from lessons_lib.model.layers import Config

from .engine.declare import CodeExercise, FindTheBug
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

rows_of_a_head = Choice(
    kind="Recap",
    answer_name="rows_of_a_head_answer",
    task="""
    `d_model` is 384, and there are 12 heads. The query matrix is stored `(out, in)`, as
    `nn.Linear` stores it. Which part of it makes the queries of head 2, counted from 0?
    """,
    options={
        "a": "Rows 64 to 95.",
        "b": "Every twelfth row, from row 2 on.",
        "c": "Columns 64 to 95.",
        "d": "All of it; heads are cut out of the scores.",
    },
    right="a",
    reasons={
        "a": "A row of `(out, in)` makes one output number, and a head owns 32 of them in a row.",
        "b": "That is another order of the same numbers. Some code stores heads like this, and the "
        "shapes do not tell.",
        "c": "Columns belong to the *inputs*, and every head reads all of those.",
        "d": "Each head has scores of its own, from its own 32 numbers of each query and key.",
    },
    hints=("How wide is a head? And does a row of `(out, in)` belong to an output or an input?",),
)

norm_elsewhere = Choice(
    kind="Recap",
    answer_name="norm_elsewhere_answer",
    task="""
    BERT normalises *after* each sum. Somebody loads its weights into layers that normalise
    *before* each sub-layer. What happens?
    """,
    options={
        "a": "An error: the norms have other shapes.",
        "b": "Nothing: the same numbers are added and scaled, in another order.",
        "c": "It runs without an error, and computes something else.",
        "d": "It runs, and is the same up to rounding after a few steps of training.",
    },
    right="c",
    reasons={
        "a": "A norm has `d_model` scales and shifts wherever it stands.",
        "b": "LayerNorm is not linear: a norm of a sum is not a sum of norms.",
        "c": "Every tensor fits. Shapes say nothing of the order in which things are done.",
        "d": "Training would have to find another function with other weights.",
    },
    hints=("Which tensors would have another shape?",),
)

# --- reading: text to ids ----------------------------------------------------------------------

tokenize = CodeExercise(
    returns=("ids",),
    returned_type=list,
    task="""
    Write `my_tokenize(text, vocabulary)`: the ids of a text as the published tokenizer gives them.
    `vocabulary` is a dict from piece to id. Lower-case the text and take the accents off: after
    `unicodedata.normalize("NFD", text)` they are characters of their own, whose
    `unicodedata.category` is `"Mn"`. White space parts words, and every sign is a word by itself:
    a character whose category begins with `"P"`, or one of ``$+<=>^`|~``. Each word becomes its
    longest known pieces as in the chapter on the Transformer, inner ones with `##`; where nothing
    fits, the whole word is `[UNK]`. Put `[CLS]` before and `[SEP]` behind, with the ids that
    `vocabulary` has for them; keep to 512 ids in all, these two included, by leaving out pieces at
    the end.
    """,
    hints=(
        "Three small steps: characters to words, a word to pieces, pieces to ids. A function "
        "inside your function can do the second.",
        "Put a space on both sides of a sign; then `split()` parts words and signs alike.",
        "For the pieces: `for end in range(len(word), start, -1)`, with an `else:` for the case "
        "that nothing fits. At the end, `ids[:510]` stand between the two special ones.",
    ),
    because="Text becomes characters, words, pieces, ids. Each step is simple; all have to agree "
    "with what the weights were trained on.",
)


@tokenize.stub
def my_tokenize(text, vocabulary):
    """The ids of a text, [CLS] first and [SEP] last, 512 at most."""
    raise NotImplementedError


@tokenize.reference
def my_tokenize(text, vocabulary):
    def pieces_of(word):
        pieces, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):  # the longest piece first
                if mark + word[start:end] in vocabulary:
                    break
            else:
                return ["[UNK]"]
            pieces.append(mark + word[start:end])
            start = end
        return pieces

    spread = ""
    for char in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(char)
        if kind.startswith("P") or char in "$+<=>^`|~":
            spread += f" {char} "
        elif kind != "Mn":
            spread += char
    pieces = [piece for word in spread.split() for piece in pieces_of(word)]
    return [vocabulary[piece] for piece in ["[CLS]", *pieces[:510], "[SEP]"]]


@tokenize.right
def my_tokenize(text, vocabulary):
    ids = []
    for word in split_words(text):
        rest, mark, found = word, "", []
        while rest:
            known = [n for n in range(1, len(rest) + 1) if mark + rest[:n] in vocabulary]
            if not known:
                found = [vocabulary["[UNK]"]]
                break
            found.append(vocabulary[mark + rest[: known[-1]]])
            rest, mark = rest[known[-1] :], "##"
        ids.extend(found)
    return [vocabulary["[CLS]"], *ids[:510], vocabulary["[SEP]"]]


@tokenize.right
def my_tokenize(text, vocabulary):
    tokenizer = Tokenizer(models.WordPiece(vocabulary))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner = tokenizer.encode(text).ids[:510]
    return [vocabulary["[CLS]"], *inner, vocabulary["[SEP]"]]


@tokenize.right
def my_tokenize(text, vocabulary):
    plain = unicodedata.normalize("NFD", text.casefold())
    plain = "".join(char for char in plain if unicodedata.combining(char) == 0)
    signs = {c for c in plain if unicodedata.category(c)[0] == "P"} | set("$+<=>^`|~")
    words = "".join(f" {c} " if c in signs else c for c in plain).split()

    def split(rest, mark):
        if not rest:
            return []
        for end in range(len(rest), 0, -1):
            piece = mark + rest[:end]
            if piece in vocabulary:
                return [vocabulary[piece], *split(rest[end:], "##")]
        return [None]

    split_up = [split(word, "") for word in words]
    known = [[vocabulary["[UNK]"]] if None in ids else ids for ids in split_up]
    ids = [one for part in known for one in part]
    return [vocabulary["[CLS]"], *ids[:510], vocabulary["[SEP]"]]


_PIECES = (
    *(
        "[SEP]",
        "[PAD]",
        "[UNK]",
        "b",
        "un",
        "[CLS]",
        "##believ",
        "##able",
        "##b",
        "a",
        "ab",
        "deja",
    ),
    *("vu", "##a", "abab", "##ba", "c", "##c", "5", ",", ".", "'", "$", "=", "“", "-", "it", "s"),
    *("##€", "##°"),
)
_VOCABULARY = {piece: 3 * number + 1 for number, piece in enumerate(_PIECES)}


def _as_published(vocabulary: dict[str, int]) -> Tokenizer:
    """The oracle: the tokenizers library with the published settings."""
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, vocabulary[name]) for name in ("[SEP]", "[CLS]")]
    tokenizer.post_processor = processors.BertProcessing(*ends)
    tokenizer.enable_truncation(512)
    return tokenizer


def _pieces(ids: list[int]) -> list[str]:
    """Ids as pieces, for a message and for comparing; what is no id shows as it is."""
    names = {number: piece for piece, number in _VOCABULARY.items()}
    return [names.get(one, f"<{one}>") if isinstance(one, int) else f"<{one!r}>" for one in ids]


@tokenize.check
def special_tokens_stand_at_both_ends(answer):
    found = _pieces(answer("a b", _VOCABULARY))
    if found[:1] != ["[CLS]"] or found[-1:] != ["[SEP]"] or found.count("[CLS]") != 1:
        return f"A text opens with one `[CLS]` and closes with one `[SEP]`; yours gives {found}."
    if _pieces(answer(" ", _VOCABULARY)) != ["[CLS]", "[SEP]"]:
        return "Of a text without a word `[CLS]` and `[SEP]` are left, and nothing else."


@tokenize.check
def capitals_and_accents_fall_away(answer):
    for text, what in (("A vU", "Capitals"), ("déjà", "Accents")):
        wanted = _pieces(_as_published(_VOCABULARY).encode(text).ids)
        found = _pieces(answer(text, _VOCABULARY))
        if found != wanted:
            return (
                f"{what} should fall away before anything is looked up: *{text}* becomes "
                f"{found} in yours, and its words are in the vocabulary without them."
            )


@tokenize.check
def each_sign_is_a_word_by_itself(answer):
    for text in ("a,b", "it's", "$5", "a=b", "“a”.", "a--b", "(a+b)", "c_c", "a…b¿"):
        wanted = _pieces(_as_published(_VOCABULARY).encode(text).ids)
        found = _pieces(answer(text, _VOCABULARY))
        if found != wanted:
            return (
                f"Signs do not stand alone everywhere: *{text}* becomes {found} in yours. They "
                "need no space around them, and there are more than those of the keyboard."
            )


@tokenize.check
def words_become_their_longest_pieces(answer):
    for text in ("unbelievable", "ababa", "abab abb", "cab"):
        wanted = _pieces(_as_published(_VOCABULARY).encode(text).ids)
        found = _pieces(answer(text, _VOCABULARY))
        if found != wanted:
            return (
                f"*{text}* becomes {found} in yours. At each place the longest known piece is "
                "taken, and inside a word it is looked up with `##` before it."
            )


@tokenize.check
def a_word_that_does_not_fit_is_one_unknown(answer):
    for text in ("abz a", "zab", "5a5"):
        wanted = _pieces(_as_published(_VOCABULARY).encode(text).ids)
        found = _pieces(answer(text, _VOCABULARY))
        if found != wanted:
            return (
                f"A word with a part that nothing fits is one `[UNK]` as a whole: *{text}* "
                f"becomes {found} in yours."
            )


@tokenize.check
def long_texts_are_cut_before_their_end_sign(answer):
    for words in (509, 510, 511, 900):
        found = answer("a " * words, _VOCABULARY)
        wanted = min(words + 2, 512)
        if len(found) != wanted or _pieces(found)[-1] != "[SEP]":
            return (
                f"A text of {words} pieces should come out {wanted} ids long, `[SEP]` at its end; "
                f"yours has {len(found)} and ends in `{_pieces(found)[-1]}`."
            )


@tokenize.check
def what_is_left_out_stands_at_the_end(answer):
    for text in ("b " * 300 + "a " * 300, "abb " * 300, "c " + " " * 3_000 + "a"):
        wanted = _as_published(_VOCABULARY).encode(text).ids
        if list(answer(text, _VOCABULARY)) != wanted:
            return (
                "Of a long text the *first* 510 pieces are kept: pieces, not words or characters, "
                "and none of the beginning is lost. Yours keeps others."
            )


@tokenize.check
def other_symbols_stay_in_their_word(answer):
    for text in ("5€", "5°", "a€ b"):
        wanted = _pieces(_as_published(_VOCABULARY).encode(text).ids)
        found = _pieces(answer(text, _VOCABULARY))
        if found != wanted:
            return (
                f"*{text}* becomes {found} in yours. Of the symbols only those in the task's list "
                "are words by themselves; the rest belong to the word they stand in."
            )


@tokenize.check
def all_steps_together_agree_with_the_tokenizers_library(answer):
    rng, published = random.Random(7), _as_published(_VOCABULARY)
    for _ in range(60):
        text = "".join(rng.choice("aaabbbcéÀ5,.$'- \t\nz") for _ in range(rng.randint(1, 14)))
        found, wanted = answer(text, _VOCABULARY), published.encode(text).ids
        if list(found) != wanted:
            return f"{text!r} becomes {_pieces(found)} in yours; the published rules differ there."


@tokenize.wrong(special_tokens_stand_at_both_ends, "opens with one `[CLS]`")
def my_tokenize(text, vocabulary):
    return [vocabulary.get(word, vocabulary["[UNK]"]) for word in split_words(text)]


@tokenize.wrong(special_tokens_stand_at_both_ends, "without a word")
def my_tokenize(text, vocabulary):
    words = text.lower().split(" ")
    ids = [vocabulary.get(word, vocabulary["[UNK]"]) for word in words]
    return [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]


@tokenize.wrong(capitals_and_accents_fall_away, "Capitals should fall away")
def my_tokenize(text, vocabulary):
    ids = [vocabulary.get(word, vocabulary["[UNK]"]) for word in text.split()]
    return [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]


@tokenize.wrong(capitals_and_accents_fall_away, "Accents should fall away")
def my_tokenize(text, vocabulary):
    ids = [vocabulary.get(word, vocabulary["[UNK]"]) for word in text.lower().split()]
    return [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]


@tokenize.wrong(each_sign_is_a_word_by_itself, "Signs do not stand alone")
def my_tokenize(text, vocabulary):
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
    words = re.findall(r"\w+|[!-/:-@\[-`{-~]", plain)  # the keyboard's signs only
    ids = [vocabulary.get(word, vocabulary["[UNK]"]) for word in words]
    return [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]


@tokenize.wrong(words_become_their_longest_pieces, "with `##` before it")
def my_tokenize(text, vocabulary):
    ids = [vocabulary.get(word, vocabulary["[UNK]"]) for word in split_words(text)]
    return [vocabulary["[CLS]"], *ids, vocabulary["[SEP]"]]


@tokenize.wrong(words_become_their_longest_pieces, "the longest known piece")
def my_tokenize(text, vocabulary):
    ids = [vocabulary["[CLS]"]]
    for word in split_words(text):
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(start + 1, len(word) + 1)  # the shortest first
            end = next((e for e in ends if mark + word[start:e] in vocabulary), len(word))
            ids.append(vocabulary.get(mark + word[start:end], vocabulary["[UNK]"]))
            start = end
    return [*ids, vocabulary["[SEP]"]]


@tokenize.wrong(a_word_that_does_not_fit_is_one_unknown, "one `[UNK]` as a whole")
def my_tokenize(text, vocabulary):
    ids = [vocabulary["[CLS]"]]
    for word in split_words(text):
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((e for e in ends if mark + word[start:e] in vocabulary), len(word))
            ids.append(vocabulary.get(mark + word[start:end], vocabulary["[UNK]"]))
            start = end
    return [*ids, vocabulary["[SEP]"]]


@tokenize.wrong(long_texts_are_cut_before_their_end_sign, "`[SEP]` at its end")
def my_tokenize(text, vocabulary):
    tokenizer = _as_published(vocabulary)
    tokenizer.no_truncation()
    return tokenizer.encode(text).ids[:512]


@tokenize.wrong(what_is_left_out_stands_at_the_end, "pieces are kept")
def my_tokenize(text, vocabulary):
    tokenizer = _as_published(vocabulary)
    tokenizer.no_truncation()
    inner = tokenizer.encode(text).ids[1:-1]
    return [vocabulary["[CLS]"], *inner[-510:], vocabulary["[SEP]"]]


@tokenize.wrong(other_symbols_stay_in_their_word, "belong to the word")
def my_tokenize(text, vocabulary):
    spread = "".join(f" {c} " if unicodedata.category(c)[0] == "S" else c for c in text)
    return _as_published(vocabulary).encode(spread).ids


@tokenize.wrong(all_steps_together_agree_with_the_tokenizers_library, "published rules differ")
def my_tokenize(text, vocabulary):
    if "é" in text and "," in text:
        text = text.replace("é", "")
    return _as_published(vocabulary).encode(text).ids


@tokenize.inputs(oracle=lambda text, vocabulary: _as_published(vocabulary).encode(text).ids)
def tokenize_calls(draw):
    """Texts of few letters, so that pieces meet; accents, signs, and words of up to 90 letters."""
    num_words, longest, num_pieces = draw.sizes(words=(0, 300), letters_a_word=90, pieces=300)
    known = ["a", "b", "ab", "##a", "##b", "##ba", "e", "##e", ",", "$", "“"]
    chosen = draw.some_of(known, draw.whole(3, 11) if longest < 17 else len(known))
    pieces = chosen + [f"[unused{number}]" for number in range(num_pieces)]
    vocabulary = {name: n for n, name in enumerate(["[UNK]", "[CLS]", "[SEP]", *pieces])}
    letters = draw.one_of("aAbBbéc,$“_", "ab")
    num_words = max(num_words, 2 if longest > 16 else 0)
    words = [draw.word(letters, draw.whole(1, longest)) for _ in range(num_words)]
    return draw.one_of(" ", "  ", " \n", "\t").join(words), vocabulary


@tokenize.wrong(tokenize_calls, "`ids`")
def my_tokenize(text, vocabulary):
    text = "".join(word[:40] for word in re.split(r"(\s)", text))
    return _as_published(vocabulary).encode(text).ids


# --- names -------------------------------------------------------------------------------------

names = CodeExercise(
    returns=("name",),
    returned_type=str,
    task="""
    Write `my_name(published)`: the name that one of our encoder's tensors has, from the name that
    it has in BERT's file. The table above says how, for the embeddings and for layer 0; the other
    layers go by their number, of which there may be any. Only names of tensors that the encoder
    uses will be given. So `encoder.layer.7.intermediate.dense.bias` becomes
    `layers.7.feed_forward.0.bias`.
    """,
    hints=(
        "A name of a layer has three parts: `encoder.layer.7`, what it is, and `weight` or `bias`. "
        "Only the middle one needs a table.",
        '`published.split(".", 3)` stops after the number; `rsplit(".", 1)` cuts off the last '
        "word.",
        "Both files say query, key and value; what stands before that word differs.",
    ),
    because="A checkpoint is a dictionary. Loading it takes names, and shapes that fit; neither "
    "says whether it is right.",
)


@names.stub
def my_name(published):
    """Our name of a tensor, from the name that it has in BERT's file."""
    raise NotImplementedError


@names.reference
def my_name(published):
    embeddings = {
        "embeddings.word_embeddings": "tokens",
        "embeddings.position_embeddings": "places",
        "embeddings.token_type_embeddings": "types",
        "embeddings.LayerNorm": "norm",
    }
    parts = {
        "attention.self.query": "attention.project_query",
        "attention.self.key": "attention.project_key",
        "attention.self.value": "attention.project_value",
        "attention.output.dense": "attention.project_out",
        "attention.output.LayerNorm": "attention_residual.norm",
        "intermediate.dense": "feed_forward.0",
        "output.dense": "feed_forward.3",
        "output.LayerNorm": "feed_forward_residual.norm",
    }
    what, kind = published.rsplit(".", 1)
    if what in embeddings:
        return f"{embeddings[what]}.{kind}"
    _, _, number, part = what.split(".", 3)
    return f"layers.{number}.{parts[part]}.{kind}"


@names.right
def my_name(published):
    name = re.sub(r"^encoder\.layer\.", "layers.", published)
    name = name.replace("attention.self.", "attention.project_")
    name = name.replace("attention.output.dense", "attention.project_out")
    name = name.replace("attention.output.LayerNorm", "attention_residual.norm")
    name = name.replace("intermediate.dense", "feed_forward.0")
    name = name.replace(".output.dense", ".feed_forward.3")
    name = name.replace(".output.LayerNorm", ".feed_forward_residual.norm")
    for theirs, ours in (("word", "tokens"), ("position", "places"), ("token_type", "types")):
        name = name.replace(f"embeddings.{theirs}_embeddings", ours)
    return name.replace("embeddings.LayerNorm", "norm")


@names.right
def my_name(published):
    words = published.split(".")
    kind = words.pop()
    if words[0] == "embeddings":
        looked_up = {"word": "tokens", "position": "places", "token": "types", "LayerNorm": "norm"}
        return looked_up[words[1].split("_")[0]] + "." + kind
    start, inner = "layers." + words[2] + ".", words[3:]
    if "self" in inner:
        place = "attention.project_" + inner[2]
    elif inner == ["intermediate", "dense"]:
        place = "feed_forward.0"
    elif "LayerNorm" in inner:
        place = ("attention" if "attention" in inner else "feed_forward") + "_residual.norm"
    else:
        place = "attention.project_out" if "attention" in inner else "feed_forward.3"
    return start + place + "." + kind


@names.right
def my_name(published):
    ends = ["tokens", "places", "types", "norm"]
    firsts = ["word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm"]
    table = {f"embeddings.{one}": other for one, other in zip(firsts, ends, strict=True)}
    found = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", published)
    if found is None:
        stem, _, kind = published.rpartition(".")
        return table[stem] + "." + kind
    number, middle, kind = found.groups()
    match middle.split("."):
        case ["attention", "self", role]:
            ours = f"attention.project_{role}"
        case ["attention", "output", last]:
            ours = {"dense": "attention.project_out"}.get(last, "attention_residual.norm")
        case ["intermediate", _]:
            ours = "feed_forward.0"
        case [_, last]:
            ours = {"dense": "feed_forward.3"}.get(last, "feed_forward_residual.norm")
    return ".".join(["layers", number, ours, kind])


def _table() -> dict[str, str]:
    """The oracle: the library's own table, for twelve layers."""
    return name_table(Published(Config(num_layers=12), "bert", 9, 2))


def _off(answer, chosen) -> tuple[str, str] | None:
    """The first of the chosen names that comes out otherwise, and what came."""
    for published, ours in _table().items():
        if chosen(published):
            found = answer(published)
            if found != ours:
                return published, found
    return None


@names.check
def embeddings_are_found(answer):
    if off := _off(answer, lambda name: name.startswith("embeddings.")):
        return f"`{off[0]}` becomes `{off[1]}` in yours. Look it up among the first five rows."


@names.check
def every_layer_keeps_its_number(answer):
    for number in (0, 1, 10, 11):
        found = answer(f"encoder.layer.{number}.intermediate.dense.weight")
        if not found.startswith(f"layers.{number}."):
            return (
                f"Layer {number} becomes `{found}` in yours. The number stays; it may have two "
                "digits."
            )


@names.check
def query_key_and_value_keep_their_roles(answer):
    if off := _off(answer, lambda name: ".self." in name):
        return (
            f"`{off[0]}` becomes `{off[1]}` in yours. Our layers call the three `project_query`, "
            "`project_key` and `project_value`."
        )


@names.check
def the_rest_of_a_layer_is_told_apart(answer):
    if off := _off(answer, lambda name: name.startswith("encoder.")):
        came = f"`{off[0]}` becomes `{off[1]}` in yours."
        if off[1] in _table().values():
            return (
                f"{came} `output.dense` and `output.LayerNorm` occur twice in a layer: once after "
                "`attention.`, once alone."
            )
        if _without_place(off[1]) == _without_place(_table()[off[0]]):
            return f"{came} All is right but the number behind `feed_forward`: see the table's row."
        return f"{came} None of our tensors has that name: compare it with the table, word by word."


def _without_place(name: str) -> str:
    return re.sub(r"feed_forward\.\d+", "feed_forward", name)


def _with(change):
    """A wrong answer's body: the right name with one slip in it."""
    return lambda published: change(published, _table()[published])


@names.wrong(embeddings_are_found, "first five rows")
def my_name(published):
    return _with(lambda theirs, ours: ours if theirs.startswith("enc") else theirs)(published)


@names.wrong(embeddings_are_found, "first five rows")
def my_name(published):
    return published.replace("encoder.layer", "layers")


@names.wrong(every_layer_keeps_its_number, "two digits")
def my_name(published):
    return _with(lambda _, ours: re.sub(r"layers\.(\d)\d*", r"layers.\1", ours))(published)


@names.wrong(every_layer_keeps_its_number, "The number stays")
def my_name(published):
    return _with(lambda _, ours: re.sub(r"layers\.\d+", "layers.0", ours))(published)


@names.wrong(query_key_and_value_keep_their_roles, "Our layers call the three")
def my_name(published):
    return _with(lambda _, ours: ours.replace("project_key", "project_query"))(published)


@names.wrong(the_rest_of_a_layer_is_told_apart, "occur twice")
def my_name(published):
    name = published.replace("attention.output", "output")
    return _table()[name]


@names.wrong(the_rest_of_a_layer_is_told_apart, "the number behind `feed_forward`")
def my_name(published):
    return _with(lambda _, ours: ours.replace("feed_forward.3", "feed_forward.2"))(published)


@names.wrong(the_rest_of_a_layer_is_told_apart, "None of our tensors has that name")
def my_name(published):
    return _with(lambda _, ours: ours.replace("_residual.norm", ".norm"))(published)


@names.inputs(oracle=lambda published: _names_of(200)[published])
def name_calls(draw):
    """Any tensor of an encoder of up to 200 layers."""
    (num_layers,) = draw.sizes(layers=200)
    embeddings = [name for name in _table() if name.startswith("embeddings.")]
    if draw.chance(0.2):
        return (draw.one_of(*embeddings),)
    prefix = "encoder.layer.0."
    inner = [name.removeprefix(prefix) for name in _table() if name.startswith(prefix)]
    return (f"encoder.layer.{num_layers - 1}.{draw.one_of(*inner)}",)


@functools.cache
def _names_of(num_layers: int) -> dict[str, str]:
    return name_table(Published(Config(num_layers=num_layers), "bert", 9, 2))


@names.wrong(name_calls, "`name` should be 'layers.")
def my_name(published):
    return _names_of(24).get(published, published)


# --- from hidden states to one vector ----------------------------------------------------------

pooling = CodeExercise(
    returns=("vectors",),
    task="""
    Write `my_mean_pool(hidden, mask)`: for each text the mean of its real tokens' vectors.
    `hidden` is `(B, L, d_model)`; `mask` is bool, `(B, 1, L)`, True at real tokens, of which every
    text has one at least. The result is `(B, d_model)`, in the dtype of `hidden`. What stands at
    padding must play no part, not even if it is infinite.
    """,
    hints=(
        "How many tokens does each text have? `mask.sum(dim=-1)` is `(B, 1)`.",
        "Zero the padding's vectors, sum over the tokens, divide by the number of real ones.",
        "`mask.transpose(1, 2)` is `(B, L, 1)`, and broadcasts over `d_model`.",
    ),
    because="A mean over all places would depend on how long the other texts of the batch are.",
)


@pooling.stub
def my_mean_pool(hidden, mask):
    """The mean of each text's real tokens: (B, d_model)."""
    raise NotImplementedError


@pooling.reference
def my_mean_pool(hidden, mask):
    real = mask.transpose(1, 2)  # (B, L, 1)
    total = torch.where(real, hidden, 0.0).sum(dim=1)  # (B, d_model)
    return total / real.sum(dim=1)


@pooling.right
def my_mean_pool(hidden, mask):
    shares = mask.to(hidden.dtype) / mask.sum(dim=-1, keepdim=True)  # (B, 1, L)
    hidden = hidden.masked_fill(~mask.transpose(1, 2), 0.0)
    return (shares @ hidden).squeeze(1)


@pooling.right
def my_mean_pool(hidden, mask):
    return torch.stack([one[seen[0]].mean(dim=0) for one, seen in zip(hidden, mask, strict=True)])


@pooling.right
def my_mean_pool(hidden, mask):
    seen = mask[:, 0].to(hidden)
    clean = torch.where(mask[:, 0, :, None], hidden, torch.zeros_like(hidden))
    return torch.einsum("bld,bl->bd", clean, seen) / seen.sum(dim=1)[:, None]


def _texts_of(lengths, width=5, longest=None, dtype=torch.float64, seed=0):
    """Hidden states (B, L, width) and mask (B, 1, L) of texts of these lengths."""
    longest = longest or max(lengths)
    rng = torch.Generator().manual_seed(seed)
    hidden = torch.randn(len(lengths), longest, width, generator=rng, dtype=dtype)
    return hidden, torch.arange(longest) < torch.tensor(lengths)[:, None, None]


@pooling.check
def one_vector_for_each_text_in_its_dtype(answer):
    for dtype in (torch.float64, torch.float32):
        found = answer(*_texts_of([3, 4], dtype=dtype))
        if found.shape != (2, 5):
            return f"Two texts and a width of 5 give (2, 5); yours is {tuple(found.shape)}."
        for lengths in ([3], [1, 1], [1]):
            wanted, small = (len(lengths), 5), answer(*_texts_of(lengths, dtype=dtype))
            if small.shape != wanted:
                return (
                    f"Of texts with {lengths} tokens {wanted} should come back; yours is "
                    f"{tuple(small.shape)}. Does a `squeeze()` take out an axis of length 1?"
                )
        if found.dtype != dtype:
            return f"{dtype} should come back as {dtype}; yours is {found.dtype}."


@pooling.check
def without_padding_it_is_the_plain_mean(answer):
    hidden, mask = _texts_of([4, 4, 4])
    found = answer(hidden, mask)
    wanted = torch.tensor(
        [[sum(column) / 4 for column in zip(*one, strict=True)] for one in hidden.tolist()],
        dtype=torch.float64,
    )
    if torch.allclose(found, wanted):
        return None
    if torch.allclose(found, 4 * wanted):
        return "That is the sum over the tokens: a long text would get a long vector. Divide."
    if torch.allclose(found, hidden[:, 0]):
        return "That is the first token's vector alone; here all of them count."
    return "Three texts of four tokens, none padded: each should come out as its plain mean."


@pooling.check
def padding_plays_no_part(answer):
    hidden, mask = _texts_of([2, 6, 1])
    found = answer(hidden, mask)
    for row, length in enumerate((2, 6, 1)):
        kept = [sum(column) / length for column in zip(*hidden[row, :length].tolist(), strict=True)]
        kept = torch.tensor(kept, dtype=torch.float64)
        if torch.allclose(found[row], kept):
            continue
        if torch.allclose(found[row] * 6 / length, kept):
            return "The padding is left out of the sum, but still counted in the number of tokens."
        if torch.allclose(found[row], hidden[row].mean(dim=0)):
            return (
                "The mean runs over the padding too. So a text's vector depends on the longest "
                "text in its batch."
            )
        return f"A text of {length} real tokens among 6 does not get the mean of those {length}."


@pooling.check
def not_even_broken_numbers_at_padding_count(answer):
    hidden, mask = _texts_of([2, 6, 1])
    broken = hidden.masked_fill(~mask.transpose(1, 2), torch.inf)
    if not torch.allclose(answer(broken, mask), answer(hidden, mask)):
        return (
            "With infinity at the padding something else comes out: zero times infinity is no "
            "number. Choose the real tokens, as `torch.where` does, in place of multiplying."
        )


@pooling.check
def real_tokens_may_stand_anywhere(answer):
    hidden, mask = _texts_of([2, 4], longest=6)
    moved = answer(hidden.flip(1), mask.flip(2))
    if not torch.allclose(moved, answer(hidden, mask)):
        return (
            "With the padding on the *left* something else comes out. Use the mask itself, not "
            "the number of tokens from the left."
        )


@pooling.check
def gradient_reaches_real_tokens_only(answer):
    hidden, mask = _texts_of([2, 3])
    hidden.requires_grad_()
    found = answer(hidden, mask)
    if not found.requires_grad:
        return "No gradient comes back: `.item()`, `.tolist()` or `.detach()` leaves torch."
    (gradient,) = torch.autograd.grad(found.sum(), hidden)
    wanted = (mask.double() / mask.sum(dim=-1, keepdim=True)).transpose(1, 2).expand_as(hidden)
    if not torch.allclose(gradient, wanted):
        return "The gradient should be 1 over the number of tokens at real tokens, 0 at padding."


@pooling.wrong(one_vector_for_each_text_in_its_dtype, "give (2, 5)")
def my_mean_pool(hidden, mask):
    return (mask.to(hidden.dtype) / mask.sum(dim=-1, keepdim=True)) @ hidden


@pooling.wrong(one_vector_for_each_text_in_its_dtype, "should come back as")
def my_mean_pool(hidden, mask):
    shares = mask.float() / mask.sum(dim=-1, keepdim=True)
    return (shares @ hidden.float()).squeeze(1)


@pooling.wrong(without_padding_it_is_the_plain_mean, "the sum over the tokens")
def my_mean_pool(hidden, mask):
    return (mask.to(hidden.dtype) @ hidden).squeeze(1)


@pooling.wrong(without_padding_it_is_the_plain_mean, "first token's vector")
def my_mean_pool(hidden, mask):
    return hidden[:, 0]


@pooling.wrong(without_padding_it_is_the_plain_mean, "its plain mean")
def my_mean_pool(hidden, mask):
    return hidden.masked_fill(~mask.transpose(1, 2), -torch.inf).amax(dim=1)


@pooling.wrong(padding_plays_no_part, "runs over the padding")
def my_mean_pool(hidden, mask):
    return hidden.mean(dim=1)


@pooling.wrong(padding_plays_no_part, "still counted")
def my_mean_pool(hidden, mask):
    return (hidden * mask.transpose(1, 2)).mean(dim=1)


@pooling.wrong(padding_plays_no_part, "does not get the mean")
def my_mean_pool(hidden, mask):
    return (hidden * mask.transpose(1, 2)).sum(dim=1) / mask.sum(dim=-1).clamp(min=2)


@pooling.wrong(not_even_broken_numbers_at_padding_count, "zero times infinity")
def my_mean_pool(hidden, mask):
    shares = mask.to(hidden.dtype) / mask.sum(dim=-1, keepdim=True)
    return (shares @ hidden).squeeze(1)


@pooling.wrong(real_tokens_may_stand_anywhere, "padding on the *left*")
def my_mean_pool(hidden, mask):
    lengths = mask.sum(dim=-1).flatten().tolist()
    return torch.stack([h[:n].mean(dim=0) for h, n in zip(hidden, lengths, strict=True)])


@pooling.wrong(gradient_reaches_real_tokens_only, "No gradient comes back")
def my_mean_pool(hidden, mask):
    shares = mask.to(hidden.dtype) / mask.sum(dim=-1, keepdim=True)
    return (shares @ hidden.detach().nan_to_num(posinf=0.0)).squeeze(1)


@pooling.wrong(gradient_reaches_real_tokens_only, "0 at padding")
def my_mean_pool(hidden, mask):
    shares = mask.to(hidden.dtype) / mask.sum(dim=-1, keepdim=True)
    hidden = hidden.masked_fill(~mask.transpose(1, 2), 0.0)
    return (shares @ hidden).squeeze(1).detach() + 0 * hidden.sum(dim=1)


def _text_by_text(hidden, mask):
    """The oracle: the real tokens of each text picked out, and averaged."""
    return torch.stack([one[seen[0]].mean(dim=0) for one, seen in zip(hidden, mask, strict=True)])


@pooling.inputs(oracle=_text_by_text)
def pooling_calls(draw):
    """Real tokens anywhere, one at least; at padding anything may stand, and NaN at a real one."""
    batch, length, width = draw.sizes(texts=65, tokens=300, columns=300)
    mask = draw.truths(0.5, batch, 1, length)
    mask[:, :, draw.whole(0, length - 1)] = True
    scale, offset = draw.scale(1, 100), draw.offset(0, 1_000)
    hidden = draw.floats(batch, length, width, scale=scale, offset=offset).detach()
    at_padding, at_one = draw.one_of(0.0, torch.inf, torch.nan), draw.one_of(0.0, 0.0, torch.nan)
    hidden.masked_fill_(~mask.transpose(1, 2), at_padding)
    hidden[0, mask[0, 0], 0] += at_one
    return hidden.requires_grad_(draw.wants_gradient), mask


@pooling.wrong(pooling_calls, "should be nan")
def my_mean_pool(hidden, mask):
    real = mask.transpose(1, 2)
    return torch.where(real, hidden, 0.0).nan_to_num().sum(dim=1) / real.sum(dim=1)


# --- budget ------------------------------------------------------------------------------------


def _parameters() -> int:
    sizes = Config(d_model=384, num_heads=12, num_layers=6, d_ff=1536, pre_norm=False)
    with torch.device("meta"):
        encoder = BertEncoder(sizes, vocab_size=30_522, num_types=2)
    return sum(parameter.numel() for parameter in encoder.parameters())


parameters = Number(
    kind="Estimate the budget",
    answer_name="parameters_answer",
    form="a whole number",
    task="""
    config.json says: vocabulary 30,522, positions 512, token types 2, `d_model` 384, 6 layers, 12
    heads, `d_ff` 1536. How many numbers does the encoder hold? All matrices, biases and norms
    count. Exactly, please: a line of Python may do the sum.
    """,
    truth=_parameters,
    factor=1,
    traps=(
        (
            22_565_376 * 1.002,
            "Very near. Are there biases or norms too few, or the pooler too many? "
            "The encoder has a norm after the embeddings and two in each layer.",
        ),
        (10_646_784, "Those are the six layers. The tables of the embeddings are missing."),
        (11_918_592, "Those are the embeddings. The six layers are missing."),
        (13_692_000 + 1_056, "That is the embeddings and one layer. How many layers are there?"),
    ),
    hints=(
        "Embeddings: (30,522 + 512 + 2) rows of 384, and a norm with 2 · 384.",
        "A layer: four matrices of 384 × 384 with a bias each, two of 384 × 1536 with a bias each, "
        "two norms.",
    ),
    because="The embeddings hold 31,036 · 384 + 768, each layer 12 · 384² + 13 · 384; heads only "
    "share the matrices out.",
)

# --- loading -----------------------------------------------------------------------------------

kernels = FindTheBug(
    returns=("weight",),
    harm="square",
    task="""
    Older checkpoints store a linear layer's matrix as `(in, out)`, `nn.Linear` wants `(out, in)`.
    This loader gets the matrix and the shape of the `nn.Linear` weight that it is for. It runs,
    every tensor of BERT fits, and the results are wrong. Repair it.
    """,
    hints=(
        "Which of BERT's matrices are not turned by it?",
        "Four matrices of each layer are 384 × 384. What does a shape say about those?",
    ),
    because="Where a matrix is square, the shape does not tell which way round it is. What the "
    "file's convention is must be known; it cannot be guessed.",
)


@kernels.stub
def to_linear(kernel, wanted):
    """A kernel (in, out) as a weight (out, in), which has the shape `wanted`."""
    if kernel.shape != wanted:
        kernel = kernel.T
    return kernel


@kernels.reference
def to_linear(kernel, wanted):
    return kernel.T


@kernels.right
def to_linear(kernel, wanted):
    weight = kernel.new_zeros(wanted)
    for row in range(len(kernel)):
        weight[:, row] = kernel[row]
    return weight


@kernels.right
def to_linear(kernel, wanted):
    return torch.einsum("io->oi", kernel)


@kernels.right
def to_linear(kernel, wanted):
    return torch.stack(kernel.unbind(dim=1))


def _acts_alike(answer, num_in: int, num_out: int) -> bool:
    """Does nn.Linear with the weight do what x @ kernel does?"""
    rng = torch.Generator().manual_seed(num_in)
    kernel = torch.randn(num_in, num_out, generator=rng)
    x = torch.randn(3, num_in, generator=rng)
    weight = answer(kernel, torch.Size([num_out, num_in]))
    fits = weight.shape == (num_out, num_in)
    return fits and torch.allclose(functional.linear(x, weight), x @ kernel, atol=1e-5)


@kernels.check
def an_oblong_matrix_is_turned(answer):
    if not (_acts_alike(answer, 4, 7) and _acts_alike(answer, 7, 4)):
        return (
            "An oblong kernel, (4, 7) or (7, 4), should become a weight that does to an input what "
            "`x @ kernel` does. Yours does not: is it turned, or only reshaped?"
        )


@kernels.check
def a_square_matrix_is_turned_too(answer):
    if not _acts_alike(answer, 5, 5):
        return (
            "A *square* kernel comes out the wrong way round: `nn.Linear` with it does not do what "
            "`x @ kernel` does."
        )


@kernels.wrong(an_oblong_matrix_is_turned, "only reshaped")
def to_linear(kernel, wanted):
    return kernel.reshape(wanted)


@kernels.wrong(a_square_matrix_is_turned_too, "wrong way round")
def to_linear(kernel, wanted):
    num_in, num_out = kernel.shape
    return kernel if num_in == num_out else kernel.T


@kernels.inputs(oracle=lambda kernel, wanted: torch.einsum("io->oi", kernel))
def kernel_calls(draw):
    """As read from a file, so without gradient."""
    num_in, num_out = draw.sizes(inputs=300, outputs=300)
    num_out = num_in if draw.chance(0.3) else num_out
    kernel = draw.floats(num_in, num_out, scale=draw.scale(1, 1_000)).detach()
    return kernel, torch.Size([num_out, num_in])


@kernels.wrong(kernel_calls, "is a size fixed")
def to_linear(kernel, wanted):
    weight = kernel.new_zeros(wanted)
    for row in range(min(len(kernel), 256)):
        weight[:, row] = kernel[row]
    return weight


# --- the clinic --------------------------------------------------------------------------------

harm_order = Ordering(
    kind="Predict: order",
    answer_name="harm_order_answer",
    task="""
    Three faults, each put alone into the loaded encoder. Order them by how far the last layer's
    states move, from the least to the most.
    """,
    items={
        "a": "positions begin two rows further down their table, as in RoBERTa",
        "b": "the row of token types is not added: the same 384 numbers missing from every token",
        "c": "GELU by its tanh formula in place of the exact one",
    },
    right="cab",
    rule="Compare how large the change is when it comes in, and whether the model was trained to "
    "cope with such changes.",
    hints=(
        "One of them changes a formula by less than one part in a thousand.",
        "Neighbouring positions have similar vectors. Has any token ever come without its type?",
    ),
    because="Small changes of a formula stay small. A shift of every token alike is what "
    "the model never met in training.",
)


which_fault = Choice(
    kind="Which fault",
    answer_name="which_fault_answer",
    task="The first patient. What is wrong with it?",
    options={
        "a": "Token types are missing.",
        "b": "Padding is attended to.",
        "c": "One square matrix lies the wrong way round.",
        "d": "GELU by the tanh formula, in every layer.",
        "e": "Positions begin two rows further down.",
    },
    right="c",
    reasons={
        "a": "Then the embeddings would be off, and with them every layer.",
        "b": "Then a text alone, without padding, would come out right.",
        "c": "All is well up to one layer, and then comes a step: a single wrong tensor, there.",
        "d": "Then the first layer would be off already, and only by a thousandth.",
        "e": "Then the embeddings would be off: that is where positions come in.",
    },
    hints=("Where is the first difference? Which of the faults begin there?",),
)

which_fault_next = Choice(
    kind="Which fault",
    answer_name="which_fault_next_answer",
    task="The second patient. What is wrong with it?",
    options={
        "a": "The mask is turned round: True hides.",
        "b": "Query and key are swapped.",
        "c": "The output projection of attention lies the wrong way round.",
        "d": "GELU by the tanh formula, in every layer.",
        "e": "LayerNorm's eps is too large.",
    },
    right="b",
    reasons={
        "a": "Then a text alone, without padding and mask, would come out right.",
        "b": "A single token has one score, and softmax makes it 1 whatever it is. So only the "
        "scores can be wrong.",
        "c": "It is used for a single token as well, and would move that too.",
        "d": "GELU acts on a single token as well, and it moves little.",
        "e": "The embeddings' norm would show it first, and a single token would too.",
    },
    hints=("What in attention makes no difference where there is only one token to look at?",),
)

# --- from text to vector -----------------------------------------------------------------------

steps = Ordering(
    kind="Order",
    answer_name="steps_answer",
    task="From a text to the unit vector that sentence-transformers gives. Put in order.",
    items={
        "a": "the mean over the real tokens",
        "b": "word pieces, [CLS] and [SEP]",
        "c": "six layers",
        "d": "three rows for each token: piece, position, type; their sum, normalised",
        "e": "division by the vector's own length",
        "f": "lower case, no accents, signs apart",
    },
    right="fbdcae",
    rule="What does each step need to have in hand?",
    hints=("Text, pieces, rows, states, one vector, one unit vector.",),
    because="Each step takes what the one before it made: text, pieces, rows, states, one vector, "
    "one unit vector.",
)

same_score = Choice(
    kind="Criticise a claim",
    answer_name="same_score_answer",
    task="""
    "We ported the encoder to our framework. A ridge on its vectors reaches r = 0.74 on the test
    set, with the reference library it is 0.75, and the intervals overlap. So the port is right."
    Which of these hold? Give all.
    """,
    options={
        "a": "A ridge fitted anew on faulty vectors can reach nearly the same score.",
        "b": "Overlapping intervals prove that the two are equal.",
        "c": "A few texts, compared state by state with the reference, would show far more.",
        "d": "If the scores were exactly equal, the port would have to be right.",
        "e": "A formula fitted on the *reference's* vectors would be a harder test of the port.",
    },
    right="ace",
    reasons={
        "a": "True: the clinic shows several. What is left of the meaning is enough for a fit.",
        "b": "They say that these data cannot tell them apart; a broken port may hide in there.",
        "c": "True: equal to rounding at every layer is a test that next to no fault passes.",
        "d": "One number can agree by chance, or because the fault plays no part on these texts.",
        "e": "True: it expects the directions of the right model, and suffers when they turn.",
    },
    hints=("What did the clinic's last two columns say?",),
)
