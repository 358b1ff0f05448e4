"""What all studies share: budget, search, seeds, many cores, each run saved, going on after a stop.

`studies/runs.py` is the other half: how one run is carried out, here or on another machine.
"""

import argparse
import importlib
import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from lessons_lib.base.files import atomic_write
from lessons_lib.measure.results import HOME as results_home
from lessons_lib.measure.results import Variant, as_variant, runs_of
from studies.runs import Outcome, Task, machine, run_tasks

__all__ = ["Outcome", "Study", "main", "run_all"]

HOME = results_home


@dataclass(frozen=True)
class Study:
    """An experiment over variants, each with a search of the same size and with seeds.

    Attributes:
        name: the file names' stem.
        variants: what is compared: strings, or tuples such as (source, method).
        search: setting to the values that are tried; every variant tries all combinations, on the
            first seed, and keeps the one with the lowest `validation`. Or a function from variant
            to a list of settings, of the same length for all variants.
        seeds: of the final runs, at the settings kept; or a function from variant to its seeds.
        run: called as run(variant, settings, seed, configuration); returns named numbers, among
            them `validation`, by which settings are chosen; or an `Outcome`.
        configuration: sizes and steps, the same for all variants.
        trial: in place of `run` in the search, where only `validation` is needed.
        settings_from: a function from variant to the variant whose search it relies on.
        prepare: called as prepare(configuration) once, before the runs are spread; what it
            returns is kept in the results as `prepared`.
        budget_text: replaces the line that counts runs and steps.
        quick: what replaces parts of the configuration under --quick.
        quick_variants: those run under --quick; all if None.
        check: one cell (variant, settings, seed, configuration changes) of at most 20 s, which a
            test runs again.
        tolerance: how far the cell's numbers may move on another machine.
    """

    name: str
    variants: Sequence[Variant]
    search: Mapping[str, Sequence] | Callable[[Variant], list[dict]]
    seeds: Sequence[int] | Callable[[Variant], Sequence[int]]
    run: Callable[..., dict[str, float] | Outcome]
    configuration: dict
    trial: Callable[..., dict[str, float] | Outcome] | None = None
    settings_from: Callable[[Variant], Variant] = field(default=lambda variant: variant)
    prepare: Callable[[dict], dict | None] | None = None
    budget_text: str = ""
    quick: dict = field(default_factory=dict)
    quick_variants: Sequence[Variant] | None = None
    check: dict = field(default_factory=dict)
    tolerance: float = 0.02

    @property
    def results_file(self) -> Path:
        return HOME / f"{self.name}.json"

    @property
    def forecast_file(self) -> Path:
        return HOME / "forecasts" / f"{self.name}.json"

    def trials(self, variant: Variant | None = None) -> list[dict]:
        """Every combination of the searched settings."""
        if callable(self.search):
            return self.search(variant)
        return [
            dict(zip(self.search, values, strict=True)) for values in product(*self.search.values())
        ]

    def seeds_of(self, variant: Variant) -> list[int]:
        return list(self.seeds(variant) if callable(self.seeds) else self.seeds)

    def tasks(self, stage: str, results: dict | None = None, only: str = "") -> list[Task]:
        """All runs of a stage; the final ones once the search in `results` is complete.

        Args:
            only: of the variants whose label holds this text.
        """
        variants = [variant for variant in self.variants if only in _label(variant)]
        if stage == "search":
            searched = dict.fromkeys(self.settings_from(variant) for variant in variants)
            pairs = [(variant, trial) for variant in searched for trial in self.trials(variant)]
            return [Task(v, trial, self.seeds_of(v)[0], stage) for v, trial in pairs]
        return [
            Task(variant, best_settings(results, self.settings_from(variant)), seed, stage)
            for variant in variants
            for seed in self.seeds_of(variant)
        ]

    def budget(self) -> str:
        """What the whole study costs, in runs and steps."""
        if self.budget_text:
            return f"{self.name}: {self.budget_text}"
        variants, trials = len(self.variants), len(self.trials(self.variants[0]))
        seeds = len(self.seeds_of(self.variants[0]))
        return (
            f"{self.name}: {variants} variants x ({trials} trials + {seeds} seeds) = "
            f"{variants * (trials + seeds)} runs of {self.configuration['steps']} steps"
        )


