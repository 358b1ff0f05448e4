"""What a result is worth in labels: read off a curve, and how sure that is."""

import re

import numpy as np
import pytest

from lessons_lib.measure.labels import worth_labels, worth_labels_between


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


@pytest.mark.parametrize(
    ("r", "numbers", "curve"),
    [
        (np.nan, [16, 64], [0.2, 0.4]),
        (0.3, [16, 64], [0.2, np.nan]),
        (0.3, [16, 64], [[0.2], [0.4]]),
        (0.3, [0, 64], [0.2, 0.4]),
        (0.3, [], []),
    ],
)
def test_worth_labels_wants_finite_numbers(r, numbers, curve):
    with pytest.raises(ValueError, match=r"finite|should be a list|a rising list"):
        worth_labels(r, numbers, curve)


def curves(noises, num_seeds=3, num_texts=400):
    """Predictions of three qualities, and the ratings."""
    rng = np.random.default_rng(0)
    ratings = rng.normal(size=num_texts)
    return ratings, [ratings + noise * rng.normal(size=(num_seeds, num_texts)) for noise in noises]


def test_the_interval_holds_the_value_and_shrinks_with_more_texts():
    widths = []
    for num_texts in (200, 5000):
        ratings, (*curve, own) = curves((4, 2, 1, 0.6, 1.4), num_texts=num_texts)
        told = worth_labels_between(own, [16, 64, 256, 1024], curve, ratings, range(num_texts))
        value, low, high = (float(n) for n in re.findall(r"\d+", told.replace(",", "")))
        assert low <= value <= high and 64 < value < 256
        widths.append(high / low)
    assert widths[1] < widths[0] / 1.5


def test_an_end_beyond_the_curve_is_said_to_be_beyond_it():
    ratings, (low, high, own) = curves((4, 1, 1))
    told = worth_labels_between(own, [16, 256], [low, high], ratings, range(len(ratings)))
    assert told.endswith("more than 256]")
    told = worth_labels_between(low, [16, 256], [low, high], ratings, range(len(ratings)))
    assert "fewer than 16" in told


def test_every_number_of_labels_has_its_point():
    ratings, curve = curves((4, 1))
    with pytest.raises(ValueError, match="of the same length"):
        worth_labels_between(curve[0], [16], curve, ratings, range(len(ratings)))
