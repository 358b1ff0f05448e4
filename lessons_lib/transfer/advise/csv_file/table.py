"""From a file's text to rows and columns: which sign separates, where quotes end, what is a header.

What Python's `csv` would pass over in silence is refused here: a quote that never closes swallows
all that follows.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from lessons_lib.transfer.advise.csv_file.decoding import BadTexts

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LONGEST_NAME = 60  # letters of a column's name
_TRIED = 200  # rows by which the delimiter is chosen
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")  # or three decimals: who knows
_FEW = 30  # so many different cells may be labels


@dataclass(frozen=True)
class Table:
    """A file's cells.

    Attributes:
        names: of the columns; "column 1", ... where there is no header.
        rows: cells, as many in each row as there are names.
        lines: the line of the file at which each row ends.
        delimiter: the sign between cells.
        has_header: whether the first line holds names.
    """

    names: list[str]
    rows: list[list[str]]
    lines: list[int]
    delimiter: str
    has_header: bool

    def column(self, name: str) -> list[str]:
        """The cells under a name, without space around them."""
        place = self.names.index(name)
        return [row[place].strip() for row in self.rows]


def table_of(text: str, file: str) -> Table:
    """Take a CSV's text apart.

    Args:
        text: the whole file.
        file: its name, for messages.

    Raises:
        BadTexts: a quote does not close, a row has more cells than the first, or there is a
            header alone.

    >>> table_of("text;stars\\n'Fine; film';4\\n".replace("'", '"'), "a.csv").rows
    [['Fine; film', '4']]
    """
    delimiter = _delimiter(text)
    records, lines = _records(text, delimiter, file)
    width = len(records[0])
    for record, line in zip(records, lines, strict=True):
        if any(cell.strip() for cell in record[width:]):
            raise BadTexts(
                f"Expected {width} cells a row, as in the first, but line {line} of {file} has "
                f"{len(record)}: put a text that holds {DELIMITERS[delimiter]} in quotes."
            )
    records = [record[:width] + [""] * (width - len(record)) for record in records]
    has_header = _is_header(records)
    names = [cell.strip() for cell in records[0]]
    if not has_header:
        names = [f"column {number}" for number in range(1, width + 1)]
    rows, lines = (x[1:] if has_header else x for x in (records, lines))
    if not rows:
        raise BadTexts(
            f"Expected rows of texts with labels, but {file} has a header alone: check what was "
            "saved."
        )
    return Table(_unique(names), rows, lines, delimiter, has_header)


def _delimiter(text: str) -> str:
    """The sign by which most of the first rows have the same number of cells, two or more."""

    def steadiness(sign: str) -> tuple[float, int]:
        try:
            first = list(islice(csv.reader(io.StringIO(text[:200_000]), delimiter=sign), _TRIED))
        except csv.Error:
            return 0.0, 0
        counts = Counter(len(record) for record in first if record)
        width, times = counts.most_common(1)[0] if counts else (1, 1)
        return (times / counts.total(), width) if width > 1 else (0.0, width)

    return max(DELIMITERS, key=steadiness)  # of equals the first, the comma


def _records(text: str, delimiter: str, file: str) -> tuple[list[list[str]], list[int]]:
    try:
        return _parsed(text, delimiter=delimiter)
    except _Broken as broken:
        problem = broken
    if '\\"' in text:  # as some databases write a quote inside quotes
        try:
            return _parsed(text, delimiter=delimiter, escapechar="\\", doublequote=False)
        except _Broken:
            pass
    if delimiter == "\t":  # as a rule such files quote nothing
        return _parsed(text, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    raise BadTexts(
        f"Expected every quote in {file} to close, but the one in the row that begins at line "
        f"{problem.line} {problem.trouble}: write a quote inside quotes twice, or save the file "
        "anew as 'CSV UTF-8'."
    )


class _Broken(Exception):
    """The row that begins at `line` has trouble with its quotes."""

    def __init__(self, line: int, trouble: str):
        super().__init__(line, trouble)
        self.line, self.trouble = line, trouble


def _parsed(text: str, **dialect) -> tuple[list[list[str]], list[int]]:
    limit = csv.field_size_limit(2**31 - 1)
    records, lines, begun = [], [], 1
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, **dialect)
    try:
        for record in reader:
            if any(cell.strip() for cell in record):
                records.append(record)
                lines.append(reader.line_num)
            begun = reader.line_num + 1
    except csv.Error as error:
        never = "end of data" in str(error)
        trouble = "never does" if never else "is followed by other signs"
        raise _Broken(begun, trouble) from None
    finally:
        csv.field_size_limit(limit)
    return records, lines


def _is_header(records: Sequence[Sequence[str]]) -> bool:
    """Names are short, differ, are no numbers, and do not come again as labels do."""
    first = [cell.strip() for cell in records[0]]
    if len(records) == 1:
        return True
    for place, cell in enumerate(first):
        below = [record[place].strip() for record in records[1:1000]]
        few = len(set(below)) <= _FEW and len(below) > len(set(below))
        if number_of(cell) is not None or len(cell) > _LONGEST_NAME or (few and cell in below):
            return False
    return any(first)


def number_of(cell: str) -> float | None:
    """A cell's number, with a decimal point or comma; None where it is none, or may be two.

    >>> number_of("4,5"), number_of("-1"), number_of("1,000"), number_of("good")
    (4.5, -1.0, None, None)
    """
    cell = cell.strip().replace("−", "-")
    if "_" in cell or _THOUSANDS.fullmatch(cell):
        return None
    try:
        number = float(cell.replace(",", ".", 1))
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _unique(names: list[str]) -> list[str]:
    """Two columns of one name, or of none, get their number."""
    times = Counter(names)
    return [
        name if name and times[name] == 1 else f"{name or 'column'} {place}"
        for place, name in enumerate(names, 1)
    ]
