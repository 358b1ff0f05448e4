"""Studies: forecast first, fair search, every run kept, and the same numbers again."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lessons_lib.measure import results
from lessons_lib.measure.results import final_runs, pack, read_lines, unpack
from lessons_lib.training.loop import TrainingFault
from studies import engine
from studies.engine import Outcome, Study, best_settings, run_all, run_check

ROOT = Path(__file__).resolve().parent.parent
FORECASTS = sorted(path.stem for path in (results.HOME / "forecasts").glob("*.json"))
# A study that has been replaced keeps its forecast and its results, and can't be run any more.
NAMES = [name for name in FORECASTS if "retired" not in results.load_forecast(name)]


def stored_results(name: str) -> dict:
    """What a study has found so far; the test is skipped where it has not begun."""
    try:
        return results.load_results(name)
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
    assert len(results.read_lines(study.results_file)["runs"]) == 3
    run_all(study)
    assert len(calls) == 10 + 1  # ten runs, and the one that was cut off


SLOW_STUDY = """
import sys, time
from pathlib import Path
from studies import engine
from studies.engine import Study, run_all

engine.HOME = HOME = Path(sys.argv[1])  # other processes know only this module's name

def run(variant, settings, seed, configuration):
    with open(HOME / "ran.txt", "a") as file:
        file.write(f"{variant} {settings['rate']} {seed}\\n")
    time.sleep(0.3)
    return {"validation": settings["rate"], "score": seed}

search = {"rate": [1, 2, 3, 4]}
study = Study("slow", ("a", "b"), search, (5, 6), run, {"steps": 1})
run_all(study, jobs=int(sys.argv[2]))
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_study_loses_nothing_and_runs_nothing_that_is_saved_twice(tmp_path, jobs):
    script, results = tmp_path / "slow.py", tmp_path / "slow.jsonl"
    script.write_text(SLOW_STUDY)
    command = [sys.executable, str(script), str(tmp_path), jobs]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while saved_runs(results) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = read_lines(results)["runs"]
    begun = (tmp_path / "ran.txt").read_text().splitlines()
    assert 3 <= len(before) < 12
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stderr=subprocess.DEVNULL)
    runs = read_lines(results)["runs"]
    assert all(run in runs for run in before)
    assert len(runs) == 12
    lines = (tmp_path / "ran.txt").read_text().splitlines()
    cut_off = len(begun) - len(before)  # begun, and not saved when the process ended
    assert 0 <= cut_off <= int(jobs) + 1
    assert len(lines) == 12 + cut_off
    assert len(set(lines)) == 12 - 2  # each variant's first seed is a trial and a final run


def saved_runs(path: Path) -> int:
    return len(read_lines(path)["runs"]) if path.exists() else 0


def test_many_processes_give_the_file_that_one_gives(home):
    study = tiny_study(distance_from_two)
    alone = run_all(study)
    study.results_file.unlink()
    assert without_seconds(run_all(study, jobs=2)) == without_seconds(alone)


