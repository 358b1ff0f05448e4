"""Reading on: the head first, then the layers; the word vectors stay."""

import copy

import pytest
import torch
from small_model import VOCAB, new_model

from lessons_lib.training.objectives import mask_tokens, prediction_loss
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.unlabelled.masked_words import MaskedWordModel, read_on


def batches(seed=0):
    """Texts in which every token is followed by the next number, so that gaps can be filled."""
    rng = torch.Generator().manual_seed(seed)
    while True:
        ids = (torch.randint(10, 20, (8, 1), generator=rng) + torch.arange(9)).remainder(VOCAB)
        yield mask_tokens(ids, VOCAB, 0.3, rng, num_special=5, mask_id=4)


def test_logits_are_the_turned_states_times_every_words_vector():
    encoder = new_model().encoder
    model = MaskedWordModel(encoder)
    hidden = torch.randn(2, 3, 12)
    turned = model.turn(hidden)
    wanted = torch.einsum("bld,vd->blv", turned, encoder.tokens.weight) + model.bias
    assert model.logits(hidden).shape == (2, 3, VOCAB)
    assert torch.allclose(model.logits(hidden), wanted, atol=1e-6)


def test_head_is_trained_first_then_the_layers_and_never_the_word_vectors():
    encoder = new_model().encoder
    before = copy.deepcopy(encoder.state_dict())
    between = {}

    def look(model):
        between.update(copy.deepcopy(model.encoder.state_dict()))
        between["bias"] = model.bias.detach().clone()

    plans = Plan(5, 0.01), Plan(5, 0.01)
    model, histories = read_on(encoder, batches(), *plans, between=look)
    assert [len(history.train) for history in histories] == [5, 5]
    assert all(before[name].equal(between[name]) for name in before)
    assert between["bias"].any()
    after = encoder.state_dict()
    moved = {name for name in before if not before[name].equal(after[name])}
    assert moved and all(name.startswith("layers.") for name in moved)
    assert model.encoder is encoder


def test_gaps_are_filled_better_after_reading():
    torch.manual_seed(0)
    encoder = new_model().encoder
    fixed = next(batches(seed=9))
    losses = []
    model, _ = read_on(
        encoder,
        batches(),
        Plan(30, 0.02),
        Plan(60, 0.01),
        between=lambda model: losses.append(prediction_loss(model, fixed).item()),
    )
    with torch.no_grad():
        losses.append(prediction_loss(model, fixed).item())
    assert losses[1] < losses[0] - 0.3


def test_what_is_open_to_training_is_left_as_the_second_stage_had_it():
    encoder = new_model().encoder
    read_on(encoder, batches(), Plan(1), Plan(1))
    assert encoder.layers[0].feed_forward[0].weight.requires_grad
    assert not encoder.tokens.weight.requires_grad


def test_a_stream_that_ends_is_told():
    with pytest.raises(ValueError, match="batches ended after 1 of 2 steps"):
        read_on(new_model().encoder, [next(batches())], Plan(2), Plan(1))
