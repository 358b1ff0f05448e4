"""Numbers and captions of the figures on the book's pages: "Figure 2.3", with an address.

A schematic has its caption below it, in italics; of a plot it is the first sentence of what its
text alternative says. Numbers are given when the book is built, so a notebook stays as it is.
"""

import re
from itertools import count

_FIGURE = re.compile(
    r'(?P<figure><figure class="(?P<kind>schema|drawing)"[^>]*? aria-label="(?P<alt>[^"]*)">'
    r".*?</figure>)(?P<caption>\s*<p class=\"caption\">)?",
    re.DOTALL,
)
# The picture of the three steps is the page's face, and nothing refers to it.
WITHOUT_NUMBERS = {"book/welcome"}
# "0.5", "vs. that" and "et al. 2017" end no sentence.
_SENTENCE = re.compile(r".+?(?<!\bvs)(?<!\bal)(?<!\be\.g)(?<!\bi\.e)[.?](?=\s|$)", re.DOTALL)


def with_numbers(body: str, page: str) -> str:
    """The page's HTML with each figure numbered by its chapter (or alone, on another page).

    Args:
        body: with the figures drawn into it.
        page: such as "notebooks/02_self_attention".
    """
    if page in WITHOUT_NUMBERS:
        return body
    chapter = re.match(r"notebooks/(\d+)_", page)
    before = f"{int(chapter[1])}." if chapter else ""
    counter = count(1)
    return _FIGURE.sub(lambda found: _numbered(found, f"{before}{next(counter)}"), body)


def _numbered(found: re.Match, number: str) -> str:
    anchor = f"fig-{number.replace('.', '-')}"
    link = f'<a class="figure-number" href="#{anchor}" tabindex="-1">Figure {number}</a> '
    caption = f'<p class="caption">{link}'
    if not found["caption"]:
        caption += f"{first_sentence(found['alt'])}</p>"
    return f'<div class="numbered" id="{anchor}">{found["figure"]}</div>{caption}'


def first_sentence(alt: str) -> str:
    """What a text alternative says first; all of it, where it is one sentence without an end."""
    found = _SENTENCE.match(alt)
    return found[0] if found else alt
