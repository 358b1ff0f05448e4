"""What runs have kept becomes accuracies and their differences."""

import pytest

from lessons_lib.measure.results import pack
from lessons_lib.transfer.right_answers import accuracy_of, gap_of, right_of


def results(**kept) -> dict:
    runs = [
        {"variant": [name], "stage": "final", "seed": seed, "predictions": {"test": pack(row)}}
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
