"""The training loop: schedule by hand, exact resuming, early stop, and loud about NaN."""

import json
import math

import matplotlib
import pytest
import torch
from safetensors import safe_open
from small_training import batches, loss_of, make_model, same, state_of, validate
from torch import nn

from lessons_lib.training.loop import TrainingFault, train
from lessons_lib.training.plan import Plan

matplotlib.use("Agg")


# --- the schedule ---


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


# --- what cannot be, said before the first step ---


def never(model, batch):
    raise AssertionError("a step was made")


def test_nothing_to_train_is_said():
    model = make_model().requires_grad_(False)
    with pytest.raises(ValueError, match="Sequential has nothing to train"):
        train(model, batches(), never, Plan(steps=2))
    with pytest.raises(ValueError, match="nothing to train"):
        train(make_model(), batches(), never, Plan(steps=2), groups=[])


def test_a_checkpoint_without_a_place_is_said_before_the_first_step(tmp_path):
    (tmp_path / "file").touch()
    for place, error in (
        (tmp_path / "missing" / "run", FileNotFoundError),
        (tmp_path / "file" / "run", NotADirectoryError),
        (tmp_path, IsADirectoryError),
    ):
        with pytest.raises(error, match="checkpoint"):
            train(make_model(), batches(), never, Plan(steps=2), checkpoint=place)


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


# --- going on after an interruption ---


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
