"""The fair protocol: against other libraries, against loops, and where the answer is known."""

import itertools

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from lessons_lib import fair
from lessons_lib.domains import Snippet, load_domain
from lessons_lib.fair import (
    holm,
    interval,
    macro_f1,
    mean_absolute_error,
    one_rater,
    paired_difference,
    pearson,
    reliability,
    share_of_possible,
    three_classes,
    worth_labels,
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


# --- measures ----------------------------------------------------------------------------------


def test_pearson_is_scipys():
    a, b = np.random.default_rng(0).normal(size=(2, 37))
    assert pearson(a, b) == pytest.approx(scipy.stats.pearsonr(a, b).statistic, abs=1e-12)
    assert pearson(list(a), tuple(3 * b + 7)) == pytest.approx(pearson(a, b))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1, 2, 3], [1, 2], r"equal length, 2 at least, got \(3,\), \(2,\)"),
        ([1], [2], "2 at least"),
        ([[1, 2]], [[1, 2]], r"got \(1, 2\)"),
        ([1, 2, float("nan")], [1, 2, 3], "first list holds 1 values that are not finite"),
        ([1, 2], [float("inf"), 3], "second list holds 1"),
        ([1, 2], [0.5, 0.5], r"second list is constant \(0.5\): r is not defined"),
    ],
)
def test_pearson_says_what_it_cannot_do(a, b, message):
    with pytest.raises(ValueError, match=message):
        pearson(a, b)


def test_mean_absolute_error_is_sklearns():
    a, b = np.random.default_rng(1).normal(size=(2, 37))
    assert mean_absolute_error(a, b) == pytest.approx(sklearn.metrics.mean_absolute_error(b, a))


def test_three_classes_have_an_open_middle():
    assert three_classes([-2, -0.5, 0, 0.5, 0.6], 0.5).tolist() == [-1, 0, 0, 0, 1]
    assert three_classes([-1e-9, 0, 1e-9], 0).tolist() == [-1, 0, 1]


def test_macro_f1_counts_each_class_alike_even_one_that_is_never_named():
    truth, said = [1] * 8 + [0, -1], [1] * 10
    precision, recall = 0.8, 1.0
    of_positive = 2 * precision * recall / (precision + recall)
    assert macro_f1(said, truth) == pytest.approx(of_positive / 3)


# --- interval ----------------------------------------------------------------------------------


def slow_bootstrap(predictions, ratings, groups, rng, times):
    """The same in a loop, a resample at a time, by the text."""
    members = [np.flatnonzero(np.array(groups) == group) for group in sorted(set(groups))]
    found = []
    for _ in range(times):
        texts = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        seeds = rng.integers(len(predictions), size=len(predictions))
        found.append(np.mean([pearson(predictions[s][texts], ratings[texts]) for s in seeds]))
    return found


