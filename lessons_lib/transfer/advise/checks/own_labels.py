"""Step 5: what the reader's own labels teach one linear layer."""

import numpy as np

from lessons_lib.measure.metrics import mean_absolute_error
from lessons_lib.transfer.advise import scoring
from lessons_lib.transfer.advise.probes import NUM_FOLDS, folds_of, out_of_fold, words_of
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.step import Step, Table


def probes(data: Labelled, x: np.ndarray) -> tuple[Step, np.ndarray]:
    """The frozen probe beside counted words and the floor, by cross-validation.

    Args:
        x: (N, F) features.

    Returns:
        The step, and what the frozen probe says: (N,), or (N, classes) logarithms of chances.
    """
    given = data.labels, data.groups, data.is_rated, len(data.classes)
    own = out_of_fold(lambda _: x, *given)
    words = out_of_fold(words_of(data.texts), *given)
    shown = [own, words] if data.is_rated else [own.argmax(axis=1), words.argmax(axis=1)]
    probe, counted = scoring.intervals(data, shown)
    gap = scoring.difference(data, *shown)
    measure, second = scoring.measure_of(data), "off by" if data.is_rated else "share right"
    constant = _constant(data)
    off = [_second(data, said) for said in (*shown, constant)]
    name = "the mean of the others" if data.is_rated else "the most frequent class"
    rows = {
        "frozen probe": [probe, off[0]],
        "counted words": [counted, off[1]],
        f"floor: {name}": [scoring.floor_of(data), off[2]],
    }
    kind = "ridge" if data.is_rated else "logistic"
    step = Step(
        title="What do your labels teach?",
        meaning=f"A {kind} regression on the encoder's frozen features, learnt from your labels "
        "and asked about texts it has not seen, beside the same on counted words and beside "
        "saying the same of every text.",
        chapter="11_domains_and_transfer",
        tables=[
            Table(rows, [measure, second]),
            Table({"frozen probe minus counted words": [gap]}, [f"difference in {measure}"]),
        ],
        notes=[
            f"{NUM_FOLDS} folds, groups kept together; each penalty chosen inside the texts "
            "learnt from. The interval is over texts; other training texts would add to it."
            + ("" if data.is_rated else " Mean recall asks of each class what share is found.")
        ],
        summary=f"frozen probe {measure} {probe}; counted words {counted}",
        found={
            "probe": probe,
            "words": counted,
            "gap": gap,
            "floor": scoring.floor_of(data),
            "said": shown[0],
        },
    )
    return step, own


def _constant(data: Labelled) -> np.ndarray:
    said = np.zeros(len(data.labels), data.labels.dtype)
    for learn, ask in folds_of(data.labels, data.groups, data.is_rated):
        seen = data.labels[learn]
        said[ask] = seen.mean() if data.is_rated else np.bincount(seen).argmax()
    return said


def _second(data: Labelled, said: np.ndarray) -> float:
    if data.is_rated:
        return mean_absolute_error(said, data.labels)
    return float(np.mean(said == data.labels))
