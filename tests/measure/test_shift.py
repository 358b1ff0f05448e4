"""Distances between domains: by hand, and beside scikit-learn's balanced accuracy."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from lessons_lib.measure.shift import a_distance, known_words


def test_known_words_counts_each_time_that_a_word_is_said():
    assert known_words(["It rains", "a LOT"], ["it Rains cats", "it pours"]) == 3 / 5


def test_more_source_texts_know_no_less():
    target = ["one two three", "four five"]
    shares = [known_words(["one", "two", "nine", "five"][:n], target) for n in (1, 2, 3, 4)]
    assert shares == [1 / 5, 2 / 5, 2 / 5, 3 / 5]


def test_a_target_without_words_is_an_error():
    with pytest.raises(ValueError, match="expected texts with words, got none"):
        known_words(["one"], ["", "  "])


@pytest.fixture
def domains():
    rng = np.random.default_rng(0)
    return [rng.normal(loc=mean, size=(60, 3)) for mean in (0.0, 0.8, 0.0, 0.8)]


def test_the_distance_is_made_of_sklearns_balanced_accuracy(domains):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score

    one, other, held_one, held_other = domains
    held_other = held_other[:40]
    judge = LogisticRegression(C=10, max_iter=500)
    judge.fit(np.concatenate([one, other]), [0] * 60 + [1] * 60)
    right = balanced_accuracy_score(
        [0] * 60 + [1] * 40, judge.predict(np.concatenate([held_one, held_other]))
    )
    found = a_distance(one, other, held_one, held_other)
    assert found == pytest.approx(2 * (1 - 2 * (1 - right)))
    assert 0 < found < 2


def test_sparse_features_give_the_same(domains):
    assert a_distance(*map(csr_matrix, domains)) == pytest.approx(a_distance(*domains))


def test_one_domain_is_near_itself_and_far_from_another():
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(4, 500, 3)), rng.normal(size=(2, 500, 3)) + 9
    assert abs(a_distance(near[0], near[1], near[2], near[3])) < 0.2
    assert a_distance(near[0], far[0], near[1], far[1]) == 2.0
