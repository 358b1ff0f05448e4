"""Fixed train, validation and test texts of the four domains, with no leak between them.

A review or article is never cut, near-duplicates stay on one side, and a text that turns up a
second time elsewhere is left out. Which text is where stands in `splits.json`, one letter a text,
made once by `python -m lessons_lib.data.splits` before anything was tested, and known by its hash.

Whatever is looked at often enough is no test any more. So a part of train was sealed later: nothing
learns from it, studies predict it (`sealed_texts`, without ratings), and what they said is compared
once, by `python -m studies.open_sealed`.
"""

import functools
import hashlib
import itertools
import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lessons_lib.data.near_duplicates import clusters_of, normal_form, similar_pairs
from lessons_lib.data.reviews import DOMAINS, Snippet, load_domain

SPLITS_SHA256 = "12bd98a4b531e225fcdca1cae59c146bd0c26bb17d408f87c1baa7a709941464"
LEAST_COSINE = 0.6  # the highest at which each family of contrived tweets is one cluster
_CLUSTERED = ("movies", "tweets")  # which review or writer a text is from is not known there
_LETTERS = {"train": "t", "validation": "v", "test": "x"}
_SEALED = "s"
NUM_SEALED = 400  # texts of each domain, at most
_LEFT_OUT = "-"
_PATH = Path(__file__).with_name("splits.json")


class AlteredSplitError(ValueError):
    """The split file is not the one that was published."""


@dataclass(frozen=True)
class Split:
    """A domain in three parts that share no group and no text.

    Attributes:
        train: to fit on; the sealed texts, which were a part of it once, are left out.
        validation: to choose settings by; about 500 texts.
        test: to report on, once; at most 1,000 texts.
    """

    train: list[Snippet]
    validation: list[Snippet]
    test: list[Snippet]


def load_split(domain: str) -> Split:
    """A domain's snippets in their three parts, each in the published order.

    The `group` of a film snippet or tweet is here its cluster of near-duplicates.

    Args:
        domain: one of `DOMAINS`.

    Raises:
        ValueError: there is no such domain.
        AlteredSplitError: the split file is not the published one.
        FetchError: the corpora could not be brought to this machine.

    >>> split = load_split("editorials")
    >>> len(split.test) <= 1000, {s.group for s in split.train} & {s.group for s in split.test}
    (True, set())
    """
    lettered = _lettered(domain)
    parts = {part: [s for s, at in lettered if at == own] for part, own in _LETTERS.items()}
    return Split(**parts)


def _lettered(domain: str) -> list[tuple[Snippet, str]]:
    """A domain's snippets, each with its cluster as its group, and the letter of its part."""
    snippets = load_domain(domain)
    letters, clusters = (_published()[part][domain] for part in ("letters", "clusters"))
    if len(letters) != len(snippets):
        raise AlteredSplitError(
            f"expected a letter for each of {len(snippets)} {domain}, got {len(letters)}"
        )
    first_of = {identity: members[0] for members in clusters for identity in members}
    grouped = [replace(s, group=first_of.get(s.id, s.group)) for s in snippets]
    return list(zip(grouped, letters, strict=True))


def sealed_texts(domain: str, *, opened: bool = False) -> list[Snippet]:
    """A domain's sealed texts, whose ratings nobody sees: `rating` is NaN, `ratings` is empty.

    No model is trained, chosen or tested by them.

    Args:
        domain: one of `DOMAINS`.
        opened: with their ratings; for `studies.open_sealed`, and for what it has opened.

    >>> sealed_texts("tweets")[0].rating
    nan
    """
    sealed = [snippet for snippet, letter in _lettered(domain) if letter == _SEALED]
    return sealed if opened else [replace(one, rating=math.nan, ratings=()) for one in sealed]


def contrived_ids() -> frozenset[str]:
    """Ids of the 200 tweets that were made up to test rules such as exclamation marks.

    30 real tweets and 170 variants of them (Hutto and Gilbert 2014, section 3.3), all of them rated
    by more than 90 people. The variants are numbered apart; the 30 are those nearest to them.

    >>> len(contrived_ids())
    200
    """
    return frozenset(_published()["contrived"])


