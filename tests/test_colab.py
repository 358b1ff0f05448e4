"""A lone notebook on Colab: a machine that has torch and the rest, and not the course.

The notebook is copied into an empty folder and its own first cell installs the course, unmodified:
only git is told that the public address is a loopback one.
"""

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import git_over_http
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell
from rendered_pages import ROOT

import notebooks as tool  # isort: skip  (from tools)
from lessons_lib.base.set_up import INSTALL_TORCH
from lessons_lib.exercises.engine import registry

CHAPTER = tool.chapter_names()[0]
OURS = ("lessons_lib", "transformer_transfer", "__editable__")
TORCH = ("torch", "functorch")
# What would lead the new environment back to this one, or to the checkout.
LEADING_BACK = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX")


class Machine:
    """A fresh virtual environment with a kernel, and nothing on it but what is shared with it."""

    def __init__(self, folder: Path, shared: Path, extra_paths=()):
        self.folder = folder / "venv"
        python = getattr(sys, "_base_executable", sys.executable)
        # pip is among what is shared; a second one would bring an older setuptools with it.
        subprocess.run([python, "-m", "venv", "--without-pip", self.folder], check=True)
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.python = self.folder / scripts / "python"
        self.packages = Path(self.ask("import sysconfig; print(sysconfig.get_paths()['purelib'])"))
        lines = [str(path) for path in (shared, *extra_paths)]
        (self.packages / "shared.pth").write_text("\n".join(lines), encoding="utf-8")
        self.kernels = folder / "jupyter"
        kernel = self.kernels / "kernels" / "alone"
        kernel.mkdir(parents=True)
        start = [str(self.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": start, "display_name": "alone", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")

    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in LEADING_BACK}

    def ask(self, code: str) -> str:
        """What this Python prints; it must end well."""
        return subprocess.run(
            [self.python, "-c", code],
            env=self.environment(),
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def run(self, notebook, folder: Path, monkeypatch, **environment):
        """Run a notebook in this machine's kernel, in `folder`."""
        monkeypatch.setenv("JUPYTER_PATH", str(self.kernels))
        client = NotebookClient(
            notebook,
            timeout=300,
            kernel_name="alone",
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(env={**self.environment(), **environment})
        return notebook


def share_packages(folder: Path, without: tuple[str, ...] = ()) -> Path:
    """A folder of links to what is installed here, but for the course and `without`.

    The .pth files stay behind: one of them may lead to the course's checkout.
    """
    folder.mkdir()
    hidden = (*OURS, *without)
    for home in {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}:
        for entry in Path(home).iterdir():
            if not entry.name.startswith(hidden) and entry.suffix != ".pth":
                (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="module")
def colab(tmp_path_factory) -> Machine:
    if git_over_http.backend() is None:
        pytest.skip("the simulated Colab needs git with its http-backend (Debian: apt install git)")
    folder = tmp_path_factory.mktemp("colab")
    machine = Machine(folder, share_packages(folder / "shared"))
    skip_without_index(machine, folder)
    return machine


def skip_without_index(machine: Machine, folder: Path) -> None:
    """pip fetches the build backend for itself, as it does on Colab."""
    wanted = re.search(r'requires = \["([^"]+)"\]', (ROOT / "pyproject.toml").read_text("utf-8"))
    command = [machine.python, "-m", "pip", "download", "-q", "--no-deps", "-d", folder / "wheels"]
    fetched = subprocess.run(
        [*command, wanted.group(1)], env=machine.environment(), capture_output=True
    )
    if fetched.returncode != 0:
        pytest.skip("the simulated Colab needs the package index, for pip's build backend")


@pytest.fixture(scope="module")
def course_address(tmp_path_factory):
    bare = git_over_http.snapshot(ROOT, tmp_path_factory.mktemp("served"))
    with git_over_http.served(bare) as address:
        yield address


def up_to_first_figure(notebook):
    """The chapter's first cells as they are: set-up, exercises, a figure."""
    drawn = ["<figure" in str(cell.get("outputs")) for cell in notebook.cells]
    notebook.cells = notebook.cells[: drawn.index(True) + 1]
    return notebook


def answered_exercise(notebook) -> str:
    """Code that gives the first exercise's own solution and fails unless it passes."""
    name = next(filter(None, map(tool._exercise_name, notebook.cells)))
    exercise = registry.find(name)
    return (
        f"{exercise.solution_source()}\n"
        f'assert check("{name}", {exercise.answer_name}).passed\n'
        "import lessons_lib\nprint(lessons_lib.__file__)"
    )


def package_files(folder: Path) -> set[str]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix() for path in paths}


def test_a_lone_notebook_installs_the_course_and_runs(colab, course_address, tmp_path, monkeypatch):
    with pytest.raises(subprocess.CalledProcessError):
        colab.ask("import lessons_lib")
    before = {path.name for path in colab.packages.iterdir()}
    home = tmp_path / "content"
    home.mkdir()
    stored = home / f"{CHAPTER}.ipynb"
    stored.write_bytes((tool.NOTEBOOKS / stored.name).read_bytes())
    notebook = up_to_first_figure(nbformat.read(stored, as_version=4))
    set_up = next(cell for cell in notebook.cells if cell.cell_type == "code")
    public = re.search(r'course = "(https://[^"]+)"', set_up.source).group(1)
    notebook.cells.append(new_code_cell(answered_exercise(notebook)))

    environment = git_over_http.redirected(public, course_address)
    colab.run(notebook, home, monkeypatch, LESSONS_PROGRESS=str(tmp_path), **environment)

    assert "Ready: torch" in str(set_up.outputs)
    assert "<figure" in str(notebook.cells[-2].outputs)
    answered = notebook.cells[-1].outputs
    assert "<strong>Right</strong>" in str(answered)
    installed = colab.packages / "lessons_lib"
    assert str(installed) in str(answered)
    new = {path.name for path in colab.packages.iterdir()} - before
    ours = {"lessons_lib", "studies"}
    assert {name.partition("-")[0] for name in new} == {*ours, "transformer_transfer"}, new
    for name in ours:
        in_checkout = package_files(ROOT / name)
        assert package_files(colab.packages / name) == in_checkout, "a data file is missing"
    assert [path.name for path in home.iterdir()] == [stored.name]


def test_without_torch_the_first_cell_says_which_command_installs_it(tmp_path, monkeypatch):
    shared = share_packages(tmp_path / "shared", without=TORCH)
    machine = Machine(tmp_path, shared, extra_paths=[ROOT])
    with pytest.raises(subprocess.CalledProcessError):
        machine.ask("import torch")
    notebook = tool.read_notebook(CHAPTER)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"][:1]
    with pytest.raises(CellExecutionError) as failure:
        machine.run(notebook, tmp_path, monkeypatch, LESSONS_PROGRESS=str(tmp_path))
    assert INSTALL_TORCH in str(failure.value)
    assert str(machine.python) in str(failure.value)
