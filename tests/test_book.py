"""The built book as a reader meets it: from its files, without a network, in a browser."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import rendered_pages as pages
from bs4 import BeautifulSoup
from course import is_published  # from tools, which rendered_pages puts on the path
from rendered_pages import DESKTOP, PHONE, THEMES, needs_browser

LEAST_LETTERS = 8.6  # CSS pixels, in a figure shrunk to a phone
LEAST_CONTRAST = 4.5  # WCAG 2.2, level AA, for text of ordinary size
# What axe finds in the stock theme itself, wherever a page has it: on the buttons of a course that
# has an address.
THEMES_OWN_FAULTS = {"label-content-name-mismatch"}


@pytest.fixture(scope="module")
def html() -> Path:
    return pages.built_book()


@pytest.fixture(scope="module")
def browser():
    with pages.started_browser() as started:
        yield started


def visits():
    return [(name, theme) for name in pages.toc_names() for theme in THEMES]


@pytest.fixture(scope="module", params=visits(), ids="-".join)
def visit(request, browser):
    """Each page in each theme, opened once for all the tests that look at it."""
    opened = pages.open_visit(browser, *request.param)
    yield opened
    opened.page.context.close()


# The files themselves, without a browser


def soups(html: Path):
    for path in sorted(html.rglob("*.html")):
        if "_static" not in path.relative_to(html).parts:
            yield path, BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def is_outside(address: str) -> bool:
    return address.startswith("//") or urlsplit(address).scheme in ("http", "https", "ws", "wss")


def outside_addresses(soup: BeautifulSoup) -> list[str]:
    """What a page would fetch from outside by itself; a link that a reader may click is none."""
    loading = ("src", "href", "xlink:href", "srcset", "data", "poster", "content", "action")
    found = [
        f"<{tag.name} {attribute}={tag[attribute]}>"
        for tag in soup.find_all(lambda tag: tag.name != "a")
        for attribute in loading
        if attribute in tag.attrs and is_outside(tag[attribute])
    ]
    scripts = [tag.string or "" for tag in soup.find_all(["script", "style"])]
    return found + [text.strip()[:100] for text in scripts if re.search(r"https?://", text)]


def test_no_page_names_an_outside_script_style_or_image(html):
    found = {str(path): outside_addresses(soup) for path, soup in soups(html)}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "broken",
    [
        '<script src="https://example.org/x.js"></script>',
        '<script>const address = "https://example.org/x.js"</script>',
        '<link rel="stylesheet" href="//example.org/x.css">',
        "<style>@import url(https://example.org/x.css)</style>",
        '<img src="http://example.org/x.png">',
    ],
)
def test_an_outside_address_would_be_found(broken):
    assert outside_addresses(BeautifulSoup(broken, "html.parser"))


def test_no_style_sheet_loads_from_outside(html):
    loads = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""")
    sheets = html.rglob("*.css")
    assert [sheet.name for sheet in sheets if loads.search(sheet.read_text("utf-8"))] == []


def test_no_page_loads_the_same_script_twice_or_a_kernel_in_the_page(html):
    for path, soup in soups(html):
        sources = [tag["src"] for tag in soup.find_all("script", src=True)]
        assert sorted(set(sources)) == sorted(sources), path
        assert "thebe" not in str(soup.find_all(["script", "link"])), path


def broken_links(path: Path, soup: BeautifulSoup) -> list[str]:
    tags = soup.find_all(["a", "link", "script", "img", "source"])
    addresses = [tag.get("href") or tag.get("src") for tag in tags]
    return [a for a in addresses if a and not urlsplit(a).scheme and not resolves(path, soup, a)]


def resolves(path: Path, soup: BeautifulSoup, address: str) -> bool:
    parts = urlsplit(address)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return False
    if not parts.fragment:
        return True
    if target != path:
        soup = BeautifulSoup(target.read_text(encoding="utf-8"), "html.parser")
    return soup.find(id=unquote(parts.fragment)) is not None


def test_every_link_inside_the_book_leads_to_a_file_and_an_anchor_that_exist(html):
    found = {str(path): broken_links(path, soup) for path, soup in soups(html)}
    assert {path: links for path, links in found.items() if links} == {}


@pytest.mark.parametrize("address", ["nowhere.html", "#nowhere", "book/welcome.html#nowhere"])
def test_a_broken_link_would_be_found(html, address):
    soup = BeautifulSoup(f'<a href="{address}">x</a>', "html.parser")
    assert broken_links(html / "index.html", soup) == [address]


