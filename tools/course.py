"""Where the course's parts lie, and its public address, which is set once, in _config.yml."""

import os
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
TWINS = ROOT / "book" / "chapters"
NOTEBOOKS = ROOT / "notebooks"
EXERCISE_PREFIX = "exercise:"  # of a tag: a cell that is part of that exercise
REVEAL_TAG = "reveal"  # of a cell whose output answers what was asked above: it is folded
_NO_ACCOUNT = "your_account"  # what stands in the address until somebody has published the course


def chapter_names() -> list[str]:
    """Every chapter, such as "02_self_attention", in order."""
    return sorted(path.stem for path in TWINS.glob("*.md"))


def repository_url() -> str:
    """The address that the book, the notebooks and the README name."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return os.environ.get("LESSONS_REPOSITORY", config["repository"]["url"])


def is_published(url: str) -> bool:
    """Does the address lead anywhere, or does it still hold the placeholder?

    >>> is_published("https://github.com/your_account/transformer-transfer")
    False
    """
    return _NO_ACCOUNT not in url.split("/")
