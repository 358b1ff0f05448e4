"""The README's table of chapters is what the notebooks say."""

import pytest
from tools_path import readme


def test_table_of_chapters_is_current():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.updated(text) == text


def test_stale_table_is_noticed():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.updated(text.replace("| Self-attention |", "| Attention |")) == text


def test_readme_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="the page should hold the marks"):
        readme.updated("# A title\n")


def test_each_path_holds_the_shorter_one_and_leads_to_chapters_that_exist():
    paths = readme.shortest_paths()
    assert set(paths) <= set(readme.notebooks.chapter_names())
    half_a_day = [name for name, path in paths.items() if path == "half a day"]
    assert "00_start_here" in half_a_day and 3 <= len(half_a_day) <= 5
    assert set(paths.values()) == {"half a day", "a weekend"}
