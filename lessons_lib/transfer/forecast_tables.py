"""A study's forecast beside its outcome, as tables on a page."""

from collections.abc import Callable

from lessons_lib.base.tables import show_table
from lessons_lib.measure.intervals import Difference, Interval, holm
from lessons_lib.measure.results import load_forecast
from lessons_lib.transfer.outcomes import outcome_of


def show_forecast(
    results: dict,
    outcome: Callable[[dict, dict], Difference | None] | None = None,
    measured: str = "difference in r",
) -> None:
    """Display a table of a study's primary contrasts, and print those that were not run.

    A row: the paired difference with its 95% interval, the interval that was forecast, whether it
    held the outcome, and p, corrected for all of them (Holm).

    Args:
        results: of `load_results`; its "study" names the forecast.
        outcome: called as outcome(results, entry), for an entry of the forecast; `outcome_of` if
            None.
        measured: the difference's column.
    """
    forecast = load_forecast(results["study"])
    outcome = outcome or outcome_of
    pairs = [(entry, outcome(results, entry)) for entry in forecast["primary"]]
    known = [(entry, found) for entry, found in pairs if found]
    rows = {}
    for (entry, found), p in zip(known, holm([one.p for _, one in known]), strict=True):
        low, high = entry["interval"]
        verdict = "held" if low <= found.value <= high else "missed"
        shown = "below .05" if p < 0.05 else f"{p:.2f}"
        rows[entry["contrast"]] = [found, f"{low:+.2f} to {high:+.2f}", verdict, shown]
    if rows:
        level = f"forecast ({forecast['level']:.0%})"
        show_table(rows, [measured, level, "verdict", "p (Holm)"])
    missing = [entry["contrast"] for entry, found in pairs if not found]
    print("Not run:", "; ".join(missing) or "nothing")


def show_sealed(results: dict) -> None:
    """Display the same differences on the test texts and on the sealed ones, once opened.

    Args:
        results: of `load_results`.
    """
    if "sealed" not in results:
        print(f"{results['study']} is not complete, so its sealed texts stay closed.")
        return
    entries = {entry["contrast"]: entry for entry in load_forecast(results["study"])["primary"]}
    rows = {
        one["contrast"]: [
            outcome_of(results, entries[one["contrast"]]),
            Interval(one["value"], one["low"], one["high"]),
        ]
        for one in results["sealed"]["contrasts"]
    }
    show_table(rows, ["test texts", "sealed texts"], corner="difference in r")
