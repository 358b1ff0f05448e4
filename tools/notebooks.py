"""From a chapter's text twin to its notebook: derive, convert, run, store; and how to check it.

A person edits `book/chapters/NN_name.md`. From it come the derived cells (the set-up cell, the
cells of each exercise), which are written back into the twin, and `notebooks/NN_name.ipynb` with
its outputs, which nobody edits by hand.

    python tools/notebooks.py                      every chapter
    python tools/notebooks.py 02_self_attention    one chapter
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from lessons_lib.exercises.engine import pages, registry

ROOT = Path(__file__).resolve().parent.parent
TWINS = ROOT / "book" / "chapters"
NOTEBOOKS = ROOT / "notebooks"

SET_UP_TAG = "set-up"
EXERCISE_PREFIX = "exercise:"
SOLVED_RUN_TAG = "solved-run"  # needed by the exercises: runs in the solved notebook too

_TWIN_FORMAT = {
    "extension": ".md",
    "format_name": "myst",
    "notebook_metadata_filter": ",".join(
        ("kernelspec", "accelerator", "colab", "-jupytext.text_representation.jupytext_version")
    ),
    "cell_metadata_filter": "all,-execution,-ExecuteTime,-collapsed,-scrolled",
}
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def repository_url() -> str:
    """The address that the book, the notebooks and the README name; set once, in _config.yml."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return os.environ.get("LESSONS_REPOSITORY", config["repository"]["url"])


def set_up_source() -> str:
    """The first code cell of every chapter: on Colab it installs the course's library first."""
    return (
        "# The first cell of every chapter. Where the course's small library is not\n"
        "# installed yet, as on Colab, it installs it.\n"
        "try:\n"
        "    import lessons_lib\n"
        "except ImportError:\n"
        f'    %pip install -q "transformer-transfer[run] @ git+{repository_url()}"\n'
        "from lessons_lib import check, hint, progress, set_up, show_source, solution\n"
        "\n"
        "device = set_up(seed=0)"
    )


def read_twin(name: str) -> NotebookNode:
    """A chapter's twin as a notebook without outputs, as it stands in the file."""
    return jupytext.read(TWINS / f"{name}.md", fmt=_TWIN_FORMAT)


def derive(twin: NotebookNode) -> NotebookNode:
    """The same chapter with every derived cell made anew."""
    cells = []
    for exercise_name, group in groupby(twin.cells, key=_exercise_name):
        if exercise_name:
            _require_no_text(exercise_name, list(group))
            cells += _exercise_cells(exercise_name)
        else:
            cells += [_with_set_up(cell) for cell in group]
    derived = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": _KERNEL})
    for number, cell in enumerate(derived.cells):
        cell.id = hashlib.sha256(f"{number} {cell.source}".encode()).hexdigest()[:12]
    return derived


def write_twin(name: str, notebook: NotebookNode) -> None:
    """Write the twin, its derived cells included, if anything changed."""
    path = TWINS / f"{name}.md"
    text = jupytext.writes(notebook, fmt=_TWIN_FORMAT)
    if path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def execute(notebook: NotebookNode, timeout_seconds: int = 600) -> NotebookNode:
    """Run every cell as a reader with no progress yet would; return it with its outputs."""
    with tempfile.TemporaryDirectory() as fresh:
        environment = {**os.environ, "LESSONS_PROGRESS": fresh}
        client = NotebookClient(
            notebook,
            timeout=timeout_seconds,
            kernel_name="python3",
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(NOTEBOOKS)}},
        )
        client.execute(env=environment)
    notebook.metadata.pop("language_info", None)
    return notebook


def solved(notebook: NotebookNode) -> NotebookNode:
    """The exercise cells with every solution filled in, and what they need; nothing else."""
    cells = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code" or not (
            _exercise_name(cell) or {SET_UP_TAG, SOLVED_RUN_TAG} & set(tags)
        ):
            continue
        cell = new_code_cell(cell.source, metadata=cell.metadata)
        if _exercise_name(cell):
            exercise = registry.find(_exercise_name(cell))
            cell.source = cell.source.replace(exercise.stub_source(), exercise.solution_source())
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def chapter_names() -> list[str]:
    return sorted(path.stem for path in TWINS.glob("*.md"))