@pytest.fixture
def cluster():
    """Two worker processes on this machine; no part of a cluster is left out but the distance."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as started:
        yield started.scheduler_address


def test_dask_cluster_gives_the_file_that_one_process_gives(home, cluster):
    study = tiny_study(distance_from_two)
    alone = run_all(study)
    study.results_file.unlink()
    assert without_seconds(run_all(study, dask=cluster)) == without_seconds(alone)


def without_seconds(results: dict) -> dict:
    runs = [{k: v for k, v in run.items() if k != "seconds"} for run in results["runs"]]
    return results | {"runs": runs}


# --- what a study may tell ---------------------------------------------------------------------


def of_two_parts(variant, settings, seed, configuration):
    source, _ = variant
    return Outcome(
        {"validation": abs(settings["rate"] - len(source)), "score": float(seed)},
        predictions={"films": pack([0.5, -1.25])},
        training_seconds=1.26,
        labels_read={"training": [source], "selection": [source]},
        no_labels_of=["films"],
    )


def in_place(variant):
    return ("x", variant[1])


def rates_by_method(variant):
    return [{"rate": 1}, {"rate": 2}] if variant[1] == "fast" else [{"rate": 7}, {"rate": 8}]


def seeds_by_method(variant):
    return (5, 6, 7) if variant[1] == "fast" else (5,)


def test_variants_may_be_tuples_with_searches_and_seeds_of_their_own(home):
    variants = (("x", "fast"), ("yy", "fast"), ("x", "slow"))
    study = tiny_study(
        of_two_parts,
        variants=variants,
        search=rates_by_method,
        seeds=seeds_by_method,
        settings_from=in_place,
    )
    results = run_all(study)
    assert results == engine.in_order(study, read_lines(study.results_file))
    searched = [run["variant"] for run in results["runs"] if run["stage"] == "search"]
    assert searched == [["x", "fast"]] * 2 + [["x", "slow"]] * 2
    assert [len(final_runs(results, variant)) for variant in variants] == [3, 3, 1]
    assert final_runs(results, ("yy", "fast"))[0]["settings"] == {"rate": 1}  # as chosen for x
    assert run_all(study) == results


def test_what_a_run_tells_is_kept_with_it(home):
    study = tiny_study(of_two_parts, variants=(("x", "fast"),))
    run = run_all(study)["runs"][-1]
    assert run["training_seconds"] == 1.3
    assert run["labels_read"] == {"training": ["x"], "selection": ["x"]}
    assert run["no_labels_of"] == ["films"]
    assert unpack(run["predictions"]["films"]).tolist() == [0.5, -1.25]
    assert "evaluation_seconds" not in run


def test_search_uses_trials_where_there_are_some(home):
    def trial(*arguments):
        return distance_from_two(*arguments) | {"is_trial": 1.0}

    runs = run_all(tiny_study(distance_from_two, trial=trial))["runs"]
    assert all(("is_trial" in run["numbers"]) == (run["stage"] == "search") for run in runs)


def test_preparation_comes_once_before_the_runs_and_not_where_none_is_left(home):
    order = []

    def run(*arguments):
        order.append("run")
        return distance_from_two(*arguments)

    def prepare(configuration, variants):
        order.append("prepare")
        assert variants == ["a"]
        return {"steps": configuration["steps"]}

    study = tiny_study(run, variants=("a",), prepare=prepare)
    assert run_all(study)["prepared"] == {"steps": 10}
    assert order[0] == "prepare" and order.count("run") == 5
    count = len(order)
    run_all(study)
    assert len(order) == count


def test_part_of_the_variants_runs_alone_and_the_rest_later(home):
    calls = []

    def run(variant, *rest):
        calls.append(variant)
        return distance_from_two(variant, *rest)

    study = tiny_study(run)
    run_all(study, only="b")
    assert set(calls) == {"b"} and len(calls) == 5
    run_all(study)
    assert len(calls) == 10


def test_setting_whose_training_broke_is_never_the_best():
    runs = [
        {"variant": "a", "stage": "search", "settings": {"rate": r}, "numbers": {"validation": v}}
        for r, v in ((1, float("nan")), (2, 3.0), (3, float("inf")))
    ]
    assert best_settings({"runs": runs}, "a") == {"rate": 2}


def test_results_of_another_configuration_are_not_mixed(home):
    run_all(tiny_study(distance_from_two))
    with pytest.raises(SystemExit, match="of another configuration"):
        run_all(tiny_study(distance_from_two, configuration={"steps": 20}))


def test_budget_counts_all_runs():
    budget = tiny_study(distance_from_two).budget()
    assert budget == "tiny: 2 variants x (3 trials + 2 seeds) = 10 runs of 10 steps"


def test_study_without_a_committed_forecast_is_refused(home, monkeypatch, capsys):
    forecast, study = home / "forecasts" / "tiny.json", tiny_study(distance_from_two)
    monkeypatch.setattr(sys, "argv", ["tiny"])

    def git(*arguments):
        names = "-c", "user.name=A", "-c", "user.email=a@example.org"
        subprocess.run(["git", *names, *arguments], cwd=home, check=True, capture_output=True)

    def refused():
        with pytest.raises(SystemExit, match=r"Write and commit .*forecasts/tiny\.json first"):
            engine.main(study)
        assert not study.results_file.exists()

    git("init", "-q")
    refused()
    forecast.parent.mkdir()
    forecast.write_text("{}")
    refused()
    git("add", ".")
    refused()  # added is not committed
    git("commit", "-q", "-m", "forecast")
    forecast.write_text("{} ")
    refused()  # changed since
    git("checkout", "-q", ".")
    engine.main(study)
    kept = read_lines(study.results_file)
    assert len(kept["runs"]) == 10 and len(kept["forecast_sha256"]) == 64 and kept["commit"]


def breaks_at_rate_three(variant, settings, seed, configuration):
    if settings["rate"] == 3 or seed == 6:
        raise TrainingFault("step 7: the loss is nan")
    return distance_from_two(variant, settings, seed, configuration)


def test_a_training_that_breaks_is_kept_as_failed_and_hides_nothing(home):
    found = run_all(tiny_study(breaks_at_rate_three, variants=("a",)))
    failed = [(run["stage"], run["failed"]) for run in found["runs"] if "failed" in run]
    fault = "step 7: the loss is nan"
    assert failed == [("search", fault), ("final", fault)]
    assert [run["seed"] for run in final_runs(found, "a")] == [5]
    assert run_all(tiny_study(breaks_at_rate_three, variants=("a",))) == found  # not tried again


def test_no_run_begins_after_the_given_minutes_and_the_rest_comes_later(home):
    study = tiny_study(distance_from_two)
    assert run_all(study, minutes=0)["runs"] == []
    assert len(run_all(study)["runs"]) == 10


def test_changed_settings_leave_the_old_runs_out_and_say_why(home):
    run_all(tiny_study(distance_from_two))
    study = tiny_study(distance_from_two, configuration={"steps": 20})
    found = run_all(study, changed="ten steps were too few")
    assert len(found["runs"]) == 10
    assert [(change["why"], change["what"]) for change in found["changes"]] == [
        ("ten steps were too few", "configuration")
    ]
    assert len(study.results_file.read_text().splitlines()) == 1 + 10 + 1 + 10


def test_the_best_setting_at_the_edge_of_its_search_is_marked(home):
    study = tiny_study(distance_from_two, search={"rate": (2, 3, 4), "steps": (9,)})
    found = run_all(study)
    assert engine.at_the_edge(study, found, "a") == ["rate"]
    wider = tiny_study(distance_from_two, name="wider", search={"rate": (1, 2, 3), "steps": (9,)})
    assert engine.at_the_edge(wider, run_all(wider), "a") == []


def test_a_search_goes_on_past_its_edge_while_that_is_better_and_no_further(home):
    """Best at 27; three values are tried, then 9 * 9 / 3 and 27 * 27 / 9."""

    def distance(variant, settings, seed, configuration):
        return {"validation": abs(settings["rate"] - 30), "score": 0}

    search, edge = {"rate": (1, 3, 9), "steps": (9, 10)}, ("rate",)
    study = tiny_study(distance, variants=("a",), search=search, past_the_edge=edge)
    found = run_all(study)
    tried = [run["settings"]["rate"] for run in found["runs"] if run["stage"] == "search"]
    assert tried == [1, 1, 3, 3, 9, 9, 27.0, 81.0]
    finals = [run["settings"] for run in found["runs"] if run["stage"] == "final"]
    assert finals == [{"rate": 27.0, "steps": 9}] * 2  # steps are not followed


def test_an_edge_is_marked_too_where_another_setting_has_left_the_grid(home):
    """The best is at a rate of 16, past the grid, where one strength alone was tried: its most."""

    def distance(variant, settings, seed, configuration):
        return {"validation": abs(settings["rate"] - 16) - settings["strength"], "score": 0}

    search, followed = {"rate": (1, 2, 4), "strength": (1, 2, 3)}, ("rate", "strength")
    study = tiny_study(distance, variants=("a",), search=search, past_the_edge=followed)
    found = run_all(study)
    assert engine.best_settings(found, "a") == {"rate": 16.0, "strength": 3}
    assert engine.at_the_edge(study, found, "a") == ["strength"]
    unfollowed = tiny_study(distance, variants=("a",), search=search, past_the_edge=("rate",))
    assert engine.at_the_edge(unfollowed, found, "a") == []


def test_a_search_follows_its_edge_four_times_at_most(home):
    def never_enough(variant, settings, seed, configuration):
        return {"validation": settings["rate"], "score": 0}

    search = {"rate": (4.0, 8.0)}
    study = tiny_study(never_enough, variants=("a",), search=search, past_the_edge=("rate",))
    tried = [run["settings"]["rate"] for run in run_all(study)["runs"] if run["stage"] == "search"]
    assert tried == [4.0, 8.0, 2.0, 1.0, 0.5, 0.25]


def test_runs_stay_where_only_variants_or_trials_have_changed(home):
    run_all(tiny_study(distance_from_two))
    wider = tiny_study(distance_from_two, variants=("a",), search={"rate": (1, 2, 3, 4)})
    before = len(wider.results_file.read_text().splitlines())
    found = run_all(wider, changed="a wider search")
    assert len(wider.results_file.read_text().splitlines()) == before + 2  # the note, one trial
    assert len(final_runs(found, "a")) == 2


def test_final_runs_at_settings_that_are_no_longer_the_best_do_not_count(home):
    def falls(variant, settings, seed, configuration):
        return {"validation": -settings["rate"], "score": settings["rate"]}

    run_all(tiny_study(falls, variants=("a",)))
    found = run_all(
        tiny_study(falls, variants=("a",), search={"rate": (1, 2, 3, 4)}), changed="wider"
    )
    assert [run["numbers"]["score"] for run in final_runs(found, "a")] == [4, 4]
    assert len(runs_of(found, "a", "final")) == 4


def test_a_cell_is_stored_anew_where_the_study_checks_another(home):
    check = {"variant": "a", "settings": {"rate": 1}, "seed": 0, "configuration": {}}
    run_all(tiny_study(distance_from_two, check=check))
    found = run_all(tiny_study(distance_from_two, check=check | {"variant": "b"}))
    assert found["check"]["variant"] == "b" and found["check"]["numbers"]["score"] == 1


def test_quick_look_shows_validation_only_and_leaves_no_file(home, capsys):
    engine.quick_run(tiny_study(distance_from_two, quick={"steps": 1}, quick_variants=("b",)))
    assert capsys.readouterr().out == "b: {'rate': 2}, validation 0.000\n"
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("name", FORECASTS)
def test_forecast_gives_each_contrast_a_direction_and_an_interval(name):
    forecast = results.load_forecast(name)
    assert forecast["unit"] and forecast["primary"]
    assert forecast["level"] in (0.8, None)  # None: no probability was stated
    for contrast in forecast["primary"]:
        low, high = contrast["interval"]
        assert low < high and contrast["direction"] in ("better", "worse")


def nothing_is_set(study, variant) -> bool:
    """What other domains have taught a ridge is said as it is: no label is read, none is drawn."""
    return study.name == "few_labels" and variant[1:] == ("elsewhere", "0")


@pytest.mark.parametrize("name", NAMES)
def test_results_are_of_the_study_as_it_is(name):
    study = importlib.import_module(f"studies.{name}").STUDY
    results = stored_results(name)
    assert results["configuration"] == study.configuration
    assert results["variants"] == json.loads(json.dumps(study.variants))
    assert results["machine"]["hardware"] and results["precision"] in ("float32", "bfloat16")
    most = max(len(study.trials(variant)) for variant in study.variants)
    for variant in study.variants:
        assert len(study.trials(variant)) == (1 if nothing_is_set(study, variant) else most)
        if not final_runs(results, variant):
            continue  # missing, and printed as missing
        relied_on = study.settings_from(variant)
        searched = runs_of(engine.in_order(study, results), relied_on, "search")
        tried, planned = [run["settings"] for run in searched], study.trials(relied_on)
        assert tried[: len(planned)] == planned  # final runs come after the whole search
        assert len(planned) == (1 if nothing_is_set(study, variant) else most)
        assert len(tried) <= len(planned) + (engine.FURTHER if study.past_the_edge else 0)
        kept = best_settings(results, relied_on)
        assert all(run["settings"] == kept for run in final_runs(results, variant))
        assert len(final_runs(results, variant)) <= len(study.seeds_of(variant))


@pytest.mark.parametrize("name", NAMES)
def test_nobody_reads_ratings_of_a_domain_that_it_claims_to_do_without(name):
    study = importlib.import_module(f"studies.{name}").STUDY
    results = stored_results(name)
    for variant in study.variants:
        for run in final_runs(results, variant):
            used = ratings_used(run)
            for tried in runs_of(results, study.settings_from(variant), "search"):
                used |= ratings_used(tried)
            assert not used & set(run.get("no_labels_of", [])), (variant, run["seed"])
        if isinstance(variant, tuple) and variant[0].startswith("all but "):
            left_out = variant[0].removeprefix("all but ")
            finals = final_runs(results, variant)
            assert all(left_out in run["no_labels_of"] for run in finals)


def ratings_used(run: dict) -> set[str]:
    return {domain for domains in run.get("labels_read", {}).values() for domain in domains}


def runs_of(results: dict, variant, stage: str) -> list[dict]:
    stored = list(variant) if isinstance(variant, tuple) else variant
    return [run for run in results["runs"] if (run["variant"], run["stage"]) == (stored, stage)]


@pytest.mark.parametrize("name", NAMES)
def test_one_cell_gives_its_stored_numbers_again(name):
    study = importlib.import_module(f"studies.{name}").STUDY
    stored = stored_results(name).get("check")
    if stored is None:
        pytest.skip(f"the study {name} has not come to its end: no cell is stored yet")
    for number, value in run_check(study).items():
        assert value == pytest.approx(stored["numbers"][number], abs=stored["tolerance"])


def test_no_variant_without_target_ratings_is_missing_from_those_that_say_so():
    """Of domain_adaptation, all but the two ceilings claim to need no rating of the target."""
    from studies import domain_adaptation as adaptation

    for variant in adaptation.VARIANTS:
        target = adaptation.target_of(variant)
        assert (variant[0] == f"all but {target}") == (variant[1] not in adaptation.CEILINGS)
