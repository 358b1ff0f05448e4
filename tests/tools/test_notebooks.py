"""Text twin and notebook agree, and the solved notebook passes every check, in a real kernel."""

import ast
import copy
import json
import os
import shutil

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook, new_output
from rendered_pages import ROOT  # puts tools on the path

import notebooks as tool  # isort: skip  (from tools)
from lessons_lib.exercises.engine import registry

CHAPTERS = tool.chapter_names()
SHOWING = {"attention_heatmap", "check", "print", "progress", "set_up", "show", "show_source"}


def shows_something(source: str) -> bool:
    """Does running this cell leave an output? Calls inside a function that it defines do not."""
    plain = "\n".join(
        line.replace("%pip", "pass  #", 1) if line.lstrip().startswith("%") else line
        for line in source.splitlines()
    )
    waiting = list(ast.parse(plain).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in SHOWING:
            return True
        waiting += ast.iter_child_nodes(node)
    return False


def faults(twin, stored) -> list[str]:
    """What keeps a twin and its stored notebook from being one chapter."""
    found = []
    # `derive` writes into the cells it is given.
    if tool.outline(tool.derive(copy.deepcopy(twin))) != tool.outline(twin):
        found.append("derived cells of the twin are out of date")
    if tool.outline(twin) != tool.outline(stored):
        found.append("twin and notebook differ")
    for number, cell in enumerate(stored.cells):
        if cell.cell_type != "code":
            continue
        if cell.execution_count is None or (shows_something(cell.source) and not cell.outputs):
            found.append(f"cell {number} has no stored output")
    return found


@pytest.mark.parametrize("name", CHAPTERS)
def test_twin_and_notebook_are_one_chapter(name):
    assert faults(tool.read_twin(name), tool.read_notebook(name)) == [], "run: make notebooks"


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_twin_is_written_back_as_it_stands(name, tmp_path, monkeypatch):
    before = (tool.TWINS / f"{name}.md").read_bytes()
    shutil.copy(tool.TWINS / f"{name}.md", tmp_path)
    monkeypatch.setattr(tool, "TWINS", tmp_path)
    tool.write_twin(name, tool.derive(tool.read_twin(name)))
    assert (tmp_path / f"{name}.md").read_bytes() == before


@pytest.fixture
def chapter():
    """A twin in order and a notebook that agrees with it, to be broken in one place at a time."""
    twin = tool.derive(tool.read_twin(CHAPTERS[0]))
    stored = copy.deepcopy(twin)
    for cell in stored.cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
            cell.outputs = [new_output("stream", text="x")] * shows_something(cell.source)
    assert faults(twin, stored) == []
    return twin, stored


def exercise_code(notebook):
    return next(c for c in notebook.cells if c.cell_type == "code" and tool._exercise_name(c))


def test_a_changed_source_would_be_found(chapter):
    twin, stored = chapter
    next(cell for cell in stored.cells if cell.cell_type == "markdown").source += " More."
    assert faults(twin, stored) == ["twin and notebook differ"]


def test_a_changed_tag_would_be_found(chapter):
    twin, stored = chapter
    stored.cells[0].metadata["tags"] = ["hide-input"]
    assert faults(twin, stored) == ["twin and notebook differ"]


def test_a_missing_cell_would_be_found(chapter):
    twin, stored = chapter
    del stored.cells[-1]
    assert faults(twin, stored) == ["twin and notebook differ"]


def test_a_missing_output_would_be_found(chapter):
    twin, stored = chapter
    for number, cell in enumerate(stored.cells):
        if cell.cell_type == "code" and cell.outputs:
            broken = copy.deepcopy(stored)
            broken.cells[number].outputs = []
            assert faults(twin, broken) == [f"cell {number} has no stored output"]


def test_a_cell_that_was_not_run_would_be_found(chapter):
    twin, stored = chapter
    cell = next(cell for cell in stored.cells if cell.cell_type == "code" and not cell.outputs)
    cell.execution_count = None
    assert faults(twin, stored) == [f"cell {stored.cells.index(cell)} has no stored output"]


def test_a_stale_exercise_stub_would_be_found(chapter):
    twin, stored = chapter
    for notebook in chapter:
        exercise_code(notebook).source += "  # an older stub"
    assert faults(twin, stored) == ["derived cells of the twin are out of date"]


def test_a_stale_set_up_cell_would_be_found(chapter, monkeypatch):
    monkeypatch.setenv("LESSONS_REPOSITORY", "https://github.com/somebody/elsewhere")
    assert faults(*chapter) == ["derived cells of the twin are out of date"]


def test_text_among_the_cells_of_an_exercise_is_not_lost():
    twin = tool.read_twin(CHAPTERS[0])
    cell = next(c for c in twin.cells if c.cell_type == "markdown" and tool._exercise_name(c))
    cell.source = "A person's own words."
    with pytest.raises(ValueError, match="would be lost"):
        tool.derive(twin)


def run(notebook, progress_folder):
    environment = {**os.environ, "LESSONS_PROGRESS": str(progress_folder)}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute(env=environment)
    return notebook


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_exercise_passes_with_its_own_solution(name, tmp_path):
    notebook = tool.solved(tool.read_notebook(name))
    run(notebook, tmp_path)
    entries = json.loads((tmp_path / "progress.json").read_text("utf-8"))["exercises"]
    wanted = {tool._exercise_name(cell) for cell in notebook.cells} - {None}
    chapter = next(iter(wanted)).partition(".")[0]
    assert wanted == {exercise.name for exercise in registry.exercises_of(chapter)}
    assert {key for key, entry in entries.items() if entry["passed"]} == wanted


FIGURE = """import matplotlib.pyplot as plt
from lessons_lib.base.plots import show
figure, axes = plt.subplots(figsize=(2, 2))
axes.plot([1, 3, 2])
show(figure, alt="A line that rises and falls.")"""


def test_running_an_unchanged_notebook_again_gives_the_same_bytes():
    sources = ["print('one')\nprint('two')", FIGURE, "{'a': 1}"]
    cells = [new_code_cell(text, id=f"cell-{number}") for number, text in enumerate(sources)]
    first, second = (
        nbformat.writes(tool.execute(new_notebook(cells=copy.deepcopy(cells)))) for _ in range(2)
    )
    assert "one" in first and "<svg" in first
    assert first == second


def test_outputs_are_kept_where_only_text_has_changed(tmp_path, monkeypatch):
    name = "02_self_attention"
    for kind, folder in (("TWINS", "chapters"), ("NOTEBOOKS", "notebooks")):
        (tmp_path / folder).mkdir()
        suffix = ".md" if kind == "TWINS" else ".ipynb"
        original = getattr(tool, kind) / f"{name}{suffix}"
        (tmp_path / folder / original.name).write_bytes(original.read_bytes())
        monkeypatch.setattr(tool, kind, tmp_path / folder)
    twin = tmp_path / "chapters" / f"{name}.md"
    before = tool.read_notebook(name)
    text = twin.read_text(encoding="utf-8")
    twin.write_text(text.replace("# Self-attention", "# Attention to oneself", 1), encoding="utf-8")
    tool.keep_outputs(name)
    after = tool.read_notebook(name)
    assert after.cells[0].source.startswith("# Attention to oneself")
    outputs = [[cell.get("outputs") for cell in one.cells] for one in (before, after)]
    assert outputs[0] == outputs[1]
    twin.write_text(text.replace("import torch", "import torch as other", 1), encoding="utf-8")
    with pytest.raises(ValueError, match="code of 02_self_attention has changed"):
        tool.keep_outputs(name)
