"""The README's table of chapters, made from the notebooks themselves."""

import re
from pathlib import Path

from marks import put_between

import notebooks

README = Path(__file__).resolve().parent.parent / "README.md"
_BEGIN = "<!-- chapters: made by `make notebooks` from the notebooks themselves; do not edit -->\n"
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
    lines = ["| Chapter | Read | Run | Minutes: read, do | Path |", "| --- " * 5 + "|"]
    path_of = shortest_paths()
    for name in notebooks.chapter_names():
        title, read_minutes, do_minutes = facts(name)
        lines.append(
            f"| {title} | [Read]({pages_url()}/notebooks/{name}.html) "
            f"| [Open in Colab]({colab_url(name)}) | {read_minutes}, {do_minutes} "
            f"| {path_of.get(name, 'everything')} |"
        )
    return "\n".join(lines) + "\n"


def shortest_paths() -> dict[str, str]:
    """The shortest path that each chapter is on, as the opening chapter lists them.

    Its paragraphs "**Half a day.** ..." and "**A weekend.** ..." link to their chapters; what
    neither links to is for those who read everything.
    """
    found = {FIRST: "half a day"}
    for cell in notebooks.read_twin(FIRST).cells:
        for path, links in re.findall(r"^\*\*(Half a day|A weekend)\.\*\*(.*)$", cell.source, re.M):
            for name in re.findall(r"\]\((\w+)\.ipynb\)", links):
                found.setdefault(name, path.lower())
    return found


def facts(name: str) -> tuple[str, int, int]:
    """A chapter's title, and the minutes that its opening promises for reading and for doing.

    Raises:
        ValueError: the chapter's opening does not say how long it takes.
    """
    opening = notebooks.read_twin(name).cells[0].source
    title = opening.splitlines()[0].removeprefix("# ")
    minutes = re.search(r"\*\*Time\*\*: (\d+) minutes to read, (\d+) to do", opening)
    if minutes is None:
        raise ValueError(f'{name} should open with "**Time**: N minutes to read, N to do ..."')
    return title, int(minutes[1]), int(minutes[2])


def pages_url() -> str:
    """Where the repository's host publishes the book: GitHub Pages' address for it."""
    account, repository = notebooks.repository_url().rstrip("/").split("/")[-2:]
    return f"https://{account}.github.io/{repository}"


def colab_url(name: str) -> str:
    path = notebooks.repository_url().removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{path}/blob/main/notebooks/{name}.ipynb"


def main() -> None:
    README.write_text(updated(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
