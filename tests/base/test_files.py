"""Files: written as a whole or not at all, and where the folders that keep them are."""

import sys

import pytest

from lessons_lib.base.files import (
    FetchError,
    NoFolderError,
    atomic_write,
    cache_folder,
    user_folder,
)


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


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LESSONS_CACHE", "~/kept")
    assert cache_folder() == tmp_path / "kept"


def test_a_relative_folder_is_made_absolute_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LESSONS_CACHE", "kept")
    assert cache_folder() == tmp_path / "kept"


@pytest.mark.parametrize("kind", ["cache", "data"])
def test_without_a_wish_the_system_has_a_place_for_it(kind, monkeypatch):
    monkeypatch.delenv("LESSONS_ANY", raising=False)
    folder = user_folder("LESSONS_ANY", kind)
    assert folder.is_absolute()
    assert "transformer-transfer" in str(folder)


@pytest.fixture
def homeless(monkeypatch):
    """A user whom the machine does not know, as in a container of a foreign user number."""
    pwd = pytest.importorskip("pwd", reason="Windows finds a home in another way")

    def unknown(number):
        raise KeyError(f"getpwuid(): uid not found: {number}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "LESSONS_ANY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("kind", ["cache", "data"])
def test_without_a_home_the_variable_is_named(kind, homeless):
    with pytest.raises(NoFolderError, match=f"no home folder, so the {kind} folder.*LESSONS_ANY"):
        user_folder("LESSONS_ANY", kind)


def test_a_tilde_without_a_home_is_told(homeless, monkeypatch):
    monkeypatch.setenv("LESSONS_ANY", "~/kept")
    with pytest.raises(NoFolderError, match="by its full path"):
        user_folder("LESSONS_ANY", "data")


def test_without_a_home_a_folder_by_its_full_path_does(homeless, monkeypatch, tmp_path):
    monkeypatch.setenv("LESSONS_ANY", str(tmp_path))
    assert user_folder("LESSONS_ANY", "data") == tmp_path


def test_older_platformdirs_without_a_home_make_no_folder_called_tilde(homeless, monkeypatch):
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: "~/.cache/somewhere")
    with pytest.raises(NoFolderError):
        user_folder("LESSONS_ANY", "cache")


def test_missing_platformdirs_is_said_plainly(monkeypatch):
    monkeypatch.delenv("LESSONS_CACHE", raising=False)
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(NoFolderError, match=r"pip install platformdirs.*LESSONS_CACHE"):
        cache_folder()


def test_an_unknown_folder_is_a_failed_fetch_and_a_failed_write():
    assert issubclass(NoFolderError, FetchError) and issubclass(NoFolderError, OSError)
