"""The project as a whole: imports run one way, importing is quick, the docstrings' examples run."""

import ast
import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import lessons_lib

ROOT = Path(__file__).resolve().parent.parent
# Nothing imports what stands after it. A package stands for all of its modules.
ORDER = [
    *("device", "source", "fetch", "attention", "svg", "plots"),
    *("positions", "multi_head", "layers", "models", "generate", "tokens", "train"),
    *("rate_finder", "language_modelling", "bert", "naming"),
    *("pretrained", "features", "random_weights", "fine_tuning"),
    *("domains", "dates", "splits", "fair", "vader", "ready", "exercises"),
]
LAZY = {"__init__", "device"}  # these import others inside functions, on purpose


def modules() -> list[str]:
    found = pkgutil.walk_packages(lessons_lib.__path__, "lessons_lib.")
    return sorted(module.name for module in found)


def imported_by(path: Path) -> set[str]:
    """The parts of lessons_lib that a file imports when it is itself imported."""
    parts = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        parts |= {name.split(".")[1] for name in names if name.startswith("lessons_lib.")}
    return parts


def test_every_module_has_its_place_in_the_order():
    tops = {module.split(".")[1] for module in modules()}
    assert tops == set(ORDER)


@pytest.mark.parametrize("part", ORDER)
def test_imports_run_one_way(part):
    home = ROOT / "lessons_lib" / part
    files = list(home.rglob("*.py")) if home.is_dir() else [home.with_suffix(".py")]
    later = ORDER[ORDER.index(part) + 1 :]
    for file in files:
        assert not imported_by(file) & set(later), file


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
    tested = {path.stem.removeprefix("test_") for path in (ROOT / "tests").glob("test_*.py")}
    tops = {module.split(".")[1] for module in modules()}
    assert tops <= tested


def test_core_of_the_library_stays_small():
    """Lines of code, without docstrings, comments and blank lines."""
    files = [path for path in (ROOT / "lessons_lib").rglob("*.py") if "exercises" not in path.parts]
    assert sum(len(code_lines(path)) for path in files) < 2_500


def code_lines(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if hasattr(node, "body") and isinstance(node.body, list) and _opens_with_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return [line for line in ast.unparse(tree).splitlines() if line.strip()]


def _opens_with_docstring(node: ast.AST) -> bool:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    return isinstance(node, documented) and ast.get_docstring(node) is not None


def test_no_pickle_is_loaded_from_a_file():
    loads = re.compile(r"pickle\.load\(|torch\.load\(|weights_only=False|allow_pickle=True")
    for path in (ROOT / "lessons_lib").rglob("*.py"):
        assert not loads.search(path.read_text(encoding="utf-8")), path
