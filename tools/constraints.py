"""Write constraints.txt anew: the newest versions of everything that fit together today.

pip resolves the extras `all` and `bench` in a new, empty environment, without installing
anything; the releases' metadata, and those wheels that publish none apart, are downloaded.

    python3 tools/constraints.py                  # everything anew
    python3 tools/constraints.py "torch==2.13.0"  # with this one held
"""

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from environment import OLDEST, TOO_OLD

HEADER = """\
# Every version of everything that pyproject.toml's extras bring, transitive ones included.
# Written by `make constraints` (a fresh resolution); run the tests after it.
"""
# Needed by packages on Windows only, where this is never run.
WINDOWS = ["colorama", "win32-setctime"]
# Brought by torch's CUDA build only, which itself names their exact versions.
CUDA = ("nvidia-", "cuda-", "triton")


def main() -> int:
    """Resolve and write; leave the file as it is where pip finds no solution."""
    if sys.version_info[:2] < OLDEST:
        sys.exit(TOO_OLD.format(*sys.version_info).rstrip())
    import environment_state as state

    print("Resolving all extras anew: this takes a few minutes.", flush=True)
    report = resolve([*state.requirements(["all", "bench"]), *WINDOWS, *sys.argv[1:]])
    if report is None:
        sys.exit("pip found no solution (its reason is above); constraints.txt is as it was.")
    state.CONSTRAINTS.write_text(constraints(report), encoding="utf-8", newline="\n")
    print("constraints.txt is written. Now run: make test")
    return 0


def resolve(requirements: list[str]) -> dict | None:
    """pip's report of what it would install into an empty environment, or None if it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        report = Path(folder, "report.json")
        options = ["--dry-run", "--ignore-installed", "-qq", "--report", report]
        done = subprocess.run([python, "-m", "pip", "install", *options, *requirements])
        return json.loads(report.read_text("utf-8")) if done.returncode == 0 else None


def constraints(report: dict) -> str:
    """The text of constraints.txt for pip's report.

    >>> torch = {"metadata": {"name": "torch", "version": "2.13.0+cpu"}}
    >>> constraints({"install": [torch]}).splitlines()[-1]
    'torch==2.13.0'
    """
    pins = [pin(item["metadata"]) for item in report["install"]]
    kept = [line for line in pins if not line.startswith(CUDA)]
    return HEADER + "".join(f"{line}\n" for line in sorted(kept, key=str.lower))


def pin(metadata: dict) -> str:
    """One line: a release without the label of the build (+cpu, +cu126) that this machine gets."""
    return f"{metadata['name']}=={re.sub(r'[+].*', '', metadata['version'])}"


if __name__ == "__main__":
    sys.exit(main())
