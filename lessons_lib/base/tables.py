"""Tables that are tables: a page says what stands in the rows, not how the columns are padded."""

import html
import math
from collections.abc import Mapping, Sequence
from numbers import Real

_FRAME = "overflow-x:auto"
_SMALL = "font-size:85%;white-space:nowrap"


def show_table(
    rows: Mapping[str, Sequence],
    columns: Sequence[str],
    *,
    corner: str = "",
    digits: int | Sequence[int] = 2,
    best: str | None = None,
    caption: str = "",
) -> None:
    """Display a table: numbers aligned, true minus signs, a wide one scrolls in its frame.

    Args:
        rows: by the name of each row its cells, one for each column: text, a number, None where
            there is nothing, or something with `value`, `low` and `high`, such as an `Interval`.
        columns: their names.
        corner: what the rows are, above their names.
        digits: after the point, of numbers that are not whole; one number, or one a column.
        best: "high" or "low": the best number of each column is set in bold.
        caption: a sentence above the table.

    Raises:
        ValueError: there is no row, a row has not as many cells as there are columns, `digits`
            has not, or `best` is something else.
    """
    from IPython.display import display

    page, text = table_of(rows, columns, corner=corner, digits=digits, best=best, caption=caption)
    display({"text/html": page, "text/plain": text}, raw=True)


def table_of(
    rows: Mapping[str, Sequence],
    columns: Sequence[str],
    *,
    corner: str = "",
    digits: int | Sequence[int] = 2,
    best: str | None = None,
    caption: str = "",
) -> tuple[str, str]:
    """A table as HTML, and as text for a terminal; the arguments are those of `show_table`.

    Raises:
        ValueError: as `show_table` does.

    >>> print(table_of({"a": [0.5], "b": [-1.0]}, ["r"])[1])
           r
    a   0.50
    b  −1.00
    """
    if not rows or best not in (None, "high", "low"):
        raise ValueError(f"a table needs a row, and best high, low or None: {len(rows)}, {best!r}")
    for name, cells in rows.items():
        if len(cells) != len(columns):
            raise ValueError(
                f"expected {len(columns)} cells for {list(columns)}, row {name!r} has {len(cells)}"
            )
    each = [digits] * len(columns) if isinstance(digits, int) else list(digits)
    if len(each) != len(columns):
        raise ValueError(f"expected digits for {len(columns)} columns, not {len(each)}: {each}")
    bold = _best_places(rows, best) if best else set()
    told = {name: list(map(_text, cells, each)) for name, cells in rows.items()}
    page = _as_html(rows, told, columns, corner, bold, caption)
    return page, _as_text(told, columns, corner, caption)


def _text(cell, digits: int) -> str:
    """A cell as words: a number with so many digits, an interval behind its value."""
    if cell is None:
        return "–"
    if _is_interval(cell):
        value, low, high = (_number(x, digits) for x in (cell.value, cell.low, cell.high))
        return f"{value} [{low}, {high}]"
    return _number(cell, digits) if _is_number(cell) else str(cell)


def _number(value: Real, digits: int) -> str:
    if isinstance(value, Real) and float(value).is_integer() and not isinstance(value, float):
        return f"{value:,}".replace("-", "−")
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.{digits}f}".replace("-", "−")


def _is_number(cell) -> bool:
    return isinstance(cell, Real) and not isinstance(cell, bool)


def _is_interval(cell) -> bool:
    return all(hasattr(cell, name) for name in ("value", "low", "high"))


def _best_places(rows: Mapping[str, Sequence], best: str) -> set[tuple[str, int]]:
    """Row and column of the best number of each column that has two or more."""
    found, choose = set(), max if best == "high" else min
    for column in range(len(next(iter(rows.values())))):
        values = {}
        for name, cells in rows.items():
            cell = cells[column]
            value = cell.value if _is_interval(cell) else cell
            if _is_number(value) and math.isfinite(value):
                values[name] = value
        if len(values) > 1:
            most = choose(values.values())
            found |= {(name, column) for name, value in values.items() if value == most}
    return found


def _as_html(rows, told, columns, corner, bold, caption) -> str:
    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    heads = "".join(
        f'<th scope="col" style="text-align:right">{html.escape(str(column))}</th>'
        for column in columns
    )
    body = "".join(
        f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
        + "".join(
            _cell(cell, text, (name, place) in bold)
            for place, (cell, text) in enumerate(zip(rows[name], texts, strict=True))
        )
        + "</tr>"
        for name, texts in told.items()
    )
    first = f'<th scope="col" style="text-align:left">{html.escape(corner)}</th>'
    first = first if corner else "<td></td>"  # a head without words is none
    return (
        f'<div class="course-table" tabindex="0" style="{_FRAME}"><table>{title}'
        f"<thead><tr>{first}{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(cell, text: str, is_best: bool) -> str:
    text = html.escape(text)
    if _is_interval(cell):
        value, _, rest = text.partition(" [")
        text = f'{_strong(value, is_best)} <span style="{_SMALL}">[{rest}</span>'
    else:
        text = _strong(text, is_best)
    is_words = isinstance(cell, str) and not cell[:1].isdigit()
    side = "left" if is_words and len(cell) > 12 else "right"
    return f'<td style="text-align:{side};font-variant-numeric:tabular-nums">{text}</td>'


def _strong(text: str, is_best: bool) -> str:
    return f"<strong>{text}</strong>" if is_best else text


def _as_text(told, columns, corner, caption) -> str:
    """The same for a terminal, and for whoever sees no HTML."""
    grid = [[corner, *map(str, columns)], *([name, *cells] for name, cells in told.items())]
    widths = [max(len(row[place]) for row in grid) for place in range(len(grid[0]))]
    lines = []
    for name, *cells in grid:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *padded]).rstrip())
    return "\n".join([caption, *lines] if caption else lines)
