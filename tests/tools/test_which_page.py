"""Which technique when: in step with the results, each line a comparison that was really run."""

import re

import pytest
from tools_path import which_page
from which_rows import SITUATIONS, Comparison

from lessons_lib.measure.results import load_results
from lessons_lib.transfer.outcomes import predictions_of, ratings_of, texts_of


def test_page_is_in_step_with_the_results():
    text = which_page.PAGE.read_text(encoding="utf-8")
    assert which_page.updated(text) == text


def test_a_difference_is_that_of_the_stored_predictions():
    """By hand: each seed's correlation, and the mean over the seeds."""
    import numpy as np

    results, truth = load_results("distillation"), ratings_of(texts_of("tweets", "test"))

    def mean_r(variant):
        said = predictions_of(results, variant, "tweets", "test")
        return np.mean([np.corrcoef(one, truth)[0, 1] for one in np.atleast_2d(said)])

    sides = ("3 layers", "soft"), ("teacher", "labels")
    entry = which_page.entry_of(Comparison("", "distillation", *sides, "tweets"))
    assert entry["value"] == pytest.approx(mean_r(sides[0]) - mean_r(sides[1]), abs=1e-6)
    assert entry["low"] < entry["value"] < entry["high"]
    assert entry["sealed"] is None  # no primary contrast of its study


def test_a_primary_contrast_brings_its_sealed_outcome():
    sides = ("lora", "tweets"), ("all", "tweets")
    entry = which_page.entry_of(Comparison("", "parameters_against_quality", *sides, "tweets"))
    opened = load_results("parameters_against_quality")["sealed"]["contrasts"]
    assert entry["sealed"] in [one for one in opened if one["contrast"] == "lora - all, tweets"]


def test_what_was_not_run_is_no_row():
    sides = ("7 layers", "soft"), ("teacher", "labels")
    with pytest.raises(LookupError, match="distillation: seven layers has not been run"):
        which_page.entry_of(Comparison("seven layers", "distillation", *sides, "tweets"))


def test_an_open_sign_is_a_hollow_dot():
    entries = [
        {"words": "a", "value": 0.1, "low": 0.05, "high": 0.2, "sealed": None},
        {"words": "b", "value": 0.1, "low": -0.05, "high": 0.2, "sealed": None},
    ]
    from tools_path import glance

    page = glance.differences(entries)
    assert re.findall(r'forest-row (\w+)"><p>(\w)', page) == [("shown", "a"), ("open", "b")]


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one.question)
def test_each_situation_has_its_page_and_its_comparisons(situation):
    chapter = which_page.PAGE.parent / "chapters" / f"{situation.chapter}.md"
    assert chapter.is_file() and situation.rests_on
