"""The schematics of book/_static/drawings, drawn into the pages that show them as images.

In a notebook a schematic is a plain Markdown image and a line in italics. In the page it takes the
page's colours, by the variables that its style names and book/_static/course.css sets.
"""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "book" / "_static" / "drawings"
# The builder copies an image into _images, and numbers those of the same name.
_IMAGE = re.compile(
    r'<p><img alt="([^"]+)" src="[^"]*/([a-z_]+)\d*\.svg"[^>]*></p>'
    r"(\s*<p>(?=<em>))?"  # the caption's beginning
)
_SAID_BY_THE_ALT = re.compile(r"\s*<(title|desc)>.*?</\1>", re.DOTALL)


def with_schematics(body: str) -> str:
    """The page's HTML with each schematic drawn into it; other images stay as they are."""
    return _IMAGE.sub(_drawn, body)


def _drawn(found: re.Match) -> str:
    alt, name, caption = found.groups()
    path = FOLDER / f"{name}.svg"
    if not path.is_file():
        return found[0]
    drawing = _SAID_BY_THE_ALT.sub("", path.read_text(encoding="utf-8")).replace(
        "<svg ", '<svg aria-hidden="true" ', 1
    )
    below = '<p class="caption">' if caption else ""
    return f'<figure class="schema" role="img" aria-label="{alt}">{drawing}</figure>{below}'
