"""The welcome page in a browser: first screen, explorer, the reader's progress, weight."""

import gzip
import json
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import rendered_pages as pages
import torch
from bs4 import BeautifulSoup
from rendered_pages import DESKTOP, PHONE, needs_browser
from tools_path import attention_explorer, exercise_data

pytestmark = [pytest.mark.browser, needs_browser]

WELCOME = "book/welcome"
BUTTONS = {"Start (20 minutes)": "00_start_here.html", "Results": "results.html"}
SCREENS = [(360, 640), (390, 844), (768, 1024), (1280, 720), (1920, 1080)]
INK_AND_GROUND = ("color", "backgroundColor")
MOST_OF_WELCOME = 500_000  # bytes, compressed
MOST_OF_A_CHAPTER = 1_000_000  # before anything is opened
PLACE = "transformer-transfer.progress"
DATA = attention_explorer.read(attention_explorer.SCORES.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    pages.built_book()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=pages.browser_command(), args=[*pages.QUIET, pages.OFFLINE]
        )
        yield started
        started.close()


@pytest.fixture
def page(browser):
    visit = pages.open_visit(browser, WELCOME, "light")
    yield visit.page
    assert visit.complaints == []
    visit.page.context.close()


def chosen(page, group: str) -> str:
    """The button of a group that is chosen, by its words."""
    return page.get_by_role("radiogroup", name=group).locator("[aria-checked=true]").inner_text()


def weights(sentence: int, layer: int, head: int, factor: float, is_causal: bool) -> torch.Tensor:
    """What a head's weights should be, from the stored scores."""
    stored = DATA["sentences"][sentence]
    length = len(stored["tokens"])
    shape = len(DATA["layers"]), DATA["heads"], length, length
    scores = factor * attention_explorer.unpacked(stored["scores"], shape)[layer, head]
    if is_causal:
        scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
    return scores.softmax(dim=-1)


# The first screen


