"""Gradient reversal: against numbers found by small steps, and against a training by hand."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from lessons_lib.transfer.unlabelled.gradient_reversal import (
    DomainGuesser,
    domain_loss,
    reverse_gradient,
    strength_at,
)


def sides(num_source=5, num_target=3, d_model=4):
    rng = torch.Generator().manual_seed(0)
    return (
        torch.randn(num_source, d_model, generator=rng, dtype=torch.float64),
        torch.randn(num_target, d_model, generator=rng, dtype=torch.float64) + 1,
    )


def guesser_of(d_model=4):
    torch.manual_seed(0)
    return DomainGuesser(d_model, width=7).double()


def numerically(function, x, step=1e-6):
    """The gradient of a scalar function by small steps to both sides."""
    found = torch.zeros_like(x)
    for place in range(x.numel()):
        ends = []
        for sign in (1, -1):
            moved = x.clone()
            moved.view(-1)[place] += sign * step
            ends.append(function(moved).item())
        found.view(-1)[place] = (ends[0] - ends[1]) / (2 * step)
    return found


def test_forward_changes_nothing_and_backward_is_minus_strength_times_the_numerical_gradient():
    x = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    through = x.clone().requires_grad_()
    said = reverse_gradient(through, 0.7)
    assert said.equal(x)
    said.sin().sum().backward()
    assert torch.allclose(through.grad, -0.7 * numerically(lambda x: x.sin().sum(), x), atol=1e-8)


def test_features_get_the_reversed_gradient_and_the_guesser_its_own():
    source, target = sides()
    guesser = guesser_of()
    source.requires_grad_()
    domain_loss(guesser, source, target, strength=0.3).backward()
    found = source.grad
    own = [p.grad.clone() for p in guesser.parameters()]

    def loss(source):
        with torch.no_grad():
            return domain_loss(guesser, source, target, strength=0.3)

    assert torch.allclose(found, -0.3 * numerically(loss, source.detach()), atol=1e-7)
    guesser.zero_grad()
    domain_loss(guesser, source.detach(), target, strength=99.0).backward()
    for with_03, with_99 in zip(own, guesser.parameters(), strict=True):
        assert torch.allclose(with_03, with_99.grad)


def test_each_domain_weighs_the_same_however_many_texts_it_has():
    source, target = sides()
    guesser = guesser_of()
    one = domain_loss(guesser, source, target, 1.0)
    twice = domain_loss(guesser, torch.cat([source, source]), target, 1.0)
    assert twice.item() == pytest.approx(one.item())
    scores = guesser(source), guesser(target)
    by_hand = -(torch.sigmoid(-scores[0]).log().mean() + torch.sigmoid(scores[1]).log().mean()) / 2
    assert one.item() == pytest.approx(by_hand.item())


def test_reversed_training_moves_the_domains_together_and_plain_training_apart():
    """One number a text, that tells the domains apart; a linear guesser, a movable shift."""
    gaps = {}
    for strength in (1.0, -1.0):
        torch.manual_seed(0)
        source, target = torch.randn(64, 1), torch.randn(64, 1) + 2
        shift, guesser = nn.Parameter(torch.zeros(1)), DomainGuesser(1, width=4)
        optimiser = torch.optim.Adam([shift, *guesser.parameters()], lr=0.05)
        for _ in range(80):
            optimiser.zero_grad()
            domain_loss(guesser, source, target + shift, strength).backward()
            optimiser.step()
        gaps[strength] = abs((target + shift).mean() - source.mean()).item()
    assert gaps[1.0] < 1.0 < 2.0 < gaps[-1.0]


def test_schedule_is_the_papers():
    assert strength_at(0.3) == pytest.approx(math.tanh(1.5))  # the same function, another name
    assert [strength_at(p) for p in (0, 1)] == pytest.approx([0, 1], abs=1e-4)


def test_errors_say_what_came():
    source, target = sides()
    with pytest.raises(ValueError, match="between 0 and 1, not 80"):
        strength_at(80)
    with pytest.raises(ValueError, match="at least 1 text of the source and 1 of the target"):
        domain_loss(guesser_of(), source[:0], target, 1.0)


def test_guess_is_one_number_a_text_even_of_one_text():
    assert guesser_of()(sides()[0][:1]).shape == (1,)
    assert functional.relu(guesser_of()(sides()[0])).shape == (5,)
