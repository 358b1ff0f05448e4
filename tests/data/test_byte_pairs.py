"""Byte-level encoding beside the library `tokenizers`, on small vocabularies and odd texts."""

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from lessons_lib.data.byte_pairs import ByteLevelBytePair, byte_letters

MERGES = [("Ġ", "t"), ("h", "e"), ("Ġt", "he"), ("Ã", "©"), ("1", "2"), ("'", "s"), ("Ċ", "Ċ")]
PIECES = ["<end>", *byte_letters().values(), *("".join(pair) for pair in MERGES)]
TEXTS = [
    *("", " ", "the the", "It's the  theft of 1234 cafés.\n\n", "naïve 注意 🙂‍↔️ ½ ٣", "\t\r\n x"),
    *("a<end>b <end>", "I'll we've HE'S 'tis", "x" * 300, "\u00a0\u2003the", "​é́"),
]


def ours(**options):
    return ByteLevelBytePair(PIECES, MERGES, special=["<end>"], **options)


def theirs(split_digits=True):
    library = Tokenizer(models.BPE({p: n for n, p in enumerate(PIECES)}, MERGES))
    cuts = [pre_tokenizers.ByteLevel(add_prefix_space=False)]
    if split_digits:
        cuts.insert(0, pre_tokenizers.Digits(individual_digits=True))
    library.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens(["<end>"])
    return library


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("split_digits", [True, False])
def test_ids_are_the_librarys(text, split_digits):
    assert ours(split_digits=split_digits).encode(text) == theirs(split_digits).encode(text).ids


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back(text):
    tokenizer = ours()
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_part_of_a_character_becomes_a_sign():
    tokenizer = ours()
    assert tokenizer.decode(tokenizer.encode("注")[:2]) == "\ufffd"


def test_byte_without_a_piece_needs_unknown():
    pieces = [piece for piece in PIECES if piece != "a"]
    with pytest.raises(ValueError, match=r"or `unknown`; not there: \['a'\]"):
        ByteLevelBytePair(pieces, MERGES)
    tokenizer = ByteLevelBytePair(pieces, MERGES, unknown="<end>")
    assert tokenizer.encode("a") == [0]
    assert len(tokenizer) == len(PIECES) - 1
