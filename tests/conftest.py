"""For all tests: no reader's progress is touched, and torch keeps to one thread.

Two test processes on two cores, each with torch on two threads, would mostly wait for each other.
"""

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
