"""For all tests: no reader's progress is touched, and torch keeps to one thread.

Two test processes on two cores, each with torch on two threads, would mostly wait for each other.
"""

import doctest
import re

import pytest


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """Progress goes to a folder that is this test's own; returns it."""
    folder = tmp_path / "progress"
    monkeypatch.setenv("LESSONS_PROGRESS", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def first_download_is_no_part_of_an_example():
    """The line that a first download prints is set aside, so that an empty cache fails no test."""
    plain = doctest.OutputChecker.check_output

    def check(self, want, got, flags):
        return plain(self, want, re.sub(r"(?m)^Downloading .*\n", "", got), flags)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctest.OutputChecker, "check_output", check)
        yield
