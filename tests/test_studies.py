"""Studies: forecast first, fair search, every run kept, and the same numbers again."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from studies import engine
from studies.engine import Study, best_settings, run_all, run_check

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.stem for path in (ROOT / "studies" / "forecasts").glob("*.json"))


def stored_results(name: str) -> dict:
    """What a study has found so far; the test is skipped where it has not begun."""
    try:
        return engine.load_results(name)
    except FileNotFoundError:
        pytest.skip(f"the study {name} has not been run yet")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "HOME", tmp_path)
    return tmp_path


def tiny_study(run, **changes) -> Study:
    settings = {
        "name": "tiny",
        "variants": ("a", "b"),
        "search": {"rate": (1, 2, 3)},
        "seeds": (5, 6),
        "run": run,
        "configuration": {"steps": 10},
    }
    return Study(**(settings | changes))


def distance_from_two(variant, settings, seed, configuration):
    return {"validation": abs(settings["rate"] - 2), "score": seed + (variant == "b")}


def test_each_variant_tries_as_many_settings_and_runs_as_many_seeds(home):
    runs = run_all(tiny_study(distance_from_two))["runs"]
    for variant in ("a", "b"):
        own = [run for run in runs if run["variant"] == variant]
        assert sum(run["stage"] == "search" for run in own) == 3
        assert [run["seed"] for run in own if run["stage"] == "final"] == [5, 6]


def test_settings_kept_are_those_best_on_validation(home):
    results = run_all(tiny_study(distance_from_two))
    assert best_settings(results, "a") == {"rate": 2}
    final = [run for run in results["runs"] if run["stage"] == "final"]
    assert all(run["settings"] == {"rate": 2} for run in final)


def test_study_goes_on_where_it_was_stopped(home):
    calls = []

    def stops_at_the_fourth(*arguments):
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return distance_from_two(*arguments)

    study = tiny_study(stops_at_the_fourth)
    with pytest.raises(KeyboardInterrupt):
        run_all(study)
    assert len(json.loads(study.results_file.read_text())["runs"]) == 3
    run_all(study)
    assert len(calls) == 10 + 1  # ten runs, and the one that was cut off


def test_results_of_another_configuration_are_not_mixed(home):
    run_all(tiny_study(distance_from_two))
    with pytest.raises(SystemExit, match="of another configuration"):
        run_all(tiny_study(distance_from_two, configuration={"steps": 20}))


def test_budget_counts_all_runs():
    budget = tiny_study(distance_from_two).budget()
    assert budget == "tiny: 2 variants x (3 trials + 2 seeds) = 10 runs of 10 steps"


def test_study_without_a_committed_forecast_is_refused(home, monkeypatch, capsys):
    subprocess.run(["git", "init", "-q"], cwd=home.parent)
    monkeypatch.setattr(sys, "argv", ["tiny"])
    with pytest.raises(SystemExit, match=r"Write and commit .*forecasts/tiny\.json first"):
        engine.main(tiny_study(distance_from_two))
    assert not (home / "results" / "tiny.json").exists()


@pytest.mark.parametrize("name", NAMES)
def test_forecast_gives_each_contrast_a_direction_and_an_interval(name):
    forecast = engine.load_forecast(name)
    assert forecast["unit"] and forecast["primary"]
    for contrast in forecast["primary"]:
        low, high = contrast["interval"]
        assert low < high and contrast["direction"] in ("better", "worse")


@pytest.mark.parametrize("name", NAMES)
def test_results_are_of_the_study_as_it_is(name):
    study = importlib.import_module(f"studies.{name}").STUDY
    results = stored_results(name)
    assert results["configuration"] == study.configuration
    assert results["variants"] == list(study.variants)
    searched = [run for run in results["runs"] if run["stage"] == "search"]
    for variant in {run["variant"] for run in results["runs"] if run["stage"] == "final"}:
        tried = [run["settings"] for run in searched if run["variant"] == variant]
        assert tried == study.trials()  # a variant's final runs come after its whole search


@pytest.mark.parametrize("name", NAMES)
def test_one_cell_gives_its_stored_numbers_again(name):
    study = importlib.import_module(f"studies.{name}").STUDY
    stored = stored_results(name).get("check")
    if stored is None:
        pytest.skip(f"the study {name} has not come to its end: no cell is stored yet")
    for number, value in run_check(study).items():
        assert value == pytest.approx(stored["numbers"][number], abs=stored["tolerance"])
