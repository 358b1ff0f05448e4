"""Shares that are right: against a loop of draws, and against the binomial's own spread."""

import numpy as np
import pytest

from lessons_lib.measure.shares import difference_in_shares, share_right


def answers(share, seeds=1, count=400, seed=0):
    return (np.random.default_rng(seed).random((seeds, count)) < share).astype(float)


def test_value_is_the_mean_and_the_interval_as_wide_as_the_binomials():
    right = answers(0.8)
    found = share_right(right)
    assert found.value == right.mean()
    spread = np.sqrt(right.mean() * (1 - right.mean()) / right.size)
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.15)


def test_seeds_that_differ_widen_the_interval():
    calm = share_right(np.tile(answers(0.5), (5, 1)))
    wild = share_right(np.concatenate([answers(s) for s in (0.2, 0.4, 0.5, 0.6, 0.8)]))
    assert wild.high - wild.low > 2 * (calm.high - calm.low)


def test_what_makes_an_example_hard_for_both_cancels():
    hard = answers(0.5)
    better = np.maximum(hard, answers(0.1, seed=1))
    found = difference_in_shares(better, hard)
    assert found.value == pytest.approx(better.mean() - hard.mean())
    assert found.low > 0 and found.p < 0.01
    assert found.high - found.low < share_right(hard).high - share_right(hard).low


def test_equal_methods_differ_by_nothing():
    found = difference_in_shares(answers(0.7), answers(0.7))
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1.0)


def test_one_seed_fewer_is_drawn_than_there_are():
    """Two seeds that say 0 and 1 of everything: one is drawn, so each resample is 0 or 1."""
    found = share_right(np.array([[0.0] * 9, [1.0] * 9]))
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


@pytest.mark.parametrize("wrong", [[], [[2.0, 0.0]], [[float("nan")]]])
def test_what_is_no_share_is_refused(wrong):
    with pytest.raises(ValueError, match="expected shares from 0 to 1"):
        share_right(wrong)


def test_methods_of_other_examples_are_not_compared():
    with pytest.raises(ValueError, match="expected the same examples: 3 and 4"):
        difference_in_shares([1, 0, 1], [1, 0, 1, 1])
