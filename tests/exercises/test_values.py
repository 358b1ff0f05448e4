"""Answers that are values: how they may be written, and what is said of wrong ones."""

from decimal import Decimal
from fractions import Fraction

import numpy
import pytest
import torch

from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.reading import number_of
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
EXACT = Number(kind="Count", truth=lambda: 3_152_384, factor=1, **TEXTS)
EXACT_WITH_A_TRAP = Number(
    kind="Count",
    truth=lambda: 3_152_384,
    factor=1,
    traps=((3_150_336, "Without the norms."),),
    **TEXTS,
)


class Broken:
    """Fails, whatever is asked of it."""

    def __getattr__(self, name):
        raise SystemExit(name)

    def __repr__(self):
        raise GeneratorExit

    def __eq__(self, other):
        raise ValueError


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
    [None, "", "?", float("nan"), True, object(), {}, [[1]], 10**400, Broken()],
    ids=lambda answer: type(answer).__name__,
)
def test_answer_of_another_kind_is_told_what_is_wanted(exercise, answer):
    found = exercise.judge(answer)
    assert found.passed is False
    assert exercise.form in found.message


@each_kind
def test_answer_that_does_not_even_say_what_it_is_gets_a_verdict(exercise):
    class Closed(Broken):
        @property
        def __class__(self):
            raise SystemExit

    found = exercise.judge(Closed())
    assert (found.passed, exercise.form in found.message) == (False, True)


@pytest.mark.parametrize(
    "answer", ["b", "B", " b ", ["b"], ("B",), {"b"}, frozenset("b"), "b)", "(b)"]
)
def test_choice_may_be_written_in_many_ways(answer):
    assert ONE.judge(answer).passed is True


@pytest.mark.parametrize(
    "answer",
    [
        *("ac", "CA", "c, a", ["a", "c"], {"c", "a"}, "a c", "a and c", "c AND a", "a, and c"),
        *(frozenset({"a", "c"}), ("a", "and", "c"), "a & c", "(a), (c)"),
    ],
    ids=lambda answer: f"{type(answer).__name__} {sorted(answer)}",  # a set has no order
)
def test_several_choices_may_be_written_in_many_ways(answer):
    assert SEVERAL.judge(answer).passed is True


def test_choice_speaks_of_the_first_wrong_option():
    assert SEVERAL.judge("abc").message == '"b" does not hold. Why not b.'
    assert SEVERAL.judge("a").message.startswith("What you chose holds, but it is not all")
    assert ONE.judge("ab").message == "Only one of them is right: give one letter."


@pytest.mark.parametrize("answer", ["", "d", 2, None, 0.5, ["a", 1], "yes"])
def test_choice_asks_for_letters(answer):
    assert "should be one of" in ONE.judge(answer).message


@pytest.mark.parametrize(
    "answer", ["cab", "CAB", "c, a, b", ["c", "a", "b"], "c-a-b", "c a b", "c, a and b"]
)
def test_order_may_be_written_in_many_ways(answer):
    assert ORDER.judge(answer).passed is True


@pytest.mark.parametrize("answer", ["c > a > b", "c<a<b", "a < b, c"])
def test_order_with_signs_that_compare_is_asked_for_without_them(answer):
    found = ORDER.judge(answer)
    told = 'give the letters alone, the first of the order first, such as "ba".'
    assert (found.passed, found.message.endswith(told)) == (False, True)


@pytest.mark.parametrize("answer", ["c -> a -> b", "c => a => b", "c → a → b"])
def test_order_may_be_written_with_arrows(answer):
    assert ORDER.judge(answer).passed is True


def test_of_two_traps_close_to_each_other_the_nearer_one_speaks():
    two = Number(
        kind="Count",
        truth=lambda: 1006.0,
        factor=1,
        traps=((1000, "Far."), (1005, "Near.")),
        **TEXTS,
    )
    told = [two.judge(number).message for number in (1002, 1005, 1005.5, 996)]
    assert told == ["Far.", "Near.", "Near.", "Far."]


def test_order_names_the_first_wrong_place():
    assert ORDER.judge("cba").message == 'Place 2 is not "b". Compare.'


@pytest.mark.parametrize("answer", ["", "ca", "caba", "cad", [1, 2, 3], 7, None])
def test_order_asks_for_each_letter_once(answer):
    assert "should be letters in order" in ORDER.judge(answer).message


@pytest.mark.parametrize(
    "answer",
    [
        *(8, 8.0, 8.5, numpy.float32(8), numpy.int64(8), numpy.int8(8), numpy.array(8)),
        *(torch.tensor(8.0), torch.tensor(8), torch.tensor([8], dtype=torch.bfloat16)),
        *(Fraction(16, 2), Fraction(33, 4), Decimal("8.1"), "8", " 8.0 ", "16/2", "1.6e1 / 2"),
    ],
    ids=repr,
)
def test_number_may_be_of_any_kind_within_the_factor(answer):
    found = NUMBER.judge(answer)
    assert (found.passed, found.message[0]) == (True, "8")


