"""The built book for the tests: its pages, and a browser that opens them from their files."""

import contextlib
import functools
import importlib.util
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import book  # noqa: E402  (from tools, which is no package)

HTML = book.HTML
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
THEMES = ("light", "dark")
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER = "the tests of the pages need a Chromium on the PATH (Debian: apt-get install chromium)"
# As root, and in a container, Chromium starts only without its sandbox; the pages are our own.
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
)
# What the pages do not need the network for must not hang on it either: no name resolves.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def settings() -> dict:
    return yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


def toc_names() -> list[str]:
    """Every page of _toc.yml, such as "book/welcome", in the reader's order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *_files_below(toc)]


def _files_below(node) -> list[str]:
    if isinstance(node, list):
        return [name for part in node for name in _files_below(part)]
    if not isinstance(node, dict):
        return []
    own = [node["file"]] if "file" in node else []
    return own + [
        name for key, part in node.items() if key != "file" for name in _files_below(part)
    ]


def chapter_pages() -> list[str]:
    return [name for name in toc_names() if name.startswith("notebooks/")]


def title_in_source(name: str) -> str:
    """The first heading of a page's Markdown or of its notebook."""
    path = ROOT / f"{name}.ipynb"
    if path.exists():
        notebook = nbformat.read(path, as_version=4)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    else:
        text = path.with_suffix(".md").read_text(encoding="utf-8")
    return next(line[2:].strip() for line in text.splitlines() if line.startswith("# "))


def built_book() -> Path:
    """The folder of the built pages, built now if anything has changed."""
    if not book.is_current():
        book.build()
    return HTML


def page_file(name: str) -> Path:
    return HTML / f"{name}.html"


@functools.cache
def browser_command() -> str | None:
    return next(filter(None, map(shutil.which, BROWSER_NAMES)), None)


needs_browser = pytest.mark.skipif(browser_command() is None, reason=NO_BROWSER)


@contextlib.contextmanager
def started_browser():
    """A browser without a network, with the book built for it."""
    from playwright.sync_api import sync_playwright

    built_book()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=browser_command(), args=[*QUIET, OFFLINE]
        )
        yield started
        started.close()


def axe_script() -> str | None:
    """axe-core, as the Python package axe-playwright-python carries it; None without it."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None:
        return None
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@dataclass
class Visit:
    """An open page, and what it asked for and complained of since it was opened."""

    name: str
    theme: str
    page: object
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def open_visit(browser, name: str, theme: str, size: dict = DESKTOP, query: str = "") -> Visit:
    """Open a page from its file as a reader whose system prefers `theme`; wait for its maths."""
    context = browser.new_context(viewport=size, color_scheme=theme)
    visit = Visit(name, theme, context.new_page())
    visit.page.on("request", lambda request: visit.requests.append(request.url))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("console", lambda said: _note(visit, said))
    visit.page.goto(page_file(name).as_uri() + query)
    visit.page.evaluate("() => window.MathJax?.startup?.promise?.then(() => true)")
    return visit


def _note(visit: Visit, said) -> None:
    if said.type in ("error", "warning"):
        visit.complaints.append(f"{said.type}: {said.text}")
