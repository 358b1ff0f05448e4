"""The reader's copies of the notebooks: made once, never overwritten, renewed on demand."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from tools_path import my_notebooks as tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of two chapters; the reader's folder, which is not there yet."""
    (tmp_path / "notebooks").mkdir()
    for name in ("00_start_here", "01_words"):
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(f"course's {name}")
    for name, folder in (("ROOT", ""), ("COURSE", "notebooks"), ("MINE", "my_notebooks")):
        monkeypatch.setattr(tool, name, tmp_path / folder)
    return tool.MINE


def test_every_chapter_is_copied_and_the_first_comes_first(course):
    assert [path.name for path in tool.copy_missing()] == ["00_start_here.ipynb", "01_words.ipynb"]
    assert (course / "01_words.ipynb").read_text() == "course's 01_words"


def test_work_is_never_overwritten_and_a_new_chapter_is_added(course):
    tool.copy_missing()
    (course / "01_words.ipynb").write_text("years of work")
    (tool.COURSE / "02_new.ipynb").write_text("new")
    tool.copy_missing()
    assert (course / "01_words.ipynb").read_text() == "years of work"
    assert (course / "02_new.ipynb").read_text() == "new"


def test_reset_renews_one_copy_and_keeps_the_old_beside_it(course, capsys):
    tool.copy_missing()
    for work in ("first", "second"):
        (course / "01_words.ipynb").write_text(work)
        tool.main(["reset", "01_words"])
        assert (course / "01_words.ipynb").read_text() == "course's 01_words"
    kept = [path for path in course.iterdir() if path.name.startswith("01_words.2")]
    assert {path.read_text() for path in kept} == {"first", "second"}
    dated = r"01_words\.\d{4}-\d\d-\d\d-\d{4}(?:-2)?\.ipynb"
    assert all(re.fullmatch(dated, path.name) for path in kept)
    said = capsys.readouterr().out
    assert all(path.name in said for path in kept)


def test_reset_makes_a_copy_that_is_not_there_yet(course, capsys):
    tool.main(["reset", "00_start_here"])
    assert (course / "00_start_here.ipynb").exists()
    assert "What you had" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["reset", "01_word"], ["reset"]])
def test_unknown_chapter_names_the_known_ones(course, arguments):
    with pytest.raises(SystemExit, match="use CHAPTER= with one of 00_start_here, 01_words"):
        tool.main(arguments)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_root_is_told_the_option(course):
    with pytest.raises(SystemExit, match="make lab LAB_OPTIONS=--allow-root"):
        tool.main(["lab"])


def test_copies_are_ignored_by_git():
    for path in ("my_notebooks/00_start_here.ipynb", "build/lib/x.py"):
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == 0


@pytest.fixture
def ctrl_c_again():
    """What JupyterLab's wrapper changes is put back."""
    heeded = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, heeded)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for jupyter is a shell script")
def test_jupyterlab_gets_the_first_chapter_and_the_options(course, monkeypatch, ctrl_c_again):
    seen = course.parent / "seen"
    echo = course.parent / "jupyter"
    echo.write_text(f'#!/bin/sh\necho "$@" >> "{seen}"\n')
    echo.chmod(0o755)
    monkeypatch.setattr(tool, "JUPYTER", echo)
    with pytest.raises(SystemExit) as ended:
        tool.main(["lab", "--allow-root", "--no-browser"])
    assert ended.value.code == 0
    first, second = (str(path) for path in tool.copy_missing())
    trusted, opened = seen.read_text().splitlines()
    assert trusted == f"trust {first} {second}"
    assert opened == f"lab {first} --allow-root --no-browser"
