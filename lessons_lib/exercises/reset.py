"""Beginning again: what is kept of an exercise, or of a chapter's, is forgotten; a copy stays.

    python -m lessons_lib.exercises.reset self_attention.causal

In a notebook, `from lessons_lib import reset` does the same: `reset("self_attention.causal")`.
"""

import argparse
import contextlib

from .engine import record, registry, verdict
from .engine.registry import UnknownExercise


def reset(name: str) -> None:
    """Forget the record of one exercise, or of all in a chapter, and say what was done.

    The record as it was is copied beside itself first, so nothing is lost.

    Args:
        name: "chapter.exercise", or "chapter".

    Raises:
        UnknownExercise: nothing has that name; the message names the nearest.
        OSError: the reader's progress cannot be written.
    """
    whole = name in registry.chapters()
    chosen = registry.exercises_of(name) if whole else [registry.find(name)]
    names = [exercise.name for exercise in chosen]
    for one in names:
        with contextlib.suppress(OSError):
            record.started_mark(one).unlink(missing_ok=True)
    forgotten, copy = record.forget(names)
    if not forgotten:
        verdict.print_plain(f"Nothing is kept of {name}, so nothing was changed.")
        return
    listed = ", ".join(forgotten)
    verdict.print_plain(
        f"Forgotten: {listed}. The progress as it was is in {copy}; `import_progress` joins it in."
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m lessons_lib.exercises.reset",
        description="Forget what is kept of an exercise, or of a chapter's. A copy stays.",
    )
    parser.add_argument("name", help="such as self_attention.causal, or self_attention")
    try:
        reset(parser.parse_args(arguments).name)
    except (UnknownExercise, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
