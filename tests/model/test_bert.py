"""The published encoder in the course's classes is the reference library's, layer by layer."""

import doctest
import itertools

import pytest
import torch
from transformers import BertConfig, BertModel

from lessons_lib.data.batches import pad
from lessons_lib.data.reviews import DOMAINS, load_domain
from lessons_lib.data.tokens import WordPiece
from lessons_lib.model import bert
from lessons_lib.model.attention import padding_mask, scaled_dot_product_attention
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.encode import tokenize
from lessons_lib.model.layers import Config
from lessons_lib.model.pretrained import (
    load_config,
    load_encoder,
    load_tensors,
    load_tokenizer,
)

TEXTS_A_DOMAIN = 60


@pytest.fixture(scope="module")
def encoder():
    return load_encoder()


@pytest.fixture(scope="module")
def reference():
    settings = {k: v for k, v in load_config().items() if not k.startswith(("_", "transformers"))}
    model = BertModel(BertConfig(**settings), add_pooling_layer=False)
    missing, _ = model.load_state_dict(load_tensors(), strict=False)
    assert missing == []
    return model.eval()


@pytest.fixture(scope="module")
def batches():
    """Ids (B, L) and lengths (B,): 240 real texts in padded batches, then lengths up to 512."""
    texts = [snippet.text for domain in DOMAINS for snippet in load_domain(domain)[:TEXTS_A_DOMAIN]]
    real = tokenize(texts)
    long = [word for ids in real for word in ids][:512]
    cut = [long[:length] for length in (1, 2, 3, 50, 511, 512)]
    return [pad(real[start : start + 40]) for start in range(0, len(real), 40)] + [pad(cut)]


def gap(ours, theirs, lengths):
    """The largest difference at real tokens."""
    real = padding_mask(lengths, ours.size(1)).squeeze(1)
    return (ours - theirs)[real].abs().max().item()


def both(encoder, reference, ids, lengths):
    mask = padding_mask(lengths, ids.size(1))
    theirs = reference(ids, attention_mask=mask.squeeze(1).long(), output_hidden_states=True)
    return encoder.hidden_states(ids, mask), theirs.hidden_states


def test_all_hidden_states_of_real_texts_equal_the_reference_librarys(encoder, reference, batches):
    with torch.inference_mode():
        for ids, lengths in batches:
            ours, theirs = both(encoder, reference, ids, lengths)
            assert len(ours) == len(theirs) == 7
            gaps = [gap(*pair, lengths) for pair in zip(ours, theirs, strict=True)]
            assert max(gaps) < 1e-5, gaps
    assert sum(len(ids) for ids, _ in batches) >= 4 * TEXTS_A_DOMAIN


def test_what_stands_behind_the_padding_changes_nothing(encoder, batches):
    ids, lengths = batches[0]
    mask = padding_mask(lengths, ids.size(1))
    other = ids.masked_fill(~mask.squeeze(1), 2307)
    with torch.inference_mode():
        assert gap(encoder(ids, mask), encoder(other, mask), lengths) == 0


def test_a_text_alone_gives_what_it_gives_in_a_batch(encoder, batches):
    ids, lengths = batches[0]
    with torch.inference_mode():
        together = encoder(ids, padding_mask(lengths, ids.size(1)))
        for row in range(3):
            alone = encoder(ids[row : row + 1, : lengths[row]])[0]
            assert (together[row, : lengths[row]] - alone).abs().max() < 1e-5


def test_gradients_of_every_weight_equal_the_reference_librarys(batches, reference):
    ids, lengths = batches[0]
    mask = padding_mask(lengths, ids.size(1))
    encoder = load_encoder()
    mean_pool(encoder(ids, mask), mask).square().sum().backward()
    hidden = reference(ids, attention_mask=mask.squeeze(1).long()).last_hidden_state
    mean_pool(hidden, mask).square().sum().backward()
    theirs = {name: p.grad for name, p in reference.named_parameters()}
    ours = {name: p.grad for name, p in encoder.named_parameters()}
    pairs = [
        (ours["tokens.weight"], theirs["embeddings.word_embeddings.weight"]),
        (ours["places.weight"], theirs["embeddings.position_embeddings.weight"]),
    ]
    for number in range(6):
        start = f"encoder.layer.{number}."
        for role in ("query", "key", "value"):
            mine = ours[f"layers.{number}.attention.project_{role}.weight"]
            pairs += [(mine, theirs[f"{start}attention.self.{role}.weight"])]
        pairs += [
            (
                ours[f"layers.{number}.feed_forward.0.weight"],
                theirs[f"{start}intermediate.dense.weight"],
            ),
            (
                ours[f"layers.{number}.feed_forward_residual.norm.bias"],
                theirs[f"{start}output.LayerNorm.bias"],
            ),
        ]
    for mine, other in pairs:
        assert (mine - other).abs().max() < 1e-4 * other.abs().max()
    reference.zero_grad(set_to_none=True)


def test_a_plugged_in_attention_gives_the_same(encoder, batches):
    ids, lengths = batches[0]
    mask = padding_mask(lengths, ids.size(1))
    calls = []

    def counted(*args, **kwargs):
        calls.append(1)
        return scaled_dot_product_attention(*args, **kwargs)

    with torch.inference_mode():
        found = load_encoder(attention=counted)(ids, mask)
        assert gap(found, encoder(ids, mask), lengths) < 1e-5
    assert len(calls) == 6


