"""Which texts a run is given; ratings that it must not see are masked before it begins."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from lessons_lib.data.reviews import DOMAINS, Snippet
from lessons_lib.data.splits import Split, load_split, sealed_texts


def rated(domain: str, part: str, limit: int | None = None) -> list[Snippet]:
    """A domain's "train" or "validation" texts with their ratings; the first `limit` of them.

    The files are sorted (good films come first), so the first ones are no sample: `draw` is.
    """
    if part not in ("train", "validation"):
        raise ValueError(f"a run is given ratings of train or validation, not of {part!r}")
    return list(_part(domain, part)[:limit])


def unrated(domain: str, part: str, limit: int | None = None) -> list[str]:
    """The texts alone of any part, "sealed" included: what a run predicts."""
    return [one.text for one in _part(domain, part)[:limit]]


def _part(domain: str, part: str) -> tuple[Snippet, ...]:
    return _loaded(domain, part, load_split)


@functools.cache  # a run asks for the same texts again and again
def _loaded(domain: str, part: str, load: Callable[[str], Split]) -> tuple[Snippet, ...]:
    """The loader is named, so that another in its place, such as a test's, is asked anew."""
    return tuple(sealed_texts(domain) if part == "sealed" else getattr(load(domain), part))


def draw(snippets: Sequence[Snippet], count: int, rng: torch.Generator) -> list[Snippet]:
    """So many texts, drawn without replacement; all of them, in a random order, where fewer."""
    order = torch.randperm(len(snippets), generator=rng).tolist()[:count]
    return [snippets[place] for place in order]


def masked(snippets: Sequence[Snippet]) -> list[Snippet]:
    """The same texts without their ratings, which are NaN."""
    return [replace(one, rating=math.nan, ratings=()) for one in snippets]


def others(domain: str) -> list[str]:
    """The three other domains."""
    return [name for name in DOMAINS if name != domain]
