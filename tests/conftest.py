"""For all tests: no reader's progress is touched, files are fetched first, torch has one thread.

Two test processes on two cores, each with torch on two threads, would mostly wait for each other.
"""

import contextlib
import signal
import sys

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would all that the tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def own_progress(tmp_path, monkeypatch):
    """Progress goes to a folder that is this test's own; returns it."""
    folder = tmp_path / "progress"
    monkeypatch.setenv("LESSONS_PROGRESS", str(folder))
    return folder


@pytest.fixture(autouse=True, scope="session")
def published_files():
    """Weights and texts are here before the first test, if any module under test reads them.

    So no test's time and output meet a download. What cannot be fetched fails the tests that
    need it, and no others.
    """
    from lessons_lib.base.files import FetchError

    with contextlib.suppress(FetchError):
        if pretrained := sys.modules.get("lessons_lib.model.pretrained"):
            pretrained.load_config()  # its archive holds the weights, which are kept too
        if smollm := sys.modules.get("lessons_lib.model.smollm"):
            smollm.open_language_model()
        if reviews := sys.modules.get("lessons_lib.data.reviews"):
            reviews.load_domain("tweets")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