def test_sentence_vectors_equal_those_of_sentence_transformers(encoder, tmp_path):
    library = pytest.importorskip("sentence_transformers")
    modules = pytest.importorskip("sentence_transformers.models")
    from lessons_lib.model.encode import encode_texts
    from lessons_lib.model.pretrained import _path

    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / name).symlink_to(_path("all-MiniLM-L6-v2", name))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizerFast"}')
    parts = [modules.Transformer(str(tmp_path), max_seq_length=512), modules.Pooling(384)]
    theirs = library.SentenceTransformer(modules=[*parts, modules.Normalize()], device="cpu")
    texts = [snippet.text for domain in DOMAINS for snippet in load_domain(domain)[:15]]
    texts += ["", "word " * 400]
    ours = torch.nn.functional.normalize(encode_texts(texts, encoder, cache=False), dim=-1)
    assert (ours - theirs.encode(texts, convert_to_tensor=True)).abs().max() < 1e-5


def test_word_pieces_of_all_snippets_equal_those_of_the_published_tokenizer():
    tokenizer = load_tokenizer()
    ours, count = WordPiece(tokenizer.get_vocab()), 0
    for domain in DOMAINS:
        texts = [snippet.text for snippet in load_domain(domain)]
        theirs = tokenizer.encode_batch(texts, add_special_tokens=False)
        wrong = [t for t, e in zip(texts, theirs, strict=True) if ours.encode(t) != e.ids]
        assert wrong == []
        count += len(texts)
    assert count == 23_703


# --- by hand ------------------------------------------------------------------------------------


def tiny(num_types=2):
    torch.manual_seed(0)
    config = Config(d_model=4, num_heads=2, num_layers=2, d_ff=6, pre_norm=False, max_len=5)
    return BertEncoder(config, vocab_size=7, num_types=num_types).eval()


def test_embedding_is_the_sum_of_three_rows_normalised():
    encoder = tiny()
    found = encoder.embed(torch.tensor([[6, 2]]))
    for place, token in enumerate((6, 2)):
        row = encoder.tokens.weight[token] + encoder.places.weight[place] + encoder.types.weight[0]
        wanted = (row - row.mean()) / row.var(correction=0).add(1e-5).sqrt()
        torch.testing.assert_close(found[0, place], wanted, rtol=0, atol=1e-6)


def test_without_types_there_are_no_type_vectors():
    encoder = tiny(num_types=0)
    assert "types.weight" not in encoder.state_dict()
    assert encoder(torch.tensor([[1]])).shape == (1, 1, 4)


def test_last_hidden_state_is_the_output():
    encoder, ids = tiny(), torch.tensor([[1, 2, 3]])
    states = encoder.hidden_states(ids)
    assert len(states) == 3
    torch.testing.assert_close(states[-1], encoder(ids), rtol=0, atol=0)


def test_more_tokens_than_positions_are_refused(encoder):
    with pytest.raises(ValueError, match="at most 512 tokens have a position; got 513"):
        encoder(torch.full((1, 513), 7))
    assert encoder(torch.full((1, 512), 7)).shape == (1, 512, 384)


@pytest.mark.parametrize("token", [-1, 7])
def test_ids_outside_the_vocabulary_are_refused(token):
    with pytest.raises(IndexError, match=f"from 0 to 6, the vocabulary; got .*{token}"):
        tiny()(torch.tensor([[0, token]]))


def test_mean_pool_is_the_mean_of_the_real_tokens():
    torch.manual_seed(1)
    hidden, lengths = torch.randn(3, 5, 4), torch.tensor([5, 1, 3])
    found = mean_pool(hidden, padding_mask(lengths, 5))
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(found[row], hidden[row, :length].mean(dim=0))
    torch.testing.assert_close(mean_pool(hidden), hidden.mean(dim=1))


def test_mean_pool_of_no_token_is_zero():
    found = mean_pool(torch.ones(1, 2, 3), torch.zeros(1, 1, 2, dtype=torch.bool))
    assert found.tolist() == [[0.0, 0.0, 0.0]]


def test_padding_takes_no_part_in_the_mean():
    hidden = torch.randn(2, 4, 3)
    mask = padding_mask(torch.tensor([2, 4]), 4)
    other = hidden.clone()
    other[0, 2:] = 99.0
    for one, two in itertools.pairwise([mean_pool(hidden, mask), mean_pool(other, mask)]):
        assert torch.equal(one, two)


@pytest.mark.parametrize("shape", [(3,), (1, 1, 3), ()], ids=str)
def test_ids_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"ids should be \(B, L\), not "):
        tiny()(torch.ones(shape, dtype=torch.long))


@pytest.mark.parametrize("filling", [torch.inf, -torch.inf, torch.nan])
def test_what_stands_at_padded_places_plays_no_part_in_the_mean(filling):
    hidden = torch.tensor([[[1.0, 4.0], [3.0, 0.0], [filling, filling]]])
    mask = torch.tensor([[[True, True, False]]])
    assert mean_pool(hidden, mask).tolist() == [[2.0, 2.0]]
    assert mean_pool(hidden, torch.zeros_like(mask)).tolist() == [[0.0, 0.0]]


def test_texts_without_a_place_for_tokens_get_zeros():
    empty = torch.zeros(2, 0, 3)
    assert torch.equal(mean_pool(empty), torch.zeros(2, 3))
    assert torch.equal(mean_pool(empty, torch.zeros(2, 1, 0, dtype=torch.bool)), torch.zeros(2, 3))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (1, 1, 3)], ids=str)
def test_a_mask_of_another_shape_does_not_broadcast_in_the_mean(shape):
    with pytest.raises(ValueError, match=r"mask should be \(B, 1, L\) = \(2, 1, 3\), not "):
        mean_pool(torch.ones(2, 3, 4), torch.ones(shape, dtype=torch.bool))


def test_examples_in_the_docstrings_run():
    result = doctest.testmod(bert)
    assert result.failed == 0 and result.attempted > 0
