"""The checks reject every small fault planted in the right answers, bar those that change nothing.

Each reference and each `right` answer is mutated. A mutant that passes must be recorded in
`equivalent_mutants`, and must then agree with the original on 1,000 random inputs. A mutant that
is rejected must differ from it somewhere: else a right answer was called wrong.
"""

import random
import warnings
from pathlib import Path

import pytest
import torch
from equivalent_mutants import EQUIVALENT
from mutation import Mutant, mutants
from random_inputs import GENERATORS

from lessons_lib.exercises.engine import guard, registry
from lessons_lib.exercises.engine.declare import CodeExercise
from lessons_lib.exercises.engine.judging import judge

TABLE = Path(__file__).resolve().parents[2] / "_build" / "mutation.md"
NUM_INPUTS = 1_000

EXERCISES = [
    exercise
    for chapter in registry.chapters()
    for exercise in registry.exercises_of(chapter)
    if isinstance(exercise, CodeExercise)
]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)

_judged: dict[str, dict[tuple[str, str], tuple[Mutant, bool | None]]] = {}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A mutant that waits for ever need not be waited for; what it prints or warns is no matter."""
    monkeypatch.setattr(guard, "TIME_LIMIT_SECONDS", 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@each_exercise
def test_checks_reject_every_fault_that_is_one(exercise):
    survivors = {
        key: mutant for key, (mutant, passed) in judged(exercise).items() if passed is not False
    }
    unknown = set(survivors) - set(EQUIVALENT.get(exercise.name, {}))
    listed = "\n\n".join(f"{key}\n{survivors[key].source}" for key in sorted(unknown))
    assert not unknown, f"{len(unknown)} mutants are not rejected:\n{listed}"


@each_exercise
def test_recorded_mutants_still_pass(exercise):
    survivors = {key for key, (_, passed) in judged(exercise).items() if passed is True}
    gone = sorted(set(EQUIVALENT.get(exercise.name, {})) - survivors)
    assert not gone, f"recorded as equivalent, but made no more, or rejected: {gone}"


@each_exercise
def test_recorded_mutants_change_nothing(exercise):
    recorded = EQUIVALENT.get(exercise.name, {})
    chosen = [mutant for key, (mutant, _) in judged(exercise).items() if key in recorded]
    if not chosen:
        return
    rng = random.Random(0)
    for number in range(NUM_INPUTS):
        inputs = GENERATORS[exercise.name](rng)
        wanted = results(exercise.reference_function, inputs)
        for mutant in chosen:
            assert agree(results(mutant.function, inputs), wanted), (
                f"input {number} tells this one from the reference: {mutant.change}"
            )


@each_exercise
def test_rejected_mutants_do_differ(exercise):
    """The other side: nothing that behaves like the reference is called wrong."""
    open_still = [mutant for mutant, passed in judged(exercise).values() if passed is False]
    rng = random.Random(1)
    for _ in range(NUM_INPUTS):
        inputs = GENERATORS[exercise.name](rng)
        wanted = results(exercise.reference_function, inputs)
        open_still = [mutant for mutant in open_still if same_here(mutant, inputs, wanted)]
        if not open_still:
            return
    listed = "\n\n".join(mutant.source for mutant in open_still)
    pytest.fail(f"rejected, though no input tells them from the reference:\n{listed}")


def test_table_is_written():
    lines = ["| exercise | mutants | rejected | equivalent, recorded |", "|---|--:|--:|--:|"]
    for exercise in EXERCISES:
        passed = [passed for _, passed in judged(exercise).values()]
        rejected, recorded = passed.count(False), len(EQUIVALENT.get(exercise.name, {}))
        lines.append(f"| {exercise.name} | {len(passed)} | {rejected} | {recorded} |")
    text = "\n".join(lines) + "\n"
    print("\n" + text)
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(text, encoding="utf-8")


def test_recorded_exercises_exist():
    assert set(EQUIVALENT) <= {exercise.name for exercise in EXERCISES}


def test_inputs_can_be_made_for_each_exercise():
    missing = [exercise.name for exercise in EXERCISES if exercise.name not in GENERATORS]
    assert not missing, f"tests/random_inputs.py has no generator for {missing}"


def judged(exercise: CodeExercise) -> dict[tuple[str, str], tuple[Mutant, bool | None]]:
    """Each mutant under (version, change), with what the checks said; judged once."""
    if exercise.name not in _judged:
        found = {}
        for version, function in versions(exercise).items():
            for mutant in mutants(function):
                key = version, mutant.change
                while key in found:  # two places on one line that read the same
                    key = version, f"{key[1]} (another)"
                found[key] = mutant, judge(exercise, mutant.function).passed
        _judged[exercise.name] = found
    return _judged[exercise.name]


def versions(exercise: CodeExercise) -> dict:
    rights = {f"right {number}": right for number, right in enumerate(exercise.rights, start=1)}
    return {"reference": exercise.reference_function, **rights}


def same_here(mutant: Mutant, inputs: tuple, wanted: list) -> bool:
    try:
        with guard.time_limit():
            return agree(results(mutant.function, inputs), wanted)
    except (Exception, guard.OutOfTime):
        return False


def results(function, inputs: tuple) -> list[torch.Tensor | None]:
    """What a function returns, then each returned tensor's gradients by inputs that want one."""
    returned = function(*inputs)
    outputs = list(returned) if isinstance(returned, tuple) else [returned]
    floats = [one for one in inputs if isinstance(one, torch.Tensor) and one.requires_grad]
    gradients = []
    if floats:
        for output in outputs:
            if not output.requires_grad:  # as it may be meant
                gradients += [None] * len(floats)
                continue
            loss = output.square().sum()
            gradients += torch.autograd.grad(loss, floats, retain_graph=True, allow_unused=True)
    return outputs + gradients


def agree(mine: list, wanted: list) -> bool:
    """Equal within rounding, which is measured by the largest number that takes part."""
    tensors = [part for part in wanted if isinstance(part, torch.Tensor)]
    floats = [part for part in tensors if part.is_floating_point()]
    scale = max((float(part.detach().abs().max()) for part in floats), default=0.0)
    if len(mine) != len(wanted):
        return False
    return all(_agree(*pair, 1 + scale) for pair in zip(mine, wanted, strict=True))


def _agree(mine, wanted, scale: float) -> bool:
    if not isinstance(mine, torch.Tensor) or not isinstance(wanted, torch.Tensor):
        return type(mine) is type(wanted) and mine == wanted  # None, or a list of pieces
    if mine.dtype != wanted.dtype or mine.shape != wanted.shape:
        return False
    if not wanted.is_floating_point():
        return torch.equal(mine, wanted)
    tolerance = 1e-9 if wanted.dtype == torch.float64 else 1e-3
    return torch.allclose(mine, wanted, rtol=0.0, atol=tolerance * scale)
