"""What all studies share: budget, search, seeds, many cores, each run saved, going on after a stop.

`runs.py` says how one run is carried out, here or on another machine; `storage.py`, how it is kept.
"""

import argparse
import importlib
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path

from lessons_lib.measure.results import HOME as results_home
from lessons_lib.measure.results import Variant, as_variant, read_lines, runs_of
from studies.runs import Outcome, Task, machine, run_tasks
from studies.storage import append, is_committed, origin

__all__ = ["Outcome", "Study", "main", "run_all"]

HOME = results_home
FURTHER = 4  # trials past the edge of a search, at most


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
        configuration: sizes, steps and whatever else decides a run, the same for all variants.
        trial: in place of `run` in the search, where only `validation` is needed.
        settings_from: a function from variant to the variant whose search it relies on.
        prepare: called as prepare(configuration, variants) once, before the runs of these variants
            are spread; what it returns is kept in the results as `prepared`.
        budget_text: replaces the line that counts runs and steps.
        quick: what replaces parts of the configuration under --quick.
        quick_variants: those run under --quick; all if None.
        past_the_edge: settings whose best value, where it is the least or the most that was tried,
            is followed by one further out, at the ratio of the two outermost; again while that is
            the best, at most `FURTHER` times for a variant. The same rule for every variant.
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
    prepare: Callable[[dict, list[Variant]], dict | None] | None = None
    budget_text: str = ""
    quick: dict = field(default_factory=dict)
    quick_variants: Sequence[Variant] | None = None
    past_the_edge: Sequence[str] = ()
    check: dict = field(default_factory=dict)
    tolerance: float = 0.02

    @property
    def results_file(self) -> Path:
        return HOME / f"{self.name}.jsonl"

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
            pairs += [(v, trial) for v in searched for trial in self.further_trials(results, v)]
            return [Task(v, trial, self.seeds_of(v)[0], stage) for v, trial in pairs]
        return [
            Task(variant, best_settings(results, self.settings_from(variant)), seed, stage)
            for variant in variants
            if self.is_searched(results, variant)
            for seed in self.seeds_of(variant)
        ]

    def is_searched(self, results: dict, variant: Variant) -> bool:
        """Whether all trials on which a variant relies have been made, and one has worked."""
        relied_on = self.settings_from(variant)
        made = [run["settings"] for run in runs_of(results, relied_on, "search")]
        is_made = all(trial in made for trial in self.trials(relied_on))
        is_over = is_made and not self.further_trials(results, relied_on)
        return is_over and bool(best_settings(results, relied_on))

    def further_trials(self, results: dict | None, variant: Variant) -> list[dict]:
        """The setting past the edge where the best one lies, if the rule wants another; or none."""
        made = [run["settings"] for run in runs_of(results, variant, "search")] if results else []
        planned = self.trials(variant)
        if not all(trial in made for trial in planned) or len(made) >= len(planned) + FURTHER:
            return []
        best = best_settings(results, variant) or {}
        for name in at_the_edge(self, results, variant):
            values = sorted(_tried_beside(best, name, made))
            if name in self.past_the_edge and len(values) > 1:
                outer, inner = values[:2] if best[name] == values[0] else values[:-3:-1]
                return [best | {name: float(f"{outer * outer / inner:.3g}")}]
        return []

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
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no run after these")
    parser.add_argument("--changed", metavar="WHY", help="go on with other settings, and say why")
    arguments = parser.parse_args()
    print(study.budget(), flush=True)
    if study.run.__module__ == "__main__":  # so that other processes know its functions by name
        study = importlib.import_module(sys.modules["__main__"].__spec__.name).STUDY
    if arguments.quick:
        quick_run(study, arguments.jobs)
        return
    if not is_committed(study.forecast_file):
        name = study.forecast_file.name
        sys.exit(f"Write and commit forecasts/{name} first: what you expect, before you know.")
    run_all(
        study,
        arguments.jobs,
        arguments.dask,
        arguments.only,
        minutes=arguments.minutes,
        changed=arguments.changed,
    )


def quick_run(study: Study, jobs: int = 1) -> None:
    """Search, seeds, saving and all, at a small size and into a folder that goes again.

    Only validation numbers are shown: a quick look must not become a look at the test texts.
    """
    variants = tuple(study.quick_variants or study.variants)
    small = replace(
        study,
        variants=variants,
        settings_from=lambda variant: variant,
        seeds=(0,),
        configuration=study.configuration | study.quick,
        check={},
    )
    with tempfile.TemporaryDirectory() as folder:
        results = run_all(small, jobs, file=Path(folder, f"{study.name}.jsonl"))
    for variant in variants:
        for run in runs_of(results, variant, "final"):
            found = run["failed"] if "failed" in run else f"{run['numbers']['validation']:.3f}"
            print(f"{_label(variant)}: {run['settings']}, validation {found}", flush=True)


