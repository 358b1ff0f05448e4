"""What is seen before it is read: forests, dot plots and heat tables, as HTML.

Widths are shares of the row, so a phone shows the same as a desktop; colours are the page's own
(`book/_static/glance.css`). Each row says in words, too, what it shows.
"""

import html
import math
from collections.abc import Mapping, Sequence


def forest(entries: Sequence[dict]) -> str:
    """One line for each contrast: its forecast as a bar, its outcome as a dot.

    Args:
        entries: with "words", "interval", "mean" (None where it was not run), "held", and
            "sealed", a dictionary with value, low and high, or None.
    """
    reach = 1.1 * max(abs(number) for entry in entries for number in _numbers(entry))
    return _lines([_row(entry, reach) for entry in entries], reach)


def _lines(rows: Sequence[str], reach: float) -> str:
    """Rows above the axis that they share."""
    ends = f"<span>−{reach:.2f}</span><span>0</span><span>+{reach:.2f}</span>"
    inside = "\n".join(rows)
    return f'<div class="forest">\n{inside}\n<div class="forest-axis">{ends}</div>\n</div>'


def _line(name: str, words: str, told: str, marks: str, sealed: dict | None, reach: float) -> str:
    """A row: in words, and as marks on the axis; below them the sealed texts, once opened."""
    if sealed:
        marks += _span("sealed", sealed["low"], sealed["high"], reach)
        marks += _dot("sealed-dot", sealed["value"], reach)
        told += f"; on sealed texts {_signed(sealed['value'])}"
    return (
        f'<div class="forest-row {name}"><p>{html.escape(words)} <small>{told}</small></p>'
        f'<div class="forest-track" aria-hidden="true">{marks}</div></div>'
    )


def _numbers(entry: dict) -> list[float]:
    sealed = entry["sealed"] or {}
    own = [entry["mean"], *(sealed.get(name) for name in ("low", "high"))]
    return [*entry["interval"], *(number for number in own if number is not None)]


def _row(entry: dict, reach: float) -> str:
    low, high = entry["interval"]
    verdict = {True: "held", False: "missed", None: "not run"}[entry["held"]]
    told = f"forecast {_signed(low)} to {_signed(high)}"
    marks = _span("forecast", low, high, reach)
    if entry["mean"] is not None:
        told += f", outcome {_signed(entry['mean'])}: {verdict}"
        marks += _dot("outcome", entry["mean"], reach)
    else:
        told += ": not run"
    name = verdict.replace(" ", "-")
    return _line(name, entry["words"], told, marks, entry["sealed"], reach)


def _span(name: str, low: float, high: float, reach: float) -> str:
    left, width = _place(low, reach), _place(high, reach) - _place(low, reach)
    return f'<i class="{name}" style="left:{left:.1f}%;width:{width:.1f}%"></i>'


def _dot(name: str, value: float, reach: float) -> str:
    return f'<i class="{name}" style="left:{_place(value, reach):.1f}%"></i>'


def _place(value: float, reach: float) -> float:
    return 50 + 50 * value / reach


def differences(entries: Sequence[dict]) -> str:
    """One line for each difference: its 95% interval as a bar, its value as a dot, 0 in the middle.

    The dot is hollow where the interval leaves the sign open.

    Args:
        entries: with "words", "value", "low", "high", and "sealed", a dictionary with value, low
            and high, or None.
    """
    numbers = [entry[name] for entry in entries for name in ("low", "high")]
    numbers += [one[name] for e in entries if (one := e["sealed"]) for name in ("low", "high")]
    reach = 1.05 * max(map(abs, numbers))
    return _lines([_difference(entry, reach) for entry in entries], reach)


def _difference(entry: dict, reach: float) -> str:
    low, high = entry["low"], entry["high"]
    told = f"{_signed(entry['value'])}, from {_signed(low)} to {_signed(high)}"
    marks = _span("forecast", low, high, reach) + _dot("outcome", entry["value"], reach)
    name = "open" if low <= 0 <= high else "shown"
    return _line(name, entry["words"], told, marks, entry["sealed"], reach)


def dots(groups: Mapping[str, Sequence[dict]]) -> str:
    """One line for each ratio, on an axis on which twice and half are equally far from 1.

    Args:
        groups: below each heading entries with "words", "value", "low" and "high", all above 0.
    """
    entries = [entry for group in groups.values() for entry in group]
    ends = min(entry["low"] for entry in entries), max(entry["high"] for entry in entries)
    axis = min(ends[0], 1) / 1.02, max(ends[1], 1) * 1.02
    parts = []
    for heading, group in groups.items():
        rows = "\n".join(_ratio(entry, axis) for entry in group)
        parts.append(f'<p class="dots-group">{html.escape(heading)}</p>\n{rows}')
    first, last = (math.ceil(10 * axis[0]), math.floor(10 * axis[1]))
    ticks = "".join(
        f'<span style="left:{_along(tick / 10, axis):.1f}%">{tick / 10:.1f}</span>'
        for tick in range(first, last + 1)
    )
    return (
        f'<div class="dots" style="--one:{_along(1, axis):.1f}%">\n' + "\n".join(parts) + "\n"
        f'<div class="dots-row dots-axis" aria-hidden="true"><span></span><div>{ticks}</div>'
        "<span></span></div>\n</div>"
    )


def _ratio(entry: dict, axis: tuple[float, float]) -> str:
    value, low, high = (entry[name] for name in ("value", "low", "high"))
    side = "above" if low > 1 else "below" if high < 1 else "even"
    left, right = _along(low, axis), _along(high, axis)
    told = f'<span class="visually-hidden"> ({low:.2f} to {high:.2f})</span>'
    return (
        f'<div class="dots-row {side}"><span>{html.escape(entry["words"])}</span>'
        f'<div class="dots-track" aria-hidden="true">'
        f'<i class="dots-span" style="left:{left:.1f}%;width:{right - left:.1f}%"></i>'
        f'<i class="dots-dot" style="left:{_along(value, axis):.1f}%"></i></div>'
        f"<span>{value:.2f}{told}</span></div>"
    )


def _along(ratio: float, axis: tuple[float, float]) -> float:
    """Where a ratio lies between the ends of the axis, in per cent."""
    return 100 * math.log(ratio / axis[0]) / math.log(axis[1] / axis[0])


def heat(
    rows: Mapping[str, Sequence[float | None]], columns: Sequence[str], corner: str = ""
) -> str:
    """A table of r whose cells are the darker, the higher they are."""
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in columns)
    body = "\n".join(
        f'<tr><th scope="row">{html.escape(name)}</th>{"".join(map(_cell, cells))}</tr>'
        for name, cells in rows.items()
    )
    head = f'<thead><tr><th scope="col">{html.escape(corner)}</th>{heads}</tr></thead>'
    return f'<div class="heat" tabindex="0"><table>{head}\n<tbody>\n{body}\n</tbody></table></div>'


def _cell(value: float | None) -> str:
    if value is None:
        return "<td>–</td>"
    share = round(100 * min(1.0, max(0.0, value)) ** 2)
    side = ' class="strong"' if share > 85 else ""
    return f'<td{side} style="--share:{share}%">{value:.2f}</td>'


def folded(summary: str, markdown: str) -> str:
    """Markdown behind a line that opens it."""
    return f"<details><summary>{html.escape(summary)}</summary>\n\n{markdown}\n\n</details>"


def _signed(number: float) -> str:
    return f"{number:+.2f}".replace("-", "−")
