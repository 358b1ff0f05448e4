"""Figures: described, readable on any ground, the same on a second run."""

import base64
import html
import re
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy
import pytest
import torch

from lessons_lib.base import plots


@pytest.fixture(autouse=True)
def styled():
    with plt.rc_context():
        plots.use_style()
        yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What the front end would get, a list of MIME bundles."""
    bundles = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: bundles.append(bundle))
    return bundles


def line_figure():
    figure, axes = plt.subplots()
    axes.plot([1, 2, 3], [1, 4, 9], label="squares")
    axes.set_xlabel("length (tokens)")
    axes.legend()
    return figure


def alts(bundle) -> list[str]:
    return [html.unescape(alt) for alt in re.findall(r'<img alt="([^"]*)"', bundle["text/html"])]


def words(bundle) -> list[str]:
    """The letters in a figure's drawings, in order."""
    drawings = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', bundle["text/html"])
    roots = [ElementTree.fromstring(base64.b64decode(drawing)) for drawing in drawings]
    return [text.strip() for root in roots for text in root.itertext() if text.strip()]


def test_figure_carries_its_description(shown):
    plots.show(line_figure(), alt='Squares of "1 < 2" and 3.')
    assert alts(shown[0]) == ['Squares of "1 < 2" and 3.']
    assert shown[0]["text/plain"] == 'Figure: Squares of "1 < 2" and 3.'


def test_figures_side_by_side_are_described_once(shown):
    plots.show(line_figure(), line_figure(), alt="Squares, twice.")
    assert alts(shown[0]) == ["Squares, twice.", ""]
    assert words(shown[0]).count("squares") == 2


def test_second_drawing_is_identical(shown):
    for _ in range(2):
        plots.show(line_figure(), alt="Squares.")
    assert shown[0] == shown[1]


def test_figures_are_closed_once_shown(shown):
    plt.close("all")  # what a refused one has left open
    plots.show(line_figure(), line_figure(), alt="Squares, twice.")
    assert plt.get_fignums() == []


@pytest.mark.parametrize("alt", ["", "  "])
def test_figure_without_a_description_is_refused(alt):
    with pytest.raises(ValueError, match="an alt that says what it shows"):
        plots.show(line_figure(), alt=alt)


def test_no_figure_is_refused():
    with pytest.raises(ValueError, match="show needs a figure"):
        plots.show(alt="Nothing.")


def test_palette_is_told_apart_with_any_colour_vision():
    """Each pair differs in lightness or hue by more than a just noticeable step, also without
    red-green vision: the simulated colours (Machado et al. 2009, severity 1) stay 10 ΔE apart."""
    protan = [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ]
    deutan = [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
    linear = numpy.array([_linear_rgb(colour) for colour in plots.PALETTE])
    for matrix in (numpy.eye(3), numpy.array(protan), numpy.array(deutan)):
        lab = [_lab(colour) for colour in (linear @ matrix.T).clip(0, 1)]
        gaps = [numpy.linalg.norm(a - b) for i, a in enumerate(lab) for b in lab[:i]]
        assert min(gaps) > 10


def test_heatmap_names_where_each_query_looks(shown):
    weights = torch.tensor([[0.9, 0.1], [0.25, 0.75]], requires_grad=True)
    plots.attention_heatmap(weights, ["cat", "sat"], title="demo")
    assert shown[0]["text/plain"] == (
        "Figure: Heat map of attention weights: demo. "
        "cat looks most at cat (0.90), sat looks most at sat (0.75)."
    )


def test_heatmap_labels_queries_down_and_keys_across(shown):
    plots.attention_heatmap(numpy.full((2, 3), 1 / 3), ["q0", "q1"], ["k0", "k1", "k2"])
    assert words(shown[0])[:3] == ["k0", "k1", "k2"]
    assert {"q0", "q1", "0.33"} <= set(words(shown[0]))


def test_heatmap_shows_tokens_with_dollar_signs_as_they_stand(shown):
    plots.attention_heatmap(torch.eye(2), ["$5", "or $x_1$"], ["$a$", "$"])
    assert words(shown[0])[:2] == ["$a$", "$"]
    assert {"$5", "or $x_1$"} <= set(words(shown[0]))


def test_heatmap_shows_chinese_tokens_and_any_title_without_a_warning(shown, caplog, recwarn):
    plots.attention_heatmap(torch.eye(2), ["价", "中文"], ["费$y$", "雨"], title="价 $ b_ { $5")
    assert {"价", "中文", "费$y$", "雨", "价 $ b_ { $5"} <= set(words(shown[0]))
    assert not caplog.records and not recwarn.list


def test_heatmap_describes_only_the_most_decided_of_many_queries(shown):
    weights = torch.full((20, 4), 0.25)
    weights[7] = torch.tensor([0.0, 0.97, 0.03, 0.0])
    plots.attention_heatmap(weights, [f"q{i}" for i in range(20)], list("abcd"))
    assert "q7 looks most at b (0.97)" in shown[0]["text/plain"]
    assert shown[0]["text/plain"].count("looks most at") == plots._QUERIES_DESCRIBED


def test_heatmap_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"= \(2, 3\) by the labels, not \(3, 2\)"):
        plots.attention_heatmap(torch.zeros(3, 2), ["a", "b"], ["x", "y", "z"])


def _linear_rgb(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _lab(linear_rgb) -> numpy.ndarray:
    """CIE L*a*b* under D65, after IEC 61966-2-1."""
    to_xyz = numpy.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    ratio = to_xyz @ linear_rgb / numpy.array([0.9505, 1.0, 1.089])
    f = numpy.where(ratio > 0.008856, numpy.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return numpy.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_a_legend_above_leaves_the_data_free_and_stands_below_the_title():
    figure, axes = plt.subplots()
    for name in "abc":
        axes.plot([0, 1], [0, 1], label=name)
    axes.set_title("above all")
    plots.legend_above(axes, columns=2)
    figure.draw_without_rendering()
    legend, title = axes.get_legend().get_window_extent(), axes.title.get_window_extent()
    assert axes.get_window_extent().y1 <= legend.y0 < legend.y1 <= title.y0
    plt.close(figure)


def test_a_legend_without_entries_is_refused():
    figure, axes = plt.subplots()
    with pytest.raises(ValueError, match="a legend needs data with a label"):
        plots.legend_above(axes)
    plt.close(figure)


def test_a_map_of_many_tokens_keeps_letters_of_nine_pixels_on_a_narrow_phone(shown):
    plots.attention_heatmap(torch.eye(15), ["[CLS]", *["because"] * 13, "[SEP]"], title="demo")
    (width,) = re.findall(r'<img[^>]* width="(\d+)"', shown[0]["text/html"])
    assert 11 * 4 / 3 * 328 / int(width) >= 9  # 11 points, shrunk to the text of a 360-pixel page
