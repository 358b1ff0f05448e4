"""A file known by its bytes: kept if it is the one, refused if not, hashed only when needed."""

import hashlib
import io
import os

import pytest
from small_releases import ALTERED, GOOD, described, sha256

from lessons_lib.base.verified import AlteredFileError, cache_path, store, verify


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def hashed(monkeypatch) -> list:
    """One entry for each file whose hash is computed."""
    seen, really = [], hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: (seen.append(1), really(*args))[1])
    return seen


def test_stored_file_lies_under_its_hash(tmp_path):
    path = store(io.BytesIO(GOOD), described())
    assert path == tmp_path / "cache" / sha256(GOOD)[:12] / "part.json"
    assert path.read_bytes() == GOOD


@pytest.mark.parametrize("came", [ALTERED, GOOD[:-1], GOOD + b"x", b""])
def test_anything_else_is_refused_and_not_kept(came):
    with pytest.raises(
        AlteredFileError, match=f"expected {len(GOOD)} bytes, sha256 {sha256(GOOD)}"
    ):
        store(io.BytesIO(came), described())
    assert list(cache_path(described()).parent.iterdir()) == []


def test_stream_that_never_ends_is_cut_off():
    stream = io.BytesIO(GOOD + b"x" * 3_000_000)
    with pytest.raises(AlteredFileError, match=f"read {len(GOOD) + 1} bytes"):
        store(stream, described())
    assert stream.tell() == len(GOOD) + 1


def test_hash_is_computed_again_only_when_the_file_changed(hashed):
    path = store(io.BytesIO(GOOD), described())
    verify(path, described())
    assert hashed == []
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    verify(path, described())
    verify(path, described())
    assert hashed == [1]


def test_changed_file_is_refused():
    path = store(io.BytesIO(GOOD), described())
    path.write_bytes(ALTERED)
    with pytest.raises(
        AlteredFileError, match=f"read {len(ALTERED)} bytes, sha256 {sha256(ALTERED)}"
    ):
        verify(path, described())


@pytest.mark.parametrize("spoilt", ["{", "[1, 2]", "null", '{"x": 1}'])
def test_spoilt_note_only_costs_a_new_hash(spoilt, hashed):
    path = store(io.BytesIO(GOOD), described())
    path.with_name("part.json.verified").write_text(spoilt)
    verify(path, described())
    assert hashed == [1]
