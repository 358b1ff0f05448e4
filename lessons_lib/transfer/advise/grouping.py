"""Which texts belong together, so that none of a group is learnt from while another is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lessons_lib.data.near_duplicates import clusters_of, normal_form, similar_pairs
from lessons_lib.data.splits import LEAST_COSINE
from lessons_lib.transfer.advise.csv_file.decoding import BadTexts

LEAST_TEXTS = 40
LEAST_GROUPS = 10
_LARGEST_SHARE = 0.2  # of the texts in one cluster of near-duplicates
_MOST_LETTERS = 2_000_000  # beyond them near-duplicates take minutes to find


@dataclass(frozen=True)
class Together:
    """Groups of texts.

    Attributes:
        groups: (N,) the number of each text's group.
        how: how that is known, in words.
        repeats: how many texts are word for word an earlier one.
    """

    groups: list[int]
    how: str
    repeats: int = 0


def grouped(texts: Sequence[str], given: Sequence[str] | None, file: str) -> Together:
    """Groups by the reader's column, or else by near-duplicates; repeats are never parted.

    Args:
        texts: (N,).
        given: (N,) the cells of the reader's column; an empty one is a group of its own.
        file: its name, for messages.

    Raises:
        BadTexts: there are too few different texts, or too few groups.
    """
    forms = [normal_form(text) for text in texts]
    different = require_different(forms, file)
    pairs = _same(forms) + (_same(given) if given else [])
    how = "your column, and repeats" if given else "repeats alone"
    if not given and sum(map(len, texts)) <= _MOST_LETTERS:
        near = similar_pairs(texts, LEAST_COSINE)
        largest = max(map(len, clusters_of(len(texts), pairs + near)), default=1)
        if largest <= max(2, _LARGEST_SHARE * len(texts)):
            pairs, how = pairs + near, "near-duplicates, joined"
    groups = list(range(len(texts)))
    for members in clusters_of(len(texts), pairs):
        for place in members:
            groups[place] = members[0]
    if len(set(groups)) < LEAST_GROUPS:
        raise BadTexts(
            f"Expected {LEAST_GROUPS} groups of texts at least, but {file} has "
            f"{len(set(groups))}: choose a finer column with --group."
        )
    return Together(groups, how, len(texts) - different)


def require_different(texts: Sequence[str], file: str) -> int:
    """The number of different texts.

    Raises:
        BadTexts: there are fewer than `LEAST_TEXTS`.
    """
    different = len(set(texts))
    if different < LEAST_TEXTS:
        again = f" ({len(texts)} with repeats)" if len(texts) > different else ""
        raise BadTexts(
            f"Expected {LEAST_TEXTS} different labelled texts at least, but {file} has "
            f"{different}{again}: label more; from so few nothing can be told."
        )
    return different


def _same(cells: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs that join all places of one cell."""
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        if cell:
            places.setdefault(cell, []).append(place)
    return [pair for rows in places.values() for pair in pairwise(rows)]
