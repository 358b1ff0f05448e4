"""Step 1: what was read."""

import numpy as np

from lessons_lib.model.encode import LONGEST, tokenize
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.step import Step, Table


def what_was_read(data: Labelled) -> Step:
    """Rows, columns, repeats, lengths in pieces, and what the labels are."""
    lengths = np.array([len(ids) - 2 for ids in tokenize(data.texts)])  # two ids frame each text
    cut = float(np.mean(lengths + 2 >= LONGEST))
    groups = len(set(data.groups))
    rows = {what: [str(value)] for what, value in data.told.items()}
    rows |= {
        "labelled texts used": [f"{len(data.texts):,}"],
        "of these, word for word an earlier one": [f"{data.together.repeats:,}"],
        "groups that are never parted": [f"{groups:,}, by {data.together.how}"],
        "pieces a text: a tenth, half, nine tenths have at most": [
            ", ".join(f"{q:,.0f}" for q in np.percentile(lengths, [10, 50, 90]))
        ],
        f"texts cut off at the encoder's limit, {LONGEST} pieces": [f"{cut:.1%}"],
        **_labels(data),
    }
    notes = []
    if data.is_rated and np.array_equal(data.labels, np.rint(data.labels)):
        notes.append("Numbers are read as ratings. If yours are names of classes: --as classes.")
    kind = "ratings" if data.is_rated else f"{len(data.classes)} classes"
    return Step(
        title="What was read",
        meaning="Everything below is about these texts; nothing in your file was changed.",
        chapter="05_tokens",
        tables=[Table(rows, ["found"], corner="of your file")],
        notes=notes,
        summary=f"{len(data.texts):,} texts with {kind}, {groups:,} groups",
        found={
            "cut": cut,
            "repeats": data.together.repeats / len(data.texts),
            "texts": len(data.texts),
            "pieces": int(np.minimum(lengths + 2, LONGEST).sum()),
        },
    )


def _labels(data: Labelled) -> dict:
    if data.is_rated:
        low, high = data.labels.min(), data.labels.max()
        told = f"from {low:g} to {high:g}, mean {data.labels.mean():.2f}"
        return {"labels": [f"ratings {told}, standard deviation {data.labels.std():.2f}"]}
    counts = np.bincount(data.labels, minlength=len(data.classes))
    named = [f"{name} {count:,}" for name, count in zip(data.classes, counts, strict=True)]
    return {"labels": ["classes: " + ", ".join(named)]}
