"""Position schemes: each against an independent implementation, and by its defining property."""

import math
from itertools import product

import pytest
import torch
from torch import nn
from transformers.models.bert.modeling_bert import BertEmbeddings
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.roformer.configuration_roformer import RoFormerConfig
from transformers.models.roformer.modeling_roformer import (
    RoFormerSelfAttention,
    RoFormerSinusoidalPositionalEmbedding,
)
from transformers.models.t5.modeling_t5 import T5Attention

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.multi_head import MultiHeadAttention
from lessons_lib.model.positions import (
    SCHEMES,
    ALiBi,
    Learned,
    Positions,
    Rotary,
    Shaw,
    Sinusoidal,
    T5Bias,
    make_positions,
)

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def exact(dtype=torch.float64):
    return {"rtol": 0, "atol": TOLERANCE[dtype]}


def test_no_scheme_changes_nothing():
    none, x, at = Positions(), random(2, 5, 6), torch.arange(5)
    assert none.add_to(x) is x and none.turn(x, at) is x
    assert none.score_bias(x, at, at) is None and none.value_bias(x, at, at) is None


# --- sinusoidal: the paper's equation, by explicit loops ---


def papers_sinusoids(positions, d_model):
    table = []
    for pos in positions:
        row = []
        for i in range(d_model // 2):
            row.append(math.sin(pos / 10_000 ** (2 * i / d_model)))
            row.append(math.cos(pos / 10_000 ** (2 * i / d_model)))
        table.append(row)
    return torch.tensor(table, dtype=torch.float64)


@pytest.mark.parametrize(("first", "length"), [(0, 1), (0, 7), (3, 4), (4_990, 10)])
@pytest.mark.parametrize("d_model", [2, 6, 64])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_sinusoids_equal_the_papers_equation(first, length, d_model, dtype):
    scheme, wanted = Sinusoidal(d_model), papers_sinusoids(range(first, first + length), d_model)
    x = random(2, length, d_model, dtype=dtype)
    added = scheme.add_to(x, first)
    assert added.dtype == dtype
    torch.testing.assert_close(added, x + wanted.to(dtype), **exact(dtype))
    torch.testing.assert_close(scheme.table(length, first, torch.float64), wanted, **exact())
    assert scheme.table(length).dtype == torch.float32


def test_sinusoids_of_a_fixed_distance_are_a_turn_away():
    """A dot product of two positions' vectors depends on their distance only."""
    table = Sinusoidal(8).table(30, dtype=torch.float64)
    products = table @ table.T
    for distance in range(30):
        along = products.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along))


def test_odd_widths_are_refused():
    with pytest.raises(ValueError, match=r"d_model should be even, a sine and a cosine .* got 5"):
        Sinusoidal(5)
    with pytest.raises(ValueError, match=r"d_head should be even, for its columns .* got 7"):
        Rotary(7)


# --- learned: BERT's embeddings of transformers ---


def test_learned_vectors_equal_berts():
    from transformers import BertConfig

    config = BertConfig(
        vocab_size=11, hidden_size=6, max_position_embeddings=9, num_attention_heads=1
    )
    bert, ours = BertEmbeddings(config), Learned(6, max_len=9)
    bert.LayerNorm, bert.dropout = nn.Identity(), nn.Identity()
    bert.token_type_embeddings.weight.data.zero_()
    bert.position_embeddings.weight.data.copy_(ours.embedding.weight)
    ids = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6]])
    words = bert.word_embeddings(ids)
    for first in (0, 5):
        at = torch.arange(first, first + 4)
        torch.testing.assert_close(ours.add_to(words, first), bert(ids, position_ids=at[None]))
    ours.add_to(words, 5).sum().backward()
    assert (ours.embedding.weight.grad[:5] == 0).all()
    assert (ours.embedding.weight.grad[5:] == 2).all()  # each is added to two sentences


@pytest.mark.parametrize(("length", "first"), [(10, 0), (1, 9), (4, 6)])
def test_more_tokens_than_learnt_positions_are_refused(length, first):
    scheme = Learned(6, max_len=9)
    with pytest.raises(ValueError, match="10 tokens are more than the 9 positions that were"):
        scheme.add_to(random(2, length, 6), first)
    assert scheme.add_to(random(2, 9, 6)).shape == (2, 9, 6)


