"""Texts to vectors: in order, hardly padded, kept, and resumed after an interruption."""

import doctest

import pytest
import torch

from lessons_lib.base.files import NoFolderError
from lessons_lib.data.batches import by_tokens, pad
from lessons_lib.data.reviews import load_domain
from lessons_lib.model import encode, encode_cache
from lessons_lib.model.attention import padding_mask
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.encode import encode_texts, tokenize
from lessons_lib.model.layers import Config
from lessons_lib.model.pretrained import load_encoder, load_tokenizer

TEXTS = [snippet.text for snippet in load_domain("tweets")[:60]] + ["", "word " * 700]


@pytest.fixture(scope="module")
def encoder():
    return load_encoder()


@pytest.fixture
def small():
    """Quick, with random weights, for the same tokens."""
    torch.manual_seed(0)
    config = Config(d_model=8, num_heads=2, num_layers=1, d_ff=8, pre_norm=False)
    return BertEncoder(config, vocab_size=30_522).eval()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(encode_cache, "cache_folder", lambda: tmp_path)
    return tmp_path / "features"


class Counted(torch.nn.Module):
    """An encoder that counts the texts it sees, and stops when told to."""

    def __init__(self, encoder, stop_after=None):
        super().__init__()
        self.encoder, self.config, self.norm = encoder, encoder.config, encoder.norm
        self.layers, self.seen, self.stop_after = encoder.layers, 0, stop_after

    def __getstate__(self):
        return self.encoder  # the counting decides no vector

    def forward(self, ids, mask):
        if self.stop_after is not None and self.seen >= self.stop_after:
            raise KeyboardInterrupt
        self.seen += len(ids)
        return self.encoder(ids, mask)


def test_each_vector_is_that_of_the_text_alone(encoder):
    found = encode_texts(TEXTS, encoder, cache=False)
    assert found.shape == (62, 384) and found.dtype == torch.float32
    with torch.inference_mode():
        for row in (0, 7, 31, 60, 61):
            alone = encoder(torch.tensor(tokenize([TEXTS[row]]))).mean(dim=1)[0]
            torch.testing.assert_close(found[row], alone, rtol=0, atol=1e-5)


def test_texts_are_cut_at_512_tokens_and_an_empty_one_has_two():
    ids = tokenize(TEXTS)
    assert [len(ids[-2]), len(ids[-1])] == [2, 512]
    assert ids[-2] == [101, 102] and ids[-1][-1] == 102


def test_one_string_is_not_taken_for_a_list_of_letters():
    for take in (tokenize, encode_texts):
        with pytest.raises(TypeError, match="a list of texts, got one string: 'Hello'"):
            take("Hello")


def test_no_text_gives_no_vector(small):
    assert encode_texts([], small).shape == (0, 8)


def test_little_is_computed_for_padding():
    lengths = [len(ids) for ids in tokenize([s.text for s in load_domain("tweets")])]
    padded = sum(len(batch) * max(lengths[p] for p in batch) for batch in by_tokens(lengths))
    assert padded / sum(lengths) < 1.01


def test_texts_of_one_length_need_no_mask(small):
    masks = []

    def pool(hidden, mask):
        masks.append(mask)
        return mean_pool(hidden, mask)

    encode_texts(["one two", "two one"] * 200 + ["one"], small, pool, cache=False)
    assert [mask is None for mask in masks] == [True, True]


def test_another_pool_is_used(small):
    found = encode_texts(TEXTS, small, lambda hidden, mask: hidden[:, 0], cache=False)
    ids, lengths = pad(tokenize(TEXTS))
    with torch.inference_mode():
        wanted = small(ids, padding_mask(lengths, ids.size(1)))[:, 0]
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_a_second_call_computes_nothing(small, own_cache):
    counted = Counted(small)
    first = encode_texts(TEXTS, counted)
    assert counted.seen == len(TEXTS) and len(list(own_cache.iterdir())) == 1
    assert torch.equal(encode_texts(TEXTS, counted), first)
    assert counted.seen == len(TEXTS)


@pytest.mark.parametrize("after", [1, 30])
def test_an_interrupted_run_goes_on_where_it_was(small, own_cache, after):
    wanted = encode_texts(TEXTS, small, cache=False)
    broken = Counted(small, stop_after=after)
    with pytest.raises(KeyboardInterrupt):
        encode_texts(TEXTS, broken)
    assert [path.suffix for path in own_cache.iterdir()] == [".draft"]
    again = Counted(small)
    assert torch.equal(encode_texts(TEXTS, again), wanted)
    assert broken.seen + again.seen == len(TEXTS)
    assert [path.suffix for path in own_cache.iterdir()] == [".safetensors"]


def test_a_damaged_file_is_computed_anew(small, own_cache):
    first = encode_texts(TEXTS, small)
    (path,) = own_cache.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    assert torch.equal(encode_texts(TEXTS, small), first)


def moved(small, change):
    with torch.no_grad():
        change(small)
    return encode_texts(TEXTS, Counted(small))


def swap_query_and_key(attention):
    query, key = attention.project_query.weight, attention.project_key.weight
    old = query.clone()
    query.copy_(key)
    key.copy_(old)


