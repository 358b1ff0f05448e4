"""Neighbours and prototypes: by hand, and against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import KNeighborsRegressor

from lessons_lib.transfer.few_labels.neighbours import neighbours_say, prototypes_say


def some(n=7, k=5, d=3):
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=rng) for shape in ((n, d), (k, d), (k,))]


def test_a_cold_temperature_asks_the_nearest_and_a_hot_one_all():
    features, labelled, ratings = some()
    nearest = KNeighborsRegressor(1, metric="cosine").fit(labelled, ratings).predict(features)
    assert np.allclose(neighbours_say(features, labelled, ratings, 1e-3), nearest, atol=1e-5)
    hot = neighbours_say(features, labelled, ratings, 1e6)
    assert torch.allclose(hot, ratings.mean().expand(7), atol=1e-4)


def test_weights_are_those_of_attention():
    features, labelled, ratings = some()
    near = np.exp(cosine_similarity(features, labelled) / 0.3)
    wanted = (near @ ratings.numpy()) / near.sum(axis=1)
    assert np.allclose(neighbours_say(features, labelled, ratings, 0.3), wanted, atol=1e-5)


def test_prototypes_are_means_of_the_outermost():
    features, labelled, _ = some(k=6)
    ratings = torch.tensor([3.0, -2.0, 0.1, -0.1, -3.0, 2.0])
    units = labelled.numpy() / np.linalg.norm(labelled.numpy(), axis=1, keepdims=True)
    for share, good, bad in ((1.0, [0, 5, 2], [4, 1, 3]), (0.67, [0, 5], [4, 1]), (0.1, [0], [4])):
        ends = np.stack([units[good].mean(axis=0), units[bad].mean(axis=0)])
        near = cosine_similarity(features.numpy(), ends)
        wanted = near[:, 0] - near[:, 1]
        assert np.allclose(prototypes_say(features, labelled, ratings, share), wanted, atol=1e-5)


@pytest.mark.parametrize("say", [neighbours_say, prototypes_say])
def test_shapes_that_disagree_are_told(say):
    features, labelled, ratings = some()
    with pytest.raises(ValueError, match=r"got \[\(7, 3\), \(5, 3\), \(4,\)\]"):
        say(features, labelled, ratings[:4])
    with pytest.raises(ValueError, match="a labelled text at least"):
        say(features, labelled[:0], ratings[:0])


def test_settings_out_of_range_are_told():
    features, labelled, ratings = some()
    with pytest.raises(ValueError, match="temperature should be above 0, not 0"):
        neighbours_say(features, labelled, ratings, 0)
    with pytest.raises(ValueError, match="share should be above 0 and at most 1, not 2"):
        prototypes_say(features, labelled, ratings, 2)
    with pytest.raises(ValueError, match="2 different ratings"):
        prototypes_say(features, labelled, ratings * 0)
