"""Answers that are values: how they may be written, and what is said of wrong ones."""

import numpy
import pytest
import torch

from lessons_lib.exercises.engine.values import Choice, Number, Ordering, ShapePuzzle

TEXTS = {"answer_name": "answer", "task": "", "hints": ("",)}
ONE = Choice(
    kind="Choose",
    options={"a": "A", "b": "B", "c": "C"},
    right="b",
    reasons={"a": "Why not a.", "b": "Why b.", "c": "Why not c."},
    **TEXTS,
)
SEVERAL = Choice(
    kind="Choose",
    options={"a": "A", "b": "B", "c": "C"},
    right="ca",
    reasons={"a": "Why a.", "b": "Why not b.", "c": "Why c."},
    **TEXTS,
)
ORDER = Ordering(
    kind="Order", items={"a": "A", "b": "B", "c": "C"}, right="cab", rule="Compare.", **TEXTS
)
NUMBER = Number(
    kind="Guess", truth=lambda: 8.0, factor=1.1, traps=((4, "Half."),), reveal=True, **TEXTS
)
SHAPE = ShapePuzzle(truth=lambda: torch.zeros(2, 3, 4), traps={(2, 4, 3): "Turned."}, **TEXTS)
each_kind = pytest.mark.parametrize(
    "exercise",
    [ONE, SEVERAL, ORDER, NUMBER, SHAPE],
    ids=["one", "several", "order", "number", "shape"],
)


@each_kind
def test_dots_are_unanswered(exercise):
    assert exercise.judge(...).passed is None


@each_kind
def test_function_instead_of_a_value_is_told(exercise):
    found = exercise.judge(len)
    assert (found.passed, "not a function" in found.message) == (False, True)


@each_kind
@pytest.mark.parametrize(
    "answer",
    [None, "", "?", float("nan"), True, pytest.param(object(), id="object"), {}, [[1]], 10**400],
    ids=repr,
)
def test_answer_of_another_kind_is_told_what_is_wanted(exercise, answer):
    found = exercise.judge(answer)
    assert found.passed is False
    assert exercise.form in found.message


@pytest.mark.parametrize("answer", ["b", "B", " b ", ["b"], ("B",), {"b"}])
def test_choice_may_be_written_in_many_ways(answer):
    assert ONE.judge(answer).passed is True


@pytest.mark.parametrize("answer", ["ac", "CA", "c, a", ["a", "c"], {"c", "a"}, "a c"])
def test_several_choices_may_be_written_in_many_ways(answer):
    assert SEVERAL.judge(answer).passed is True


def test_choice_speaks_of_the_first_wrong_option():
    assert SEVERAL.judge("abc").message == '"b" does not hold. Why not b.'
    assert SEVERAL.judge("a").message.startswith("What you chose holds, but it is not all")
    assert ONE.judge("ab").message == "Only one of them is right: give one letter."


@pytest.mark.parametrize("answer", ["", "d", 2, None, 0.5, ["a", 1], "yes"])
def test_choice_asks_for_letters(answer):
    assert "should be one of" in ONE.judge(answer).message


@pytest.mark.parametrize("answer", ["cab", "CAB", "c, a, b", ["c", "a", "b"], "c-a-b", "c a b"])
def test_order_may_be_written_in_many_ways(answer):
    assert ORDER.judge(answer).passed is True


def test_order_names_the_first_wrong_place():
    assert ORDER.judge("cba").message == 'Place 2 is not "b". Compare.'


@pytest.mark.parametrize("answer", ["", "ca", "caba", "cad", [1, 2, 3], 7, None])
def test_order_asks_for_each_letter_once(answer):
    assert "should be letters in order" in ORDER.judge(answer).message


@pytest.mark.parametrize("answer", [8, 8.0, 8.5, numpy.float32(8), numpy.int64(8)])
def test_number_may_be_of_any_kind_within_the_factor(answer):
    assert NUMBER.judge(answer).passed is True


def test_number_says_on_which_side():
    assert NUMBER.judge(7).message == "7 is too low. It comes out at 8."
    assert NUMBER.judge(9).message == "9 is too high. It comes out at 8."
    assert NUMBER.judge(4.01).message == "Half. It comes out at 8."


@pytest.mark.parametrize(
    "answer", ["8", True, None, float("inf"), float("nan"), 10**400, torch.tensor(8.0), 8j]
)
def test_number_asks_for_a_number(answer):
    assert "should be a number" in NUMBER.judge(answer).message


@pytest.mark.parametrize("answer", [(2, 3, 4), [2, 3, 4], torch.Size([2, 3, 4])])
def test_shape_may_be_a_tuple_or_a_list(answer):
    assert SHAPE.judge(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((2, 4, 3), "Turned."),
        ((4, 3, 2), "The right numbers, in another order"),
        ((2, 3), "Yours has 2 axes; the tensor has 3."),
        ((2, 5, 4), "Axis 1 (counted from 0) is not 5 long."),
        ((2, 3, 4.0), "should be a tuple of whole numbers"),
        ("234", "should be a tuple of whole numbers"),
        (24, "should be a tuple of whole numbers"),
    ],
)
def test_wrong_shape_is_told(answer, words):
    assert words in SHAPE.judge(answer).message


def test_declaring_a_choice_without_a_reason_is_refused():
    with pytest.raises(ValueError, match="every option needs a reason"):
        Choice(kind="", options={"a": "A", "b": "B"}, right="a", reasons={"a": ""}, **TEXTS)


def test_declaring_an_order_that_leaves_one_out_is_refused():
    with pytest.raises(ValueError, match="hold every item once"):
        Ordering(kind="", items={"a": "A", "b": "B"}, right="a", rule="", **TEXTS)
