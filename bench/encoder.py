"""Measure our encoder beside its peers: time, relative speed with an interval, peak memory.

Times: in each round every encoder has one turn, in a new random order, so that whatever slows the
machine down slows all of them. A round gives one ratio: the time of the peer whose median is the
lowest, divided by ours. Reported are the ratios' median, and the interval that holds the middle
95 % of the medians of 2,000 resampled sets of rounds (bootstrap). Above 1, ours is quicker.

Memory: each encoder has a fresh process. The highest resident memory during one call, minus what
was resident right before it, weights and input included; Linux only.
"""

import argparse
import ctypes
import gc
import json
import random
import re
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from bench.candidates import INSTALL, OURS, SIZES, make_candidates
from lessons_lib.layers import Config
from studies.engine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "encoder.json"
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1}  # of outputs, whose every token has variance 1
FEWEST_ROUNDS, MOST_ROUNDS = 5, 60
SLOW = 0.9  # a relative speed below which the row's operators are profiled
RESAMPLES = 2_000
MIB = 2**20


@dataclass(frozen=True)
class Row:
    """What is measured: `forward` in inference mode, or `training`, forward and backward."""

    batch: int
    length: int
    work: str
    dtype: str = "float32"
    compiled: bool = False  # ours through torch.compile, beside ours as it is

    def input(self) -> Tensor:
        """x (B, L, d_model)."""
        torch.manual_seed(1)
        return torch.randn(self.batch, self.length, SIZES.d_model, dtype=self.torch_dtype)

    @property
    def torch_dtype(self) -> torch.dtype:
        return getattr(torch, self.dtype)


QUICK = [Row(2, 16, "forward"), Row(2, 16, "training")]


def all_rows(with_compiled: bool = False) -> list[Row]:
    """The full measurement, smallest rows first."""
    dtypes = ["float32", *(["bfloat16"] if has_bfloat16() else [])]
    shapes = sorted(((b, n) for b in (8, 32) for n in (32, 128, 512)), key=lambda s: s[0] * s[1])
    rows = [Row(*shape, work, d) for d in dtypes for shape in shapes for work in WORK]
    return rows + [Row(8, 128, work, compiled=True) for work in WORK if with_compiled]


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself; elsewhere it is only slower."""
    try:
        known = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    return re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", known) is not None


def forward(model: nn.Module, x: Tensor) -> None:
    with torch.inference_mode():
        model(x)


def training(model: nn.Module, x: Tensor) -> None:
    model(x).sum().backward()


WORK = {"forward": forward, "training": training}


def measure(
    rows: list[Row],
    config: Config = SIZES,
    seconds_per_row: float = 12.0,
    with_memory: bool = True,
) -> dict:
    """Measure all rows; returns what is written into the results file."""
    models, results = make_candidates(config), []
    for row in rows:
        chosen = {name: model.to(row.torch_dtype) for name, model in models.items()}
        if row.compiled:
            chosen[f"{OURS}, compiled"] = torch.compile(chosen[OURS])
        require_same_output(chosen, row)
        result = asdict(row) | compare(time_rounds(chosen, row, seconds_per_row))
        if result["relative_speed"] < SLOW:
            slow_and_fast = (OURS, result["fastest_peer"])
            result["operators"] = {name: operators(chosen[name], row) for name in slow_and_fast}
        results.append(result)
        print(describe(result), flush=True)
    if with_memory:
        _add_memory(results, rows, config, list(models))
    packages = ("torch", "transformers", "x-transformers")
    versions = {name: version(name).split("+")[0] for name in packages if _installed(name)}
    described = machine() | {"threads": torch.get_num_threads(), "versions": versions}
    sizes = {name: getattr(config, name) for name in ("num_layers", "d_model", "num_heads", "d_ff")}
    return {"machine": described, "sizes": sizes, "rows": results}


def _add_memory(results: list[dict], rows: list[Row], config: Config, names: list[str]) -> None:
    """Each encoder's peak in each float32 row, as `peak_mib`."""
    plain = [at for at, row in enumerate(rows) if row.dtype == "float32" and not row.compiled]
    for name in names:
        for at, peak in zip(
            plain, peak_memory(name, [rows[at] for at in plain], config), strict=True
        ):
            results[at].setdefault("peak_mib", {})[name] = peak


