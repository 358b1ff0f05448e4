"""Four domains, one task: short English texts, each rated for its sentiment by twenty people.

Film reviews, product reviews, tweets and newspaper editorials, cut into sentences or snippets and
rated from -4 (most negative) to 4 (most positive).

Source: Hutto and Gilbert 2014, ICWSM; the corpora come with the source release of vaderSentiment
3.3.2 (MIT licence; the texts' own rights remain with their authors).
"""

import json
import tarfile
from dataclasses import dataclass

from lessons_lib.base.fetch import FetchError, IndexArchive, RemoteFile, fetch

_STEM = {
    "movies": "movieReviewSnippets",
    "products": "amazonReviewSnippets",
    "tweets": "tweets",
    "editorials": "nytEditorialSnippets",
}
DOMAINS = tuple(_STEM)
_GROUPED = ("products", "editorials")  # ids such as 11_3: the third sentence of review 11

_ARCHIVE = RemoteFile(
    "hutto_ICWSM_2014.tar.gz",
    sha256="d5bb07d87474b3eb8d30b4deccbc23f19d742a6c5718fbacc65485b70b95c5fa",
    size=2_338_514,
    archive=IndexArchive(
        "vaderSentiment==3.3.2",
        member="additional_resources/hutto_ICWSM_2014.tar.gz",
        size=3_484_000,
        sdist_sha256="5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
    ),
)


class DamagedRow(ValueError):
    """A line of a corpus is not what it should be; the message names file and line."""


@dataclass(frozen=True)
class Snippet:
    """One rated text.

    Attributes:
        id: as published, unique in its domain.
        group: the review or article that it is from; its own id where that is not known
            (`load_split` puts near-duplicates of those into one group).
        text: the text.
        rating: the mean of the ratings, from -4 to 4.
        ratings: every rater's rating, whole numbers from -4 to 4.
    """

    id: str
    group: str
    text: str
    rating: float
    ratings: tuple[int, ...]


def load_domain(domain: str) -> list[Snippet]:
    """All snippets of a domain, in the published order.

    Args:
        domain: one of `DOMAINS`.

    Raises:
        ValueError: there is no such domain.
        FetchError: the corpora could not be brought to this machine.
        DamagedRow: a line does not parse.

    >>> len(load_domain("tweets"))
    4200
    """
    if domain not in _STEM:
        raise ValueError(f"domain should be one of {', '.join(DOMAINS)}, not {domain!r}")
    texts, raters = (
        _lines(f"{_STEM[domain]}_{kind}.txt") for kind in ("GroundTruth", "anonDataRatings")
    )
    ratings = dict(_parse_ratings(line, place) for place, line in raters)
    return [_snippet(line, place, ratings, domain in _GROUPED) for place, line in texts]


def _lines(name: str) -> list[tuple[str, str]]:
    """The lines of one file of the archive, each with its place: ("name, line 1", line)."""
    with tarfile.open(fetch(_ARCHIVE)) as archive:  # read by name; nothing is written
        try:
            content = archive.extractfile(f"hutto_ICWSM_2014/{name}").read().decode("utf-8-sig")
        except KeyError:
            raise FetchError(f"{_ARCHIVE.name} should hold {name}, and does not") from None
    lines = content.replace("\r\n", "\n").split("\n")
    return [(f"{name}, line {number}", line) for number, line in enumerate(lines, 1) if line]


def _snippet(line: str, place: str, ratings: dict, grouped: bool) -> Snippet:
    fields = line.split("\t", 2)
    try:
        identity, rating, text = fields[0], float(fields[1]), fields[2].strip()
        given = ratings[identity]
        if not text or not -4 <= rating <= 4:
            raise ValueError
    except (IndexError, ValueError, KeyError):
        raise DamagedRow(f"{place}: expected an id, a mean and a text, got {line[:80]!r}") from None
    group = identity.partition("_")[0] if grouped else identity
    return Snippet(identity, group, text, rating, given)


def _parse_ratings(line: str, place: str) -> tuple[str, tuple[int, ...]]:
    try:
        identity, _, _, listed = line.split("\t")
        ratings = tuple(json.loads(listed))
        if not ratings or not all(type(r) is int and -4 <= r <= 4 for r in ratings):
            raise ValueError
    except (ValueError, TypeError):
        raise DamagedRow(
            f"{place}: expected an id, a mean, a deviation and a list of whole ratings from -4 "
            f"to 4, got {line[:80]!r}"
        ) from None
    return identity, ratings
