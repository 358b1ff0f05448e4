"""How the book frames the exercises of a notebook, and what it folds."""

import copy
import json

import pytest
from tools_path import course, exercise_cards, exercise_data, notebooks, pages_extension

NAME = "self_attention.causal"
KNOWN = {"kind": "Write it", "minutes": 18, "type": "code"}
VALUE = {
    "kind": "Recap",
    "minutes": 3,
    "type": "choice",
    "form": 'one of "a", "b"',
    "judge": "e30=",
}


def cell(kind: str, source: str, *tags: str, outputs=()) -> dict:
    made = {"id": f"id-{source[:4]}", "cell_type": kind, "metadata": {"tags": list(tags)}}
    return made | {"source": [source]} | ({"outputs": list(outputs)} if kind == "code" else {})


def verdict(text: str) -> dict:
    return {"output_type": "display_data", "data": {"text/plain": [text]}, "metadata": {}}


@pytest.fixture
def notebook():
    tag = f"exercise:{NAME}"
    return {
        "cells": [
            cell("markdown", "Before."),
            cell("markdown", "### Exercise · Write it · mask\n\nWrite a mask.", tag),
            cell("code", "def my_causal_mask(n): ...", tag),
            cell("code", "check()", tag, outputs=[verdict(f"Not answered yet: {NAME}.")]),
            cell("markdown", "<details>", tag),
            cell("markdown", "Between."),
            cell(
                "markdown",
                "### Exercise · Recap · which\n\nWhich?",
                "exercise:self_attention.recap",
            ),
            cell("code", "answer = ...", "exercise:self_attention.recap"),
            cell("code", 'progress("self_attention")', outputs=[verdict("0 of 2 done")]),
        ]
    }


def framed(notebook: dict, colab: str = "") -> list[dict]:
    data = {NAME: KNOWN, "self_attention.recap": VALUE}
    return exercise_cards.with_cards(notebook, data, "02_self_attention", colab)["cells"]


def sources(cells: list[dict]) -> list[str]:
    return [exercise_cards.source_text(one["source"]) for one in cells]


def test_a_card_opens_before_the_task_and_closes_after_the_help(notebook):
    found = sources(framed(notebook))
    assert [text.startswith("<div") for text in found].index(True) == 1
    assert found[0] == "Before." and found[6] == "</div>" and found[7] == "Between."
    assert found[2] == "Write a mask."
    assert sum(text.startswith("<div") for text in found) == found.count("</div>") == 2


def test_the_head_has_number_kind_minutes_and_an_address(notebook):
    first, second = [text for text in sources(framed(notebook)) if text.startswith("<div")]
    assert 'id="ex-causal"' in first and 'href="#ex-causal"' in first
    assert ">2.1 · Write it</a>" in first and "about 18 min" in first
    assert ">2.2 · Recap</a>" in second and 'data-judge="e30="' in second
    assert 'data-form="one of &quot;a&quot;, &quot;b&quot;"' in second
    assert "data-judge" not in first and "\n\n" not in first + second


def test_an_unanswered_verdict_is_not_shown_and_any_other_is(notebook):
    notebook["cells"][2]["outputs"] = [verdict("Right: all properties hold.")]
    code = [one for one in framed(notebook) if one["cell_type"] == "code"]
    assert [len(one["outputs"]) for one in code] == [1, 0, 0, 1]


def test_progress_is_left_to_the_page(notebook):
    assert framed(notebook)[-1]["metadata"]["tags"] == ["own-progress"]


def test_colab_opens_at_the_exercises_own_cell(notebook):
    address = "https://colab.example/02.ipynb"
    first = framed(notebook, address)[1]["source"]
    assert f'data-notebook="{address}#scrollTo=id-def "' in first
    assert "data-notebook" not in "".join(sources(framed(notebook)))


def test_an_output_that_answers_what_was_asked_is_folded():
    given = cell("code", "print(0.4)", "reveal", "hide-input", outputs=[verdict("0.4")])
    (folded,) = framed({"cells": [given]})
    assert folded["metadata"]["tags"] == ["reveal", "hide-input", "hide-output"]
    assert folded["metadata"]["mystnb"]["code_prompt_show"] == "Show what comes out"
    assert folded["outputs"] == given["outputs"]


def test_the_notebook_given_stays_as_it_is(notebook):
    before = copy.deepcopy(notebook)
    framed(notebook)
    assert notebook == before


@pytest.mark.parametrize("name", course.chapter_names())
def test_every_exercise_of_a_chapter_is_framed_and_every_cell_has_an_id_of_its_own(name):
    notebook = json.loads((course.NOTEBOOKS / f"{name}.ipynb").read_text("utf-8"))
    data = exercise_data.read(name)
    cells = exercise_cards.with_cards(notebook, data, name)["cells"]
    heads = [text for text in sources(cells) if text.startswith('<div class="exercise"')]
    assert len(heads) == len(data) == sources(cells).count("</div>") > 0
    ids = [one["id"] for one in cells]
    assert len(ids) == len(set(ids))
    kept = "".join(json.dumps(one.get("outputs", [])) for one in cells)
    assert "Not answered yet" not in kept


@pytest.mark.parametrize("account", ["your_account", "somebody"])
def test_the_way_to_colab_is_left_out_until_the_course_has_an_address(account):
    options = {
        "repository_url": f"https://github.com/{account}/any-name",
        "repository_branch": "main",
        "launch_buttons": {"colab_url": "https://colab.example"},
    }
    if not course.is_published(options["repository_url"]):
        options["launch_buttons"] = {}  # as the extension leaves them out
    found = pages_extension.colab_address("notebooks/02_x", options)
    wanted = "https://colab.example/github/somebody/any-name/blob/main/notebooks/02_x.ipynb"
    assert found == (wanted if account == "somebody" else "")


def test_what_is_stored_of_a_chapter_is_read_again(monkeypatch, tmp_path):
    monkeypatch.setattr(exercise_data, "FOLDER", tmp_path / "exercises")
    assert exercise_data.read("02_self_attention") == {}
    exercise_data.store("02_self_attention")
    assert exercise_data.read("02_self_attention")[NAME] == KNOWN
    before = exercise_data.file_of("02_self_attention").stat().st_mtime_ns
    exercise_data.store("02_self_attention")
    assert exercise_data.file_of("02_self_attention").stat().st_mtime_ns == before


def test_chapters_have_their_cards_in_the_order_of_the_page():
    cells = notebooks.derive(notebooks.read_twin("02_self_attention")).cells
    data = exercise_data.read("02_self_attention")
    framed_cells = exercise_cards.with_cards(
        json.loads(json.dumps({"cells": cells})), data, "02_self_attention"
    )["cells"]
    heads = [text for text in sources(framed_cells) if text.startswith("<div")]
    assert [f"2.{k + 1} ·" in head for k, head in enumerate(heads)] == [True] * len(data)
