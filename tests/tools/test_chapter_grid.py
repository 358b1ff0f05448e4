"""The grid of chapters, and the places on pages where it and the explorer stand."""

import re

import pytest
from bs4 import BeautifulSoup
from tools_path import chapter_grid, course, exercise_data, readme, welcome_page

GRID = BeautifulSoup(chapter_grid.grid(), "html.parser")
WELCOME = (course.ROOT / "book/welcome.md").read_text(encoding="utf-8")


def test_every_chapter_has_a_card_with_its_minutes_and_exercises():
    cards = {card.a["href"]: card for card in GRID.select("li.chapter")}
    assert list(cards) == [f"../notebooks/{name}.html" for name in course.chapter_names()]
    for name, card in zip(course.chapter_names(), cards.values(), strict=True):
        title, to_read, to_do = readme.facts(name)
        assert card.a.get_text() == f"{int(name[:2])}{title}"
        assert f"{to_read} min to read, {to_do} to do" in card.get_text()
        exercises = card.select_one(".chapter-solved")
        assert exercises["data-exercises"].split() == list(exercise_data.read(name))
        assert exercises.get_text() == f"{len(exercise_data.read(name))} exercises"


def test_what_is_written_and_what_is_planned_are_all_chapters_from_0_to_26():
    planned = {name for part in chapter_grid.PLANNED.values() for name in part}
    numbers = {int(name[:2]) for name in planned | set(course.chapter_names())}
    assert numbers == set(range(27))


def test_what_is_not_written_is_in_preparation_and_what_is_written_is_not(monkeypatch):
    monkeypatch.setattr(course, "chapter_names", lambda: ["20_interpretability", "22_scaling"])
    titles = chapter_grid.in_preparation("Part III. Use it")
    assert "Looking inside" not in titles and "Making it big" not in titles
    assert titles[0] == "Making it small" and len(titles) == 5


def test_the_parts_are_those_of_the_contents_list_and_those_to_come():
    headings = [heading.get_text() for heading in GRID.select("h3")]
    assert headings[0] == "Before you begin" and headings[-1] == "Part III. Use it"
    assert set(chapter_grid.PLANNED) <= set(headings)


def test_hours_are_those_of_all_chapters():
    minutes = [readme.facts(name) for name in course.chapter_names()]
    count, to_read, to_do = map(int, re.findall(r"\d+", chapter_grid.told_in_all()))
    assert count == len(minutes)
    for hours, at in ((to_read, 1), (to_do, 2)):
        assert hours - 1 < sum(one[at] for one in minutes) / 60 <= hours


def test_the_welcome_says_the_minutes_of_the_first_chapter():
    assert f"[Start ({readme.facts(readme.FIRST)[1]} minutes)]" in WELCOME


def test_the_welcome_has_both_places_and_other_pages_stay_as_they_are():
    assert welcome_page.GRID_PLACE in WELCOME and welcome_page.EXPLORER_PLACE in WELCOME
    assert welcome_page.with_places_filled("<p>Text.</p>") == "<p>Text.</p>"


def test_the_place_of_the_explorer_holds_a_drawing_until_a_script_takes_it():
    page = welcome_page.with_places_filled(f"<p>a</p>{welcome_page.EXPLORER_PLACE}<p>b</p>")
    assert "<p>Lead.</p>" not in page
    led = welcome_page.with_places_filled(welcome_page.EXPLORER_PLACE, lead="<p>Lead.</p>")
    assert led.startswith('<p>Lead.</p><div class="attention-explorer"><figure')
    figure = BeautifulSoup(page, "html.parser").select_one(".attention-explorer figure[role=img]")
    assert len(figure["aria-label"]) > 80 and figure.svg["aria-hidden"] == "true"


@pytest.mark.parametrize(
    ("body", "has_some"),
    [
        ('<span class="math notranslate nohighlight">\\(x\\)</span>', True),
        ('<div class="amsmath math">x</div>', True),
        ("<p>mathematics, as text</p>", False),
        ('<div class="mathless">x</div>', False),
    ],
)
def test_formulas_are_seen_by_their_class(body, has_some):
    assert welcome_page.has_formulas(body) is has_some
