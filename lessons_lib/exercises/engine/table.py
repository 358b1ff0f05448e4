"""The progress table."""

import html

from . import registry
from .record import Record


def as_text(record: Record, chapters: list[str]) -> str:
    """One line a chapter: how many of its exercises are done, and which come next."""
    return "\n".join(
        f"{title}: {done} of {total} done{_next(todo)}"
        for title, done, total, todo in rows(record, chapters)
    )


def as_html(record: Record, chapters: list[str]) -> str:
    """The same as a table, with a bar that a screen reader reads as a fraction."""
    lines = "".join(
        f"<tr><td style='text-align:left'>{html.escape(title)}</td>"
        f"<td><progress value='{done}' max='{total}' "
        f"aria-label='{done} of {total} done'></progress></td>"
        f"<td>{done} of {total}</td>"
        f"<td style='text-align:left'>{', '.join(todo) or 'all done'}</td></tr>"
        for title, done, total, todo in rows(record, chapters)
    )
    head = (
        "<tr><th>Chapter</th><th colspan='2'>Done</th>"
        "<th style='text-align:left'>Still open</th></tr>"
    )
    return f"<table>{head}{lines}</table>"


def rows(record: Record, chapters: list[str]) -> list[tuple[str, int, int, list[str]]]:
    """For each chapter: its title, exercises passed, exercises in all, names still open."""
    table = []
    for chapter in chapters:
        names = [exercise.name for exercise in registry.exercises_of(chapter)]
        todo = [name.partition(".")[2] for name in names if not record.get(name, {}).get("passed")]
        table.append((registry.TITLES[chapter], len(names) - len(todo), len(names), todo))
    return table


def _next(todo: list[str]) -> str:
    return f"; still open: {', '.join(todo)}" if todo else ""
