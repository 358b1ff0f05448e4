"""A mutant passes the checks exactly when it agrees with the reference on 1,000 random inputs.

Each reference and each `right` answer is rewritten in a hundred small ways. A mutant that passes
though it differs is a fault that the checks do not see. One that is rejected though it agrees is a
right answer called wrong. `pytest -rP` prints the numbers of each exercise.
"""

import warnings

import pytest
from agreement import ALL, WITH_GRADIENTS, Original
from mutation import Mutant, mutants
from random_inputs import GENERATORS

from lessons_lib.exercises.engine import guard, registry
from lessons_lib.exercises.engine.declare import CodeExercise
from lessons_lib.exercises.engine.judging import judge

EXERCISES = [
    exercise
    for chapter in registry.chapters()
    for exercise in registry.exercises_of(chapter)
    if isinstance(exercise, CodeExercise)
]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


@each_exercise
def test_mutant_passes_exactly_when_it_agrees_with_the_reference(exercise):
    reference = Original(exercise.reference_function, GENERATORS[exercise.name])
    rejected, equivalent, faults = 0, 0, []
    for function in (exercise.reference_function, *exercise.rights):
        original = its_original(function, reference)
        for mutant in mutants(function):
            passed, differs_at = judged(exercise, mutant), first_difference(original, mutant)
            rejected += not passed
            equivalent += differs_at is None
            if passed != (differs_at is None):
                faults.append(told(mutant, differs_at))
    print(f"{exercise.name}: {rejected} mutants rejected, {equivalent} equivalent")
    assert not faults, f"{len(faults)} mutants are judged wrongly:\n\n" + "\n\n".join(faults)


def test_inputs_can_be_made_for_exactly_the_exercises_of_code():
    assert set(GENERATORS) == {exercise.name for exercise in EXERCISES}


def its_original(function, reference: Original) -> Original:
    """The reference, or the answer itself where another may be right too, as dice may fall."""
    if reference.first_difference(function, ALL[:20]) is None:
        return reference
    return Original(function, reference.make_inputs)


def judged(exercise: CodeExercise, mutant: Mutant) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge(exercise, mutant.function).passed is not False


def first_difference(original: Original, mutant: Mutant) -> int | None:
    """A gradient that is cut off changes no value, so only gradients are worth the time."""
    numbers = WITH_GRADIENTS if mutant.operator == "cut gradient" else ALL
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with guard.time_limit(60):
                return original.first_difference(mutant.function, numbers)
        except guard.OutOfTime:
            return 0


def told(mutant: Mutant, differs_at: int | None) -> str:
    if differs_at is None:
        heard = "rejected, though no input tells it from the reference"
    else:
        heard = f"passes, though it differs from the reference on input {differs_at}"
    return f"{heard} ({mutant.operator}: {mutant.change}):\n{mutant.source}"
