"""How a study is kept: one line of JSON for each thing that happened, only ever added to.

The first line says what the study is; then each run has a line, as it ends. Other lines note what
was prepared, a check's numbers, a change of the settings and its reason, and the opening of the
sealed texts. `lessons_lib.measure.results.load_results` reads it all.
"""

import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMIT = "STUDY_COMMIT"  # where there is no repository: the commit of which this is a copy


def append(path: Path, kind: str, content: dict) -> None:
    """Add one line; it is on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"kind": kind} | content, separators=(",", ":"))
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def origin(forecast: Path) -> dict:
    """When, at which commit and after which forecast something was computed."""
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "forecast_sha256": hashlib.sha256(forecast.read_bytes()).hexdigest(),
    }


def commit() -> str:
    """The commit of the code that runs, with "+" where files of it have changed since."""
    if given := os.environ.get(COMMIT):
        return given
    head = _git("rev-parse", "HEAD")
    if head is None:
        return "unknown"
    changed = _git("status", "--porcelain", "--", "lessons_lib/*.py", "studies/*.py")
    return head + ("+" if changed else "")


def is_committed(file: Path) -> bool:
    """Whether a file is in the repository as it is here: `git add` alone is not enough."""
    if os.environ.get(COMMIT):
        return True
    if not file.is_file():
        return False
    known = _git("ls-tree", "-r", "--name-only", "HEAD", "--", file.name, folder=file.parent)
    same = _git("diff", "--quiet", "HEAD", "--", file.name, folder=file.parent)
    return bool(known) and same is not None


def _git(*arguments: str, folder: Path = ROOT) -> str | None:
    """What git prints; None where it fails or there is no git."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