def read_notebook(name: str) -> NotebookNode:
    """A chapter's stored notebook, outputs included."""
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def outline(notebook: NotebookNode) -> list[tuple[str, str, tuple[str, ...]]]:
    """What twin and notebook must share: kind, source and tags of each cell."""
    return [
        (cell.cell_type, cell.source, tuple(cell.metadata.get("tags", [])))
        for cell in notebook.cells
    ]


def _exercise_name(cell: NotebookNode) -> str | None:
    for tag in cell.metadata.get("tags", []):
        if tag.startswith(EXERCISE_PREFIX):
            return tag.removeprefix(EXERCISE_PREFIX)
    return None


def _require_no_text(name: str, group: list[NotebookNode]) -> None:
    """An exercise's cells are made anew: refuse to lose what a person wrote among them."""
    for cell in group:
        derived = cell.source.startswith(("**Exercise · ", "<details>"))
        if cell.cell_type == "markdown" and not derived:
            raise ValueError(
                f"text stands in a cell tagged {EXERCISE_PREFIX}{name} and would be lost: "
                f"{cell.source[:60]!r}. Mark the place of an exercise by an empty code cell."
            )


def _with_set_up(cell: NotebookNode) -> NotebookNode:
    if SET_UP_TAG in cell.metadata.get("tags", []):
        cell.source = set_up_source()
    return cell


def _exercise_cells(name: str) -> list[NotebookNode]:
    exercise = registry.find(name)
    metadata = {"tags": [EXERCISE_PREFIX + name]}
    return [
        new_markdown_cell(pages.task_markdown(exercise), metadata=metadata),
        *(new_code_cell(source, metadata=metadata) for source in pages.stub_cells(exercise)),
        new_markdown_cell(pages.help_markdown(exercise), metadata=metadata),
    ]


def make(name: str) -> None:
    """Make a chapter's notebook anew from its twin, and say how long its cells took."""
    started = time.perf_counter()
    notebook = derive(read_twin(name))
    write_twin(name, notebook)
    NOTEBOOKS.mkdir(exist_ok=True)
    nbformat.write(execute(notebook), NOTEBOOKS / f"{name}.ipynb")
    print(f"{name}: run and stored in {time.perf_counter() - started:.0f} s")


def keep_outputs(name: str) -> None:
    """Make a chapter's notebook anew where only text has changed: nothing is run.

    Raises:
        ValueError: a code cell differs from the stored one, so its output would be of other code.
    """
    notebook, stored = derive(read_twin(name)), read_notebook(name)
    fresh, old = (
        [cell for cell in one.cells if cell.cell_type == "code"] for one in (notebook, stored)
    )
    if [cell.source for cell in fresh] != [cell.source for cell in old]:
        raise ValueError(f"code of {name} has changed: run it, without --text")
    write_twin(name, notebook)
    for cell, before in zip(fresh, old, strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    notebook.metadata = stored.metadata
    nbformat.write(notebook, NOTEBOOKS / f"{name}.ipynb")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run chapters and store their outputs.")
    parser.add_argument("--text", action="store_true", help="only text has changed: run nothing")
    parser.add_argument("chapters", nargs="*", help="such as 02_self_attention; all if none")
    arguments = parser.parse_args()
    names = arguments.chapters or chapter_names()
    unknown = sorted(set(names) - set(chapter_names()))
    if unknown:
        known = ", ".join(chapter_names())
        sys.exit(f"No chapter {', '.join(unknown)} in book/chapters; there are {known}.")
    for name in names:
        (keep_outputs if arguments.text else make)(name)


if __name__ == "__main__":
    main()
