"""Every exercise of every chapter: right answers pass, wrong ones meet the check meant for them.

Parametrised over the registry: a new chapter is tested without a line here.
"""

import re
import statistics
import sys
import time
from pathlib import Path

import jupytext
import pytest
import torch

from lessons_lib.exercises.engine import pages, registry
from lessons_lib.exercises.engine.answer import AnswerProblem
from lessons_lib.exercises.engine.declare import CodeExercise, FindTheBug, source_of
from lessons_lib.exercises.engine.judging import judge
from lessons_lib.exercises.engine.values import Choice, Number, Ordering, ShapePuzzle

TWINS = sorted((Path(__file__).resolve().parents[2] / "book" / "chapters").glob("*.md"))
CHAPTERS = registry.chapters()
EXERCISES = [one for chapter in CHAPTERS for one in registry.exercises_of(chapter)]


def all_of(*kinds: type):
    chosen = [exercise for exercise in EXERCISES if isinstance(exercise, kinds)]
    return pytest.mark.parametrize("exercise", chosen, ids=lambda exercise: exercise.name)


def in_pairs(pairs: list[tuple]):
    names = [f"{exercise.name}-{number}" for number, (exercise, _) in enumerate(pairs)]
    return pytest.mark.parametrize(("exercise", "part"), pairs, ids=names)


def parts_of(kind: type, parts) -> list[tuple]:
    return [(one, part) for one in EXERCISES if isinstance(one, kind) for part in parts(one)]


# --- code --------------------------------------------------------------------------------------


@all_of(CodeExercise)
def test_reference_passes(exercise):
    found = judge(exercise, exercise.reference_function)
    assert found.passed is True, found.message


@in_pairs(parts_of(CodeExercise, lambda exercise: exercise.rights))
def test_same_answer_written_differently_passes(exercise, part):
    found = judge(exercise, part)
    assert found.passed is True, found.message


@all_of(CodeExercise)
def test_three_right_answers_are_written_differently(exercise):
    written = {source_of(right) for right in exercise.rights}
    written.discard(source_of(exercise.reference_function))
    assert len(written) >= 3


@in_pairs(parts_of(CodeExercise, lambda exercise: exercise.wrongs))
def test_wrong_answer_is_caught_by_the_check_meant(exercise, part):
    check, message = first_objection(exercise, part.function)
    assert check is part.caught_by, message
    assert part.saying in message
    found = judge(exercise, part.function)
    assert (found.passed, found.message) == (False, message)


@all_of(CodeExercise)
def test_each_check_catches_a_known_wrong_answer(exercise):
    catching = {wrong.caught_by for wrong in exercise.wrongs}
    if isinstance(exercise, FindTheBug):
        catching.add(first_objection(exercise, exercise.stub_function)[0])
    idle = [check.__name__ for check in exercise.checks if check not in catching]
    assert not idle, f"no wrong answer shows what these are for: {idle}"


@all_of(CodeExercise)
def test_unanswered_stub_is_neither_right_nor_wrong(exercise):
    assert judge(exercise, exercise.stub_function).passed is None


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16], ids=str)
def test_positions_may_be_whole_numbers_of_any_width(dtype):
    found = judge(
        registry.find("positional_encoding.left_padding"),
        lambda is_token: (is_token.cumsum(dim=-1) - 1).clamp(min=0).to(dtype),
    )
    assert found.passed is True, found.message


@all_of(FindTheBug)
def test_unrepaired_code_does_the_harm_that_is_told(exercise):
    _, message = first_objection(exercise, exercise.stub_function)
    assert exercise.harm in message


@all_of(FindTheBug)
def test_unrepaired_code_with_another_docstring_and_comment_is_unanswered(exercise, tmp_path):
    source = source_of(exercise.stub_function)
    head, body = source.split("\n", 1)
    body = re.sub(r'^    """.*?"""\n', "", body, flags=re.DOTALL)
    changed = f'{head}\n    """What I think it does."""\n    # Where is the fault?\n{body}\n'
    function = defined(changed, exercise.stub_function, tmp_path / "cell.py")
    found = judge(exercise, function)
    assert (found.passed, "started from" in found.message) == (None, True)


