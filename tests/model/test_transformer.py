"""Whole models: against torch's stacks, with caches and without, embeddings, sizes, properties."""

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn

from bench.torch_twins import (
    assert_same,
    copy_over,
    decoder_layer_pairs,
    decoder_twin,
    encoder_layer_pairs,
    encoder_twin,
    randomise,
    settings,
    stack_pairs,
)
from lessons_lib.model.attention import causal_mask, padding_mask
from lessons_lib.model.layers import Config
from lessons_lib.model.positions import SCHEMES, Rotary
from lessons_lib.model.surgery import use_attention
from lessons_lib.model.transformer import (
    Decoder,
    Encoder,
    LanguageModel,
    Seq2Seq,
    TokenEmbedding,
    count_parameters,
)

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
CONFIG = Config(d_model=12, num_heads=3, num_layers=2, d_ff=20, positions="none")
KINDS = list(product((True, False), ("relu", "gelu"), TOLERANCE))


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def twice(*shape, seed=0, dtype=torch.float64):
    return [random(*shape, seed=seed, dtype=dtype).requires_grad_() for _ in range(2)]


def random_ids(batch, length, vocab_size, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(vocab_size, (batch, length), generator=rng)


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(("pre_norm", "activation", "dtype"), KINDS, ids=str)
def test_encoder_equals_torchs(pre_norm, activation, dtype, is_causal):
    config = replace(CONFIG, num_layers=3, pre_norm=pre_norm, activation=activation)
    ours = randomise(Encoder(config, is_causal)).to(dtype)
    theirs = encoder_twin(ours, config).to(dtype)
    pairs = copy_over(stack_pairs(theirs, ours, encoder_layer_pairs))
    their_x, x = twice(2, 5, 12, dtype=dtype)
    mask = padding_mask(torch.tensor([5, 3]), 5)
    causal = ~causal_mask(5) if is_causal else None
    wanted = theirs(their_x, causal, src_key_padding_mask=~mask[:, 0])
    assert_same(ours(x, mask), wanted, [(their_x, x)], pairs, TOLERANCE[dtype])
    assert len(pairs) == len(list(ours.parameters()))


@pytest.mark.parametrize(("pre_norm", "activation", "dtype"), KINDS, ids=str)
def test_encoder_and_decoder_equal_torchs_whole_transformer(pre_norm, activation, dtype):
    config = replace(CONFIG, pre_norm=pre_norm, activation=activation)
    encoder = randomise(Encoder(config)).to(dtype)
    decoder = randomise(Decoder(config), seed=1).to(dtype)
    theirs = nn.Transformer(
        **settings(config),
        custom_encoder=encoder_twin(encoder, config),
        custom_decoder=decoder_twin(decoder, config),
    ).to(dtype)
    pairs = copy_over(
        stack_pairs(theirs.encoder, encoder, encoder_layer_pairs)
        + stack_pairs(theirs.decoder, decoder, decoder_layer_pairs)
    )
    their_source, source = twice(2, 7, 12, dtype=dtype)
    their_target, target = twice(2, 5, 12, seed=1, dtype=dtype)
    mask = padding_mask(torch.tensor([4, 7]), 7)
    wanted = theirs(
        their_source,
        their_target,
        tgt_mask=~causal_mask(5),
        src_key_padding_mask=~mask[:, 0],
        memory_key_padding_mask=~mask[:, 0],
    )
    output = decoder(target, encoder(source, mask), mask)
    inputs = [(their_source, source), (their_target, target)]
    assert_same(output, wanted, inputs, pairs, TOLERANCE[dtype])


def test_sinusoids_are_added_once_and_dropout_falls_on_the_sum():
    config = replace(CONFIG, positions="sinusoidal")
    plain, placed = randomise(Encoder(CONFIG)).double(), randomise(Encoder(config)).double()
    x = random(2, 5, 12)
    table = placed.positions.table(5, dtype=torch.float64)
    torch.testing.assert_close(placed(x), plain(x + table))
    dropped = Encoder(replace(config, num_layers=0, dropout_p=1.0, pre_norm=False)).double()
    assert (dropped(x) == 0).all()


def language_model(vocab_size=17, is_causal=True, **changes):
    return randomise(LanguageModel(vocab_size, replace(CONFIG, **changes), is_causal)).double()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_future_moves_nothing(scheme):
    model, ids = language_model(positions=scheme), random_ids(2, 7, 17)
    before = model(ids)
    ids[:, 4:] = (ids[:, 4:] + 1) % 17
    after = model(ids)
    assert before.shape == (2, 7, 17)
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] - after[:, 4:]).abs().amin(dim=1).max() > 1e-6
    both_sides = language_model(positions=scheme, is_causal=False)
    changed = both_sides(ids)
    ids[:, 4:] = (ids[:, 4:] + 1) % 17
    assert not torch.allclose(changed[:, :4], both_sides(ids)[:, :4])