def require_same_output(models: dict[str, nn.Module], row: Row) -> None:
    """Raises AssertionError where an encoder's output is not ours: it would do other work."""
    x = row.input()
    with torch.inference_mode():
        wanted = models[OURS](x)
        for name, model in models.items():
            gap = (model(x) - wanted).abs().max().item()
            assert gap < TOLERANCE[row.dtype], f"{name} differs from ours by {gap:.2g} in {row}"


def time_rounds(models: dict[str, nn.Module], row: Row, seconds: float) -> dict[str, list[float]]:
    """Seconds of each call: one for each encoder and round."""
    x, work, rng = row.input(), WORK[row.work], random.Random(0)
    times: dict[str, list[float]] = {name: [] for name in models}
    began = time.perf_counter()
    while (done := len(times[OURS])) < FEWEST_ROUNDS + 1 or time.perf_counter() - began < seconds:
        if done > MOST_ROUNDS:
            break
        for name in rng.sample(list(models), len(models)):
            started = time.perf_counter()
            work(models[name], x)
            times[name].append(time.perf_counter() - started)
            models[name].zero_grad()
    return {name: taken[1:] for name, taken in times.items()}  # the first round warms up


def compare(times: dict[str, list[float]]) -> dict:
    """Medians, and how quick ours is beside the fastest peer."""
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    fastest = min((name for name in medians if not name.startswith(OURS)), key=medians.get)
    ratios = [peer / ours for peer, ours in zip(times[fastest], times[OURS], strict=True)]
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


def operators(model: nn.Module, row: Row, count: int = 8) -> list[dict]:
    """The operators that take most of one call's time, without those that they call."""
    x = row.input()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        WORK[row.work](model, x)
    model.zero_grad()
    costly = sorted(profiled.key_averages(), key=lambda op: -op.self_cpu_time_total)
    return [
        {"name": op.key, "calls": op.count, "milliseconds": round(op.self_cpu_time_total / 1e3, 2)}
        for op in costly[:count]
    ]


def peak_memory(name: str, rows: list[Row], config: Config = SIZES) -> list[float | None]:
    """MiB that one call of each row needs beyond weights and input, measured in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_peaks, name, rows, config, torch.get_num_threads()).result()


def _peaks(name: str, rows: list[Row], config: Config, threads: int) -> list[float | None]:
    torch.set_num_threads(threads)
    model = make_candidates(config, (name,))[name]
    for work in WORK.values():
        work(model, replace(rows[0], batch=1, length=2).input())  # whatever is set up once
        model.zero_grad()
    return [_peak(WORK[row.work], model, row.input()) for row in rows]


def _peak(work, model: nn.Module, x: Tensor) -> float | None:
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # give back what earlier rows have left
        Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts anew
    except OSError:
        return None
    before = _resident("VmRSS")
    work(model, x)
    highest = _resident("VmHWM")
    model.zero_grad()
    return round((highest - before) / MIB, 1)


def _resident(what: str) -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(rf"{what}:\s+(\d+) kB", status)[1])


def describe(result: dict) -> str:
    """One line for the person who waits."""
    what = f"{result['batch']:3} x {result['length']:3} {result['work']:8} {result['dtype']}"
    low, high = result["interval"]
    return (
        f"{what}: {result['relative_speed']:.2f} ({low:.2f} to {high:.2f}) of "
        f"{result['fastest_peer']}, {result['rounds']} rounds"
    )


def _installed(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError

    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one small shape, into no file")
    parser.add_argument("--compile", action="store_true", help="add ours through torch.compile")
    arguments = parser.parse_args()
    if not _installed("x-transformers"):
        parser.exit(1, f"x-transformers is missing. Install it with:  {INSTALL}\n")
    if arguments.quick:
        print(json.dumps(measure(QUICK, seconds_per_row=1.0), indent=1))
        return
    results = measure(all_rows(arguments.compile))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
