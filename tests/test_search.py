"""The page of search: a query finds its section, from a file, in both languages."""

import json
import re

import pytest
import rendered_pages as pages
from bs4 import BeautifulSoup
from rendered_pages import PHONE, needs_browser

pytestmark = [pytest.mark.browser, needs_browser]

LARGEST_INDEX = 600  # KiB, as it lies on the disk; a server sends about a third of it

# What is asked, the address that belongs to it, and the place by which it must stand.
QUERIES = [
    ("query key value", "glossary.html#term-query-key-value", 1),
    ("query key value", "02_self_attention.html#three-roles-for-one-token", 3),
    ("sqrt", "02_self_attention.html#why-divide-by-the-square-root", 1),
    ("why divide by the root", "02_self_attention.html#why-divide-by-the-square-root", 1),
    ("RoPE", "glossary.html#term-rotary-position-embedding-rope", 1),
    ("rotary", "glossary.html#term-rotary-position-embedding-rope", 1),
    ("rotary", "04_positional_encoding.html#absolute-or-relative", 3),
    ("attention", "glossary.html#term-attention", 1),
    ("注意力", "glossary.html#term-attention", 1),
    ("旋转位置编码", "04_positional_encoding.html#by-hand-on-three-positions", 3),
    ("领域偏移", "11_domains_and_transfer.html#a-map", 3),
    ("multi-head", "03_multi_head_attention.html", 3),
    ("GQA", "03_multi_head_attention.html#sharing-keys-and-values", 1),
    ("causal masks", "02_self_attention.html#masks-who-may-look-at-whom", 3),
    ("recurrent", "#a-memory-that-is-rewritten-the-recurrent-network", 3),
    ("layer normalization", "glossary.html#term-layer-normalisation", 1),
    ("perplexity", "08_pretraining.html#by-hand-one-gap-three-guesses", 3),
    ("proxy A-distance", "11_domains_and_transfer.html#how-far-apart-are-they", 3),
    ("Holm", "11_domains_and_transfer.html#is-the-difference-real", 1),
    ("how many labels", "12_fine_tuning.html#how-many-labels", 1),
    ("discriminative rates", "12_fine_tuning.html#rates", 3),
    ("negative transfer", "11_domains_and_transfer.html#when-transfer-hurts", 3),
    ("torch.compile", "speed.html#", 1),
    ("softmax overflow", "02_self_attention.html#ex-softmax_shift", 1),
]


@pytest.fixture(scope="module")
def visit():
    with pages.started_browser() as browser:
        opened = pages.open_visit(browser, "search", "light", query="?q=softmax")
        yield opened
        assert opened.complaints == []


def addresses(visit, query: str) -> list[str]:
    visit.page.locator(".bd-search-container input").fill(query)
    return visit.page.locator(".search-list a").evaluate_all("all => all.map(a => a.href)")


def test_a_query_in_the_address_is_answered_without_the_network(visit):
    visit.page.reload()
    titles = visit.page.locator(".search-list a").all_inner_texts()
    assert "Softmax" in titles
    assert {url.partition(":")[0] for url in visit.requests} <= {"file", "data"}


@pytest.mark.parametrize(("query", "wanted", "place"), QUERIES)
def test_a_query_finds_its_section(visit, query, wanted, place):
    best = addresses(visit, query)[:place]
    anywhere = wanted.endswith("#")  # in any section of that page
    assert any(a.endswith(wanted) or (anywhere and wanted in a) for a in best), best


def test_a_result_shows_where_it_stands_and_marks_what_was_found(visit):
    addresses(visit, "causal masks")
    result = visit.page.locator(".search-list li", has_text="Masks: who may look")
    assert result.locator(".search-title span").inner_text() == "Self-attention"
    marked = {word.lower() for word in result.locator("mark").all_inner_texts()}
    assert marked and marked <= {"causal", "mask", "masks"}
    assert len(result.locator("p").nth(1).inner_text()) < 400


def test_a_search_shows_no_more_than_thirty(visit):
    assert len(addresses(visit, "the")) == 30


def index() -> dict:
    text = (pages.HTML / "_static" / "search" / "sections.js").read_text("utf-8")
    return json.loads(re.fullmatch(r"window\.courseSections = (.*);\n", text)[1])


def test_every_address_of_the_index_exists(visit):
    html = [pages.page_file(name).read_text("utf-8") for name, _ in index()["pages"]]
    anchors = [set(re.findall(r'\bid="([^"]+)"', page)) for page in html]
    entries = index()["entries"]
    assert len(entries) > 300
    assert [entry[1] for entry in entries if entry[1] and entry[1] not in anchors[entry[0]]] == []


def test_nothing_found_is_said(visit):
    assert addresses(visit, "zzqqxx") == []
    assert "Nothing found" in visit.page.locator("#search-results [role=status]").inner_text()
    assert addresses(visit, "  ") == []
    assert visit.page.locator("#search-results [role=status]").inner_text() == ""


def test_what_is_asked_is_text_and_no_html(visit):
    addresses(visit, '<img src="x"> softmax')
    assert visit.page.locator("#search-results img").count() == 0


def test_results_fit_a_phone(visit):
    size = visit.page.viewport_size
    visit.page.set_viewport_size(PHONE)
    addresses(visit, "grouped query")
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    visit.page.set_viewport_size(size)
    assert width <= PHONE["width"]


def test_the_search_box_of_a_page_leads_to_the_results(visit):
    page = visit.page.context.browser.new_page()
    page.goto(pages.page_file("notebooks/00_start_here").as_uri())
    page.keyboard.press("Control+k")
    page.keyboard.type("sqrt")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=sqrt")
    first = page.locator(".search-list a").first
    assert first.inner_text() == "Why divide by the square root?"
    first.click()
    page.wait_for_url("**/02_self_attention.html#why-divide-by-the-square-root")
    page.close()


def test_only_the_page_of_search_loads_the_index_and_it_stays_small():
    for path in pages.built_book().glob("*/*.html"):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        assert not soup.select('script[src*="/search/"], script[src*="searchindex"]'), path
    sections = pages.HTML / "_static" / "search" / "sections.js"
    assert sections.stat().st_size < 1024 * LARGEST_INDEX


def test_no_solution_and_no_hint_is_found(visit):
    words = " ".join(" ".join(entry[3:]) for entry in index()["entries"])
    solution = "Softmax looks at differences, not at ratios"  # of the first exercise in chapter 2
    page = pages.page_file("notebooks/02_self_attention").read_text("utf-8")
    assert solution in page and solution not in words