@pytest.mark.parametrize("name", pages.chapter_pages())
def test_buttons_lead_to_the_course_once_it_has_an_address(html, name):
    soup = BeautifulSoup(pages.page_file(name).read_text("utf-8"), "html.parser")
    repository = pages.settings()["repository"]
    account_and_repository = urlsplit(repository["url"]).path.strip("/")
    buttons = soup.select(".header-article-items a[href]")
    found = {tag["href"] for tag in buttons if is_outside(tag["href"])}
    wanted = {
        repository["url"],
        f"https://colab.research.google.com/github/{account_and_repository}/blob/"
        f"{repository['branch']}/{name}.ipynb",
    }
    assert found == (wanted if is_published(repository["url"]) else set())


@pytest.mark.parametrize("name", pages.chapter_pages())
def test_every_figure_is_drawn_into_its_page_with_ids_of_its_own(html, name):
    soup = BeautifulSoup(pages.page_file(name).read_text("utf-8"), "html.parser")
    stored = (pages.ROOT / f"{name}.ipynb").read_text("utf-8").count("data:image/svg+xml;base64,")
    drawings = soup.select("figure.drawing svg")
    assert len(drawings) == stored and not soup.select("img[src^=data]")
    inside = [tag for drawing in drawings for tag in drawing.find_all(True)]
    ids = [tag["id"] for tag in inside if tag.get("id")]
    assert len(ids) == len(set(ids))
    uses = {tag["href"].removeprefix("#") for tag in inside if tag.name == "use"}
    assert uses <= set(ids)


# In the browser


@pytest.mark.browser
@needs_browser
def test_nothing_is_asked_of_the_network(visit):
    assert [url for url in visit.requests if urlsplit(url).scheme not in ("file", "data")] == []


@pytest.mark.browser
@needs_browser
def test_the_page_runs_without_an_error_or_a_warning(visit):
    assert visit.complaints == []


@pytest.mark.browser
@needs_browser
def test_the_page_takes_the_theme_of_the_readers_system(visit):
    assert visit.page.evaluate("document.documentElement.dataset.theme") == visit.theme


HEADINGS = """() => [...document.querySelectorAll("article :is(h1, h2, h3, h4, h5, h6)")].map(
    heading => [Number(heading.tagName[1]), heading.firstChild.textContent.trim()])"""


