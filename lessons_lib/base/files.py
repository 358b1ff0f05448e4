"""Files of the reader's: the cache folder, and writing a file as a whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class FetchError(RuntimeError):
    """A file could not be brought here; the message says where it was looked for."""


def cache_folder() -> Path:
    """Return the folder that keeps the files: LESSONS_CACHE, or the user's cache folder.

    Raises:
        FetchError: LESSONS_CACHE is not set and platformdirs is not installed.
    """
    if chosen := os.environ.get("LESSONS_CACHE"):
        return Path(chosen).expanduser().absolute()
    try:
        import platformdirs
    except ImportError:
        raise FetchError(
            "platformdirs is not installed, so the cache folder is unknown: run "
            "`python -m pip install platformdirs`, or set LESSONS_CACHE to a folder of yours"
        ) from None
    return Path(platformdirs.user_cache_dir("transformer-transfer", appauthor=False))


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
