"""The report's drawings."""

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np

from lessons_lib.base.svg import drawing_of
from lessons_lib.measure.intervals import Interval
from lessons_lib.transfer.advise.power_law import FURTHEST


def curve_drawing(
    sizes: Sequence[int],
    curve: Sequence[Interval],
    law: np.ndarray,
    goal: float,
    floor: float,
    measure: str,
) -> str:
    """Quality against the number of labels, as the text of one `<svg>`.

    Args:
        law: (3,) of the fitted curve, drawn dashed beyond the data, as far as it may be read.
    """
    with _figure((5.0, 3.2)) as (figure, axes):
        values, low, high = np.array([(p.value, p.low, p.high) for p in curve]).T
        furthest = FURTHEST * sizes[-1]
        axes.fill_between(sizes, low, high, alpha=0.15, color="C0", linewidth=0)
        axes.plot(sizes, values, color="C0", linestyle="none", label="measured")
        a, b, c = law
        for start, end, style in ((sizes[0], sizes[-1], "-"), (sizes[-1], furthest, "--")):
            n = np.geomspace(start, end, 50)
            axes.plot(n, a - b * n**-c, color="C0", marker="", linestyle=style)
        axes.axhline(goal, color="C1", marker="", linestyle=":")
        axes.text(sizes[0], goal, "goal", va="bottom", fontsize=10)
        ticks = [*sizes[:-1][:: max(1, len(sizes) // 5)], furthest]
        axes.set(xscale="log", xlabel="labels", ylabel=measure)
        bottom = min(floor, float(np.nanmin(low)))
        axes.set_ylim(bottom - 0.03, max(float(np.nanmax(high)), goal) + 0.05)
        axes.set_xticks(ticks, [f"{n:,}" for n in ticks])
        axes.minorticks_off()
        return drawing_of(figure)


def forest_drawing(points: Mapping[str, Interval], floor: float, measure: str) -> str:
    """One row for each method: its value and 95% interval, and a line at the floor."""
    with _figure((3.6, 0.6 + 0.34 * len(points))) as (figure, axes):
        for row, found in enumerate(points.values()):
            axes.plot([found.low, found.high], [row, row], color="C0", marker="", linewidth=2)
            axes.plot(found.value, row, color="C0", marker="o")
        axes.axvline(floor, color="C1", marker="", linestyle=":")
        axes.set_yticks(range(len(points)), list(points), size=10)
        axes.set_ylim(len(points) - 0.5, -0.5)
        axes.set_xlim(min(floor, *(p.low for p in points.values())) - 0.03, None)
        axes.set_xlabel(f"{measure}; * none of your labels")
        return drawing_of(figure)


@contextlib.contextmanager
def _figure(size: tuple[float, float]):
    """A figure in the course's style, which leaves the style of others alone."""
    import matplotlib

    with matplotlib.rc_context():
        from matplotlib.figure import Figure

        from lessons_lib.base.plots import use_style

        use_style()
        figure = Figure(figsize=size)
        yield figure, figure.subplots()
