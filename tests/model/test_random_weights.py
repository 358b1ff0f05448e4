"""The three random controls: what is random, what is kept; the original stays as it was."""

import copy

import pytest
import torch
from torch import nn

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.layers import Config
from lessons_lib.model.llama import RMSNorm
from lessons_lib.model.random_weights import default_weights, matched_weights, shuffled_weights

CONTROLS = (default_weights, matched_weights, shuffled_weights)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    config = Config(d_model=24, num_heads=3, num_layers=2, d_ff=40, pre_norm=False, max_len=9)
    made = BertEncoder(config, vocab_size=150)
    with torch.no_grad():  # as after a training: every tensor with a mean and a spread of its own
        for number, tensor in enumerate(made.parameters(), start=1):
            tensor.copy_(0.01 * number * torch.randn(tensor.shape) + 0.1 * number)
    return made.eval()


@pytest.mark.parametrize("control", CONTROLS)
def test_original_is_left_as_it_was_and_so_is_the_random_state(control, encoder):
    before, state = copy.deepcopy(encoder.state_dict()), torch.get_rng_state()
    changed = control(encoder, seed=3)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert not changed.training


@pytest.mark.parametrize("control", CONTROLS)
def test_same_seed_draws_the_same_and_another_seed_does_not(control, encoder):
    first, again, other = (control(encoder, seed=seed).tokens.weight for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("control", CONTROLS)
def test_nothing_of_the_arrangement_is_left(control, encoder):
    for name, tensor in control(encoder).named_parameters():
        original = encoder.get_parameter(name)
        if tensor.numel() > 500 and tensor.std() > 0:
            pair = torch.stack([tensor.flatten(), original.flatten()])
            assert abs(torch.corrcoef(pair)[0, 1]) < 4 / tensor.numel() ** 0.5, name


def test_shuffled_tensors_hold_the_very_numbers_in_another_order(encoder):
    for name, tensor in shuffled_weights(encoder).named_parameters():
        original = encoder.get_parameter(name)
        assert torch.equal(tensor.flatten().sort()[0], original.flatten().sort()[0]), name
        assert tensor.numel() < 3 or not torch.equal(tensor, original), name


def test_norms_of_a_language_model_are_norms_too():
    assert (default_weights(RMSNorm(4)).weight == 1).all()


def test_matched_tensors_keep_mean_and_spread(encoder):
    for name, tensor in matched_weights(encoder).named_parameters():
        tensor, original = tensor.detach(), encoder.get_parameter(name).detach()
        count = tensor.numel()
        error = original.std() / count**0.5  # of a mean of so many
        assert abs(tensor.mean() - original.mean()) < 5 * error, name
        assert tensor.std() / original.std() == pytest.approx(1, abs=5 / (2 * count) ** 0.5), name


def test_default_weights_are_berts(encoder):
    fresh = default_weights(encoder)
    assert fresh.tokens.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert fresh.layers[1].feed_forward[0].weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert torch.equal(fresh.layers[0].attention.project_key.bias, torch.zeros(24))
    assert torch.equal(fresh.norm.weight, torch.ones(24))
    assert torch.equal(fresh.norm.bias, torch.zeros(24))


def test_tensor_of_one_number_keeps_it():
    layer = nn.Linear(1, 1)
    assert torch.equal(matched_weights(layer).weight, layer.weight)


@pytest.mark.parametrize("control", CONTROLS)
def test_control_computes(control, encoder):
    ids = torch.tensor([[3, 1, 4, 1]])
    assert torch.isfinite(control(encoder)(ids)).all()
