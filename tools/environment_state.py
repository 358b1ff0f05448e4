"""What .venv holds: whether it works, and whether it is ready for the extras asked for."""

import csv
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

from environment import OLDEST

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / "pyproject.toml"
CONSTRAINTS = ROOT / "constraints.txt"
VENV = ROOT / ".venv"
CONFIG = VENV / "pyvenv.cfg"
STAMP = VENV / "environment.json"
LOG = VENV / "install.log"
LOCK = VENV / "environment.lock"
LINK = "course.pth"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

PROBE = """
import json, sys, sysconfig
packages = sysconfig.get_path("purelib")
print(json.dumps({"version": "%d.%d" % sys.version_info[:2], "packages": packages}))
"""


def extras() -> dict[str, list[str]]:
    """The extras that pyproject.toml names, each with its requirements."""
    return project().get("optional-dependencies", {})


@functools.cache
def project() -> dict:
    """The [project] table of pyproject.toml."""
    return tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]


def requirements(names) -> list[str]:
    """The requirements of the project and of these extras; an extra may name others, as `all` does.

    Raises:
        KeyError: no such extra.
    """
    found = list(project().get("dependencies", []))
    for name in names:
        for line in extras()[name]:
            others = re.fullmatch(re.escape(project()["name"]) + r"\[(.+)\]", line)
            found += requirements(re.split(r"\s*,\s*", others[1])) if others else [line]
    return sorted(set(found))


def is_foreign() -> bool:
    """Whether .venv is something that a person put there, and no virtual environment."""
    if not os.path.lexists(VENV):
        return False
    if not VENV.is_dir():
        return True
    # A run that was ended before Python wrote pyvenv.cfg leaves these two at least.
    ours = CONFIG.exists() or LOCK.exists() or LOG.exists()
    return not ours and any(VENV.iterdir())


def is_ready(names) -> bool:
    """Whether .venv was finished for these extras and files, and still works and is all there."""
    stamp = read_stamp()
    if not set(names) <= set(stamp.get("extras", [])) or is_moved():
        return False
    found = probe()
    if found is None or stamp["inputs"] != fingerprint(found["version"]):
        return False
    return all(os.path.exists(os.path.join(found["packages"], mark)) for mark in stamp["landmarks"])


def read_stamp() -> dict:
    """What the last finished run recorded; empty where none has finished."""
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def write_stamp(names) -> None:
    """Record a finished run, whole or not at all."""
    found = probe()
    stamp = {
        "extras": sorted(names),
        "inputs": fingerprint(found["version"]),
        "landmarks": landmarks(Path(found["packages"])),
    }
    unfinished = STAMP.with_suffix(".part")
    unfinished.write_text(json.dumps(stamp), encoding="utf-8")
    os.replace(unfinished, STAMP)


def fingerprint(python_version: str) -> str:
    """A hash of all that decides what an environment holds."""
    parts = [PROJECT.read_bytes(), CONSTRAINTS.read_bytes(), python_version.encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def probe() -> dict | None:
    """Start the environment's Python: its version and package folder, or None if it won't work."""
    command = [PYTHON, "-I", "-c", PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    # Without pyvenv.cfg it is the system's Python, whose packages are not ours to touch.
    inside = Path(found["packages"]).resolve().is_relative_to(VENV.resolve())
    return found if inside else None


def is_moved() -> bool:
    """Whether the environment was made in another folder: its scripts still point there."""
    config = CONFIG.read_text(encoding="utf-8") if CONFIG.exists() else ""
    made = re.search(r"^command = .* -m venv (?:--\S+ )*(.+)$", config, re.MULTILINE)
    return made is not None and Path(made[1]).resolve() != VENV.resolve()


def why_unusable() -> str | None:
    """Why pip cannot repair the environment, or None if it can."""
    found = probe()
    if found is None:
        return "its Python does not work"
    if is_moved():
        return "it was made in another folder"
    if tuple(map(int, found["version"].split("."))) < OLDEST:
        return f"its Python is too old ({found['version']})"
    if not os.path.isdir(found["packages"]):
        return f"its Python has become another version ({found['version']})"
    if not any(Path(found["packages"]).glob("pip-*.dist-info")):
        return "it has no pip"
    if any(folder.name.startswith("pip-") for folder in broken(Path(found["packages"]))):
        return "its pip is broken"
    return None


def broken(packages: Path) -> list[Path]:
    """The dist-info folders of distributions whose record or any recorded file is missing."""
    return [
        folder
        for folder in packages.glob("*.dist-info")
        if not (files := recorded(folder)) or not all((packages / file).exists() for file in files)
    ]


def recorded(dist_info: Path) -> list[str]:
    """The files that a distribution brought, relative to the package folder; none if unrecorded."""
    try:
        with open(dist_info / "RECORD", encoding="utf-8", newline="") as rows:
            return [row[0] for row in csv.reader(rows) if row and "__pycache__" not in row[0]]
    except OSError:
        return []


def landmarks(packages: Path) -> list[str]:
    """What a quick look looks for: scripts, and the first two levels of every package."""
    marks = {LINK}
    for dist_info in packages.glob("*.dist-info"):
        for file in recorded(dist_info):
            marks.add(file if file.startswith("..") else "/".join(file.split("/")[:2]))
    return sorted(mark for mark in marks if (packages / mark).exists())


def forget_broken() -> None:
    """Make pip install broken distributions anew: it takes a dist-info folder for a whole one."""
    packages = Path(probe()["packages"])
    # A folder that pip renamed to ~name is what an interrupted upgrade left.
    for folder in [*broken(packages), *packages.glob("~*")]:
        shutil.rmtree(folder)


def size_mb() -> int:
    """The size of .venv in MB."""
    files = (os.path.join(at, name) for at, _, names in os.walk(VENV) for name in names)
    return sum(os.lstat(file).st_size for file in files) // 2**20