@pytest.mark.parametrize("pre_norm", [True, False])
@pytest.mark.parametrize(
    ("scheme", "lengths"), list(product(SCHEMES, ([1] * 7, [3, 4], [5, 1, 1]))), ids=str
)
def test_language_model_with_caches_equals_without(scheme, lengths, pre_norm):
    model = language_model(positions=scheme, pre_norm=pre_norm, num_key_value_heads=1)
    ids = random_ids(2, 7, 17)
    caches = model.new_caches()
    pieces = [model(piece, caches=caches) for piece in ids.split(lengths, dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(ids), rtol=0, atol=1e-10)
    assert [len(cache) for cache in caches] == [7, 7]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_seq2seq_with_caches_equals_without(scheme):
    model = randomise(Seq2Seq(13, 17, replace(CONFIG, positions=scheme))).double()
    source, target = random_ids(2, 6, 13), random_ids(2, 5, 17, seed=1)
    mask = padding_mask(torch.tensor([6, 4]), 6)
    whole = model(source, target, mask)
    assert whole.shape == (2, 5, 17)
    memory, caches = model.encode(source, mask), model.new_caches()
    pieces = [model.decode(t, memory, mask, caches) for t in target.split([2, 1, 2], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-10)


def test_seq2seq_sees_its_source_but_neither_padding_nor_the_future():
    model = randomise(Seq2Seq(13, 17, CONFIG)).double()
    source, target = random_ids(2, 6, 13), random_ids(2, 5, 17, seed=1)
    mask = padding_mask(torch.tensor([6, 4]), 6)
    before = model(source, target, mask)
    source[1, 4:], target[:, 3:] = (source[1, 4:] + 1) % 13, (target[:, 3:] + 1) % 17
    after = model(source, target, mask)
    assert torch.equal(before[:, :3], after[:, :3])
    source[:, 0] = (source[:, 0] + 1) % 13
    assert not torch.allclose(before[:, :3], model(source, target, mask)[:, :3])


def test_padded_sentence_equals_the_sentence_alone():
    model = language_model(positions="sinusoidal", is_causal=False)
    ids = random_ids(2, 7, 17)
    together = model(ids, padding_mask(torch.tensor([7, 4]), 7))
    torch.testing.assert_close(together[1:, :4], model(ids[1:, :4]))


def test_token_embedding_is_scaled_on_the_way_in_and_shared_on_the_way_out():
    embedding, ids = TokenEmbedding(17, 12).double(), random_ids(2, 5, 17)
    torch.testing.assert_close(embedding(ids), embedding.weight[ids] * 12**0.5)
    hidden = random(2, 5, 12)
    wanted = torch.einsum("bld,vd->blv", hidden, embedding.weight)
    torch.testing.assert_close(embedding.logits(hidden), wanted)
    assert embedding(ids[:0]).shape == (0, 5, 12)


def test_fresh_embeddings_and_logits_are_of_usual_size():
    """Vectors with entries of size 1, logits too, whatever the width."""
    torch.manual_seed(0)
    for d_model in (16, 256):
        embedding = TokenEmbedding(3_000, d_model)
        entries = embedding(torch.arange(3_000))
        assert entries.std().item() == pytest.approx(1.0, rel=0.02)
        logits = embedding.logits(torch.randn(50, d_model))
        assert logits.std().item() == pytest.approx(1.0, rel=0.1)


def test_both_uses_of_the_shared_table_give_gradient():
    model, ids = language_model(vocab_size=17), torch.tensor([[3, 1, 4]])
    torch.log_softmax(model(ids), dim=-1)[..., 5].sum().backward()
    gradient = model.embedding.weight.grad
    assert gradient[[3, 1, 4]].abs().sum() > 0  # read, and scored
    assert (gradient[[0, 5, 16]].abs().sum(dim=-1) > 0).all()  # scored only


@pytest.mark.parametrize(("bad", "low", "high"), [(17, 1, 17), (-1, -1, 2)])
def test_token_outside_the_vocabulary_is_refused(bad, low, high):
    message = f"token ids should be from 0 to 16, the vocabulary; got {low} to {high}"
    for run in (
        language_model(),
        lambda ids: Seq2Seq(17, 30, CONFIG)(ids, torch.tensor([[1]])),
        lambda ids: Seq2Seq(30, 17, CONFIG)(torch.tensor([[1]]), ids),
    ):
        with pytest.raises(IndexError) as raised:
            run(torch.tensor([[1, 2, bad]]))
        assert str(raised.value) == message


def parameters_by_formula(d, f, layers, attentions, pre_norm, kv_share=1.0):
    """4 d² + 4 d for attention, 2 d f + f + d for feed-forward, 2 d for each norm."""
    attention = (2 + 2 * kv_share) * (d * d + d)
    layer = attentions * attention + (2 * d * f + f + d) + (attentions + 1) * 2 * d
    return int(layers * layer + (2 * d if pre_norm else 0))


@pytest.mark.parametrize("pre_norm", [True, False])
def test_parameters_are_as_many_as_the_formula_says(pre_norm):
    config = replace(CONFIG, pre_norm=pre_norm)
    encoder = parameters_by_formula(12, 20, 2, 1, pre_norm)
    decoder = parameters_by_formula(12, 20, 2, 2, pre_norm)
    assert count_parameters(Encoder(config)) == encoder
    assert count_parameters(Decoder(config)) == decoder
    assert count_parameters(LanguageModel(17, config)) == encoder + 17 * 12  # the table once
    assert count_parameters(Seq2Seq(13, 17, config)) == encoder + decoder + (13 + 17) * 12
    one_kv = replace(config, num_key_value_heads=1)
    shared = parameters_by_formula(12, 20, 2, 1, pre_norm, kv_share=1 / 3)
    assert count_parameters(Encoder(one_kv)) == shared


@pytest.mark.parametrize(
    ("scheme", "more"), [("learned", 9 * 12), ("shaw", 2 * 33 * 4), ("t5", 32 * 3), ("rotary", 0)]
)
def test_positions_shared_by_all_layers_count_once(scheme, more):
    placed = Encoder(replace(CONFIG, positions=scheme, max_len=9))
    assert count_parameters(placed) == count_parameters(Encoder(CONFIG)) + more


def test_frozen_parameters_can_be_left_out():
    model = language_model()
    model.embedding.weight.requires_grad_(False)
    assert count_parameters(model) - count_parameters(model, trainable_only=True) == 17 * 12


def test_given_scheme_and_attention_reach_every_layer():
    def attend(query, key, value, mask, **_):
        return torch.zeros_like(query), None

    scheme = Rotary(4)
    model = use_attention(LanguageModel(17, CONFIG, positions=scheme), attend)
    assert model.body.positions is scheme
    for layer in model.body.layers:
        assert layer.attention.positions is scheme and layer.attention.attention is attend
    seq2seq = use_attention(Seq2Seq(13, 17, CONFIG), attend)
    used = [m.attention for m in seq2seq.modules() if hasattr(m, "project_out")]
    assert used == [attend] * 6  # 2 encoder layers with one each, 2 decoder layers with two


def test_t5_bias_of_a_causal_body_spends_all_buckets_on_the_past():
    config = replace(CONFIG, positions="t5")
    assert Encoder(config, is_causal=True).positions.is_causal
    assert Decoder(config).positions.is_causal
    assert not Encoder(config).positions.is_causal


def test_as_many_caches_as_layers_are_needed():
    model = language_model()
    with pytest.raises(ValueError, match="shorter"):
        model(torch.tensor([[1]]), caches=model.new_caches()[:1])
