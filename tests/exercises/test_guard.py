"""Time and memory limits: whatever the reader's code does, the kernel lives."""

import contextlib
import signal
import sys
import threading
import time

import pytest
import torch

from lessons_lib.exercises.engine import guard

resource = pytest.importorskip("resource", reason="no such limits on Windows")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="a limit of Linux")


def for_ever():
    while True:
        pass


def test_module_that_is_being_loaded_is_loaded_to_its_end(tmp_path, monkeypatch):
    """Half of one would stay behind, and break whatever uses it later."""
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.5)\nis_whole = True\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(guard.OutOfTime), guard.time_limit(0.1):
        import slow_module

        for_ever()
    assert slow_module.is_whole


def for_ever_despite_exceptions():
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.01)


def for_ever_despite_everything():
    while True:
        try:
            time.sleep(0.01)
        except:  # noqa: E722
            continue


def busy_despite_everything():
    while True:
        try:
            sum(range(100))
        except BaseException:
            continue


def asleep():
    time.sleep(60)


@pytest.mark.parametrize(
    "endless",
    [
        for_ever,
        for_ever_despite_exceptions,
        for_ever_despite_everything,
        busy_despite_everything,
        asleep,
    ],
)
def test_endless_code_is_stopped(endless):
    started = time.monotonic()
    with pytest.raises(guard.OutOfTime), guard.time_limit(0.2):
        endless()
    assert time.monotonic() - started < 3


def test_quick_code_is_left_alone():
    with guard.time_limit(0.2):
        result = 1 + 1
    time.sleep(0.3)  # nothing comes later
    assert result == 2


def test_alarm_of_code_that_was_left_without_its_end_says_nothing():
    limit = guard.time_limit(0.1)

    def enter_and_leave():
        limit.__enter__()

    enter_and_leave()
    try:
        time.sleep(0.3)  # a stray OutOfTime would stop this test
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        limit.__exit__(None, None, None)


def test_everything_is_as_before_afterwards():
    def mine(_signal, _frame):
        raise AssertionError

    before = signal.signal(signal.SIGALRM, mine)
    limits, traced = resource.getrlimit(resource.RLIMIT_AS), sys.gettrace()
    try:
        for endless in (for_ever, for_ever_despite_everything):
            with pytest.raises(guard.OutOfTime), guard.time_limit(0.2), guard.memory_limit():
                endless()
        assert signal.getsignal(signal.SIGALRM) is mine
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert resource.getrlimit(resource.RLIMIT_AS) == limits
        assert sys.gettrace() is traced
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("endless", [for_ever, for_ever_despite_exceptions])
def test_endless_code_is_stopped_in_another_thread(endless):
    outcome = in_thread(lambda: stopped(endless))
    assert outcome == ["stopped", "and on"]


def test_quick_code_in_another_thread_is_left_alone():
    def quick():
        with guard.time_limit(0.1):
            pass
        time.sleep(0.3)
        return ["nothing came"]

    assert in_thread(quick) == ["nothing came"]


def stopped(endless) -> list[str]:
    seen = []
    try:
        with guard.time_limit(0.2):
            endless()
    except guard.OutOfTime:
        seen.append("stopped")
    time.sleep(0.3)
    seen.append("and on")
    return seen


def in_thread(work) -> list[str]:
    results = []
    thread = threading.Thread(target=lambda: results.extend(work()))
    thread.start()
    thread.join(timeout=10)
    assert not thread.is_alive()
    return results


@linux_only
def test_torch_is_refused_a_hundred_gigabytes():
    with pytest.raises(RuntimeError, match="allocate"), guard.memory_limit():
        torch.ones(25 * 2**30)


@linux_only
def test_python_is_refused_a_hundred_gigabytes():
    with pytest.raises(MemoryError), guard.memory_limit():
        [0] * (100 * 2**30 // 8)


@linux_only
def test_limit_of_a_stricter_machine_is_kept():
    before = resource.getrlimit(resource.RLIMIT_AS)
    strict = 2**40
    resource.setrlimit(resource.RLIMIT_AS, (strict, before[1]))
    try:
        with guard.memory_limit(2**45):
            assert resource.getrlimit(resource.RLIMIT_AS)[0] == strict
        assert resource.getrlimit(resource.RLIMIT_AS)[0] == strict
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(10**6, 10**6),
        lambda: torch.ones((10**6, 10**6)),
        lambda: torch.empty([10**6, 10**6]),
        lambda: torch.full((10**6, 10**6), 0.5),
        lambda: torch.rand(size=(10**6, 10**6)),
        lambda: torch.randn(torch.Size([10**6, 10**6])),
    ],
)
def test_sized_tensors_are_refused_beforehand(make):
    with pytest.raises(guard.TooMuchMemory, match="3,725 GiB"), guard.sized_tensor_limit(2**32):
        make()


def test_small_tensors_are_made_under_the_limit():
    with guard.sized_tensor_limit(2**32):
        made = torch.zeros(2, 3) + torch.ones(()) + torch.full((2, 3), 1.0)
    assert made.sum() == 12


def test_elsewhere_than_on_linux_tensors_are_looked_at(monkeypatch):
    monkeypatch.setattr(guard.sys, "platform", "darwin")
    with pytest.raises(guard.TooMuchMemory), guard.memory_limit(1000):
        torch.zeros(1000)


def test_prints_are_kept():
    with guard.captured_prints() as printed:
        print("scores", 1)
    assert printed() == "scores 1\n"


def test_long_prints_are_cut(capsys):
    with guard.captured_prints() as printed:
        for _ in range(30):
            print("x" * 99)
    assert printed().startswith("x" * 99)
    assert printed().endswith("\n… and 1000 characters more")
    assert len(printed()) == 2_000 + len("\n… and 1000 characters more")
    assert capsys.readouterr().out == ""
