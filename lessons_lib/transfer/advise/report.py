"""The report: one small HTML file that needs no script, no network and no other file."""

import html
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from lessons_lib.base.files import atomic_write
from lessons_lib.base.tables import table_of
from lessons_lib.transfer.advise.csv_file.decoding import BadTexts
from lessons_lib.transfer.advise.links import TITLES, link_to
from lessons_lib.transfer.advise.step import Advice, Figure, Step

_MARK = '<meta name="generator" content="transformer-transfer advise">'
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{mark}
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="lead">{lead}</p>
<section aria-labelledby="advice">
<h2 id="advice">What to do</h2>
<ol class="advice">
{advice}
</ol>
</section>
<section aria-labelledby="beside">
<h2 id="beside">Everything side by side</h2>
{overview}
</section>
{steps}
<footer><p>{foot}</p></footer>
</main>
</body>
</html>
"""


def page_of(
    title: str,
    lead: str,
    steps: Sequence[Step],
    advice: Sequence[Advice],
    overview: Figure,
    foot: str,
    folder: Path,
) -> str:
    """The report as HTML.

    Args:
        overview: the drawing of all methods.
        folder: where it will stand, for the links.
    """
    sections = [_section(number, step, folder) for number, step in enumerate(steps, 1)]
    items = [
        f"<li><p>{html.escape(one.sentence)}</p>"
        f'<p class="rests">{html.escape(one.rests_on)}{_taught(one.chapter, folder)}</p></li>'
        for one in advice
    ]
    return _PAGE.format(
        mark=_MARK,
        title=html.escape(title),
        style=files("lessons_lib.transfer.advise").joinpath("report.css").read_text("utf-8"),
        lead=html.escape(lead),
        advice="\n".join(items),
        overview=_figure(overview, "beside"),
        steps="\n".join(sections),
        foot=html.escape(foot),
    )


def _section(number: int, step: Step, folder: Path) -> str:
    name = f"step-{number}"
    parts = [
        f'<section aria-labelledby="{name}">',
        f'<h2 id="{name}"><span class="number">{number}</span> {html.escape(step.title)}</h2>',
        f"<p>{html.escape(step.meaning)}{_taught(step.chapter, folder)}</p>",
        *(_table(table) for table in step.tables),
        _figure(step.figure, name) if step.figure else "",
        *(f'<p class="note">{html.escape(note)}</p>' for note in step.notes),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _table(table) -> str:
    found, _ = table_of(table.rows, table.columns, corner=table.corner, digits=table.digits)
    only_words = all(isinstance(cell, str) for cells in table.rows.values() for cell in cells)
    return found.replace("course-table", "course-table words", 1) if only_words else found


def _figure(figure: Figure, name: str) -> str:
    """A drawing in the page; its ids, which each drawing counts from 0, get a name in front."""
    drawing = re.sub(r'(id="|url\(#|href="#)(?=i\d)', rf"\1{name}-", figure.drawing)
    drawing = drawing.replace("<svg ", '<svg aria-hidden="true" ', 1)
    alt = html.escape(figure.alt)
    return f'<figure role="img" aria-label="{alt}">{drawing}</figure>'


def _taught(chapter: str, folder: Path) -> str:
    if not chapter:
        return ""
    title = html.escape(TITLES[chapter])
    address = link_to(chapter, folder)
    named = f'<a href="{html.escape(address)}">{title}</a>' if address else f"<i>{title}</i>"
    return f' <span class="taught">Chapter: {named}.</span>'


def require_place(path: Path) -> None:
    """Raise unless a report may be written there: nothing is there, or a former report.

    Raises:
        BadTexts: another file is there, or a folder, or the folder does not exist.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise BadTexts(
            f"Expected --out to name a file in a folder that exists, but got {path}: name another."
        )
    if path.exists() and _MARK.encode() not in path.read_bytes()[:4000]:
        raise BadTexts(
            f"Expected a free place for the report, but {path} is a file that is no report of "
            "this command: move it, or choose another name with --out."
        )


def write(path: Path, page: str) -> None:
    """Write the report as a whole, or not at all; a former report is replaced.

    Raises:
        BadTexts: as `require_place` does, or nothing can be written there.
    """
    require_place(path)
    try:
        with atomic_write(path) as out:
            out.write(page.encode())
    except OSError as error:
        raise BadTexts(
            f"Expected to write the report to {path}, but cannot ({error.strerror}): choose "
            "another place with --out."
        ) from None
