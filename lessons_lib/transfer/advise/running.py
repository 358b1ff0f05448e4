"""The whole checklist, in order."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from lessons_lib.transfer.advise import scoring
from lessons_lib.transfer.advise.advice import advice_from
from lessons_lib.transfer.advise.checks.borrowed import lexicon, without_labels
from lessons_lib.transfer.advise.checks.curve import learning_curve
from lessons_lib.transfer.advise.checks.distances import shift
from lessons_lib.transfer.advise.checks.own_labels import probes
from lessons_lib.transfer.advise.checks.people import ceiling
from lessons_lib.transfer.advise.checks.read import what_was_read
from lessons_lib.transfer.advise.drawing import forest_drawing
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.sources import Sources, features_of
from lessons_lib.transfer.advise.step import Advice, Figure, Step


@dataclass(frozen=True)
class Findings:
    """The steps by name, in order, the advice, all methods drawn, and how long encoding took."""

    steps: dict[str, Step]
    advice: list[Advice]
    overview: Figure
    encoding_seconds: float


def run(
    data: Labelled, unlabelled: Sequence[str] | None = None, goal: float | None = None
) -> Findings:
    """Run every step.

    Args:
        unlabelled: texts that are to be read later.
        goal: as `learning_curve` takes it.
    """
    read = what_was_read(data)
    started = time.monotonic()
    sources, x = Sources(), features_of(data.texts)
    encoding = time.monotonic() - started
    own, said = probes(data, x)
    by_lexicon = lexicon(data, said)
    free = without_labels(data, x, sources, by_lexicon.found["scores"])
    curve = learning_curve(data, x, goal, free.found.get("methods"))
    steps = {
        "read": read,
        "shift": shift(data, x, sources, unlabelled),
        "ceiling": ceiling(data),
        "lexicon": by_lexicon,
        "probes": own,
        "free": free,
        "curve": curve,
    }
    return Findings(steps, advice_from(data, steps), _overview(data, steps), encoding)


def _overview(data: Labelled, steps: dict[str, Step]) -> Figure:
    """All methods on one axis, the best first, and one person above them where that is known."""
    found = {name: step.found for name, step in steps.items()}
    points = {
        "frozen probe": found["probes"]["probe"],
        "counted words": found["probes"]["words"],
        "VADER": found["lexicon"]["vader"],
        "probe and VADER": found["lexicon"]["blended"],
    }
    free = found["free"].get("found", {})
    points |= {f"{name}*": one for name, one in free.items() if name != "VADER"}
    points = dict(sorted(points.items(), key=lambda one: -one[1].value))
    if "human" in found["ceiling"]:
        points = {"one person": found["ceiling"]["human"]} | points
    measure, floor = scoring.measure_of(data), scoring.floor_of(data)
    told = "; ".join(f"{name} {one}" for name, one in points.items())
    return Figure(
        forest_drawing(points, floor, measure),
        f"{measure} of every method with its 95% interval: {told}. The floor is {floor:.2f}.",
    )
