"""Stored results: read, and predictions packed and unpacked."""

import numpy as np
import pytest

from lessons_lib.measure import results
from lessons_lib.measure.results import pack, unpack


def test_predictions_are_kept_to_the_hundredth():
    rng = np.random.default_rng(0)
    values = rng.uniform(-4, 4, 1_000)
    text = pack(values)
    assert np.abs(unpack(text) - values).max() <= 0.005 + 1e-12
    assert len(text) < 2_700
    for wrong in ([np.nan], [400.0], [-np.inf]):
        with pytest.raises(ValueError, match=r"not finite|numbers from -327\.67 to 327\.67"):
            pack(wrong)


def test_final_runs_are_those_of_one_variant_in_its_final_stage():
    runs = [
        {"variant": ["a", "b"], "stage": "final", "seed": 1},
        {"variant": ["a", "b"], "stage": "search", "seed": 0},
        {"variant": "a", "stage": "final", "seed": 0},
    ]
    assert results.final_runs({"runs": runs}, ("a", "b")) == runs[:1]
    assert results.final_runs({"runs": runs}, "a") == runs[2:]


def test_a_study_that_has_not_been_run_is_no_file():
    with pytest.raises(FileNotFoundError, match="no_such_study"):
        results.load_results("no_such_study")


@pytest.mark.parametrize("bad", [[[1.0], [2.0]], [1.0, float("nan")], 1.0])
def test_what_is_no_list_of_finite_numbers_is_not_kept(bad):
    with pytest.raises(ValueError, match="the list of predictions"):
        pack(bad)


def test_predictions_that_hardly_differ_keep_their_order():
    values = 0.63 + 0.002 * np.random.default_rng(0).normal(size=300)
    assert np.corrcoef(unpack(pack(values)), values)[0, 1] > 0.999999
