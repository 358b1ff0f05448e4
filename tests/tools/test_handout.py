"""What a teacher hands out, and the notes that stay with the teacher."""

import json
import re

import pytest
from tools_path import course, handout, teacher_notes

from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.declare import CodeExercise

NAME = "00_start_here"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handout")
    before, handout.OUT = handout.OUT, folder
    try:
        handout.write(NAME)
    finally:
        handout.OUT = before
    return folder


def test_the_notebook_holds_neither_solutions_nor_results(written):
    notebook = json.loads((written / f"{NAME}.ipynb").read_text(encoding="utf-8"))
    assert "<summary>Solution" not in json.dumps(notebook)
    assert "<summary>Hint" in json.dumps(notebook)
    assert not any(cell.get("outputs") for cell in notebook["cells"])


def test_the_page_needs_no_network_and_no_page_of_it_is_a_solution(written):
    page = (written / f"{NAME}.html").read_text(encoding="utf-8")
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]*)"', page)
    assert loaded == ["mathjax/tex-mml-chtml.js"]
    assert (handout.MATHJAX / "tex-mml-chtml.js").exists()
    assert "<h1" in page and "Hint 1 of" in page and ">Solution<" not in page
    assert "details { display: none }" in page


def test_notes_hold_aims_minutes_and_every_exercise(written):
    text = (written / f"{NAME}-teacher.md").read_text(encoding="utf-8")
    twin = (course.TWINS / f"{NAME}.md").read_text(encoding="utf-8")
    read, do = re.search(r"(\d+) minutes to read, (\d+) to do", twin).groups()
    assert f"{read} to read, {do} to do" in text
    assert teacher_notes.aims(NAME) in text and teacher_notes.aims(NAME) in twin
    exercises = registry.exercises_of("start_here")
    headings = re.findall(r"^### (\w+)$", text, re.MULTILINE)
    assert headings == [one.name.partition(".")[2] for one in exercises]
    for exercise in exercises:
        assert exercise.solution_source() in text or f"`{exercise.right_answer!r}`" in text


@pytest.mark.parametrize("name", ["step_down", "softmax_share", "product_shape", "away_from_home"])
def test_each_slip_stands_with_what_check_says(name):
    exercise = registry.find(f"start_here.{name}")
    found = teacher_notes.slips(exercise)
    if isinstance(exercise, CodeExercise):
        assert len(found) == len(exercise.wrongs)
        said = [wrong.saying for wrong in exercise.wrongs]
        assert all(words in message for words, (_, message) in zip(said, found, strict=True))
    else:
        wrong = getattr(exercise, "traps", None) or set(exercise.options) - set(exercise.right)
        assert len(found) == len(wrong)
    assert all(slip and message for slip, message in found)


def test_a_slip_shows_the_lines_in_which_it_differs():
    changed = teacher_notes._changed_lines
    assert changed("def f():\n    a\n    return a", "def f():\n    b\n    return a") == "`b`"
    assert changed("def f():\n    a\n    return a", "def f():\n    return a") == "without `a`"
    assert changed("a", "a  # `b`") == "`` a  # `b` ``"


def test_a_chapter_without_aims_is_told(monkeypatch):
    monkeypatch.setattr(teacher_notes, "text_of", lambda name: "# Title\n")
    with pytest.raises(ValueError, match="99_new should open with a list"):
        teacher_notes.aims("99_new")


def test_an_unknown_chapter_is_told():
    with pytest.raises(SystemExit, match="no chapter 99_new: use CHAPTER= with one of 00_start"):
        handout.main(["99_new"])
