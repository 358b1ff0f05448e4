"""The pull back to the start, against its gradient by hand."""

import pytest
import torch
from small_model import new_model
from torch import nn

from lessons_lib.transfer.l2_sp import distance, l2_sp, starting_point


def moved(step=0.5):
    """A layer, where it started, and how far each parameter has gone since."""
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    start = starting_point(layer)
    steps = {name: step * torch.randn_like(p) for name, p in layer.named_parameters()}
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter += steps[name]
    return layer, start, steps


def test_gradient_is_strength_times_the_step():
    layer, start, steps = moved()
    l2_sp(layer, start, 0.3).backward()
    for name, parameter in layer.named_parameters():
        assert torch.allclose(parameter.grad, 0.3 * steps[name], atol=1e-6)


def test_value_and_distance_are_those_of_a_loop():
    layer, start, steps = moved()
    squares = sum(value**2 for step in steps.values() for value in step.flatten().tolist())
    assert l2_sp(layer, start, 0.3).item() == pytest.approx(0.15 * squares, rel=1e-5)
    assert distance(layer, start) == pytest.approx(squares**0.5, rel=1e-5)


def test_at_the_start_nothing_pulls():
    layer, start, _ = moved(step=0.0)
    loss = l2_sp(layer, start)
    loss.backward()
    assert loss.item() == 0 and not any(p.grad.any() for p in layer.parameters())


def test_only_what_is_trained_is_held_and_the_copy_stays():
    model = new_model(trained=1)
    start = starting_point(model)
    opened = {name for name, p in model.named_parameters() if p.requires_grad}
    assert set(start) == opened and opened < {name for name, _ in model.named_parameters()}
    before = start["head.weight"].clone()
    nn.init.ones_(model.head.weight)
    assert start["head.weight"].equal(before)


def test_errors_say_what_came():
    layer, start, _ = moved()
    with pytest.raises(ValueError, match="strength should be at least 0, not -1"):
        l2_sp(layer, start, -1)
    with pytest.raises(ValueError, match=r"weight is \(2, 3\) there and \(3, 2\) here"):
        l2_sp(nn.Linear(2, 3), start)
    with pytest.raises(ValueError, match="there is nothing to hold"):
        l2_sp(layer, {})
    with pytest.raises(ValueError, match="Linear trains nothing, so nothing can move"):
        starting_point(nn.Linear(1, 1).requires_grad_(False))