CHANGES = {
    "a transposed weight": lambda e: e.layers[0].attention.project_out.weight.copy_(
        e.layers[0].attention.project_out.weight.T.clone()
    ),
    "query and key swapped": lambda e: swap_query_and_key(e.layers[0].attention),
    "one number": lambda e: e.norm.bias[0].add_(1e-3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_weights_are_not_taken_for_the_same(small, own_cache, change):
    encode_texts(TEXTS, small)
    moved(small, CHANGES[change])
    assert len(list(own_cache.iterdir())) == 2


def test_other_texts_settings_functions_and_precision_are_kept_apart(small, own_cache):
    for arguments in (
        (TEXTS, small),
        (TEXTS[::-1], small),
        (TEXTS, small, lambda hidden, mask: hidden[:, 0]),
        (TEXTS, small, lambda hidden, mask: hidden[:, 1]),
    ):
        encode_texts(*arguments)
    encode_texts(TEXTS, small, dtype=torch.bfloat16)
    small.config = Config(**vars(small.config) | {"norm_eps": 1e-3})
    encode_texts(TEXTS, small)
    assert len(list(own_cache.iterdir())) == 6


def test_bfloat16_is_near_and_comes_back_as_float32(encoder):
    exact = encode_texts(TEXTS[:20], encoder, cache=False)
    found = encode_texts(TEXTS[:20], encoder, cache=False, dtype=torch.bfloat16)
    assert found.dtype == torch.float32 and not torch.equal(found, exact)
    assert torch.cosine_similarity(found, exact).min() > 0.999
    assert encoder.norm.weight.dtype == torch.float32


def test_dropout_is_off_and_the_mode_comes_back(small):
    torch.manual_seed(0)
    config = Config(d_model=8, num_heads=2, num_layers=1, d_ff=8, pre_norm=False, dropout_p=0.5)
    training = BertEncoder(config, vocab_size=30_522).train()
    one, two = (encode_texts(TEXTS, training, cache=False) for _ in range(2))
    assert torch.equal(one, two) and training.training


def test_another_tokenizer_is_used_as_given(small):
    other = load_tokenizer()
    other.add_special_tokens(["<smile>"])
    small = BertEncoder(small.config, vocab_size=30_523).eval()
    one, two = (encode_texts(["<smile>"], small, cache=False, tokenizer=t) for t in (other, None))
    assert not torch.allclose(one, two)


def test_two_poolings_that_capture_another_value_are_kept_apart(small):
    def pooling(factor):
        return lambda hidden, mask: hidden[:, 0] * factor

    one, hundred = (encode_texts(TEXTS, small, pooling(factor)) for factor in (1, 100))
    torch.testing.assert_close(hundred, 100 * one)


def test_attention_in_any_layer_is_in_the_key(own_cache):
    torch.manual_seed(0)
    config = Config(d_model=8, num_heads=2, num_layers=2, d_ff=8, pre_norm=False)
    encoder = BertEncoder(config, vocab_size=30_522).eval()
    before = encode_texts(TEXTS, encoder)
    encoder.layers[1].attention.attention = lambda query, key, value, mask: (value * 0, None)
    assert not torch.allclose(encode_texts(TEXTS, encoder), before)


def test_a_tokenizers_own_settings_play_no_part_and_stay():
    padding = load_tokenizer(as_published=True)
    settings = padding.padding, padding.truncation
    assert settings[0]["length"] == 128
    assert tokenize(["Rain.", "word " * 700], padding) == tokenize(["Rain.", "word " * 700])
    assert (padding.padding, padding.truncation) == settings
    free = load_tokenizer()
    tokenize(["Rain."], free)
    assert free.truncation is None and free.padding is None


@pytest.mark.parametrize("bad", [None, float("nan"), ("a", "pair"), 3])
def test_what_is_no_text_is_named_by_its_place(small, bad):
    for take in (tokenize, lambda texts: encode_texts(texts, small)):
        with pytest.raises(TypeError, match=r"texts\[1\] should be a string, not "):
            take(["fine", bad])


def test_half_a_character_is_named_by_its_place():
    with pytest.raises(ValueError, match=r"texts\[1\] holds half a character, '.ud800' at its"):
        tokenize(["fine \u00e9", "a\ud800"])


def test_vectors_come_where_nothing_can_be_kept(small, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setattr(encode_cache, "cache_folder", lambda: tmp_path / "file")
    with pytest.warns(UserWarning, match="not kept"):
        found = encode_texts(TEXTS, small)
    assert torch.equal(found, encode_texts(TEXTS, small, cache=False))


def test_vectors_come_where_no_folder_is_known(small, monkeypatch):
    def homeless():
        raise NoFolderError("there is no home folder")

    monkeypatch.setattr(encode_cache, "cache_folder", homeless)
    with pytest.warns(UserWarning, match="not kept for the next time: there is no home folder"):
        assert encode_texts(TEXTS, small).shape == (62, 8)


def test_a_bar_is_shown_once_it_takes_long(small, capsys, monkeypatch):
    encode_texts(TEXTS, small, cache=False)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("lessons_lib.base.progress.SILENT_SECONDS", 0.0)
    monkeypatch.setattr("lessons_lib.base.progress.is_watched", lambda: True)
    encode_texts(TEXTS, small, cache=False)
    assert "/62 " in capsys.readouterr().err


def test_examples_in_the_docstrings_run():
    result = doctest.testmod(encode)
    assert result.failed == 0 and result.attempted > 0
