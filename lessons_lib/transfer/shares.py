"""Shares that were right, language by language: means, differences, and a forecast beside them.

Here languages are what is drawn anew for an interval, and seeds: what holds for these targets may
hold for others.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lessons_lib.base.tables import show_table
from lessons_lib.measure.intervals import Difference, Interval, holm
from lessons_lib.measure.results import Variant, as_variant, final_runs, load_forecast

RESAMPLES = 2000


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
    found = [[run.get(f"{part}in {name}", np.nan) for name in names] for run in runs]
    rows = np.array(found, dtype=float)
    return rows if len(rows) and not np.isnan(rows).any() else None


def mean_share(shares: np.ndarray | None, seed: int = 0) -> Interval | None:
    """The mean over seeds and languages, and its interval over both; None of None.

    >>> mean_share(np.array([[0.5, 0.5], [0.5, 0.5]]))
    Interval(value=0.5, low=0.5, high=0.5)
    """
    if shares is None:
        return None
    drawn = _resampled(shares, _languages(shares.shape[1], seed), np.random.default_rng(seed + 1))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(shares.mean()), float(low), float(high))


def share_gap(
    first: np.ndarray | None, second: np.ndarray | None, seed: int = 0
) -> Difference | None:
    """The mean of the first minus that of the second, in the same languages, with interval and p.

    Args:
        first, second: (S, N), of the same languages; S may differ. None gives None.
    """
    if first is None or second is None:
        return None
    places, rng = _languages(first.shape[1], seed), np.random.default_rng(seed + 1)
    gaps = _resampled(first, places, rng) - _resampled(second, places, rng)
    low, high = np.percentile(gaps, [2.5, 97.5])
    tail = min((gaps <= 0).sum(), (gaps >= 0).sum())
    p = min(1.0, 2 * (tail + 1) / (len(gaps) + 1))
    return Difference(float(first.mean() - second.mean()), float(low), float(high), float(p))


def show_shares_forecast(
    results: dict, names_of: Mapping[str, Sequence[str]], part: str = ""
) -> None:
    """Display a study's primary contrasts beside what was forecast; print those not run.

    Args:
        results: of `load_results`; its "study" names the forecast.
        names_of: by the contrast's measure ("accuracy" where it names none) its languages.
        part: as in `shares_of`.
    """
    forecast = load_forecast(results["study"])
    pairs = []
    for entry in forecast["primary"]:
        names = names_of[entry.get("measure", "accuracy")]
        sides = [shares_of(results, entry[side], names, part) for side in ("first", "second")]
        pairs.append((entry, share_gap(*sides)))
    known = [(entry, found) for entry, found in pairs if found]
    rows = {}
    for (entry, found), p in zip(known, holm([one.p for _, one in known]), strict=True):
        low, high = entry["interval"]
        verdict = "held" if low <= found.value <= high else "missed"
        shown = "below .05" if p < 0.05 else f"{p:.2f}"
        rows[entry["contrast"]] = [found, f"{low:+.2f} to {high:+.2f}", verdict, shown]
    if rows:
        level = f"forecast ({forecast['level']:.0%})"
        show_table(rows, ["difference", level, "verdict", "p (Holm)"])
    missing = [entry["contrast"] for entry, found in pairs if not found]
    print("Not run:", "; ".join(missing) or "nothing")


def _languages(count: int, seed: int) -> np.ndarray:
    """Which languages each resample takes: (R, N)."""
    return np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))


def _resampled(shares: np.ndarray, places: np.ndarray, rng) -> np.ndarray:
    """Means over the drawn languages and one seed fewer than there are: (R,)."""
    seeds = rng.integers(len(shares), size=(RESAMPLES, max(1, len(shares) - 1)))
    by_seed = shares[:, places].mean(axis=2)  # (S, R)
    return np.take_along_axis(by_seed.T, seeds, axis=1).mean(axis=1)
