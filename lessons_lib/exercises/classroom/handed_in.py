"""Finding and reading what was handed in: progress files and notebooks. Nothing of it is run."""

import ast
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..engine import record, registry
from ..engine.declare import CodeExercise, Exercise

KINDS = (".json", ".ipynb")
_MOST_BYTES = 100 * 2**20
_TAG = "exercise:"
_CHECKED = re.compile(r"""\bcheck\(\s*["'](\w+\.\w+)["']""")
_HARMLESS_MAGIC = ("%%time", "%%capture")  # what follows is Python; after others it is not
_MAGIC = re.compile(r"^(\s*)[%!?].*$", re.MULTILINE)


class Damaged(Exception):
    """A file cannot be read as what its name says; the message tells why."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its source, its tags, and its number in the notebook, counted from 1."""

    source: str
    tags: tuple[str, ...]
    number: int


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a cell."""

    node: ast.stmt
    cell: Cell


def files_in(folder: Path) -> tuple[list[tuple[str, Path]], int]:
    """Whose file is which, in order of the paths, and how many other files there are.

    A file that lies in the folder itself belongs to the person whom its name tells; one that lies
    deeper, to the person whom the first folder's name tells. Hidden files are passed over.
    """
    found, others = [], 0
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith((".", "__MACOSX")) for part in parts) or not path.is_file():
            continue
        if path.suffix.lower() in KINDS:
            found.append((path.stem if len(parts) == 1 else parts[0], path))
        else:
            others += 1
    return found, others


def read_progress(path: Path) -> record.Record:
    """What a progress file claims.

    Raises:
        Damaged: it is no progress file.
    """
    _require_moderate(path)
    try:
        return record.read(path)
    except record.ProgressError:
        raise Damaged("it is no progress file of this version") from None
    except OSError as error:
        raise Damaged(f"it cannot be opened ({error.strerror})") from None


def read_notebook(path: Path) -> list[Cell]:
    """The code cells of a notebook.

    Raises:
        Damaged: it is no notebook.
    """
    _require_moderate(path)
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        return [
            Cell(_text(cell["source"]), _tags(cell), number)
            for number, cell in enumerate(cells, start=1)
            if cell["cell_type"] == "code"
        ]
    except OSError as error:
        raise Damaged(f"it cannot be opened ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("it is no notebook (of format 4)") from None


def exercises_in(cells: list[Cell]) -> list[Exercise]:
    """All exercises of the chapters that a notebook's tags and calls of `check` name.

    Of an exercise that it calls by an older name, which may now be in another chapter, only this
    one.
    """
    names = {name for cell in cells for name in _CHECKED.findall(cell.source)}
    names |= {tag.removeprefix(_TAG) for cell in cells for tag in cell.tags if tag[:9] == _TAG}
    moved = {record.RENAMED[name] for name in names if name in record.RENAMED}
    chapters, others = (
        {name.partition(".")[0] for name in some} for some in (names - set(record.RENAMED), moved)
    )
    return [
        exercise
        for chapter in registry.chapters()
        if chapter in chapters | others
        for exercise in registry.exercises_of(chapter)
        if chapter in chapters or exercise.name in moved
    ]


def statements(cells: list[Cell]) -> Iterator[Statement]:
    """The top-level statements of all cells that are Python."""
    for cell in cells:
        for node in _parsed(python_of(cell.source)):
            yield Statement(node, cell)


def python_of(source: str) -> str:
    """A cell's source without IPython's own commands, each line in its place.

    >>> python_of("%matplotlib inline\\nx = 1")
    'pass\\nx = 1'
    """
    first = source.lstrip()
    if first.startswith("%%") and not first.startswith(_HARMLESS_MAGIC):
        return ""
    return _MAGIC.sub(r"\1pass", source)


def names_set_by(node: ast.stmt) -> set[str]:
    """The names that a statement defines, imports or assigns."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {one.asname or one.name for one in node.names}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    stored = (part for part in ast.walk(node) if isinstance(part, ast.Name))
    return {part.id for part in stored if isinstance(part.ctx, ast.Store)}


def last_value(found: list[Statement], exercise: Exercise) -> ast.expr | None:
    """The expression that stands for a value answer: the last that is assigned, or checked."""
    value = None
    for statement in found:
        node = statement.node
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Name) and one.id == exercise.answer_name for one in targets):
            value = node.value
        elif (given := _given_to_check(node, exercise.name)) is not None:
            value = given
    return value


def is_untouched(found: list[Statement], exercise: CodeExercise) -> bool:
    """Is the last definition of a code answer the stub, or is there none?"""
    named = [s.node for s in found if exercise.answer_name in names_set_by(s.node)]
    return not named or _shape(named[-1]) == _shape(ast.parse(exercise.stub_source()).body[0])


def _given_to_check(node: ast.stmt, name: str) -> ast.expr | None:
    """`value` of a call `check(name, value)`, unless it is a variable."""
    call = getattr(node, "value", None)
    if not isinstance(call, ast.Call) or getattr(call.func, "id", "") != "check":
        return None
    called = getattr(call.args[0], "value", None) if len(call.args) > 1 else None
    if not isinstance(called, str) or record.RENAMED.get(called, called) != name:
        return None
    return None if isinstance(call.args[1], ast.Name) else call.args[1]


def _parsed(source: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source).body
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return []


def _shape(node: ast.stmt) -> str:
    """As syntax: comments, spacing and docstring play no part."""
    body = getattr(node, "body", [])
    first = body[0] if body else None
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    if is_text and isinstance(first.value.value, str):
        node.body = body[1:]
    try:
        return ast.dump(node)
    except RecursionError:
        return ""


def _require_moderate(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise Damaged(f"it cannot be opened ({error.strerror})") from None
    if size > _MOST_BYTES:
        raise Damaged(f"it is larger than {_MOST_BYTES // 2**20} MiB")


def _text(source) -> str:
    return source if isinstance(source, str) else "".join(source)


def _tags(cell: dict) -> tuple[str, ...]:
    tags = cell.get("metadata", {}).get("tags", [])
    return tuple(tag for tag in tags if isinstance(tag, str))
