"""Numbers and captions of figures."""

import pytest
from bs4 import BeautifulSoup
from tools_path import figure_numbers

PLOT = '<figure class="drawing" role="img" aria-label="Loss falls. It goes to 0.5."><svg/></figure>'
SCHEMA = (
    '<figure class="schema" role="img" aria-label="Three tokens."><svg/></figure>'
    '<p class="caption"><em>Who looks at whom.</em></p>'
)


def soup(body: str, page: str = "notebooks/02_self_attention") -> BeautifulSoup:
    return BeautifulSoup(figure_numbers.with_numbers(body, page), "html.parser")


def test_figures_are_counted_within_their_chapter():
    found = soup(f"<p>a</p>{PLOT}<p>b</p>{SCHEMA}{PLOT}")
    assert [a.get_text() for a in found.select("a.figure-number")] == [
        "Figure 2.1",
        "Figure 2.2",
        "Figure 2.3",
    ]
    assert [div["id"] for div in found.select("div.numbered")] == ["fig-2-1", "fig-2-2", "fig-2-3"]
    links = [a["href"] for a in found.select("a.figure-number")]
    assert links == ["#fig-2-1", "#fig-2-2", "#fig-2-3"]


def test_a_plots_caption_is_the_first_sentence_of_its_alternative():
    assert soup(PLOT).select_one("p.caption").get_text() == "Figure 2.1 Loss falls."


def test_a_schematic_keeps_its_caption():
    captions = soup(SCHEMA).select("p.caption")
    assert [one.get_text() for one in captions] == ["Figure 2.1 Who looks at whom."]
    assert captions[0].select_one("em").get_text() == "Who looks at whom."


def test_a_page_that_is_no_chapter_counts_alone():
    found = soup(PLOT, "book/speed")
    assert found.select_one("a.figure-number").get_text() == "Figure 1"
    assert found.select_one("div.numbered")["id"] == "fig-1"


def test_the_welcome_pages_picture_has_no_number():
    assert figure_numbers.with_numbers(PLOT, "book/welcome") == PLOT


def test_what_is_no_figure_of_the_course_stays_as_it_is():
    body = "<figure><img src='x.png'/></figure><p>text</p>"
    assert figure_numbers.with_numbers(body, "book/welcome") == body


@pytest.mark.parametrize(
    ("alt", "first"),
    [
        ("One. Two.", "One."),
        ("It goes to 0.5 at once. Then up.", "It goes to 0.5 at once."),
        ("Heat map: who looks. the looks most at cat (0.67).", "Heat map: who looks."),
        ("Words vs. counts. More.", "Words vs. counts."),
        ("After Vaswani et al. 2017. More.", "After Vaswani et al. 2017."),
        ("No end at all", "No end at all"),
        ("Is it? Yes.", "Is it?"),
    ],
)
def test_a_first_sentence_ends_where_a_reader_ends_it(alt, first):
    assert figure_numbers.first_sentence(alt) == first