def example(num_seeds=3, num_groups=40, size=3, seed=0):
    """Predictions (S, N) of some quality, ratings (N,), groups (N,)."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(num_groups), size)
    ratings = rng.normal(size=num_groups)[groups] + rng.normal(size=len(groups))
    predictions = ratings + rng.normal(size=(num_seeds, len(groups)))
    return predictions, ratings, groups


def test_interval_agrees_with_a_slow_loop():
    predictions, ratings, groups = example()
    found = interval(predictions, ratings, groups, num_resamples=4000)
    slow = slow_bootstrap(predictions, ratings, groups, np.random.default_rng(9), 2000)
    assert found.value == pytest.approx(np.mean([pearson(p, ratings) for p in predictions]))
    assert (found.low, found.high) == pytest.approx(np.percentile(slow, [2.5, 97.5]), abs=0.01)


def test_interval_holds_the_truth_about_19_times_in_20():
    rng, quality, held = np.random.default_rng(0), 0.6, 0
    for _ in range(400):
        ratings = rng.normal(size=200)
        predictions = quality * ratings + (1 - quality**2) ** 0.5 * rng.normal(size=200)
        found = interval(predictions, ratings, range(200), num_resamples=400)
        held += found.low <= quality <= found.high
    assert 0.91 <= held / 400 <= 0.98


def test_copies_in_a_group_add_no_certainty():
    predictions, ratings, _ = example(num_seeds=1, size=1)
    four_times = [np.repeat(x, 4, axis=-1) for x in (predictions, ratings)]
    once = interval(predictions, ratings, range(40))
    grouped = interval(*four_times, np.repeat(range(40), 4))
    careless = interval(*four_times, range(160))
    assert (grouped.low, grouped.high) == pytest.approx((once.low, once.high))
    assert careless.high - careless.low < 0.7 * (once.high - once.low)


def test_seeds_that_differ_widen_the_interval():
    _, ratings, groups = example()
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(3, len(ratings)))
    alike = ratings + 1.0 * noise
    unlike = ratings + np.array([0.2, 1.0, 5.0])[:, None] * noise
    narrow, wide = (interval(p, ratings, groups) for p in (alike, unlike))
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_each_seed_may_have_ratings_of_its_own():
    predictions, ratings, groups = example()
    shifted = np.stack([ratings, ratings * 2 + 1, ratings - 3])
    apart, together = (interval(predictions, y, groups) for y in (shifted, ratings))
    assert (apart.low, apart.high) == pytest.approx((together.low, together.high))


def test_interval_reads_well_and_is_the_same_each_time():
    predictions, ratings, groups = example()
    assert interval(predictions, ratings, groups) == interval(predictions, ratings, groups)
    assert str(fair.Interval(0.5, 0.456, 0.551)) == "0.50 [0.46, 0.55]"


@pytest.mark.parametrize(
    ("shape", "num_ratings", "num_groups"), [((2, 5), 6, 6), ((6,), 6, 5), ((2, 3, 6), 6, 6)]
)
def test_shapes_that_do_not_fit_are_named(shape, num_ratings, num_groups):
    with pytest.raises(ValueError, match=r"expected predictions \(seeds, texts\)"):
        interval(np.random.rand(*shape), np.arange(num_ratings), range(num_groups))


def test_constant_predictions_of_one_seed_are_named():
    predictions, ratings, groups = example()
    predictions[1] = 2.0
    with pytest.raises(ValueError, match=r"constant \(2\)"):
        interval(predictions, ratings, groups)


# --- differences -------------------------------------------------------------------------------


def test_difference_of_a_method_from_itself_is_nothing():
    predictions, ratings, groups = example(num_seeds=1)
    found = paired_difference(predictions, predictions, ratings, groups)
    assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_difference_turns_round_with_its_sides():
    predictions, ratings, groups = example(num_seeds=1)
    other = predictions + np.random.default_rng(5).normal(size=predictions.shape)
    there = paired_difference(predictions, other, ratings, groups)
    back = paired_difference(other, predictions, ratings, groups)
    assert there.value > 0 > back.value
    assert (there.low, there.high, there.p) == pytest.approx((-back.high, -back.low, back.p))


def test_pairing_sees_what_two_intervals_apart_do_not():
    rng = np.random.default_rng(0)
    ratings = rng.normal(size=300)
    shared = ratings + rng.normal(size=300)
    a, b = shared + 0.2 * rng.normal(size=300), shared + 0.6 * rng.normal(size=300)
    found = paired_difference(a, b, ratings, range(300))
    of_a, of_b = interval(a, ratings, range(300)), interval(b, ratings, range(300))
    assert of_a.low < of_b.high  # apart they overlap
    assert found.low > 0 and found.p < 0.05


def test_p_is_small_once_in_20_where_there_is_no_difference():
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        ratings = rng.normal(size=150)
        a, b = ratings + rng.normal(size=(2, 150))
        found.append(paired_difference(a, b, ratings, range(150), num_resamples=400).p)
    assert 0.02 <= np.mean(np.array(found) < 0.05) <= 0.09
    assert min(found) > 0


def test_numbers_of_seeds_may_differ():
    predictions, ratings, groups = example(num_seeds=3)
    assert paired_difference(predictions, predictions[0], ratings, groups).value < 1


def test_holm_by_hand_and_by_its_definition():
    assert holm([0.01, 0.04, 0.03, 0.005]).round(3).tolist() == [0.03, 0.06, 0.06, 0.02]
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    p = np.random.default_rng(0).random(7) * 0.1
    smallest_first = sorted(range(7), key=lambda i: p[i])
    for place, i in enumerate(smallest_first):
        up_to_here = [(7 - k) * p[j] for k, j in enumerate(smallest_first[: place + 1])]
        assert holm(p)[i] == pytest.approx(min(1, max(up_to_here)))


def test_holm_wants_p_values():
    with pytest.raises(ValueError, match="from 0 to 1"):
        holm([0.2, 1.2])


# --- raters ------------------------------------------------------------------------------------


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


def test_worth_labels_is_read_off_the_curve():
    labels, curve = [16, 64, 256], [0.2, 0.4, 0.6]
    assert worth_labels(0.4, labels, curve) == "64"
    assert worth_labels(0.3, labels, curve) == "32"
    assert worth_labels(0.2, labels, curve) == "16"
    assert worth_labels(0.1, labels, curve) == "fewer than 16"
    assert worth_labels(0.61, [16, 64, 2560], curve) == "more than 2,560"


def test_worth_labels_takes_the_first_number_that_is_enough_where_the_curve_falls():
    assert worth_labels(0.5, [16, 64, 256], [0.5, 0.4, 0.6]) == "16"


def test_worth_labels_wants_a_rising_list():
    with pytest.raises(ValueError, match="a rising list"):
        worth_labels(0.5, [64, 16], [0.2, 0.4])
