"""Tokens: WordPiece and merges against `tokenizers`, vocabulary, padding, and every error."""

import re
import sys
import unicodedata
from collections import Counter

import numpy
import pytest
import sklearn.datasets
import tokenizers
import torch
from tokenizers import models, trainers

from lessons_lib.data.tokens import (
    BytePair,
    Vocabulary,
    WordPiece,
    learn_merges,
    require_texts,
    split_words,
)
from lessons_lib.model.pretrained import load_tokenizer

NASTY = [
    "",
    " ",
    "\t\n\r",
    "Déjà vu, naïve café — “quoted” … and so on‽",
    "e\u0301 versus \u00e9, a\u0323\u0302 versus \u1ead",  # accents on their own, and joined
    "Ångström ÅNGSTRÖM ﬁne ﬂow ß ẞ İstanbul ıslak ǅ",
    "ΣΊΣΥΦΟΣ ΟΔΟΣ σίσυφος",
    "Привет, мир! Ёлка й",
    "注意力就是你所需要的一切。",
    "混合 English 与中文text混排",
    "カタカナ ひらがな がぎぐ パピプ ﾊﾝｶｸ",
    "한국어 문장입니다. 각각",
    "שָׁלוֹם عَرَبِيّ हिन्दी ไทย தமிழ்",
    "🙂🙃 👩‍👩‍👧‍👦 🇨🇭 ❤️ 1️⃣",
    "zero\u200bwidth\u200cjoin\u200der\ufeffmark soft\u00adhyphen",
    "control\x00\x01\x07chars\x1b[0m\x7f\x85 and \ufffd replaced",
    "line\u2028separator\u2029paragraph\x0bvertical\x0cfeed\x1cfile",
    "no\u00a0break\u2003em\u3000ideographic\u1680ogham\u202fnarrow",
    "x" * 100,
    "x" * 101,
    "é" * 101,
    "supercalifragilisticexpialidocious " * 30,
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "don't can't I'll rock'n'roll `code` ~/path C:\\dir a_b-c d=e",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "$100 €200 £300 ¥400 50% ©2017 ™ ° ± × ÷ ½ ²",
    "3.14159 1,000,000 0xDEADBEEF 1e-5 192.168.0.1",
    "https://example.org/a?b=c&d=e#f user@example.org",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝒎𝒂𝒕𝒉 ＦＵＬＬＷＩＤＴＨ ①②③ Ⅳ",
    "𠀀𪜀 㐀 豈 丽",
    "private\ue000use \U0010ffff last",
    "##ing ## #hash",
    "…" * 7 + "a" + "̈" * 9,
]


def descriptions():
    """Prose that is installed with scikit-learn: what its data sets are about."""
    names = ("iris", "wine", "diabetes", "breast_cancer", "digits", "linnerud")
    return [getattr(sklearn.datasets, f"load_{name}")().DESCR for name in names]


def installed_paragraphs():
    modules = [getattr(torch.nn, name) for name in torch.nn.modules.__all__]
    docstrings = [module.__doc__ for module in modules if module.__doc__]
    whole = [*descriptions(), *docstrings, numpy.einsum.__doc__]
    paragraphs = [part for text in whole for part in re.split(r"\n\s*\n", text) if part.strip()]
    return list(dict.fromkeys(paragraphs))[:400]


@pytest.fixture(scope="module")
def published():
    return load_tokenizer()


@pytest.fixture(scope="module")
def ours(published):
    return WordPiece(published.get_vocab())


def test_pieces_and_ids_equal_the_published_tokenizers(published, ours):
    texts = NASTY + installed_paragraphs()
    assert len(texts) >= 300
    theirs = published.encode_batch(texts, add_special_tokens=False)
    differ = [
        text
        for text, wanted in zip(texts, theirs, strict=True)
        if (ours.pieces(text), ours.encode(text)) != (wanted.tokens, wanted.ids)
    ]
    assert differ == []


def test_every_character_of_old_is_treated_as_the_published_tokenizer_does(published):
    """All that Unicode 3.2 knew, and that has not changed its category since."""
    old = unicodedata.ucd_3_2_0
    characters = [
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if old.category(char) not in ("Cn", "Cs")
        and old.category(char) == unicodedata.category(char)
    ]
    assert len(characters) > 200_000
    plain = characters[::50] + [char for char in characters if not char.isalpha()]
    text = "\n".join(f"a{char}b" for char in plain)
    normal = published.normalizer.normalize_str(text)
    wanted = [word for word, _ in published.pre_tokenizer.pre_tokenize_str(normal)]
    assert split_words(text) == wanted


