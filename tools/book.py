"""Build the book, with warnings as errors, and say where to open it.

Nothing is built where nothing has changed since the last build that went well.
"""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import step

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
HTML = BUILD / "html"
STAMP = BUILD / "built-from.txt"
UNFINISHED = BUILD / "unfinished.txt"  # there while the builder is at work
SOURCES = ("_config.yml", "_toc.yml", "book/**/*", "notebooks/*.ipynb", "tools/book.py")
BUILDER = Path(sysconfig.get_path("scripts"), "jupyter-book")
COMMAND = [str(BUILDER), "build", "-W", "-n", "--keep-going", str(ROOT)]


def fingerprint() -> str:
    """A hash of everything that the pages are made from, the builder's version included."""
    digest = hashlib.sha256(version("jupyter-book").encode())
    paths = sorted(path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file())
    for path in paths:
        if "book/chapters" not in path.as_posix():  # the notebooks made from them are read instead
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def is_current() -> bool:
    built = STAMP.read_text() if STAMP.exists() else ""
    return built == fingerprint() and (HTML / "index.html").exists()


def build() -> None:
    """Build the pages; on failure show the builder's report and exit with its status."""
    started = time.perf_counter()
    print("Building the book ...", flush=True)
    STAMP.unlink(missing_ok=True)
    if UNFINISHED.exists():
        shutil.rmtree(BUILD)  # the builder cannot go on from where a Ctrl-C stopped it
    BUILD.mkdir(exist_ok=True)
    UNFINISHED.touch()
    result = step.run(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    UNFINISHED.unlink()
    if result.returncode != 0:
        step.refuse_damaged()
        print(result.stdout[-4000:], result.stderr[-4000:], sep="\n")
        sys.exit("The book could not be built; the report above names the page and the line.")
    STAMP.write_text(fingerprint())
    print(f"Built in {time.perf_counter() - started:.0f} s.")


def main() -> None:
    try:
        current = is_current()
    except PackageNotFoundError:
        sys.exit("jupyter-book is not installed here: run make book, or see README.md for conda.")
    if not current:
        build()
    print(f"Open it in a browser:  {(HTML / 'index.html').as_uri()}")


if __name__ == "__main__":
    step.until_ctrl_c(main)
