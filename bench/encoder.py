"""Measure our encoder beside its peers: time, relative speed with an interval, peak memory.

How times are compared stands in bench/timing.py. Each row is saved as it ends: stopped, the
measurement goes on where it was. Memory: each encoder has a fresh process. The highest resident
memory during one call, minus what was resident right before it, weights and input included; Linux
only.
"""

import argparse
import ctypes
import gc
import json
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.candidates import INSTALL, OURS, SIZES, make_candidates
from bench.timing import compare, operators, time_rounds
from lessons_lib.model.layers import Config
from studies.engine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "encoder.json"
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.1}  # of outputs, whose every token has variance 1
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
    compiled = [Row(*shape, "forward", compiled=True) for shape in shapes]
    compiled.append(Row(8, 128, "training", compiled=True))
    return rows + (compiled if with_compiled else [])


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
    results_file: Path | None = None,
) -> dict:
    """Measure all rows; returns what is written into the results file.

    Args:
        rows: what to measure; those that `results_file` holds already, from the same kind of
            machine and the same versions, are not measured again.
        config: the encoders' sizes.
        seconds_per_row: see `time_rounds`.
        with_memory: measure peak memory, too.
        results_file: written after each row; None = nowhere.
    """
    models = make_candidates(config)
    results = _begin(config, results_file)
    for row in rows:
        if _find(results, row) is None:
            results["rows"].append(asdict(row) | _measure_row(models, row, seconds_per_row))
            print(describe(results["rows"][-1]), flush=True)
            _save(results, results_file)
    if with_memory:
        _add_memory(results, rows, config, list(models))
        _save(results, results_file)
    return results


def _measure_row(models: dict[str, nn.Module], row: Row, seconds: float) -> dict:
    chosen = {name: model.to(row.torch_dtype) for name, model in models.items()}
    if row.compiled:
        torch.compiler.reset()
        chosen[f"{OURS}, compiled"] = torch.compile(chosen[OURS])
    require_same_output(chosen, row)
    x, work = row.input(), WORK[row.work]
    calls = {name: lambda model=model: work(model, x) for name, model in chosen.items()}
    times = time_rounds(calls, seconds, after=lambda name: chosen[name].zero_grad())
    result = compare(times, OURS)
    if row.compiled:
        plain = {"without_compile": result["relative_speed"]}
        others = {name: taken for name, taken in times.items() if name != OURS}
        result = (
            plain | compare(others, f"{OURS}, compiled") | {"milliseconds": result["milliseconds"]}
        )
    elif result["interval"][1] < 1:  # slower beyond doubt: where does the time go?
        result["operators"] = {
            name: operators(calls[name]) for name in (OURS, result["fastest_peer"])
        }
        models[OURS].zero_grad()
    return result


def _begin(config: Config, results_file: Path | None) -> dict:
    """The results so far, or none where they are of another machine, version or size."""
    packages = ("torch", "transformers", "x-transformers")
    versions = {name: version(name).split("+")[0] for name in packages if _installed(name)}
    described = machine() | {"threads": torch.get_num_threads(), "versions": versions}
    sizes = {name: getattr(config, name) for name in ("num_layers", "d_model", "num_heads", "d_ff")}
    fresh = {"machine": described, "sizes": sizes, "rows": []}
    if results_file is None or not results_file.exists():
        return fresh
    stored = json.loads(results_file.read_text(encoding="utf-8"))
    same = all(stored[name] == fresh[name] for name in ("machine", "sizes"))
    return stored if same else fresh


def _find(results: dict, row: Row) -> dict | None:
    return next((r for r in results["rows"] if asdict(row).items() <= r.items()), None)


def _save(results: dict, results_file: Path | None) -> None:
    if results_file:
        results_file.parent.mkdir(exist_ok=True)
        results_file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _add_memory(results: dict, rows: list[Row], config: Config, names: list[str]) -> None:
    """Each encoder's peak in each float32 row, as `peak_mib`."""
    wanted = [row for row in rows if row.dtype == "float32" and not row.compiled]
    wanted = [row for row in wanted if "peak_mib" not in _find(results, row)]
    for name in names if wanted else ():
        for row, peak in zip(wanted, peak_memory(name, wanted, config), strict=True):
            _find(results, row).setdefault("peak_mib", {})[name] = peak


def require_same_output(models: dict[str, nn.Module], row: Row) -> None:
    """Raises AssertionError where an encoder's output is not ours: it would do other work."""
    x = row.input()
    with torch.inference_mode():
        wanted = models[OURS](x)
        for name, model in models.items():
            gap = (model(x) - wanted).abs().max().item()
            assert gap < TOLERANCE[row.dtype], f"{name} differs from ours by {gap:.2g} in {row}"


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
    parser.add_argument("--anew", action="store_true", help="measure again what is there")
    parser.add_argument("--compile", action="store_true", help="add ours through torch.compile")
    arguments = parser.parse_args()
    if not _installed("x-transformers"):
        parser.exit(1, f"x-transformers is missing. Install it with:  {INSTALL}\n")
    if arguments.quick:
        print(json.dumps(measure(QUICK, seconds_per_row=1.0), indent=1))
        return
    if arguments.anew:
        RESULTS.unlink(missing_ok=True)
    measure(all_rows(arguments.compile), results_file=RESULTS)


if __name__ == "__main__":
    main()
