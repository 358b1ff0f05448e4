"""What a page says of itself to search engines and to whoever links to it.

The description is the page's first paragraph.
"""

import html
import re

LONGEST = 200  # characters


def tags(title: str, body: str) -> str:
    """The meta elements of a page, from its title and its HTML."""
    told = html.escape(description(body), quote=True)
    return "\n".join(
        [
            f'<meta name="description" content="{told}" />',
            f'<meta property="og:title" content="{html.escape(title, quote=True)}" />',
            f'<meta property="og:description" content="{told}" />',
            '<meta property="og:type" content="article" />',
        ]
    )


def description(body: str) -> str:
    """The first paragraph of a page as plain text, cut at a word."""
    found = re.search(r"<p>(.*?)</p>", body, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "", found[1])) if found else ""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
