"""Write constraints.txt: one version of everything, for every system and every Python from 3.11.0.

uv resolves all extras in seconds, in a temporary environment of its own. It keeps each version of
the file that still fits; all are resolved anew with --upgrade.

    python3 tools/constraints.py
    python3 tools/constraints.py --upgrade
"""

import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from environment import CONSTRAINTS, OLDEST, PROJECT, WINDOWS

PYTHON = f"{OLDEST[0]}.{OLDEST[1]}.0"
HEADER = f"""\
# Every version of everything that pyproject.toml's extras bring, transitive ones included,
# for Python {PYTHON} and newer. Written by `make constraints`; run the tests after it.
"""
# These move on purpose only: torch is a large download; CONTRIBUTING.md has the other reasons.
HELD = ("torch==2.13.0", "jupyter-book==1.0.4.post1", "sphinx-book-theme==1.2.0")
# Brought by torch's build for one CUDA, which names what it needs itself: other builds need others.
CUDA = r"^(?:nvidia-|cuda-|triton==).*\n"


def main(options: list[str]) -> int:
    """Resolve and write; leave the file as it is where there is no solution."""
    with tempfile.TemporaryDirectory() as folder:
        held, found = Path(folder, "held.txt"), Path(folder, "found.txt")
        held.write_text("\n".join(HELD), encoding="utf-8")
        found.write_text(CONSTRAINTS.read_text(encoding="utf-8"), encoding="utf-8")
        command = [uv(folder), "pip", "compile", PROJECT, "--all-extras", "--universal"]
        command += ["--python-version", PYTHON, "--constraints", held, "--output-file", found]
        done = subprocess.run([*command, "--quiet", "--no-annotate", "--no-header", *options])
        if done.returncode != 0:
            print("There is no solution (the reason is above); constraints.txt is as it was.")
            return 1
        pins = re.sub(CUDA, "", found.read_text(encoding="utf-8"), flags=re.MULTILINE)
    CONSTRAINTS.write_text(HEADER + pins, encoding="utf-8", newline="\n")
    print("constraints.txt is written. Now run: make test")
    return 0


def uv(folder: str) -> Path:
    """Install uv into a new environment in this folder; its command."""
    venv.create(folder, with_pip=True)
    scripts = Path(folder, "Scripts" if WINDOWS else "bin")
    if subprocess.run([scripts / "python", "-m", "pip", "install", "-q", "uv"]).returncode != 0:
        sys.exit("uv could not be installed (the reason is above); constraints.txt is as it was.")
    return scripts / "uv"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
