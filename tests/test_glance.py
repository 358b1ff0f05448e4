"""Results at a glance: in step with the studies' results, and honest about what is missing."""

import statistics

import pytest

from studies import glance
from studies.engine import HOME, load_forecast


def test_page_is_in_step_with_the_results():
    text = glance.PAGE.read_text(encoding="utf-8")
    assert glance.updated(text) == text


def test_every_study_with_a_forecast_is_on_the_page():
    forecasts = {path.stem for path in (HOME / "forecasts").glob("*.json")}
    assert forecasts == set(glance.STORIES) == set(glance.OUTCOMES)


@pytest.mark.parametrize("name", glance.STORIES)
def test_a_forecast_holds_where_the_mean_lies_in_its_interval(name):
    entries = glance.outcomes(name)
    assert len(entries) == len(load_forecast(name)["primary"])
    for entry in entries:
        if entry["found"]:
            low, high = entry["interval"]
            assert entry["held"] == (low <= statistics.mean(entry["found"]) <= high)


def test_a_missing_run_is_printed_as_missing(monkeypatch):
    whole = glance.load_results("date_translation")
    cut = whole | {"runs": whole["runs"][:-1]}
    monkeypatch.setattr(glance, "load_results", lambda name: cut)
    (entry, *_) = glance.outcomes("date_translation")
    assert entry["found"] == [] and entry["held"] is None
    assert "| missing |" in glance._table([entry])


def test_page_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="the page should hold the marks '<!-- results: made by"):
        glance.updated("# A page\n")
