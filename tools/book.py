"""Build the book, with warnings as errors, and say where to open it.

Nothing is built where nothing has changed since the last build that went well.
"""

import hashlib
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
STAMP = ROOT / "_build" / "built-from.txt"
SOURCES = ("_config.yml", "_toc.yml", "book/**/*", "notebooks/*.ipynb", "tools/book.py")
BUILDER = Path(sys.executable).with_name("jupyter-book")
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
    result = subprocess.run(COMMAND, capture_output=True, text=True)
    if result.returncode != 0:
        print(result.stdout[-4000:], result.stderr[-4000:], sep="\n")
        sys.exit("The book could not be built; the report above names the page and the line.")
    STAMP.write_text(fingerprint())
    print(f"Built in {time.perf_counter() - started:.0f} s.")


def main() -> None:
    if not is_current():
        build()
    print(f"Open it in a browser:  {(HTML / 'index.html').as_uri()}")


if __name__ == "__main__":
    main()
