"""The target's statistics in place of the source's, against numpy."""

import numpy as np
import pytest
import torch

from lessons_lib.transfer.unlabelled.target_statistics import as_if_from_source, statistics_of


def sides(d=3):
    rng = np.random.default_rng(0)
    source = rng.normal(size=(40, d)) * [1, 5, 0.2] + [0, 3, -2]
    return torch.tensor(source), torch.tensor(rng.normal(size=(30, d)) * 2 + 7)


def test_moved_features_have_the_sources_mean_and_spread():
    source, target = sides()
    moved = as_if_from_source(target, target, source)
    for found, wanted in zip(statistics_of(moved), statistics_of(source), strict=True):
        assert torch.allclose(found, wanted)
    assert np.allclose(statistics_of(source)[1], np.std(source.numpy(), axis=0, ddof=1))


def test_the_order_of_texts_within_one_feature_stays():
    source, target = sides()
    moved = as_if_from_source(target, target, source)
    assert moved.argsort(dim=0).equal(target.argsort(dim=0))


def test_a_few_texts_are_moved_by_the_statistics_of_many():
    source, target = sides()
    some = as_if_from_source(target[:4], target, source)
    assert torch.allclose(some, as_if_from_source(target, target, source)[:4])


def test_a_feature_that_does_not_vary_is_moved_and_not_stretched():
    source, target = sides()
    target[:, 1] = 7.0
    moved = as_if_from_source(target, target, source)
    assert torch.allclose(moved[:, 1], source[:, 1].mean())


def test_error_says_what_came():
    source, target = sides()
    with pytest.raises(ValueError, match=r"2 texts at least: \(1, 3\)"):
        as_if_from_source(target, target[:1], source)
