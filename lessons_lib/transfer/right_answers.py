"""What a study of classes has found, from the right answers that its runs have kept."""

import numpy as np

from lessons_lib.measure.intervals import Difference, Interval
from lessons_lib.measure.results import Variant, as_variant, final_runs, unpack
from lessons_lib.measure.shares import difference_in_shares, share_right


def right_of(results: dict, variant: Variant) -> np.ndarray | None:
    """Which test examples each seed read rightly: (S, N), from 0 to 1; None where missing."""
    runs = final_runs(results, as_variant(variant))
    rows = [unpack(run["predictions"]["test"]) for run in runs]
    return np.array(rows) if rows else None


def accuracy_of(results: dict, variant: Variant, num_resamples: int = 1000) -> Interval | None:
    """The mean share that is right, and its interval; None where missing."""
    right = right_of(results, variant)
    return None if right is None else share_right(right, num_resamples)


def gap_of(results: dict, entry: dict, num_resamples: int = 2000) -> Difference | None:
    """A forecast's contrast: accuracy of its "first" minus that of its "second"."""
    first, second = (right_of(results, entry[side]) for side in ("first", "second"))
    if first is None or second is None:
        return None
    return difference_in_shares(first, second, num_resamples)
