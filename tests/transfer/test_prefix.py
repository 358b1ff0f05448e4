"""Prefix tuning: what it computes is attention to tokens that are not there."""

import pytest
import torch
from small_model import close, in_each_layer, moved_by_training, new_model, small_llama

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.multi_head import MultiHeadAttention
from lessons_lib.model.surgery import use_attention
from lessons_lib.transfer.prefix import PrefixAttention, add_prefix

WORDS = [5, 9, 2, 6]


@pytest.mark.parametrize("shared", [3, 1])
def test_a_prefix_made_of_tokens_is_attention_to_these_tokens_too(shared):
    torch.manual_seed(0)
    attention = MultiHeadAttention(12, num_heads=3, num_key_value_heads=shared)
    x, before = torch.randn(2, 5, 12), torch.randn(4, 12)
    mask = torch.tensor([[[True] * 5], [[True, True, False, False, False]]])
    all_of_them = torch.cat([before.expand(2, -1, -1), x], dim=1)
    wide = torch.cat([torch.ones(2, 1, 4, dtype=torch.bool), mask], dim=-1)
    wanted = attention(x, memory=all_of_them, mask=wide)[0]
    key, value = (
        project(before).unflatten(-1, (shared, 4)).transpose(0, 1)
        for project in (attention.project_key, attention.project_value)
    )
    attention.attention = PrefixAttention(key, value)
    assert close(attention(x, mask=mask)[0], wanted)


def test_in_an_encoder_the_prefix_starts_as_words_that_do_not_look_at_the_text():
    encoder = new_model("inserted").encoder.eval()
    states = encoder.hidden_states(torch.tensor([WORDS]))
    for layer, state, prefix in zip(encoder.layers, states, add_prefix(encoder, WORDS)):  # noqa: B905
        key = layer.attention.project_key(state)[0].unflatten(-1, (3, 4)).transpose(0, 1)
        assert close(prefix.key, key)
        assert prefix.value.shape == (3, 4, 4)


def test_padding_is_still_hidden():
    encoder = new_model("inserted").encoder.eval()
    add_prefix(encoder, WORDS)
    short, padded = torch.tensor([[3, 1, 4]]), torch.tensor([[3, 1, 4, 8, 8]])
    mask = torch.tensor([[[True, True, True, False, False]]])
    assert close(encoder(padded, mask)[:, :3], encoder(short))


def test_a_language_model_keeps_its_order_with_shared_heads():
    model = small_llama().eval()
    before = model(torch.tensor([[3, 1, 4, 1]]))
    add_prefix(model, WORDS)
    changed = model(torch.tensor([[3, 1, 4, 1]]))
    assert (changed - before).abs().max() > 1e-3
    assert close(model(torch.tensor([[3, 1, 9, 9]]))[:, :2], changed[:, :2])
    caches = model.new_caches()
    parts = [model(torch.tensor([[token]]), caches=caches) for token in (3, 1, 4, 1)]
    assert close(torch.cat(parts, dim=1), changed, 1e-5)


def test_only_its_own_parameters_are_trained():
    model = new_model("inserted")
    add_prefix(model.encoder, WORDS)
    assert moved_by_training(model) == in_each_layer(
        "attention.attention.key", "attention.attention.value"
    )


def test_errors_say_what_came():
    encoder = new_model("inserted").encoder
    with pytest.raises(ValueError, match="1 token at least"):
        add_prefix(encoder, [])
    use_attention(encoder, scaled_dot_product_attention)
    with pytest.raises(ValueError, match="a function of its own"):
        add_prefix(encoder, WORDS)
    prefix, x = PrefixAttention(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)), torch.zeros(1, 2, 5, 4)
    with pytest.raises(ValueError, match="a prefix has no position"):
        prefix(x, x, x, bias=torch.zeros(5, 5))