# --- rotary: RoFormer of transformers ---


@pytest.mark.parametrize(("first", "length"), [(0, 1), (0, 7), (3, 4)])
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_turns_equal_roformers(first, length, dtype):
    query, key = random(2, 3, length, 8, dtype=dtype), random(2, 3, length, 8, seed=1, dtype=dtype)
    table = RoFormerSinusoidalPositionalEmbedding(20, 8)
    angles = table.create_weight()[None, None, first : first + length]
    wanted = RoFormerSelfAttention.apply_rotary_position_embeddings(angles.to(dtype), query, key)
    at = torch.arange(first, first + length)
    for ours, theirs in zip((query, key), wanted, strict=True):
        turned = Rotary(8).turn(ours, at)
        assert turned.dtype == dtype
        torch.testing.assert_close(turned, theirs, rtol=0, atol=1e-6)  # its angles are float32


def test_turns_equal_roformers_whole_attention():
    """Rotary inside our attention, without any mask, against RoFormer's self-attention."""
    theirs = RoFormerSelfAttention(
        RoFormerConfig(hidden_size=24, num_attention_heads=3, attention_probs_dropout_prob=0.0)
    )
    ours = MultiHeadAttention(24, 3, positions=Rotary(8))
    parts = theirs.query, theirs.key, theirs.value
    with torch.no_grad():
        mine = ours.project_query, ours.project_key, ours.project_value
        for own, part in zip(mine, parts, strict=True):
            own.load_state_dict(part.state_dict())
        ours.project_out.weight.copy_(torch.eye(24))
        ours.project_out.bias.zero_()
    x = random(2, 7, 24, dtype=torch.float32)
    angles = RoFormerSinusoidalPositionalEmbedding(7, 8).create_weight()[None, None]
    wanted = theirs(x, sinusoidal_pos=angles)[0]
    torch.testing.assert_close(ours(x)[0], wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("first", [0, 11, 4_990])
def test_turns_equal_complex_multiplication(first):
    """A pair of columns as a complex number, times e^(i angle), every angle by Python's own."""
    vectors = random(2, 3, 5, 6)
    pairs = torch.view_as_complex(vectors.unflatten(-1, (3, 2)))
    turn = [
        [complex(math.cos(a), math.sin(a)) for a in (at / 10_000 ** (2 * i / 6) for i in range(3))]
        for at in range(first, first + 5)
    ]
    wanted = torch.view_as_real(pairs * torch.tensor(turn, dtype=torch.complex128)).flatten(-2)
    turned = Rotary(6).turn(vectors, torch.arange(first, first + 5))
    torch.testing.assert_close(turned, wanted, **exact())


def test_turned_scores_depend_on_the_difference_only():
    query, key, scheme = random(1, 1, 1, 6), random(1, 1, 1, 6, seed=1), Rotary(6)

    def score(query_at, key_at):
        turned = (
            scheme.turn(query, torch.tensor([query_at])),
            scheme.turn(key, torch.tensor([key_at])),
        )
        return (turned[0] * turned[1]).sum().item()

    for shift in (1, 17, 4_900):
        assert score(3 + shift, 8 + shift) == pytest.approx(score(3, 8), abs=1e-10)
    assert score(3, 9) != pytest.approx(score(3, 8), abs=1e-3)


def test_turning_keeps_lengths():
    vectors = random(2, 3, 7, 8)
    turned = Rotary(8).turn(vectors, torch.arange(7))
    torch.testing.assert_close(turned.norm(dim=-1), vectors.norm(dim=-1))
    assert torch.equal(turned[..., 0, :], vectors[..., 0, :])


# --- ALiBi: Bloom's of transformers ---


@pytest.mark.parametrize("num_heads", [1, 2, 3, 4, 6, 8, 12, 20])
def test_alibi_equals_blooms_up_to_a_constant_in_each_row(num_heads):
    theirs = build_alibi_tensor(torch.ones(1, 7), num_heads, torch.float32)  # (H, 1, K)
    at = torch.arange(7)
    ours = ALiBi(num_heads).score_bias(random(1, num_heads, 7, 4, dtype=torch.float32), at, at)
    past = at[None, :] <= at[:, None]
    shares = [bias.masked_fill(~past, -torch.inf).softmax(dim=-1) for bias in (ours, theirs)]
    torch.testing.assert_close(*shares, rtol=0, atol=1e-6)


def test_alibi_slopes_by_hand():
    assert ALiBi(8).slopes == [2.0**-power for power in range(1, 9)]
    assert ALiBi(3).slopes == [2.0**-4, 2.0**-8, 2.0**-2]  # those of 2 heads, the first of 4
    assert ALiBi(1).slopes == [2.0**-8]


def test_alibi_falls_with_the_distance_both_ways_and_knows_the_caches_positions():
    scheme, query = ALiBi(8), random(1, 8, 2, 4)
    bias = scheme.score_bias(query, torch.tensor([3, 4]), torch.arange(5))
    assert bias.dtype == torch.float64
    wanted = [[-3.0, -2.0, -1.0, 0.0, -1.0], [-4.0, -3.0, -2.0, -1.0, 0.0]]
    torch.testing.assert_close(bias[0], 0.5 * torch.tensor(wanted, dtype=torch.float64))
    torch.testing.assert_close(bias[7], bias[0] / 128)


# --- T5: T5Attention of transformers ---


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 20), (6, 50), (10, 300)])
def test_buckets_equal_t5s(is_causal, num_buckets, max_distance):
    distance = torch.arange(-600, 601)
    ours = T5Bias(3, num_buckets, max_distance, is_causal).bucket(distance)
    theirs = T5Attention._relative_position_bucket(
        distance, not is_causal, num_buckets, max_distance
    )
    assert torch.equal(ours, theirs)
    assert ours.min() == 0 and ours.max() == num_buckets - 1


