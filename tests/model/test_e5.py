"""The multilingual encoder: its file, and the same vectors as the reference library gives."""

import gguf
import numpy as np
import pytest
import torch

from lessons_lib.data.batches import rectangle
from lessons_lib.data.intents import load_sayings
from lessons_lib.model.bert import mean_pool
from lessons_lib.model.e5 import (
    load_multilingual_encoder,
    load_multilingual_tokenizer,
    multilingual_states,
    open_multilingual,
)
from lessons_lib.model.e5_file import E5File, e5_names
from lessons_lib.model.encode import tokenize


@pytest.fixture(scope="module")
def encoder():
    return load_multilingual_encoder()


def test_tensors_are_those_that_the_package_unpacks():
    file = open_multilingual()
    stored = np.array(file.bytes_of("l3.fi.w"))
    theirs = gguf.quants.dequantize(stored, gguf.GGMLQuantizationType.Q4_0)
    np.testing.assert_allclose(file.tensor("l3.fi.w").numpy(), theirs, atol=1e-6)
    assert set(file.stored) == set(e5_names(12))


def test_sizes_and_pieces_are_the_published_ones():
    file = open_multilingual()
    assert file.sizes == {
        "d_model": 384,
        "layers": 12,
        "heads": 12,
        "d_ff": 1536,
        "vocabulary": 250_037,
        "positions": 512,
        "types": 2,
    }
    assert len(file.pieces) == len(file.scores) == 250_002
    assert file.special == {"start": 0, "end": 2, "padding": 1, "unknown": 3}


def test_vectors_are_the_reference_librarys(encoder):
    reference = reference_of(encoder)
    texts = ["query: x", *(load_sayings(name)["test"][5].text for name in ("de", "ru", "th", "ar"))]
    ids = tokenize(texts, load_multilingual_tokenizer())
    x, mask = rectangle(ids)
    with torch.inference_mode():
        theirs = reference(x, attention_mask=mask[:, 0].long()).last_hidden_state
        ours = encoder(x, mask)
        assert (ours - theirs)[mask[:, 0]].abs().max() < 1e-4
        pooled = multilingual_states(texts[1:], encoder, cache=False)
        asked = tokenize([f"query: {text}" for text in texts[1:]], load_multilingual_tokenizer())
        x, mask = rectangle(asked)
        hidden = reference(x, attention_mask=mask[:, 0].long()).last_hidden_state
        assert torch.allclose(pooled, mean_pool(hidden, mask), atol=1e-4)


def reference_of(encoder):
    """`transformers`' BertModel with the same weights."""
    from transformers import BertConfig, BertModel

    sizes = encoder.config
    settings = BertConfig(
        vocab_size=encoder.tokens.num_embeddings,
        hidden_size=sizes.d_model,
        num_hidden_layers=sizes.num_layers,
        num_attention_heads=sizes.num_heads,
        intermediate_size=sizes.d_ff,
        max_position_embeddings=sizes.max_len,
        type_vocab_size=2,
        layer_norm_eps=sizes.norm_eps,
    )
    reference = BertModel(settings, add_pooling_layer=False).eval()
    ours = encoder.state_dict()
    reference.load_state_dict(
        {name: ours[_our_name(name)] for name in reference.state_dict()}, strict=True
    )
    return reference


def _our_name(theirs: str) -> str:
    from lessons_lib.model.checkpoint import Published, name_table
    from lessons_lib.model.layers import Config

    return name_table(Published(Config(num_layers=12), "bert", 9, 2))[theirs]


def test_translations_are_nearer_than_other_sentences(encoder):
    texts = ["Turn off the light", "Schalte das Licht aus", "关掉灯", "What will the weather be?"]
    vectors = torch.nn.functional.normalize(multilingual_states(texts, encoder, cache=False), dim=1)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > likeness[0, 3] and likeness[0, 2] > likeness[0, 3]


def test_another_file_and_a_cut_one_are_refused(tmp_path):
    other = tmp_path / "other.bin"
    other.write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ValueError, match=r"should begin with b'E5S1', not b'GGUF'"):
        E5File(other)
    other.write_bytes(b"E5S1" + bytes(20))
    with pytest.raises(ValueError, match="cut off or damaged"):
        E5File(other)


def test_long_text_is_cut_and_keeps_its_end():
    (ids,) = tokenize(["light " * 600], load_multilingual_tokenizer())
    assert len(ids) == 512 and ids[0] == 0 and ids[-1] == 2
