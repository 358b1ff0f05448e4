"""From cells to labels: ratings, which are numbers, or classes, which are names."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lessons_lib.transfer.advise.csv_file.columns import MOST_CLASSES, is_nothing
from lessons_lib.transfer.advise.csv_file.decoding import BadTexts
from lessons_lib.transfer.advise.csv_file.table import number_of

LEAST_IN_CLASS = 10
_POSITIVE = {"positive", "pos", "good", "1", "yes", "true", "like", "liked", "favourable", "+"}


@dataclass(frozen=True)
class Labels:
    """What the kept rows are labelled with.

    Attributes:
        kept: places of the rows that have a label that is used.
        values: (N,) ratings, or the number of each one's class.
        classes: their names, in order; empty for ratings.
        positive: the number of the positive one of two classes; None = not known.
        missing, rare: how many rows are left out, without a label or of a class too rare.
    """

    kept: list[int]
    values: np.ndarray
    classes: tuple[str, ...]
    positive: int | None
    missing: int
    rare: int


def labels_of(
    cells: Sequence[str],
    lines: Sequence[int],
    name: str,
    kind: str | None = None,
    positive: str | None = None,
) -> Labels:
    """Labels from a column.

    Numbers with three different values or more are ratings; two values, or words, are classes.

    Args:
        cells, lines: of the rows that have a text.
        name: of the column, for messages.
        kind: "ratings" or "classes"; None = find out.
        positive: the name of the positive one of two classes.

    Raises:
        BadTexts: words and numbers are mixed, all labels are alike, or they are free text.
    """
    kept = [place for place, cell in enumerate(cells) if not is_nothing(cell)]
    numbers = [number_of(cells[place]) for place in kept]
    words = [place for place, number in zip(kept, numbers, strict=True) if number is None]
    different = sorted({cells[place] for place in kept})
    if kind != "classes" and words and len(words) < len(kept):
        raise BadTexts(
            f"Expected all numbers or all words in the column {name!r}, but {len(words)} of "
            f"{len(kept)} labels are words, the first in line {lines[words[0]]}, "
            f"{cells[words[0]]!r:.40}: mend them, or say --as classes."
        )
    if kind == "ratings" and words:
        raise BadTexts(
            f"Expected ratings in {name!r}, by --as ratings, but line {lines[words[0]]} holds "
            f"{cells[words[0]]!r:.40}: leave --as out, or choose another column."
        )
    if len(set(numbers) if not words else different) < 2:
        what = f"all {len(kept)} are {different[0]!r:.40}" if kept else "there is none"
        raise BadTexts(
            f"Expected at least 2 different labels in {name!r}, but {what}: choose another "
            "column with --label, or label texts of another kind, too."
        )
    missing = len(cells) - len(kept)
    if not words and kind != "classes" and (kind == "ratings" or len(set(numbers)) > 2):
        return Labels(kept, _ratings(numbers, name), (), None, missing, 0)
    return _classes([cells[place] for place in kept], kept, name, positive, missing)


def _ratings(numbers: list[float], name: str) -> np.ndarray:
    most, times = Counter(numbers).most_common(1)[0]
    if len(numbers) - times < LEAST_IN_CLASS:
        raise BadTexts(
            f"Expected {LEAST_IN_CLASS} ratings at least in {name!r} that are not {most:g}, the "
            f"most frequent, but {len(numbers) - times} of {len(numbers)} are not: label more of "
            "the others."
        )
    return np.array(numbers, dtype=float)


def _classes(
    cells: list[str], kept: list[int], name: str, positive: str | None, missing: int
) -> Labels:
    counts = Counter(cells)
    common = {cell for cell, times in counts.items() if times >= LEAST_IN_CLASS}
    if len(counts) > MOST_CLASSES and len(counts) > len(cells) / LEAST_IN_CLASS:
        raise BadTexts(
            f"Expected at most {MOST_CLASSES} classes or numbers in {name!r}, but it has "
            f"{len(counts)} different words in {len(cells)} rows: choose the labels' column with "
            "--label."
        )
    if len(common) < 2:
        told = ", ".join(f"{cell!r:.20} {times}" for cell, times in counts.most_common(5))
        raise BadTexts(
            f"Expected 2 classes at least with {LEAST_IN_CLASS} texts each in {name!r}, but the "
            f"largest are {told}: label more texts of the rarer ones."
        )
    classes = tuple(sorted(common, key=_order))
    if positive is not None and (positive not in classes or len(classes) != 2):
        raise BadTexts(
            f"Expected --positive to name one of two classes, but {name!r} has "
            f"{', '.join(map(repr, classes[:5]))}: name one of two, or leave it out."
        )
    named = [number for number, cell in enumerate(classes) if cell.lower() in _POSITIVE]
    known = classes.index(positive) if positive else named[0] if len(named) == 1 else None
    places = [place for place, cell in enumerate(cells) if cell in common]
    values = np.array([classes.index(cells[place]) for place in places])
    return Labels(
        [kept[place] for place in places],
        values,
        classes,
        known if len(classes) == 2 else None,
        missing,
        len(cells) - len(places),
    )


def _order(cell: str) -> tuple:
    number = number_of(cell)
    return (0, number, cell) if number is not None else (1, 0.0, cell)
