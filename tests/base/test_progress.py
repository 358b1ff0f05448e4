"""The bar: there for a person who waits, and nowhere else."""

import io
import sys

from lessons_lib.base import progress
from lessons_lib.base.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, stream, steps=5) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setitem(sys.modules, "IPython", type("None", (), {"get_ipython": lambda: None}))
    with progress_bar(steps, "texts", done=1) as bar:
        for _ in range(1, steps):
            bar.update()
    return stream.getvalue()


def test_a_terminal_sees_it_and_then_no_more(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.0)
    seen = shown(monkeypatch, Terminal())
    assert "1/5" in seen and " texts" in seen
    assert seen.rstrip(" ").endswith("\r")


def test_quick_work_shows_none(monkeypatch):
    assert shown(monkeypatch, Terminal()).strip() == ""


def test_a_file_is_not_written_full_of_bars(monkeypatch):
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.0)
    assert shown(monkeypatch, io.StringIO()) == ""
