"""Every study on one page: what was expected, what came out. Makes book/results.md."""

import functools
import importlib
import math
import re
import statistics
from collections.abc import Callable
from pathlib import Path

from glance import folded, forest, heat
from marks import put_between
from results_stories import HEATS, SO, STORIES, WORDS

from lessons_lib.data.reviews import DOMAINS
from lessons_lib.measure.intervals import interval_score
from lessons_lib.measure.results import (
    as_variant,
    final_runs,
    load_forecast,
    load_results,
    runs_of,
)
from lessons_lib.measure.scaling import exponents, frontier, losses_of
from lessons_lib.transfer.outcomes import MADE, outcome_of, r_of
from studies.engine import at_the_edge

PAGE = Path(__file__).resolve().parent.parent / "book" / "results.md"
BEGIN = "<!-- results: made by `make studies` from studies/results; do not edit -->\n"
END = "<!-- end of results -->"
Numbers = Callable[..., list[dict]]  # of a variant: the numbers of its final runs, one a seed


class MissingRuns(LookupError):
    """A variant has not been run with all of its seeds yet."""


def date_gap(of: Numbers, entry: dict) -> list[float]:
    """Share of held-out formats right, minus that of what the variant is compared with."""
    own = [run["held_out_exact"] for run in of(entry["contrast"])]
    if entry["against"] == "copy_the_digits":
        other = [run["held_out_exact_copied"] for run in of(entry["contrast"])]
    else:
        other = [run["held_out_exact"] for run in of(entry["against"])]
    return [a - b for a, b in zip(own, other, strict=True)]


def length_gap(of: Numbers, entry: dict) -> list[float]:
    """Loss at 512 characters minus loss at 32."""
    return [run["loss_512"] - run["loss_32"] for run in of(entry["contrast"])]


def ratings_gap(of: Numbers, entry: dict) -> list[float]:
    """r of the first variant minus r of the second: "text_8000 - untrained, movies"."""
    names, domain = entry["contrast"].split(", ")
    first, second = (of(name) for name in names.split(" - "))
    return [a[f"r_{domain}"] - b[f"r_{domain}"] for a, b in zip(first, second, strict=True)]


def transfer_gap(of: Numbers, entry: dict) -> list[float]:
    """r of the first minus r of the second on the target's test texts; seeds that both have.

    A blend is made of the mean over the seeds, so it has one value.
    """
    key = f"r_{entry['target']}"
    if entry["first"][0] == "blend":
        of(entry["first"][1:])
        return [outcome_of(stored("source_target_matrix"), entry, num_resamples=1).value]
    first = [run[key] for run in of(entry["first"])]
    if entry["second"] == "VADER":
        return [r - vader_r(entry["target"]) for r in first]
    second = [run[key] for run in of(entry["second"])]
    return [a - b for a, b in zip(first, second)]  # noqa: B905 - the dearer one has fewer seeds


def adaptation_gap(of: Numbers, entry: dict) -> list[float]:
    """As `transfer_gap`; what is made of stored predictions has one value, not one a seed."""
    for side in (entry["first"], entry["second"]):
        for variant in runs_behind(side):
            of(variant)
    if {entry["first"][0], entry["second"][0]} & set(MADE):
        return [outcome_of(stored("domain_adaptation"), entry, num_resamples=1).value]
    return transfer_gap(of, entry)


def runs_behind(variant: str | list[str]) -> list[list[str]]:
    """The variants of a study whose runs something is made of; VADER needs none."""
    if variant == "VADER":
        return []
    if variant[0] == "together":
        return [[variant[1], method] for method in variant[2].split(" + ")]
    return runs_behind(variant[1:]) if variant[0] in MADE else [variant]


def starved_gap(of: Numbers, entry: dict) -> list[float]:
    """r of the first after so many steps minus r of the second; seeds that both have."""
    first, second = (
        [run[f"r_{entry[f'{side}_at']}"] for run in of(entry[side])] for side in ("first", "second")
    )
    return [a - b for a, b in zip(first, second)]  # noqa: B905 - a broken run leaves a seed out


def scaling_gap(of: Numbers, entry: dict) -> list[float]:
    """An exponent, or a best size beside that of 32: from means over seeds, so one value.

    And the harm of an eighth of the text, for each seed.
    """
    for variant in study_of("scaling").variants:
        of(variant)
    if entry["contrast"].startswith("an eighth"):
        width, budget, share = study_of("scaling").variants[-1]
        eighth, whole = of((width, budget, share)), of((width, budget))
        return [a["loss"] - b["loss"] for a, b in zip(eighth, whole, strict=True)]
    losses = losses_of(stored("scaling"))
    of_size, of_loss = exponents(losses)
    named = {"exponent of the best size": of_size, "exponent of the loss": of_loss}
    (of_32,) = {numbers["parameters"] for numbers in of(("32", "8e10"))}
    for (budget, size, _), name in zip(
        frontier(losses), ("8e10", "3.2e11", "1.28e12"), strict=True
    ):
        assert budget == float(name)
        named[f"best size at {name}"] = math.log10(size / of_32)
    return [named[entry["contrast"]]]


