"""Figures that read well in light and dark, on paper and aloud: SVG with a description.

Lines, axes and letters take the colour of the page's own text in the book, and are dark on white
paper elsewhere, also where a notebook is not trusted (`svg.py`); data take the
palette of Okabe and Ito (2008), which readers with any of the common colour-vision deficiencies
can tell apart. Every figure carries a text alternative.
"""

from collections.abc import Sequence

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler

from lessons_lib.base import svg

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_CELL_COLOURS = "cividis"
_MAX_CELLS_WITH_NUMBERS = 12
_QUERIES_DESCRIBED = 5


def use_style() -> None:
    """Set matplotlib's defaults for every figure of the course."""
    ink = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    matplotlib.rcParams.update(dict.fromkeys(ink, svg.INK))
    matplotlib.rcParams.update(
        {
            "axes.prop_cycle": cycler(color=PALETTE, marker=_MARKERS),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": "medium",
            "figure.figsize": (5.2, 3.2),  # no wider, for letters of 9 pixels on a phone
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "font.size": 11,
            "grid.alpha": 0.2,
            "grid.color": svg.INK,
            "legend.frameon": False,
            "lines.markersize": 5,
            "svg.fonttype": "none",
        }
    )


def show(*figures: matplotlib.figure.Figure, alt: str) -> None:
    """Display one figure, or several side by side that wrap on a narrow screen, and close them.

    Args:
        figures: the figures to display.
        alt: what a reader who cannot see them needs to know: what is drawn, and what it shows.
            One to three sentences.

    Raises:
        ValueError: `alt` is empty, or there is no figure.
    """
    from IPython.display import display

    if not alt.strip() or not figures:
        raise ValueError("show needs a figure, and an alt that says what it shows")
    drawings = [svg.drawing_of(figure) for figure in figures]
    for figure in figures:
        plt.close(figure)
    # One text tells of all: a screen reader passes over the images after the first.
    alts = [alt, *[""] * (len(figures) - 1)]
    images = " ".join(map(svg.image_of, drawings, alts))
    box = f'<figure style="margin:0.5em 0">{images}</figure>'
    display({"text/html": box, "text/plain": f"Figure: {alt}"}, raw=True)


def legend_above(axes, columns: int = 2) -> None:
    """Put the legend above the axes, off the data, and a title above the legend.

    Args:
        axes: where labelled data have been drawn.
        columns: how many entries stand side by side.

    Raises:
        ValueError: nothing that was drawn has a label.
    """
    entries = len(axes.get_legend_handles_labels()[1])
    if not entries:
        raise ValueError("a legend needs data with a label; nothing drawn here has one")
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.1}
    axes.legend(ncols=columns, columnspacing=1.2, handlelength=1.6, **place)
    lines = -(-entries // columns)
    axes.set_title(axes.get_title(), pad=8 + 17 * lines)  # points


def attention_heatmap(
    weights,
    query_tokens: Sequence[str],
    key_tokens: Sequence[str] | None = None,
    title: str = "",
    alt: str | None = None,
) -> None:
    """Draw who looks at whom: a row for each query, a column for each key.

    Args:
        weights: (Q, K), tensor or array, each row summing to 1 (or 0).
        query_tokens: Q labels.
        key_tokens: K labels; the query's if None.
        title: a short title above the map.
        alt: the text alternative; made from the strongest weights if None.

    Raises:
        ValueError: `weights` has not the shape (Q, K) that the labels give.
    """
    weights = _as_array(weights)
    key_tokens = query_tokens if key_tokens is None else key_tokens
    if weights.shape != (len(query_tokens), len(key_tokens)):
        raise ValueError(
            f"weights should be (queries, keys) = ({len(query_tokens)}, {len(key_tokens)}) "
            f"by the labels, not {tuple(weights.shape)}"
        )
    figure, axes = plt.subplots(figsize=_heatmap_size(*weights.shape))
    _draw_cells(axes, weights)
    as_they_stand = {"parse_math": False}  # a token may hold dollar signs
    axes.set_xticks(
        range(len(key_tokens)), key_tokens, rotation=60, ha="left", va="bottom", **as_they_stand
    )
    axes.set_yticks(range(len(query_tokens)), query_tokens, **as_they_stand)
    axes.set_xlabel("key: the token looked at")
    axes.set_ylabel("query: the token that looks")
    axes.xaxis.set_label_position("bottom")
    if title:
        axes.set_title(title, **as_they_stand)
    show(figure, alt=alt or _describe_weights(weights, query_tokens, key_tokens, title))


def _draw_cells(axes, weights: np.ndarray) -> None:
    """Few cells bear their numbers, on one scale for all maps; many have a scale of their own."""
    num_queries, num_keys = weights.shape
    numbered = max(weights.shape) <= _MAX_CELLS_WITH_NUMBERS
    edges_x, edges_y = np.arange(num_keys + 1) - 0.5, np.arange(num_queries + 1) - 0.5
    top = 1.0 if numbered else weights.max()
    cells = axes.pcolormesh(edges_x, edges_y, weights, cmap=_CELL_COLOURS, vmin=0, vmax=top)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.grid(False)
    axes.xaxis.tick_top()
    if numbered:
        _write_numbers(axes, weights)
    else:
        bar = axes.figure.colorbar(cells, ax=axes, label="weight", shrink=0.7)
        bar.solids.set_rasterized(False)  # drawn, so that no part of a figure is a raster image


def _write_numbers(axes, weights: np.ndarray) -> None:
    for (row, column), weight in np.ndenumerate(weights):
        ink = "black" if weight > 0.47 else "white"
        axes.text(column, row, f"{weight:.2f}", ha="center", va="center", color=ink, size=9)


def _heatmap_size(num_queries: int, num_keys: int) -> tuple[float, float]:
    """Inches: half an inch a cell, but never wider than a page nor too small for its labels."""
    cell = min(0.5, 3.9 / max(num_keys, 1))
    return max(3.0, 1.4 + cell * num_keys), max(2.4, 1.3 + cell * num_queries)


def _describe_weights(weights, query_tokens, key_tokens, title: str) -> str:
    """Say where the most decided queries look; more than a few would not be listened to."""
    most_decided = np.argsort(-weights.max(axis=1), kind="stable")[:_QUERIES_DESCRIBED]
    looks = ", ".join(
        f"{query_tokens[row]} looks most at {key_tokens[weights[row].argmax()]} "
        f"({weights[row].max():.2f})"
        for row in sorted(most_decided)
    )
    return f"Heat map of attention weights{': ' + title if title else ''}. {looks}."


def _as_array(weights) -> np.ndarray:
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu().float().numpy()
    return np.asarray(weights)
