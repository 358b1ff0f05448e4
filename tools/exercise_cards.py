"""Exercises on the book's pages: each in a card of its own, with what the page needs to judge it.

A notebook holds an exercise as plain Markdown and code, one cell after the other. Before the book
reads a notebook, its cells are framed here: a head with number, kind and minutes, an address
(`#ex-name`), and the data of `exercise_data`, from which scripts in `book/_static/exercises` make a
form. Without scripts the cell stands there as in the notebook. The file itself is not touched.
"""

import copy
import html
import re
from itertools import groupby

from course import EXERCISE_PREFIX, REVEAL_TAG

_HEADING = re.compile(r"\A### Exercise · .*\n+")
_UNANSWERED = "Not answered yet"
_REVEAL_PROMPTS = {
    "code_prompt_show": "Show what comes out",
    "code_prompt_hide": "Hide what comes out",
}


def with_cards(notebook: dict, data: dict[str, dict], chapter: str, colab: str = "") -> dict:
    """The notebook with a frame around the cells of each exercise.

    Args:
        notebook: as JSON holds it.
        data: the exercises by name, from `exercise_data.read`.
        chapter: such as "02_self_attention", whose exercises are numbered 2.1, 2.2, ...
        colab: where Colab opens the notebook; empty until the course has an address.
    """
    cells = []
    number = 0
    for name, group in groupby(notebook["cells"], key=exercise_name):
        group = [_prepared(cell) for cell in group]
        if name in data:
            number += 1
            place = f"{int(chapter.partition('_')[0])}.{number}"
            group = _framed(group, name, data[name], place, colab)
        cells += group
    return notebook | {"cells": cells}


def exercise_name(cell: dict) -> str | None:
    """The exercise that a cell is part of."""
    for tag in cell.get("metadata", {}).get("tags", []):
        if tag.startswith(EXERCISE_PREFIX):
            return tag.removeprefix(EXERCISE_PREFIX)
    return None


def _prepared(cell: dict) -> dict:
    """A cell as the page shows it.

    What gives an answer away is folded, progress is left to the page, and no verdict tells that
    nothing was answered yet, of which a reader of the page is aware.
    """
    cell = copy.deepcopy(cell)
    source = source_text(cell["source"])
    if "outputs" in cell:
        cell["outputs"] = [one for one in cell["outputs"] if not _is_unanswered(one)]
    if REVEAL_TAG in cell["metadata"].get("tags", []):
        cell["metadata"]["tags"].append("hide-output")
        cell["metadata"]["mystnb"] = _REVEAL_PROMPTS
    if cell["cell_type"] == "code" and source.startswith("progress("):
        cell["metadata"].setdefault("tags", []).append("own-progress")
    return cell


def _framed(cells: list[dict], name: str, known: dict, place: str, colab: str) -> list[dict]:
    task, *others = cells
    task["source"] = _HEADING.sub("", source_text(task["source"]))  # the card has a head of its own
    code = [cell for cell in others if cell["cell_type"] == "code"]
    address = f"{colab}#scrollTo={code[0]['id']}" if colab and code else ""
    head = _raw(_head(name, known, place, address), f"{task['id']}-head")
    return [head, task, *others, _raw("</div>", f"{task['id']}-end")]


def _head(name: str, known: dict, place: str, address: str) -> str:
    """The card's first lines; its end is another cell."""
    anchor = f"ex-{name.partition('.')[2]}"
    attributes = {
        "class": "exercise",
        "id": anchor,
        "role": "group",
        "aria-labelledby": f"{anchor}-head",
        "data-name": name,
        "data-number": place,
        "data-kind": known["kind"],
        "data-type": known["type"],
        "data-form": known.get("form", ""),
        "data-judge": known.get("judge", ""),
        "data-notebook": address,
    }
    written = " ".join(f'{key}="{html.escape(text)}"' for key, text in attributes.items() if text)
    kind = html.escape(known["kind"])
    return (
        f"<div {written}>\n"
        f'<p class="exercise-head"><a class="exercise-name" id="{anchor}-head" href="#{anchor}">'
        f"{place} · {kind}</a> "
        f'<span class="exercise-time">about {known["minutes"]} min</span></p>'
    )


def _raw(source: str, id: str) -> dict:
    return {"id": id, "cell_type": "markdown", "metadata": {}, "source": source}


def _is_unanswered(output: dict) -> bool:
    return source_text(output.get("data", {}).get("text/plain", "")).startswith(_UNANSWERED)


def source_text(lines: str | list[str]) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
