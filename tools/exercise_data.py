"""What the book's pages know of a chapter's exercises: book/exercises/NN_name.json.

The book is built without torch, so it cannot ask the declarations. `make notebooks` writes down
what it needs, and a test fails where the two disagree.
"""

import json
from pathlib import Path

from course import ROOT

FOLDER = ROOT / "book" / "exercises"


def file_of(name: str) -> Path:
    """Where a chapter's data lie, such as those of "02_self_attention"."""
    return FOLDER / f"{name}.json"


def read(name: str) -> dict[str, dict]:
    """Each exercise's name and data, as `engine.browser.describe` made them; none, if no file."""
    path = file_of(name)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def made_of(name: str) -> dict[str, dict]:
    """The same from the declarations; this takes lessons_lib, and torch."""
    from lessons_lib.exercises.engine import browser, registry

    chapter = name.partition("_")[2]
    exercises = registry.exercises_of(chapter) if chapter in registry.chapters() else []
    return {exercise.name: browser.describe(exercise) for exercise in exercises}


def store(name: str) -> None:
    """Write a chapter's data, if there are any other than those that stand there."""
    described = made_of(name)
    if described and described != read(name):
        FOLDER.mkdir(exist_ok=True)
        text = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
        file_of(name).write_text(text, encoding="utf-8")