@pytest.mark.browser
@needs_browser
def test_the_page_has_one_main_heading_its_own_and_skips_no_level(visit):
    headings = visit.page.evaluate(HEADINGS)
    levels = [level for level, _ in headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert visit.page.locator("h1:visible").count() == 1
    assert headings[0][1] == pages.title_in_source(visit.name)
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_page_never_scrolls_sideways(visit, size):
    visit.page.set_viewport_size(size)
    width = visit.page.evaluate("document.documentElement.scrollWidth")
    visit.page.set_viewport_size(DESKTOP)
    assert width <= size["width"]


@pytest.mark.browser
@needs_browser
def test_formulas_are_drawn(visit):
    written = visit.page.locator("article .math").count()
    assert visit.page.locator("article mjx-container").count() >= written
    assert visit.page.locator("mjx-merror").count() == 0
    text = visit.page.locator("article").inner_text()
    assert "$$" not in text and "\\(" not in text


@pytest.mark.browser
@needs_browser
def test_every_figure_and_image_says_what_it_shows(visit):
    silent = """() => [...document.querySelectorAll("article figure[role=img], article img")]
        .filter(shown => !(shown.ariaLabel || shown.alt || "").trim())
        .map(shown => shown.outerHTML.slice(0, 200))"""
    assert visit.page.evaluate(silent) == []
    bare = "article .cell_output svg:not(figure[role=img] svg, button svg)"
    assert visit.page.locator(bare).count() == 0


@pytest.mark.browser
@needs_browser
def test_a_figure_lies_on_the_page_without_paper_of_its_own(visit):
    papers = visit.page.locator("figure[role=img] svg .ground")
    assert papers.count() == visit.page.locator("figure[role=img] svg").count()
    assert papers.locator("visible=true").count() == 0


# Text on its effective background: colours of all ancestors laid over each other, as drawn.
CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = "#000"; canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
  const background = node => node === null ? [255, 255, 255]
    : over(rgba(getComputedStyle(node).backgroundColor), background(node.parentElement));
  const luminance = colour => colour.map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const inks = [];
  const add = (node, property) => {
    const below = background(node);
    const ink = over(rgba(getComputedStyle(node)[property]), below);
    inks.push([ratio(ink, below), node.textContent.trim().slice(0, 60)]);
  };
  const ownText = node => [...node.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  const html = "[role=status], [role=status] *, summary, summary *, .cell_output *:not(svg *)";
  document.querySelectorAll(`article :is(${html})`).forEach(n => ownText(n) && add(n, "color"));
  // Letters with a colour of their own stand on a cell of a heat map, not on the page.
  document.querySelectorAll("figure[role=img] svg text").forEach(
    n => n.style.fill.toLowerCase() === "currentcolor" && add(n, "fill"));
  return inks;
}"""


@pytest.mark.browser
@needs_browser
def test_the_texts_of_outputs_figures_and_summaries_stand_out_from_their_background(visit):
    contrasts = visit.page.evaluate(CONTRASTS)
    if visit.name in pages.chapter_pages():
        assert len(contrasts) > 50
    assert [entry for entry in contrasts if entry[0] < LEAST_CONTRAST] == []


@pytest.mark.browser
@needs_browser
def test_every_code_block_has_a_copy_button_that_works(visit):
    blocks = visit.page.locator("article div.highlight pre").count()
    assert visit.page.locator("article div.highlight button.copybtn").count() == blocks
    if blocks:
        button = visit.page.locator("article div.highlight button.copybtn:visible").first
        button.locator("xpath=..").hover()  # it shows itself when the pointer comes near
        button.click()
        visit.page.wait_for_selector("button.copybtn.success", timeout=5_000)


@pytest.mark.browser
@needs_browser
def test_hints_and_solutions_are_folded_and_open_by_keyboard(visit):
    folds = visit.page.locator("article details:not(.hide):not(.sd-dropdown)")
    assert folds.evaluate_all("all => all.filter(one => one.open).length") == 0
    if visit.name in pages.chapter_pages():
        assert folds.count() > 0
        first = folds.first
        first.locator("summary").focus()
        visit.page.keyboard.press("Enter")
        assert first.evaluate("one => one.open")
        assert first.inner_text().strip() != first.locator("summary").inner_text().strip()
        visit.page.keyboard.press("Enter")


@pytest.mark.browser
@needs_browser
def test_every_solution_shows_its_code_without_a_kernel(visit):
    bare = """() => [...document.querySelectorAll("article details")]
        .filter(one => one.querySelector("summary").textContent.trim() === "Solution")
        .filter(one => !one.querySelector("pre")?.textContent.trim()).length"""
    assert visit.page.evaluate(bare) == 0


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_figures_are_wide_enough_to_be_read_and_stay_inside_the_page(visit, size):
    visit.page.set_viewport_size(size)
    widths = visit.page.locator("figure[role=img] svg").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect()).map(box => [box.width, box.right])"
    )
    visit.page.set_viewport_size(DESKTOP)
    assert [box for box in widths if box[0] < 180 or box[1] > size["width"]] == []


LETTERS = """() => [...document.querySelectorAll("figure[role=img] svg text")].map(
    text => parseFloat(getComputedStyle(text).fontSize) * text.ownerSVGElement.getScreenCTM().a)"""


@pytest.mark.browser
@needs_browser
def test_letters_in_figures_can_be_read_on_a_phone(visit):
    visit.page.set_viewport_size(PHONE)
    sizes = visit.page.evaluate(LETTERS)
    visit.page.set_viewport_size(DESKTOP)
    assert min(sizes, default=LEAST_LETTERS) >= LEAST_LETTERS


@pytest.mark.browser
@needs_browser
def test_the_first_page_leads_on_to_the_welcome(browser):
    page = browser.new_page()
    page.goto(pages.page_file("index").as_uri())
    page.wait_for_url("**/book/welcome.html")
    page.close()


# Without preload axe reads no style sheet by itself, which a browser refuses it on file://.
AXE_RUN = "() => axe.run(document, {resultTypes: ['violations'], preload: false})"


# What scrolls is made a tab stop by the theme a third of a second after the last change.
TAB_STOPS = """() => [...document.querySelectorAll('pre')].every(
    one => one.scrollWidth <= one.clientWidth || one.tabIndex === 0)"""


def barriers(visit) -> dict[str, list[str]]:
    visit.page.wait_for_function(TAB_STOPS)
    visit.page.evaluate(pages.axe_script())
    found = visit.page.evaluate(AXE_RUN)
    return {
        one["id"]: [node["html"][:160] for node in one["nodes"][:3]]
        for one in found["violations"]
        if one["id"] not in THEMES_OWN_FAULTS
    }


@pytest.mark.browser
@needs_browser
@pytest.mark.skipif(pages.axe_script() is None, reason="needs the package axe-playwright-python")
def test_axe_finds_no_barrier_but_the_stock_themes_own(visit):
    assert barriers(visit) == {}


@pytest.mark.browser
@needs_browser
@pytest.mark.skipif(pages.axe_script() is None, reason="needs the package axe-playwright-python")
@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_no_barrier_in_the_results_of_a_search(browser, theme):
    visit = pages.open_visit(browser, "search", theme, query="?q=attention")
    assert visit.page.locator(".search-list li").count() > 10
    assert barriers(visit) == {}
    visit.page.context.close()
