"""The exercises: `check` an answer, ask for a `hint`, see the `solution`, look at `progress`.

A chapter's exercises are declared in the module of the chapter's name beside this file; how they
work is in `engine`.
"""

import contextlib
from pathlib import Path

from .engine import pages, record, registry, table, verdict
from .engine.judging import can_be_sent, judge, judge_isolated
from .engine.values import ValueExercise

_hints_shown: dict[str, int] = {}


def check(name: str, answer=..., *, isolated: bool | None = None) -> verdict.Verdict:
    """Look at an answer, show what was found, and keep it in the reader's progress.

    Args:
        name: the exercise, "chapter.exercise".
        answer: what the reader made: a function, or a value; `...` is no answer yet.
        isolated: run the answer in a process of its own, which takes some seconds but can be
            ended whatever it does. None: only if the last check of this exercise never came back.

    Returns:
        The verdict, with `passed` (True, False, or None where unanswered) and `message`.

    Raises:
        UnknownExercise: no exercise has that name; the message names the nearest.
        TypeError: `isolated` is True and the answer cannot be sent to another process.
    """
    exercise = registry.find(name)
    unanswered = answer is ...
    found = exercise.judge(answer) if unanswered else _judge_marked(exercise, answer, isolated)
    if found.passed is not None:
        simple = isinstance(exercise, ValueExercise) and isinstance(answer, str | int | float)
        guess = answer if simple else None
        record.save(name, passed=found.passed, guess=guess)
    verdict.show(found)
    return found


def hint(name: str) -> None:
    """Show the next hint of an exercise; after the last one, say so, and begin again.

    Raises:
        UnknownExercise: no exercise has that name.
    """
    hints = registry.find(name).hints
    number = _hints_shown.get(name, 0) % (len(hints) + 1)
    _hints_shown[name] = number + 1
    if number == len(hints):
        _show_markdown(f'There are no more hints; `solution("{name}")` shows an answer.')
        return
    _show_markdown(f"**Hint {number + 1} of {len(hints)}.** {hints[number]}")


def solution(name: str) -> None:
    """Show the solution of an exercise, and why it is so.

    Raises:
        UnknownExercise: no exercise has that name.
    """
    _show_markdown(pages.solution_markdown(registry.find(name)))


def progress(chapter: str | None = None) -> None:
    """Show how far the reader is, in one chapter or in all.

    Raises:
        UnknownExercise: no chapter has that name.
    """
    kept = record.load()
    chosen = registry.chapters() if chapter is None else [chapter]
    verdict.show_as(table.as_html(kept, chosen), table.as_text(kept, chosen))


def export_progress(path: str | Path = "progress.json") -> Path:
    """Write the reader's progress to a file to take along; return its full path.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(path).resolve()
    record.write(record.load(), path)
    return path


def import_progress(path: str | Path = "progress.json") -> None:
    """Join a file that `export_progress` wrote into the reader's progress; nothing is lost.

    Raises:
        FileNotFoundError: there is no such file.
        ProgressError: it is not a progress file of this version; nothing was changed.
        OSError: the reader's own progress cannot be written.
    """
    record.join(record.read(Path(path)))


def _judge_marked(exercise, answer, isolated: bool | None) -> verdict.Verdict:
    """Judge, with a mark on disk meanwhile: where the kernel dies, the next check knows."""
    if isolated or (isolated is None and _mark_stands(exercise.name) and can_be_sent(answer)):
        _remove_mark(exercise.name)
        return judge_isolated(exercise, answer)
    _set_mark(exercise.name)
    try:
        return judge(exercise, answer)
    finally:
        _remove_mark(exercise.name)


# Without a folder for it there is no mark, and no memory of a dead kernel: the check can go on.


def _mark_stands(name: str) -> bool:
    with contextlib.suppress(OSError):
        return record.started_mark(name).exists()
    return False


def _set_mark(name: str) -> None:
    with contextlib.suppress(OSError):
        mark = record.started_mark(name)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _remove_mark(name: str) -> None:
    with contextlib.suppress(OSError):
        record.started_mark(name).unlink(missing_ok=True)


def _show_markdown(text: str) -> None:
    from IPython import get_ipython
    from IPython.display import Markdown, display

    if get_ipython() is None:
        verdict.print_plain(text)
    else:
        display(Markdown(text))
