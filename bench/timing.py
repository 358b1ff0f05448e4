"""Timing side by side: turns in random order, one ratio for each round, an interval, a profile.

In each round every candidate has one turn, in a new random order, so that whatever slows the
machine down slows all of them. A round gives one ratio: the time of the peer whose median is the
lowest, divided by ours. Reported are the ratios' median, and the interval that holds the middle
95 % of the medians of 2,000 resampled sets of rounds (bootstrap). Above 1, ours is quicker.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping

from torch.profiler import ProfilerActivity, profile

FEWEST_ROUNDS, MOST_ROUNDS = 5, 60
RESAMPLES = 2_000


def time_rounds(
    calls: Mapping[str, Callable[[], object]],
    seconds: float,
    after: Callable[[str], None] | None = None,
    fewest: int = FEWEST_ROUNDS,
) -> dict[str, list[float]]:
    """Seconds of each call: one for each candidate and round; a first round only warms up.

    Args:
        calls: the work of each candidate, by its name.
        seconds: rounds go on for so long, and for `fewest` rounds at least.
        after: called with the name after each turn, untimed: to tidy up.
    """
    rng, began = random.Random(0), time.perf_counter()
    times: dict[str, list[float]] = {name: [] for name in calls}
    done = 0
    while done < fewest + 1 or (time.perf_counter() - began < seconds and done <= MOST_ROUNDS):
        for name in rng.sample(list(calls), len(calls)):
            started = time.perf_counter()
            calls[name]()
            times[name].append(time.perf_counter() - started)
            if after:
                after(name)
        done += 1
    return {name: taken[1:] for name, taken in times.items()}


def compare(times: Mapping[str, list[float]], ours: str) -> dict:
    """Medians, and how quick `ours` is beside the fastest peer (whose name begins otherwise)."""
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    fastest = min((name for name in medians if not name.startswith(ours)), key=medians.get)
    ratios = [peer / own for peer, own in zip(times[fastest], times[ours], strict=True)]
    return {
        "rounds": len(ratios),
        "milliseconds": {name: round(1e3 * median, 3) for name, median in medians.items()},
        "fastest_peer": fastest,
        "relative_speed": round(statistics.median(ratios), 3),
        "interval": [round(bound, 3) for bound in bootstrap_interval(ratios)],
    }


def bootstrap_interval(ratios: list[float]) -> tuple[float, float]:
    """The middle 95 % of the medians of resampled ratios.

    >>> bootstrap_interval([1.0, 1.0, 1.0])
    (1.0, 1.0)
    """
    rng = random.Random(0)
    medians = sorted(
        statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES)
    )
    return medians[round(0.025 * RESAMPLES)], medians[round(0.975 * RESAMPLES) - 1]


def operators(call: Callable[[], object], count: int = 8) -> list[dict]:
    """The operators that take most of one call's time, without those that they call."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        call()
    costly = sorted(profiled.key_averages(), key=lambda op: -op.self_cpu_time_total)
    return [
        {"name": op.key, "calls": op.count, "milliseconds": round(op.self_cpu_time_total / 1e3, 2)}
        for op in costly[:count]
    ]
