"""Plan and history: the schedule by hand, what cannot be is refused, the curve is described."""

import math

import numpy as np
import pytest

from lessons_lib.training.plan import History, Plan


@pytest.mark.parametrize(
    ("decay", "wanted"),
    [
        ("linear", [1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0]),
        ("constant", [1.0, 2.0, 3.0, 4.0, 4.0, 4.0, 4.0, 4.0]),
        ("cosine", [1.0, 2.0, 3.0, 4.0, 4.0, 2 + 2 * 0.5**0.5, 2.0, 2 - 2 * 0.5**0.5]),
    ],
)
def test_schedule_by_hand(decay, wanted):
    plan = Plan(steps=8, learning_rate=4.0, warmup_steps=4, decay=decay)
    assert [plan.rate(step) for step in range(8)] == pytest.approx(wanted)


def test_schedule_without_warm_up_starts_at_its_peak_and_may_be_all_warm_up():
    assert [Plan(steps=2, learning_rate=1.0).rate(s) for s in range(2)] == [1.0, 0.5]
    only = Plan(steps=2, learning_rate=1.0, warmup_steps=2)
    assert [only.rate(s) for s in range(2)] == [0.5, 1.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decay": "step"}, "decay should be linear, cosine or constant, not 'step'"),
        ({"warmup_steps": 11}, "warmup_steps should be from 0 to steps = 10, not 11"),
        ({"warmup_steps": -1}, "warmup_steps should be a whole number of at least 0, not -1"),
        ({"steps": 0}, "steps should be a whole number of at least 1, not 0"),
        ({"check_every": 0}, "check_every should be a whole number of at least 1, not 0"),
        ({"patience": 0}, "patience should be a whole number of at least 1, not 0"),
    ],
)
def test_plans_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError) as raised:
        Plan(**({"steps": 10} | settings))
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "settings",
    [
        *({"clip_norm": value} for value in (0, -1, math.nan, math.inf)),
        *({"learning_rate": value} for value in (-1, math.nan, math.inf, "1e-3")),
        *({"weight_decay": value} for value in (-0.1, math.nan)),
        *({"steps": value} for value in (2.5, True, "3", None, math.nan)),
        *({name: 1.5} for name in ("warmup_steps", "check_every", "patience")),
    ],
    ids=str,
)
def test_numbers_out_of_their_range_are_refused_by_name(settings):
    ((name, value),) = settings.items()
    with pytest.raises(ValueError) as raised:
        Plan(**({"steps": 10} | settings))
    assert str(raised.value).startswith(f"{name} should be ")
    assert str(raised.value).endswith(f", not {value!r}")


def test_numbers_of_numpy_are_numbers():
    plan = Plan(steps=np.int64(3), learning_rate=np.float32(0.5), clip_norm=None, weight_decay=0)
    assert plan.rate(0) == 0.5


def test_looks_since_best_by_hand():
    assert History().looks_since_best() == 0
    assert History(validation=[(1, 2.0)]).looks_since_best() == 0
    assert History(validation=[(1, 2.0), (2, 1.0), (3, 1.0), (4, 5.0)]).looks_since_best() == 2


def test_plot_shows_a_described_figure(monkeypatch):
    shown = []

    def show(figure, alt):
        shown.append((figure, alt))

    monkeypatch.setattr("lessons_lib.training.plan.show", show)
    train_losses = [4.0] * 30 + [1.0] * 30
    History(train_losses, [(30, 3.5), (60, 1.5)]).plot("Reversing words")
    History([2.0]).plot()
    (figure, alt), (plain, plain_alt) = shown
    assert alt == (
        "Loss curve: Reversing words, over 60 steps: the training loss goes from 4 to 1 nats."
    )
    assert plain_alt == "Loss curve, over 1 steps: the training loss goes from 2 to 2 nats."
    axes = figure.axes[0]
    training, validation = axes.lines
    assert training.get_xdata().tolist() == list(range(1, 61))
    assert training.get_ydata()[34] == pytest.approx((15 * 4 + 5 * 1) / 20)  # mean of the last 20
    assert list(validation.get_xdata()) == [30, 60]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "loss (nats)")
    assert axes.get_title() == "Reversing words"
    assert len(plain.axes[0].lines) == 1


def test_plot_reaches_the_notebook(capsys):
    History([2.0, 1.0]).plot("Toy")
    assert "Figure: Loss curve: Toy, over 2 steps" in capsys.readouterr().out
