"""The sealed texts are opened once for each study, and only when all of it is there."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from lessons_lib.data.splits import load_split, sealed_texts
from lessons_lib.measure.results import pack, read_lines
from studies import engine, open_sealed, storage
from studies.engine import Outcome, Study, run_all
from studies.open_sealed import NotToBeOpened

ROOT = Path(__file__).resolve().parent.parent


def guess(variant, settings, seed, configuration):
    """Ratings of tweets that are the true ones and noise: no model has learnt anything."""
    rng = np.random.default_rng(seed)
    noise = 1 if variant == "good" else 4
    parts = {"test": load_split("tweets").test, "sealed": sealed_texts("tweets", opened=True)}
    said = {
        f"{name}_tweets": pack([one.rating + noise * rng.normal() for one in texts])
        for name, texts in parts.items()
    }
    return Outcome({"validation": 1.0}, said)


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "HOME", tmp_path)
    monkeypatch.setenv(storage.COMMIT, "a" * 40)
    forecast = {
        "level": 0.8,
        "primary": [
            {"contrast": "good - poor", "first": "good", "second": "poor", "target": "tweets"}
        ],
    }
    (tmp_path / "forecasts").mkdir()
    (tmp_path / "forecasts" / "tiny.json").write_text(json.dumps(forecast))
    monkeypatch.setattr(open_sealed, "load_forecast", lambda name: forecast)
    return Study("tiny", ("good", "poor"), {"rate": (1,)}, (0, 1), guess, {"steps": 1})


def test_the_opening_writes_outcome_commit_forecast_and_time(study):
    run_all(study)
    open_sealed.open_sealed(study)
    line = read_lines(study.results_file)["sealed"]
    assert line["commit"] == "a" * 40 and re.fullmatch("[0-9a-f]{64}", line["forecast_sha256"])
    assert line["time"].endswith("+00:00")
    (found,) = line["contrasts"]
    r = {entry["variant"]: entry.get("tweets") for entry in line["r"]}
    assert found["value"] == pytest.approx(r["good"] - r["poor"], abs=2e-4)
    assert found["low"] < found["value"] < found["high"] and 0 < r["VADER"] < 1
    assert set(r) == {"good", "poor", "VADER"}


def test_there_is_no_second_opening(study):
    run_all(study)
    open_sealed.open_sealed(study)
    with pytest.raises(NotToBeOpened, match="tiny was opened at 20"):
        open_sealed.open_sealed(study)
    assert study.results_file.read_text().count('"kind":"sealed"') == 1


def test_a_study_with_missing_runs_stays_closed(study):
    run_all(study, only="good")
    with pytest.raises(NotToBeOpened, match="1 runs of tiny are missing"):
        open_sealed.open_sealed(study)
    assert "sealed" not in read_lines(study.results_file)


def test_what_is_not_committed_stays_closed(study, monkeypatch):
    run_all(study)
    monkeypatch.delenv(storage.COMMIT)
    with pytest.raises(NotToBeOpened, match="commit the forecast"):
        open_sealed.open_sealed(study)
    monkeypatch.setenv(storage.COMMIT, "b" * 40 + "+")
    with pytest.raises(NotToBeOpened, match="commit the code"):
        open_sealed.open_sealed(study)


def test_nothing_else_asks_for_the_sealed_ratings():
    """Only the opening, and the outcomes of what has been opened."""
    asking = {
        path.relative_to(ROOT).as_posix()
        for folder in ("lessons_lib", "studies", "book", "tools")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".md") and "opened=True" in path.read_text(encoding="utf-8")
    }
    assert asking == {"lessons_lib/transfer/outcomes.py"}
