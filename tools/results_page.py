"""Every study on one page: what was expected, what came out. Makes book/results.md."""

import statistics
from collections.abc import Callable

from marks import put_between

from studies.engine import HOME, load_forecast, load_results

PAGE = HOME.parent / "book" / "results.md"
BEGIN = "<!-- results: made by `make studies` from studies/results; do not edit -->\n"
END = "<!-- end of results -->"
STORIES = {  # in the order of the page: what a study asks, and the chapter that tells its story
    "length_extrapolation": ("Train short, read long: who bears it?", "04_positional_encoding"),
    "date_translation": ("Which positions translate dates?", "05_transformer"),
    "raw_text_and_quality": ("Does more raw text make better features?", "06_pretraining"),
}
Finals = dict[str, list[dict]]  # a variant's final runs, one for each seed: their numbers


def date_gap(finals: Finals, entry: dict) -> list[float]:
    """Share of held-out formats right, minus that of what the variant is compared with."""
    own = [run["held_out_exact"] for run in finals[entry["contrast"]]]
    if entry["against"] == "copy_the_digits":
        other = [run["held_out_exact_copied"] for run in finals[entry["contrast"]]]
    else:
        other = [run["held_out_exact"] for run in finals[entry["against"]]]
    return [a - b for a, b in zip(own, other, strict=True)]


def length_gap(finals: Finals, entry: dict) -> list[float]:
    """Loss at 512 characters minus loss at 32."""
    return [run["loss_512"] - run["loss_32"] for run in finals[entry["contrast"]]]


def ratings_gap(finals: Finals, entry: dict) -> list[float]:
    """r of the first variant minus r of the second: "text_8000 - untrained, movies"."""
    names, domain = entry["contrast"].split(", ")
    first, second = (finals[name] for name in names.split(" - "))
    return [a[f"r_{domain}"] - b[f"r_{domain}"] for a, b in zip(first, second, strict=True)]


OUTCOMES: dict[str, Callable[[Finals, dict], list[float]]] = {
    "length_extrapolation": length_gap,
    "date_translation": date_gap,
    "raw_text_and_quality": ratings_gap,
}


def outcomes(name: str) -> list[dict]:
    """A study's primary contrasts: forecast, outcome of each seed, and whether the forecast held.

    `found` is empty, and `held` None, where runs are missing.
    """
    results, forecast = load_results(name), load_forecast(name)
    finals: Finals = {variant: [] for variant in map(_hashable, results["variants"])}
    for run in results["runs"]:
        if run["stage"] == "final":
            finals[_hashable(run["variant"])].append(run["numbers"])
    whole = all(len(runs) == len(results["seeds"]) for runs in finals.values())
    found = []
    for entry in forecast["primary"]:
        values = OUTCOMES[name](finals, entry) if whole else []
        low, high = entry["interval"]
        held = low <= statistics.mean(values) <= high if values else None
        found.append(entry | {"found": values, "held": held})
    return found


def _hashable(variant):
    return tuple(variant) if isinstance(variant, list) else variant


def updated(page: str) -> str:
    """The page's text with its results made anew.

    Raises:
        ValueError: the two marks between which the results stand are missing.
    """
    return put_between(page, BEGIN, END, results_section())


def results_section() -> str:
    """How good the forecasts were in all, then a table for each study."""
    found = {name: outcomes(name) for name in STORIES}
    known = [entry["held"] for entries in found.values() for entry in entries]
    held, total = sum(map(bool, known)), sum(entry is not None for entry in known)
    parts = [f"Of {total} forecasts, {held} held and {total - held} missed."]
    for name, entries in found.items():
        parts += [f"## {STORIES[name][0]}", _story(name), _table(entries)]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _story(name: str) -> str:
    results, unit = load_results(name), load_forecast(name)["unit"]
    minutes = sum(run["seconds"] for run in results["runs"]) / 60
    return (
        f"{len(results['runs'])} runs, {minutes:,.0f} minutes of computing, {len(results['seeds'])}"
        f" seeds for each final figure. The story is in [its chapter](../notebooks/"
        f"{STORIES[name][1]}.ipynb). Measured: {unit}."
    )


def _table(entries: list[dict]) -> str:
    lines = [
        "| contrast | forecast | outcome | seeds from, to | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for entry in entries:
        low, high = entry["interval"]
        against = f" against {entry['against']}" if "against" in entry else ""
        cells = [f"{entry['contrast']}{against}".replace("_", " "), _span(low, high)]
        if entry["found"]:
            mean = statistics.mean(entry["found"])
            cells += [f"{mean:+.2f}", _span(min(entry["found"]), max(entry["found"]))]
            cells.append("held" if entry["held"] else "**missed**")
        else:
            cells += ["missing", "", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _span(low: float, high: float) -> str:
    return f"{low:+.2f} to {high:+.2f}"


def main() -> None:
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