def test_longest_piece_first_by_hand():
    pieces = ("[UNK]", "un", "##a", "##aff", "##able", "unaff", "x")
    splitter = WordPiece({piece: number for number, piece in enumerate(pieces)})
    assert splitter.pieces("Unaffable") == ["unaff", "##able"]
    assert splitter.pieces("una x") == ["un", "##a", "x"]
    assert splitter.pieces("unq x") == ["[UNK]", "x"]  # one bad part spoils the word
    assert splitter.encode("unaffable q") == [5, 4, 0]
    assert WordPiece({"[UNK]": 0, "x": 1, "##x": 2}, max_word_length=3).pieces("xxx xxxx") == [
        *("x", "##x", "##x"),
        "[UNK]",
    ]


def test_vocabulary_without_its_unknown_is_refused():
    with pytest.raises(ValueError, match=r"the vocabulary should hold '\[UNK\]', for words that"):
        WordPiece({"a": 0})
    assert WordPiece({"a": 0, "<unk>": 1}, unknown="<unk>").pieces("b") == ["<unk>"]


# --- byte-pair encoding ---


@pytest.fixture(scope="module")
def word_counts():
    words = re.findall(r"[a-z]+", " ".join(descriptions()).lower())
    return Counter(words)


@pytest.fixture(scope="module")
def trained(word_counts):
    """tokenizers' own trainer, on the same words, with 200 merges."""
    alphabet = {char for word in word_counts for char in word}
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=len(alphabet) + 200, show_progress=False)
    words = [word for word, count in word_counts.items() for _ in range(count)]
    tokenizer.train_from_iterator([" ".join(words)], trainer)
    return tokenizer


def merges_of(tokenizer):
    import json

    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


def test_learnt_merges_equal_the_published_trainers(word_counts, trained):
    wanted = merges_of(trained)
    assert len(wanted) == 200
    assert learn_merges(word_counts, 200) == wanted


def test_split_words_equal_the_published_bpes(word_counts, trained):
    ours = BytePair(merges_of(trained))
    for word in [*word_counts, "aaaaaaa", "ininininin", "x", "transformertransformer"]:
        assert ours.split(word) == trained.encode(word).tokens, word


def test_merges_by_hand():
    """Pairs of low x5, lower x2, newest x6, widest x3: es and st 9 times, then est 9 times."""
    counts = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    merges = learn_merges(counts, 3)
    assert merges == [("e", "s"), ("es", "t"), ("l", "o")]
    assert BytePair(merges).split("lowest") == ["lo", "w", "est"]
    assert BytePair(merges).split("") == []
    assert learn_merges({"ab": 1}, 5) == [("a", "b")]  # nothing is left to join
    assert learn_merges({}, 5) == []
    assert counts == {"low": 5, "lower": 2, "newest": 6, "widest": 3}


def test_symbols_joined_again_give_the_word(word_counts):
    splitter = BytePair(
        learn_merges({word: word_counts[word] for word in list(word_counts)[:99]}, 50)
    )
    for word in word_counts:
        assert "".join(splitter.split(word)) == word


# --- vocabulary and padding ---


def test_vocabulary_comes_back_from_its_ids():
    letters = Vocabulary("the quick brown fox")
    assert letters.symbols[:4] == ["<pad>", "<start>", "<end>", "<unknown>"]
    assert letters.symbols[4:] == sorted(set("the quick brown fox"))
    assert len(letters) == 4 + 16
    ids = letters.encode("the fox")
    assert letters.decode(ids) == "the fox"
    assert letters.decode(torch.tensor([1, *ids, 2, 0, 0])) == "the fox"
    assert letters.encode("z") == [letters.id_of["<unknown>"]] == [3]


def test_vocabulary_of_words_with_its_own_specials():
    words = Vocabulary(["b", "a", "b", "<x>"], special=("<x>",))
    assert words.symbols == ["<x>", "a", "b"]
    assert words.encode(["b", "<x>"]) == [2, 0]
    with pytest.raises(KeyError, match="'c' is not in the vocabulary, and neither is '<unknown>'"):
        words.encode("abc")


def test_texts_are_taken_from_whatever_holds_them():
    texts = ["It rains.", "", "déjà vu \U0001f600"]
    assert require_texts(tuple(texts)) == require_texts(iter(texts)) == texts
    assert require_texts(numpy.array(texts)) == texts


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, r"texts\[1\] should be a string, not NoneType: None"),
        (float("nan"), r"texts\[1\] should be a string, not float: nan"),
        (("a", "b"), r"texts\[1\] should be a string, not tuple"),
        (b"bytes", r"texts\[1\] should be a string, not bytes"),
    ],
)
def test_what_is_no_text_is_named_by_its_place(bad, message):
    with pytest.raises(TypeError, match=message):
        require_texts(["fine", bad])


def test_one_text_is_no_list_of_texts_and_half_a_character_is_none():
    for one in ("good", b"good"):
        with pytest.raises(TypeError, match="expected a list of texts, got one string"):
            require_texts(one)
    with pytest.raises(ValueError, match=r"texts\[1\] holds half a character, .* at its place 2"):
        require_texts(["fine", "ab\ud83d"])
