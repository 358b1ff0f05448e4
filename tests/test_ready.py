"""One line for the reader: everything works, or what to do."""

import pytest

from lessons_lib import ready
from lessons_lib.base.fetch import FetchError


def test_everything_works_in_one_line(capsys):
    assert ready.is_everything_ready() is True
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Everything works: Python ")


def test_what_is_missing_is_named_and_nothing_is_raised(capsys, monkeypatch):
    def no_network():
        raise FetchError("could not be fetched. Looked in: ...")

    monkeypatch.setitem(ready._TESTS, "texts", no_network)
    assert ready.is_everything_ready() is False
    said = capsys.readouterr().out
    assert said.startswith("Not yet:") and "texts: could not be fetched" in said
    assert "Everything works" not in said


def test_a_missing_package_comes_with_its_command(monkeypatch):
    real = ready._version
    monkeypatch.setattr(ready, "_version", lambda name: name != "tokenizers" and real(name))
    with pytest.raises(RuntimeError, match="missing tokenizers; install with: pip install tok"):
        ready._packages()


def test_weights_that_make_no_sense_are_noticed(monkeypatch):
    import torch

    def constant(texts, **options):
        return torch.ones(len(texts), 3)

    from lessons_lib.model import encode

    monkeypatch.setattr(encode, "encode_texts", constant)
    with pytest.raises(RuntimeError, match="rain more like cars"):
        ready._weights()
