"""What a page tells, in the reader's order: for the search index and for links to the glossary.

Of a code cell it is the code, without its output. What is folded (hints, solutions, long tables)
and what stands in an exercise's card is marked as such: raw HTML opens and closes both.
"""

from collections.abc import Iterator
from typing import NamedTuple

from docutils import nodes

_CARD = '<div class="exercise"'
_WHOLE = nodes.paragraph | nodes.title | nodes.literal_block | nodes.math_block | nodes.image


class Told(NamedTuple):
    """A section, a raw piece, or what carries text; and where it stands."""

    node: nodes.Node
    in_card: bool
    is_folded: bool


def told(document: nodes.document) -> Iterator[Told]:
    """Each piece of a page, in order."""
    in_card, depth = False, 0
    for node in _pieces(document):
        if isinstance(node, nodes.raw):
            raw = node.astext()
            depth += raw.count("<details") - raw.count("</details>")
            if raw.startswith(_CARD):
                in_card = True
            elif raw.strip() == "</div>":
                in_card = False
        yield Told(node, in_card, depth > 0)


def _pieces(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.children:
        if isinstance(child, nodes.Element) and "cell_output" in child.get("classes", ()):
            continue
        if isinstance(child, nodes.section | nodes.raw | nodes.term | _WHOLE):
            yield child
        if not isinstance(child, _WHOLE | nodes.raw | nodes.term):
            yield from _pieces(child)
