"""A mutant passes the checks exactly when it agrees with the reference on 1,000 random inputs.

Each reference and each `right` answer is rewritten in a hundred small ways. A mutant that passes
though it differs is a fault that the checks do not see. One that is rejected though it agrees is a
right answer called wrong. `pytest -rP` prints the numbers of each exercise.
"""

import warnings

import pytest
from agreement import ALL, WITH_GRADIENTS, Original
from code_exercises import each_exercise
from mutation import Mutant, mutants

from lessons_lib.exercises.engine import guard, registry
from lessons_lib.exercises.engine.comparing import ValidInputs
from lessons_lib.exercises.engine.declare import CodeExercise
from lessons_lib.exercises.engine.judging import judge


@each_exercise
def test_mutant_passes_exactly_when_it_agrees_with_the_reference(exercise):
    faults = wrongly_judged(exercise)
    assert not faults, f"{len(faults)} mutants are judged wrongly:\n\n" + "\n\n".join(faults)


def test_check_that_is_missing_lets_mutants_pass_which_are_listed(monkeypatch):
    exercise = registry.find("self_attention.causal")
    monkeypatch.setattr(exercise, "checks", exercise.checks[:1])
    faults = [fault for fault in wrongly_judged(exercise) if "(other twin: " in fault]
    assert faults[0].startswith("passes, though it differs from the reference on input ")
    assert faults[0].endswith("return torch.ones(seq_len, seq_len, dtype=torch.bool).triu()")


def test_check_that_asks_too_much_calls_right_answers_wrong(monkeypatch):
    exercise = registry.find("self_attention.soft_lookup")
    monkeypatch.setattr(exercise, "checks", [*exercise.checks, lambda answer: "Not my way."])
    faults = wrongly_judged(exercise)
    assert faults
    assert all(fault.startswith("rejected, though no input tells it") for fault in faults)


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (lambda x, ids: x * ids.sum(), False),
        (lambda x, ids: x * ids.sum() + 1e-3, True),
        (lambda x, ids: (x * ids.sum()).half(), True),
        (lambda x, ids: x.detach() * ids.sum(), True),
        (lambda x, ids: x * ids.add_(0).sum(), False),
        (lambda x, ids: x * (ids.add_(1).sum() - ids.numel()), True),
        (lambda x, ids: x.no_such_thing, True),
    ],
)
def test_values_types_gradients_and_inputs_left_alone_are_compared(other, differs):
    def some(draw):
        return draw.floats(2), draw.wholes(1, 9, 3)

    def right(x, ids):
        return x * ids.sum()

    original = Original(ValidInputs(some, right, right))
    for _ in range(2):  # what one has changed is made good for the next
        assert original.first_difference(other, ALL[:9]) == (0 if differs else None)


def wrongly_judged(exercise: CodeExercise) -> list[str]:
    """The mutants that pass though they differ from the reference, or the other way round."""
    reference = Original(exercise.valid)
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
    return faults


def its_original(function, reference: Original) -> Original:
    """The reference, or the answer itself where another may be right too, as dice may fall."""
    agrees = reference.first_difference(function, ALL[:40]) is None
    return reference if agrees else reference.instead(function)


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
