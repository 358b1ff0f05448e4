"""Files of the reader's: the folders that keep them, and writing one as a whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class FetchError(RuntimeError):
    """A file could not be brought here; the message says where it was looked for."""


class NoFolderError(FetchError, OSError):
    """It is not known where files are kept here; the message says how to choose a folder."""


def cache_folder() -> Path:
    """Return the folder that keeps what can be fetched or computed again.

    Raises:
        NoFolderError: as `user_folder` does.
    """
    return user_folder("LESSONS_CACHE", "cache")


def user_folder(variable: str, kind: str) -> Path:
    """Return the folder that an environment variable names, or else the user's own.

    Args:
        variable: such as "LESSONS_CACHE"; in its value `~` is the home folder.
        kind: "cache" or "data", for which an operating system has a place each.

    Raises:
        NoFolderError: the variable is not set, and the user has no home folder or platformdirs is
            not installed.
    """
    try:
        if chosen := os.environ.get(variable):
            return Path(chosen).expanduser().absolute()
        import platformdirs

        find = getattr(platformdirs, f"user_{kind}_dir")
        # Without a home folder some versions return the path with `~` in it, as it stands.
        return Path(find("transformer-transfer", appauthor=False)).expanduser()
    except ImportError:
        raise NoFolderError(
            f"platformdirs is not installed, so the {kind} folder is unknown: run "
            f"`python -m pip install platformdirs`, or set {variable} to a folder of yours"
        ) from None
    except RuntimeError:
        raise NoFolderError(
            f"there is no home folder, so the {kind} folder is unknown: set the environment "
            f"variable {variable} to a folder of yours, by its full path"
        ) from None


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that appears under its name once it is whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