@all_of(CodeExercise)
def test_code_is_judged_quickly(exercise):
    judge(exercise, exercise.reference_function)
    seconds = [timed(exercise, exercise.reference_function) for _ in range(5)]
    assert statistics.median(seconds) < 0.25
    assert max(seconds) < 1


def first_objection(exercise, function):
    """The first check that has something to say, and what it says; the checks run in order."""
    for check in exercise.checks:
        try:
            message = exercise.message_of(check, function)
        except AnswerProblem as problem:
            message = str(problem)
        if message:
            return check, message
    return None, ""


def defined(source: str, like, path: Path):
    path.write_text(source, encoding="utf-8")
    scope = dict(like.__globals__)
    exec(compile(source, str(path), "exec"), scope)
    return scope[like.__name__]


# --- values ------------------------------------------------------------------------------------


@all_of(Number, Choice, Ordering, ShapePuzzle)
def test_right_value_passes(exercise):
    found = judge(exercise, exercise.right_answer)
    assert found.passed is True, found.message


@all_of(Number, Choice, Ordering, ShapePuzzle)
def test_right_value_gets_its_reason(exercise):
    reasons = [exercise.because]
    if isinstance(exercise, Choice):
        reasons = [exercise.reasons[letter] for letter in exercise.right]
    message = judge(exercise, exercise.right_answer).message
    for reason in reasons:
        assert len(reason.split()) > 3
        assert reason in message


@in_pairs(parts_of(Choice, lambda exercise: sorted(set(exercise.options) - set(exercise.right))))
def test_wrong_option_is_answered_by_its_reason(exercise, part):
    found = judge(exercise, part)
    assert found.passed is False
    assert exercise.reasons[part] in found.message


@in_pairs(parts_of(Choice, lambda exercise: exercise.right if exercise.several else ""))
def test_part_of_several_right_options_is_not_all(exercise, part):
    found = judge(exercise, part)
    assert (found.passed, "not all" in found.message) == (False, True)


@all_of(Number)
def test_number_is_right_within_its_factor_only(exercise):
    truth, factor = float(exercise.truth()), exercise.factor
    for inside in (truth, truth * factor**0.99, truth / factor**0.99):
        assert judge(exercise, inside).passed is True
    exact = factor == 1
    outside = (truth + 1, truth - 1) if exact else (truth * factor**1.02, truth / factor**1.02)
    assert [judge(exercise, number).passed for number in outside] == [False, False]
    assert judge(exercise, -truth).passed is False


@in_pairs(parts_of(Number, lambda exercise: exercise.traps))
def test_trap_tells_what_led_to_it(exercise, part):
    number, reason = part
    found = judge(exercise, number)
    assert found.passed is False
    assert found.message.startswith(reason)


@all_of(Ordering)
def test_every_other_order_is_wrong_and_not_given_away(exercise):
    backwards = exercise.right[::-1]
    swapped = exercise.right[:-2] + exercise.right[-2:][::-1]
    for order in {backwards, swapped}:
        found = judge(exercise, order)
        assert found.passed is False
        assert exercise.rule in found.message
        assert exercise.right not in found.message


@in_pairs(parts_of(ShapePuzzle, lambda exercise: exercise.traps.items()))
def test_wrong_shape_tells_what_led_to_it(exercise, part):
    shape, reason = part
    assert shape != exercise.right_answer
    found = judge(exercise, shape)
    assert (found.passed, found.message) == (False, reason)


@all_of(ShapePuzzle)
def test_other_shapes_are_wrong(exercise):
    right = exercise.right_answer
    for shape in (right[:-1], (*right, 1), (right[0] + 1, *right[1:]), ()):
        assert judge(exercise, shape).passed is False


@all_of(Number, Choice, Ordering, ShapePuzzle)
def test_values_are_judged_quickly(exercise):
    answer = exercise.right_answer
    judge(exercise, answer)
    seconds = [timed(exercise, answer) for _ in range(5)]
    assert statistics.median(seconds) < 0.1
    assert max(seconds) < 1


def timed(exercise, answer) -> float:
    """Seconds of computing: what else the machine is doing should not count."""
    started = time.process_time()
    judge(exercise, answer)
    return time.process_time() - started


# --- all kinds ---------------------------------------------------------------------------------


