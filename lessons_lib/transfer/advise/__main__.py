"""The practitioner's checklist on your own labelled texts, and a small report.

python -m lessons_lib.transfer.advise TEXTS.csv
python -m lessons_lib.transfer.advise --example products
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lessons_lib.base.fetch import FetchError
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.transfer.advise.csv_file.decoding import BadTexts
from lessons_lib.transfer.advise.reading import example, read_labelled, read_unlabelled
from lessons_lib.transfer.advise.report import page_of, require_place, write
from lessons_lib.transfer.advise.running import run

UNUSABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 where the file cannot be used."""
    asked = _parser().parse_args(arguments)
    try:
        return _advise(asked)
    except (BadTexts, FetchError) as error:
        print(error, file=sys.stderr)
        return UNUSABLE


def _advise(asked: argparse.Namespace) -> int:
    started = time.monotonic()
    if bool(asked.texts) == bool(asked.example):
        raise BadTexts(
            "Expected one CSV file, or --example with a domain: "
            "python -m lessons_lib.transfer.advise TEXTS.csv"
        )
    if asked.goal is not None and not 0 < asked.goal < 1:
        raise BadTexts(
            "Expected --goal to be between 0 and 1, as r or mean recall is, but got "
            f"{asked.goal:g}: say 0.8, for example."
        )
    place = asked.out or (
        Path(f"{asked.example}_advice.html")
        if asked.example
        else asked.texts.with_name(f"{asked.texts.stem}_advice.html")
    )
    data = example(asked.example) if asked.example else _read(asked)
    require_place(place)
    rest = (
        read_unlabelled(asked.unlabelled, asked.text, asked.encoding) if asked.unlabelled else None
    )
    found = run(data, rest, asked.goal)
    seconds = time.monotonic() - started
    took = f"{seconds:.0f} seconds, {found.encoding_seconds:.0f} of them encoding."
    lead = (
        "The checklist for a new domain, run on your labelled texts. In square brackets stand 95% "
        "intervals: what other texts of the same kind would give."
    )
    foot = (
        f"{len(data.texts):,} texts; {took} Differences are looked at one by one and not corrected "
        "for their number."
    )
    folder = place.resolve().parent
    title = f"Advice for {data.name}"
    steps = list(found.steps.values())
    write(place, page_of(title, lead, steps, found.advice, found.overview, foot, folder))
    for number, step in enumerate(found.steps.values(), 1):
        print(f"{number}. {step.title} {step.summary}")
    print(f"First advice: {found.advice[0].sentence}")
    print(f"Report: {place}. It took {took}")
    return 0


def _read(asked: argparse.Namespace):
    names = tuple(name.strip() for name in (asked.raters or "").split(",") if name.strip())
    columns = {"text": asked.text, "label": asked.label, "group": asked.group, "raters": names}
    return read_labelled(asked.texts, columns, asked.kind, asked.positive, asked.encoding)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m lessons_lib.transfer.advise",
        description="Run the checklist for a new domain on your labelled texts, and write a "
        "small report beside them.",
    )
    parser.add_argument("texts", nargs="?", type=Path, metavar="TEXTS.csv")
    parser.add_argument("--example", choices=DOMAINS, help="run on one of the four domains")
    parser.add_argument("--text", help="the column of texts")
    parser.add_argument("--label", help="the column of ratings or classes")
    parser.add_argument("--group", help="the column that says which texts belong together")
    parser.add_argument("--raters", help="columns of one rater each, with commas between")
    parser.add_argument("--as", dest="kind", choices=("ratings", "classes"))
    parser.add_argument("--positive", help="the name of the good one of two classes")
    parser.add_argument("--goal", type=float, help="quality to reach: r, or mean recall")
    parser.add_argument("--unlabelled", type=Path, metavar="TEXTS2.csv", help="texts to be read")
    parser.add_argument("--encoding", help="such as latin-1; found out where it is not given")
    parser.add_argument("--out", type=Path, help="where the report goes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
