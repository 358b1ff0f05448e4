"""How the tools' commands end: by themselves, by Ctrl-C, or because a package is damaged."""

import os
import signal
import subprocess
import sys
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from tiny_project import heed_ctrl_c, make_wheel
from tools_path import book, step

TOOLS = Path(step.__file__).parent
SLOW = f"[{sys.executable!r}, '-c', 'import time; print(7, flush=True); time.sleep(60)']"
STOPPED = "\nStopped: run the same command again when you like.\n"


def test_command_that_ends_gives_its_status_and_output():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    done = step.run([sys.executable, "-c", code], **pipes)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


TOOLS_AT_WORK = {
    "book": (
        f"import book; book.COMMAND = {SLOW}; book.BUILD = Path('_build'); work = book.build; "
        "book.STAMP = book.BUILD / 'stamp'; book.UNFINISHED = book.BUILD / 'unfinished'"
    ),
    "test": f"import test; work = lambda: test.run('slow', {SLOW}, dict(os.environ))",
}


@pytest.mark.skipif(os.name == "nt", reason="a process group gets a signal")
@pytest.mark.parametrize("tool", TOOLS_AT_WORK)
def test_ctrl_c_ends_in_one_sentence_and_status_130(tool, tmp_path):
    code = f"import os, step; from pathlib import Path; {TOOLS_AT_WORK[tool]}"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{code}; step.until_ctrl_c(work)"],
        env={**os.environ, "PYTHONPATH": str(TOOLS)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_ctrl_c,
    )
    begun = {"book": "Building the book ...\n", "test": "7\n"}[tool]
    while process.stdout.readline() != begun:
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error.endswith(STOPPED)
    assert "step.py" not in error


def test_book_that_was_stopped_is_built_anew_and_one_that_was_not_goes_on(tmp_path, monkeypatch):
    folder = tmp_path / "_build"
    for name, path in (("BUILD", ""), ("STAMP", "stamp"), ("UNFINISHED", "unfinished")):
        monkeypatch.setattr(book, name, folder / path)
    monkeypatch.setattr(book, "COMMAND", [sys.executable, "-c", ""])
    folder.mkdir()
    half = folder / "half a page.html"
    half.touch()
    book.build()
    assert half.exists()
    book.UNFINISHED.touch()
    book.build()
    assert not half.exists() and not book.UNFINISHED.exists()


@pytest.fixture
def packages(tmp_path):
    """A folder into which pip has installed one package of two files."""
    make_wheel(tmp_path, "small", {"small/__init__.py": b"", "small/part.py": b"part = 1\n"})
    wheel, folder = next(tmp_path.glob("*.whl")), tmp_path / "packages"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--target", folder, wheel]
    subprocess.run(pip, check=True)
    return folder


def test_whole_packages_are_not_blamed(packages):
    assert step.damaged_packages(str(packages)) == []
    step.refuse_damaged(str(packages))


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("part")])
def test_damaged_package_is_named_with_the_cure(packages, damage):
    damage(packages / "small" / "part.py")
    with pytest.raises(SystemExit, match=r"Files of small .* `make clean`"):
        step.refuse_damaged(str(packages))


def test_a_missing_file_is_seen_where_the_list_of_files_leaves_it_out(packages, monkeypatch):
    """As from Python 3.12 on, and with the reader of packages that setuptools brings."""
    part = packages / "small" / "part.py"
    part.unlink()
    listed = Distribution.files.fget
    present = property(lambda self: [each for each in listed(self) if each.locate().exists()])
    monkeypatch.setattr(Distribution, "files", present)
    assert step.damaged_packages(str(packages)) == ["small"]


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no ASCII terminal")
@pytest.mark.parametrize("status", [0, 3])
def test_a_folder_of_any_name_builds_in_a_terminal_of_ascii(tmp_path, status):
    """The builder writes its folder's name; only that part is played by another program."""
    builder = f"import sys; print('built in ' + chr(220) + 'bung'); sys.exit({status})"
    script = (
        "import sys, pathlib, book\n"
        f"book.COMMAND = [sys.executable, '-c', {builder!r}]\n"
        "book.BUILD = pathlib.Path('_build'); book.STAMP = book.BUILD / 'stamp'\n"
        "book.UNFINISHED = book.BUILD / 'unfinished'; book.is_current = lambda: False\n"
        "book.HTML = pathlib.Path.cwd(); book.main()"
    )
    folder = tmp_path / "Übung"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=os.environ | ASCII | {"PYTHONPATH": str(TOOLS)},
        capture_output=True,
    )
    said = done.stdout.decode("ascii")
    assert done.returncode == bool(status), done.stderr
    assert ("Built in 0 s." in said) == (not status)
    assert ("built in \\xdcbung" in said) == bool(status)