def test_every_exercise_has_a_kind_a_task_a_hint_and_a_name_for_the_answer():
    for exercise in EXERCISES:
        assert exercise.kind and exercise.task and exercise.hints, exercise.name
        assert exercise.answer_name.isidentifier(), exercise.name


@all_of(object)
def test_messages_hold_no_formula_marks_and_no_solution(exercise):
    """They are shown as HTML, where `$` would stand as it is."""
    for message in messages(exercise):
        assert "$" not in message
        for line in solution_lines(exercise):
            assert line not in message, f"gives the answer away: {message}"


def messages(exercise) -> list[str]:
    found = [exercise.because]
    if isinstance(exercise, CodeExercise):
        wrongs = [wrong.function for wrong in exercise.wrongs]
        if isinstance(exercise, FindTheBug):
            wrongs.append(exercise.stub_function)
        found += [first_objection(exercise, wrong)[1] for wrong in wrongs]
    if isinstance(exercise, Choice):
        found += exercise.reasons.values()
    if isinstance(exercise, Number):
        found += [reason for _, reason in exercise.traps]
    if isinstance(exercise, ShapePuzzle):
        found += exercise.traps.values()
    if isinstance(exercise, Ordering):
        found.append(exercise.rule)
    return found


def solution_lines(exercise) -> set[str]:
    """The lines of the reference that do something, as far as the stub does not hold them."""
    if not isinstance(exercise, CodeExercise):
        return set()
    lines = exercise.solution_source().splitlines()[1:]
    code = {re.sub(r"\s+#.*", "", line).strip() for line in lines}
    given = {re.sub(r"\s+#.*", "", line).strip() for line in exercise.stub_source().splitlines()}
    return {line for line in code - given if len(line) > 15}


# --- chapters ----------------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_has_enough_exercises_of_enough_kinds(chapter):
    exercises = registry.exercises_of(chapter)
    kinds = {exercise.kind for exercise in exercises}
    assert len(exercises) >= 4
    assert len(kinds) >= 3
    assert any(isinstance(exercise, CodeExercise) for exercise in exercises)
    assert any(is_prediction(exercise) for exercise in exercises)


def is_prediction(exercise) -> bool:
    return exercise.kind.lower().startswith("predict")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_twin_uses_each_exercise_of_its_chapter_once(chapter):
    twins = [twin for twin in TWINS if twin.stem.partition("_")[2] == chapter]
    assert len(twins) == 1, f"book/chapters should have one NN_{chapter}.md"
    used = exercise_groups(twins[0])
    assert sorted(used) == sorted(exercise.name for exercise in registry.exercises_of(chapter))


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.stem)
def test_twin_names_only_exercises_that_exist(twin):
    known = {exercise.name for exercise in EXERCISES}
    text = twin.read_text(encoding="utf-8")
    called = re.findall(r"""\b(?:check|hint|solution)\(\s*["']([^"']+)["']""", text)
    assert set(called) | set(exercise_groups(twin)) <= known


def exercise_groups(twin: Path) -> list[str]:
    """The exercise of each run of cells with the same tag, in order."""
    groups, last = [], None
    for cell in jupytext.read(twin).cells:
        tags = [tag for tag in cell.metadata.get("tags", []) if tag.startswith("exercise:")]
        name = tags[0].removeprefix("exercise:") if tags else None
        if name and name != last:
            groups.append(name)
        last = name
    return groups


@all_of(object)
def test_pages_show_hints_and_solution_folded(exercise):
    text = pages.help_markdown(exercise)
    assert text.count("<details>") == text.count("</details>") == len(exercise.hints) + 1
    assert exercise.solution_source() in text
    assert exercise.solution_source() not in pages.task_markdown(exercise)


def test_declared_functions_bear_the_answers_name():
    for exercise in EXERCISES:
        if isinstance(exercise, CodeExercise):
            wrongs = [wrong.function for wrong in exercise.wrongs]
            functions = [exercise.reference_function, *exercise.rights, *wrongs]
            assert {function.__name__ for function in functions} == {exercise.answer_name}
            module = sys.modules[f"lessons_lib.exercises.{exercise.name.partition('.')[0]}"]
            assert exercise.stub_function.__module__ == module.__name__
