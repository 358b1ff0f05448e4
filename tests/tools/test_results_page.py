"""Results at a glance: in step with the studies' results, and honest about what is missing."""

import statistics

import pytest
from tools_path import results_page

from lessons_lib.measure.results import HOME, load_forecast


def test_page_is_in_step_with_the_results():
    text = results_page.PAGE.read_text(encoding="utf-8")
    assert results_page.updated(text) == text


def test_every_study_with_a_forecast_is_on_the_page():
    forecasts = {path.stem for path in (HOME / "forecasts").glob("*.json")}
    assert forecasts == set(results_page.STORIES) == set(results_page.OUTCOMES)


@pytest.mark.parametrize("name", results_page.STORIES)
def test_a_forecast_holds_where_the_mean_lies_in_its_interval(name):
    entries = results_page.outcomes(name)
    assert len(entries) == len(load_forecast(name)["primary"])
    for entry in entries:
        if entry["found"]:
            low, high = entry["interval"]
            assert entry["held"] == (low <= statistics.mean(entry["found"]) <= high)


def test_a_missing_run_is_printed_as_missing(monkeypatch):
    whole = results_page.load_results("date_translation")
    cut = whole | {"runs": [run for run in whole["runs"] if run["variant"] != "sinusoidal"]}
    monkeypatch.setattr(results_page, "load_results", lambda name: cut)
    (entry, *_) = results_page.outcomes("date_translation")
    assert entry["found"] == [] and entry["held"] is None
    assert "| missing |" in results_page._table([entry])


def test_a_study_that_has_not_begun_is_missing_as_a_whole(monkeypatch):
    def gone(name):
        raise FileNotFoundError(name)

    monkeypatch.setattr(results_page, "load_results", gone)
    assert {entry["held"] for entry in results_page.outcomes("date_translation")} == {None}
    assert "were not run." in results_page.results_section()


def test_page_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="the page should hold the marks '<!-- results: made by"):
        results_page.updated("# A page\n")
