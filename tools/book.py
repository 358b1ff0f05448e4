"""Build the book, with warnings as errors, and say where to open it.

With SOLUTIONS=no in the environment, the book without solutions, in a folder of its own.

Nothing is built where nothing has changed since the last build that went well, and only the changed
pages where no other page shows the change.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import solutions
import step

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
HTML = BUILD / "html"
STAMP = BUILD / "built-from.txt"
UNFINISHED = BUILD / "unfinished.txt"  # there while the builder is at work
PAGES = ("book/*.md", "notebooks/*.ipynb", "book/exercises/*.json")
AROUND = ("_config.yml", "_toc.yml", "book/_static/**/*", "book/*.bib", "book/glossary.md")
TOOLS = (
    "tools/book.py",
    "tools/chapter_grid.py",
    "tools/course.py",
    "tools/drawings.py",
    "tools/exercise_*.py",
    "tools/figure_numbers.py",
    "tools/glossary*.py",
    "tools/icons.py",
    "tools/page_heads.py",
    "tools/pages_extension.py",
    "tools/readme.py",
    "tools/search_index.py",
    "tools/solutions.py",
    "tools/templates/*.html",
    "tools/told.py",
    "tools/welcome_page.py",
)
BUILDER = Path(sysconfig.get_path("scripts"), "jupyter-book")
IN_UTF8 = {  # whatever the terminal's encoding is, for the course's folder may have any name
    "env": os.environ | {"PYTHONUTF8": "1"},
    "encoding": "utf-8",
    "errors": "replace",
}
COMMAND = [str(BUILDER), "build", "-W", "-n", "--keep-going", str(ROOT)]


def fingerprint() -> str:
    """A hash of everything that the pages are made from, the builder's version included."""
    return _hash(_whole(path) for path in _files(*PAGES, *AROUND, *TOOLS))


def frame() -> str:
    """A hash of what every page shows, or is made with: settings, contents list, all titles."""
    return _hash([*map(_title, _files(*PAGES)), *map(_whole, _files(*AROUND, *TOOLS))])


def _files(*patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file())


def _whole(path: Path) -> bytes:
    return path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes()


def _title(page: Path) -> bytes:
    """A page's name and first heading, in Markdown and in a notebook's JSON alike."""
    heading = re.search(r'^\s*"?# .*', page.read_text(encoding="utf-8"), re.MULTILINE)
    return f"{page.name}\0{heading and heading[0]}".encode()


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256(version("jupyter-book").encode())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _stamp() -> str:
    return f"{fingerprint()} {frame()}"


def is_current() -> bool:
    built = STAMP.read_text() if STAMP.exists() else ""
    return built == _stamp() and (HTML / "index.html").exists()


def build() -> None:
    """Build the changed pages, or all where their frame has changed or the last build failed.

    On failure the builder's report is shown, and the exit status is not 0.
    """
    started = time.perf_counter()
    print("Building the book ...", flush=True)
    has_same_frame = STAMP.exists() and STAMP.read_text().endswith(frame())
    STAMP.unlink(missing_ok=True)
    if UNFINISHED.exists():
        shutil.rmtree(BUILD)  # the builder cannot go on from where a Ctrl-C stopped it
    BUILD.mkdir(parents=True, exist_ok=True)
    UNFINISHED.touch()
    command = COMMAND if has_same_frame else [*COMMAND, "--all"]
    result = step.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **IN_UTF8)
    UNFINISHED.unlink()
    if result.returncode != 0:
        step.refuse_damaged()
        print(result.stdout[-4000:], result.stderr[-4000:], sep="\n")
        sys.exit("The book could not be built; the report above names the page and the line.")
    STAMP.write_text(_stamp())
    print(f"Built in {time.perf_counter() - started:.0f} s.")


def leave_out_solutions() -> None:
    """Build beside the book with solutions, which stays as it is."""
    global BUILD, HTML, STAMP, UNFINISHED, COMMAND
    beside = BUILD / "without_solutions"
    COMMAND = [*COMMAND, "--path-output", str(beside)]
    BUILD = beside / "_build"
    HTML, STAMP, UNFINISHED = (BUILD / path.name for path in (HTML, STAMP, UNFINISHED))


def main() -> None:
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if not solutions.are_shown():
            leave_out_solutions()
    except ValueError as error:
        sys.exit(str(error))
    try:
        current = is_current()
    except PackageNotFoundError:
        sys.exit("jupyter-book is not installed here: run make book, or see README.md for conda.")
    if not current:
        build()
    print(f"Open it in a browser:  {(HTML / 'index.html').as_uri()}")


if __name__ == "__main__":
    step.until_ctrl_c(main)
