"""The multilingual encoder: its file, and the same vectors as the reference library gives."""

import pytest
import torch

from lessons_lib.data.batches import rectangle
from lessons_lib.data.intents import load_sayings
from lessons_lib.model.bert import mean_pool
from lessons_lib.model.e5 import (
    load_multilingual_encoder,
    load_multilingual_tokenizer,
    multilingual_states,
)
from lessons_lib.model.encode import tokenize


@pytest.fixture(scope="module")
def encoder():
    return load_multilingual_encoder()


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


def test_long_text_is_cut_and_keeps_its_end():
    (ids,) = tokenize(["light " * 600], load_multilingual_tokenizer())
    assert len(ids) == 512 and ids[0] == 0 and ids[-1] == 2
