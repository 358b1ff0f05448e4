"""What is watched is what is computed, and watching changes nothing."""

import torch
from test_histogram_model import small_model

from lessons_lib.transfer.students.watching import watched

IDS = torch.tensor([[3, 4, 5], [6, 7, 0]])
MASK = (IDS > 0)[:, None]


def test_states_queries_keys_and_values_of_every_layer():
    encoder = small_model().encoder.eval()
    found = watched(encoder, IDS, MASK)
    states = encoder.hidden_states(IDS, MASK)
    assert len(found.states) == 4 and len(found.query) == len(found.key) == len(found.value) == 3
    assert all(a.equal(b) for a, b in zip(found.states, states, strict=True))
    for layer, state in enumerate(states[:-1]):
        attention = encoder.layers[layer].attention
        assert torch.allclose(found.query[layer], attention.project_query(state))
        assert torch.allclose(found.key[layer], attention.project_key(state))
        assert torch.allclose(found.value[layer], attention.project_value(state))


def test_gradients_go_through_and_no_hook_stays():
    encoder = small_model().encoder
    watched(encoder, IDS, MASK).value[0].square().sum().backward()
    assert encoder.layers[0].attention.project_value.weight.grad.abs().sum() > 0
    assert encoder.layers[1].attention.project_value.weight.grad is None
    assert not any(module._forward_hooks for module in encoder.modules())


def test_no_hook_stays_where_reading_fails():
    encoder = small_model().encoder
    try:
        watched(encoder, torch.tensor([[99]]))
    except IndexError:
        assert not any(module._forward_hooks for module in encoder.modules())
    else:
        raise AssertionError("an unknown id should be refused")
