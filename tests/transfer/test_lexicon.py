"""A lexicon as a second source: what is added, and by which texts its weight is chosen."""

import numpy as np
import pytest

from lessons_lib.transfer.lexicon import WEIGHTS, blend, blend_weight


def some(num_texts=200, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=num_texts)
    return truth, truth + rng.normal(size=(3, num_texts)), truth + rng.normal(size=num_texts)


def test_blend_is_the_sum_of_two_standardised_columns():
    _, said, scores = some()
    mean = said.mean(axis=0)
    wanted = (mean - mean.mean()) / mean.std() + 0.5 * (scores - scores.mean()) / scores.std()
    assert blend(said, scores, 0.5) == pytest.approx(wanted)


def test_weight_0_is_the_model_alone_and_scale_plays_no_part():
    _, said, scores = some()
    assert np.corrcoef(blend(said, scores, 0), said.mean(axis=0))[0, 1] == pytest.approx(1)
    assert blend(7 * said + 3, scores / 9, 1) == pytest.approx(blend(said, scores, 1))


def test_weight_is_0_for_noise_and_the_most_where_the_model_is_noise():
    truth, said, scores = some()
    noise = np.random.default_rng(5).normal(size=200)
    assert blend_weight([said], [noise], [truth]) == 0
    assert blend_weight([noise], [scores], [truth]) == max(WEIGHTS)


def test_weight_is_chosen_over_all_sources_together():
    """One source wants the lexicon, one does not; the mean decides."""
    truth, said, scores = some()
    noise = np.random.default_rng(5).normal(size=200)
    chosen = blend_weight([said, truth], [scores, noise], [truth, truth])
    each = {
        w: [np.corrcoef(blend(a, b, w), truth)[0, 1] for a, b in ((said, scores), (truth, noise))]
        for w in WEIGHTS
    }
    assert chosen == max(each, key=lambda w: np.mean(each[w]))


@pytest.mark.parametrize(
    ("said", "scores", "weight", "told"),
    [
        ([1, 2, 3], [1, 2], 1, "a score for each of 3 texts, got 2"),
        ([1, 1, 1], [1, 2, 3], 1, "the predictions' mean is constant"),
        ([1, 2, 3], [2, 2, 2], 1, "list of scores is constant"),
        ([1, np.nan, 3], [1, 2, 3], 1, "not finite"),
        ([1, 2, 3], [1, 2, 3], -1, "at least 0, not -1"),
        ([1, 2, 3], [1, 2, 3], float("nan"), "at least 0, not nan"),
    ],
)
def test_what_can_not_be_blended_is_said(said, scores, weight, told):
    with pytest.raises(ValueError, match=told):
        blend(said, scores, weight)


def test_no_source_is_no_choice():
    with pytest.raises(ValueError, match="at least 1 source"):
        blend_weight([], [], [])
