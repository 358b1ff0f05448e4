"""Faults around each reference: every exercise sees every fault that can be seen in it."""

import functools
import warnings

import pytest
from code_exercises import EXERCISES, each_exercise
from faults import FAULTS, HARMLESS, Fault

from lessons_lib.exercises.engine.declare import CodeExercise
from lessons_lib.exercises.engine.draws import PLANNED
from lessons_lib.exercises.engine.judging import judge


@each_exercise
def test_no_fault_passes(exercise):
    seen = samples(exercise)
    passing = [name for name, fault in FAULTS.items() if passes(exercise, fault, seen)]
    assert not passing


@each_exercise
@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_does_no_harm_passes(exercise, harmless):
    if HARMLESS[harmless].applies(*samples(exercise)):
        found = judged(exercise, HARMLESS[harmless])
        assert found.passed is True, found.message


@functools.cache
def samples(exercise: CodeExercise) -> tuple[list, list]:
    """All inputs of the planned calls, and all that the reference returns."""
    inputs, outputs = [], []
    for number in range(PLANNED):
        args = exercise.valid.inputs(number)
        returned = exercise.reference_function(*args)
        inputs += args
        outputs += returned if isinstance(returned, tuple) else (returned,)
    return inputs, outputs


def passes(exercise: CodeExercise, fault: Fault, seen: tuple[list, list]) -> bool:
    return fault.applies(*seen) and judged(exercise, fault).passed is not False


def judged(exercise: CodeExercise, fault: Fault):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge(exercise, fault.around(exercise.reference_function))


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_seen_somewhere(name):
    """One that no exercise sees would say nothing of any."""
    for exercise in EXERCISES:
        seen = samples(exercise)
        if FAULTS[name].applies(*seen) and not passes(exercise, FAULTS[name], seen):
            return
    raise AssertionError(f"{name} passes everywhere")
