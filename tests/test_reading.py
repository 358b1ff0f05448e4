"""The pages as they are read: formulas on a phone, lines, figures, links, and the keyboard."""

import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
import rendered_pages as pages
from bs4 import BeautifulSoup
from rendered_pages import PHONE, needs_browser
from test_book import CONTRASTS, LEAST_CONTRAST

pytestmark = [pytest.mark.browser, needs_browser]

NARROW = {"width": 360, "height": 800}
CHAPTER = "notebooks/02_self_attention"
LETTERS_A_LINE = (55, 80)  # with any system's sans serif; wanted are about 70
LEAST_CODE = 13  # CSS pixels
LIGHT = 1_000_000  # bytes


@pytest.fixture(scope="module")
def browser():
    with pages.started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def chapter(browser):
    """A chapter on a desktop, opened once."""
    opened = pages.open_visit(browser, CHAPTER, "light")
    yield opened
    assert opened.complaints == []


@pytest.fixture(scope="module", params=pages.toc_names())
def on_phone(request, browser):
    """Each page on a phone, opened once."""
    opened = pages.open_visit(browser, request.param, "light", PHONE)
    yield opened
    opened.page.context.close()


def soup_of(name: str) -> BeautifulSoup:
    pages.built_book()
    return BeautifulSoup(pages.page_file(name).read_text("utf-8"), "html.parser")


# Formulas on a phone

WIDTHS = """() => [...document.querySelectorAll("div.math mjx-container[display=true]")].map(
    formula => {
      const frame = formula.closest("div.math");
      const { overflowX, backgroundImage } = getComputedStyle(frame);
      const { width } = formula.querySelector("mjx-math").getBoundingClientRect();
      const words = formula.textContent.slice(0, 60);
      return [width, frame.clientWidth, words, overflowX, backgroundImage];
    })"""


def test_a_displayed_formula_is_seen_whole_on_a_phone_or_shows_that_there_is_more(on_phone):
    for size in (NARROW, PHONE):
        on_phone.page.set_viewport_size(size)
        formulas = on_phone.page.evaluate(WIDTHS)
        assert len(formulas) == on_phone.page.locator("article div.math").count()
        too_wide = [one for one in formulas if one[0] > one[1] + 1]
        assert all(scrolls == "auto" and "gradient" in cue for *_, scrolls, cue in too_wide)


@pytest.mark.parametrize("theme", pages.THEMES)
def test_a_formula_that_is_too_wide_scrolls_and_shows_a_shadow_at_its_edge(browser, theme):
    visit = pages.open_visit(browser, CHAPTER, theme, PHONE)
    frame = visit.page.locator("div.math").last
    frame.evaluate("frame => { frame.style.width = '150px' }")
    assert frame.evaluate("frame => frame.scrollWidth > frame.clientWidth")
    assert frame.evaluate("frame => getComputedStyle(frame).overflowX") == "auto"
    assert frame.evaluate(BEGINS) == pytest.approx(frame.bounding_box()["x"], abs=3)
    with_more = edge(frame)
    frame.evaluate("frame => { frame.scrollLeft = 9999 }")
    assert with_more != edge(frame)
    visit.page.context.close()


BEGINS = "frame => frame.querySelector('mjx-math').getBoundingClientRect().left"


def edge(frame) -> bytes:
    """The last pixels of a formula's frame below its symbols, as a picture."""
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    strip = {"x": box["x"] + box["width"] - 6, "y": box["y"] + box["height"] - 3}
    return frame.page.screenshot(clip=strip | {"width": 6, "height": 2})


# What a page weighs, before the reader opens anything


def weight(visit) -> int:
    """The bytes that a server sends for a page: fonts and pictures as they are, text packed."""
    paths = {url2pathname(urlsplit(url).path) for url in visit.requests if url.startswith("file:")}
    files = [Path(path).read_bytes() for path in paths]
    return sum(min(len(file), len(gzip.compress(file))) for file in files)


def test_a_page_is_light_enough_for_a_slow_network(on_phone):
    assert weight(on_phone) < LIGHT


# Paper


@pytest.mark.parametrize("name", [CHAPTER, "book/results"])
def test_a_page_is_printed_in_light_colours_from_the_dark_theme_too(browser, name):
    visit = pages.open_visit(browser, name, "dark")
    visit.page.emulate_media(media="print")
    contrasts = visit.page.evaluate(CONTRASTS)
    assert [entry for entry in contrasts if entry[0] < LEAST_CONTRAST] == []
    ground = "getComputedStyle(document.querySelector('article')).backgroundColor"
    assert visit.page.evaluate(ground) == "rgb(255, 255, 255)"
    for words in ("article p", "article h2", "article a.reference.internal"):
        ink = visit.page.locator(words).first.evaluate("one => getComputedStyle(one).color")
        assert max(map(int, re.findall(r"\d+", ink)[:3])) < 160, words
    visit.page.context.close()


# Lines, code, cells

LINE = """() => {
  const text = document.querySelector("article section section > p");
  const style = getComputedStyle(text);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${style.fontSize} ${style.fontFamily}`;
  const sample = text.textContent;
  const room = Math.min(parseFloat(style.maxWidth), text.parentElement.clientWidth);
  return room / (pen.measureText(sample).width / sample.length);
}"""


def test_a_line_of_text_has_about_seventy_letters(chapter):
    low, high = LETTERS_A_LINE
    assert low <= chapter.page.evaluate(LINE) <= high