@pytest.mark.parametrize("size", SCREENS, ids=str)
def test_both_buttons_are_in_the_first_screen(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for name, leads_to in BUTTONS.items():
        button = page.locator("article").get_by_role("link", name=name, exact=True)
        box = button.bounding_box()
        assert box["y"] + box["height"] <= size[1] and box["x"] + box["width"] <= size[0]
        assert button.get_attribute("href").endswith(leads_to)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_a_phone_sees_buttons_of_one_row_and_then_the_drawing(page):
    page.set_viewport_size(PHONE)
    start, results = (one.bounding_box() for one in page.locator(".welcome-buttons a").all())
    assert start["y"] == results["y"]
    assert page.locator(".welcome-top figure").bounding_box()["y"] > start["y"]


# The explorer


@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("factor", [0, 0.3, 1, 4])
def test_weights_in_the_page_are_those_of_the_scores(page, factor, is_causal):
    found = page.evaluate(
        """([factor, isCausal]) => explorer.sentences.map(sentence => [0, 1].map(layer =>
        [...Array(12).keys()].map(head => sentence.tokens.map((_, row) =>
        explorer.weightsOf(sentence, layer, head, row, factor, isCausal)))))""",
        [factor, is_causal],
    )
    assert len(found) == 5
    for sentence, layers in enumerate(found):
        for layer, heads in enumerate(layers):
            assert len(heads) == DATA["heads"]
            for head, rows in enumerate(heads):
                wanted = weights(sentence, layer, head, factor, is_causal)
                torch.testing.assert_close(torch.tensor(rows), wanted, rtol=1e-4, atol=1e-5)


def told(tokens: list[str], row: int, found: torch.Tensor) -> str:
    """What is said of a row: the three tokens that get most."""
    most = found[row].topk(3)
    named = [
        f"“{tokens[at]}” {weight:.2f}".replace(" 0.", " .")
        for weight, at in zip(most.values.tolist(), most.indices.tolist(), strict=True)
    ]
    return f"“{tokens[row]}” looks most at {', '.join(named)}."


def test_arrow_keys_move_who_looks_and_it_is_said(page):
    tokens = DATA["sentences"][0]["tokens"]
    start = tokens.index("it")
    found = weights(0, 1, DATA["first_head"], 1, False)
    said = page.locator(".explorer-said")
    assert said.get_attribute("aria-live") == "polite"
    assert said.inner_text() == told(tokens, start, found)
    page.locator(".explorer-tokens [aria-checked=true]").focus()
    moves = {"ArrowRight": start + 1, "ArrowLeft": start, "End": 15, "ArrowDown": 0}
    for key, row in moves.items():
        page.keyboard.press(key)
        assert said.inner_text() == told(tokens, row, found)
        assert chosen(page, "The token that looks").split()[0] == tokens[row]
        focused = page.evaluate("document.activeElement.firstChild.textContent")
        assert focused == tokens[row]


def test_each_group_is_one_tab_stop(page):
    for group in ("Layer", "The token that looks", "Head"):
        buttons = page.get_by_role("radiogroup", name=group).get_by_role("radio")
        stops = buttons.evaluate_all("all => all.filter(one => one.tabIndex === 0).length")
        assert stops == 1 and buttons.count() >= 2


def test_a_pointer_over_a_token_makes_it_look_and_a_tap_does_too(page, browser):
    tokens = DATA["sentences"][0]["tokens"]
    page.locator(".explorer-tokens button").nth(2).hover()
    assert chosen(page, "The token that looks").split()[0] == tokens[2]
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    phone = context.new_page()
    phone.goto(pages.page_file(WELCOME).as_uri())
    phone.locator(".explorer-tokens button").nth(5).tap()
    assert chosen(phone, "The token that looks").split()[0] == tokens[5]
    phone.get_by_role("radio", name="head 3").tap()
    assert chosen(phone, "Head") == "head 3"
    context.close()


def test_head_layer_sentence_scale_and_mask_change_what_is_shown(page):
    page.locator(".explorer select").select_option("1")
    page.get_by_role("radio", name="first layer").click()
    page.get_by_role("radio", name="head 7").click()
    slider = page.get_by_role("slider")
    slider.fill("2.5")
    page.get_by_role("switch").check()
    tokens = DATA["sentences"][1]["tokens"]
    row = tokens.index("good")
    found = weights(1, 0, 7, 2.5, True)
    assert page.locator(".explorer-said").inner_text() == told(tokens, row, found)
    shown = page.locator(".explorer-tokens .weight").all_inner_texts()
    assert shown[row + 1 :] == ["×"] * (len(tokens) - row - 1) and "×" not in shown[: row + 1]
    assert [float(one) for one in shown[: row + 1]] == pytest.approx(
        found[row, : row + 1].tolist(), abs=0.0051
    )
    assert slider.get_attribute("aria-valuetext") == "2.5"


def test_the_maps_of_all_heads_are_drawn_in_both_themes(browser):
    inks = []
    for theme in pages.THEMES:
        visit = pages.open_visit(browser, WELCOME, theme)
        drawn = visit.page.evaluate(
            """() => [...document.querySelectorAll(".explorer-heads canvas")].map(canvas =>
            [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data])"""
        )
        assert len(drawn) == DATA["heads"] and len({tuple(one) for one in drawn}) == DATA["heads"]
        at = 4 * max(range(len(drawn[0]) // 4), key=lambda pixel: drawn[0][4 * pixel + 3])
        inks.append(drawn[0][at : at + 3])
        visit.page.context.close()
    light, dark = map(sum, inks)
    assert light < dark


def test_without_scripts_a_drawing_stands_in_its_place(browser):
    page = browser.new_context(java_script_enabled=False, viewport=DESKTOP).new_page()
    page.goto(pages.page_file(WELCOME).as_uri())
    figure = page.locator(".attention-explorer figure[role=img]")
    assert figure.is_visible() and figure.locator("rect").count() > 100
    assert page.locator(".explorer").count() == 0
    start = page.locator(".welcome-buttons a").first
    seen = [start.evaluate(f"one => getComputedStyle(one).{it}") for it in INK_AND_GROUND]
    assert seen == ["rgb(255, 255, 255)", "rgb(34, 34, 34)"]
    assert page.locator("li.chapter").count() == len(pages.chapter_pages())
    page.context.close()


# The reader's progress


def test_the_cards_say_what_the_reader_has_solved(page):
    names = list(exercise_data.read("02_self_attention"))
    solved = {name: {"passed": True, "tries": 1} for name in names[:3]}
    tried = {names[4]: {"passed": False, "tries": 2}}
    record = json.dumps({"schema": 1, "exercises": solved | tried})
    page.evaluate("([place, text]) => localStorage.setItem(place, text)", [PLACE, record])
    page.reload()
    card = page.locator("li.chapter", has_text="Self-attention")
    assert card.locator(".chapter-solved").inner_text() == f"3 of {len(names)} solved"
    share = card.locator(".chapter-bar").evaluate("bar => bar.style.getPropertyValue('--solved')")
    assert float(share) == pytest.approx(3 / len(names))
    assert page.locator(".chapter-bar").count() == 1


# Weight


def compressed(files: set[Path]) -> int:
    """Bytes of all files, each compressed as a server sends it."""
    return sum(len(gzip.compress(file.read_bytes())) for file in files)


def loaded(visit: pages.Visit) -> set[Path]:
    """The files that a page has asked for."""
    visit.page.wait_for_load_state("networkidle")
    files = {unquote(urlsplit(url).path) for url in visit.requests if url.startswith("file:")}
    assert len(files) > 10
    return set(map(Path, files))


def named_in(page: Path) -> set[Path]:
    """A page's file, and the scripts and styles that it names."""
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    tags = [*soup.select("script[src]"), *soup.select("link[rel=stylesheet]")]
    paths = {urlsplit(tag.get("src") or tag["href"]).path for tag in tags}
    return {page, *((page.parent / path).resolve() for path in paths)}


def test_the_welcome_page_is_light(browser):
    visit = pages.open_visit(browser, WELCOME, "light")
    assert compressed(loaded(visit)) < MOST_OF_WELCOME
    assert not [url for url in visit.requests if "mathjax" in url or "webfonts" in url]
    visit.page.context.close()


def test_the_heaviest_chapter_is_light_before_anything_is_opened(browser):
    sizes = {name: compressed(named_in(pages.page_file(name))) for name in pages.chapter_pages()}
    visit = pages.open_visit(browser, max(sizes, key=sizes.get), "light")
    assert max(sizes.values()) < compressed(loaded(visit)) < MOST_OF_A_CHAPTER
    visit.page.context.close()
