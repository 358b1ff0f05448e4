"""Step 3: how well people agree, which is how good a model can be seen to be."""

import numpy as np

from lessons_lib.data.reviews import Snippet
from lessons_lib.measure.intervals import interval
from lessons_lib.measure.raters import one_rater, reliability
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.step import Step, Table

_TITLE = "How good could anybody be?"
_CHAPTER = "11_domains_and_transfer"


def ceiling(data: Labelled) -> Step:
    """One person beside the others, and the best possible r; unknown where raters are."""
    kept = [i for i, given in enumerate(data.ratings or ()) if len(given) >= 2]
    if not data.is_rated or len(kept) < 20:
        return Step(
            title=_TITLE,
            meaning="Nobody agrees with a label better than its noise permits, and how large that "
            "noise is, one label a text cannot tell: your ceiling is unknown.",
            chapter=_CHAPTER,
            notes=[
                "To know it, have some of the texts rated by a second person, in columns "
                "called rater_1 and rater_2."
                if data.is_rated
                else "It is worked out for ratings only."
            ],
            summary="unknown: one label a text",
        )
    texts = [
        Snippet(str(i), str(data.groups[i]), data.texts[i], data.labels[i], data.ratings[i])
        for i in kept
    ]
    human = interval(*one_rater(texts), [data.groups[i] for i in kept], 1000)
    whole = reliability(texts)
    best = max(0.0, whole) ** 0.5
    raters = np.mean([len(data.ratings[i]) for i in kept])
    return Step(
        title=_TITLE,
        meaning="One person's labels agree with the mean of the others to this r; the best "
        "possible is what a perfect model would have against the mean of all.",
        chapter=_CHAPTER,
        tables=[Table({"r": [human, best]}, ["one person", "best possible"])],
        notes=[f"From {raters:.1f} raters a text, on {len(kept):,} texts."],
        summary=f"one person r {human}; best possible {best:.2f}",
        found={"human": human, "best": best, "raters": float(raters)},
    )
