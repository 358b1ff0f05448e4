"""The training loop: schedule by hand, exact resuming, early stop, and loud about NaN."""

import json
import math

import matplotlib
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from lessons_lib.train import History, Plan, TrainingFault, load_checkpoint, train

matplotlib.use("Agg")


def make_model(seed=0, width=7, dropout_p=0.3):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(5, width), nn.LayerNorm(width), nn.Dropout(dropout_p), nn.Linear(width, 3)
    )


def batches(count=1_000, seed=0, size=16):
    """Points of five numbers, and which of the first three is the largest."""
    rng = torch.Generator().manual_seed(seed)
    for _ in range(count):
        x = torch.randn(size, 5, generator=rng)
        yield x, x[:, :3].argmax(dim=-1)


def loss_of(model, batch):
    return functional.cross_entropy(model(batch[0]), batch[1])


def validate(model):
    assert not model.training and not torch.is_grad_enabled()
    return loss_of(model, next(batches(seed=9, size=64)))


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# --- the schedule ---


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
        ({"warmup_steps": -1}, "warmup_steps should be from 0 to steps = 10, not -1"),
        ({"steps": 0}, "steps should be at least 1, not 0"),
        ({"check_every": 0}, "check_every should be at least 1, not 0"),
        ({"patience": 0}, "patience should be at least 1, not 0"),
    ],
)
def test_plans_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError) as raised:
        Plan(**({"steps": 10} | settings))
    assert str(raised.value) == message


# --- what a step does ---


def test_steps_equal_adamw_by_hand_with_rate_clipping_and_decay():
    """torch's AdamW on one parameter group each, stepped in a loop that is written out."""
    plan = Plan(steps=6, learning_rate=0.1, warmup_steps=2, weight_decay=0.5, clip_norm=0.25)
    ours, theirs = make_model(dropout_p=0.0), make_model(dropout_p=0.0)
    history = train(ours, batches(), loss_of, plan)
    decayed = {"0.weight", "3.weight"}  # biases and the norm are left alone
    optimisers = [
        torch.optim.AdamW([p], lr=1.0, weight_decay=0.5 if name in decayed else 0.0)
        for name, p in theirs.named_parameters()
    ]
    wanted, lengths = [], []
    for rate, batch in zip([0.05, 0.1, 0.1, 0.075, 0.05, 0.025], batches(), strict=False):
        theirs.zero_grad()
        loss = loss_of(theirs, batch)
        loss.backward()
        wanted.append(loss.item())
        gradients = [p.grad for p in theirs.parameters()]
        length = math.sqrt(sum(g.square().sum().item() for g in gradients))
        lengths.append(length)
        for gradient in gradients:
            gradient *= min(1.0, 0.25 / length)
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] = rate
            optimiser.step()
    assert max(lengths) > 0.25
    assert history.train == pytest.approx(wanted, abs=1e-6)
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-5)


def test_clipping_shortens_the_gradient_and_none_leaves_it():
    lengths = {}
    for clip_norm in (0.01, None):
        model = make_model(dropout_p=0.0)
        train(model, batches(), loss_of, Plan(steps=1, clip_norm=clip_norm))
        lengths[clip_norm] = math.sqrt(sum(p.grad.square().sum() for p in model.parameters()))
    assert lengths[0.01] == pytest.approx(0.01, rel=1e-3)
    assert lengths[None] > 0.1


def test_frozen_parameters_stay():
    model = make_model()
    model[0].requires_grad_(False)
    before = state_of(model)
    train(model, batches(), loss_of, Plan(steps=5, weight_decay=0.5))
    assert torch.equal(model[0].weight, before["0.weight"])
    assert not torch.equal(model[3].weight, before["3.weight"])


def test_loss_falls_and_the_model_is_left_in_evaluation_mode():
    model, told = make_model(), []
    history = train(
        model,
        batches(),
        loss_of,
        Plan(steps=300, learning_rate=0.02, warmup_steps=20, check_every=120),
        validate=validate,
        progress=lambda step, loss: told.append((step, loss)),
    )
    assert history.train[0] > 0.8  # three classes, nothing learnt yet: about ln 3 = 1.1
    assert sum(history.train[-20:]) / 20 < 0.5
    assert [step for step, _ in history.validation] == [120, 240, 300]  # and after the last step
    assert told == list(enumerate(history.train))
    assert not model.training and not history.stopped_early


def test_batches_may_be_a_list_and_must_last():
    few = list(batches(3))
    assert len(train(make_model(), few, loss_of, Plan(steps=3)).train) == 3
    with pytest.raises(ValueError, match="batches ended after 3 of 4 steps"):
        train(make_model(), few, loss_of, Plan(steps=4))


# --- the best state, and stopping early ---


def scripted(losses, seen=None):
    """Validation losses as they are given; `seen` collects the state at each look."""
    turn = iter(losses)

    def look(model):
        if seen is not None:
            seen.append(state_of(model))
        return next(turn)

    return look