def test_t5s_last_bucket_begins_before_its_largest_distance():
    """Bucket 31 begins where 16 log(d / 16) / log 8 reaches 15: at d = 16 x 8^(15/16) = 112.4."""
    bucket = T5Bias(1, is_causal=True).bucket(-torch.arange(200))
    assert torch.nonzero(bucket == 31)[0].item() == 113
    assert bucket[31] == bucket[34] == 21 and bucket[35] == 22  # 32 characters end in 21


@pytest.mark.parametrize("is_causal", [False, True])
def test_bias_equals_t5s(is_causal):
    from transformers import T5Config

    config = T5Config(num_heads=3, d_kv=4, d_model=12, is_decoder=is_causal)
    theirs = T5Attention(config, has_relative_attention_bias=True, layer_idx=0)
    ours = T5Bias(3, is_causal=is_causal)
    theirs.relative_attention_bias.weight.data.copy_(ours.bias.weight)
    query, at = random(1, 3, 40, 4), torch.arange(40)
    wanted = theirs.compute_bias(40, 40)[0]  # (H, Q, K)
    torch.testing.assert_close(ours.score_bias(query, at, at), wanted)
    late = ours.score_bias(query[:, :, :2], at[38:], at)  # two tokens, after 38 cached ones
    torch.testing.assert_close(late, wanted[:, 38:])


# --- Shaw: equations 3 and 4, by explicit loops over the whole attention ---


def papers_shaw(query, key, value, key_table, value_table, max_distance, first=0):
    """z_i = sum_j a_ij (v_j + aV_ij), e_ij = q_i (k_j + aK_ij) / sqrt(d), one number at a time."""

    def row(table, i, j):
        return table[max(-max_distance, min(max_distance, j - i)) + max_distance]

    outputs = []
    for at, q in enumerate(query):
        i = first + at
        e = [
            sum((q[d] * (k[d] + row(key_table, i, j)[d])).item() for d in range(len(q)))
            / math.sqrt(len(q))
            for j, k in enumerate(key)
        ]
        shares = [math.exp(score) / sum(math.exp(other) for other in e) for score in e]
        outputs.append(
            sum(a * (v + row(value_table, i, j)) for j, (a, v) in enumerate(zip(shares, value)))  # noqa: B905
        )
    return torch.stack(outputs)


