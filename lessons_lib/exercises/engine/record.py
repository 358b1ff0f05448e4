"""What the reader has done so far: one small JSON file that stays on the reader's machine.

The file is `progress.json` in the folder that LESSONS_PROGRESS names, or in the user's data
folder. It holds, for each exercise, whether it was passed and when first, the number of tries and
the first answer to a prediction. It is replaced as a whole, never edited in place; a damaged file
is set aside, never overwritten.
"""

import json
import os
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path

SCHEMA = 1
Record = dict[str, dict]


class ProgressError(Exception):
    """A progress file cannot be used; the message names it and says what was done."""


def location() -> Path:
    """The progress file's path, whether or not it exists yet."""
    folder = os.environ.get("LESSONS_PROGRESS")
    if not folder:
        from platformdirs import user_data_dir

        folder = user_data_dir("transformer-transfer")
    return Path(folder) / "progress.json"


def load() -> Record:
    """The reader's record; empty where there is none yet. A damaged file is set aside."""
    path = location()
    try:
        return read(path)
    except FileNotFoundError:
        return {}
    except ProgressError as error:
        warnings.warn(f"{error} {_set_aside(path)}", stacklevel=3)
        return {}


def read(path: Path) -> Record:
    """Read one progress file.

    Raises:
        FileNotFoundError: there is none at `path`.
        ProgressError: it is not a progress file of this schema.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        schema = content["schema"]
        record = content["exercises"]
        well_formed = isinstance(record, dict) and all(map(_is_entry, record.values()))
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        raise ProgressError(f"The progress file {path} is damaged.") from None
    if schema != SCHEMA:
        raise ProgressError(f"The progress file {path} has schema {schema!r}; this is {SCHEMA}.")
    if not well_formed:
        raise ProgressError(f"The progress file {path} is damaged.")
    return record


def write(record: Record, path: Path) -> None:
    """Replace the file at `path` by `record` in one step.

    Raises:
        OSError: the folder cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"schema": SCHEMA, "exercises": record}, file, indent=1, sort_keys=True)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def merge(one: Record, other: Record) -> Record:
    """Join two records; nothing that either of them holds is lost."""
    joined = {name: dict(entry) for name, entry in one.items()}
    for name, entry in other.items():
        joined[name] = _merge_entries(joined[name], entry) if name in joined else dict(entry)
    return joined


def save(name: str, *, passed: bool, guess=None) -> None:
    """Add one try to the record; where nothing can be written, say so and go on."""
    record = load()
    entry = record.setdefault(name, {"passed": False, "tries": 0})
    entry["tries"] += 1
    if passed and not entry["passed"]:
        entry |= {"passed": True, "passed_at": datetime.now(UTC).isoformat(timespec="seconds")}
    if guess is not None:
        entry.setdefault("first_guess", guess)
    try:
        write(record, location())
    except OSError as error:
        warnings.warn(f"Progress was not kept: {error}.", stacklevel=3)


def started_mark(name: str) -> Path:
    """A file that stands while an answer to `name` is being checked, and outlives a dead kernel."""
    return location().with_name(f"{name}.checking")


def _merge_entries(one: dict, other: dict) -> dict:
    joined = {**other, **one}
    joined["passed"] = one["passed"] or other["passed"]
    joined["tries"] = max(one["tries"], other["tries"])
    times = [entry["passed_at"] for entry in (one, other) if "passed_at" in entry]
    if times:
        joined["passed_at"] = min(times)
    return joined


def _is_entry(entry) -> bool:
    return isinstance(entry, dict) and type(entry.get("passed")) is bool and type(entry.get("tries")) is int


def _set_aside(path: Path) -> str:
    aside = path.with_name(f"{path.stem}.{datetime.now(UTC):%Y%m%dT%H%M%S%f}.aside.json")
    try:
        os.replace(path, aside)
    except OSError as error:
        return f"It could not be set aside either ({error}); nothing is written to it."
    return f"It was set aside as {aside}; a new one begins."
