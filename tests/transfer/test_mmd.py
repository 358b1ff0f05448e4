"""MMD, against loops over pairs."""

import math

import numpy as np
import pytest
import torch

from lessons_lib.transfer.unlabelled.mmd import mmd, squared_distances


def sides(num_source=4, num_target=5, d=3, shift=0.0):
    rng = torch.Generator().manual_seed(0)
    source = torch.randn(num_source, d, generator=rng, dtype=torch.float64)
    return source, torch.randn(num_target, d, generator=rng, dtype=torch.float64) + shift


def by_loops(source, target, factors):
    texts = [*source.tolist(), *target.tolist()]
    n = len(source)

    def apart(i, j):
        return sum((a - b) ** 2 for a, b in zip(texts[i], texts[j], strict=True))

    pairs = sorted(apart(i, j) for i in range(len(texts)) for j in range(len(texts)) if i != j)
    median = pairs[(len(pairs) - 1) // 2]  # torch takes the lower of the two in the middle

    def kernel(i, j):
        return sum(math.exp(-apart(i, j) / (f * median)) for f in factors) / len(factors)

    within = [
        np.mean([kernel(i, j) for i in side for j in side])
        for side in (range(n), range(n, len(texts)))
    ]
    between = np.mean([kernel(i, j) for i in range(n) for j in range(n, len(texts))])
    return within[0] + within[1] - 2 * between


def test_value_is_that_of_loops_over_all_pairs():
    source, target = sides(shift=0.5)
    for factors in ((1.0,), (0.5, 2.0)):
        wanted = by_loops(source, target, factors)
        assert mmd(source, target, factors).item() == pytest.approx(wanted)
    assert squared_distances(source, target)[1, 2].item() == pytest.approx(
        sum((source[1] - target[2]) ** 2).item()
    )


def test_it_is_0_for_the_same_set_in_any_order_symmetric_and_grows_with_the_shift():
    source, _ = sides()
    assert mmd(source, source.flip(0)).item() == pytest.approx(0, abs=1e-12)
    near, far = (mmd(*sides(50, 60, shift=shift)).item() for shift in (0.3, 1.5))
    assert 0 < near < far
    a, b = sides(shift=1.0)
    assert mmd(a, b).item() == pytest.approx(mmd(b, a).item())


def test_gradient_moves_the_target_towards_the_source():
    source, target = sides(30, 30, shift=2.0)
    target.requires_grad_()
    mmd(source, target).backward()
    assert (target.grad.mean(dim=0) > 0).all()  # downhill is towards the source


def test_errors_say_what_came():
    source, target = sides()
    with pytest.raises(ValueError, match=r"1 text at least: \(0, 3\) and \(5, 3\)"):
        mmd(source[:0], target)
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(5, 3\)"):
        mmd(source[:, :2], target)
    with pytest.raises(ValueError, match="there is no width for the kernels"):
        mmd(torch.ones(3, 2), torch.ones(3, 2))
