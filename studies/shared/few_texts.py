"""Which texts a way of `few_labels` is given for the price of n labels, and their vectors."""

import functools
import random
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.data.reviews import Snippet
from lessons_lib.model.encode import encode_texts
from lessons_lib.model.pretrained import load_encoder
from lessons_lib.transfer.few_labels.active import farthest_first, most_doubtful
from lessons_lib.transfer.outcomes import ratings_of
from studies.shared.texts import draw, rated, unrated

POOL = 500  # unrated texts among which those are picked that get a label
COMMITTEE, ROUNDS = 8, 4  # ridges that differ, and how often they are asked
PARTS = ("train", "validation", "test", "sealed")


def given(way: str, domain: str, count: int, seed: int, limit: int | None = None) -> list[Snippet]:
    """The texts that a way is given for `count` labels, and their ratings.

    A label is the mean of all raters of a text; for "one_rater" and "four_raters" a label is what
    one of them said. At random it is the first texts of the seed's order, so that a larger number
    holds the smaller one.
    """
    rng = torch.Generator().manual_seed(seed)
    pool = rated(domain, "train", limit)
    pool = draw(pool, len(pool), rng)
    if way == "far_apart":
        pool = pool[:POOL]
        return [pool[at] for at in farthest_first(unit(pool, domain, limit), count)]
    if way == "doubtful":
        return _doubtful(pool[:POOL], domain, count, seed, limit)
    if way in ("one_rater", "four_raters"):
        each, picks = (1 if way == "one_rater" else 4), random.Random(seed)
        return [_rated_by(one, each, picks) for one in pool[: count // each]]
    return pool[:count]


def unit(texts: Sequence[str | Snippet], domain: str, limit: int | None = None) -> Tensor:
    """The published encoder's vector of each text, at length 1: (N, 384)."""
    known = _known(domain, limit)
    words = [one if isinstance(one, str) else one.text for one in texts]
    missing = [text for text in dict.fromkeys(words) if text not in known]
    if missing:
        known.update(zip(missing, _vectors(missing), strict=True))
    return torch.stack([known[text] for text in words])


def keep_vectors(domains: Sequence[str], limit: int | None = None) -> None:
    """Have all vectors of domains in the cache folder before many processes ask for them."""
    for domain in domains:
        _known(domain, limit)


@functools.cache
def _known(domain: str, limit: int | None) -> dict[str, Tensor]:
    texts = [text for part in PARTS for text in unrated(domain, part, limit)]
    return dict(zip(texts, _vectors(texts), strict=True))


def _vectors(texts: list[str]) -> Tensor:
    return functional.normalize(encode_texts(texts, load_encoder()), dim=-1)


def _rated_by(one: Snippet, count: int, picks: random.Random) -> Snippet:
    said = picks.sample(one.ratings, count)
    return replace(one, rating=sum(said) / count, ratings=tuple(said))


def _doubtful(
    pool: list[Snippet], domain: str, count: int, seed: int, limit: int | None
) -> list[Snippet]:
    """Half at random; the rest, a few at a time, where ridges on redrawn labels differ most."""
    from sklearn.linear_model import Ridge

    features, ratings = unit(pool, domain, limit).numpy(), ratings_of(pool)
    rng, chosen = random.Random(seed), list(range(count // 2))
    while len(chosen) < count:
        rest = [place for place in range(len(pool)) if place not in set(chosen)]
        said = []
        for _ in range(COMMITTEE):
            drawn = rng.choices(chosen, k=len(chosen))
            ridge = Ridge(1.0).fit(features[drawn], ratings[drawn])
            said.append(torch.tensor(ridge.predict(features[rest])))
        few = min(count - len(chosen), max(1, count // 2 // ROUNDS))
        chosen += [rest[place] for place in most_doubtful(torch.stack(said), few)]
    return [pool[place] for place in chosen]
