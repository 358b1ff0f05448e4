"""Steps 4 and 6: what needs none of the reader's labels, a lexicon and a model of other domains."""

import numpy as np

from lessons_lib.measure.baselines import vader_scores
from lessons_lib.measure.metrics import mean_absolute_error
from lessons_lib.transfer.advise import scoring
from lessons_lib.transfer.advise.blending import own_blend
from lessons_lib.transfer.advise.probes import out_of_fold
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.sources import Sources
from lessons_lib.transfer.advise.step import Step, Table
from lessons_lib.transfer.lexicon import blend


def lexicon(data: Labelled, own: np.ndarray) -> Step:
    """VADER against the labels, and what it adds to the reader's own probe.

    Args:
        own: what the frozen probe says by cross-validation, (N,) or (N, classes).
    """
    scores = vader_scores(data.texts)
    measure = scoring.measure_of(data)
    alone, said = scores, own
    if not data.is_rated:
        chances = out_of_fold(
            lambda _: scores[:, None], data.labels, data.groups, False, len(data.classes)
        )
        alone, said = chances.argmax(axis=1), own.argmax(axis=1)
    both, weights = own_blend(data, own, scores if data.is_rated else chances)
    vader, probe, blended = scoring.intervals(data, [alone, said, both])
    gain, over = (scoring.difference(data, both, one) for one in (said, alone))
    rows = {"VADER alone": [vader], "frozen probe alone": [probe], "the two blended": [blended]}
    named = sorted(set(weights))
    note = "The blend's weight of VADER, beside 1 of the probe, was chosen on the other folds: "
    notes = [note + ", ".join(f"{weight:g}" for weight in named) + "."]
    if not data.is_rated:
        notes.append(
            "Where VADER's score turns from class to class was learnt on other folds, too."
        )
    return Step(
        title="What does a lexicon know?",
        meaning="VADER counts words of good and bad feeling and has learnt nothing from you; where "
        "it is as good as what you train, you need not train.",
        chapter="12_fine_tuning",
        tables=[
            Table(rows, [measure]),
            Table(
                {"blended minus probe alone": [gain], "blended minus VADER alone": [over]},
                [f"difference in {measure}"],
            ),
        ],
        notes=notes,
        summary=f"VADER {measure} {vader}; blended with the probe {gain.value:+.2f}",
        found={
            "vader": vader,
            "blended": blended,
            "gain": gain,
            "over": over,
            "scores": scores,
            "said": alone,
        },
    )


def without_labels(data: Labelled, x: np.ndarray, sources: Sources, scores: np.ndarray) -> Step:
    """A frozen model of the course's domains, applied as it is; beside VADER, and both added.

    Args:
        x: (N, F) features.
        scores: (N,) VADER's.
    """
    model, names = sources.learnt_without(data.without)
    ratings = model.predict(x)
    measure = scoring.measure_of(data)
    title = "How far do other people's labels carry?"
    meaning = (
        f"A ridge on frozen features that has learnt the ratings of {', '.join(names)}, and none "
        "of your labels, is asked about your texts."
    )
    chapter = "11_domains_and_transfer"
    if data.is_rated:
        methods = {"model of other domains": ratings, "VADER": scores}
        if np.ptp(scores) > 0:
            methods["other domains and VADER"] = blend(ratings, scores, 1.0)
    elif data.positive is None:
        note = (
            "It gives ratings from bad to good. With two classes, --positive NAME says which of "
            "them is the good one; with more, ratings cannot be turned into them."
        )
        return Step(title, meaning, chapter, notes=[note], summary="not asked: no positive class")
    else:
        named = {"model of other domains": ratings, "VADER, sign alone": scores}
        methods = {
            name: np.where(values > 0, data.positive, 1 - data.positive)
            for name, values in named.items()
        }
    found = dict(zip(methods, scoring.intervals(data, list(methods.values())), strict=True))
    rows = {name: [value] for name, value in found.items()}
    columns, notes = [measure], []
    if data.is_rated:
        notes.append(_scale(data, ratings, names))
    else:
        notes.append(f"Above 0 counts as {data.classes[data.positive]!r}; no threshold was chosen.")
    best = found["model of other domains"]
    return Step(
        title,
        meaning,
        chapter,
        [Table(rows, columns)],
        None,
        notes,
        f"model of {len(names)} other domains {measure} {best}",
        {"methods": methods, "found": found, "domains": names},
    )


def _scale(data: Labelled, ratings: np.ndarray, names) -> str:
    """r does not see the scale; where the reader's is that of the course, say how far off."""
    if data.labels.min() < -4 or data.labels.max() > 4 or data.labels.min() >= 0:
        return "r sees order only: the model's scale, from −4 to 4, is not yours."
    off = mean_absolute_error(ratings, data.labels)
    return f"r sees order only; as they stand, its ratings are off by {off:.2f} points."
