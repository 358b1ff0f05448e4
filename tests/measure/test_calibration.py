"""Calibration and conformal intervals: by hand, and against what they promise."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lessons_lib.measure.calibration import (
    best_temperature,
    conformal_half_width,
    expected_calibration_error,
)


def test_gaps_are_weighed_by_the_texts_of_their_bin():
    sure, right = [0.95, 0.95, 0.95, 0.55], [1, 1, 0, 1]
    # three at .95 of which two are right: 3 x .95 - 2 = .85; one at .55 that is right: .45
    assert expected_calibration_error(sure, right) == pytest.approx((0.85 + 0.45) / 4)
    assert expected_calibration_error([1.0, 0.0], [1, 0]) == 0
    assert expected_calibration_error(sure, right, 1) == pytest.approx(abs(3.4 - 3) / 4)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
def test_the_temperature_is_the_inverse_of_a_logistic_slope(scale):
    rng = np.random.default_rng(0)
    odds = rng.normal(0, 2, 4000)
    truth = rng.random(4000) < 1 / (1 + np.exp(-odds / scale))
    slope = LogisticRegression(C=1e9, fit_intercept=False).fit(odds[:, None], truth).coef_[0, 0]
    assert best_temperature(odds, truth) == pytest.approx(1 / slope, rel=0.05)


def test_conformal_intervals_hold_what_they_promise():
    rng, held = np.random.default_rng(1), []
    for _ in range(2000):
        errors = rng.standard_t(2, size=30)
        half = conformal_half_width(errors[:29], 0.8)
        held.append(abs(errors[29]) <= half)
    # at least .8, and at most .8 + 1/30
    assert 0.8 - 0.02 < np.mean(held) < 0.8 + 1 / 30 + 0.02
    assert conformal_half_width([1.0] * 8, 0.9) == math.inf
    assert conformal_half_width(range(1, 10), 0.9) == 9.0


@pytest.mark.parametrize(
    ("function", "arguments", "said"),
    [
        (expected_calibration_error, ([1.2], [1]), "confidences from 0 to 1"),
        (expected_calibration_error, ([0.2], [1, 0]), "got 1 and 2"),
        (best_temperature, ([0.2], [1, 0]), "for each of 1 logits, got 2"),
        (conformal_half_width, ([0.2], 1.0), "below 1, not 1.0"),
    ],
)
def test_bad_input_is_told(function, arguments, said):
    with pytest.raises(ValueError, match=said):
        function(*arguments)
