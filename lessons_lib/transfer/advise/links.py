"""Where a chapter can be read from a report: the built book, else the notebook, else nowhere."""

import os
from pathlib import Path

_COURSE = Path(__file__).resolve().parents[3]
TITLES = {
    "05_tokens": "Tokens",
    "11_domains_and_transfer": "Domains and transfer",
    "12_fine_tuning": "Fine-tuning",
    "13_parameter_efficient": "Few parameters",
}


def link_to(chapter: str, folder: Path, course: Path = _COURSE) -> str | None:
    """The address of a chapter as seen from a folder; None where the course is not at hand.

    Args:
        chapter: one of `TITLES`.
        folder: where the report is written.
        course: the course's folder.
    """
    built = course / "_build" / "html" / "notebooks" / f"{chapter}.html"
    stored = course / "notebooks" / f"{chapter}.ipynb"
    for page in (built, stored):
        if page.exists():
            try:
                return Path(os.path.relpath(page, folder)).as_posix()
            except ValueError:  # on another drive
                return None
    return None