def shares_gap(of: Numbers, entry: dict) -> list[float]:
    """A share that is right, first minus second; seed by seed."""
    measure = entry.get("measure", "accuracy")
    first, second = (of(entry[side]) for side in ("first", "second"))
    return [a[measure] - b[measure] for a, b in zip(first, second, strict=True)]


@functools.cache
def vader_r(domain: str) -> float:
    """VADER's r on a domain's test texts."""
    return r_of({}, "VADER", domain, num_resamples=1).value


OUTCOMES: dict[str, Callable[[Numbers, dict], list[float]]] = {
    "length_extrapolation": length_gap,
    "date_translation": date_gap,
    "raw_text_and_quality": ratings_gap,
    "source_target_matrix_first": transfer_gap,
    "source_target_matrix": transfer_gap,
    "labels_needed_starved": transfer_gap,
    "labels_needed": transfer_gap,
    "starved_control": starved_gap,
    "scaling": scaling_gap,
    "parameters_against_quality": transfer_gap,
    "forgetting_frontier": transfer_gap,
    "distillation": transfer_gap,
    "domain_adaptation": adaptation_gap,
    "few_labels": transfer_gap,
    "modalities": shares_gap,
    "images": shares_gap,
    "intents": shares_gap,
    "languages": shares_gap,
}


def outcomes(name: str) -> list[dict]:
    """A study's primary contrasts: forecast, outcome of each seed, and whether the forecast held.

    `found` is empty, and `held` None, where runs are missing; `sealed` is None where the sealed
    texts have not been opened.
    """
    results, forecast, found = stored(name), load_forecast(name), []
    sealed = {one["contrast"]: one for one in results.get("sealed", {}).get("contrasts", [])}

    def of(variant: str | list[str]) -> list[dict]:
        runs = runs_of(results, variant, "final")
        if not runs or len(runs) < _num_seeds(name, forecast, variant):
            raise MissingRuns(variant)
        return [run["numbers"] for run in final_runs(results, variant)]

    for entry in forecast["primary"]:
        try:
            values = OUTCOMES[name](of, entry)
        except MissingRuns:
            values = []
        low, high = entry["interval"]
        held = low <= statistics.mean(values) <= high if values else None
        opened = sealed.get(entry["contrast"])
        told = {"found": values, "held": held, "sealed": opened}
        found.append(entry | told | {"is_dropped": not values and _is_dropped(name, entry)})
    return found


def _is_dropped(name: str, entry: dict) -> bool:
    """Whether a side of a contrast was taken out of the study after the forecast."""
    if "retired" in load_forecast(name) or "first" not in entry:
        return False
    sides = [as_variant(entry[side]) for side in ("first", "second")]
    known = ("VADER", *study_of(name).variants)
    return any(side not in known and side[0] not in MADE for side in sides)


def _num_seeds(name: str, forecast: dict, variant: str | list[str]) -> int:
    """Final runs that a variant should have, those that fail included."""
    if "retired" in forecast:  # nobody can run the rest of it any more
        return 1
    study = study_of(name)
    variant = as_variant(variant)
    return len(study.seeds_of(variant)) if variant in study.variants else 1


def study_of(name: str):
    """A study as it can be run today."""
    return importlib.import_module(f"studies.{name}").STUDY


def stored(name: str) -> dict:
    """A study's results; no runs where it has not begun."""
    try:
        return load_results(name)
    except FileNotFoundError:
        return {"runs": []}


def updated(page: str) -> str:
    """The page's text with its results made anew.

    Raises:
        ValueError: the two marks between which the results stand are missing.
    """
    return put_between(page, BEGIN, END, results_section())


def results_section() -> str:
    """How good the forecasts were in all, then each study: seen at a glance, and folded below."""
    found = {name: outcomes(name) for name in STORIES}
    held = [entry["held"] for entries in found.values() for entry in entries]
    missing = f"; {held.count(None)} were not run" if None in held else ""
    told = (
        f"Of {len(held)} forecasts, {held.count(True)} held, {held.count(False)} missed{missing}."
    )
    parts = [told]
    for name, entries in found.items():
        parts += [f"## {STORIES[name][0]}", SO[name], forest([_seen(one) for one in entries])]
        parts += [heat_of(name)] if name in HEATS else []
        details = [_story(name), _table(entries), _scored(name, entries)]
        parts.append(folded("Numbers, settings, changes", "\n\n".join(filter(None, details))))
    return "\n" + "\n\n".join(parts) + "\n\n"


