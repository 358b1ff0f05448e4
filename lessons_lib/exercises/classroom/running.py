"""Judging a handed-in notebook by running it: in a process of its own, with a time limit.

An answer that ends its process costs itself alone: the next process leaves it out.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time

from ..engine.declare import Exercise
from .handed_in import Cell

SECONDS = 300.0  # for one notebook; loading torch takes some of them each time
_PATIENCE_SECONDS = 10.0  # for the output of a process that was ended
_WORKER = f"{__package__}.worker"


def judge_by_running(
    cells: list[Cell], exercises: list[Exercise], seconds: float = SECONDS
) -> dict[str, tuple[bool | None, str]]:
    """Each exercise's verdict (True, False; None: nothing was answered), and what hindered it.

    Args:
        cells: the notebook's code cells.
        exercises: what to judge.
        seconds: the limit for the whole notebook.
    """
    found, skip = {}, []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        events = _work(cells, exercises, skip, left)
        found |= {
            event[1]: (event[2], event[3])
            for event in events
            if event[0] == "end" and len(event) == 4
        }
        if ["done"] in events:
            break
        begun = events[-1] if events and events[-1][0] == "begin" else None
        if begun is None:  # before the first answer, or between two: another try would be the same
            break
        late = time.monotonic() >= end
        verdict = (
            (None, "the notebook's time was over") if late else (False, "it ended its process")
        )
        for exercise in exercises:
            if exercise.name == begun[1] or exercise.answer_name in begun[2]:
                found[exercise.name] = verdict
        skip = [*skip, begun[1], *found]
    for exercise in exercises:
        found.setdefault(exercise.name, (None, "the notebook's process ended before"))
    return found


def _work(cells: list[Cell], exercises: list[Exercise], skip: list, seconds: float) -> list[list]:
    """What one worker reported, until it was done, or dead, or out of time."""
    word = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        work = {
            "word": word,
            "folder": folder,
            "cells": [vars(cell) for cell in cells],
            "exercises": [exercise.name for exercise in exercises],
            "skip": skip,
        }
        worker = subprocess.Popen(
            [sys.executable, "-B", "-m", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(folder),
            start_new_session=True,
        )
        try:
            written, _ = worker.communicate(json.dumps(work).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            _end(worker)
            written, _ = worker.communicate(timeout=_PATIENCE_SECONDS)
        finally:
            _end(worker)
    return _reported(written, word)


def _reported(written: bytes, word: str) -> list[list]:
    events = []
    for line in written.decode(errors="replace").splitlines():
        said, _, content = line.partition(" ")
        if said == word:
            with contextlib.suppress(ValueError):
                events.append(json.loads(content))
    return events


def _environment(folder: str) -> dict[str, str]:
    own = dict.fromkeys(("LESSONS_PROGRESS", "MPLCONFIGDIR", "TMPDIR", "TEMP", "TMP"), folder)
    path = os.pathsep.join(filter(None, sys.path))
    return os.environ | own | {"PYTHONPATH": path, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}


def _end(worker: subprocess.Popen) -> None:
    """End the worker and whatever it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(worker.pid, signal.SIGKILL)
        else:
            worker.kill()
