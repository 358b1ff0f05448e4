"""Text twin and notebook agree, and the solved notebook passes every check, in a real kernel."""

import ast
import copy
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from rendered_pages import ROOT  # puts tools on the path

import notebooks as tool  # isort: skip  (from tools)
from lessons_lib.exercises.engine import registry

CHAPTERS = tool.chapter_names()
SHOWING = {"attention_heatmap", "check", "print", "progress", "set_up", "show", "show_source"}


def shows_something(source: str) -> bool:
    """Does running this cell leave an output? Calls inside a function that it defines do not."""
    waiting = list(ast.parse(source).body)
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
    if tool.outline(tool.derive(twin)) != tool.outline(stored):
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


@pytest.fixture
def chapter():
    """A twin in order and a notebook that agrees with it, to be broken in one place at a time."""
    twin = tool.read_twin(CHAPTERS[0])
    stored = tool.derive(twin)
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
    exercise_code(stored).source += "  # an older stub"
    assert faults(twin, stored) == ["twin and notebook differ"]


def test_a_stale_set_up_cell_would_be_found(chapter, monkeypatch):
    monkeypatch.setenv("LESSONS_REPOSITORY", "https://github.com/somebody/elsewhere")
    assert faults(*chapter) == ["twin and notebook differ"]


# Deriving: what stands in the notebook for each cell of the twin

EXERCISE = registry.exercises_of(registry.chapters()[0])[0].name


def place(tag: str, source: str = ""):
    return new_code_cell(source, metadata={"tags": [tag]})


def test_an_exercise_stands_where_the_twin_marks_its_place():
    twin = new_notebook(cells=[new_markdown_cell("Before."), place(f"exercise:{EXERCISE}")])
    twin.cells.append(new_markdown_cell("After."))
    _, task, *code, helps, _ = tool.derive(twin).cells
    exercise = registry.find(EXERCISE)
    assert exercise.task in task.source and f"Hint 1 of {len(exercise.hints)}" in helps.source
    assert exercise.stub_source() in code[0].source
    assert f'check("{EXERCISE}"' in code[-1].source


def test_deriving_leaves_the_twin_as_it_was():
    twin = tool.read_twin(CHAPTERS[0])
    before = copy.deepcopy(twin)
    tool.derive(twin)
    assert twin == before


@pytest.mark.parametrize("tag", ["set-up", f"exercise:{EXERCISE}"])
@pytest.mark.parametrize("make", [new_code_cell, new_markdown_cell])
def test_what_a_person_wrote_where_a_cell_is_derived_is_not_lost(tag, make):
    cell = make("My own words.", metadata={"tags": [tag]})
    with pytest.raises(ValueError, match=f"{tag} should be an empty code cell.*My own words"):
        tool.derive(new_notebook(cells=[cell]))


def test_an_exercise_that_does_not_exist_is_named():
    with pytest.raises(registry.UnknownExercise, match="nowhere"):
        tool.derive(new_notebook(cells=[place("exercise:nowhere.nothing")]))


def test_code_that_only_draws_is_folded_in_jupyterlab_too():
    cells = tool.derive(new_notebook(cells=[place("hide-input", "1"), new_code_cell("2")])).cells
    folded = [cell.metadata.get("jupyter", {}).get("source_hidden") for cell in cells]
    assert folded == [True, None]


def test_what_answers_a_question_is_folded_in_jupyterlab_too():
    cells = [place("reveal", "1"), new_code_cell("2")]
    cells.append(new_code_cell("3", metadata={"tags": ["hide-input", "reveal"]}))
    first, second, both = (cell.metadata for cell in tool.derive(new_notebook(cells=cells)).cells)
    assert first["jupyter"] == {"outputs_hidden": True} and first["collapsed"] is True
    assert both["jupyter"] == {"source_hidden": True, "outputs_hidden": True}
    assert "jupyter" not in second and "collapsed" not in second


def test_what_is_inserted_changes_no_other_cells_id():
    twin = tool.read_twin(CHAPTERS[0])
    before = [cell.id for cell in tool.derive(twin).cells]
    twin.cells.insert(1, new_markdown_cell("A sentence that no chapter holds."))
    after = [cell.id for cell in tool.derive(twin).cells]
    assert after[:1] + after[2:] == before


def test_equal_cells_have_ids_of_their_own_which_the_format_allows():
    sources = ["same", "other", "same", "same"]
    notebook = tool.derive(new_notebook(cells=[new_code_cell(source) for source in sources]))
    first, other, second, third = (cell.id for cell in notebook.cells)
    assert (second, third) == (f"{first}-2", f"{first}-3") and other != first
    assert all(re.fullmatch(r"[\w-]{1,64}", cell.id) for cell in notebook.cells)
    nbformat.validate(notebook)


# The set-up cell, on a machine without the course


