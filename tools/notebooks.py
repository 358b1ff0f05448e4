"""From a chapter's text twin to its notebook: derive, convert, run, store; and how to check it.

A person edits `book/chapters/NN_name.md`, where empty code cells mark the places of the set-up cell
and of each exercise. From it comes `notebooks/NN_name.ipynb` with its outputs, which nobody edits
by hand. A chapter is run where its code has changed; otherwise its outputs are kept.

    python tools/notebooks.py                           every chapter
    python tools/notebooks.py 02_self_attention         one chapter
    python tools/notebooks.py --run 02_self_attention   run it, also where no code has changed
"""

import argparse
import copy
import hashlib
import os
import re
import sys
import tempfile
import time
from collections import Counter

import exercise_data
import jupytext
import nbformat
from course import (
    EXERCISE_PREFIX,
    NOTEBOOKS,
    REVEAL_TAG,
    TWINS,
    chapter_names,
    repository_url,
)
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from lessons_lib.exercises.engine import pages, registry

SET_UP_TAG = "set-up"
HIDDEN_TAG = "hide-input"  # only draws: its input is folded, in the book and in JupyterLab
SOLVED_RUN_TAG = "solved-run"  # needed by the exercises: runs in the solved notebook too
_FOLDS = {HIDDEN_TAG, REVEAL_TAG}  # change what is seen at first, never what comes out

_TWIN_FORMAT = {"extension": ".md", "format_name": "myst"}
_ADDRESS = re.compile(r'^course = ".*"$', re.MULTILINE)
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def set_up_source() -> str:
    """The first code cell of every chapter: on Colab it installs the course's library first.

    pip is run without a terminal: for an address that does not exist, git would ask for a name
    and a password, and wait for ever.
    """
    return (
        "# The first cell of every chapter. Where the course's library is missing, as on Colab,\n"
        "# it is installed from this address:\n"
        f'course = "{repository_url()}"\n'
        "try:\n"
        "    import lessons_lib\n"
        "except ImportError:\n"
        "    import subprocess\n"
        "    import sys\n"
        "\n"
        '    pip = [sys.executable, "-m", "pip", "install", "-qqq"]\n'
        '    if subprocess.run([*pip, f"transformer-transfer[run] @ git+{course}"]).returncode:\n'
        "        raise SystemExit(\n"
        '            f"The course\'s library could not be installed from {course}: put the "\n'
        '            "course\'s real address into line 3 of this cell, or see to the network."\n'
        "        ) from None\n"
        "from lessons_lib import check, hint, progress, set_up, show_source, solution\n"
        "\n"
        "device = set_up(seed=0)"
    )


def read_twin(name: str) -> NotebookNode:
    """A chapter's twin as a notebook without outputs, as it stands in the file."""
    return jupytext.read(TWINS / f"{name}.md", fmt=_TWIN_FORMAT)


def derive(twin: NotebookNode) -> NotebookNode:
    """The chapter as a notebook without outputs: each marked place filled, each cell with its id.

    Raises:
        ValueError: a cell that marks a place holds something, which would be lost.
        UnknownExercise: no exercise has the name that a tag gives.
    """
    cells = [made for cell in twin.cells for made in _cells_for(cell)]
    _give_ids(cells)
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": _KERNEL})


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


def read_notebook(name: str) -> NotebookNode:
    """A chapter's stored notebook, outputs included."""
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def outline(notebook: NotebookNode) -> list[tuple[str, str, str, dict]]:
    """What a derived and a stored notebook must share of each cell: all but what running adds."""
    return [(cell.id, cell.cell_type, cell.source, dict(cell.metadata)) for cell in notebook.cells]


