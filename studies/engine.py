"""What all studies share: budget, search, seeds, saving each run, going on after a stop."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

HOME = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Study:
    """An experiment over variants, each with the same search and the same seeds.

    Attributes:
        name: the file names' stem.
        variants: what is compared.
        search: setting to the values that are tried; every variant tries all combinations, on the
            first seed, and keeps the one with the lowest `validation`.
        seeds: of the final runs, at the settings kept.
        run: called as run(variant, settings, seed, configuration); returns named numbers, among
            them `validation`, by which settings are chosen.
        configuration: sizes and steps, the same for all variants.
        quick: what replaces parts of the configuration under --quick.
        check: one cell (variant, settings, seed, configuration changes) of at most 20 s, which a
            test runs again.
        tolerance: how far the cell's numbers may move on another machine.
    """

    name: str
    variants: Sequence[str]
    search: Mapping[str, Sequence]
    seeds: Sequence[int]
    run: Callable[..., dict[str, float]]
    configuration: dict
    quick: dict = field(default_factory=dict)
    check: dict = field(default_factory=dict)
    tolerance: float = 0.02

    @property
    def results_file(self) -> Path:
        return HOME / "results" / f"{self.name}.json"

    @property
    def forecast_file(self) -> Path:
        return HOME / "forecasts" / f"{self.name}.json"

    def trials(self) -> list[dict]:
        """Every combination of the searched settings."""
        return [
            dict(zip(self.search, values, strict=True)) for values in product(*self.search.values())
        ]

    def budget(self) -> str:
        """What the whole study costs, in runs and steps."""
        trials, seeds, variants = len(self.trials()), len(self.seeds), len(self.variants)
        runs = variants * (trials + seeds)
        return (
            f"{self.name}: {variants} variants x ({trials} trials + {seeds} seeds) = {runs} runs "
            f"of {self.configuration['steps']} steps"
        )


def load_results(name: str) -> dict:
    """A study's committed results.

    Raises:
        FileNotFoundError: it has not been run.
    """
    return json.loads((HOME / "results" / f"{name}.json").read_text(encoding="utf-8"))


def load_forecast(name: str) -> dict:
    """What the authors expected before the study was run."""
    return json.loads((HOME / "forecasts" / f"{name}.json").read_text(encoding="utf-8"))


def main(study: Study) -> None:
    """The command line of a study."""
    parser = argparse.ArgumentParser(description=study.budget())
    parser.add_argument("--quick", action="store_true", help="a minute's worth, into no file")
    arguments = parser.parse_args()
    print(study.budget(), flush=True)
    if arguments.quick:
        for variant in study.variants:
            numbers = study.run(variant, study.trials()[0], 0, study.configuration | study.quick)
            print(variant, {name: round(value, 3) for name, value in numbers.items()}, flush=True)
        return
    _require_forecast(study)
    run_all(study)


def run_all(study: Study) -> dict:
    """Run what has not been run yet; return all results."""
    results = _begin(study)
    for variant in study.variants:
        for settings in study.trials():
            _run_once(study, results, variant, settings, study.seeds[0], "search")
        kept = best_settings(results, variant)
        for seed in study.seeds:
            _run_once(study, results, variant, kept, seed, "final")
    if study.check and "check" not in results:
        results["check"] = study.check | {"numbers": run_check(study), "tolerance": study.tolerance}
        _save(study, results)
    return results


def best_settings(results: dict, variant: str) -> dict:
    """The settings with the lowest validation number among a variant's search runs."""
    tried = [r for r in results["runs"] if r["variant"] == variant and r["stage"] == "search"]
    return min(tried, key=lambda run: run["numbers"]["validation"])["settings"]


def run_check(study: Study) -> dict[str, float]:
    """The small cell by which a test sees that the study still gives its numbers."""
    check = study.check
    configuration = study.configuration | check["configuration"]
    return study.run(check["variant"], check["settings"], check["seed"], configuration)


def _run_once(study: Study, results: dict, variant, settings, seed, stage) -> None:
    key = {"variant": variant, "settings": settings, "seed": seed, "stage": stage}
    if any(key.items() <= run.items() for run in results["runs"]):
        return
    started = time.perf_counter()
    numbers = study.run(variant, settings, seed, study.configuration)
    seconds = round(time.perf_counter() - started, 1)
    results["runs"].append(key | {"numbers": numbers, "seconds": seconds})
    _save(study, results)
    print(f"{stage} {variant} {settings} seed {seed}: {numbers} ({seconds} s)", flush=True)


def _begin(study: Study) -> dict:
    """The results so far; a fresh file where there is none or the configuration is another."""
    described = {
        "study": study.name,
        "variants": list(study.variants),
        "configuration": study.configuration,
        "search": {name: list(values) for name, values in study.search.items()},
        "seeds": list(study.seeds),
    }
    if study.results_file.exists():
        results = json.loads(study.results_file.read_text(encoding="utf-8"))
        if {name: results.get(name) for name in described} == described:
            return results
        sys.exit(
            f"{study.results_file.name} is of another configuration: move it away to begin anew."
        )
    return described | {"machine": machine(), "precision": "float32", "runs": []}


def _save(study: Study, results: dict) -> None:
    study.results_file.parent.mkdir(exist_ok=True)
    draft = study.results_file.with_suffix(".part")
    draft.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, study.results_file)


def machine() -> dict:
    """The kind of hardware, threads and versions that numbers were measured with."""
    import numpy
    import torch

    kind = torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    versions = {"python": platform.python_version(), "numpy": numpy.__version__}
    return {
        "hardware": kind,
        "threads": torch.get_num_threads(),
        "versions": versions | {"torch": torch.__version__.split("+")[0]},
    }


def _processor() -> str:
    """The processor's kind, without what would tell one machine from another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _require_forecast(study: Study) -> None:
    """Git's order is the evidence that the forecast came first."""
    relative = study.forecast_file.relative_to(HOME.parent)
    committed = subprocess.run(
        ["git", "ls-files", "--error-unmatch", str(relative)], cwd=HOME.parent, capture_output=True
    )
    if committed.returncode != 0:
        sys.exit(f"Write and commit {relative} first: what you expect, before you know.")
