"""Fewer pieces: what is kept reads as before, what is not is put together from shorter ones."""

import json

import pytest
import torch

from lessons_lib.data.tokens import WordPiece
from lessons_lib.model.encode import tokenize
from lessons_lib.model.pretrained import load_encoder, load_tokenizer
from lessons_lib.transfer.students.trimmed_vocabulary import (
    pieces_to_keep,
    trimmed,
    trimmed_tokenizer,
)

TEXTS = ["A good film, a really good one.", "Unbelievable plot twists and naïve acting.", "¡Olé!"]
PIECES = pieces_to_keep(TEXTS, load_tokenizer(), 300)
SMALL = trimmed_tokenizer(load_tokenizer(), PIECES)


def read(tokenizer, text: str) -> list[str]:
    return [tokenizer.id_to_token(number) for number in tokenize([text], tokenizer)[0]]


def test_there_are_so_many_and_the_special_ones_come_first():
    assert len(PIECES) == len(set(PIECES)) == 300
    assert PIECES[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert {"good", "film", "a", "##z", "7", "!"} <= set(PIECES)


def test_the_texts_that_it_was_made_for_read_as_before():
    for text in TEXTS:
        assert read(SMALL, text) == read(load_tokenizer(), text)


def test_a_strange_word_falls_back_on_shorter_pieces_and_is_never_unknown():
    text = "Overwhelmingly mediocre cinematography, 1999."
    found = read(SMALL, text)
    assert "[UNK]" not in found
    assert len(found) > len(read(load_tokenizer(), text))
    spelt = "".join(piece.removeprefix("##") for piece in found[1:-1])
    assert spelt == text.lower().replace(" ", "")


def test_it_reads_as_our_own_wordpiece_does_with_these_pieces():
    own = WordPiece({piece: number for number, piece in enumerate(PIECES)})
    for text in (*TEXTS, "Overwhelmingly mediocre, isn't it?", "zzyzx 42"):
        assert tokenize([text], SMALL)[0][1:-1] == own.encode(text)


def test_numbers_are_those_of_the_pieces_order_everywhere():
    numbers = tokenize(["good"], SMALL)[0]
    assert numbers == [2, PIECES.index("good"), 3]
    settings = json.loads(SMALL.to_str())
    assert {one["content"]: one["id"] for one in settings["added_tokens"]}["[MASK]"] == 4


def test_a_trimmed_encoder_reads_what_is_kept_as_before():
    encoder = load_encoder()
    small = trimmed(encoder, load_tokenizer(), PIECES, max_len=64)
    assert small.tokens.weight.shape == (300, 384) and small.places.num_embeddings == 64
    assert small.tokens.weight.requires_grad
    ids, own = (torch.tensor(tokenize(TEXTS[:1], t)) for t in (load_tokenizer(), SMALL))
    with torch.no_grad():
        assert torch.allclose(small(own), encoder(ids), atol=1e-5)
    assert encoder.tokens.num_embeddings == 30522


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"count should be from \d+ to 29528, not 3"):
        pieces_to_keep(TEXTS, load_tokenizer(), 3)
    with pytest.raises(ValueError, match=r"special tokens \['\[PAD\]'\] have to stay"):
        trimmed_tokenizer(load_tokenizer(), PIECES[1:])
    with pytest.raises(ValueError, match=r"\['qqq'\] are no pieces of this tokenizer"):
        trimmed_tokenizer(load_tokenizer(), [*PIECES, "qqq"])