@pytest.mark.parametrize(
    "answer", [0.75, Fraction(3, 4), Decimal("0.75"), torch.tensor(0.75), "3/4", ".75", "+0.75"]
)
def test_fraction_is_a_number(answer):
    assert number_of(answer) == 0.75


@pytest.mark.parametrize(
    "answer", [3_152_384, 3_152_384.0, numpy.float32(3_152_384), "3152384", "3,152,384"]
)
def test_exact_number_is_right(answer):
    found = EXACT.judge(answer)
    assert (found.passed, found.message) == (True, "3,152,384 is right.")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (3_152_385, "3,152,385 is too high."),
        (3_152_383, "3,152,383 is too low."),
        (3_152_384.5, "Without the norms."),
        (3_150_336, "Without the norms."),
    ],
)
def test_number_beside_the_exact_one_is_wrong(answer, message):
    exact = EXACT if "too" in message else EXACT_WITH_A_TRAP
    assert (exact.judge(answer).passed, exact.judge(answer).message) == (False, message)


@pytest.mark.parametrize("name", ["transformer.layer_parameters", "real_weights.parameters"])
def test_exercise_that_says_exactly_accepts_the_exact_number_only(name):
    exercise = registry.find(name)
    assert "xactly" in exercise.task
    right = exercise.right_answer
    assert type(right) is int
    assert [exercise.judge(right + k).passed for k in (-1, 0, 1)] == [False, True, False]


@pytest.mark.parametrize(
    ("truth", "factor", "written"),
    [
        (0.7500000596046448, 1.005, "0.75"),
        (1.3862943649291992, 1.005, "1.386"),
        (10.000000000000002, 1.01, "10"),
        (2304.0, 1.02, "2304"),
        (10.320413284570998, 1.3, "10.3"),
        (0.0001234567, 1.1, "0.000123"),
        (0.5, 1, "0.5"),
        (1 / 3, 1, "0.3333333333333333"),
        (-16.0, 1.005, "-16"),
    ],
)
def test_solution_is_written_as_a_person_would(truth, factor, written):
    number = Number(kind="Guess", truth=lambda: truth, factor=factor, **TEXTS)
    assert number.solution_source() == f"answer = {written}"
    assert number.judge(number.right_answer).passed is True


REASON = {**TEXTS, "because": "Three of four."}


@pytest.mark.parametrize(
    ("exercise", "message"),
    [
        (Number(kind="", truth=lambda: 0.75, factor=1.1, **REASON), "0.75 is right."),
        (
            Number(kind="", truth=lambda: 0.75, factor=1.1, reveal=True, **REASON),
            "0.75 is right. It comes out at 0.75.",
        ),
        (
            Ordering(kind="", items={"a": "A", "b": "B"}, right="ba", rule="", **REASON),
            "That is the order.",
        ),
        (ShapePuzzle(truth=lambda: torch.zeros(3, 4), traps={}, **REASON), "(3, 4) is right."),
    ],
    ids=["number", "revealed", "order", "shape"],
)
def test_right_answer_is_told_why_once(exercise, message):
    found = exercise.judge(exercise.right_answer)
    assert (found.passed, found.message) == (True, f"{message} Three of four.")


def test_number_says_on_which_side():
    assert NUMBER.judge(7).message == "7 is too low. It comes out at 8."
    assert NUMBER.judge(9).message == "9 is too high. It comes out at 8."
    assert NUMBER.judge(4.01).message == "Half. It comes out at 8."


@pytest.mark.parametrize(
    "answer",
    [
        *(True, None, float("inf"), float("nan"), 10**400, 8j, [8], (8,), b"8", Broken()),
        *(torch.tensor(True), torch.tensor([8.0, 8.0]), torch.tensor(8j), numpy.bool_(True)),
        *(torch.tensor(float("nan")), Decimal("NaN"), Decimal("sNaN"), Decimal("1e999999")),
        *("eight", "", "8 9", "8/0", "8/", "nan", "inf", "1e999", "0x8", "8 %", "1,2"),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_number_asks_for_a_number(answer):
    assert "should be a number" in NUMBER.judge(answer).message


@pytest.mark.parametrize(
    "answer",
    [
        *((2, 3, 4), [2, 3, 4], torch.Size([2, 3, 4]), (numpy.int64(2), 3, 4)),
        (torch.tensor(2), numpy.int8(3), 4),
    ],
)
def test_shape_may_be_a_tuple_or_a_list(answer):
    assert SHAPE.judge(answer).passed is True


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((2, 4, 3), "Turned."),
        ((4, 3, 2), "The right numbers, in another order"),
        ((2, 3), "Yours has 2 axes; the tensor has 3."),
        ((2, 5, 4), "Axis 1 (counted from 0) is not 5 long."),
        ((True, 3, 4), "should be a tuple of whole numbers"),
        ((numpy.bool_(True), 3, 4), "should be a tuple of whole numbers"),
        ((2, 3, Broken()), "should be a tuple of whole numbers"),
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
