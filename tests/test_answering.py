"""Exercises on the built pages, as a reader meets them: answered, kept, carried along."""

import json
from collections import Counter

import pytest
import rendered_pages as pages
from bs4 import BeautifulSoup
from rendered_pages import DESKTOP, PHONE, THEMES, needs_browser
from test_book import CONTRASTS, LEAST_CONTRAST

from lessons_lib import exercises
from lessons_lib.exercises.engine import record, registry
from lessons_lib.exercises.engine.values import Choice, Ordering, ValueExercise

pytestmark = [pytest.mark.browser, needs_browser]

CHAPTER = "notebooks/02_self_attention"
SMALLEST_TARGET = 24  # CSS pixels, WCAG 2.2, level AA


@pytest.fixture(scope="module")
def browser():
    with pages.started_browser() as started:
        yield started


@pytest.fixture
def visit(browser):
    """A page of exercises, opened by somebody who has answered none."""
    opened = opened_without_maths(browser, CHAPTER)
    yield opened
    assert opened.complaints == []
    opened.page.context.close()


def opened_without_maths(browser, name: str) -> pages.Visit:
    """A page whose formulas are not drawn, which takes most of the time and changes no answer."""
    page = browser.new_context(viewport=DESKTOP, reduced_motion="reduce").new_page()
    page.route("**/mathjax/*.js*", lambda route: route.fulfill(content_type="text/javascript"))
    page.set_default_navigation_timeout(90_000)  # a busy machine is no fault of the page
    visit = pages.Visit(name, "light", page)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.goto(pages.page_file(name).as_uri())
    return visit


def card_of(page, short: str):
    return page.locator(f"#ex-{short}")


def answer(card, exercise, value: str) -> str:
    """Put an answer in as a reader would, check it, and return what is said."""
    if isinstance(exercise, Choice):
        for box in card.locator("input").all():
            box.set_checked(box.input_value() in value) if exercise.several else None
        if not exercise.several:
            card.locator(f'input[value="{value}"]').check()
    elif isinstance(exercise, Ordering):
        bring_into_order(card, value)
    else:
        card.locator("input").fill(value)
    card.get_by_role("button", name="Check").click()
    return card.locator(".verdict").inner_text()


def bring_into_order(card, letters: str) -> None:
    for place, letter in enumerate(letters):
        items = card.locator("li[data-letter]")
        while items.nth(place).get_attribute("data-letter") != letter:
            card.get_by_role("button", name=f"Move {letter} up").click()


@pytest.mark.parametrize("name", pages.chapter_pages())
def test_every_value_can_be_answered_rightly_on_its_page(browser, name):
    visit = opened_without_maths(browser, name)
    chapter = name.partition("_")[2]
    for exercise in registry.exercises_of(chapter):
        card = card_of(visit.page, exercise.name.partition(".")[2])
        if isinstance(exercise, ValueExercise):
            said = answer(card, exercise, str(exercise.right_answer))
            assert said.startswith("Right"), exercise.name
            assert card.locator(".exercise-state").inner_text() == "✓ solved"
        else:
            assert card.locator("form").count() == 0
    assert visit.complaints == []
    visit.page.context.close()


def test_a_wrong_answer_gets_the_words_of_check_and_can_be_changed(visit, capsys):
    exercise = registry.find("self_attention.softmax_shift")
    card = card_of(visit.page, "softmax_shift")
    found = exercises.check(exercise.name, "d")
    plain = found.message.replace("*", "").replace("`", "")
    assert answer(card, exercise, "d") == f"Not yet\n{plain}"
    assert card.locator(".exercise-state").inner_text() == ""
    assert answer(card, exercise, "b").startswith("Right")


def test_nothing_chosen_is_told_and_is_no_try(visit):
    card = card_of(visit.page, "softmax_shift")
    card.get_by_role("button", name="Check").click()
    assert "should be one of" in card.locator(".verdict").inner_text()
    assert visit.page.evaluate("lessons.load()") == {}


