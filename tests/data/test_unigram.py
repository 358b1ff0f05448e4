"""Pieces of a unigram tokenizer beside the library `tokenizers`, and beside all ways there are."""

import random
from itertools import combinations, pairwise

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from lessons_lib.data.intents import languages, load_sayings
from lessons_lib.data.unigram import SPACE, Unigram
from lessons_lib.model.e5 import load_multilingual_tokenizer

TEN_SCRIPTS = ("en", "ru", "el", "he", "ar", "hi", "ta", "th", "ka", "ko", "zh-CN", "ml")


def library_tokenizer(ours: Unigram) -> Tokenizer:
    """The library's, of the same pieces; NFKC does what the file's own table does to real texts."""
    pairs = list(zip(ours.pieces, ours.scores, strict=True))
    theirs = Tokenizer(models.Unigram(pairs, unk_id=ours.unknown))
    spaces = normalizers.Replace(Regex(r"[\u200b-\u200f ]+"), " ")
    theirs.normalizer = normalizers.Sequence([spaces, normalizers.NFKC()])
    theirs.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    return theirs


def test_real_sentences_of_twelve_scripts_are_cut_as_the_library_cuts_them():
    ours = load_multilingual_tokenizer()
    theirs = library_tokenizer(ours)
    texts = [one.text for name in TEN_SCRIPTS for one in load_sayings(name)["test"][:60]]
    assert set(TEN_SCRIPTS) <= set(languages()) and len(texts) > 500
    for text, wanted in zip(texts, theirs.encode_batch(texts), strict=True):
        assert ours.encode(text)[1:-1] == wanted.ids, text


def test_pieces_are_the_best_of_all_ways_to_cut():
    pieces = ["<s>", "</s>", "<unk>", SPACE, *"abc", "ab", "bc", "ca", "abc", SPACE + "a"]
    rng = random.Random(0)
    scores = [0.0, 0.0, 0.0, *(-rng.uniform(1, 9) for _ in pieces[3:])]
    ours = Unigram(pieces, scores)
    known = dict(zip(pieces[3:], scores[3:], strict=True))
    for _ in range(50):
        word = SPACE + "".join(rng.choices("abc", k=rng.randint(1, 7)))
        best = max(_ways(word, known))
        found = ours.pieces_of(word[1:])
        assert "".join(found) == word
        assert sum(known[piece] for piece in found) == pytest.approx(best)


def _ways(word, known):
    """The sum of every way to cut a word into known pieces."""
    for count in range(len(word)):
        for cuts in combinations(range(1, len(word)), count):
            edges = [0, *cuts, len(word)]
            parts = [word[a:b] for a, b in pairwise(edges)]
            if all(part in known for part in parts):
                yield sum(known[part] for part in parts)


def test_unknown_characters_in_a_row_are_one_piece():
    ours = Unigram(["<s>", "</s>", "<unk>", SPACE, "a"], [0, 0, 0, -1, -2])
    assert ours.pieces_of("axyza") == [SPACE, "a", "<unk>", "a"]
    assert ours.encode("") == [0, 3, 1]


def test_replaced_characters_and_spaces():
    ours = Unigram(["<s>", "</s>", "<unk>", SPACE], [0, 0, 0, -1], replaced={"\t": " ", "ﬁ": "fi"})
    assert ours.normalise("a\t b ﬁ") == "▁a▁b▁fi"


def test_a_score_for_each_piece():
    with pytest.raises(ValueError, match="a score for each of 2 pieces, got 1"):
        Unigram(["<s>", "a"], [0.0])
