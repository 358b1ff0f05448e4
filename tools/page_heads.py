"""What a page says of itself to search engines and to whoever links to it.

The description is the page's first paragraph. The picture is the same for all pages:
book/_static/card.png, a screenshot of card.svg beside it.
"""

import html
import re

LONGEST = 200  # characters
PICTURE = "_static/card.png"
PICTURE_SIZE = (1200, 630)  # pixels


def tags(title: str, body: str, picture: str) -> str:
    """The meta elements of a page, from its title, its HTML and the address of its picture."""
    told = html.escape(description(body), quote=True)
    return "\n".join(
        [
            f'<meta name="description" content="{told}" />',
            f'<meta property="og:title" content="{html.escape(title, quote=True)}" />',
            f'<meta property="og:description" content="{told}" />',
            '<meta property="og:type" content="article" />',
            f'<meta property="og:image" content="{html.escape(picture, quote=True)}" />',
            f'<meta property="og:image:width" content="{PICTURE_SIZE[0]}" />',
            f'<meta property="og:image:height" content="{PICTURE_SIZE[1]}" />',
            '<meta property="og:image:alt" content="A query looks at three words." />',
            '<meta name="twitter:card" content="summary_large_image" />',
        ]
    )


def description(body: str) -> str:
    """The first paragraph of a page as plain text, cut at a word."""
    found = re.search(r"<p>(.*?)</p>", body, flags=re.DOTALL)
    text = html.unescape(re.sub(r"<[^>]+>", "", found[1])) if found else ""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
