"""The project as a whole: imports run one way, importing is quick, the docstrings' examples run."""

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lessons_lib

ROOT = Path(__file__).resolve().parent.parent


def modules() -> list[str]:
    found = pkgutil.walk_packages(lessons_lib.__path__, "lessons_lib.")
    return sorted(module.name for module in found)


def test_imports_run_one_way():
    """The layers stand in pyproject.toml, under `tool.importlinter`."""
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_folder_of_the_library_stands_in_the_layers():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    named = {part.strip() for layer in layers for part in layer.split("|")}
    folders = {file.parent.name for file in (ROOT / "lessons_lib").glob("*/__init__.py")}
    assert named == folders | {"ready"}


def test_importing_the_library_loads_no_torch():
    code = "import sys, lessons_lib; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_importing_the_library_and_its_exercises_is_quick_beyond_torch():
    code = (
        "import torch, time; start = time.perf_counter(); import lessons_lib; "
        "from lessons_lib import check, set_up; print(time.perf_counter() - start)"
    )
    seconds = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        for _ in range(3)
    ]
    assert min(seconds) < 0.3


def test_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'setup'; it has \['check', 'hint'"):
        lessons_lib.setup  # noqa: B018


@pytest.mark.parametrize("module", modules())
def test_docstring_examples_run(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize("module", modules())
def test_every_public_function_and_class_says_what_it_is(module):
    loaded = importlib.import_module(module)
    public = [
        thing
        for name, thing in vars(loaded).items()
        if not name.startswith("_") and getattr(thing, "__module__", None) == module
    ]
    if ".exercises." in module and ".engine" not in module:
        return  # stubs, checks and known answers speak for themselves
    assert loaded.__doc__
    assert [thing.__name__ for thing in public if callable(thing) and not thing.__doc__] == []


def test_every_module_has_its_tests():
    """`data/tokens.py` has `tests/data/test_tokens.py`; exercises are tested together."""
    library = ROOT / "lessons_lib"
    files = [file for file in library.glob("*/*.py") if file.parent.name != "exercises"]
    wanted = {Path(file.parent.name, f"test_{file.name}") for file in files if file.stem[0] != "_"}
    there = {file.relative_to(ROOT / "tests") for file in (ROOT / "tests").glob("*/test_*.py")}
    assert wanted <= there


def test_no_pickle_is_loaded_from_a_file():
    loads = re.compile(r"pickle\.load\(|torch\.load\(|weights_only=False|allow_pickle=True")
    for path in (ROOT / "lessons_lib").rglob("*.py"):
        assert not loads.search(path.read_text(encoding="utf-8")), path
