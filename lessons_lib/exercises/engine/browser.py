"""An exercise as data, for the page's own judge: what it asks for, and what it says to each answer.

The page judges a value by the same rules and with the same words as `check`, in JavaScript
(`book/_static/exercises/judge.js`) and without a network. So the right value has to travel with
the page. It is veiled, not secret: base64 keeps it from being read at a glance, and whoever would
decode it can open the solution with one click instead. The reasons are veiled with it, for each
of them tells which option holds.

What is written in code cannot be judged in a page; of it there is only the kind and the minutes.
"""

import base64
import json
import math

from .declare import CodeExercise, Exercise, FindTheBug
from .reading import shown
from .state import fixed_state
from .values import Choice, Number, Ordering, ShapePuzzle, ValueExercise

_MINUTES = {Choice: 3, ShapePuzzle: 3, Ordering: 4, Number: 5, FindTheBug: 12, CodeExercise: 18}
_TRUTH_DIGITS = 6  # what differs between machines stands behind them
_TYPES = {Choice: "choice", Number: "number", Ordering: "order", ShapePuzzle: "shape"}


def describe(exercise: Exercise) -> dict:
    """What a page needs of an exercise, ready for JSON.

    Returns:
        Its `kind`, about how many `minutes` it takes, and the `type` of its answer: "choice",
        "several", "number", "order", "shape" or "code"; where a page can judge it, the `form`
        that the answer should have, and `judge`, the veiled rest.
    """
    described = {"kind": exercise.kind, "minutes": _minutes(exercise), "type": _type(exercise)}
    if isinstance(exercise, ValueExercise):
        described |= {"form": exercise.form, "judge": veil(_judged_by(exercise))}
    return described


def veil(content: dict) -> str:
    """JSON that cannot be read at a glance.

    >>> unveil(veil({"right": "b"}))
    {'right': 'b'}
    """
    return base64.b64encode(json.dumps(content, ensure_ascii=False).encode()).decode()


def unveil(text: str) -> dict:
    """What `veil` was given."""
    return json.loads(base64.b64decode(text))


def _minutes(exercise: Exercise) -> int:
    return next(minutes for kind, minutes in _MINUTES.items() if isinstance(exercise, kind))


def _type(exercise: Exercise) -> str:
    if isinstance(exercise, CodeExercise):
        return "code"
    if isinstance(exercise, Choice) and exercise.several:
        return "several"
    return next(name for kind, name in _TYPES.items() if isinstance(exercise, kind))


def _judged_by(exercise: ValueExercise) -> dict:
    """The fields that the page's judge reads, for each type its own."""
    known = {
        "type": _type(exercise),
        "form": exercise.form,
        "refresher": exercise.refresher,
        "said": _said_of_the_right(exercise),
    }
    if isinstance(exercise, Choice):
        return known | {"right": exercise.right, "reasons": exercise.reasons}
    if isinstance(exercise, Ordering):
        return known | {"right": exercise.right, "rule": exercise.rule}
    if isinstance(exercise, ShapePuzzle):
        traps = [[list(shape), why] for shape, why in exercise.traps.items()]
        return known | {"right": list(exercise.right_answer), "traps": traps}
    return known | {
        "right": _steady(exercise),
        "factor": exercise.factor,
        "traps": [list(trap) for trap in exercise.traps],
        "reveal": exercise.reveal,
        "because": exercise.because,
    }


def _said_of_the_right(exercise: ValueExercise) -> str:
    """The words for a right answer; of a number what follows it, for it may be written as 3/4."""
    with fixed_state():
        said = exercise.judge(exercise.right_answer).message
    return said.removeprefix(shown(exercise.right_answer)) if _type(exercise) == "number" else said


def _steady(exercise: Number) -> float:
    """The true number, the same on every machine: whole in full, another with six digits."""
    with fixed_state():
        truth = float(exercise.truth())
    if math.isclose(truth, round(truth), rel_tol=1e-9):
        return round(truth)
    return float(f"{truth:.{_TRUTH_DIGITS}g}")
