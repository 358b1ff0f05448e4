"""A figure's SVG: what matplotlib drew, shorter, and the same after every run."""

import base64
import io
import re
import warnings
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy
import pytest
from PIL import Image
from rendered_pages import QUIET, browser_command, needs_browser

from lessons_lib.base import plots, svg

NAMES = {"svg": "http://www.w3.org/2000/svg"}


@pytest.fixture(autouse=True)
def styled():
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def line_figure(values=(1, 4, 9)):
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.plot([1, 2, 3], values, label=r"squares of $d_k$")
    axes.set_xlabel("length (tokens)")
    axes.legend()
    return figure


def mesh_figure(values=range(6)):
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.pcolormesh(numpy.reshape(values, (2, 3)))
    axes.axis("off")
    return figure


def parsed(figure):
    return ElementTree.fromstring(svg.drawing_of(figure))


def test_letters_stay_text():
    words = " ".join("".join(parsed(line_figure()).itertext()).split())
    assert "length (tokens)" in words and "squares of" in words


def test_ink_is_the_colour_around_and_the_paper_can_be_told_from_the_drawing():
    root = parsed(line_figure())
    paper = root.findall("*[@class='ground']", NAMES)
    assert [one.attrib["fill"] for one in paper] == ["#fff"]
    root.remove(paper[0])
    text = ElementTree.tostring(root, encoding="unicode")
    assert "currentColor" in text and svg.INK not in text
    assert not re.search("#fff(fff)?", text)


def test_fonts_are_named_once():
    assert svg.drawing_of(line_figure()).count("font-family") == 1


def test_no_coordinate_has_more_than_two_decimals():
    places = [
        value
        for element in parsed(line_figure()).iter()
        for name, value in element.items()
        if name in ("d", "x", "y", "transform", "viewBox", "width", "height")
    ]
    assert any("." in place for place in places)
    assert [place for place in places if re.search(r"\.\d{3}", place)] == []


def test_what_differs_by_less_than_an_eye_sees_is_drawn_alike():
    one = svg.drawing_of(line_figure((1, 4, 9)))
    assert svg.drawing_of(line_figure((1, 4 + 1e-7, 9 - 1e-7))) == one
    assert svg.drawing_of(line_figure((1, 4.1, 9))) != one


@pytest.mark.parametrize("make", [line_figure, mesh_figure])
def test_ids_are_counted_and_only_where_something_refers_to_them(make):
    drawing = svg.drawing_of(make())
    ids = re.findall(r' id="([^"]+)"', drawing)
    assert ids == [f"i{number}" for number in range(len(ids))]
    assert set(ids) == set(re.findall(r'(?:url\(|href=")#([^")]+)', drawing))


def test_cells_of_a_mesh_tile_their_rectangle_row_by_row():
    mesh = parsed(mesh_figure()).find(".//*[@shape-rendering='crispEdges']")
    sides = [re.fullmatch(r"M(\S+) (.+)H(.+)V(.+)H\1z", cell.get("d")).groups() for cell in mesh]
    left, near, right, far = numpy.array(sides, dtype=float).reshape(2, 3, 4).transpose(2, 0, 1)
    assert (left[:, 1:] == right[:, :-1]).all() and (far[0] == near[1]).all()
    widths, heights = right - left, near - far
    assert numpy.ptp(widths) <= 0.02 and numpy.ptp(heights) <= 0.02
    assert widths.min() > 20 and heights.min() > 20
    assert mesh.get("clip-path") and not any("clip-path" in cell.attrib for cell in mesh)


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize(
    ("make", "other_values"), [(line_figure, (1, 4.5, 9)), (mesh_figure, (0, 1, 2, 3, 3, 5))]
)
def test_it_looks_like_what_matplotlib_writes_and_like_nothing_else(make, other_values):
    figure = make()
    original = io.StringIO()
    figure.savefig(original, format="svg", bbox_inches="tight")
    theirs = _painted(original.getvalue().replace(svg.INK, "#1f2328"))
    ours, other = (_painted(svg.drawing_of(one)) for one in (figure, make(other_values)))
    same, different = ((abs(theirs - one) > 64).mean() for one in (ours, other))
    assert same < 0.002 and different > 5 * same  # smoothed edges lie a hundredth of a point apart


def _painted(drawing: str) -> numpy.ndarray:
    from playwright.sync_api import sync_playwright

    data = base64.b64encode(drawing.encode()).decode()
    image = f'<img style="width:400px" src="data:image/svg+xml;base64,{data}">'
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_command(), args=[*QUIET])
        page = browser.new_page(viewport={"width": 420, "height": 320})
        page.set_content(f'<body style="margin:0">{image}')
        picture = page.screenshot()
        browser.close()
    return numpy.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), dtype=float)


def test_letters_that_matplotlib_has_no_font_for_are_written_without_a_warning():
    figure = line_figure()
    figure.axes[0].set_title("注意力")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "注意力" in svg.drawing_of(figure)


def test_other_warnings_are_not_swallowed():
    figure = line_figure()
    figure.canvas.mpl_connect("draw_event", lambda event: warnings.warn("Look here", stacklevel=1))
    with pytest.warns(UserWarning, match="Look here"):
        svg.drawing_of(figure)


def test_image_holds_the_drawing_whole_and_says_what_it_shows():
    drawing = svg.drawing_of(line_figure())
    image = ElementTree.fromstring(svg.image_of(drawing, 'Is "1 < 2"?').replace('">', '"/>'))
    kind, _, data = image.get("src").partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == drawing
    assert image.get("alt") == 'Is "1 < 2"?'


def test_image_is_as_large_in_pixels_as_the_figure_in_points():
    figure = line_figure()
    original = io.StringIO()
    figure.savefig(original, format="svg", bbox_inches="tight")
    points = re.search(r'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"', original.getvalue())
    image = svg.image_of(svg.drawing_of(figure), "Squares.")
    pixels = re.search(r'width="(\d+)" height="(\d+)"', image)
    for in_points, in_pixels in zip(points.groups(), pixels.groups(), strict=True):
        assert int(in_pixels) == pytest.approx(96 / 72 * float(in_points), abs=0.51)
