"""Step 2: how far the reader's texts are from each of the four domains, and from their own rest."""

import random
from collections.abc import Sequence

import numpy as np

from lessons_lib.data.near_duplicates import normal_form
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.measure.shift import a_distance, known_words
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.sources import Sources, features_of
from lessons_lib.transfer.advise.step import Step, Table

_LEAST_REST = 20
_MOST = 600  # of the reader's texts, as many as there are of each domain


def shift(
    data: Labelled, x: np.ndarray, sources: Sources, unlabelled: Sequence[str] | None = None
) -> Step:
    """Known words and proxy distance, to each domain and to the reader's unlabelled texts.

    Args:
        x: (N, F) features of the reader's texts.
    """
    learn, ask = _halves(data.groups, _MOST)
    mine = [data.texts[place] for place in (*learn, *ask)]
    rows, apart = {}, {}
    for domain in DOMAINS:
        train, held_out = sources.features[domain, "train"], sources.features[domain, "held out"]
        apart[domain] = a_distance(x[learn], train[: len(learn)], x[ask], held_out[: len(ask)])
        rows[domain] = [
            f"{known_words(sources.texts[domain, 'train'], mine):.0%}",
            apart[domain],
        ]
    found = {"distances": apart, "nearest": min(apart, key=apart.get)}
    known = set(map(normal_form, data.texts))
    others = [text for text in unlabelled or () if normal_form(text) not in known]
    if len(others) >= _LEAST_REST:
        rest = random.Random(0).sample(others, min(_MOST, len(others)))
        x_rest = features_of(rest)
        half = min(len(learn), len(rest) // 2)
        found["rest"] = a_distance(
            x[learn][:half], x_rest[:half], x[ask][:half], x_rest[half : 2 * half]
        )
        labelled = [data.texts[place] for place in learn]
        rows["your unlabelled texts"] = [f"{known_words(labelled, rest):.0%}", found["rest"]]
    nearest = found["nearest"]
    least = round(apart[nearest], 1) + 0  # no minus before a zero
    return Step(
        title="How far are they from texts that we know?",
        meaning="The distance is 0 where a classifier on the encoder's features cannot tell your "
        "texts from a domain's, and 2 where it never errs; it sees what is written, not whether "
        "the labels follow the same rule.",
        chapter="11_domains_and_transfer",
        tables=[Table(rows, ["words known", "distance"], corner="from", digits=1)],
        notes=[
            f"A classifier learnt from {len(learn)} of your texts and was asked about {len(ask)} "
            "others, groups apart."
            + (
                " Of the last row, the words are those of the unlabelled texts that the labelled "
                "ones know."
                if "rest" in found
                else ""
            )
        ],
        summary=f"nearest of the four domains: {nearest}, distance {least:.1f} of 2",
        found=found,
    )


def _halves(groups: Sequence[int], most: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of texts to learn from, two thirds, and to be asked, a third; groups stay together."""
    order = list(dict.fromkeys(groups))
    random.Random(0).shuffle(order)
    rank = {group: place for place, group in enumerate(order)}
    places = sorted(range(len(groups)), key=lambda place: rank[groups[place]])[:most]
    border = 2 * len(places) // 3
    while border < len(places) and groups[places[border]] == groups[places[border - 1]]:
        border += 1
    if border > 0.9 * len(places):  # one large group at the end
        border = next(
            b for b in range(1, len(places)) if groups[places[b]] != groups[places[b - 1]]
        )
    return np.array(places[:border]), np.array(places[border:])
