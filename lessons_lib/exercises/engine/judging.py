"""Judging an answer under guard, here or in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

from . import guard
from .declare import Exercise
from .registry import find
from .state import fixed_state, own_functions
from .verdict import Verdict

_ISOLATED_LIMIT_SECONDS = 30.0  # loading torch in the new process included


def judge(exercise: Exercise, answer) -> Verdict:
    """Judge in this process: in a fixed state, under limits, collecting what the answer prints."""
    with guard.captured_prints() as printed, fixed_state(), own_functions() as put_back:
        try:
            with guard.time_limit(), guard.memory_limit():
                verdict = exercise.judge(answer)
        except guard.OutOfTime:
            verdict = exercise.says(
                False,
                f"Your code was stopped after {guard.TIME_LIMIT_SECONDS:.0f} seconds; the inputs "
                f"are small, so does a loop wait for something that never comes, or are all ways "
                f"tried one by one?",
            )
        except MemoryError:
            verdict = exercise.says(False, "Your code asked for more memory than a check allows.")
        replaced = put_back()
    if replaced and verdict.passed is not None:
        verdict = exercise.says(
            False,
            f"Your code puts something else in place of `{replaced[0]}`, for all that comes after "
            f"it. It has been put back: give your own function a name of its own.",
        )
    return replace(verdict, printed=printed())


def judge_isolated(exercise: Exercise, answer) -> Verdict:
    """Judge in a spawned process, which can be ended whatever it does.

    Raises:
        TypeError: the answer cannot be sent to another process.
    """
    parcel = _parcel((exercise.name, answer))
    command = [sys.executable, "-m", __name__]
    try:
        worker = subprocess.run(
            command,
            input=parcel,
            capture_output=True,
            timeout=_ISOLATED_LIMIT_SECONDS,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    except subprocess.TimeoutExpired:
        limit = f"{_ISOLATED_LIMIT_SECONDS:.0f} seconds"
        return exercise.says(False, f"Your code was ended after {limit} in a process of its own.")
    found = _verdict_line(worker.stdout)
    if worker.returncode != 0 or found is None:
        return exercise.says(False, f"Your code ended its process ({_way_it_ended(worker)}).")
    return Verdict(**found)


def _verdict_line(written: bytes) -> dict | None:
    """The verdict, in the last line that the worker wrote; None where it did not get that far."""
    try:
        return json.loads(written.splitlines()[-1])
    except (IndexError, ValueError):
        return None


def _way_it_ended(worker: subprocess.CompletedProcess) -> str:
    if worker.returncode < 0:
        return signal.Signals(-worker.returncode).name
    last_words = worker.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return ": ".join([f"exit status {worker.returncode}", *last_words])


def can_be_sent(answer) -> bool:
    """Can this answer be judged in a process of its own?"""
    try:
        _parcel(answer)
    except TypeError:
        return False
    return True


def _parcel(content) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(content)
    except Exception as error:
        raise TypeError(f"this answer cannot be sent to another process: {error}") from None


def _work() -> None:
    import pickle  # the parcel comes from the parent process, over a pipe that only it holds

    name, answer = pickle.loads(sys.stdin.buffer.read())
    print(json.dumps(vars(judge(find(name), answer))))


if __name__ == "__main__":
    _work()
