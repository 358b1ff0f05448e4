"""Notebooks without solutions, and without results: for a class that should find them itself.

`make book SOLUTIONS=no` builds such a book; `make handout` writes such notebooks. Hints stay.
"""

import copy
import json
import os
import re
from pathlib import Path

from course import REVEAL_TAG
from exercise_cards import exercise_name, source_text

_SOLUTION = re.compile(r"\n*<details>\n<summary>Solution</summary>\n.*?\n</details>", re.DOTALL)


def are_shown() -> bool:
    """Does the book show them? The variable SOLUTIONS says "no" where it should not.

    Raises:
        ValueError: it says something else than "yes" or "no".
    """
    said = os.environ.get("SOLUTIONS") or "yes"
    if said not in ("yes", "no"):
        raise ValueError(f'SOLUTIONS should be "yes" or "no", not {said!r}')
    return said == "yes"


def without_solutions(notebook: dict) -> dict:
    """The notebook, as JSON holds it, without folded solutions and without outputs that tell.

    An output tells where its cell is tagged as one that answers what was asked above it.
    """
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        if REVEAL_TAG in cell["metadata"].get("tags", []):
            _empty(cell)
        if cell["cell_type"] == "markdown" and exercise_name(cell):
            cell["source"] = _SOLUTION.sub("", source_text(cell["source"]))
    return notebook


def without_results(notebook: dict) -> dict:
    """The notebook without any stored output."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        _empty(cell)
    return notebook


def strip_file(path: Path) -> None:
    """Take the solutions out of a stored notebook."""
    notebook = without_solutions(json.loads(path.read_text(encoding="utf-8")))
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def _empty(cell: dict) -> None:
    """Take away what running left, and what folded it."""
    if cell["cell_type"] != "code":
        return
    cell |= {"outputs": [], "execution_count": None}
    if tags := cell["metadata"].get("tags"):
        cell["metadata"]["tags"] = [tag for tag in tags if tag != REVEAL_TAG]
    cell["metadata"].pop("collapsed", None)
    cell["metadata"].get("jupyter", {}).pop("outputs_hidden", None)
