"""Exercises found by name; a wrong name is answered by near ones; chapters in their order."""

import json
import pkgutil
from pathlib import Path

import pytest
import yaml

import lessons_lib.exercises
from lessons_lib.exercises import check, hint, progress, solution
from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.registry import TITLES, UnknownExercise

ROOT = Path(__file__).resolve().parents[2]


def refusal(name) -> str:
    with pytest.raises(UnknownExercise) as caught:
        registry.find(name)
    return str(caught.value)


def test_chapters_stand_in_the_order_of_the_book():
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [Path(entry["file"]) for part in toc["parts"] for entry in part["chapters"]]
    named = [file.name.partition("_")[2] for file in files if file.parent.name == "notebooks"]
    assert registry.chapters() == named


def test_chapters_are_the_modules_that_declare_exercises():
    modules = pkgutil.iter_modules(lessons_lib.exercises.__path__)
    commands = {"grade", "reset", "plug"}  # they declare nothing
    assert set(TITLES) == {module.name for module in modules if not module.ispkg} - commands


@pytest.mark.parametrize("chapter", TITLES)
def test_title_is_that_of_the_notebook(chapter):
    (notebook,) = (ROOT / "notebooks").glob(f"*_{chapter}.ipynb")
    first = json.loads(notebook.read_text(encoding="utf-8"))["cells"][0]
    assert "".join(first["source"]).startswith(f"# {TITLES[chapter]}\n")


def test_progress_lists_all_chapters_by_their_titles_in_order(capsys):
    progress()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == list(TITLES.values())


def test_found_by_name():
    assert registry.find("self_attention.causal").name == "self_attention.causal"


def test_exercises_come_in_the_order_of_their_declaration():
    names = [exercise.name for exercise in registry.exercises_of("self_attention")]
    assert names[:2] == ["self_attention.softmax_shift", "self_attention.matmul_shape"]
    assert len(set(names)) == len(names)


def test_near_names_are_listed():
    assert 'Near it: "self_attention.causal"' in refusal("self_attention.casual")


def test_name_of_another_chapter_says_which():
    message = refusal("feed_forward.causal")
    assert '"causal" is in another chapter: "self_attention.causal"' in message


def test_name_without_its_chapter_says_which():
    assert '"self_attention.causal"' in refusal("causal")


def test_name_far_from_all_lists_the_chapters():
    assert "Chapters with exercises: " in refusal("zzz")
    assert "self_attention" in refusal("zzz")


@pytest.mark.parametrize("name", [len, 3, None, ["self_attention.causal"]])
def test_name_that_is_no_text_is_told(name):
    message = refusal(name)
    assert "the exercise's name in quotes" in message
    assert type(name).__name__ in message


def test_unknown_chapter_is_refused():
    with pytest.raises(UnknownExercise, match='no chapter "poetry"'):
        registry.exercises_of("poetry")


@pytest.mark.parametrize("ask", [lambda name: check(name, 1), hint, solution])
def test_public_functions_refuse_unknown_names(ask):
    with pytest.raises(UnknownExercise, match="Near it"):
        ask("self_attention.casual")


def test_progress_refuses_unknown_chapters():
    with pytest.raises(UnknownExercise, match="no chapter"):
        progress("poetry")