def run_all(
    study: Study,
    jobs: int = 1,
    dask: str | None = None,
    only: str = "",
    *,
    minutes: float = math.inf,
    changed: str | None = None,
    file: Path | None = None,
) -> dict:
    """Run what has not been run yet, the whole search first; return all results.

    Args:
        jobs: processes on this machine, one thread each; -1 = one for each core.
        dask: the address of a Dask scheduler whose workers run them instead.
        only: variants whose label, such as "movies / top_2", holds this text.
        minutes: no run begins after these.
        changed: why the settings are not those of the runs so far; those runs count no more, unless
            it is only the variants, seeds or trials that are others.
        file: in place of the study's own.
    """
    file = file or study.results_file
    deadline = time.monotonic() + 60 * minutes
    _begin(study, file, changed)
    stages = ("search", *("search",) * FURTHER, "final")
    for stage in stages:
        results = read_lines(file)
        tasks = study.tasks(stage, results, only)
        missing = [task for task in tasks if not task.is_in(results["runs"])]
        if missing and study.prepare:
            wanted = list(dict.fromkeys(task.variant for task in missing))
            if told := study.prepare(study.configuration, wanted):
                append(file, "prepared", told)
        for record in run_tasks(study, missing, jobs, dask, deadline):
            if record["hardware"] == results["machine"]["hardware"]:
                del record["hardware"]
            append(file, "run", record)
        if time.monotonic() > deadline:
            break
    stored = read_lines(file).get("check", {})
    is_stored = study.check.items() <= stored.items()
    if not is_stored and time.monotonic() < deadline:
        numbers = run_check(study)
        append(file, "check", study.check | {"numbers": numbers, "tolerance": study.tolerance})
    return in_order(study, read_lines(file))


def best_settings(results: dict, variant: Variant) -> dict | None:
    """The settings with the lowest validation number among a variant's search runs; None = none."""
    tried = [run for run in runs_of(results, variant, "search") if "failed" not in run]
    best = min(tried, key=lambda run: _or_inf(run["numbers"]["validation"]), default=None)
    return best and best["settings"]


def at_the_edge(study: Study, results: dict, variant: Variant) -> list[str]:
    """Settings whose best value is the least or the most that was tried beside the other best ones.

    Such a search was too narrow: the number that rests on it is marked on the page. Where another
    setting was followed out of its grid, so that one value alone stands beside it, the values tried
    anywhere along the followed settings count.
    """
    best = best_settings(results, study.settings_from(variant)) or {}
    made = [run["settings"] for run in runs_of(results, study.settings_from(variant), "search")]
    found = []
    for name, value in best.items():
        tried = _tried_beside(best, name, made)
        if len(tried) == 1 and name in study.past_the_edge:
            tried = _tried_beside(best, name, made, study.past_the_edge)
        if len(tried) > 1 and not isinstance(value, str) and value in (min(tried), max(tried)):
            found.append(name)
    return found


def _tried_beside(best: dict, name: str, made: list[dict], free: Sequence[str] = ()) -> set:
    """The values of one setting that were tried beside the best others; `free` ones may differ."""
    rest = {key: kept for key, kept in best.items() if key != name and key not in free}
    return {
        trial[name]
        for trial in made
        if {key: trial.get(key) for key in rest} == rest and name in trial
    }


def run_check(study: Study) -> dict[str, float]:
    """The small cell by which a test sees that the study still gives its numbers."""
    check = study.check
    configuration = study.configuration | check["configuration"]
    variant, wanted = as_variant(check["variant"]), os.environ.get("LESSONS_DEVICE")
    os.environ["LESSONS_DEVICE"] = "cpu"  # where a test runs it again
    try:
        found = study.run(variant, check["settings"], check["seed"], configuration)
    finally:
        os.environ.pop("LESSONS_DEVICE")
        if wanted:
            os.environ["LESSONS_DEVICE"] = wanted
    return Outcome.of(found).numbers


def in_order(study: Study, results: dict) -> dict:
    """The same results, runs in the study's order, however they came in."""
    place = {_label(variant): at for at, variant in enumerate(study.variants)}
    order = {"search": 0, "final": 1}

    def key(run: dict) -> tuple:
        variant = as_variant(run["variant"])
        trials = study.trials(variant)
        trial = trials.index(run["settings"]) if run["settings"] in trials else len(trials)
        return place.get(_label(variant), len(place)), order[run["stage"]], run["seed"], trial

    return results | {"runs": sorted(results["runs"], key=key)}


def _or_inf(number: float) -> float:
    return math.inf if math.isnan(number) else number


def _begin(study: Study, file: Path, changed: str | None) -> None:
    """Write the first line; refuse to mix runs of other settings, or note the change."""
    now = json.loads(json.dumps(_description(study)))  # tuples as lists, as in the file
    if not file.exists():
        precision = study.configuration.get("precision", "float32")
        told = {"machine": machine(), "precision": precision}
        forecast = study.forecast_file
        append(file, "study", now | told | (origin(forecast) if forecast.exists() else {}))
        return
    results = read_lines(file)
    was = {name: results.get(name) for name in now}
    if was == now:
        return
    differ = ", ".join(name for name in now if was[name] != now[name])
    if changed is None:
        sys.exit(
            f"{file.name} is of another configuration ({differ}): move it away to begin anew, or "
            'go on with --changed WHY, which is told on the page (runs of another "configuration" '
            "are then left out)."
        )
    append(file, "change", {"why": changed, "what": differ, "now": now})


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
        **({"past_the_edge": list(study.past_the_edge)} if study.past_the_edge else {}),
    }


def _label(variant: Variant) -> str:
    return variant if isinstance(variant, str) else " / ".join(variant)
