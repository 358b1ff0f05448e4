"""A lexicon's score beside the network: one weight, learnt."""

import numpy as np
import pytest
import torch

from lessons_lib.transfer.unlabelled.lexicon_feature import LexiconFeature, standardised_scores


def test_weight_is_that_of_a_regression_on_what_the_network_leaves():
    rng = np.random.default_rng(0)
    said, scores = rng.normal(size=(2, 500))
    wanted = said + 0.4 * scores + 0.1 * rng.normal(size=500)
    said, scores, wanted = (torch.tensor(x, dtype=torch.float32) for x in (said, scores, wanted))
    feature = LexiconFeature()
    optimiser = torch.optim.Adam(feature.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        (feature(said, scores) - wanted).square().mean().backward()
        optimiser.step()
    best = (scores * (wanted - said)).sum() / scores.square().sum()
    assert feature.weight.item() == pytest.approx(best.item(), abs=1e-3)


def test_scores_have_mean_0_and_spread_1():
    found = standardised_scores([0.1, 0.5, -0.4, 0.9])
    assert found.dtype == torch.float32
    assert found.mean().item() == pytest.approx(0, abs=1e-6)
    assert found.square().mean().item() == pytest.approx(1, abs=1e-6)


def test_errors_say_what_came():
    with pytest.raises(ValueError, match="it tells the texts apart by nothing"):
        standardised_scores([0.2, 0.2])
    with pytest.raises(ValueError, match="not finite"):
        standardised_scores([0.2, float("nan")])
