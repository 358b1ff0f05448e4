"""The book's search: what there is to find, written as a script that also a page from a file loads.

Each section, exercise and glossary entry is found by itself. Words that mean the same come from the
glossary, in both languages. `book/_static/search/search.js` ranks and shows. Only the page of
search loads any of it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import glossary
from docutils import nodes
from told import told

FILE = "_static/search/sections.js"
TEMPLATES = Path(__file__).resolve().parent / "templates"
GLOSSARY_PAGE = "book/glossary"
# Words for the same that no glossary explains.
ALSO = [
    ("sqrt", "square root"),
    ("llm", "language model"),
    ("mlm", "masked language modelling"),
    ("mha", "multi-head attention"),
    ("gqa", "grouped-query attention"),
    ("mqa", "multi-query attention"),
    ("ffn", "feed-forward layer"),
]
_CARD = re.compile(
    r'<div class="exercise" id="([^"]+)".*?class="exercise-name"[^>]*>([^<]+)<', re.DOTALL
)
_COMMAND = re.compile(
    r"\\(?:mathrm|text|textit|mathbf|operatorname|left|right|quad|qquad)\b|\\[,;!]"
)


def setup(app) -> None:
    """Have the book searched by this index; the builder's is written, too, but no page loads it."""
    app.config.templates_path.append(str(TEMPLATES))
    app.connect("build-finished", write)


def write(app, error) -> None:
    if error is not None or app.builder.name != "html":
        return
    pages = sorted(app.env.found_docs)
    found = []
    for number, page in enumerate(pages):
        for entry in entries(app.env.get_doctree(page), page):
            found.append([number, *entry])
    titles = [[page, app.env.titles[page].astext()] for page in pages]
    data = {"pages": titles, "entries": found, "same": same_words()}
    path = Path(app.outdir, FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    path.write_text(f"window.courseSections = {text};\n", encoding="utf-8")


def same_words() -> list[list[str]]:
    """Groups of names that mean the same, in small letters."""
    groups = [group for entry in glossary.entries() for group in entry.same()]
    return [[name.lower() for name in group] for group in [*groups, *ALSO]]


def entries(document: nodes.document, page: str) -> Iterator[tuple[str, ...]]:
    """What of a page is found by itself: anchor, title, text, words in bold, and words not shown.

    In bold stands what a section introduces. Not shown are code and formulas: found, but no good as
    an excerpt.
    """
    section = card = _Entry("", "")
    found = [section]
    was_in_card = False
    for piece in told(document):
        node = piece.node
        if was_in_card and not piece.in_card:
            card = section
        was_in_card = piece.in_card
        if isinstance(node, nodes.section):
            section = card = _Entry(node["ids"][0] if found[1:] or found[0].title else "", "")
            section.title = node[0].astext()
            found.append(section)
        elif isinstance(node, nodes.term) and page == GLOSSARY_PAGE:
            section = card = _Entry(glossary.anchor(_english(node)), node.astext())
            found.append(section)
        elif isinstance(node, nodes.raw):
            if head := _CARD.search(node.astext()):
                card = _Entry(head[1], head[2])
                found.append(card)
        elif not isinstance(node, nodes.title) and not piece.is_folded:
            card.add(node)
    return (entry.parts() for entry in found if entry.title)


class _Entry:
    def __init__(self, anchor: str, title: str):
        self.anchor, self.title = anchor, title
        self.text: list[str] = []
        self.bold: list[str] = []
        self.words: list[str] = []

    def add(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.literal_block | nodes.math_block):
            self.words.append(node.astext())
        elif isinstance(node, nodes.image):
            self.words.append(node.get("alt", ""))
        else:
            self.text.append(_readable(node))
            self.bold += [strong.astext() for strong in node.findall(nodes.strong)]

    def parts(self) -> tuple[str, ...]:
        words = set(re.findall(r"[^\W\d_]{2,}", " ".join(self.words).lower()))
        known = set(re.findall(r"[^\W\d_]{2,}", " ".join(self.text).lower()))
        text = " ".join(" ".join(self.text).split())
        return self.anchor, self.title, text, " ".join(self.bold), " ".join(sorted(words - known))


def _english(term: nodes.term) -> str:
    return term.astext().partition(" (")[0]


def _readable(node: nodes.Node) -> str:
    """A paragraph as one would read it aloud: formulas without their commands."""
    if isinstance(node, nodes.math):
        latex = _COMMAND.sub("", node.astext()).replace("\\sqrt", "√").replace("^\\top", "ᵀ")
        return re.sub(r"[{}\\]", "", latex)
    if isinstance(node, nodes.Text):
        return node.astext()
    return "".join(map(_readable, node.children))
