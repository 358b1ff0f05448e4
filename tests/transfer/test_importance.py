"""Importance weights, against the ratio of two densities that are known."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lessons_lib.transfer.unlabelled.importance import (
    effective_number,
    importance_weights,
    log_odds,
    strongest,
    weights_of,
)


def gaussians(shift=1.0, num_source=3000, num_target=2000):
    rng = np.random.default_rng(0)
    return rng.normal(size=(num_source, 2)), rng.normal([shift, 0], size=(num_target, 2))


def test_weights_are_the_ratio_of_the_densities():
    """Of N(1, 1) over N(0, 1) it is exp(x - 1/2), along the axis in which they differ."""
    source, target = gaussians()
    found = importance_weights(source, target)
    wanted = np.exp(source[:, 0] - 0.5)
    assert found.mean() == pytest.approx(1)
    assert np.corrcoef(np.log(found), np.log(wanted))[0, 1] > 0.98
    slope = np.polyfit(source[:, 0], np.log(found), 1)[0]
    assert slope == pytest.approx(1.0, abs=0.1)


def test_a_weighted_mean_over_the_source_is_the_targets():
    source, target = gaussians()
    weights = importance_weights(source, target)
    assert source[:, 0].mean() == pytest.approx(0, abs=0.05)
    assert np.average(source[:, 0], weights=weights) == pytest.approx(1.0, abs=0.15)


def test_strength_0_leaves_all_alike_and_half_is_between():
    source, target = gaussians()
    numbers = [effective_number(importance_weights(source, target, s)) for s in (0, 0.5, 1)]
    assert numbers[0] == pytest.approx(3000)
    assert numbers[0] > numbers[1] > numbers[2] > 500


def test_no_text_is_judged_by_a_classifier_that_has_seen_it():
    """Of 100 features of noise: a classifier knows its own 240 texts by heart, and no others."""
    source, target = np.random.default_rng(0).normal(size=(2, 120, 100))
    both, is_target = np.concatenate([source, target]), np.arange(240) >= 120
    by_heart = LogisticRegression().fit(both, is_target).decision_function(source)
    assert (by_heart < 0).mean() > 0.8
    assert (log_odds(source, target) < 0).mean() == pytest.approx(0.5, abs=0.15)


def test_the_strongest_power_leaves_just_the_share_that_is_asked_for():
    odds = np.random.default_rng(0).normal(scale=6, size=400)
    power = strongest(odds, 0.25)
    assert 0 < power < 1
    assert effective_number(weights_of(odds, power)) == pytest.approx(100, abs=0.1)
    assert effective_number(weights_of(odds, 1.0)) < 50
    assert strongest(0.1 * odds / 6, 0.25) == 1.0  # hardly told apart: as they are


def test_odds_beyond_what_an_exponential_holds_give_weights_all_the_same():
    assert weights_of([5000.0, 0.0]).tolist() == [2.0, 0.0]
    assert weights_of([1.0, 3.0], 0.0).tolist() == [1.0, 1.0]


def test_errors_say_what_came():
    source, target = gaussians(num_source=9, num_target=9)
    with pytest.raises(ValueError, match=r"5 texts at least, got \(4, 2\) and \(9, 2\)"):
        importance_weights(source[:4], target)
    with pytest.raises(ValueError, match="strength should be at least 0, not -1"):
        importance_weights(source, target, -1)
    with pytest.raises(ValueError, match="between 0 and 1, not 25"):
        strongest(source[:, 0], 25)
    for wrong in ([], [0, 0], [1, -1]):
        with pytest.raises(ValueError, match="at least 0, one of them above it"):
            effective_number(wrong)