def main(study: Study) -> None:
    """The command line of a study."""
    parser = argparse.ArgumentParser(description=study.budget())
    parser.add_argument("--quick", action="store_true", help="a minute's worth, into no file")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; all cores by default")
    parser.add_argument("--dask", metavar="ADDRESS", help="a Dask scheduler, such as tcp://...")
    parser.add_argument("--only", default="", metavar="TEXT", help="variants whose name holds it")
    arguments = parser.parse_args()
    print(study.budget(), flush=True)
    if arguments.quick:
        for variant in study.quick_variants or study.variants:
            settings, configuration = study.trials(variant)[0], study.configuration | study.quick
            numbers = Outcome.of(study.run(variant, settings, 0, configuration)).numbers
            print(variant, {name: round(value, 3) for name, value in numbers.items()}, flush=True)
        return
    _require_forecast(study)
    if sys.modules["__main__"].__spec__:  # so that other processes know its functions by name
        study = importlib.import_module(sys.modules["__main__"].__spec__.name).STUDY
    run_all(study, arguments.jobs, arguments.dask, arguments.only)


def run_all(study: Study, jobs: int = 1, dask: str | None = None, only: str = "") -> dict:
    """Run what has not been run yet, the whole search first; return all results.

    Args:
        jobs: processes on this machine, one thread each; -1 = one for each core.
        dask: the address of a Dask scheduler whose workers run them instead.
        only: variants whose label, such as "movies / top_2", holds this text.
    """
    results = _begin(study)
    for stage in ("search", "final"):
        tasks = study.tasks(stage, results, only)
        missing = [task for task in tasks if not task.is_in(results["runs"])]
        if missing and study.prepare and (told := study.prepare(study.configuration)):
            results["prepared"] = told
        for record in run_tasks(study, missing, jobs, dask):
            if record["hardware"] == results["machine"]["hardware"]:
                del record["hardware"]
            results["runs"].append(record)
            _save(study, results)
    if study.check and "check" not in results:
        results["check"] = study.check | {"numbers": run_check(study), "tolerance": study.tolerance}
        _save(study, results)
    return results


def best_settings(results: dict, variant: Variant) -> dict:
    """The settings with the lowest validation number among a variant's search runs."""
    tried = runs_of(results, variant, "search")
    return min(tried, key=lambda run: _or_inf(run["numbers"]["validation"]))["settings"]


def run_check(study: Study) -> dict[str, float]:
    """The small cell by which a test sees that the study still gives its numbers."""
    check = study.check
    configuration = study.configuration | check["configuration"]
    variant = as_variant(check["variant"])
    return Outcome.of(study.run(variant, check["settings"], check["seed"], configuration)).numbers


def _or_inf(number: float) -> float:
    return math.inf if math.isnan(number) else number


def _begin(study: Study) -> dict:
    """The results so far; a fresh file where there is none or the configuration is another."""
    described = json.loads(json.dumps(_description(study)))  # tuples as lists, as in the file
    if study.results_file.exists():
        results = json.loads(study.results_file.read_text(encoding="utf-8"))
        if {name: results.get(name) for name in described} == described:
            return results
        sys.exit(
            f"{study.results_file.name} is of another configuration: move it away to begin anew."
        )
    precision = study.configuration.get("precision", "float32")
    return described | {"machine": machine(), "precision": precision, "runs": []}


def _description(study: Study) -> dict:
    searched = dict.fromkeys(study.settings_from(variant) for variant in study.variants)
    by_variant = {_label(variant): study.trials(variant) for variant in searched}
    seeds = {_label(variant): study.seeds_of(variant) for variant in study.variants}
    is_one = not callable(study.search)
    return {
        "study": study.name,
        "variants": list(study.variants),
        "configuration": study.configuration,
        "search": {k: list(v) for k, v in study.search.items()} if is_one else by_variant,
        "seeds": seeds if callable(study.seeds) else list(study.seeds),
    }


def _label(variant: Variant) -> str:
    return variant if isinstance(variant, str) else " / ".join(variant)


def _save(study: Study, results: dict) -> None:
    """Write the file as a whole, runs in the study's order, however they came in."""
    place = {json.dumps(variant): at for at, variant in enumerate(study.variants)}
    order = {"search": 0, "final": 1}
    results["runs"].sort(  # runs of one search stay in the order of its trials
        key=lambda run: (
            place[json.dumps(run["variant"])],
            order[run["stage"]],
            run["seed"],
            study.trials(as_variant(run["variant"])).index(run["settings"]),
        )
    )
    results["configurations_tried"] = {
        _label(variant): len(runs_of(results, study.settings_from(variant), "search"))
        for variant in study.variants
    }
    with atomic_write(study.results_file) as out:
        out.write((json.dumps(results, indent=1) + "\n").encode())


def _require_forecast(study: Study) -> None:
    """Git's order is the evidence that the forecast came first."""
    file = study.forecast_file
    command = ["git", "ls-files", "--error-unmatch", file.name]
    if (
        not file.parent.is_dir()
        or subprocess.run(command, cwd=file.parent, capture_output=True).returncode
    ):
        sys.exit(f"Write and commit forecasts/{file.name} first: what you expect, before you know.")
