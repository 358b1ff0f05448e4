"""Own labels: what differs under dropout, and which texts are taken."""

import numpy as np
import pytest
import torch
from small_model import new_model, rated_texts

from lessons_lib.transfer.fine_tuning import predict
from lessons_lib.transfer.unlabelled.self_training import dropped_out, own_labels, surest

TEXTS, RATINGS = rated_texts(9)


def test_draws_differ_with_dropout_and_agree_without():
    model = new_model(2, dropout_p=0.3)
    model.set_scale(RATINGS)
    draws = dropped_out(model, TEXTS, 5)
    assert draws.shape == (5, 9) and (draws.std(axis=0) > 0).all()
    calm = new_model(2, dropout_p=0.0)
    calm.set_scale(RATINGS)
    same = dropped_out(calm, TEXTS, 3)
    for row in same:
        assert row.tolist() == pytest.approx(predict(calm, TEXTS).tolist(), abs=1e-5)


def test_draws_follow_their_seed_and_leave_torchs_random_state_and_the_mode_alone():
    model = new_model(2)
    model.set_scale(RATINGS)
    model.eval()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, again, other = (dropped_out(model, TEXTS, 2, seed) for seed in (1, 1, 2))
    assert torch.get_rng_state().equal(before) and not model.training
    assert (first == again).all() and (first != other).any()


def test_the_surest_are_those_of_the_least_spread():
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(6, 20)) * np.arange(1, 21)[::-1]
    spreads = [np.std(draws[:, place]) for place in range(20)]
    wanted = sorted(sorted(range(20), key=spreads.__getitem__)[:5])
    assert surest(draws, 0.25).tolist() == wanted
    assert surest(draws, 0.001).tolist() == [int(np.argmin(spreads))]  # one at least
    assert surest(draws, 1).tolist() == list(range(20))
    assert surest(np.ones((2, 4)), 0.5).tolist() == [0, 1]  # ties: the first


def test_labels_are_the_means_of_what_was_said_standardised():
    places, labels = own_labels([[1.0, 9.0, 3.0], [1.2, 5.0, 3.0]], 0.7, mean=1.0, spread=2.0)
    assert places == [0, 2]
    assert labels.tolist() == pytest.approx([0.05, 1.0])


def test_errors_say_what_came():
    with pytest.raises(ValueError, match="2 draws at least, not 1"):
        dropped_out(new_model(2), TEXTS, 1)
    with pytest.raises(ValueError, match=r"K of at least 2, got \(1, 3\)"):
        surest(np.ones((1, 3)), 0.5)
    with pytest.raises(ValueError, match="at most 1, not 50"):
        surest(np.ones((2, 3)), 50)
