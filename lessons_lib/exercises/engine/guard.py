"""Keeping the kernel alive while a reader's code runs: a time limit and a memory limit.

What is stopped, and where:

- A loop in Python that never ends: everywhere. One whose `except:` catches everything: where
  there are signals, on the main thread; elsewhere most of the time.
- Asking for too much memory: on Linux by a limit of the operating system, so whatever asks is
  refused. Elsewhere only tensors made with a given size (`torch.zeros(...)` and its like) are
  looked at beforehand.
- One single call into compiled code that runs for hours: nowhere in the same process. Then
  `check(..., isolated=True)` runs the answer in a process of its own, which can be ended; `check`
  chooses that by itself where the last check of the same exercise never came back.
- What switches the guard off: `os._exit` or a crash in compiled code, which end the process; a
  lifted recursion limit, which leads to such a crash; SIGALRM ignored or blocked, which silences
  the timer. None of these can be stopped in the same process, and for them too there is only a
  process of its own.
"""

import contextlib
import ctypes
import io
import itertools
import math
import signal
import sys
import threading
from collections.abc import Callable

TIME_LIMIT_SECONDS = 5.0
MEMORY_LIMIT_BYTES = 4 * 2**30
_REPEAT_SECONDS = 0.1  # fire again, for code that catches everything
_MAX_PRINTED = 2_000  # characters


class OutOfTime(BaseException):
    """The reader's code ran past the limit. Not an Exception, so that `except Exception` in the
    reader's code does not swallow it."""


class TooMuchMemory(Exception):
    """The reader's code asked for more memory than a check allows."""


LET_THROUGH = (KeyboardInterrupt, OutOfTime)  # the reader's own stop, and this guard's


def tried(make: Callable, value, otherwise):
    """`make(value)`, or `otherwise` where that fails: an object of the reader's may do anything."""
    try:
        return make(value)
    except LET_THROUGH:
        raise
    except BaseException:  # SystemExit and GeneratorExit too
        return otherwise


@contextlib.contextmanager
def time_limit(seconds: float | None = None):
    """Raise `OutOfTime` in the block once `seconds` of wall time (None: the usual) have passed."""
    seconds = TIME_LIMIT_SECONDS if seconds is None else seconds
    on_main_thread = threading.current_thread() is threading.main_thread()
    if hasattr(signal, "setitimer") and on_main_thread:
        return_to_caller = _alarm(seconds)
    else:
        return_to_caller = _watchdog(seconds)
    with return_to_caller:
        yield


@contextlib.contextmanager
def _alarm(seconds: float):
    """By a signal: it interrupts even a sleep."""
    own_files = {__file__, contextlib.__file__}
    frames = _frames_from(sys._getframe())
    caller = next(frame for frame in frames if frame.f_code.co_filename not in own_files)

    rings = 0

    def ring(_signal, frame):
        nonlocal rings
        if frame is None or frame.f_code.co_filename in own_files:
            return  # in this guard's own clean-up, which should end in peace
        if caller not in _frames_from(frame):
            signal.setitimer(signal.ITIMER_REAL, 0)  # the guarded code has been left
            return
        if _is_importing(frame, caller):  # half a module would stay behind; it rings again
            return
        rings += 1
        if rings > 1:  # the first was swallowed
            _stop_at_next_line(frame, caller)
        raise OutOfTime

    traced = sys.gettrace()
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if sys.gettrace() is not traced:
            sys.settrace(traced)


def _stop_at_next_line(frame, caller) -> None:
    """Raise again at the next line of the guarded code that runs, such as that of a bare `except`.

    Guarded is what `caller`, the frame that set the limit, has called.

    A signal that always arrives inside the same `try` would be swallowed there for ever.
    """

    def again(_frame, event, _argument):
        if event == "line":
            raise OutOfTime
        return again

    for running in _frames_from(frame):
        if running is caller:
            break
        running.f_trace = again
    sys.settrace(lambda *_: None)  # frames still to come are left alone


def _is_importing(frame, caller) -> bool:
    """Is the guarded code loading a module, as torch does with some of its own at first use?"""
    guarded = itertools.takewhile(lambda running: running is not caller, _frames_from(frame))
    return any(one.f_code.co_filename.startswith("<frozen importlib") for one in guarded)


def _frames_from(frame):
    while frame is not None:
        yield frame
        frame = frame.f_back


@contextlib.contextmanager
def _watchdog(seconds: float):
    """By a second thread, where there are no signals: it stops code between two bytecodes."""
    done = threading.Event()
    thread = ctypes.c_ulong(threading.get_ident())
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch():
        wait = seconds
        while not done.wait(wait):
            raise_in(thread, ctypes.py_object(OutOfTime))
            wait = _REPEAT_SECONDS

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        raise_in(thread, None)  # take back one that has not arrived yet


@contextlib.contextmanager
def memory_limit(allowed_bytes: int = MEMORY_LIMIT_BYTES):
    """Refuse the block more than `allowed_bytes` above what the process holds already."""
    if sys.platform.startswith("linux"):
        limit = _address_space_limit(allowed_bytes)
    else:
        limit = sized_tensor_limit(allowed_bytes)
    with limit:
        yield


@contextlib.contextmanager
def _address_space_limit(allowed_bytes: int):
    import resource

    with open("/proc/self/statm") as statm:
        held = int(statm.read().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = held + allowed_bytes
    bounds = [bound for bound in (wanted, soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def sized_tensor_limit(allowed_bytes: int):
    """A torch mode that refuses to make a tensor of more than `allowed_bytes` at once."""
    import torch
    from torch.overrides import TorchFunctionMode

    makers = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}

    class SizedTensorLimit(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            kwargs = kwargs or {}
            if function in makers:
                _refuse_large(args, kwargs, allowed_bytes)
            return function(*args, **kwargs)

    return SizedTensorLimit()


def _refuse_large(args: tuple, kwargs: dict, allowed_bytes: int) -> None:
    size = kwargs.get("size", args[0] if args and not isinstance(args[0], int) else args)
    wanted_bytes = 4 * math.prod(size)
    if wanted_bytes > allowed_bytes:
        raise TooMuchMemory(f"a tensor of {wanted_bytes / 2**30:,.0f} GiB")


@contextlib.contextmanager
def captured_prints():
    """Collect what the block prints, up to 2,000 characters; yields a function that returns it."""
    kept = _FirstCharacters()
    with contextlib.redirect_stdout(kept):
        yield kept.text


class _FirstCharacters(io.TextIOBase):
    """Keeps the beginning of what is written and counts the rest, which may be without end."""

    def __init__(self):
        self._kept = ""
        self._more = 0

    def write(self, text: str) -> int:
        room = _MAX_PRINTED - len(self._kept)
        self._kept += text[:room]
        self._more += len(text[room:])
        return len(text)

    def text(self) -> str:
        return self._kept + (f"\n… and {self._more} characters more" if self._more else "")
