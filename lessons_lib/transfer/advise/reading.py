"""What the checklist is run on: the reader's labelled texts, or one of the four domains."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lessons_lib.data.splits import load_split
from lessons_lib.transfer.advise.csv_file.columns import Columns, columns_of, is_nothing
from lessons_lib.transfer.advise.csv_file.decoding import BadTexts, text_of
from lessons_lib.transfer.advise.csv_file.labels import labels_of
from lessons_lib.transfer.advise.csv_file.table import DELIMITERS, Table, number_of, table_of
from lessons_lib.transfer.advise.grouping import Together, grouped, require_different

MOST_TEXTS = 5_000


@dataclass(frozen=True)
class Labelled:
    """N labelled texts.

    Attributes:
        name: of the file or the domain.
        texts: N of them, none empty.
        labels: (N,) ratings, or numbers of classes.
        classes: names; empty for ratings.
        positive: the number of the positive one of two classes; None = not known.
        together: which texts belong together, and how that is known.
        ratings: each rater's, a tuple for each text; None where there is one label a text.
        told: what was read and how, from name to value.
        without: the domain that no source may hold, for it is the example itself.
    """

    name: str
    texts: list[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    positive: int | None
    together: Together
    ratings: list[tuple[float, ...]] | None
    told: dict[str, str]
    without: str | None = None

    @property
    def groups(self) -> list[int]:
        """(N,) the number of each text's group."""
        return self.together.groups

    @property
    def is_rated(self) -> bool:
        """Whether the labels are ratings; else they are classes."""
        return not self.classes


def read_labelled(
    path: Path,
    columns: dict,
    kind: str | None = None,
    positive: str | None = None,
    encoding: str | None = None,
    most: int = MOST_TEXTS,
) -> Labelled:
    """Read labelled texts from a CSV file.

    Args:
        columns: text, label, group, raters, as `columns_of` takes them.
        kind, positive: as `labels_of` takes them.
        encoding: as `text_of` takes it.
        most: of more texts a sample is taken, the same each time.

    Raises:
        BadTexts: the file cannot be used.
    """
    content, found = text_of(path, encoding)
    table = table_of(content, path.name)
    chosen = columns_of(table, path.name, **columns)
    texts = table.column(chosen.text)
    filled = _filled(texts, chosen.text, path.name)
    raters = {place: _ratings(table, place, chosen) for place in filled}
    if chosen.label:
        cells = table.column(chosen.label)
    else:
        cells = [str(np.mean(raters[p])) if raters.get(p) else "" for p in range(len(texts))]
    labelled = [texts[place] for place in filled if not is_nothing(cells[place])]
    require_different(labelled, path.name)
    lines = [table.lines[place] for place in filled]
    name = chosen.label or "the raters' mean"
    labels = labels_of([cells[place] for place in filled], lines, name, kind, positive)
    drawn = _sample(len(labels.kept), most)
    rows = [filled[labels.kept[place]] for place in drawn]
    told = _told(table, chosen, found) | {
        "empty texts, left out": len(texts) - len(filled),
        "without a label, left out": labels.missing,
        "of a class with too few texts, left out": labels.rare,
        "drawn from all, the same each time": len(drawn) if len(drawn) < len(labels.kept) else 0,
    }
    given = [table.column(chosen.group)[place] for place in rows] if chosen.group else None
    together = grouped([texts[place] for place in rows], given, path.name)
    return Labelled(
        path.name,
        [texts[place] for place in rows],
        labels.values[drawn],
        labels.classes,
        labels.positive,
        together,
        [raters[place] for place in rows] if chosen.raters else None,
        {what: value for what, value in told.items() if value},
    )


def read_unlabelled(path: Path, text: str | None, encoding: str | None = None) -> list[str]:
    """Texts without labels, at most `MOST_TEXTS` of them.

    Raises:
        BadTexts: the file cannot be used.
    """
    content, _ = text_of(path, encoding)
    table = table_of(content, path.name)
    chosen = columns_of(
        table, path.name, text=text if text in table.names else None, labelled=False
    )
    texts = table.column(chosen.text)
    filled = _filled(texts, chosen.text, path.name)
    if len(filled) < 20:
        raise BadTexts(
            f"Expected 20 texts at least in {path.name}, but it has {len(filled)}: give more, or "
            "leave --unlabelled out."
        )
    return [texts[filled[place]] for place in _sample(len(filled), MOST_TEXTS)]


def example(domain: str, most: int = MOST_TEXTS) -> Labelled:
    """The test texts of one of the four domains, with all their raters."""
    snippets = load_split(domain).test[:most]
    names = {group: number for number, group in enumerate({s.group: 0 for s in snippets})}
    return Labelled(
        domain,
        [s.text for s in snippets],
        np.array([s.rating for s in snippets]),
        (),
        None,
        Together([names[s.group] for s in snippets], "the split of the course"),
        [s.ratings for s in snippets],
        {"rows": len(snippets), "texts of": f"{domain}, the test part of the course's split"},
        without=domain,
    )


def _filled(texts: list[str], name: str, file: str) -> list[int]:
    filled = [place for place, text in enumerate(texts) if text]
    if not filled:
        raise BadTexts(
            f"Expected texts in the column {name!r} of {file}, but all {len(texts)} cells are "
            "empty: name the texts' column with --text."
        )
    return filled


def _ratings(table: Table, place: int, chosen: Columns) -> tuple[float, ...]:
    """The numbers that a text's raters gave; fewer where one gave none."""
    cells = (table.rows[place][table.names.index(name)] for name in chosen.raters)
    return tuple(number for cell in cells if (number := number_of(cell)) is not None)


def _sample(count: int, most: int) -> list[int]:
    if count <= most:
        return list(range(count))
    return sorted(random.Random(0).sample(range(count), most))


def _told(table: Table, chosen: Columns, encoding: str) -> dict:
    names = chosen.text, chosen.label or "the mean of the raters' columns"
    return {
        "rows": len(table.rows),
        "read as": f"{encoding}, {DELIMITERS[table.delimiter]} between cells"
        + ("" if table.has_header else ", no header"),
        "texts, labels": "{}, {}".format(*names),
        "groups": chosen.group,
        "raters": ", ".join(chosen.raters),
    }
