"""The reader's own copies of the notebooks, so that working in them never stops `git pull`.

python tools/my_notebooks.py                          # copy what is missing, open the first
python tools/my_notebooks.py lab --no-browser         # the same, with options of jupyter lab
python tools/my_notebooks.py reset 02_self_attention  # a fresh copy; the old one is kept
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import NoReturn

import step

ROOT = Path(__file__).resolve().parent.parent
COURSE = ROOT / "notebooks"
MINE = ROOT / "my_notebooks"
JUPYTER = Path(sysconfig.get_path("scripts"), "jupyter")


def copy_missing() -> list[Path]:
    """Copy the chapters that the reader does not have yet; the copies of all, in order."""
    MINE.mkdir(exist_ok=True)
    copies = [MINE / path.name for path in sorted(COURSE.glob("*.ipynb"))]
    for copy in copies:
        if not copy.exists():
            shutil.copyfile(COURSE / copy.name, copy)
    return copies


def reset(chapter: str) -> None:
    """Put the course's notebook in place of the reader's copy, which is renamed and kept."""
    copy = MINE / f"{chapter}.ipynb"
    known = [path.stem for path in sorted(COURSE.glob("*.ipynb"))]
    if chapter not in known:
        sys.exit(f"There is no chapter {chapter!r}: use CHAPTER= with one of {', '.join(known)}.")
    if copy.exists():
        kept = unused_name(f"{chapter}.{time.strftime('%Y-%m-%d-%H%M')}")
        copy.rename(kept)
        print(f"What you had is in {kept.relative_to(ROOT)}.")
    copy_missing()
    print(f"{copy.relative_to(ROOT)} is as in the course.")


def unused_name(stem: str) -> Path:
    """A file of the reader's that is not there yet: of this stem, or with -2, -3 and so on."""
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return next(path for name in names if not (path := MINE / f"{name}.ipynb").exists())


def lab(options: list[str]) -> NoReturn:
    """Open the first chapter's copy in JupyterLab, and exit with its status."""
    if getattr(os, "geteuid", lambda: 1)() == 0 and "--allow-root" not in options:
        sys.exit("JupyterLab runs as root only if told so: make lab LAB_OPTIONS=--allow-root")
    copies = copy_missing()
    step.run([JUPYTER, "trust", *copies], stdout=subprocess.DEVNULL)
    opened = subprocess.Popen([JUPYTER, "lab", copies[0], *options])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is JupyterLab's, which asks back
    if opened.wait() != 0:
        step.refuse_damaged()
    sys.exit(opened.returncode)


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    what, *options = arguments or ["lab"]
    if what == "reset":
        reset("".join(options))
    else:
        lab(options)


if __name__ == "__main__":
    step.until_ctrl_c(lambda: main(sys.argv[1:]))
