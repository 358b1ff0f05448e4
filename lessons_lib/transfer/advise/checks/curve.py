"""Step 7: the probe with few labels and with more, and how many a goal would need."""

from collections.abc import Mapping

import numpy as np

from lessons_lib.transfer.advise import power_law, scoring
from lessons_lib.transfer.advise.drawing import curve_drawing
from lessons_lib.transfer.advise.probes import fit, folds_of, log_chances
from lessons_lib.transfer.advise.reading import Labelled
from lessons_lib.transfer.advise.step import Figure, Step, Table

NUM_DRAWS = 10
SHARE = 0.95  # of what all labels give, where the reader names no goal
_PARTS = 3  # two to draw from, one to be asked


def learning_curve(
    data: Labelled, x: np.ndarray, goal: float | None = None, others: Mapping | None = None
) -> Step:
    """The frozen probe at 8, 16, 32, ... labels, ten draws each, and what a goal would need.

    At n labels the choice of the penalty is made with these n, too.

    Args:
        x: (N, F) features.
        goal: of the measure; None = `SHARE` of the way from the floor to what all labels give.
        others: what needs no label, by name (N,); what each is worth in labels is read off.
    """
    parts = folds_of(data.labels, data.groups, data.is_rated, _PARTS, seed=2)
    judged = [part for part in parts if np.ptp(data.labels[part[1]])]
    pool, ask = max(judged, key=lambda part: len(part[0]))  # a large group may fill a part alone
    sizes = [8 * 2**k for k in range(20) if 8 * 2**k < 0.8 * len(pool)] + [len(pool)]
    said = [_said(data, x, pool, ask, size) for size in sizes]
    free = {name: np.asarray(values)[ask] for name, values in (others or {}).items()}
    values, drawn = scoring.resampled(data, [*said, *free.values()], ask)
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]  # without those where all labels are alike
    ends = np.percentile(drawn, [2.5, 97.5], axis=1).T
    points = [scoring.Interval(v, *map(float, e)) for v, e in zip(values, ends, strict=True)]
    curve = points[: len(sizes)]
    floor = scoring.floor_of(data)
    law = power_law.fit(sizes, np.array(values[: len(sizes)])[:, None])
    laws = power_law.fit(sizes, drawn[: len(sizes)])
    least, most = sizes[0], sizes[-1]
    wanted = goal if goal is not None else float(_goals(law, most, floor)[0])

    def worth(value: float, resampled=None) -> str:
        """A number of labels with its interval, over draws and groups of texts."""
        of_all = power_law.needed(laws, value if resampled is None else resampled)
        low, high = np.percentile(of_all, [2.5, 97.5], method="nearest")
        at = (float(power_law.needed(law, value)[0]), low, high)
        number, low, high = (power_law.told(n, least, most) for n in at)
        return number if number == low == high else f"{number} [{low}, {high}]"

    needed = worth(wanted, _goals(laws, most, floor) if goal is None else None)
    worths = {
        name: worth(values[len(sizes) + place], drawn[len(sizes) + place])
        for place, name in enumerate(free)
    }
    measure = scoring.measure_of(data)
    rows = {f"{n:,}": [point] for n, point in zip(sizes, curve, strict=True)}
    last = scoring.difference(data, said[-1], said[-2], ask)
    tables = [Table(rows, [measure], corner="labels")]
    if worths:
        tables.append(Table({k: [v] for k, v in worths.items()}, ["worth labels of yours"]))
    of_top = "95% of what all labels give" if goal is None else "your goal"
    step_number = float(power_law.needed(law, wanted)[0])
    return Step(
        title="How many labels are needed?",
        meaning=f"The frozen probe from fewer and from more labels, drawn {NUM_DRAWS} times, asked "
        f"about the same {len(ask):,} other texts; the interval is over draws and texts.",
        chapter="12_fine_tuning",
        tables=tables,
        figure=Figure(
            curve_drawing(sizes, curve, law[:, 0], wanted, floor, measure),
            _alt(sizes, curve, measure, wanted, needed),
        ),
        notes=[
            f"{of_top.capitalize()}, {measure} {wanted:.2f}, needs {needed} labels, by the curve "
            f"a − b / n^c through the points: a = {law[0, 0]:.2f}, b = {law[1, 0]:.2f}, "
            f"c = {law[2, 0]:.2f}.",
            f"Beyond {power_law.FURTHEST * most:,} labels, twice those that were tried, it is not "
            "read.",
        ],
        summary=f"{measure} {wanted:.2f} needs {needed} labels",
        found={
            "sizes": sizes,
            "curve": curve,
            "goal": wanted,
            "given": goal is not None,
            "needed": needed,
            "number": step_number,
            "most": most,
            "last": last,
            "before": sizes[-2],
            "worth": worths,
            "law": law[:, 0],
        },
    )


def _goals(laws: np.ndarray, most: int, floor: float) -> np.ndarray:
    """`SHARE` of the way from the floor to what all labels give by each curve: (R,)."""
    return floor + SHARE * (power_law.at(laws, most) - floor)


def _said(data: Labelled, x: np.ndarray, pool, ask, size: int) -> np.ndarray:
    """Predictions (draws, asked); with all labels there is one draw."""
    draws = NUM_DRAWS if size < len(pool) else 1
    groups, found = np.array(data.groups), []
    for draw in range(draws):
        rows = np.random.default_rng(draw).permutation(pool)[:size]
        model = fit(x[rows], data.labels[rows], groups[rows], data.is_rated)
        if data.is_rated:
            found.append(model.predict(x[ask]))
        else:
            found.append(log_chances(model, x[ask], len(data.classes)).argmax(axis=1))
    return np.array(found)


def _alt(sizes, curve, measure: str, goal: float, needed: str) -> str:
    return (
        f"{measure} of the frozen probe against the number of labels, with 95% intervals: "
        f"{curve[0].value:.2f} with {sizes[0]}, {curve[-1].value:.2f} with {sizes[-1]:,}. A fitted "
        f"curve goes through the points; a line marks the goal, {goal:.2f}, which needs {needed} "
        "labels."
    )