def test_code_is_large_enough_beside_the_text(chapter):
    sizes = chapter.page.locator("article pre").evaluate_all(
        "all => all.map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= LEAST_CODE


def test_an_output_is_in_one_box_with_its_code(chapter):
    cell = chapter.page.locator("div.cell:has(> .cell_input + .cell_output)").first
    box, code, output = (
        one.bounding_box()
        for one in (cell, cell.locator("> .cell_input"), cell.locator("> .cell_output"))
    )
    assert code["y"] + code["height"] == pytest.approx(output["y"], abs=1)
    assert output["y"] + output["height"] <= box["y"] + box["height"]
    assert cell.evaluate("one => getComputedStyle(one).borderRightStyle") == "solid"


def test_ordinary_code_needs_no_scrolling_on_a_laptop(chapter):
    """Lines of 88 characters fit; what scrolls is longer, or stands in a card."""
    longest = chapter.page.evaluate(
        """() => [...document.querySelectorAll("article div.cell_input pre")]
            .filter(pre => !pre.closest(".exercise") && pre.scrollWidth > pre.clientWidth)
            .map(pre => Math.max(...pre.textContent.split("\\n").map(line => line.length)))"""
    )
    assert [length for length in longest if length <= 88] == []


# Figures


@pytest.mark.parametrize("name", pages.chapter_pages())
def test_every_figure_has_a_number_a_caption_and_an_address(name):
    soup = soup_of(name)
    chapter = int(re.search(r"/(\d+)_", name)[1])
    figures = soup.select("figure.drawing, figure.schema")
    captions = soup.select("article p.caption:has(.figure-number)")
    assert len(figures) == len(captions)
    for number, (figure, caption) in enumerate(zip(figures, captions, strict=True), start=1):
        link = caption.select_one("a.figure-number")
        assert link.get_text() == f"Figure {chapter}.{number}"
        assert figure.parent["id"] == link["href"].removeprefix("#") == f"fig-{chapter}-{number}"
        assert len(caption.get_text().removeprefix(link.get_text()).strip()) > 10


# Words of the glossary


def test_a_word_tells_its_meaning_on_hover_and_on_focus_until_escape(chapter):
    page = chapter.page
    word = page.locator("article a.term", has_text="masks").first
    told = page.locator("#definition")
    assert not told.is_visible()
    word.hover()
    assert told.is_visible() and told.inner_text().startswith("Says for each pair of query and key")
    page.mouse.move(0, 0)
    told.wait_for(state="hidden")
    word.focus()
    assert told.is_visible()
    assert word.get_attribute("aria-describedby") == told.get_attribute("id")
    page.keyboard.press("Escape")
    assert not told.is_visible()
    assert word.get_attribute("aria-describedby") is None


# Where the meaning begins and ends, and how far it is above or below the word's first line.
BESIDE = """() => {
  const box = document.getElementById("definition").getBoundingClientRect();
  const word = document.activeElement.getClientRects()[0];
  return [box.left, box.right, Math.max(word.top - box.bottom, box.top - word.bottom)];
}"""


def test_a_meaning_stays_inside_a_phones_screen(browser):
    visit = pages.open_visit(browser, CHAPTER, "light", PHONE)
    for word in visit.page.locator("article a.term").all():
        word.focus()
        left, right, gap = visit.page.evaluate(BESIDE)
        assert left >= 0 and right <= PHONE["width"]
        assert 0 <= gap <= 10
    visit.page.context.close()


@pytest.mark.parametrize("name", pages.toc_names())
def test_a_page_links_each_word_once_and_outside_of_headings_code_and_cards(name):
    soup = soup_of(name)
    links = soup.select("a.term")
    addresses = [link["href"] for link in links]
    assert len(addresses) == len(set(addresses))
    assert not soup.select(":is(h1, h2, h3, h4, pre, code, a, .exercise, details) a.term")
    if name in pages.chapter_pages():
        assert len(links) >= 5


def test_chinese_says_that_it_is_chinese():
    terms = soup_of("book/glossary").select("dt")
    assert len(terms) > 50
    assert all(term.get("id", "").startswith("term-") for term in terms)
    assert all(term.select_one('[lang="zh"]') for term in terms)


# The keyboard


def test_a_formula_is_no_stop_of_the_tab_key(chapter):
    assert chapter.page.locator("mjx-container").count() > 10
    assert chapter.page.locator("mjx-container[tabindex='0']").count() == 0


def test_all_copy_buttons_are_one_stop_and_arrows_lead_to_the_others(chapter):
    page = chapter.page
    buttons = page.locator("button.copybtn")
    stops = page.locator("button.copybtn:not([tabindex='-1'])")
    assert buttons.count() > 50 and stops.count() == 1
    section = page.locator("#why-divide-by-the-square-root")
    section.locator("button.copybtn:visible").first.scroll_into_view_if_needed()
    page.wait_for_function(
        """() => {
          const stop = document.querySelector("button.copybtn:not([tabindex='-1'])");
          const { top, bottom } = stop.getBoundingClientRect();
          return top >= 0 && bottom <= innerHeight;
        }"""
    )
    stops.focus()
    first = place_of_focus(page)
    page.keyboard.press("ArrowDown")
    assert place_of_focus(page) > first and stops.count() == 1
    page.keyboard.press("ArrowUp")
    assert place_of_focus(page) == first
    opacity = "getComputedStyle(document.activeElement).opacity"
    page.wait_for_function(f"() => {opacity} > 0.5")
    page.keyboard.press("Enter")
    page.wait_for_selector("button.copybtn.success")


def place_of_focus(page) -> int:
    return page.evaluate(
        "() => [...document.querySelectorAll('button.copybtn')].indexOf(document.activeElement)"
    )
