"""What the search finds: the entries of a page, and the words that mean the same."""

from docutils import nodes
from docutils.core import publish_doctree
from tools_path import search_index, told


def section(title: str, anchor: str, *blocks: nodes.Node) -> nodes.section:
    return nodes.section("", nodes.title("", title), *blocks, ids=[anchor])


def raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def text(words: str) -> nodes.paragraph:
    return nodes.paragraph("", words)


def cell(code: str, output: str) -> nodes.container:
    given = nodes.container("", nodes.literal_block("", code), classes=["cell_input"])
    made = nodes.container("", nodes.literal_block("", output), classes=["cell_output"])
    return nodes.container("", given, made, classes=["cell"])


CARD = (
    '<div class="exercise" id="ex-causal" role="group">\n<p class="exercise-head">'
    '<a class="exercise-name" id="x" href="#ex-causal">2.9 · Write it</a></p>'
)


def entries(*blocks: nodes.Node, page: str = "notebooks/x") -> dict[str, tuple[str, ...]]:
    document = publish_doctree("")
    document += section("The page", "the-page", *blocks)
    return {entry[1]: entry for entry in search_index.entries(document, page)}


def test_each_section_is_found_by_its_own_text():
    found = entries(text("Before."), section("Masks", "masks", text("Who may look.")))
    assert found["The page"] == ("", "The page", "Before.", "", "")
    assert found["Masks"] == ("masks", "Masks", "Who may look.", "", "")


def test_code_is_found_and_not_shown_and_outputs_are_neither():
    found = entries(text("Softmax."), cell("weights = softmax(scores)", "0.25 sunlit"))
    assert found["The page"][2:] == ("Softmax.", "", "scores weights")


def test_what_is_introduced_in_bold_is_told_apart():
    block = nodes.paragraph("", "A ", nodes.strong("", "query"), nodes.Text(" looks."))
    assert entries(block)["The page"][2:4] == ("A query looks.", "query")


def test_formulas_can_be_read():
    block = nodes.paragraph("", "by ", nodes.math("", r"\sqrt{d_k}"))
    block += nodes.Text(" of ")
    block += nodes.math("", r"\mathrm{softmax}(Q K^\top)")
    assert entries(block)["The page"][2] == "by √d_k of softmax(Q Kᵀ)"


def test_an_exercise_is_found_by_itself_and_the_section_goes_on_after_it():
    found = entries(raw(CARD), text("Write a mask."), raw("</div>"), text("After."))
    assert found["2.9 · Write it"][:3] == ("ex-causal", "2.9 · Write it", "Write a mask.")
    assert found["The page"][2] == "After."


def test_what_is_folded_is_not_found():
    fold = [raw("<details><summary>Solution</summary>"), text("tril"), raw("</details>")]
    assert entries(raw(CARD), text("Task."), *fold, raw("</div>"))["2.9 · Write it"][2] == "Task."


def test_a_word_of_the_glossary_is_found_by_itself():
    item = nodes.definition_list_item(
        "", nodes.term("", "Mask (掩码)"), nodes.definition("", text("Says who."))
    )
    found = entries(nodes.definition_list("", item), page="book/glossary")
    assert found["Mask (掩码)"][:3] == ("term-mask", "Mask (掩码)", "Says who.")


def test_names_of_the_same_thing_stand_together():
    same = search_index.same_words()
    assert ["rotary position embedding", "rope", "旋转位置编码"] in same
    assert ["attention", "注意力"] in same
    assert any({"sqrt", "square root"} == set(group) for group in same)
    assert all(name == name.lower() for group in same for name in group)


def test_pieces_say_where_they_stand():
    document = publish_doctree("")
    for block in (
        text("a"),
        raw(CARD),
        text("b"),
        raw("<details>"),
        text("c"),
        raw("</details>"),
        raw("</div>"),
        text("d"),
    ):
        document += block
    places = {
        piece.node.astext(): (piece.in_card, piece.is_folded)
        for piece in told.told(document)
        if isinstance(piece.node, nodes.paragraph)
    }
    assert places == {
        "a": (False, False),
        "b": (True, False),
        "c": (True, True),
        "d": (False, False),
    }
