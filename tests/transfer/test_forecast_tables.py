"""A forecast beside its outcome: the words of the tables, from made up outcomes."""

import pytest

from lessons_lib.measure.intervals import Difference
from lessons_lib.transfer import forecast_tables
from lessons_lib.transfer.forecast_tables import show_forecast, show_sealed

ENTRIES = [
    {"contrast": "a - b", "interval": [-0.1, 0.2]},
    {"contrast": "c - d", "interval": [0.3, 0.4]},
    {"contrast": "e - f", "interval": [0.0, 0.1]},
]
FOUND = {"a - b": Difference(0.1, 0.05, 0.15, 0.01), "c - d": Difference(-0.2, -0.5, 0.1, 0.03)}


@pytest.fixture
def tables(monkeypatch):
    """What is displayed, as text; the outcomes are those of `FOUND`."""
    shown = []

    def keep(data, raw):
        shown.append(data["text/plain"])

    monkeypatch.setattr("IPython.display.display", keep)
    forecast = {"level": 0.8, "primary": ENTRIES}
    monkeypatch.setattr(forecast_tables, "load_forecast", lambda name: forecast)
    outcome = lambda results, entry: FOUND.get(entry["contrast"])  # noqa: E731
    monkeypatch.setattr(forecast_tables, "outcome_of", outcome)
    return shown


def test_each_contrast_has_its_verdict_and_the_corrected_p(tables, capsys):
    show_forecast({"study": "any", "runs": []})
    _, first, second = tables[0].splitlines()[-3:]
    assert "difference in r" in tables[0] and "forecast (80%)" in tables[0]
    # Holm: .01 x 2 = .02, and .03 x 1
    assert first.split()[3:5] == ["0.10", "[0.05,"] and "held" in first and "below .05" in first
    assert "−0.20 [−0.50, 0.10]" in second and "missed" in second and "below .05" in second
    assert capsys.readouterr().out == "Not run: e - f\n"


def test_another_measure_has_its_own_outcomes_and_its_name(tables, capsys):
    of_shares = {"e - f": Difference(0.05, 0.0, 0.1, 0.2)}
    show_forecast(
        {"study": "any"}, lambda results, entry: of_shares.get(entry["contrast"]), "in accuracy"
    )
    assert "in accuracy" in tables[0] and "0.05 [0.00, 0.10]" in tables[0]
    assert capsys.readouterr().out == "Not run: a - b; c - d\n"


def test_without_a_run_there_is_no_table(tables, capsys, monkeypatch):
    monkeypatch.setattr(forecast_tables, "outcome_of", lambda results, entry: None)
    show_forecast({"study": "any", "runs": []})
    assert not tables
    assert capsys.readouterr().out == "Not run: a - b; c - d; e - f\n"


def test_sealed_outcomes_stand_beside_those_of_the_test_texts(tables, capsys):
    show_sealed({"study": "any", "runs": []})
    assert capsys.readouterr().out.endswith("so its sealed texts stay closed.\n")
    opened = [{"contrast": "c - d", "value": -0.3, "low": -0.4, "high": -0.1}]
    show_sealed({"study": "any", "runs": [], "sealed": {"contrasts": opened}})
    assert "−0.20 [−0.50, 0.10]" in tables[0] and "−0.30 [−0.40, −0.10]" in tables[0]
