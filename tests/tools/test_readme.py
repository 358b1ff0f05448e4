"""The README's table of chapters is what the notebooks say."""

import re

import pytest
from tools_path import course, readme


def test_table_of_chapters_is_current():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.updated(text) == text


def test_stale_table_is_noticed():
    text = readme.README.read_text(encoding="utf-8")
    assert readme.updated(text.replace("| Self-attention |", "| Attention |")) == text


def test_readme_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="the page should hold the marks"):
        readme.updated("# A title\n")


def links(table: str) -> list[str]:
    return re.findall(r"\]\((.+?)\)", table)


def test_before_the_course_has_an_address_the_table_leads_to_files_of_the_checkout(monkeypatch):
    monkeypatch.setenv("LESSONS_REPOSITORY", "https://github.com/your_account/any-name")
    found = links(readme.chapter_table())
    assert len(found) == len(course.chapter_names())
    assert all((course.ROOT / path).is_file() for path in found)


def test_once_it_has_one_the_table_leads_to_its_pages_and_to_colab(monkeypatch):
    monkeypatch.setenv("LESSONS_REPOSITORY", "https://github.com/somebody/any-name")
    found = links(readme.chapter_table())
    assert found[:2] == [
        f"https://somebody.github.io/any-name/notebooks/{readme.FIRST}.html",
        "https://colab.research.google.com/github/somebody/any-name/blob/main/notebooks/"
        f"{readme.FIRST}.ipynb",
    ]
    assert len(found) == 2 * len(course.chapter_names())


def test_chapter_that_does_not_say_how_long_it_takes_is_refused(tmp_path, monkeypatch):
    (tmp_path / "00_short.md").write_text("# Short\n\nIt takes no time.\n", encoding="utf-8")
    monkeypatch.setattr(course, "TWINS", tmp_path)
    with pytest.raises(ValueError, match="00_short should open with a title and"):
        readme.facts("00_short")


def test_each_path_holds_the_shorter_one_and_leads_to_chapters_that_exist():
    paths = readme.shortest_paths()
    assert set(paths) <= set(course.chapter_names())
    half_a_day = [name for name, path in paths.items() if path == "half a day"]
    assert "00_start_here" in half_a_day and 3 <= len(half_a_day) <= 5
    assert set(paths.values()) == {"half a day", "a weekend"}
