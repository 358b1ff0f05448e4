"""A class that should find the solutions itself gets none, wherever a notebook may hold them."""

import json

import pytest
from tools_path import book, course, solutions

from lessons_lib.exercises.engine import pages, registry


def text_of(notebook: dict) -> str:
    return "\n".join(
        one if isinstance(one, str) else "".join(one)
        for one in (cell["source"] for cell in notebook["cells"])
    )


def stored(name: str) -> dict:
    return json.loads((course.NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", course.chapter_names())
def test_of_a_chapter_only_the_solutions_go(name):
    whole = stored(name)
    stripped = solutions.without_solutions(whole)
    before, after = text_of(whole), text_of(stripped)
    for exercise in registry.exercises_of(name.partition("_")[2]):
        said = pages.solution_markdown(exercise)
        assert said in before and said not in after
        assert all(hint in after for hint in exercise.hints)
        assert exercise.stub_source() in after
    assert "<summary>Solution</summary>" not in after
    assert after.count("<details>") == before.count("<details>") - before.count(">Solution<")
    assert after.count("<details>") == after.count("</details>")
    assert [cell["id"] for cell in stripped["cells"]] == [cell["id"] for cell in whole["cells"]]


def test_what_answers_a_prediction_has_no_output_and_is_not_folded_without_one():
    tags = [course.REVEAL_TAG, "other"]
    metadata = {"tags": tags, "collapsed": True, "jupyter": {"outputs_hidden": True}}
    cell = {"cell_type": "code", "source": "x", "metadata": metadata, "execution_count": 3}
    cell["outputs"] = [{"text": "the answer"}]
    plain = {**cell, "metadata": {}, "outputs": [{"text": "a plot"}]}
    notebook = {"cells": [cell, plain]}
    told, shown = solutions.without_solutions(notebook)["cells"]
    assert told["outputs"] == [] and told["execution_count"] is None
    assert told["metadata"] == {"tags": ["other"], "jupyter": {}}
    assert shown["outputs"] == [{"text": "a plot"}]
    assert notebook["cells"][0]["outputs"] == [{"text": "the answer"}]


def test_without_results_no_cell_has_an_output():
    stripped = solutions.without_results(stored("02_self_attention"))
    code = [cell for cell in stripped["cells"] if cell["cell_type"] == "code"]
    assert len(code) > 10
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_a_stored_file_is_stripped_once_and_for_all(tmp_path):
    copy = tmp_path / "copy.ipynb"
    copy.write_text(json.dumps(stored("00_start_here")), encoding="utf-8")
    solutions.strip_file(copy)
    once = copy.read_bytes()
    assert b"<summary>Solution" not in once
    solutions.strip_file(copy)
    assert copy.read_bytes() == once


@pytest.mark.parametrize(
    ("said", "shown"), [(None, True), ("", True), ("yes", True), ("no", False)]
)
def test_the_variable_decides(monkeypatch, said, shown):
    monkeypatch.delenv("SOLUTIONS", raising=False)
    if said is not None:
        monkeypatch.setenv("SOLUTIONS", said)
    assert solutions.are_shown() is shown


def test_another_word_is_refused(monkeypatch):
    monkeypatch.setenv("SOLUTIONS", "perhaps")
    with pytest.raises(ValueError, match='should be "yes" or "no", not \'perhaps\''):
        solutions.are_shown()
    with pytest.raises(SystemExit, match="perhaps"):
        book.main()


def test_the_book_without_solutions_is_built_beside_the_other(monkeypatch):
    for name in ("BUILD", "HTML", "STAMP", "UNFINISHED", "COMMAND"):
        monkeypatch.setattr(book, name, getattr(book, name))
    whole, command = book.BUILD, book.COMMAND
    book.leave_out_solutions()
    assert whole / "without_solutions" / "_build" / "html" == book.HTML
    assert book.STAMP.parent == book.UNFINISHED.parent == book.HTML.parent
    assert [*command, "--path-output", str(whole / "without_solutions")] == book.COMMAND
