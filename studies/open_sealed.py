"""Compare a study's predictions of the sealed texts with their ratings: once, at its end.

    python -m studies.open_sealed NAME

What is written with the outcome: when, at which commit, and the hash of the forecast, which has to
be committed. There is no second opening, and none before the study is complete.
"""

import argparse
import importlib
import sys
from pathlib import Path

from lessons_lib.data.reviews import DOMAINS
from lessons_lib.measure.results import final_runs, load_forecast, read_lines
from lessons_lib.transfer.outcomes import outcome_of, r_of
from studies.engine import Study
from studies.storage import append, commit, is_committed, origin

NUM_RESAMPLES = 2000


class NotToBeOpened(RuntimeError):
    """The sealed texts stay closed; the message says why."""


def open_sealed(study: Study, file: Path | None = None) -> dict:
    """Write down how every primary contrast and every variant comes out on the sealed texts.

    Args:
        file: in place of the study's own results.

    Returns:
        The line that was added to the results: "contrasts", each with value, interval and p;
        "r", of each variant on each domain that it has predicted, seeds averaged.

    Raises:
        NotToBeOpened: it was done before, runs are missing, or something is not committed.
    """
    file = file or study.results_file
    results = read_lines(file)
    _require_ready(study, results)
    forecast = load_forecast(study.name)
    contrasts = []
    for entry in forecast["primary"]:
        found = outcome_of(results, entry, "sealed", NUM_RESAMPLES)
        if found is not None:
            told = {"value": found.value, "low": found.low, "high": found.high, "p": found.p}
            contrasts.append(
                {"contrast": entry["contrast"]} | {k: round(v, 4) for k, v in told.items()}
            )
    line = origin(study.forecast_file) | {"contrasts": contrasts, "r": _r(study, results)}
    append(file, "sealed", line)
    return line


def _require_ready(study: Study, results: dict) -> None:
    if "sealed" in results:
        raise NotToBeOpened(f"{study.name} was opened at {results['sealed']['time']}")
    for stage in ("search", "final"):
        missing = [t for t in study.tasks(stage, results) if not t.is_in(results["runs"])]
        if missing:
            raise NotToBeOpened(f"{len(missing)} runs of {study.name} are missing ({stage})")
    without = [v for v in study.variants if not study.is_searched(results, v)]
    if without:
        raise NotToBeOpened(f"the search of {len(without)} variants is not complete")
    if not is_committed(study.forecast_file) or not is_committed(study.results_file):
        raise NotToBeOpened("commit the forecast and the results first")
    if commit().endswith("+"):
        raise NotToBeOpened("commit the code first: the outcome names its commit")


def _r(study: Study, results: dict) -> list[dict]:
    found = []
    for variant in (*study.variants, "VADER"):
        domains = DOMAINS if variant == "VADER" else _predicted(results, variant)
        r = {d: r_of(results, variant, d, "sealed", num_resamples=1).value for d in domains}
        found.append({"variant": variant} | {d: round(value, 4) for d, value in r.items()})
    return found


def _predicted(results: dict, variant) -> list[str]:
    """The domains whose sealed texts a variant's runs have predicted."""
    names = final_runs(results, variant)[0]["predictions"]
    return [domain for domain in DOMAINS if f"sealed_{domain}" in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="a study, such as labels_needed")
    study = importlib.import_module(f"studies.{parser.parse_args().name}").STUDY
    try:
        line = open_sealed(study)
    except NotToBeOpened as reason:
        sys.exit(f"The sealed texts stay closed: {reason}.")
    for entry in line["contrasts"]:
        print(f"{entry['contrast']}: {entry['value']:+.3f} [{entry['low']:+.3f}, ", end="")
        print(f"{entry['high']:+.3f}]")


if __name__ == "__main__":
    main()