def split_groups(
    groups: Sequence[str], validation: int = 500, test: int = 1000, seed: int = 0
) -> list[str]:
    """Put whole groups into test, then validation, then train, in a random order.

    Args:
        groups: (N,) each text's group.
        validation, test: the most texts there; each is filled until the next group is too large.
        seed: of the order.

    Returns:
        (N,) "train", "validation" or "test".

    >>> split_groups(["a", "a", "b", "c"], validation=1, test=2, seed=5)
    ['test', 'test', 'validation', 'train']
    """
    sizes = {group: 0 for group in groups}
    for group in groups:
        sizes[group] += 1
    order = list(sizes)
    random.Random(seed).shuffle(order)
    waiting = [("test", test), ("validation", validation), ("train", len(groups))]
    part_of = {}
    for group in order:
        while sizes[group] > waiting[0][1]:
            waiting.pop(0)
        part, room = waiting[0]
        part_of[group] = part
        waiting[0] = (part, room - sizes[group])
    return [part_of[group] for group in groups]


def make_splits() -> dict:
    """Work out the content of `splits.json` from the corpora; the same on every machine."""
    corpora = {domain: load_domain(domain) for domain in DOMAINS}
    letters, clusters, first_seen = {}, {}, {}
    for domain, snippets in corpora.items():
        clusters[domain] = _clusters(snippets) if domain in _CLUSTERED else []
        first_of = {identity: members[0] for members in clusters[domain] for identity in members}
        groups = [first_of.get(snippet.id, snippet.group) for snippet in snippets]
        keep = [
            first_seen.setdefault(normal_form(snippet.text), (domain, group)) == (domain, group)
            for snippet, group in zip(snippets, groups, strict=True)
        ]
        kept_groups = list(itertools.compress(groups, keep))
        parts = iter(_with_seal(kept_groups, split_groups(kept_groups)))
        letters[domain] = "".join(next(parts) if kept else _LEFT_OUT for kept in keep)
    return {
        "letters": letters,
        "clusters": clusters,
        "contrived": _contrived(corpora["tweets"]),
    }


def _with_seal(groups: list[str], parts: list[str]) -> list[str]:
    """The letter of each text; whole groups of train, drawn by a seed of their own, are sealed."""
    in_train = list(
        dict.fromkeys(g for g, part in zip(groups, parts, strict=True) if part == "train")
    )
    random.Random(1).shuffle(in_train)
    sealed, room = set(), NUM_SEALED
    for group in in_train:
        if (size := groups.count(group)) <= room:
            sealed.add(group)
            room -= size
        if not room:
            break
    pairs = zip(groups, parts, strict=True)
    return [_SEALED if group in sealed else _LETTERS[part] for group, part in pairs]


def _clusters(snippets: list[Snippet]) -> list[list[str]]:
    pairs = similar_pairs([snippet.text for snippet in snippets], LEAST_COSINE)
    found = clusters_of(len(snippets), pairs)
    return [[snippets[number].id for number in members] for members in found]


def _contrived(tweets: list[Snippet]) -> list[str]:
    """The variants stand apart from the first 830; their 30 originals are all but the same."""
    often_rated = [tweet for tweet in tweets if len(tweet.ratings) > 90]
    is_variant = [int(tweet.id) > 830 for tweet in often_rated]
    pairs = similar_pairs([tweet.text for tweet in often_rated], 0.75)
    originals = {a for a, b, _ in pairs if is_variant[b] and not is_variant[a]}
    return [t.id for i, t in enumerate(often_rated) if is_variant[i] or i in originals]


@functools.cache
def _published() -> dict:
    content = _PATH.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SPLITS_SHA256:
        raise AlteredSplitError(
            f"{_PATH.name} is altered: expected sha256 {SPLITS_SHA256}, got {found}. "
            "Take the published file again; results on another split can't be compared."
        )
    return json.loads(content)


def _as_text(splits: dict) -> str:
    return json.dumps(splits, separators=(",", ":")).replace('],"', '],\n"') + "\n"


if __name__ == "__main__":
    _PATH.write_text(_as_text(make_splits()), encoding="utf-8", newline="\n")
    print(f"SPLITS_SHA256 = {hashlib.sha256(_PATH.read_bytes()).hexdigest()!r}")
