"""A file known by its bytes: where the cache keeps it, and whether what lies somewhere is it.

A verified file is remembered by its size and modification time, in a note beside the cached one,
so that its hash is computed again only when one of them changed.
"""

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lessons_lib.base.archives import IndexArchive
from lessons_lib.base.files import FetchError, atomic_write, cache_folder

CHUNK = 1 << 20


class AlteredFileError(FetchError):
    """A file was found, but its bytes are not those of the release."""


@dataclass(frozen=True)
class InstalledFile:
    """A file that an installed package carries: its import name, and the path inside it."""

    package: str
    path: str


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


def cache_path(file: RemoteFile) -> Path:
    """Return where the cache keeps `file`: under its hash, so two releases never collide."""
    return cache_folder() / file.sha256[:12] / file.name


def verify(path: Path, file: RemoteFile) -> None:
    """Look whether the bytes at `path` are those of `file`, unless that is remembered.

    Raises:
        AlteredFileError: they are not.
        OSError: they cannot be read.
    """
    before = stamp(path)
    if _remembered(file).get(str(path)) == before:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    _require_same(file, before[0], found)
    if stamp(path) == before:
        _remember(path, file)


def store(stream: BinaryIO, file: RemoteFile) -> Path:
    """Write what comes to the place where the cache keeps `file`; return that path.

    Raises:
        AlteredFileError: it is not `file`; nothing is kept.
    """
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


def stamp(path: Path) -> list[int]:
    """Size and modification time: what changes when a file is written."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _require_same(file: RemoteFile, size: int, sha256: str) -> None:
    if (size, sha256) != (file.size, file.sha256):
        raise AlteredFileError(
            f"altered {file.name}: expected {file.size} bytes, sha256 {file.sha256}; "
            f"read {size} bytes, sha256 {sha256}"
        )


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
        stamps = _remembered(file) | {str(path): stamp(path)}
        with atomic_write(_note(file)) as out:
            out.write(json.dumps(stamps).encode())
