"""A model out of the reader's own functions: those that are right, and the library's elsewhere."""

from collections.abc import Iterable, Mapping
from types import SimpleNamespace

from lessons_lib.base.tables import show_table

from .engine import registry
from .engine.declare import CodeExercise
from .engine.judging import judge


def plug(names: Iterable[str], scope: Mapping[str, object]) -> SimpleNamespace:
    """For each exercise the reader's function, where it is right; show whose each of them is.

    A function is judged as `check` does, but nothing is kept of it in the reader's progress.

    Args:
        names: exercises of code, "chapter.exercise".
        scope: what the reader's names stand for; on a page, `globals()`.

    Returns:
        The functions, each under the name that the exercise gives it.

    Raises:
        UnknownExercise: no exercise has such a name.
        TypeError: an exercise's answer is not a function.
    """
    functions, rows = {}, {}
    for name in names:
        exercise = registry.find(name)
        if not isinstance(exercise, CodeExercise):
            raise TypeError(f"plug needs exercises whose answer is a function; {name} is another")
        answer, whose = _chosen(exercise, scope.get(exercise.answer_name, ...))
        functions[exercise.answer_name] = answer
        rows[exercise.answer_name] = [whose, registry.TITLES[name.partition(".")[0]]]
    if functions:
        show_table(rows, ["whose", "written in"], corner="part")
    return SimpleNamespace(**functions)


def _chosen(exercise: CodeExercise, answer) -> tuple:
    """A function that is right, and whose it is."""
    passed = judge(exercise, answer).passed
    if passed:
        return answer, "yours"
    why = "yours is not right yet" if passed is False else "none of yours here"
    return exercise.reference_function, f"the library's: {why}"
