"""The rate climbs by a constant factor, stops where the loss breaks, and leaves no trace."""

import matplotlib
import pytest
import torch
from torch import nn
from torch.nn import functional

from lessons_lib.training.rate_finder import RateCurve, find_rate

matplotlib.use("Agg")


def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 3))


def batches(seed=0):
    rng = torch.Generator().manual_seed(seed)
    while True:
        x = torch.randn(32, 5, generator=rng)
        yield x, x[:, :3].argmax(dim=-1)


def loss_of(model, batch):
    return functional.cross_entropy(model(batch[0]), batch[1])


def test_rates_climb_by_a_constant_factor():
    curve = find_rate(make_model(), batches(), loss_of, lowest=1e-3, highest=1e-1, steps=5)
    assert curve.rates == pytest.approx([1e-3, 10**-2.5, 1e-2, 10**-1.5, 1e-1])
    assert len(curve.losses) == 5


def test_first_loss_is_that_of_the_model_as_it_was():
    model = make_model()
    curve = find_rate(model, batches(), loss_of, steps=10)
    assert curve.losses[0] == pytest.approx(loss_of(model, next(batches())).item())


def test_ramp_ends_where_the_loss_breaks():
    curve = find_rate(make_model(), batches(), loss_of, lowest=1e-3, highest=1e4, steps=80)
    assert len(curve.rates) < 80
    assert curve.losses[-1] > 2 * min(curve.losses)


def test_loss_that_is_no_number_ends_the_ramp_too():
    def breaks(model, batch):
        loss = loss_of(model, batch)
        return loss if loss > 1.0 else loss * torch.nan

    curve = find_rate(make_model(), batches(), breaks, lowest=1e-2, highest=0.3, steps=60)
    assert 1 < len(curve.rates) < 60
    assert all(loss == loss for loss in curve.losses)


def test_model_and_random_state_are_left_as_they_were():
    model = make_model()
    before = [tensor.clone() for tensor in model.parameters()]
    state = torch.get_rng_state()
    find_rate(nn.Sequential(nn.Dropout(0.5), model), batches(), loss_of, steps=20)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(map(torch.equal, model.parameters(), before))


def test_training_at_the_suggestion_works():
    curve = find_rate(make_model(), batches(), loss_of, lowest=1e-4, highest=10.0)
    model = make_model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=curve.suggestion())
    data = batches(seed=1)
    before = loss_of(model, next(data)).item()
    for _ in range(60):
        loss = loss_of(model, next(data))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.6 * before


def test_suggestion_is_a_tenth_of_the_best_rate():
    assert RateCurve([1e-4, 1e-3, 1e-2], [2.0, 1.0, 3.0]).suggestion() == pytest.approx(1e-4)


def test_plot_tells_what_it_shows(capsys):
    RateCurve([1e-4, 1e-3, 1e-2], [2.0, 1.0, 3.0]).plot("Which rate?")
    assert "lowest near 1e-03" in capsys.readouterr().out


@pytest.mark.parametrize(("lowest", "highest", "steps"), [(0, 1, 9), (1, 1, 9), (0.1, 1, 1)])
def test_ramp_that_does_not_climb_is_an_error(lowest, highest, steps):
    with pytest.raises(ValueError, match="0 < lowest < highest and at least 2 steps"):
        find_rate(make_model(), batches(), loss_of, lowest=lowest, highest=highest, steps=steps)
