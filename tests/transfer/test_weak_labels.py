"""Labels by rules: who speaks, and what is made of it."""

import numpy as np
import pytest

from lessons_lib.transfer.unlabelled.weak_labels import weak_labels


def test_one_rule_speaks_where_it_knows_a_word():
    scores = np.array([0.0, 0.9, -0.3, 0.0, 0.6])
    places, labels = weak_labels(scores)
    spoken = scores[[1, 2, 4]]
    assert places.tolist() == [1, 2, 4]
    assert labels.tolist() == pytest.approx(((spoken - spoken.mean()) / spoken.std()).tolist())
    assert labels.mean() == pytest.approx(0) and labels.std() == pytest.approx(1)


def test_several_rules_are_averaged_over_those_that_speak():
    scores = [[0.0, 2.0, -2.0, 0.0], [5.0, 5.0, 0.0, -5.0]]
    places, labels = weak_labels(scores)
    one, two = {1: 1.0, 2: -1.0}, {}
    for place, value in zip((0, 1, 3), (5.0, 5.0, -5.0), strict=True):
        two[place] = (value - 5 / 3) / np.std([5.0, 5.0, -5.0])
    wanted = [two[0], (one[1] + two[1]) / 2, one[2], two[3]]
    assert places.tolist() == [0, 1, 2, 3]
    assert labels.tolist() == pytest.approx(wanted)


def test_a_text_of_which_no_rule_knows_anything_has_no_label_unless_rules_always_speak():
    assert weak_labels([0.0, 1.0, 2.0])[0].tolist() == [1, 2]
    assert weak_labels([0.0, 1.0, 2.0], abstains=None)[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([0.0, 0.5, 0.5], "nothing can be learnt of it"),
        ([0.0, 0.0], "nothing can be learnt of it"),
        ([0.1, np.nan], "expected finite scores"),
    ],
)
def test_errors_say_what_came(scores, told):
    with pytest.raises(ValueError, match=told):
        weak_labels(scores)