def test_a_prediction_keeps_the_first_guess(visit):
    exercise = registry.find("self_attention.largest_weight")
    card = card_of(visit.page, "largest_weight")
    for guess in ("0.3", "0.93"):
        answer(card, exercise, guess)
        assert card.locator(".first-guess").inner_text() == "Your first guess was 0.3."
    kept = visit.page.evaluate("lessons.load()")["self_attention.largest_weight"]
    assert (kept["first_guess"], kept["tries"], kept["passed"]) == (0.3, 2, True)


def test_what_was_answered_stands_there_again_after_the_page_was_left(visit):
    answer(card_of(visit.page, "softmax_shift"), registry.find("self_attention.softmax_shift"), "b")
    right = registry.find("self_attention.order_of_steps").right
    answer(
        card_of(visit.page, "order_of_steps"), registry.find("self_attention.order_of_steps"), right
    )
    visit.page.reload()
    assert card_of(visit.page, "softmax_shift").locator('input[value="b"]').is_checked()
    order = card_of(visit.page, "order_of_steps").locator("li[data-letter]")
    assert "".join(one.get_attribute("data-letter") for one in order.all()) == right
    assert card_of(visit.page, "order_of_steps").locator(".verdict").inner_text()
    total = len(registry.exercises_of("self_attention"))
    count = visit.page.locator(".exercise-progress").inner_text()
    assert f"On this page, 2 of {total} done." in count
    assert visit.page.evaluate("lessons.load()")["self_attention.softmax_shift"]["tries"] == 1


def test_another_page_of_the_book_knows_it_too(visit):
    answer(card_of(visit.page, "softmax_shift"), registry.find("self_attention.softmax_shift"), "b")
    other = visit.page.context.new_page()
    other.goto(pages.page_file("notebooks/00_start_here").as_uri())
    assert list(other.evaluate("lessons.load()")) == ["self_attention.softmax_shift"]


def test_a_progress_file_goes_to_the_notebooks_and_comes_back(visit, tmp_path):
    answer(card_of(visit.page, "softmax_shift"), registry.find("self_attention.softmax_shift"), "b")
    with visit.page.expect_download() as saving:
        visit.page.get_by_role("button", name="Save progress to a file").click()
    assert saving.value.suggested_filename == "progress.json"
    saving.value.save_as(tmp_path / "progress.json")
    record.save("self_attention.causal", passed=True)
    exercises.import_progress(tmp_path / "progress.json")
    both = {"self_attention.softmax_shift", "self_attention.causal"}
    assert {name for name, entry in record.load().items() if entry["passed"]} == both

    exercises.export_progress(tmp_path / "back.json")
    visit.page.locator("input[type=file]").set_input_files(tmp_path / "back.json")
    state = card_of(visit.page, "causal").locator(".exercise-state")
    visit.page.wait_for_function("document.querySelector('#ex-causal .exercise-state').textContent")
    assert state.inner_text() == "✓ solved"
    assert visit.page.evaluate("lessons.load()") == record.load()


def test_another_file_changes_nothing_and_is_told(visit, tmp_path):
    (tmp_path / "other.json").write_text('{"schema": 7}')
    visit.page.locator("input[type=file]").set_input_files(tmp_path / "other.json")
    told = visit.page.locator(".exercise-progress [role=status]:not(:empty)")
    told.wait_for()
    assert told.inner_text() == "The progress file has schema 7; this is 1. Nothing was changed."


def test_what_the_browser_keeps_damaged_is_set_aside(visit):
    visit.page.evaluate("localStorage.setItem('transformer-transfer.progress', '{')")
    assert visit.page.evaluate("lessons.load()") == {}
    kept = "Object.entries(localStorage).filter(([key]) => key.endsWith('.aside'))[0][1]"
    assert visit.page.evaluate(kept) == "{"


def test_an_answer_needs_no_mouse(visit):
    page = visit.page
    card_of(page, "softmax_shift").locator("input").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert card_of(page, "softmax_shift").locator(".verdict").inner_text().startswith("Right")
    moving = card_of(page, "order_of_steps").get_by_role("button", name="Move d up")
    moving.focus()
    for place in (3, 2, 1, 1):
        page.keyboard.press("Enter")
        said = card_of(page, "order_of_steps").locator("fieldset [role=status]").inner_text()
        assert said == f"d is number {place} of 4"
    assert moving.evaluate("one => one === document.activeElement")


