"""Grading what a class has handed in: `python -m lessons_lib.exercises.grade FOLDER`.

FOLDER holds progress files (`export_progress()` writes them) and notebooks: one of each for a
person, named after the person, or a folder of that name with several. Out comes one table as CSV:
person, exercise, state, first guess, tries. Nothing that was handed in is run, unless `--run` says
so; see `classroom/worker.py` for what holds it back then.

A progress file can be forged, so what it says is called a claim. An answer in a notebook is judged:

    right, not yet      judged
    not answered        still as it was given out
    not judged: WHY     code, without --run; or a value that is worked out by code
    claimed right, claimed not yet
                        said by a progress file; after a comma where a notebook is there as well
    damaged: WHY        the file could not be read
"""

import argparse
import ast
import csv
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .classroom import handed_in
from .classroom.handed_in import Damaged
from .classroom.running import SECONDS, judge_by_running
from .engine import registry
from .engine.declare import Exercise
from .engine.state import fixed_state
from .engine.values import ValueExercise

HEAD = ("person", "exercise", "state", "first guess", "tries")
_RANK = ("right", "not yet", "not judged", "not answered")  # of several copies the best one counts
_LONGEST_LITERAL = 1_000  # characters
_LONGEST_CELL = 300
_FORMULA = tuple("=+-@＝＋－＠")


@dataclass
class Row:
    """One line of the table; `judged` and `claimed` together are the state."""

    person: str
    exercise: str
    judged: str = ""
    claimed: str = ""
    first_guess: str = ""
    tries: str = ""

    def cells(self) -> list[str]:
        state = ", ".join(filter(None, (self.judged, self.claimed)))
        return [self.person, self.exercise, state, self.first_guess, self.tries]


def rows_of(
    folder: Path,
    run: bool = False,
    seconds: float = SECONDS,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[list[Row], int]:
    """A row for each person and exercise, and one for each damaged file; and how many other files.

    Args:
        folder: what was handed in.
        run: judge code as well, by running it.
        seconds: how long one notebook may run.
        tell: is given a line for each notebook that is going to be run.
    """
    files, others = handed_in.files_in(folder)
    rows: dict[tuple[str, str], Row] = {}
    damaged = []
    for person, path in files:
        try:
            if path.suffix.lower() == ".json":
                _add_claims(rows, person, handed_in.read_progress(path))
            else:
                cells = handed_in.read_notebook(path)
                if run:
                    tell(f"Running {path.relative_to(folder).as_posix()} ...")
                _add_judged(rows, person, _judged(cells, run, seconds))
        except Damaged as error:
            name = path.relative_to(folder).as_posix()
            damaged.append(Row(person, "", f"damaged: {name}: {error}"))
    return sorted([*rows.values(), *damaged], key=_place), others


def as_csv(rows: list[Row]) -> str:
    """The table; no cell of it is a formula to a spreadsheet, and each row is one line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows([_safe(text) for text in row.cells()] for row in rows)
    return out.getvalue()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m lessons_lib.exercises.grade",
        description="Read handed-in progress files and notebooks; write one table as CSV.",
    )
    parser.add_argument("folder", type=Path, help="what was handed in")
    parser.add_argument("--out", type=Path, help="write there, with a mark for Excel, not here")
    parser.add_argument("--run", action="store_true", help="judge code too, by running it")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long one notebook may run (%(default)g)"
    )
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        parser.error(f"{given.folder} is no folder")
    rows, others = rows_of(
        given.folder, given.run, given.seconds, lambda line: print(line, file=sys.stderr)
    )
    _write(as_csv(rows), given.out, parser)
    people = len({row.person for row in rows})
    broken = sum(row.judged.startswith("damaged") for row in rows)
    print(
        f"People: {people}; rows: {len(rows)}; damaged files: {broken}; "
        f"files that are neither .json nor .ipynb: {others}.",
        file=sys.stderr,
    )


def _write(table: str, out: Path | None, parser: argparse.ArgumentParser) -> None:
    if out is None:
        sys.stdout.buffer.write(table.encode())
        sys.stdout.buffer.flush()
        return
    try:
        out.write_text(table, encoding="utf-8-sig", newline="")
    except OSError as error:
        parser.error(f"{out} cannot be written: {error.strerror}")


def _add_claims(rows: dict, person: str, kept: dict) -> None:
    for name, entry in kept.items():
        row = rows.setdefault((person, name), Row(person, name))
        if row.claimed != "claimed right":
            row.claimed = "claimed right" if entry["passed"] else "claimed not yet"
        row.tries = str(max(entry["tries"], int(row.tries or 0)))
        row.first_guess = row.first_guess or str(entry.get("first_guess", ""))


def _add_judged(rows: dict, person: str, judged: dict[str, str]) -> None:
    for name, state in judged.items():
        row = rows.setdefault((person, name), Row(person, name))
        row.judged = min(filter(None, (row.judged, state)), key=_rank)


def _rank(state: str) -> int:
    return _RANK.index(state.partition(":")[0])


def _judged(cells: list[handed_in.Cell], run: bool, seconds: float) -> dict[str, str]:
    """Each exercise's state in a notebook."""
    exercises = handed_in.exercises_in(cells)
    if not exercises:
        raise Damaged("no exercise of the course is in it")
    found = list(handed_in.statements(cells))
    states = {exercise.name: _state_as_written(exercise, found) for exercise in exercises}
    open_ones = [one for one in exercises if states[one.name].startswith("not judged")]
    if run and open_ones:
        for name, (passed, why) in judge_by_running(cells, open_ones, seconds).items():
            states[name] = _state(passed, why)
    return states


def _state(passed: bool | None, why: str = "") -> str:
    if passed is None:
        return f"not judged: {why}" if why else "not answered"
    return ("right" if passed else "not yet") + (f": {why}" if why else "")


def _state_as_written(exercise: Exercise, found: list[handed_in.Statement]) -> str:
    """What can be said of an answer without running anything."""
    if not isinstance(exercise, ValueExercise):
        if handed_in.is_untouched(found, exercise):
            return "not answered"
        return "not judged: code, which runs with --run only"
    value = handed_in.last_value(found, exercise)
    if value is None:
        return "not answered"
    try:
        text = ast.unparse(value)
        if len(text) > _LONGEST_LITERAL:
            return "not judged: it is too long"
        ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return "not judged: it is worked out by code, which runs with --run only"
    return _state_of_literal(exercise.name, text)


@cache
def _state_of_literal(name: str, text: str) -> str:
    try:
        with fixed_state():
            return _state(registry.find(name).judge(ast.literal_eval(text)).passed)
    except Exception as error:  # such as weights that cannot be fetched
        return f"not judged: {type(error).__name__}: {error}"


def _place(row: Row) -> tuple:
    """By person, then in the course's order; what the course does not know, and damaged, last."""
    chapters = registry.chapters()
    chapter, _, short = row.exercise.partition(".")
    if chapter not in chapters:
        return row.person, len(chapters), 0, row.exercise, row.judged
    names = [exercise.name for exercise in registry.exercises_of(chapter)]
    place = names.index(row.exercise) if row.exercise in names else len(names)
    return row.person, chapters.index(chapter), place, short, row.judged


def _safe(text: str) -> str:
    """Printable, not long, and no formula: an apostrophe in front keeps a spreadsheet from it."""
    text = text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + "…"
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    if text.lstrip().startswith(_FORMULA) and not _is_number(text):
        return "'" + text
    return text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
