"""Notes for the teacher of a chapter, made from its text twin and its exercises' declarations."""

import difflib
import re
from collections.abc import Iterator

from readme import facts, text_of

from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.declare import CodeExercise, Exercise, source_of
from lessons_lib.exercises.engine.pages import body_markdown
from lessons_lib.exercises.engine.state import fixed_state
from lessons_lib.exercises.engine.values import Choice, Number, ShapePuzzle

_PLACE = re.compile(r" at line \d+ of your cell")  # of a declaration, where no reader looks


def notes(name: str) -> str:
    """A chapter's notes as Markdown: aims, minutes, exercises with answers and common slips.

    Args:
        name: such as "02_self_attention".
    """
    title, read_minutes, do_minutes = facts(name)
    chapter = name.partition("_")[2]
    exercises = registry.exercises_of(chapter) if chapter in registry.chapters() else []
    parts = [
        f"# {title}: notes for the teacher",
        "These notes hold the solutions: they are not for the class.",
        f"**Minutes**: {read_minutes} to read, {do_minutes} to do everything.",
        "## Your class will be able to",
        aims(name),
        "## Exercises",
        "\n".join(_overview(exercises)),
    ]
    return "\n\n".join([*parts, *map(_section, exercises)]) + "\n"


def aims(name: str) -> str:
    """The list that a chapter opens with, under "You will be able to".

    Raises:
        ValueError: the chapter has no such list.
    """
    found = re.search(r"\*\*You will be able to\*\*\n\n((?:- .*\n)+)", text_of(name))
    if found is None:
        raise ValueError(f'{name} should open with a list under "**You will be able to**"')
    return found[1].rstrip()


def slips(exercise: Exercise) -> list[tuple[str, str]]:
    """Known wrong answers, each with what `check` says to it; solutions are not among them."""
    if isinstance(exercise, CodeExercise):
        return [_slip_in_code(exercise, wrong.function) for wrong in exercise.wrongs]
    with fixed_state():
        return [
            (f"`{value!r}`", exercise.judge(value).message) for value in _wrong_values(exercise)
        ]


def _wrong_values(exercise: Exercise) -> Iterator:
    if isinstance(exercise, Choice):
        yield from (key for key in exercise.options if key not in exercise.right)
    elif isinstance(exercise, Number):
        yield from (value for value, _ in exercise.traps)
    elif isinstance(exercise, ShapePuzzle):
        yield from exercise.traps


def _slip_in_code(exercise: CodeExercise, function) -> tuple[str, str]:
    """What a wrong answer has that the solution has not, and the message."""
    with fixed_state():
        message = _PLACE.sub("", exercise.judge(function).message)
    return _changed_lines(source_of(exercise.reference_function), source_of(function)), message


def _changed_lines(right: str, wrong: str) -> str:
    """The lines of `wrong` that `right` does not have; those that it lacks, where it has no other.

    >>> _changed_lines("a\\nb", "a\\nc")
    '`c`'
    """
    lines = list(difflib.ndiff(right.splitlines(), wrong.splitlines()))
    added = [line[2:].strip() for line in lines if line.startswith("+ ")]
    lost = [line[2:].strip() for line in lines if line.startswith("- ")]
    shown = [_as_code(line) for line in added if line]
    return "; ".join(shown) or "without " + "; ".join(_as_code(line) for line in lost if line)


def _as_code(line: str) -> str:
    """A line of code within a sentence, though it may hold the mark for code itself."""
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def _overview(exercises: list[Exercise]) -> Iterator[str]:
    yield "| | Exercise | Kind | Answer |"
    yield "| --- | --- | --- | --- |"
    for number, exercise in enumerate(exercises, start=1):
        is_code = isinstance(exercise, CodeExercise)
        answer = "code" if is_code else f"`{exercise.right_answer!r}`"
        short = exercise.name.partition(".")[2]
        yield f"| {number} | `{short}` | {exercise.kind} | {answer} |"


def _section(exercise: Exercise) -> str:
    parts = [f"### {exercise.name.partition('.')[2]}", body_markdown(exercise)]
    if isinstance(exercise, CodeExercise):
        parts.append(f"A solution:\n\n```python\n{exercise.solution_source()}\n```")
    if exercise.because:
        parts.append(f"Why: {exercise.because}")
    known = slips(exercise)
    if known:
        parts.append("Common slips, and what `check` says to them:")
        parts.append("\n".join(f"- {message} ({slip})" for slip, message in known))
    return "\n\n".join(parts)
