"""The outcome of a check, and how it is shown."""

import html
import re
import sys
from dataclasses import dataclass

_LOOK = {  # passed: (heading, colour that reads on light and dark)
    True: ("Right", "#009E73"),
    False: ("Not yet", "#D55E00"),
    None: ("Not answered yet", "#888888"),
}


@dataclass(frozen=True)
class Verdict:
    """What `check` found.

    Attributes:
        name: the exercise, "chapter.exercise".
        passed: True, False, or None where nothing was answered yet.
        message: one kind sentence or two: what was found, and its likely cause.
        refresher: a section of the same page, by its heading, to read again after a miss.
        printed: what the reader's own code printed while it was checked.
    """

    name: str
    passed: bool | None
    message: str
    refresher: str = ""
    printed: str = ""

    def __str__(self) -> str:
        heading, _ = _LOOK[self.passed]
        text = f"{heading}: {self.name}. {self.message}".rstrip()
        text += f" To read again: {self.refresher}, on this page." if self.refresher else ""
        return text + (f"\nYour code printed:\n{self.printed}" if self.printed else "")

    def _ipython_display_(self) -> None:
        """Say nothing: `check` has shown the verdict already."""


def show(verdict: Verdict) -> None:
    """Display a verdict: a coloured note in a notebook, plain text elsewhere."""
    show_as(as_html(verdict), str(verdict))


def show_as(html_text: str, plain_text: str) -> None:
    """Display as HTML in a notebook, and as plain text elsewhere."""
    from IPython import get_ipython
    from IPython.display import display

    if get_ipython() is None:
        print_plain(plain_text)
    else:
        display({"text/html": html_text, "text/plain": plain_text}, raw=True)


def print_plain(text: str) -> None:
    """Print; a character that the terminal does not know, such as π in ASCII, as its number."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, errors="backslashreplace").decode(encoding))


def as_html(verdict: Verdict) -> str:
    """The note as HTML: it takes the page's text colour, and a screen reader announces it."""
    heading, colour = _LOOK[verdict.passed]
    message = _inline_markdown(verdict.message)
    printed = refresher = ""
    if verdict.refresher:
        section = html.escape(verdict.refresher)
        place = section.lower().replace(" ", "-")
        refresher = f'<div>To read again: <a href="#{place}">{section}</a>, on this page.</div>'
    if verdict.printed:
        printed = (
            "<div>Your code printed:</div>"
            f'<pre style="margin:0.3em 0;white-space:pre-wrap">{html.escape(verdict.printed)}</pre>'
        )
    return (
        f'<div role="status" style="border-left:4px solid {colour};padding:0.3em 0.8em">'
        f"<strong>{heading}</strong> · <code>{html.escape(verdict.name)}</code>"
        f"<div>{message}</div>{refresher}{printed}</div>"
    )


def _inline_markdown(text: str) -> str:
    """Escape, and render the two marks that messages use: `code` and *emphasis*."""
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
    text = re.sub(r"(?<!\w)\*([^*\s][^*]*)\*(?!\w)", r"<em>\1</em>", text)
    return text.replace("\n", "<br>")
