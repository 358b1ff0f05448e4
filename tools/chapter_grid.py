"""The chapters as a grid of cards, made from the chapters themselves when the book is built.

A card says how long its chapter takes, and has a place for the reader's own progress. Chapters that
are planned are named, and leave the list by themselves as soon as they exist.
"""

import html

import course
import exercise_data
import readme
import yaml

# Chapters to come, by part: their names, and what they are called until they have a title.
PLANNED = {
    "Part III. Use it": {
        "20_interpretability": "Looking inside",
        "21_compression_and_mobile": "Making it small",
        "22_scaling": "Making it big",
        "23_hyperparameters": "Choosing settings",
        "24_troubleshooting": "Repairing what is broken",
        "25_case_study": "One project from beginning to end",
        "26_where_next": "Where next",
    },
}


def parts() -> dict[str, list[str]]:
    """The captions of the contents list, and the chapters below each; with those to come."""
    toc = yaml.safe_load((course.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = {}
    for part in toc["parts"]:
        files = [entry["file"] for entry in part["chapters"]]
        names = [file.removeprefix("notebooks/") for file in files if "notebooks/" in file]
        if names:
            found[part["caption"]] = names
    return found | {part: [] for part in PLANNED if part not in found}


def in_preparation(part: str) -> list[str]:
    """The titles of a part's chapters that are not written."""
    written = set(course.chapter_names())
    return [title for name, title in PLANNED.get(part, {}).items() if name not in written]


def grid() -> str:
    """All parts: a heading, a card for each chapter, and a line that names what is to come."""
    return "\n".join(_part(part, names) for part, names in parts().items())


def told_in_all() -> str:
    """How many chapters there are, and how long they take together.

    The hours are rounded up.
    """
    minutes = [readme.facts(name)[1:] for name in course.chapter_names()]
    to_read, to_do = (-(-sum(column) // 60) for column in zip(*minutes, strict=True))
    return f"{len(minutes)} chapters: {to_read} hours to read, {to_do} more to do everything."


def _part(part: str, names: list[str]) -> str:
    cards = "\n".join(map(_card, names))
    cards = f'<ul class="chapters">\n{cards}\n</ul>\n' if cards else ""
    titles = in_preparation(part)
    to_come = f'<p class="to-come"><b>In preparation:</b> {" · ".join(titles)}</p>\n'
    return f'<h3 class="part">{html.escape(part)}</h3>\n{cards}{to_come if titles else ""}'


def _card(name: str) -> str:
    title, to_read, to_do = readme.facts(name)
    exercises = list(exercise_data.read(name))
    return (
        f'<li class="chapter"><a href="../notebooks/{name}.html">'
        f'<span class="chapter-number">{int(name[:2])}</span>{html.escape(title)}</a>'
        f'<span class="chapter-time">{to_read} min to read, {to_do} to do</span>'
        f'<span class="chapter-solved" data-exercises="{" ".join(exercises)}">'
        f"{len(exercises)} exercises</span></li>"
    )
