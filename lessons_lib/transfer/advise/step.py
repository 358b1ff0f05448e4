"""A step of the checklist: what it means, what came out, and the numbers that advice rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Table:
    """Rows for `table_html`.

    Attributes:
        rows: by name, their cells.
        columns: their names.
        corner: what the rows are.
        digits: after the point.
    """

    rows: Mapping[str, Sequence]
    columns: Sequence[str]
    corner: str = ""
    digits: int | Sequence[int] = 2


@dataclass(frozen=True)
class Figure:
    """A drawing, the text of one `<svg>`, and what it shows, in words."""

    drawing: str
    alt: str


@dataclass(frozen=True)
class Step:
    """A step that was done.

    Attributes:
        title: a question or a thing.
        meaning: one sentence: what the numbers tell.
        chapter: the page that teaches it, such as "11_domains_and_transfer"; "" = none.
        tables, figure: what came out.
        notes: sentences that the numbers need.
        summary: one line for the terminal.
        found: numbers and intervals, by name.
    """

    title: str
    meaning: str
    chapter: str = ""
    tables: Sequence[Table] = ()
    figure: Figure | None = None
    notes: Sequence[str] = ()
    summary: str = ""
    found: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Advice:
    """One sentence, the numbers that it rests on, and the chapter that teaches it."""

    sentence: str
    rests_on: str
    chapter: str


def signed(found) -> str:
    """A difference with its signs and its interval."""
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]".replace("-", "−")
