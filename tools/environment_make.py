"""Making and repairing .venv; environment.py is the command that a person runs."""

import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import environment_state as state
from environment_faults import (
    NO_EXTRA,
    NO_VENV,
    NOT_OURS,
    STOPPED,
    TOO_LITTLE_SPACE,
    UNKNOWN_EXTRA,
    Fault,
    fault_of_os_error,
    fault_of_output,
)

# Measured sizes (with torch for the CPU: run 1400, book 260, everything 1950) and a quarter more,
# for what pip downloads and unpacks on the way.
BARE_MB = 50
EXTRA_MB = {"run": 1700, "book": 300, "lab": 150, "test": 400}
# Settings that would make pip install elsewhere, or see packages that .venv does not hold.
MISLEADING = ["PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX"]


def main(names: list[str]) -> int:
    """Make .venv ready for these extras; print what is done, or the one sentence on a fault."""
    try:
        provide(names)
        return 0
    except Fault as fault:
        sentence = str(fault)
    except KeyboardInterrupt:
        sentence = STOPPED
    except OSError as error:
        sentence = str(fault_of_os_error(error, state.VENV))
    print(sentence, file=sys.stderr)
    return 1


def provide(names: list[str]) -> None:
    """Make .venv ready for these extras, unless it is."""
    refuse_unknown(names)
    if not state.is_ready(names):
        if state.is_foreign():
            raise Fault(NOT_OURS.format(folder=state.VENV))
        with lock():
            # Another run may have done it all while this one waited.
            if not state.is_ready(names):
                make(names)
    say(f".venv is ready for: {', '.join(sorted(names))}.")


def refuse_unknown(names: list[str]) -> None:
    """Raise the fault of a name that is no extra of pyproject.toml, or of no name at all."""
    known = ", ".join(sorted(state.extras()))
    unknown = ", ".join(name for name in names if name not in state.extras())
    if unknown:
        raise Fault(UNKNOWN_EXTRA.format(unknown=unknown, known=known))
    if not names:
        raise Fault(NO_EXTRA.format(known=known))


def make(names: list[str]) -> None:
    """Bring .venv from whatever state to ready, with the extras that it was ready for before."""
    names = sorted({*names, *state.read_stamp().get("extras", [])} & set(state.extras()))
    check_space(names)
    state.STAMP.unlink(missing_ok=True)
    state.LOG.write_bytes(b"")
    reason = state.why_unusable()
    if reason is None:
        state.forget_broken()
    else:
        create(reason)
    install(names)
    state.write_stamp(names)


def check_space(names: list[str]) -> None:
    """Raise the fault of too small a disk before a long download finds it."""
    wanted = {part for name in names for part in (EXTRA_MB if name == "all" else [name])}
    whole = BARE_MB + sum(EXTRA_MB.get(name, 0) for name in wanted)
    need = whole - state.size_mb()
    free = shutil.disk_usage(state.VENV).free // 2**20
    if free < need:
        extras = " + ".join(names)
        sizes = {"free": free, "need": need, "extras": extras, "folder": state.VENV}
        raise Fault(TOO_LITTLE_SPACE.format(**sizes))


def create(reason: str) -> None:
    """Make an empty virtual environment, in place of the one that pip cannot repair."""
    refuse_python_without_venv()
    old = [path for path in state.VENV.iterdir() if path not in (state.LOCK, state.LOG)]
    if old:
        say(f"The environment in .venv cannot be repaired ({reason}): deleting and remaking it.")
    else:
        say("Creating .venv.")
    for path in old:
        remove(path)
    # A venv's own Python would be deleted with it, so the one it was made from does the making.
    python = getattr(sys, "_base_executable", sys.executable)
    # Resolved, since venv refuses a link (to a larger disk, say).
    run([python, "-m", "venv", state.VENV.resolve()])


def refuse_python_without_venv() -> None:
    """Raise the fault of a Python that was installed without what makes environments."""
    try:
        importlib.import_module("venv")
        importlib.import_module("ensurepip.__main__")
    except ImportError:
        raise Fault(NO_VENV.format(python=sys.executable)) from None


def remove(path: Path) -> None:
    """Delete a file, a link or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def install(names: list[str]) -> None:
    """Install the extras' packages at the pinned versions, and make the library importable."""
    wanted = state.requirements(names)
    say(f"Installing {len(names)} extra(s), {', '.join(names)}: this takes a minute or two.")
    options = ["--disable-pip-version-check", "--no-input", "-c", state.CONSTRAINTS]
    if wanted:
        run([state.PYTHON, "-m", "pip", "install", *options, *wanted])
    link_project()


def link_project() -> None:
    """Make the course's own packages importable from everywhere in the environment."""
    packages = Path(state.probe()["packages"])
    # Relative, since Python may read this file in an encoding that lacks a letter of the folder;
    # from an environment on another disk no relative path leads back.
    link = state.ROOT if state.VENV.is_symlink() else os.path.relpath(state.ROOT, packages)
    (packages / state.LINK).write_text(f"{link}\n", encoding="utf-8")


def run(command: list) -> None:
    """Run a step with its output going to the log; raise the fault that it ended with, if any."""
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    environment["PIP_USER"] = "0"
    with open(state.LOG, "ab") as log:
        start = log.tell()
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        # A step holds the lock too: it may go on for a while when this process is killed.
        done = subprocess.run(command, **streams, close_fds=False, env=environment, cwd=state.ROOT)
    if done.returncode != 0:
        output = state.LOG.read_bytes()[start:].decode(errors="replace")
        raise fault_of_output(output, state.VENV, state.LOG)


@contextlib.contextmanager
def lock():
    """Hold .venv for this run alone; the operating system frees it however the run ends."""
    state.VENV.mkdir(exist_ok=True)
    with open(state.LOCK, "ab") as file:
        if not try_lock(file):
            say("Another run is at work on .venv: waiting until it has finished.")
            while not try_lock(file):
                time.sleep(0.2)
        os.set_inheritable(file.fileno(), True)
        yield


def try_lock(file) -> bool:
    """Lock a file unless another process has; True if it is ours now."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        # Some network folders know no locks; most people run one command at a time anyway.
        return True
    return True


def say(line: str) -> None:
    """Print at once, also where the output goes to a file."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
