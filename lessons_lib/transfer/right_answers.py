"""What a study of classes has found, from the right answers that its runs have kept.

Some studies keep each test example, right or wrong; others, of many languages, keep the share that
was right in each. Either way rows are seeds, and what is drawn anew for an interval is a seed and a
column: what holds for these languages may hold for others.

Axes: S seeds, N examples or languages.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lessons_lib.measure.intervals import Difference, Interval
from lessons_lib.measure.results import Variant, as_variant, final_runs, unpack
from lessons_lib.measure.shares import difference_in_shares, share_right


def right_of(results: dict, variant: Variant) -> np.ndarray | None:
    """Which test examples each seed read rightly: (S, N), from 0 to 1; None where missing."""
    runs = final_runs(results, as_variant(variant))
    rows = [unpack(run["predictions"]["test"]) for run in runs]
    return np.array(rows) if rows else None


def shares_of(
    results: dict, variant: Variant, names: Sequence[str], part: str = ""
) -> np.ndarray | None:
    """What each final run got right in each language: (S, N); None where runs are missing.

    Args:
        results: of `load_results`.
        names: of the languages.
        part: what stands before "in de" in the numbers' names, such as "exact ".
    """
    runs = [run["numbers"] for run in final_runs(results, as_variant(variant))]
    found = [[numbers.get(f"{part}in {name}", np.nan) for name in names] for numbers in runs]
    rows = np.array(found, dtype=float)
    return rows if len(rows) and not np.isnan(rows).any() else None


def mean_share(right: np.ndarray | None, num_resamples: int = 2000) -> Interval | None:
    """The mean of (S, N) and its interval, over seeds and columns; None where there is nothing."""
    return None if right is None else share_right(right, num_resamples)


def accuracy_of(results: dict, variant: Variant, num_resamples: int = 1000) -> Interval | None:
    """The mean share of test examples that is right, and its interval; None where missing."""
    return mean_share(right_of(results, variant), num_resamples)


def gap_of(results: dict, entry: dict, num_resamples: int = 2000) -> Difference | None:
    """A forecast's contrast: accuracy of its "first" minus that of its "second"."""
    return _gap(*(right_of(results, entry[side]) for side in ("first", "second")), num_resamples)


def gap_in(
    names_of: Mapping[str, Sequence[str]], part: str = ""
) -> Callable[[dict, dict], Difference | None]:
    """As `gap_of`, of the shares in languages: a function of results and a forecast's entry.

    Args:
        names_of: by the contrast's measure ("accuracy" where it names none) its languages.
        part: as in `shares_of`.
    """

    def gap(results: dict, entry: dict) -> Difference | None:
        names = names_of[entry.get("measure", "accuracy")]
        sides = (shares_of(results, entry[side], names, part) for side in ("first", "second"))
        return _gap(*sides)

    return gap


def _gap(
    first: np.ndarray | None, second: np.ndarray | None, num_resamples: int = 2000
) -> Difference | None:
    if first is None or second is None:
        return None
    return difference_in_shares(first, second, num_resamples)
