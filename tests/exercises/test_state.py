"""Judging in a fixed state: the reader's settings change no verdict, and a check changes none."""

import contextlib
import math
import random
import subprocess
import sys

import numpy
import pytest
import torch

from lessons_lib.exercises.engine import guard, judging, registry

SOME = [
    registry.find(name)
    for name in (
        "start_here.step_down",
        "sequences_before_attention.recurrent",
        "self_attention.soft_lookup",
        "self_attention.attention",
        "multi_head_attention.multi_head",
        "positional_encoding.rotary",
        "transformer.layer_norm",
        "pretraining.masked_loss",
        "real_weights.pooling",
        "domains_and_transfer.paired",
        "fine_tuning.kept",
    )
]
MEASURED = [
    registry.find(name)
    for name in (
        "sequences_before_attention.gradient_reach",
        "self_attention.largest_weight",
        "multi_head_attention.one_head",
        "transformer.cross_shape",
    )
]
CAUSAL = registry.find("self_attention.causal")


def good(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril()


@contextlib.contextmanager
def no_gradients():
    torch.set_grad_enabled(False)
    try:
        yield
    finally:
        torch.set_grad_enabled(True)


@contextlib.contextmanager
def doubles():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def moved_random_numbers():
    random.seed(7)
    numpy.random.seed(7)
    torch.manual_seed(7)
    yield


def autocast():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def other_device():
    return torch.device("meta")


every_setting = pytest.mark.parametrize(
    "setting",
    [
        contextlib.nullcontext,
        no_gradients,
        doubles,
        torch.inference_mode,
        moved_random_numbers,
        autocast,
        other_device,
    ],
    ids=lambda setting: setting.__name__,
)


@every_setting
def test_right_answers_pass_whatever_the_reader_set(setting):
    with setting():
        for exercise in SOME:
            found = judging.judge(exercise, exercise.reference_function)
            assert found.passed is True, f"{exercise.name}: {found.message}"


@every_setting
def test_what_is_measured_is_the_same_whatever_the_reader_set(setting):
    wanted = [exercise.right_answer for exercise in MEASURED]
    for exercise in MEASURED:
        for cached in (getattr(exercise.truth, "cache_clear", None), *caches_of(exercise)):
            if cached is not None:
                cached()
    with setting():
        assert [exercise.right_answer for exercise in MEASURED] == wanted


def caches_of(exercise) -> list:
    home = vars(sys.modules[exercise.truth.__module__])
    return [value.cache_clear for value in home.values() if hasattr(value, "cache_clear")]


def test_chapter_that_is_first_asked_for_in_another_state_is_judged_all_the_same():
    code = """
import torch
from lessons_lib.exercises.engine import judging, registry
torch.set_default_dtype(torch.float64)
with torch.inference_mode():
    for chapter in registry.chapters():
        for exercise in registry.exercises_of(chapter):
            answer = getattr(exercise, "reference_function", None) or exercise.right_answer
            found = judging.judge(exercise, answer)
            assert found.passed, found
assert torch.get_default_dtype() == torch.float64
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def everything() -> list:
    return [
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.get_rng_state().tolist(),
        random.getstate(),
        numpy.random.get_state()[1].tolist(),
        sys.getrecursionlimit(),
    ]


def unsettling(seq_len):
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.use_deterministic_algorithms(False)
    torch.manual_seed(seq_len)
    random.seed(seq_len)
    numpy.random.seed(seq_len)
    sys.setrecursionlimit(2_000)
    return good(seq_len)


def unsettling_and_stopping(seq_len):
    unsettling(seq_len)
    raise ValueError("stop")


def unsettling_without_end(seq_len):
    unsettling(seq_len)
    while True:
        pass


@every_setting
@pytest.mark.parametrize("answer", [good, unsettling, unsettling_and_stopping])
def test_everything_is_as_before_afterwards(setting, answer):
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with setting():
            before = everything()
            judging.judge(CAUSAL, answer)
            assert everything() == before
    finally:
        torch.use_deterministic_algorithms(False)


def test_everything_is_as_before_after_a_time_out(monkeypatch):
    monkeypatch.setattr(guard, "TIME_LIMIT_SECONDS", 0.3)
    before = everything()
    assert "stopped after" in judging.judge(CAUSAL, unsettling_without_end).message
    assert everything() == before


def test_no_exercise_moves_the_readers_random_numbers():
    before = everything()
    for chapter in registry.chapters():
        for exercise in registry.exercises_of(chapter):
            answer = getattr(exercise, "reference_function", None) or exercise.right_answer
            assert judging.judge(exercise, answer).passed is True
            assert everything() == before, exercise.name


def test_same_answer_gets_the_same_verdict_though_it_draws():
    seen = []

    def answer(seq_len):
        seen.append((torch.rand(()).item(), random.random(), numpy.random.rand()))
        return good(seq_len)

    judging.judge(CAUSAL, answer)
    calls = len(seen)
    torch.rand(3), random.random(), numpy.random.rand()
    judging.judge(CAUSAL, answer)
    assert seen[:calls] == seen[calls:]


@pytest.mark.parametrize(
    ("home", "name", "told"),
    [
        (torch, "equal", "`torch.equal`"),
        (torch, "allclose", "`torch.allclose`"),
        (torch.Tensor, "softmax", "`torch.Tensor.softmax`"),
        (torch.Tensor, "shape", "`torch.Tensor.shape`"),
        (torch.nn.functional, "softmax", "`torch.nn.functional.softmax`"),
        (math, "exp", "`math.exp`"),
    ],
)
def test_function_that_was_replaced_is_put_back_and_told(home, name, told):
    before = getattr(home, name)

    def answer(seq_len):
        setattr(home, name, lambda *_, **__: True)
        return good(seq_len)

    found = judging.judge(CAUSAL, answer)
    assert getattr(home, name) is before
    assert (found.passed, told in found.message) == (False, True)


def test_new_name_in_a_module_is_no_replacement():
    def answer(seq_len):
        math.my_exp = math.exp
        return good(seq_len)

    try:
        assert judging.judge(CAUSAL, answer).passed is True
    finally:
        del math.my_exp
