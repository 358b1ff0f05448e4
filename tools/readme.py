"""The README's table of chapters, made from the chapters themselves."""

import re

import course
from marks import put_between

README = course.ROOT / "README.md"
_BEGIN = "<!-- chapters: made by `make notebooks` from the chapters themselves; do not edit -->\n"
FIRST = "00_start_here"
_END = "<!-- end of chapters -->"


def updated(readme: str) -> str:
    """The README's text with its table of chapters made anew.

    Raises:
        ValueError: the two marks between which the table stands are missing.
    """
    return put_between(readme, _BEGIN, _END, chapter_table())


def chapter_table() -> str:
    """Each chapter: title, where to read it, where to run it, minutes, and the shortest path."""
    is_published = course.is_published(course.repository_url())
    heads = ["Chapter", "Read", *(["Run"] if is_published else []), "Minutes: read, do", "Path"]
    lines = [_row(heads), _row(["---"] * len(heads))]
    path_of = shortest_paths()
    for name in course.chapter_names():
        title, read_minutes, do_minutes = facts(name)
        links = _links(name) if is_published else [f"[Read](notebooks/{name}.ipynb)"]
        path = path_of.get(name, "everything")
        lines.append(_row([title, *links, f"{read_minutes}, {do_minutes}", path]))
    return "\n".join(lines) + "\n"


def _row(entries: list[str]) -> str:
    return f"| {' | '.join(entries)} |"


def _links(name: str) -> list[str]:
    return [
        f"[Read]({pages_url()}/notebooks/{name}.html)",
        f"[Open in Colab]({colab_url(name)})",
    ]


def shortest_paths() -> dict[str, str]:
    """The shortest path that each chapter is on, as the opening chapter lists them.

    Its paragraphs "**Half a day.** ..." and "**A weekend.** ..." link to their chapters; what
    neither links to is for those who read everything.
    """
    found = {FIRST: "half a day"}
    for path, links in re.findall(r"^\*\*(Half a day|A weekend)\.\*\*(.*)$", text_of(FIRST), re.M):
        for name in re.findall(r"\]\((\w+)\.ipynb\)", links):
            found.setdefault(name, path.lower())
    return found


def facts(name: str) -> tuple[str, int, int]:
    """A chapter's title, and the minutes that its opening promises for reading and for doing.

    Raises:
        ValueError: the chapter has no title, or does not say how long it takes.
    """
    text = text_of(name)
    title = re.search(r"^# (.+)$", text, re.M)
    minutes = re.search(r"\*\*Time\*\*: (\d+) minutes to read, (\d+) to do", text)
    if title is None or minutes is None:
        raise ValueError(
            f'{name} should open with a title and "**Time**: N minutes to read, N to do ..."'
        )
    return title[1], int(minutes[1]), int(minutes[2])


def text_of(name: str) -> str:
    """A chapter's text twin."""
    return (course.TWINS / f"{name}.md").read_text(encoding="utf-8")


def pages_url() -> str:
    """Where the repository's host publishes the book: GitHub Pages' address for it."""
    account, repository = course.repository_url().rstrip("/").split("/")[-2:]
    return f"https://{account}.github.io/{repository}"


def colab_url(name: str) -> str:
    path = course.repository_url().removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{path}/blob/main/notebooks/{name}.ipynb"


def main() -> None:
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
