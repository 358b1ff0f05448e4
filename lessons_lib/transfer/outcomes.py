"""What a study of transfer has found, from the predictions that its runs have kept.

A variant is that of the study, "VADER", or one of these before a variant, of which nothing is
trained: ("blend", ...), its ratings and VADER's scores added up, by a weight chosen on its sources'
validation texts; ("mean", ...), what its seeds say on average; ("z + z", ...), each seed's ratings
and VADER's scores, both standardised, added up as they are. ("together", source, "a + b") adds up
the means of several methods and VADER's scores, all standardised.

A seed that says the same of every text, as with 16 labels it may, has learnt nothing: its r counts
as 0.
"""

import functools
from collections.abc import Sequence

import numpy as np

from lessons_lib.data.reviews import Snippet
from lessons_lib.data.splits import load_split, sealed_texts
from lessons_lib.measure.baselines import vader_scores
from lessons_lib.measure.intervals import Difference, Interval, interval, paired_difference
from lessons_lib.measure.results import Variant, as_variant, final_runs, unpack
from lessons_lib.transfer.lexicon import blend, blend_weight

MADE = ("blend", "mean", "z + z", "together")  # of stored predictions, without a run
_VALIDATION = "validation_"


def predictions_of(
    results: dict, variant: Variant, domain: str, part: str = "test"
) -> np.ndarray | None:
    """What the final runs of a variant said of a domain's texts: (S, N); None where missing.

    Args:
        results: of `load_results`.
        part: "test" or "sealed".
    """
    if variant == "VADER":
        return lexicon_scores(domain, part)[None]
    if variant[0] == "blend":
        found = predictions_of(results, variant[1:], domain, part)
        if found is None:
            return None
        weight = chosen_weight(results, variant[1:])
        return blend(found, lexicon_scores(domain, part), weight)[None]
    if variant[0] in MADE:
        return _made_of(results, variant, domain, part)
    found = [run["predictions"] for run in final_runs(results, as_variant(variant))]
    key = f"{part}_{domain}"
    if part == "test" and found and key not in found[0]:
        key = domain  # as the first studies wrote it
    rows = [unpack(one[key]) for one in found]
    return np.array(rows) if rows else None


def _made_of(results: dict, variant: Variant, domain: str, part: str) -> np.ndarray | None:
    """What a "mean", a "z + z" or a "together" says: (1 or S, N); None where runs are missing."""
    if variant[0] == "together":
        methods = variant[2].split(" + ")
        parts = [predictions_of(results, (variant[1], m), domain, part) for m in methods]
    else:
        parts = [predictions_of(results, variant[1:], domain, part)]
    if any(found is None for found in parts):
        return None
    if variant[0] == "z + z":
        scores = lexicon_scores(domain, part)
        return np.array([blend(row, scores, 1.0) for row in parts[0]])
    means = [found.mean(axis=0) for found in parts]
    if variant[0] == "mean":
        return means[0][None]
    columns = [*means, lexicon_scores(domain, part)]
    return np.sum([(one - one.mean()) / one.std() for one in columns], axis=0)[None]


def chosen_weight(results: dict, variant: Variant) -> float:
    """How much of VADER's score is best on the validation texts of a variant's own sources."""
    runs = final_runs(results, as_variant(variant))
    sources = [name for name in runs[0]["predictions"] if name.startswith(_VALIDATION)]
    domains = [name.removeprefix(_VALIDATION) for name in sources]
    said = [[unpack(run["predictions"][name]) for run in runs] for name in sources]
    truth = [ratings_of(texts_of(domain, "validation")) for domain in domains]
    return blend_weight(said, [lexicon_scores(d, "validation") for d in domains], truth)


def r_of(
    results: dict, variant: Variant, domain: str, part: str = "test", num_resamples: int = 200
) -> Interval | None:
    """Mean r over the seeds, and its interval over seeds and groups; None where missing."""
    found, texts = predictions_of(results, variant, domain, part), texts_of(domain, part)
    if found is None:
        return None
    groups = [one.group for one in texts]
    return interval(found, ratings_of(texts), groups, num_resamples, constant=0.0)


def outcome_of(
    results: dict, entry: dict, part: str = "test", num_resamples: int = 1000
) -> Difference | None:
    """A forecast's contrast: r of its "first" minus r of its "second"; None where missing."""
    domain = entry["target"]
    first, second = (
        predictions_of(results, as_variant(entry[side]), domain, part)
        for side in ("first", "second")
    )
    if first is None or second is None:
        return None
    texts = texts_of(domain, part)
    groups = [one.group for one in texts]
    return paired_difference(first, second, ratings_of(texts), groups, num_resamples, constant=0.0)


@functools.cache  # an interval asks for the same texts again and again
def texts_of(domain: str, part: str) -> tuple[Snippet, ...]:
    """A domain's "test", "validation" or "sealed" texts, with their ratings."""
    if part == "sealed":
        return tuple(sealed_texts(domain, opened=True))
    return tuple(getattr(load_split(domain), part))


def ratings_of(texts: Sequence[Snippet]) -> np.ndarray:
    """Mean ratings (N,)."""
    return np.array([one.rating for one in texts])


@functools.cache
def lexicon_scores(domain: str, part: str) -> np.ndarray:
    """VADER's scores of a domain's texts: (N,). It needs no rating."""
    return vader_scores([one.text for one in texts_of(domain, part)])