@pytest.mark.parametrize("max_distance", [1, 2, 16])
@pytest.mark.parametrize(("first", "num_queries"), [(0, 6), (4, 2), (5, 1)])
def test_shaw_equals_the_papers_equations(max_distance, first, num_queries):
    scheme = Shaw(4, max_distance).double()
    query = random(2, 3, num_queries, 4)
    key, value = random(2, 3, 6, 4, seed=1), random(2, 3, 6, 4, seed=2)
    query_at, key_at = torch.arange(first, first + num_queries), torch.arange(6)
    bias = scheme.score_bias(query, query_at, key_at)
    output, weights = scaled_dot_product_attention(query, key, value, bias=bias)
    output = output + scheme.value_bias(weights, query_at, key_at)
    tables = scheme.key_table, scheme.value_table
    for sentence, head in product(range(2), range(3)):
        one = [part[sentence, head] for part in (query, key, value)]
        wanted = papers_shaw(*one, *tables, max_distance, first)
        torch.testing.assert_close(output[sentence, head], wanted, **exact())


# --- all of them ---


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_name_makes_its_scheme(scheme):
    made = make_positions(scheme, d_model=24, num_heads=6, max_len=9, is_causal=True)
    classes = {
        "none": Positions,
        "sinusoidal": Sinusoidal,
        "learned": Learned,
        "shaw": Shaw,
        "t5": T5Bias,
        "rotary": Rotary,
        "alibi": ALiBi,
    }
    assert type(made) is classes[scheme]
    assert made.needs_weights == (scheme == "shaw")
    assert getattr(made, "is_causal", True)


def test_unknown_scheme_says_which_there_are():
    with pytest.raises(ValueError) as raised:
        make_positions("rope", 24, 6)
    assert str(raised.value) == (
        "positions should be one of none, sinusoidal, learned, shaw, t5, rotary, alibi, not 'rope'"
    )


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "none"])
def test_with_a_scheme_the_order_of_the_tokens_matters(scheme):
    """Without one, shuffled tokens give shuffled outputs; each scheme breaks that."""
    torch.manual_seed(0)
    positions = make_positions(scheme, d_model=24, num_heads=6)
    for parameter in positions.parameters():
        nn.init.normal_(parameter)
    x, order = random(2, 5, 24), torch.tensor([3, 1, 4, 0, 2])
    for made, keeps_order in ((Positions(), True), (positions, False)):
        module = MultiHeadAttention(24, 6, positions=made).double()
        straight = module(made.add_to(x))[0][:, order]
        shuffled = module(made.add_to(x[:, order]))[0]
        assert torch.allclose(straight, shuffled) == keeps_order


def test_rotary_with_another_base_forgets_the_angles_it_remembered():
    scheme, vectors, places = Rotary(4), torch.ones(1, 1, 3, 4), torch.arange(3)
    before = scheme.turn(vectors, places)
    scheme.base = 50.0
    fresh = Rotary(4, base=50.0).turn(vectors, places)
    assert not torch.equal(before, fresh)
    assert torch.equal(scheme.turn(vectors, places), fresh)


def test_rotary_halves_is_the_same_turn_of_reordered_columns():
    vectors, places = torch.randn(2, 3, 5, 6), torch.arange(5)
    order = [0, 2, 4, 1, 3, 5]
    halves = Rotary(6, layout="halves").turn(vectors[..., order], places)
    torch.testing.assert_close(halves, Rotary(6).turn(vectors, places)[..., order])
    with pytest.raises(ValueError, match="layout should be neighbours or halves, not 'thirds'"):
        Rotary(6, layout="thirds")


def test_rotary_can_be_trained_with_after_it_was_used_in_inference_mode():
    rotary, vectors, places = Rotary(4), torch.randn(1, 1, 3, 4), torch.arange(3)
    with torch.inference_mode():
        seen = rotary.turn(vectors, places)
    learning = vectors.clone().requires_grad_()
    turned = rotary.turn(learning, places)
    turned.square().sum().backward()
    torch.testing.assert_close(turned.detach(), seen.clone())
    torch.testing.assert_close(learning.grad, 2 * vectors)  # turning keeps the length
