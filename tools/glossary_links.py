"""Links from each page to the glossary, where a page first uses one of its words.

Done when the book is built, so that the notebooks stay plain. A link stands in running text only:
not in headings, code, formulas, other links, nor in what is folded or in an exercise's card, whose
answer it could give away. What the word means is in the link's title, which
`book/_static/glossary.js` shows on hover and on focus.
"""

import functools
import re
from collections.abc import Iterator

import glossary
from docutils import nodes
from told import told

PAGE = "book/glossary"
WITHOUT_LINKS = {PAGE, "book/references"}
# Words of everyday language that are more often not the glossary's.
EVERYDAY = {"key", "value", "control", "absolute", "features", "parity", "split", "seed"}
_NO_TEXT = (
    nodes.literal,
    nodes.math,
    nodes.reference,
    nodes.raw,
    nodes.image,
    nodes.footnote_reference,
)


def setup(app) -> None:
    app.connect("doctree-resolved", link)
    app.connect("html-page-context", mark_chinese)


def mark_chinese(app, page, template, context, doctree) -> None:
    if "body" in context:
        context["body"] = glossary.with_chinese_marked(context["body"])


def link(app, document, page) -> None:
    """Give the glossary's entries their addresses, and link other pages to them."""
    if page == PAGE:
        for term in document.findall(nodes.term):
            term["ids"].append(glossary.anchor(term.astext().partition(" (")[0]))
    if page in WITHOUT_LINKS or app.builder.format != "html":
        return
    address = app.builder.get_relative_uri(page, PAGE)
    left = {entry.anchor for entry in glossary.entries()}
    for paragraph in paragraphs(document):
        for text in list(paragraph.findall(nodes.Text)):
            if left and not _is_inside(text, _NO_TEXT, paragraph):
                text.parent.replace(text, with_links(text, left, address))


def paragraphs(document: nodes.document) -> Iterator[nodes.paragraph]:
    for piece in told(document):
        if isinstance(piece.node, nodes.paragraph) and not (piece.in_card or piece.is_folded):
            yield piece.node


def with_links(text: nodes.Text, left: set[str], address: str) -> list[nodes.Node]:
    """A text in pieces, with a link for each word of the glossary that is left to be linked.

    What is linked is taken out of `left`.
    """
    words = text.astext()
    pieces: list[nodes.Node] = []
    end = 0
    for found in _any_name().finditer(words):
        entry = _by_name()[_singular(found[0])]
        if entry.anchor in left:
            left.discard(entry.anchor)
            pieces += [nodes.Text(words[end : found.start()]), _link(found[0], entry, address)]
            end = found.end()
    return [piece for piece in [*pieces, nodes.Text(words[end:])] if piece.astext()]


def _link(word: str, entry: glossary.Entry, address: str) -> nodes.reference:
    made = nodes.reference(
        "", word, refuri=f"{address}#{entry.anchor}", internal=True, reftitle=entry.meaning
    )
    made["classes"].append("term")
    return made


def _is_inside(node: nodes.Node, kinds: tuple, until: nodes.Node) -> bool:
    while node is not until:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


@functools.cache
def _by_name() -> dict[str, glossary.Entry]:
    """The entries by their names, in small letters; one named alone goes before a shared one."""
    named = [(name.lower(), entry) for entry in glossary.entries() for name in entry.names]
    named.sort(key=lambda pair: len(pair[1].names), reverse=True)
    return {name: entry for name, entry in named if name not in EVERYDAY}


@functools.cache
def _any_name() -> re.Pattern:
    """Any name as a whole word, in the singular or plural, the longest first."""
    names = sorted(_by_name(), key=len, reverse=True)
    return re.compile(rf"(?<![\w<-])(?:{'|'.join(map(_or_plural, names))})(?![\w-])", re.IGNORECASE)


def _or_plural(name: str) -> str:
    written = re.escape(name).replace(r"\ ", r"\s").replace("'", "['’]")
    return f"{written[:-1]}(?:y|ies)" if name.endswith("y") else f"{written}s?"


def _singular(word: str) -> str:
    word = re.sub(r"\s", " ", word.lower()).replace("’", "'")
    known = _by_name()
    return next(one for one in (word, word[:-1], f"{word[:-3]}y") if one in known)
