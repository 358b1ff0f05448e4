"""Saving: an interrupted run goes on exactly, and a file of another model changes nothing."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small_training import batches, loss_of, make_model, same, state_of, validate
from torch import nn

from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.training.saving import load_checkpoint


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


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"<html>" * 50,
        lambda content: content[:-50],
        lambda content: content.replace(b"[[", b"[{", 1),
    ],
)
def test_damaged_checkpoint_is_named_and_changes_nothing(tmp_path, damage):
    path = tmp_path / "run.safetensors"
    train(make_model(), batches(), loss_of, Plan(steps=2), checkpoint=path)
    path.write_bytes(damage(path.read_bytes()))
    model = make_model(seed=3)
    before = state_of(model)
    with pytest.raises(ValueError, match=r"checkpoint .*run\.safetensors is damaged"):
        train(model, batches(), loss_of, Plan(steps=4), checkpoint=path)
    assert same(state_of(model), before)
