"""Which technique when: the situations of `which_rows`, with their intervals, into the page."""

import functools
from pathlib import Path

from glance import differences
from marks import put_between
from which_rows import SITUATIONS, Comparison, Situation

from lessons_lib.measure.results import as_variant, load_forecast, load_results
from lessons_lib.transfer.outcomes import outcome_of

PAGE = Path(__file__).resolve().parent.parent / "book" / "which_technique.md"
BEGIN = "<!-- situations: made by `make studies` from the studies' results; do not edit -->\n"
END = "<!-- end of situations -->"


def updated(page: str) -> str:
    """The page's text with its situations made anew.

    Raises:
        ValueError: the two marks between which they stand are missing.
    """
    return put_between(page, BEGIN, END, "\n" + "\n\n".join(map(section, SITUATIONS)) + "\n\n")


def section(situation: Situation) -> str:
    """A heading, what to do, where it is taught, and each comparison as a line."""
    entries = [entry_of(comparison) for comparison in situation.rests_on]
    studies = ", ".join(f"`{name}`" for name in dict.fromkeys(c.study for c in situation.rests_on))
    link = f"[its chapter](../notebooks/{situation.chapter}.ipynb)"
    told = f"Study {studies}; told in {link}."
    return "\n\n".join([f"### {situation.question}", situation.advice, differences(entries), told])


def entry_of(comparison: Comparison) -> dict:
    """The paired difference in r on the test texts, and on the sealed ones where they were opened.

    Raises:
        LookupError: a side of the comparison has not been run.
    """
    results = _stored(comparison.study)
    sides = {"first": comparison.first, "second": comparison.second, "target": comparison.target}
    found = outcome_of(results, sides)
    if found is None:
        raise LookupError(f"{comparison.study}: {comparison.words} has not been run")
    return {
        "words": comparison.words,
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "sealed": _sealed(comparison),
    }


def _sealed(comparison: Comparison) -> dict | None:
    """What the sealed texts said of the same contrast; they were opened for primary ones alone."""
    sides = (comparison.first, comparison.second, comparison.target)
    opened = _stored(comparison.study).get("sealed", {}).get("contrasts", [])
    by_name = {one["contrast"]: one for one in opened}
    return by_name.get(_primary(comparison.study).get(sides))


@functools.cache  # several comparisons are of one study
def _stored(study: str) -> dict:
    return load_results(study)


@functools.cache
def _primary(study: str) -> dict[tuple, str]:
    """The names of a study's primary contrasts, by their sides."""
    return {
        (as_variant(one["first"]), as_variant(one["second"]), one["target"]): one["contrast"]
        for one in load_forecast(study)["primary"]
    }


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