def keep_outputs(notebook: NotebookNode, stored: NotebookNode) -> bool:
    """Take over the stored outputs if the code is the same, cell by cell; say whether it is."""
    fresh, old = (
        [cell for cell in one.cells if cell.cell_type == "code"] for one in (notebook, stored)
    )
    if [_code(cell) for cell in fresh] != [_code(cell) for cell in old]:
        return False
    if any(cell.execution_count is None for cell in old):
        return False
    for cell, before in zip(fresh, old, strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    return True


def make(name: str, run: bool = False) -> None:
    """Store a chapter's notebook made anew from its twin, and say what was done.

    Args:
        run: run it, also where the stored outputs are of the same code.
    """
    started = time.perf_counter()
    notebook = derive(read_twin(name))
    is_stored = (NOTEBOOKS / f"{name}.ipynb").exists()
    if not run and is_stored and keep_outputs(notebook, read_notebook(name)):
        done = "its code is what it was, so its outputs are kept (RUN=1 runs it)"
    else:
        execute(notebook)
        done = f"run and stored in {time.perf_counter() - started:.0f} s"
    NOTEBOOKS.mkdir(exist_ok=True)
    nbformat.write(notebook, NOTEBOOKS / f"{name}.ipynb")
    exercise_data.store(name)
    print(f"{name}: {done}")


def _code(cell: NotebookNode) -> tuple[str, list[str]]:
    """What an output depends on; on the address of the course, which the set-up cell holds, none.

    So whoever publishes the course need not run it.
    """
    tags = [tag for tag in cell.metadata.get("tags", []) if tag not in _FOLDS]
    return _ADDRESS.sub("", cell.source) if SET_UP_TAG in tags else cell.source, tags


def _exercise_name(cell: NotebookNode) -> str | None:
    for tag in cell.metadata.get("tags", []):
        if tag.startswith(EXERCISE_PREFIX):
            return tag.removeprefix(EXERCISE_PREFIX)
    return None


def _cells_for(cell: NotebookNode) -> list[NotebookNode]:
    """What stands in the notebook for one cell of the twin; most stand for themselves."""
    exercise, tags = _exercise_name(cell), cell.metadata.get("tags", [])
    cell = copy.deepcopy(cell)
    if HIDDEN_TAG in tags:
        cell.metadata["jupyter"] = {"source_hidden": True}
    if REVEAL_TAG in tags:
        cell.metadata["collapsed"] = True
        cell.metadata["jupyter"] = cell.metadata.get("jupyter", {}) | {"outputs_hidden": True}
    if not exercise and SET_UP_TAG not in tags:
        return [cell]
    if cell.cell_type != "code" or cell.source.strip():
        raise ValueError(
            f"a cell tagged {', '.join(tags)} should be an empty code cell, whose place is filled "
            f"when the notebook is made; this one holds {cell.source[:60]!r}"
        )
    if exercise:
        return _exercise_cells(exercise)
    cell.source = set_up_source()
    return [cell]


def _exercise_cells(name: str) -> list[NotebookNode]:
    exercise = registry.find(name)
    metadata = {"tags": [EXERCISE_PREFIX + name]}
    return [
        new_markdown_cell(pages.task_markdown(exercise), metadata=metadata),
        *(new_code_cell(source, metadata=metadata) for source in pages.stub_cells(exercise)),
        new_markdown_cell(pages.help_markdown(exercise), metadata=metadata),
    ]


def _give_ids(cells: list[NotebookNode]) -> None:
    """Ids that tell of a cell's source, never of its place: what is inserted changes no other."""
    seen = Counter()
    for cell in cells:
        name = hashlib.sha256(cell.source.encode()).hexdigest()[:12]
        seen[name] += 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make chapters' notebooks, with their outputs.")
    parser.add_argument("--run", action="store_true", help="run them, though no code has changed")
    parser.add_argument("chapters", nargs="*", help="such as 02_self_attention; all if none")
    arguments = parser.parse_args()
    names = arguments.chapters or chapter_names()
    unknown = sorted(set(names) - set(chapter_names()))
    if unknown:
        known = ", ".join(chapter_names())
        sys.exit(f"No chapter {', '.join(unknown)} in book/chapters; there are {known}.")
    for name in names:
        make(name, arguments.run)


if __name__ == "__main__":
    main()