def _seen(entry: dict) -> dict:
    """An entry as a forest draws it."""
    mean = statistics.mean(entry["found"]) if entry["found"] else None
    return entry | {"words": in_words(entry), "mean": mean}


def in_words(entry: dict) -> str:
    """A contrast as a person would say it: "own films against VADER"."""
    words = entry["contrast"]
    if "against" in entry:
        words += f" - {entry['against']}"
    for old, new in WORDS:
        words = re.sub(old, new, words)
    return words[0].upper() + words[1:]


def heat_of(name: str) -> str:
    """A study's r as a table of heat, with VADER below."""
    corner, columns, rows = HEATS[name]
    results = stored(name)

    def mean_r(variant, target) -> float | None:
        runs = final_runs(results, variant)
        return statistics.mean(run["numbers"][f"r_{target}"] for run in runs) if runs else None

    told = {label: [mean_r(*cell) for cell in cells] for label, cells in rows.items()}
    if name == "source_target_matrix":
        told["VADER"] = [vader_r(domain) for domain in DOMAINS]
    return heat(told, columns, corner)


def _story(name: str) -> str:
    results, forecast = stored(name), load_forecast(name)
    runs = results["runs"]
    minutes = sum(run["seconds"] for run in runs) / 60
    level = forecast["level"]
    meant = f"were meant to hold {level:.0%} of the time" if level else "had no stated probability"
    told = [
        f"{len(runs)} runs, {minutes:,.0f} minutes of computing. The story is in [its chapter]"
        f"(../notebooks/{STORIES[name][1]}.ipynb)."
    ]
    if why := forecast.get("retired"):
        told.append(f"This version has been replaced: {why}.")
    told.append(f"Measured: {forecast['unit']}. The forecast's intervals {meant}.")
    told += [
        f"*Changed after the forecast* ({change['what'].replace('_', ' ')}): "
        f"{change['why'].rstrip('.')}."
        for change in results.get("changes", [])
    ]
    if "retired" not in forecast and (edges := _edges(name, results)):
        told.append(f"The best setting still lies at the edge of what was tried for: {edges}.")
    if sealed := results.get("sealed"):
        when, commit = sealed["time"][:16].replace("T", " "), sealed["commit"][:7]
        forecast = sealed["forecast_sha256"][:7]
        told.append(
            f"The sealed texts were opened at {when} UTC, at commit `{commit}`, after the forecast "
            f"`{forecast}`."
        )
    return " ".join(told)


def _edges(name: str, results: dict) -> str:
    study = study_of(name)
    named = []
    for variant in study.variants:
        if final_runs(results, variant) and (found := at_the_edge(study, results, variant)):
            label = variant if isinstance(variant, str) else ", ".join(variant)
            named.append(f"{label} ({' and '.join(found)})".replace("_", " "))
    return "; ".join(named)


def _table(entries: list[dict]) -> str:
    is_open = any(entry["sealed"] for entry in entries)
    heads = ["contrast", "forecast", "outcome", "seeds from, to", "verdict"]
    heads += ["on sealed texts"] * is_open
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for entry in entries:
        cells = [in_words(entry), _span(*entry["interval"])]
        if found := entry["found"]:
            cells.append(f"{statistics.mean(found):+.2f}")
            cells.append(_span(min(found), max(found)) if len(found) > 1 else "")
            cells.append("held" if entry["held"] else "**missed**")
        else:
            cells += [_why_missing(entry), "", ""]
        if is_open:
            sealed = entry["sealed"]
            cells.append(_sealed(sealed) if sealed else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _why_missing(entry: dict) -> str:
    return "not run" if entry["is_dropped"] else "missing"


def _sealed(found: dict) -> str:
    return f"{found['value']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]"


def _scored(name: str, entries: list[dict]) -> str:
    """How good a study's interval forecasts were; nothing where no probability was stated."""
    level = load_forecast(name)["level"]
    told = [entry for entry in entries if entry["found"]]
    if not level or not told:
        return ""
    held = sum(entry["held"] for entry in told)
    scores, sure = [], []
    for entry in told:
        low, high = entry["interval"]
        scores.append(interval_score(low, high, statistics.mean(entry["found"]), level))
        sure.append(high - low)
    return (
        f"{held} of {len(told)} intervals held; {level:.0%} would be {level * len(told):.0f}. Mean "
        f"interval score {statistics.mean(scores):.2f}, of which {statistics.mean(sure):.2f} is "
        "their width and the rest is for misses (Gneiting and Raftery 2007; lower is better)."
    )


def _span(low: float, high: float) -> str:
    return f"{low:+.2f} to {high:+.2f}"


def main() -> None:
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