def test_training_stops_after_patience_looks_and_keeps_the_best_state():
    model, seen = make_model(), []
    plan = Plan(steps=100, check_every=2, patience=3)
    losses = [3.0, 2.0, 2.5, 1.0, 1.5, 1.0, 1.2, 0.5]  # the second 1.0 is no new best
    history = train(model, batches(), loss_of, plan, validate=scripted(losses, seen))
    assert history.stopped_early
    assert history.validation == [(2 * i + 2, loss) for i, loss in enumerate(losses[:7])]
    assert len(history.train) == 14
    assert same(state_of(model), seen[3])
    assert history.looks_since_best() == 3


def test_early_stop_needs_no_batch_beyond_it():
    plan = Plan(steps=100, check_every=2, patience=1)
    history = train(make_model(), batches(4), loss_of, plan, validate=scripted([1.0, 2.0]))
    assert history.stopped_early and len(history.train) == 4


def test_patience_that_ends_with_the_last_step_is_no_early_stop():
    plan = Plan(steps=6, check_every=2, patience=2)
    history = train(make_model(), batches(), loss_of, plan, validate=scripted([1.0, 2.0, 3.0]))
    assert len(history.train) == 6 and not history.stopped_early


def test_without_patience_or_validation_all_steps_are_done():
    plan = Plan(steps=6, check_every=2)
    model, seen = make_model(), []
    history = train(model, batches(), loss_of, plan, validate=scripted([1.0, 2.0, 3.0], seen))
    assert len(history.train) == 6 and same(state_of(model), seen[0])
    free = Plan(steps=6, check_every=2, patience=1)
    assert len(train(make_model(), batches(), loss_of, free).train) == 6


def test_looks_since_best_by_hand():
    assert History().looks_since_best() == 0
    assert History(validation=[(1, 2.0)]).looks_since_best() == 0
    assert History(validation=[(1, 2.0), (2, 1.0), (3, 1.0), (4, 5.0)]).looks_since_best() == 2


# --- going on after an interruption ---


class PowerCut(Exception):
    pass


def cut_at(step):
    def progress(now, loss):
        if now == step:
            raise PowerCut

    return progress


LOSSES = {2: 3.0, 4: 2.0, 6: 2.5, 8: 2.2, 10: 2.1, 12: 0.1}  # patience of 3 ends it at step 10


@pytest.mark.parametrize(
    "interruptions", [[0], [1], [2], [3], [5], [6], [7], [9], [3, 7], [2, 4, 6, 8]]
)
def test_interrupted_run_equals_the_run_in_one_go(tmp_path, interruptions):
    """Dropout is on, the best state is that of step 4, and patience ends it at step 10."""
    plan = Plan(steps=40, learning_rate=0.05, check_every=2, patience=3, warmup_steps=3)
    looks = {}

    def run(model, path, progress=None):
        done = []

        def note(step, loss):
            done.append(step)
            if progress:
                progress(step, loss)

        def look(model):
            looks.setdefault(done[-1] + 1, state_of(model))
            torch.rand(3)  # validation may use random numbers too
            return LOSSES[done[-1] + 1]

        return train(model, batches(), loss_of, plan, validate=look, checkpoint=path, progress=note)

    whole = make_model()
    torch.manual_seed(1)
    wanted = run(whole, tmp_path / "whole.safetensors")
    random_after = torch.rand(4)
    assert wanted.stopped_early and len(wanted.train) == 10
    assert same(state_of(whole), looks[4])

    path = tmp_path / "cut.safetensors"
    torch.manual_seed(1)
    broken = make_model()
    torch.manual_seed(1)
    for number, step in enumerate(interruptions):
        with pytest.raises(PowerCut):
            run(broken, path, cut_at(step))
        if path.exists():  # a new process: other weights, another random state
            broken = make_model(seed=10 + number)
            torch.manual_seed(99 + number)
        else:
            broken = make_model()
            torch.manual_seed(1)
    resumed = run(broken, path)
    assert resumed == wanted
    assert same(state_of(broken), state_of(whole))
    assert torch.equal(torch.rand(4), random_after)
    assert not list(tmp_path.glob("*.part"))

    again = make_model(seed=50)  # a run that is over is not gone on with
    assert run(again, path) == wanted
    assert same(state_of(again), state_of(whole))


def test_finished_run_can_be_made_longer(tmp_path):
    path = tmp_path / "run.safetensors"
    short = Plan(steps=4, check_every=2, decay="constant")
    longer = Plan(steps=8, check_every=2, decay="constant")
    train(make_model(), batches(), loss_of, short, checkpoint=path)
    history = train(make_model(seed=3), batches(), loss_of, longer, checkpoint=path)
    assert len(history.train) == 8


