"""What the book does with its pages: figures drawn into them, no button that leads nowhere."""

import base64
import re
from types import SimpleNamespace

import pytest
from tools_path import figure_numbers, pages_extension

from lessons_lib.base import svg

DRAWING = (
    '<svg width="8" height="6"><path id="i0" d="M0 0L1 1"/><use href="#i0"/>'
    '<g clip-path="url(#i1)" style="fill:#010203"/><clipPath id="i1"/></svg>'
)


def stored(*alts: str) -> str:
    images = " ".join(svg.image_of(DRAWING, alt) for alt in alts)
    return f'<figure style="margin:0.5em 0">{images}</figure>'


def test_a_figure_becomes_its_drawing_with_its_text_alternative():
    page = pages_extension.with_drawings(f"<p>before</p>{stored('Is 1 < 2?')}<p>after</p>")
    assert page.startswith("<p>before</p><figure") and page.endswith("</figure><p>after</p>")
    assert 'role="img" aria-label="Is 1 &lt; 2?"' in page
    assert '<path id="figure-0-0-i0" d="M0 0L1 1"/>' in page
    assert "<img" not in page and "base64" not in page


def test_drawings_side_by_side_are_one_figure_with_the_first_ones_words():
    page = pages_extension.with_drawings(stored("Two lines.", ""))
    assert page.count("<figure") == 1 and page.count("<svg aria-hidden") == 2
    assert re.findall('aria-label="(.*?)"', page) == ["Two lines."]


def test_no_two_drawings_of_a_page_share_an_id_and_each_refers_to_its_own():
    page = pages_extension.with_drawings(stored("One.", "") + stored("Two."))
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids)) == 6
    for drawing in re.findall(r"<svg.*?</svg>", page):
        own = re.findall(r'id="([^"]+)"', drawing)
        assert re.findall(r'(?:url\(|href=")#([^")]+)', drawing) == own
        assert "fill:#010203" in drawing


@pytest.mark.parametrize("other", ["<p>x</p>", '<img alt="x" src="_static/x.svg">', "<figure/>"])
def test_the_rest_of_a_page_stays_as_it_is(other):
    assert pages_extension.with_drawings(other) == other


@pytest.mark.parametrize("account", ["your_account", "somebody"])
def test_buttons_are_left_out_until_the_course_has_an_address(account):
    options = {
        "repository_url": f"https://github.com/{account}/any-name",
        "use_repository_button": True,
        "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    }
    config = SimpleNamespace(html_theme_options=options)
    pages_extension.leave_out_buttons_that_lead_nowhere(None, config)
    assert options["use_repository_button"] == (account == "somebody")
    assert bool(options["launch_buttons"]) == (account == "somebody")


def test_it_is_the_body_of_a_page_that_is_drawn_into():
    context = {"body": stored("A line.")}
    assert base64.b64encode(DRAWING.encode()).decode() in context["body"]
    pages_extension.draw_figures_into_page(None, "page", "page.html", context, None)
    drawn = pages_extension.with_drawings(stored("A line."))
    assert drawn in context["body"]
    assert context["body"] == figure_numbers.with_numbers(drawn, "page")
