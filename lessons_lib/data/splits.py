"""Fixed train, validation and test texts of the four domains, with no leak between them.

A review or article is never cut, near-duplicates stay on one side, and a text that turns up a
second time elsewhere is left out. Which text is where stands in `splits.json`, one letter a text,
made once by `python -m lessons_lib.data.splits` before anything was tested, and known by its hash.
"""

import functools
import hashlib
import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lessons_lib.data.near_duplicates import clusters_of, normal_form, similar_pairs
from lessons_lib.data.reviews import DOMAINS, Snippet, load_domain

SPLITS_SHA256 = "cabc5e536625f378649c682228ef819bfc0c06243ec446f383052a102725b486"
LEAST_COSINE = 0.6  # the highest at which each family of contrived tweets is one cluster
_CLUSTERED = ("movies", "tweets")  # which review or writer a text is from is not known there
_LETTERS = {"train": "t", "validation": "v", "test": "x"}
_LEFT_OUT = "-"
_PATH = Path(__file__).with_name("splits.json")


class AlteredSplitError(ValueError):
    """The split file is not the one that was published."""


@dataclass(frozen=True)
class Split:
    """A domain in three parts that share no group and no text.

    Attributes:
        train: to fit on.
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
    snippets = load_domain(domain)
    letters, clusters = (_published()[part][domain] for part in ("letters", "clusters"))
    if len(letters) != len(snippets):
        raise AlteredSplitError(
            f"expected a letter for each of {len(snippets)} {domain}, got {len(letters)}"
        )
    first_of = {identity: members[0] for members in clusters for identity in members}
    grouped = [replace(s, group=first_of.get(s.id, s.group)) for s in snippets]
    return Split(
        **{
            part: [s for s, found in zip(grouped, letters, strict=True) if found == letter]
            for part, letter in _LETTERS.items()
        }
    )


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
        parts = iter(split_groups(list(itertools.compress(groups, keep))))
        letters[domain] = "".join(_LETTERS[next(parts)] if kept else _LEFT_OUT for kept in keep)
    return {
        "letters": letters,
        "clusters": clusters,
        "contrived": _contrived(corpora["tweets"]),
    }


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
