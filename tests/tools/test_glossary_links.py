"""Links to the glossary: where a word is first used, and nowhere else."""

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from tools_path import glossary, glossary_links


class App:
    """What the links ask of the builder."""

    class builder:
        format = "html"

        @staticmethod
        def get_relative_uri(page, other):
            return "../book/glossary.html"


def linked(*blocks: str | nodes.Node, page: str = "notebooks/x") -> list[tuple[str, str]]:
    """The words that are linked on a page of paragraphs (or other nodes), and their anchors."""
    document = publish_doctree("")
    for block in blocks:
        document += nodes.paragraph("", block) if isinstance(block, str) else block
    before = document.astext()
    glossary_links.link(App, document, page)
    assert document.astext() == before
    links = document.findall(nodes.reference)
    return [(one.astext(), one["refuri"].partition("#")[2]) for one in links]


def raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A mask hides. The mask again.", [("mask", "term-mask")]),
        ("Two masks.", [("masks", "term-mask")]),
        ("Queries meet.", [("Queries", "term-query-key-value")]),
        ("A causal mask.", [("causal mask", "term-causal-mask")]),
        ("causal mask, then mask", [("causal mask", "term-causal-mask"), ("mask", "term-mask")]),
        ("By RoPE.", [("RoPE", "term-rotary-position-embedding-rope")]),
        ("Pearson’s r", [("Pearson’s r", "term-pearsons-r")]),
        ("Fine-tuning", [("Fine-tuning", "term-fine-tuning")]),
        ("masked, unmask, mask-like, <mask>", []),
        ("The key to it is of value.", []),
    ],
)
def test_the_first_use_of_a_word_is_linked(text, words):
    assert linked(text) == words


def test_a_word_is_linked_once_on_a_page():
    assert len(linked("A mask.", "Another mask.", "Masks.")) == 1


@pytest.mark.parametrize(
    "block",
    [
        nodes.paragraph("", "", nodes.literal("", "mask")),
        nodes.section("", nodes.title("", "Mask"), ids=["mask"]),
        nodes.literal_block("", "mask"),
        nodes.paragraph("", "", nodes.math("", "mask")),
    ],
)
def test_headings_code_and_formulas_hold_no_link(block):
    assert linked(block) == []


def test_a_word_in_another_link_stays_what_it_is():
    other = nodes.paragraph("", "", nodes.reference("", "the mask", refuri="there"))
    assert linked(other) == [("the mask", "")]


def hidden() -> list[str | nodes.Node]:
    card = [raw('<div class="exercise" id="ex-a">'), "a mask", raw("</div>")]
    return [*card, raw("<details>\n<summary>Hint</summary>"), "a mask", raw("</details>")]


def test_exercises_and_what_is_folded_hold_none_and_what_follows_does():
    assert linked(*hidden()) == []
    assert linked(*hidden(), "a mask") == [("mask", "term-mask")]


def test_a_link_tells_the_meaning():
    document = publish_doctree("")
    document += nodes.paragraph("", "A mask.")
    glossary_links.link(App, document, "notebooks/x")
    link = next(iter(document.findall(nodes.reference)))
    meaning = next(one.meaning for one in glossary.entries() if one.anchor == "term-mask")
    assert link["reftitle"] == meaning and "term" in link["classes"]
    assert link["refuri"] == "../book/glossary.html#term-mask"


def test_the_glossary_links_to_no_word_of_its_own_and_gets_anchors():
    document = publish_doctree("")
    item = nodes.definition_list_item(
        "", nodes.term("", "Mask (掩码)"), nodes.definition("", nodes.paragraph("", "A mask."))
    )
    document += nodes.definition_list("", item)
    glossary_links.link(App, document, glossary_links.PAGE)
    assert item[0]["ids"] == ["term-mask"]
    assert list(document.findall(nodes.reference)) == []
