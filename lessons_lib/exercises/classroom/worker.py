"""The process in which a handed-in notebook's answers run: it reads its work from standard input.

What it reports goes over a channel of its own, each line after a word that only parent and worker
know; whatever the answers print goes nowhere. A hook that cannot be taken off refuses to delete or
write files outside the worker's own folder, to start processes, and to use the network. That stops
accidents and simple tricks. It is no prison: code that is written against it runs with the rights
of whoever grades.
"""

import ast
import contextlib
import faulthandler
import json
import linecache
import os
import sys
from pathlib import Path

from ..engine import guard, judging, registry
from ..engine.answer import text_of
from .handed_in import Cell, names_set_by, python_of, statements

_REFUSED = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.startfile")
_REFUSED += ("os.fork", "os.kill", "pty.", "socket.connect", "socket.bind", "socket.sendto")
_CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink")
_CHANGES += ("os.truncate", "os.chmod", "os.chown", "os.utime", "shutil.")
_STEP_SECONDS = 20.0  # nobody waits, and on a busy machine the first use of a library takes some
_PATIENCE = 2  # times the limit: the guard stops before what can be stopped
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    work = json.loads(sys.stdin.buffer.read())
    channel = _private_output()
    guard.TIME_LIMIT_SECONDS = _STEP_SECONDS

    def report(*what) -> None:
        channel.write(f"{work['word']} {json.dumps(what)}\n")
        channel.flush()

    cells = [Cell(one["source"], tuple(one["tags"]), one["number"]) for one in work["cells"]]
    exercises = [registry.find(name) for name in work["exercises"]]
    for exercise in exercises:
        exercise.stub_source()
    _refuse_harm(Path(work["folder"]))
    _limit_memory()
    names, errors = _defined(cells, {one.answer_name for one in exercises}, work["skip"], report)
    for exercise in exercises:
        if exercise.name in work["skip"]:
            continue
        report("begin", exercise.name, [])
        with _last_resort():
            verdict = _found(exercise, names, errors)
        report("end", exercise.name, *verdict)
    report("done")


def _defined(cells, answers: set[str], skip: list, report) -> tuple[dict, dict]:
    """Run what defines the answers; return all names that came of it, and what went wrong.

    Of a cell that defines an answer all runs but calls whose value nobody keeps; of the others,
    imports and definitions.
    """
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    found = list(statements(cells))
    home = {s.cell.number for s in found if names_set_by(s.node) & answers}
    names, errors = {"__name__": "handed_in", "device": "cpu"}, {}
    for place, statement in enumerate(found):
        node, cell = statement.node, statement.cell
        wanted = isinstance(node, kept) or (cell.number in home and not isinstance(node, ast.Expr))
        if not wanted or place in skip:
            continue
        report("begin", place, sorted(names_set_by(node) & answers))
        file = f"cell {cell.number}"
        source = python_of(cell.source)
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        with _last_resort():
            wrong = _run(ast.Module([node], []), file, names)
        for name in names_set_by(node) if wrong else ():
            errors[name] = wrong
            names.pop(name, None)
        report("end", place)
    return names, errors


def _run(tree, file: str, names: dict) -> str:
    """Run one statement under guard; return what went wrong, or nothing."""
    try:
        with guard.captured_prints(), guard.time_limit(), guard.memory_limit():
            exec(compile(tree, file, "exec"), names)
    except guard.OutOfTime:
        return "its cell was stopped, as it ran too long"
    except BaseException as error:  # `exit()` should not end the work
        return f"its cell stops: {type(error).__name__}: {text_of(error, str)[:200]}"
    return ""


@contextlib.contextmanager
def _last_resort():
    """End this process where one step never comes back, not even to Python."""
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(_PATIENCE * _STEP_SECONDS, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _found(exercise, names: dict, errors: dict) -> tuple[bool | None, str]:
    """True, False or None as in a verdict; and why it could not be judged, if so."""
    name = exercise.answer_name
    if name not in names:
        return None, errors.get(name, "")
    return judging.judge(exercise, names[name]).passed, ""


def _private_output():
    """What was standard output; that and the errors' go nowhere from now on."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    return channel


def _refuse_harm(folder: Path) -> None:
    own = (os.path.realpath(folder), os.devnull)

    def is_own(path) -> bool:
        if isinstance(path, int) or path is None:
            return isinstance(path, int)
        path = os.path.realpath(os.fsdecode(path))
        return path == own[1] or path.startswith(own[0] + os.sep)

    def hook(event: str, arguments: tuple) -> None:
        if event.startswith(_REFUSED):
            raise PermissionError(f"{event} is refused while answers are judged")
        if event == "open":
            path, _, flags = arguments
            harm = isinstance(flags, int) and flags & _WRITING and not is_own(path)
        else:
            harm = event.startswith(_CHANGES) and not is_own(arguments[0])
        if harm:
            raise PermissionError("answers may not change files")

    sys.addaudithook(hook)


def _limit_memory() -> None:
    """Twice what a check may ask for, for good, where the system has such a limit."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = held + 2 * guard.MEMORY_LIMIT_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
