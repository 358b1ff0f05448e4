"""What pages show that is neither text nor notebook: the grid of chapters, and the explorer.

A page marks their places by an empty `<div class="chapter-grid">` or `attention-explorer`, which is
nothing at all in a notebook. Scripts and styles come to those pages alone; the script that draws
formulas leaves pages without any.
"""

import re
from pathlib import Path

import chapter_grid

WELCOME = "book/welcome"
HEAT_MAP = Path(__file__).resolve().parent.parent / "book" / "_static" / "explorer" / "heat_map.svg"
GRID_PLACE = '<div class="chapter-grid"></div>'
EXPLORER_PLACE = '<div class="attention-explorer"></div>'
GRID_SCRIPTS = ("exercises/reading.js", "exercises/record.js", "welcome.js")
EXPLORER_SCRIPTS = ("explorer/scores.js", "explorer/explorer.js")
SEEN = (
    "How one head of the last layer weighs the words of a sentence about a trophy and a suitcase: "
    "a row for each word that looks, a column for each that is looked at."
)

CAPTION = (
    '<p class="caption"><em>One head of the last layer: a row looks, a column is looked at. With '
    "scripts, all heads can be explored here.</em></p>"
)
LEAD = (
    "<p>Here they are on five sentences, all heads of the first and the last layer. Point at a "
    "token, or choose one with the arrow keys.</p>"
)


def connect(app) -> None:
    app.connect("env-get-outdated", lambda *_: [WELCOME])  # the chapters it tells of may differ
    app.connect("html-page-context", fill, priority=900)  # after the one that adds formulas' script


def fill(app, page, template, context, doctree) -> None:
    """Put grid and explorer into a page's places, with their scripts and styles."""
    body = context.get("body", "")
    if GRID_PLACE in body:
        _add(app, GRID_SCRIPTS, "welcome.css")
    if EXPLORER_PLACE in body:
        _add(app, EXPLORER_SCRIPTS, "explorer/explorer.css")
    context["body"] = with_places_filled(body, lead="" if page == WELCOME else LEAD)
    if body and not has_formulas(body):
        context["script_files"][:] = [
            script for script in context["script_files"] if "mathjax" not in str(script)
        ]


def _add(app, scripts: tuple[str, ...], style: str) -> None:
    for script in scripts:
        app.add_js_file(script, loading_method="defer")
    app.add_css_file(style)


def with_places_filled(body: str, lead: str = "") -> str:
    """The page's HTML with what belongs in its places; other pages stay as they are.

    Args:
        lead: HTML that stands before the explorer, where the page's own text does not name it.
    """
    if GRID_PLACE in body:
        grid = f'<div class="chapter-grid">\n{chapter_grid.grid()}\n</div>'
        told = f'<p class="in-all">{chapter_grid.told_in_all()}</p>'
        body = body.replace(GRID_PLACE, told + grid)
    if EXPLORER_PLACE in body:
        drawn = HEAT_MAP.read_text(encoding="utf-8")
        figure = f'<figure role="img" aria-label="{SEEN}">{drawn}</figure>'
        explorer = f'<div class="attention-explorer">{figure}{CAPTION}</div>'
        body = body.replace(EXPLORER_PLACE, lead + explorer)
    return body


def has_formulas(body: str) -> bool:
    """Does a page hold a formula that has to be drawn?"""
    return re.search(r'class="[^"]*\bmath\b', body) is not None
