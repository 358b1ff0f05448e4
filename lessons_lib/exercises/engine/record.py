"""What the reader has done so far: one small JSON file that stays on the reader's machine.

The file is `progress.json` in the folder that LESSONS_PROGRESS names, or in the user's data
folder. It holds, for each exercise, whether it was passed and when first, the number of tries and
the first answer to a prediction. It is replaced as a whole, never edited in place; a damaged file
is set aside, never overwritten. Several kernels may write to it, one after the other.
"""

import json
import os
import warnings
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from lessons_lib.base.files import atomic_write, user_folder

SCHEMA = 1
RENAMED = {  # exercises that were called otherwise in a file of before; in record.js as well
    "transformer.shift": "training_and_generation.shift",
    "transformer.wordpiece": "tokens.wordpiece",
}
_LOCK_PATIENCE_SECONDS = 10.0  # a write takes milliseconds
Record = dict[str, dict]


class ProgressError(Exception):
    """A progress file cannot be used; the message names it and says what was done."""


def location() -> Path:
    """The progress file's path, whether or not it exists yet.

    Raises:
        NoFolderError: the user has no home folder, and LESSONS_PROGRESS is not set.
    """
    return user_folder("LESSONS_PROGRESS", "data") / "progress.json"


def load() -> Record:
    """The reader's record; empty where there is none yet, or none that can be read.

    A damaged file is set aside, with a warning that says where.
    """
    try:
        return _read_or_set_aside(location())
    except OSError as error:
        warnings.warn(f"The progress file cannot be read: {error}.", stacklevel=3)
        return {}


def read(path: Path) -> Record:
    """Read one progress file; exercises that it calls by an older name come by their present one.

    Raises:
        FileNotFoundError: there is none at `path`.
        ProgressError: it is not a progress file of this schema.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        schema = content["schema"]
    # No JSON, no UTF-8, something else in JSON, or lists in lists without end.
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ProgressError(f"The progress file {path} is damaged.") from None
    if schema != SCHEMA:
        raise ProgressError(f"The progress file {path} has schema {schema!r}; this is {SCHEMA}.")
    record = content.get("exercises")
    if not isinstance(record, dict) or not all(map(_is_entry, record.values())):
        raise ProgressError(f"The progress file {path} is damaged.")
    return _renamed(record)


def write(record: Record, path: Path) -> None:
    """Replace the file at `path` by `record` in one step.

    Raises:
        OSError: the folder cannot be written.
    """
    content = {"schema": SCHEMA, "exercises": record}
    with atomic_write(Path(path)) as out:
        out.write(json.dumps(content, indent=1, sort_keys=True).encode())


def merge(one: Record, other: Record) -> Record:
    """Join two records; nothing is lost, whichever comes first.

    Where both hold an exercise: passed if either passed, at the earlier time; the larger number of
    tries, as the two may share some; of two first guesses one, by a fixed rule.
    """
    joined = {name: dict(entry) for name, entry in one.items()}
    for name, entry in other.items():
        joined[name] = _merge_entries(joined[name], entry) if name in joined else dict(entry)
    return joined


def save(name: str, *, passed: bool, guess=None) -> None:
    """Add one try to the record; where nothing can be written, say so and go on."""
    try:
        path = location()
        with _alone(path):
            record = _read_or_set_aside(path)
            _add_try(record.setdefault(name, {"passed": False, "tries": 0}), passed, guess)
            write(record, path)
    except OSError as error:
        warnings.warn(f"Progress was not kept: {error}.", stacklevel=3)


def started_mark(name: str) -> Path:
    """A file that stands while an answer to `name` is being checked, and outlives a dead kernel.

    Raises:
        NoFolderError: as `location` does.
    """
    return location().with_name(f"{name}.checking")


def join(record: Record) -> None:
    """Join another record into the reader's own.

    Raises:
        OSError: the reader's progress cannot be written.
    """
    path = location()
    with _alone(path):
        write(merge(_read_or_set_aside(path), record), path)


def forget(names: list[str]) -> tuple[list[str], Path | None]:
    """Take exercises out of the reader's record, after a copy of it was laid beside it.

    Returns:
        Those of `names` that were kept, and the copy's path; None where there were none.

    Raises:
        OSError: the reader's progress cannot be written; it is as it was then.
    """
    path = location()
    with _alone(path):
        kept = _read_or_set_aside(path)
        found = [name for name in names if name in kept]
        if not found:
            return [], None
        copy = path.with_name(f"{path.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}.before-reset.json")
        write(kept, copy)
        write({name: entry for name, entry in kept.items() if name not in found}, path)
    return found, copy


def _alone(path: Path) -> AbstractContextManager:
    """Let no other kernel write to `path` meanwhile; what a dead one held is free."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f"{path.name}.lock"), timeout=_LOCK_PATIENCE_SECONDS)


def _add_try(entry: dict, passed: bool, guess) -> None:
    entry["tries"] += 1
    if passed and not entry["passed"]:
        entry |= {"passed": True, "passed_at": datetime.now(UTC).isoformat(timespec="seconds")}
    if guess is not None:
        entry.setdefault("first_guess", guess)


def _merge_entries(one: dict, other: dict) -> dict:
    joined = {}
    for key in one | other:
        values = [entry[key] for entry in (one, other) if key in entry]
        joined[key] = min(values, key=repr)  # for times, the earlier
    joined["passed"] = one["passed"] or other["passed"]
    joined["tries"] = max(one["tries"], other["tries"])
    return joined


def _renamed(record: Record) -> Record:
    """Each entry under its exercise's present name, joined where both names are there."""
    found = {name: entry for name, entry in record.items() if name not in RENAMED}
    return merge(found, {new: record[old] for old, new in RENAMED.items() if old in record})


def _is_entry(entry) -> bool:
    if not isinstance(entry, dict) or any(isinstance(part, dict | list) for part in entry.values()):
        return False
    return type(entry.get("passed")) is bool and type(entry.get("tries")) is int


def _read_or_set_aside(path: Path) -> Record:
    """Read the file at `path`; where it is damaged, move it away and begin a new one.

    Raises:
        OSError: it cannot be read, or not be moved; nothing may be written over it then.
    """
    try:
        return read(path)
    except FileNotFoundError:
        return {}
    except ProgressError as error:
        aside = path.with_name(f"{path.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}.aside.json")
        os.replace(path, aside)
        warnings.warn(f"{error} It was set aside as {aside}; a new one begins.", stacklevel=4)
        return {}
