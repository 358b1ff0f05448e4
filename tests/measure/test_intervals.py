"""The fair protocol: against other libraries, against loops, and where the answer is known."""

import numpy as np
import pytest

from lessons_lib.measure import intervals
from lessons_lib.measure.intervals import (
    holm,
    interval,
    interval_score,
    paired_difference,
    resampled_r,
)
from lessons_lib.measure.metrics import (
    pearson,
)

# --- measures ----------------------------------------------------------------------------------


# --- interval ----------------------------------------------------------------------------------


def slow_bootstrap(predictions, ratings, groups, rng, times):
    """The same in a loop, a resample at a time, by the text."""
    members = [np.flatnonzero(np.array(groups) == group) for group in sorted(set(groups))]
    found = []
    for _ in range(times):
        texts = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        seeds = rng.integers(len(predictions), size=len(predictions) - 1)
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


def test_seeds_drawn_vary_as_much_as_new_seeds_would():
    """The mean of 5 resampled seeds has the variance that means of 5 new seeds have."""
    rng = np.random.default_rng(0)
    found = [
        intervals._mean_over_seeds(np.tile(rng.normal(size=5), (2000, 1)), rng).var()
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(1 / 5, rel=0.08)  # with 5 drawn of 5 it is 4 / 25


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
    assert str(intervals.Interval(0.5, 0.456, 0.551)) == "0.50 [0.46, 0.55]"


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


def test_a_seed_that_says_the_same_of_every_text_may_count_as_0():
    predictions, ratings, groups = example()
    with_dead = np.vstack([predictions, np.full(len(ratings), 0.63)])
    found = interval(with_dead, ratings, groups, constant=0.0)
    assert found.value == pytest.approx(interval(predictions, ratings, groups).value * 3 / 4)
    assert found.low < found.value < found.high
    gap = paired_difference(with_dead, predictions, ratings, groups, constant=0.0)
    assert gap.value == pytest.approx(-found.value / 3)
    with pytest.raises(ValueError, match="constant"):
        interval(with_dead, ratings, groups)


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


def test_resampled_r_agrees_with_the_intervals_of_each_method():
    a, ratings, groups = example()
    b = example(seed=1)[0]
    values, drawn = resampled_r([a, b], ratings, groups, num_resamples=4000)
    assert drawn.shape == (2, 4000)
    for value, row, predictions in zip(values, drawn, (a, b), strict=True):
        one = interval(predictions, ratings, groups, num_resamples=4000)
        assert value == one.value
        assert np.percentile(row, [2.5, 97.5]) == pytest.approx((one.low, one.high), abs=0.01)


def test_resampled_r_counts_a_seed_that_says_one_thing_as_asked():
    a, ratings, groups = example()
    mute = np.array([np.ones(len(ratings)), np.asarray(a)[0]])
    values, drawn = resampled_r([mute], ratings, groups, num_resamples=50, constant=0.0)
    alone = resampled_r([mute[1]], ratings, groups, num_resamples=50)[0][0]
    assert values[0] == pytest.approx(alone / 2)
    assert set(np.isclose(drawn[0], 0.0)) == {True, False}  # one of the two is drawn
    with pytest.raises(ValueError, match="constant"):
        resampled_r([mute], ratings, groups)


def test_interval_score_is_least_on_average_for_the_honest_quantiles():
    outcomes = np.random.default_rng(0).normal(size=20_000)
    mean = {
        half: np.mean([interval_score(-half, half, x) for x in outcomes])
        for half in (0.6, 1.0, 1.2816, 1.6, 2.5)
    }
    assert min(mean, key=mean.get) == 1.2816  # 80% of a normal lie within


@pytest.mark.parametrize(("low", "high", "level"), [(2, 1, 0.8), (1, 2, 1.0), (1, 2, 0.0)])
def test_interval_score_wants_an_interval_and_a_probability(low, high, level):
    with pytest.raises(ValueError, match="low <= high"):
        interval_score(low, high, 1.5, level)


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


@pytest.mark.parametrize("ask", [interval, lambda *args: paired_difference(args[0], *args)])
def test_one_group_alone_has_no_interval(ask):
    ratings = np.arange(6.0)
    with pytest.raises(ValueError, match="2 groups of texts at least, got one, 7: an interval"):
        ask(ratings**2, ratings, [7] * 6)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_column_of_shape_n_1_is_refused_anywhere(place):
    arguments = [np.arange(6.0) ** 2, np.arange(6.0), np.arange(6)]
    arguments[place] = arguments[place][:, None]
    with pytest.raises(ValueError, match=r"expected predictions \(seeds, texts\)"):
        interval(*arguments)


def test_no_resample_gives_no_interval():
    predictions, ratings, groups = example()
    with pytest.raises(ValueError, match="num_resamples should be at least 1, not 0"):
        interval(predictions, ratings, groups, num_resamples=0)


@pytest.mark.parametrize("p", [[[0.1], [0.2]], 0.1, [0.1, np.nan]])
def test_holm_wants_a_list_of_finite_numbers(p):
    with pytest.raises(ValueError, match="the list of p values"):
        holm(p)


# --- raters ------------------------------------------------------------------------------------
