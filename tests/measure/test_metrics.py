"""Metrics: equal to the libraries' own, and their limits said."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from lessons_lib.measure.metrics import (
    macro_f1,
    mean_absolute_error,
    pearson,
    three_classes,
)


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
