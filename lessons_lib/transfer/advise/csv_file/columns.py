"""Which column holds what: as the reader says, else by its name, else by what stands in it."""

import re
from dataclasses import dataclass

from lessons_lib.transfer.advise.csv_file.decoding import BadTexts
from lessons_lib.transfer.advise.csv_file.table import Table, number_of

_TEXT = "text texts review reviewtext sentence comment tweet message document snippet body content"
_LABEL = "label labels rating ratings score stars sentiment class category target y"
_GROUP = "group groups author user userid username reviewid article articleid thread threadid"
_RATER = re.compile(r"(rater|annotator|coder|judge|rating|label)[ _.-]?(\d+|[a-z])")
MOST_CLASSES = 20
_NOTHING = {"", "na", "n/a", "nan", "null", "none", "-", "–", "?"}


@dataclass(frozen=True)
class Columns:
    """Names of columns.

    Attributes:
        text: the texts.
        label: the labels; None where the raters' mean is taken, or none are asked for.
        group: which texts belong together; None = not known.
        raters: one rater's labels each; empty = not known.
    """

    text: str
    label: str | None
    group: str | None
    raters: tuple[str, ...]


def is_nothing(cell: str) -> bool:
    """Whether a cell is empty, or says that there is nothing.

    >>> is_nothing(" N/A "), is_nothing("0")
    (True, False)
    """
    return cell.strip().lower() in _NOTHING


def columns_of(
    table: Table,
    file: str,
    text: str | None = None,
    label: str | None = None,
    group: str | None = None,
    raters: tuple[str, ...] = (),
    labelled: bool = True,
) -> Columns:
    """Which columns to use.

    Args:
        file: its name, for messages.
        text, label, group, raters: as the reader says; None or () = find out.
        labelled: False = only texts are wanted.

    Raises:
        BadTexts: a column is not there, or it cannot be told which one is meant.
    """
    for name, option in ((text, "text"), (label, "label"), (group, "group")):
        _require(name, option, table, file)
    for name in raters:
        _require(name, "raters", table, file)
    if len(raters) == 1:
        raise BadTexts("Expected 2 columns at least after --raters, got one: name them all.")
    if not raters and labelled and label is None:
        raters = _raters(table)
    taken = {label, group, *raters}
    text = text or _named(table, _TEXT, taken) or _wordy(table, taken, file)
    if not labelled:
        return Columns(text, None, None, ())
    group = group or _named(table, _GROUP, {text, *taken})
    taken = {text, group, *raters}
    label = label or _named(table, _LABEL, taken)
    if label is None and not raters:
        label = _labelling(table, taken, file)
    return Columns(text, label, group, tuple(raters))


def _require(name: str | None, option: str, table: Table, file: str) -> None:
    if name is not None and name not in table.names:
        raise BadTexts(
            f"Expected a column {name!r} in {file}, for --{option}, but it has "
            f"{_listed(table.names)}: name one of these."
        )


def _listed(names: list[str]) -> str:
    told = ", ".join(repr(name) for name in names[:8])
    return told + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _named(table: Table, known: str, taken: set) -> str | None:
    """The first column, in the order of the known names, that bears one of them."""
    plain = {re.sub(r"[\W_]", "", name.lower()): name for name in reversed(table.names)}
    found = (plain[word] for word in known.split() if word in plain)
    return next((name for name in found if name not in taken), None)


def _raters(table: Table) -> tuple[str, ...]:
    """Columns such as rater_1, rater_2 that hold numbers; one alone is none."""
    stems: dict[str, list[str]] = {}
    for name in table.names:
        if found := _RATER.fullmatch(name.lower()):
            cells = [cell for cell in table.column(name) if not is_nothing(cell)]
            if cells and all(number_of(cell) is not None for cell in cells):
                stems.setdefault(found[1], []).append(name)
    best = max(stems.values(), key=len, default=[])
    return tuple(best) if len(best) > 1 else ()


def _wordy(table: Table, taken: set, file: str) -> str:
    """The column whose cells have the most words: three or more as a rule, and mostly differ."""

    def words(name: str) -> float:
        cells = [cell for cell in table.column(name)[:2000] if cell]
        if not cells or len(set(cells)) < 2:
            return 0.0
        return sum(len(cell.split()) for cell in cells) / len(cells)

    best = max((name for name in table.names if name not in taken), key=words, default=None)
    if best is None or words(best) < 3:
        raise BadTexts(
            f"Expected a column of texts in {file}, but none of {_listed(table.names)} holds "
            "three words a row: name it with --text, or put texts and labels into columns."
        )
    return best


def _labelling(table: Table, taken: set, file: str) -> str:
    """The one column that may hold labels: numbers, or few different words."""
    found = []
    for name in table.names:
        if name in taken:
            continue
        cells = [cell for cell in table.column(name) if not is_nothing(cell)]
        numbers = sum(number_of(cell) is not None for cell in cells)
        different = len(set(cells))
        counts_rows = numbers == len(cells) == different and len(cells) > MOST_CLASSES
        few = different <= min(MOST_CLASSES, len(cells) / 2)
        if cells and not counts_rows and (few or numbers > 0.9 * len(cells)):
            found.append(name)
    if len(found) != 1:
        said = f"{_listed(found)} may each be it" if found else f"it has {_listed(table.names)}"
        raise BadTexts(
            f"Expected a column of labels in {file}, called 'label' or 'rating', but {said}: "
            "name it with --label."
        )
    return found[0]