def test_every_field_has_a_name_and_every_group_a_legend(visit):
    nameless = """() => [...document.querySelectorAll(".exercise :is(input, button), fieldset")]
        .filter(one => !(one.labels?.[0] ?? one.querySelector("legend") ?? one).textContent.trim())
        .map(one => one.outerHTML)"""
    assert visit.page.evaluate(nameless) == []
    doubled = """() => { const ids = [...document.querySelectorAll("[id]")].map(one => one.id);
        return ids.filter((one, place) => ids.indexOf(one) !== place); }"""
    assert visit.page.evaluate(doubled) == []


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_what_is_pressed_is_large_enough_and_cards_stay_inside_the_page(visit, size):
    visit.page.set_viewport_size(size)
    sizes = visit.page.locator(".exercise button:visible:not(.copybtn), .exercise-progress button")
    boxes = sizes.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert min(boxes) >= SMALLEST_TARGET
    wide = "document.documentElement.scrollWidth"
    assert visit.page.evaluate(wide) <= size["width"]


@pytest.mark.parametrize("theme", THEMES)
def test_verdicts_heads_and_buttons_can_be_read(browser, theme):
    visit = pages.open_visit(browser, CHAPTER, theme)
    answer(card_of(visit.page, "softmax_shift"), registry.find("self_attention.softmax_shift"), "d")
    mine = ".exercise-head *, .exercise :is(legend, label, button), .exercise-progress *"
    found = visit.page.evaluate(CONTRASTS.replace("[role=status], ", f"{mine}, [role=status], "))
    assert len(found) > 50
    assert [one for one in found if one[0] < LEAST_CONTRAST] == []
    visit.page.context.close()


def test_code_is_copied_with_its_check(browser):
    visit = opened_without_maths(browser, CHAPTER)
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card = card_of(visit.page, "causal")
    card.get_by_role("button", name="Copy the code").click()
    card.get_by_text("Copied.").wait_for()
    copied = visit.page.evaluate("navigator.clipboard.readText()")
    stub = registry.find("self_attention.causal").stub_source()
    assert copied == f'{stub}\n\ncheck("self_attention.causal", my_causal_mask)'
    visit.page.context.close()


def test_without_scripts_a_card_shows_the_notebooks_cell(browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages.page_file(CHAPTER).as_uri())
    card = card_of(page, "softmax_shift")
    assert card.locator(".cell pre").first.is_visible()
    assert card.locator("li").count() >= 4 and card.locator("input, button").count() == 0
    context.close()


def test_where_the_browser_keeps_nothing_answers_are_judged_all_the_same(browser):
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    )
    page.goto(pages.page_file(CHAPTER).as_uri())
    card = card_of(page, "softmax_shift")
    said = answer(card, registry.find("self_attention.softmax_shift"), "b")
    assert said.startswith("Right") and card.locator(".exercise-state").inner_text() == "✓ solved"
    context.close()


def test_what_answers_a_question_is_folded_and_opens(visit):
    fold = visit.page.locator(".cell.tag_reveal details")
    assert fold.count() > 0 and not fold.first.locator("pre").first.is_visible()
    fold.first.locator("summary").click()
    assert fold.first.locator("pre").first.is_visible()


@pytest.mark.parametrize("name", pages.chapter_pages())
def test_every_card_has_one_permalink_in_the_order_of_its_number(name):
    html = (pages.built_book() / f"{name}.html").read_text("utf-8")
    soup = BeautifulSoup(html, "html.parser")
    cards = soup.select("div.exercise")
    number = int(name.split("/")[1][:2])
    assert [card["data-number"] for card in cards] == [
        f"{number}.{k + 1}" for k in range(len(cards))
    ]
    assert Counter(card["id"] for card in cards).most_common(1)[0][1] == 1
    for card in cards:
        assert card.select_one("a.exercise-name")["href"] == f"#{card['id']}"
        assert card.find("summary", string="Solution") and card.select_one(".cell pre")
    assert "Not answered yet" not in html
    assert json.dumps(sorted(card["data-name"] for card in cards)) == json.dumps(
        sorted(one.name for one in registry.exercises_of(name.partition("_")[2]))
    )
