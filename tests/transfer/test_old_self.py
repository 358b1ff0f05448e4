"""The old self's vote: nothing at the start, a blended label later."""

import pytest
import torch
from small_model import new_model, rated_texts

from lessons_lib.data.batches import rectangle
from lessons_lib.transfer.fine_tuning import fit, predict, rating_loss
from lessons_lib.transfer.old_self import old_self_loss, with_old_self

TEXTS, RATINGS = rated_texts(7)


def told():
    """A model that has learnt something, standardised targets, and those with its old self."""
    model = new_model(2, dropout_p=0.0)
    fit(model, TEXTS, RATINGS, steps=3, learning_rate=0.01)
    targets = (torch.tensor(RATINGS) - model.mean) / model.spread
    return model, targets, with_old_self(model, TEXTS, targets)


def test_beside_each_target_stands_what_is_said_before():
    model, targets, pairs = told()
    assert pairs[:, 0].equal(targets)
    back = model.mean + model.spread * pairs[:, 1]
    assert back.tolist() == pytest.approx(predict(model, TEXTS).tolist(), abs=1e-5)


def test_at_the_start_the_old_self_costs_nothing_and_after_a_step_it_does():
    model, _, pairs = told()
    batch = *rectangle(TEXTS), pairs
    alone, with_vote = (old_self_loss(strength)(model, batch).item() for strength in (0.0, 5.0))
    assert with_vote == pytest.approx(alone, abs=1e-9)
    with torch.no_grad():
        model.head.bias += 0.5
    alone, with_vote = (old_self_loss(strength)(model, batch).item() for strength in (0.0, 5.0))
    assert with_vote - alone == pytest.approx(5 * 0.25, abs=1e-5)


def test_without_strength_it_is_the_rating_loss():
    model, targets, pairs = told()
    x, mask = rectangle(TEXTS)
    plain = rating_loss(model, (x, mask, targets)).item()
    assert old_self_loss(0.0)(model, (x, mask, pairs)).item() == pytest.approx(plain)


def test_gradient_is_that_of_a_label_in_which_the_old_self_has_a_vote():
    model, targets, pairs = told()
    x, mask = rectangle(TEXTS)
    strength = 3.0
    blended = (targets + strength * pairs[:, 1]) / (1 + strength)
    found = torch.autograd.grad(old_self_loss(strength)(model, (x, mask, pairs)), model.head.weight)
    plain = torch.autograd.grad(rating_loss(model, (x, mask, blended)), model.head.weight)
    assert torch.allclose(found[0], (1 + strength) * plain[0], atol=1e-5)


def test_errors_say_what_came():
    model, targets, _ = told()
    with pytest.raises(ValueError, match=r"expected targets \(7,\), got \(6,\)"):
        with_old_self(model, TEXTS, targets[:6])
    with pytest.raises(ValueError, match=r"strength should be at least 0, not -0\.5"):
        old_self_loss(-0.5)
