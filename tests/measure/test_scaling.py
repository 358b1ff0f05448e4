"""Scaling laws: costs counted by torch's own counter, and laws found again that were put in."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from lessons_lib.measure import scaling
from lessons_lib.model.layers import Config
from lessons_lib.model.transformer import LanguageModel
from lessons_lib.training.objectives import prediction_loss


@pytest.mark.parametrize(("d_model", "num_layers", "length"), [(24, 1, 7), (40, 3, 13)])
def test_torch_counts_as_many_operations(d_model, num_layers, length):
    config = Config(d_model=d_model, num_heads=4, num_layers=num_layers, d_ff=3 * d_model)
    model, batch, vocab_size = LanguageModel(50, config), 5, 50
    ids = torch.randint(50, (batch, length + 1))
    # Attention in one piece is not counted on the CPU; step by step it is.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        prediction_loss(model, (ids[:, :-1], ids[:, 1:])).backward()
    own = scaling.training_flops(d_model, num_layers, 3 * d_model, vocab_size, length)
    assert counted.get_total_flops() == batch * length * own


def test_the_bottom_of_a_parabola_is_found_where_it_is():
    sizes = [5e3, 2e4, 7e4, 3e5]
    losses = [2.5 + 0.3 * np.log(size / 3e4) ** 2 for size in sizes]
    size, loss = scaling.best_size(sizes, losses)
    assert size == pytest.approx(3e4) and loss == pytest.approx(2.5)


@pytest.mark.parametrize("losses", [[5.0, 4.0, 3.5], [3.5, 4.0, 5.0], [3.0, 4.0, 3.5]])
def test_a_bottom_that_nobody_measured_is_not_told(losses):
    """Still falling at the largest size, rising from the smallest on, bent the wrong way."""
    best = min(range(3), key=losses.__getitem__)
    assert scaling.best_size([10, 100, 1_000], losses) == (10 ** (best + 1), losses[best])


def test_too_few_points_for_a_parabola_are_refused():
    with pytest.raises(ValueError, match="three sizes with a loss each; got 2 sizes and 2 losses"):
        scaling.best_size([1, 2], [3, 4])


def by_a_law(noise: float = 0.0) -> dict:
    """Losses of three seeds whose best size is 100 C^0.5, and whose loss there is 8 C^-0.1."""
    rng = np.random.default_rng(1)
    sizes = (1e3, 1e4, 1e5, 1e6)

    def loss(budget, size):
        return 8 * budget**-0.1 + 0.02 * np.log(size / (100 * budget**0.5)) ** 2

    return {
        budget: {
            size: [loss(budget, size) + noise * rng.normal() for _ in range(3)] for size in sizes
        }
        for budget in (1e4, 1e5, 1e6)
    }


def test_the_exponents_that_were_put_in_come_out():
    assert scaling.exponents(by_a_law()) == pytest.approx((0.5, -0.1))
    first, *_ = scaling.frontier(by_a_law())
    assert first == pytest.approx((1e4, 1e4, 8 * 10**-0.4))


def test_losses_are_those_of_whole_final_runs():
    def run(variant, stage, loss, **more):
        return {"variant": variant, "stage": stage, **more} | (
            {} if more else {"numbers": {"parameters": int(variant[0]), "loss": loss}}
        )

    runs = [
        run(["16", "8e10"], "search", 9.0),
        run(["16", "8e10"], "final", 1.0),
        run(["16", "8e10"], "final", 2.0),
        run(["32", "8e10"], "final", 3.0),
        run(["32", "8e10"], "final", 0.0, failed="the loss is nan"),
        run(["32", "8e10", "an eighth"], "final", 8.0),
        run(["16", "3.2e11"], "final", 4.0),
    ]
    wanted = {8e10: {16: [1.0, 2.0], 32: [3.0]}, 3.2e11: {16: [4.0]}}
    assert scaling.losses_of({"runs": runs}) == wanted


def test_drawn_exponents_spread_with_the_seeds_and_only_with_them():
    assert np.ptp(scaling.exponents_drawn(by_a_law(), 20), axis=0).max() < 1e-9
    noisy = by_a_law(noise=0.03)
    drawn = scaling.exponents_drawn(noisy, 200)
    assert drawn.shape == (200, 2)
    for found, column in zip(scaling.exponents(noisy), drawn.T, strict=True):
        low, high = np.quantile(column, [0.025, 0.975])
        assert low < found < high and high - low > 0.001
    assert (drawn == scaling.exponents_drawn(noisy, 200)).all()