def set_up_without_the_course(address: str, monkeypatch) -> str:
    """What the set-up cell says, in a kernel in which the course's library cannot be imported."""
    monkeypatch.setenv("LESSONS_REPOSITORY", address)
    sources = ["import sys\nsys.modules['lessons_lib'] = None", tool.set_up_source()]
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    (stop,) = [one for one in notebook.cells[-1].outputs if one.output_type == "error"]
    assert not any(one.get("name") == "stdout" for one in notebook.cells[-1].outputs)
    assert stop.ename == "SystemExit" and "Traceback" not in "".join(stop.traceback)
    return stop.evalue


def test_where_nothing_can_be_installed_one_sentence_says_which_line_to_change(monkeypatch):
    address = "http://127.0.0.1:9/nobody/listens"
    said = set_up_without_the_course(address, monkeypatch)
    assert said.count(".") == address.count(".") + 1
    number = int(re.search(r"line (\d+) of this cell", said)[1])
    assert tool.set_up_source().splitlines()[number - 1] == f'course = "{address}"'


class AsksForPassword(BaseHTTPRequestHandler):
    """What a host answers where there is no public repository of that name."""

    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="host"')
        self.end_headers()

    def log_message(self, *_):
        pass


def test_an_address_that_asks_for_a_password_is_not_waited_for(monkeypatch):
    with ThreadingHTTPServer(("127.0.0.1", 0), AsksForPassword) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/nobody/nothing"
        assert "could not be installed" in set_up_without_the_course(address, monkeypatch)
        server.shutdown()


# Running


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
    assert "one" in first and "data:image/svg+xml" in first
    assert first == second


@pytest.fixture
def one_chapter(tmp_path, monkeypatch):
    """A folder with one small chapter, whose output differs each time that it is run."""
    for kind in ("TWINS", "NOTEBOOKS"):
        (tmp_path / kind).mkdir()
        monkeypatch.setattr(tool, kind, tmp_path / kind)
    twin = tmp_path / "TWINS" / "00_short.md"
    cell = "```{code-cell}\nimport time\nprint(time.time_ns())\n```"
    twin.write_text(f"# Short\n\nOne sentence.\n\n{cell}\n", encoding="utf-8")
    tool.make("00_short")
    return twin


def stored_output() -> str:
    return tool.read_notebook("00_short").cells[-1].outputs[0].text


def test_nothing_is_run_where_only_text_has_changed(one_chapter, capsys):
    before = stored_output()
    text = one_chapter.read_text(encoding="utf-8").replace("One sentence", "Another sentence")
    one_chapter.write_text(text, encoding="utf-8")
    tool.make("00_short")
    assert "Another sentence" in tool.read_notebook("00_short").cells[0].source
    assert stored_output() == before
    assert capsys.readouterr().out.splitlines() == [
        "00_short: its code is what it was, so its outputs are kept (RUN=1 runs it)"
    ]


def test_a_chapter_is_run_where_a_code_cell_has_changed(one_chapter):
    before = stored_output()
    text = one_chapter.read_text(encoding="utf-8").replace("import time", "import time  # now")
    one_chapter.write_text(text, encoding="utf-8")
    tool.make("00_short")
    assert int(stored_output()) > int(before)


@pytest.mark.parametrize("tag", ["hide-input", "reveal"])
def test_nothing_is_run_where_a_cell_is_only_folded(one_chapter, tag):
    before = stored_output()
    text = one_chapter.read_text(encoding="utf-8")
    folded = text.replace("import time", f":tags: [{tag}]\n\nimport time")
    one_chapter.write_text(folded, encoding="utf-8")
    tool.make("00_short")
    assert tag in tool.read_notebook("00_short").cells[-1].metadata["tags"]
    assert stored_output() == before


def test_a_chapter_is_run_on_request(one_chapter):
    before = stored_output()
    tool.make("00_short", run=True)
    assert int(stored_output()) > int(before)


def test_a_new_address_of_the_course_runs_nothing(chapter, monkeypatch):
    twin, stored = chapter
    monkeypatch.setenv("LESSONS_REPOSITORY", "https://github.com/somebody/elsewhere")
    notebook = tool.derive(twin)
    assert tool.keep_outputs(notebook, stored)
    set_up = next(cell for cell in stored.cells if "set-up" in cell.metadata.get("tags", []))
    set_up.source = set_up.source.replace("seed=0", "seed=1")
    assert not tool.keep_outputs(notebook, stored)


@pytest.mark.parametrize("change", ["tags", "execution_count", "source", "cell"])
def test_outputs_of_other_code_are_never_kept(one_chapter, change):
    notebook, stored = tool.derive(tool.read_twin("00_short")), tool.read_notebook("00_short")
    changed = stored.cells[-1]
    if change == "tags":
        changed.metadata["tags"] = ["nbval-ignore-output"]
    elif change == "execution_count":
        changed.execution_count = None
    elif change == "source":
        changed.source += "\n"
    else:
        stored.cells.append(copy.deepcopy(changed))
    assert not tool.keep_outputs(notebook, stored)
    assert notebook.cells[-1].outputs == []
