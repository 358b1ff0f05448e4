"""Raters: reliability where it is known, and what a result is worth in raters."""

import itertools

import numpy as np
import pytest

from lessons_lib.data.reviews import Snippet, load_domain
from lessons_lib.measure.metrics import (
    pearson,
)
from lessons_lib.measure.raters import (
    one_rater,
    reliability,
    share_of_possible,
    worth_raters,
)


def simulated(num_texts=2000, num_raters=20, noise=1.0, seed=0):
    """Texts whose true ratings have variance 1 and whose raters err by `noise`."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=num_texts)
    given = truth[:, None] + noise * rng.normal(size=(num_texts, num_raters))
    return truth, [
        Snippet(str(i), str(i), "text", row.mean(), tuple(row)) for i, row in enumerate(given)
    ]


def test_a_drawn_rater_and_the_others_are_all_raters():
    snippets = load_domain("movies")[:50]
    drawn, others = one_rater(snippets, num_draws=3)
    for row in range(3):
        for column, snippet in enumerate(snippets):
            assert drawn[row, column] in snippet.ratings
            rest = len(snippet.ratings) - 1
            assert drawn[row, column] + rest * others[row, column] == pytest.approx(
                sum(snippet.ratings)
            )


def test_every_rater_is_drawn_equally_often():
    drawn, _ = one_rater([Snippet("1", "1", "x", 0.0, (-1, 0, 4))], num_draws=6000)
    shares = [(drawn == rating).mean() for rating in (-1, 0, 4)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)


def test_one_raters_agreement_where_it_is_known():
    _, snippets = simulated()  # rater: variance 2, of which 1 is shared; others: 1 + 1/19
    found = np.mean([pearson(a, b) for a, b in zip(*one_rater(snippets), strict=True)])
    assert found == pytest.approx(1 / (2 * (1 + 1 / 19)) ** 0.5, abs=0.02)


@pytest.mark.parametrize("num_raters", [2, 5, 20])
def test_reliability_where_it_is_known(num_raters):
    _, snippets = simulated(num_raters=num_raters)
    assert reliability(snippets) == pytest.approx(1 / (1 + 1 / num_raters), abs=0.03)


def test_fewer_than_two_raters_are_refused():
    with pytest.raises(ValueError, match="at least 2 raters for each text, got 1"):
        reliability([Snippet("1", "1", "x", 0.0, (1,)), Snippet("2", "2", "x", 0.0, (1, 2))])


def test_a_predictor_that_knows_the_truth_reaches_all_that_is_possible():
    truth, snippets = simulated(num_raters=4)
    r = pearson(truth, [snippet.rating for snippet in snippets])
    assert r < 0.92
    assert share_of_possible(r, snippets) == pytest.approx(1, abs=0.02)
    assert share_of_possible(r / 2, snippets) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("k", [0.5, 1, 4])
def test_worth_raters_finds_a_predictor_as_good_as_k_raters(k):
    truth, snippets = simulated(num_texts=20_000)
    predictor = truth + k**-0.5 * np.random.default_rng(8).normal(size=len(truth))
    r = pearson(predictor, [snippet.rating for snippet in snippets])
    assert worth_raters(r, snippets) == pytest.approx(k, rel=0.08)


def test_worth_raters_agrees_with_real_raters_held_out():
    """Two of the raters of a text, against the mean of those beyond the tenth."""
    snippets = load_domain("editorials")
    given = np.array([snippet.ratings[:20] for snippet in snippets])
    held_out = given[:, 10:].mean(axis=1)
    crowd = [
        Snippet(s.id, s.group, s.text, held_out[i], tuple(given[i, 10:].tolist()))
        for i, s in enumerate(snippets)
    ]
    for k in (1, 3):
        r = np.mean(
            [
                pearson(given[:, list(chosen)].mean(axis=1), held_out)
                for chosen in itertools.islice(itertools.combinations(range(10), k), 10)
            ]
        )
        assert worth_raters(r, crowd) == pytest.approx(k, rel=0.1)


def test_worth_raters_at_the_ends():
    _, snippets = simulated()
    assert worth_raters(-0.2, snippets) == worth_raters(0.0, snippets) == 0
    assert worth_raters(0.999, snippets) == float("inf")


@pytest.mark.parametrize("measure", [one_rater, reliability])
def test_no_text_has_no_raters(measure):
    with pytest.raises(ValueError, match="at least 1 text, got none"):
        measure([])
