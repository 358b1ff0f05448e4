"""What runs have kept becomes accuracies and their differences."""

import numpy as np
import pytest

from lessons_lib.measure.results import pack
from lessons_lib.transfer.right_answers import accuracy_of, gap_in, gap_of, right_of, shares_of


def results(**kept) -> dict:
    runs = [
        {"variant": [name], "stage": "final", "seed": seed, "predictions": {"test": pack(row)}}
        for name, rows in kept.items()
        for seed, row in enumerate(rows)
    ]
    return {"runs": runs}


def by_language(**kept) -> dict:
    runs = [
        {
            "variant": [name],
            "stage": "final",
            "seed": seed,
            "numbers": {f"in {language}": value for language, value in row.items()},
        }
        for name, rows in kept.items()
        for seed, row in enumerate(rows)
    ]
    return {"runs": runs}


def test_rows_are_seeds_and_columns_examples():
    found = results(a=[[1, 0, 1], [0, 0, 1]])
    assert right_of(found, ("a",)).tolist() == [[1, 0, 1], [0, 0, 1]]
    assert accuracy_of(found, ("a",)).value == pytest.approx(0.5)
    assert right_of(found, ("b",)) is None and accuracy_of(found, ("b",)) is None


def test_a_contrast_is_first_minus_second_and_none_where_one_is_missing():
    found = results(a=[[1, 1, 0, 1]], b=[[1, 0, 0, 1]])
    assert gap_of(found, {"first": ["a"], "second": ["b"]}).value == pytest.approx(0.25)
    assert gap_of(found, {"first": ["a"], "second": ["c"]}) is None


def test_shares_come_by_seed_and_language():
    found = by_language(e5=[{"de": 0.1, "fi": 0.3}, {"de": 0.2, "fi": 0.4}])
    np.testing.assert_allclose(shares_of(found, ("e5",), ["fi", "de"]), [[0.3, 0.1], [0.4, 0.2]])
    assert shares_of(found, ("e5",), ["sv"]) is None
    assert shares_of(found, ("words",), ["de"]) is None


def test_a_contrast_in_languages_takes_those_of_its_measure():
    found = by_language(
        a=[{"de": 0.5, "fi": 0.9}, {"de": 0.5, "fi": 0.7}],
        b=[{"de": 0.4, "fi": 0.1}, {"de": 0.4, "fi": 0.1}],
    )
    gap = gap_in({"accuracy": ["de", "fi"], "close": ["de"]})
    entry = {"first": ["a"], "second": ["b"]}
    assert gap(found, entry).value == pytest.approx(0.4)
    assert gap(found, entry | {"measure": "close"}).value == pytest.approx(0.1)
    assert gap(found, entry | {"second": ["c"]}) is None
