"""What the checks of several chapters share."""

import pytest

from lessons_lib.exercises.engine.oracles import told_apart


@pytest.mark.parametrize(
    ("mine", "wanted", "told"),
    [
        (0.5, 0.25, ("0.5", "0.25")),
        (0.22497, 0.22498, ("0.22497", "0.22498")),
        (0.9998, 1.0, ("0.9998", "1")),
        (0.2254, 0.2246, ("0.2254", "0.2246")),
        (1 + 1e-9, 1.0, ("1.000000001", "1")),
        (-0.1234, 0.1234, ("-0.123", "0.123")),
        (float("nan"), 2.0, ("nan", "2")),
    ],
)
def test_two_numbers_are_told_with_as_many_digits_as_differ(mine, wanted, told):
    assert told_apart(mine, wanted) == told


def test_two_numbers_that_differ_by_rounding_are_told_in_full():
    mine, wanted = told_apart(0.1 + 0.2, 0.3)
    assert mine != wanted
    assert len(mine) > 15
