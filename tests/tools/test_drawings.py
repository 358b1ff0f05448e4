"""The schematics: one visual language, letters that can be read and translated, and their pages."""

import re
from xml.etree import ElementTree

import pytest
from tools_path import course, drawings

ROOT = course.TWINS.parent.parent
SVG = "{http://www.w3.org/2000/svg}"
FILES = sorted(drawings.FOLDER.glob("*.svg"))
ROLES = ("ink", "query", "key", "value", "stream", "position", "mask")
NARROWEST = 312  # pixels that a page leaves to a drawing on a screen of 360
LEAST_LETTERS = 9  # pixels
LEAST_CONTRAST = 4.5
LEAST_OF_LINES = 3
PAPER = {"light": "#ffffff", "dark": "#121212"}

_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|(?:rgb|hsl)a?\(")
_IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)\n\n(\*[^*\n]+\*\n)?")

each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def style_of(path) -> str:
    return ElementTree.parse(path).getroot().find(f"{SVG}style").text


def light_colours() -> dict[str, str]:
    return dict(re.findall(r"var\(--(\w+), (#\w{6})\)", style_of(FILES[0])))


def dark_colours() -> dict[str, str]:
    sheet = (ROOT / "book/_static/course.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--(\w+): (#\w{6});", re.search(r"\.schema \{(.*?)\}", sheet, re.S)[1]))


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(c * share for c, share in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def images() -> list[tuple[str, str, str, str]]:
    """Of every image in a chapter or page: its name, the alternative, the file, the caption."""
    return [
        (page.stem, alt, path.rpartition("/")[2], caption)
        for page in sorted((ROOT / "book").rglob("*.md"))
        for alt, path, caption in _IMAGE.findall(page.read_text(encoding="utf-8"))
    ]


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@each
def test_a_drawing_says_what_it_is_and_shows(path):
    root = ElementTree.parse(path).getroot()
    assert root.find(f"{SVG}title").text.strip()
    assert len(root.find(f"{SVG}desc").text) > 80
    assert len(root.findall(f"{SVG}text")) >= 5


@each
def test_a_drawing_speaks_the_common_language(path):
    assert style_of(path) == style_of(FILES[0])
    rules = set(re.findall(r"\.([a-z]+)(?=[ .])", style_of(path))) - {"schematic"}
    root = ElementTree.parse(path).getroot()
    used = {name for tag in root.iter() for name in tag.get("class", "").split()}
    assert used - {"schematic"} <= rules


@each
def test_a_drawing_has_no_colours_letters_or_pictures_of_its_own(path):
    root = ElementTree.parse(path).getroot()
    drawn = {tag.tag.removeprefix(SVG) for tag in root.iter()}
    assert drawn <= {"svg", "title", "desc", "style", "rect", "text", "tspan", "path", "circle"}
    own = {"fill", "stroke", "style", "font-size", "font-family", "transform"}
    assert not [tag.attrib for tag in root.iter() if own & tag.attrib.keys()]
    body = path.read_text(encoding="utf-8").partition("</style>")[2]
    assert not _COLOUR.search(body)


@each
def test_no_letter_is_small_on_a_narrow_phone(path):
    width = float(ElementTree.parse(path).getroot().get("viewBox").split()[2])
    sizes = [float(size) for size in re.findall(r"([\d.]+)px", style_of(path))]
    assert min(sizes) * min(1, NARROWEST / width) >= LEAST_LETTERS


@pytest.mark.parametrize(("theme", "colours"), [("light", light_colours), ("dark", dark_colours)])
def test_every_role_has_a_colour_that_stands_out(theme, colours):
    found = colours()
    assert sorted(found) == sorted(ROLES)
    weak = {
        role: colour
        for role, colour in found.items()
        if contrast(colour, PAPER[theme]) < (LEAST_OF_LINES if role == "mask" else LEAST_CONTRAST)
    }
    assert weak == {}


def test_each_drawing_is_shown_with_an_alternative_and_in_a_chapter_with_a_caption():
    shown = images()
    assert {name for _, _, name, _ in shown} == {path.name for path in FILES}
    assert [page for page, alt, _, _ in shown if len(alt) < 80] == []
    assert {page for page, _, _, caption in shown if not caption} <= {"welcome"}


def test_an_image_of_a_schematic_becomes_the_schematic():
    page = '<p><img alt="A map." src="../_images/masks1.svg" /></p>\n<p><em>Masks.</em></p>'
    drawn = drawings.with_schematics(page)
    assert drawn.startswith(
        '<figure class="schema" role="img" aria-label="A map."><svg aria-hidden="true"'
    )
    assert drawn.endswith('</svg>\n</figure><p class="caption"><em>Masks.</em></p>')
    assert "<title>" not in drawn and "<desc>" not in drawn and "<style>" in drawn


def test_other_images_stay_as_they_are():
    page = '<p><img alt="Three steps." src="../_images/overview.svg" /></p>\n<p>Text.</p>'
    assert drawings.with_schematics(page) == page