def test_checkpoint_is_safetensors_and_json_only(tmp_path):
    path = tmp_path / "run.safetensors"
    history = train(
        make_model(),
        batches(),
        loss_of,
        Plan(steps=4, check_every=2),
        validate=validate,
        checkpoint=path,
    )
    with safe_open(path, framework="pt") as file:
        kinds = {name.split(".")[0] for name in file.keys()}  # noqa: SIM118
        notes = file.metadata()
    assert kinds == {"model", "best", "optimiser", "random"}
    losses, looks = json.loads(notes["history"])
    assert losses == history.train and [tuple(look) for look in looks] == history.validation


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: make_model(width=8), "0.weight is (7, 5) there and (8, 5) here"),
        (
            lambda: nn.Sequential(*make_model(), nn.Linear(3, 3)),
            "4.weight is None there and (3, 3) here",
        ),
        (lambda: make_model()[:3], "3.bias is (3,) there and None here"),
    ],
)
def test_checkpoint_of_another_model_is_refused_and_changes_nothing(tmp_path, other, message):
    path = tmp_path / "run.safetensors"
    train(make_model(), batches(), loss_of, Plan(steps=2), checkpoint=path)
    model = other()
    before, kept = state_of(model), path.read_bytes()
    with pytest.raises(ValueError) as raised:
        train(model, batches(), loss_of, Plan(steps=4), checkpoint=path)
    assert str(raised.value) == f"{path} is a checkpoint of another model: {message}"
    assert same(state_of(model), before) and path.read_bytes() == kept


def test_file_that_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"model.0.weight": torch.zeros(7, 5)}, path)
    with pytest.raises(ValueError, match=r"safetensors is not a checkpoint that `train` has"):
        load_checkpoint(path, make_model(), None)


# --- numbers that are none ---


def spoilt_batches(at, count=20):
    for number, (x, y) in enumerate(batches(count)):
        yield (x * math.nan if number == at else x), y


def run_into_fault(tmp_path, model, plan=None, data=None, loss=loss_of, **more):
    path = tmp_path / "run.safetensors"
    with pytest.raises(TrainingFault) as raised:
        train(
            model,
            data or batches(),
            loss,
            plan or Plan(steps=20, check_every=2),
            checkpoint=path,
            **more,
        )
    return str(raised.value), path


def steps_saved(path):
    with safe_open(path, framework="pt") as file:
        finite = all(torch.isfinite(file.get_tensor(name)).all() for name in file.keys())  # noqa: SIM118
        assert finite
        return len(json.loads(file.metadata()["history"])[0])


def test_nan_in_a_batch_stops_and_the_last_good_checkpoint_stays(tmp_path):
    message, path = run_into_fault(tmp_path, make_model(), data=spoilt_batches(at=5))
    assert message == (
        "step 5 (from 0): the loss is nan; "
        "all weights are finite, so look at the batch and the loss"
    )
    assert steps_saved(path) == 4
    history = train(make_model(1), batches(), loss_of, Plan(steps=6), checkpoint=path)
    assert len(history.train) == 6  # with mended data it goes on


def test_nan_in_a_weight_names_step_and_layer(tmp_path):
    model = make_model()

    def spoil(step, loss):
        if step == 4:
            with torch.no_grad():
                model[1].weight[2] = math.nan

    message, path = run_into_fault(tmp_path, model, progress=spoil)
    assert message == (
        "step 5 (from 0): the loss is nan; the first weight that is not finite is in 1.weight"
    )
    assert steps_saved(path) == 4


def test_bad_weight_is_never_saved(tmp_path):
    """Spoilt right before a look, by a weight that the loss does not see."""
    model = make_model()
    model.register_parameter("idle", nn.Parameter(torch.zeros(2)))

    def spoil(step, loss):
        if step == 5:
            with torch.no_grad():
                model.idle[1] = math.inf

    message, path = run_into_fault(tmp_path, model, progress=spoil)
    assert message == (
        "step 5 (from 0): a weight is not finite; the first weight that is not finite is in idle"
    )
    assert steps_saved(path) == 4


def test_infinite_gradient_names_step_and_layer(tmp_path):
    calls = []

    def loss(model, batch):
        calls.append(1)
        root = (model[3].bias[0] * 0).sqrt()  # worth 0, but of infinite slope
        return loss_of(model, batch) + (root if len(calls) == 4 else 0)

    message, path = run_into_fault(tmp_path, make_model(), loss=loss)
    assert message == (
        "step 3 (from 0): a gradient is not finite; "
        "the first gradient that is not finite is in 3.bias"
    )
    assert steps_saved(path) == 2


def test_nan_in_the_validation_loss_stops(tmp_path):
    message, path = run_into_fault(tmp_path, make_model(), validate=scripted([1.0, math.nan, 0.5]))
    assert message.startswith("step 3 (from 0): the validation loss is nan; all weights are")
    assert steps_saved(path) == 2


# --- the figure ---


def test_plot_shows_a_described_figure(monkeypatch):
    shown = []

    def show(figure, alt):
        shown.append((figure, alt))

    monkeypatch.setattr("lessons_lib.train.show", show)
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
