"""Files: written as a whole or not at all, and where the cache is."""

import pytest

from lessons_lib.base.files import atomic_write, cache_folder


def test_a_file_appears_whole_with_its_folders(tmp_path):
    path = tmp_path / "new" / "folder" / "file.bin"
    with atomic_write(path) as out:
        out.write(b"half ")
        assert not path.exists()
        out.write(b"and whole")
    assert path.read_bytes() == b"half and whole"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic_write(path) as out:
        out.write(b"new")
        1 / 0  # noqa: B018
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_cache_is_where_the_reader_wants_it(tmp_path, monkeypatch):
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
