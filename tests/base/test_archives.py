"""Archives: one member read and nothing else; a release is brought by pip as it was published."""

import tarfile
import zipfile

import pytest
from small_releases import GOOD, make_sdist, make_wheel, tiny, use_only

from lessons_lib.base.archives import IndexArchive, download, open_member
from lessons_lib.base.files import FetchError


@pytest.fixture
def index(tmp_path, monkeypatch):
    return use_only(tmp_path / "index", monkeypatch)


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def sdist(pin: str) -> IndexArchive:
    return IndexArchive("tinydata==1.0", "resources/inner.tar.gz", 1000, sdist_sha256=pin)


def test_wheel_comes_whole(index, empty):
    make_wheel(index, {"tinymodel/part.json": GOOD})
    archive = download(tiny(), empty)
    assert archive.name == "tinymodel-1.0-py3-none-any.whl"
    with open_member(archive, "tinymodel/part.json") as stream:
        assert stream.read() == GOOD


def test_source_distribution_comes_whole(index, empty, tmp_path):
    pin = make_sdist(index, {"resources/inner.tar.gz": GOOD}, ran=tmp_path / "ran")
    with open_member(download(sdist(pin), empty), "resources/inner.tar.gz") as stream:
        assert stream.read() == GOOD


def test_altered_source_distribution_is_refused_before_its_code_runs(index, empty, tmp_path):
    make_sdist(index, {"resources/inner.tar.gz": GOOD}, ran=tmp_path / "ran")
    with pytest.raises(FetchError, match="DO NOT MATCH THE HASHES"):
        download(sdist("1" * 64), empty)
    assert not (tmp_path / "ran").exists()


def test_wheel_source_never_builds_a_source_distribution(index, empty, tmp_path):
    make_sdist(index, {"part.json": GOOD}, ran=tmp_path / "ran")
    with pytest.raises(FetchError, match="No matching distribution"):
        download(IndexArchive("tinydata==1.0", "part.json", 1000), empty)
    assert not (tmp_path / "ran").exists()


def test_unreachable_index_is_told_from_a_missing_release(index, empty, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(FetchError, match="pip could not reach its index; pip ended with 1"):
        download(tiny(), empty)


@pytest.mark.parametrize(("pin", "kind"), [(None, ""), ("1" * 64, " --no-binary :all:")])
def test_the_way_by_hand_is_one_command_and_a_member(pin, kind):
    archive = IndexArchive("tiny==1.0", "a/b.json", 1000, sdist_sha256=pin)
    assert f"python -m pip download --no-deps{kind} tiny==1.0\n" in archive.by_hand()
    assert "then take a/b.json out" in archive.by_hand()


def test_member_may_leave_out_the_top_folder_only(tmp_path):
    archive = tmp_path / "x-1.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("x-1/a/b.txt", b"right")
        opened.writestr("x-1/c/a/b.txt", b"wrong")
    with open_member(archive, "a/b.txt") as stream:
        assert stream.read() == b"right"
    with (
        pytest.raises(FetchError, match=r"expected one member 'b\.txt' in x-1\.zip, got \[\]"),
        open_member(archive, "b.txt"),
    ):
        pass


def test_link_in_a_tar_is_not_followed(tmp_path):
    archive = tmp_path / "x-1.tar.gz"
    with tarfile.open(archive, "w:gz") as opened:
        link = tarfile.TarInfo("x-1/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        opened.addfile(link)
    with pytest.raises(FetchError, match="expected one member"), open_member(archive, "link.txt"):
        pass
