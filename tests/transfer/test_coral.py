"""CORAL, against numpy's covariance and loops."""

import numpy as np
import pytest
import torch

from lessons_lib.transfer.unlabelled.coral import coral_loss, covariance


def sides(num_source=6, num_target=9, d=4):
    rng = np.random.default_rng(0)
    return (
        torch.tensor(rng.normal(size=(num_source, d))),
        torch.tensor(rng.normal(size=(num_target, d)) @ rng.normal(size=(d, d))),
    )


def test_loss_is_that_of_a_loop_over_numpys_covariances():
    source, target = sides()
    gap = np.cov(source.numpy().T) - np.cov(target.numpy().T)
    wanted = sum(value**2 for row in gap.tolist() for value in row) / (4 * 4**2)
    assert coral_loss(source, target).item() == pytest.approx(wanted)
    assert np.allclose(covariance(target), np.cov(target.numpy().T))


def test_equal_sets_and_shifted_sets_cost_nothing_and_stretched_ones_do():
    source, _ = sides()
    assert coral_loss(source, source).item() == 0
    assert coral_loss(source, source + 5).item() == pytest.approx(0, abs=1e-20)
    assert coral_loss(source, 2 * source).item() > 0.01


def test_gradient_is_right_by_small_steps():
    source, target = (x.requires_grad_() for x in sides())
    assert torch.autograd.gradcheck(coral_loss, (source, target))


def test_errors_say_what_came():
    source, target = sides()
    with pytest.raises(ValueError, match=r"2 texts at least: \(1, 4\)"):
        coral_loss(source[:1], target)
    with pytest.raises(ValueError, match="as many features: 3 and 4"):
        coral_loss(source[:, :3], target)
