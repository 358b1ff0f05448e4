"""Metrics: equal to the libraries' own, and their limits said."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from lessons_lib.measure.metrics import (
    column,
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


SQUARE = np.arange(6.0)[:, None]  # (N, 1) beside (N,) broadcasts to (N, N)


@pytest.mark.parametrize(
    "call",
    [
        lambda: column(SQUARE, "it"),
        lambda: pearson(SQUARE[:, 0], SQUARE),
        lambda: mean_absolute_error(SQUARE[:, 0], SQUARE),
        lambda: mean_absolute_error([1], [1, 2]),
        lambda: mean_absolute_error([], []),
        lambda: three_classes(SQUARE, 0.5),
        lambda: macro_f1(SQUARE > 2, SQUARE[:, 0] > 2),
    ],
)
def test_a_column_of_another_shape_is_refused(call):
    with pytest.raises(ValueError, match=r"should be a list \(N,\)|two lists of equal length"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda bad: column([1, bad], "it"),
        lambda bad: mean_absolute_error([1, 2], [1, bad]),
        lambda bad: three_classes([1, bad], 0.5),
        lambda bad: macro_f1([1, bad], [1, 0]),
    ],
)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_never_passes_as_an_answer(call, bad):
    with pytest.raises(ValueError, match="holds 1 values that are not finite"):
        call(bad)


def test_classes_and_thresholds_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"-1, 0 and 1 only, not \[5.0\]"):
        macro_f1([5, 1], [1, 1])
    with pytest.raises(ValueError, match="threshold should be at least 0, not -1"):
        three_classes([0.5], -1)
