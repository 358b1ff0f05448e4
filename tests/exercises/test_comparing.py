"""The comparison that closes an exercise: what fits, what does not, and what is said then."""

import pytest
import torch
from code_exercises import each_exercise
from torch.nn import functional

from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.answer import Answer
from lessons_lib.exercises.engine.comparing import Case, Expected, ValidInputs, outcome
from lessons_lib.exercises.engine.draws import PLANNED


def stub(x, other=None):
    raise NotImplementedError


def numbers(draw):
    length, width = draw.sizes(tokens=300, columns=65)
    scale, offset = draw.scale(1, 1_000), draw.offset(0, 1_000)
    return (draw.floats(length, width, scale=scale, offset=offset),)


def spread(x):
    return (x - x.mean(dim=-1, keepdim=True)).square().mean(dim=-1)


def problem(
    function, right=spread, generator=numbers, returns=("spread",), holds=None
) -> str | None:
    valid = ValidInputs(generator, right, right, holds)
    return valid.problem(Answer(function, stub, returns))


def test_right_answer_has_no_problem():
    assert problem(spread) is None


@pytest.mark.parametrize(
    "same",
    [
        lambda x: x.var(dim=-1, correction=0),
        lambda x: torch.stack([(row - row.sum() / len(row)).pow(2).sum() / len(row) for row in x]),
        lambda x: sum((column - x.mean(dim=1)) ** 2 for column in x.unbind(dim=1)) / x.size(1),
        lambda x: spread(x.flip(1)),
    ],
)
def test_other_order_of_adding_fits(same):
    assert problem(same) is None


def test_difference_of_two_large_numbers_does_not_fit_and_is_told():
    message = problem(lambda x: x.square().mean(dim=-1) - x.mean(dim=-1).square())
    assert message.startswith("On an input")
    assert "in float32" in message
    assert "does a difference of two large numbers lose its digits" in message


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: spread(x)[:64], "`spread` should have shape (300,); yours has (64,)"),
        (lambda x: spread(x[:, :32]), "Smaller sizes come out right: is a size fixed?"),
        (lambda x: spread(x).clamp(max=900.0), "Smaller numbers come out right: is something bou"),
        (lambda x: spread(x) * (1 + 0 * x[:, 0].exp()), "Does something overflow"),
        (lambda x: spread(x).double(), "`spread` is torch.float64, not torch.float32: is a tensor"),
        (lambda x: spread(x).detach(), "no gradient comes back: something in between leaves"),
        (lambda x: spread(x) / 2 + spread(x).detach() / 2, "but the gradient of `x` is not"),
        (lambda x: spread(x.view(-1, x.size(1))), None),
        (lambda x: spread(x.T.view(-1).view(x.T.shape).T), "Your code stopped"),
        (lambda x: spread(x) * 1.0001, "That is near"),
    ],
)
def test_what_is_wrong_is_told_with_the_input_that_shows_it(wrong, words):
    message = problem(wrong)
    if words is None:
        assert message is None
    else:
        assert words in message


def test_as_many_digits_are_shown_as_it_takes():
    def one(draw):
        draw.sizes(tokens=1)
        return (torch.tensor([2.0]),)

    assert "at [0] should be 2.0000; yours is 1.9996." in problem(
        lambda x: x - 4e-4, right=lambda x: x + 0, generator=one, returns=("same",)
    )
    assert "should be 2.00; yours is -1.00." in problem(
        lambda x: x - 3, right=lambda x: x + 0, generator=one, returns=("same",)
    )
    assert "should be 2,000,000; yours is 2,000,040." in problem(
        lambda x: 1e6 * x + 40, right=lambda x: 1e6 * x, generator=one, returns=("same",)
    )


def test_whole_numbers_have_to_be_equal():
    def some(draw):
        return (draw.wholes(0, 9, *draw.sizes(ids=300)),)

    assert problem(lambda x: x * 2, right=lambda x: x + x, generator=some) is None
    assert problem(lambda x: x.int(), right=lambda x: x, generator=some) is None
    assert "is torch.float32" in problem(lambda x: x.float(), right=lambda x: x, generator=some)
    message = problem(lambda x: x.clamp(max=8), right=lambda x: x, generator=some)
    assert "should be 9; yours is 8." in message


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: [*x, "z"], "`names` should be 1 long; yours is 2 long."),
        (lambda x: [one.upper() for one in x], "place 0 of `names` should be 'a'; yours is 'A'."),
    ],
)
def test_lists_are_compared_place_by_place(wrong, words):
    valid = ValidInputs(lambda draw: (["a"] * draw.sizes(words=300)[0],), list, list)
    assert words in valid.problem(Answer(wrong, stub, ("names",), list))
    assert valid.problem(Answer(lambda x: list(x), stub, ("names",), list)) is None


def test_text_is_compared():
    valid = ValidInputs(lambda draw: ("ab",), str.upper, str.upper)
    message = valid.problem(Answer(lambda x: x, stub, ("name",), str))
    assert message == "On a small input: `name` should be 'AB'; yours is 'ab'. It was given x 'ab'."


def test_long_texts_are_shown_where_they_first_differ():
    text = "ab" * 150
    changed = text[:200] + "c" + text[201:]
    cases = (
        (lambda x: changed, "`name`", str, str),
        (lambda x: [x, changed], "place 1 of `name`", list, lambda x: [x, text]),
    )
    for wrong, what, kind, right in cases:
        valid = ValidInputs(lambda draw: (text,), right, right)
        message = valid.problem(Answer(wrong, stub, ("name",), kind))
        wanted = f"…{text[170:230]!r}…; yours is …{changed[170:230]!r}…."
        assert message == f"On a small input: {what} should be {wanted}"


def test_text_of_which_another_is_the_beginning_is_shown_at_its_end():
    text = "abc" * 30
    valid = ValidInputs(lambda draw: (text,), str, str)
    message = valid.problem(Answer(lambda x: x[:-1], stub, ("name",), str))
    assert message.endswith(f"should be …{text[59:]!r}; yours is …{text[59:-1]!r}.")


def test_nan_fits_nan_alone_and_infinity_itself_alone():
    wanted = torch.tensor([torch.nan, torch.inf, 1.0], dtype=torch.float64)
    expected = Expected(wanted, wanted, room=0.1)
    assert expected.fits(torch.tensor([torch.nan, torch.inf, 1.05], dtype=torch.float64))
    for found in (
        [0.0, torch.inf, 1.0],
        [torch.nan, 1e300, 1.0],
        [torch.nan, torch.inf, torch.nan],
    ):
        assert not expected.fits(torch.tensor(found, dtype=torch.float64))
    assert not expected.fits(torch.tensor([torch.nan, -torch.inf, 1.0], dtype=torch.float64))


def test_answer_that_cannot_take_bfloat16_may_do_without():
    def half(draw):
        draw.dtypes(torch.bfloat16)
        return (draw.floats(3, 4),)

    def picky(x):
        if x.dtype == torch.bfloat16:
            raise TypeError("no bfloat16")
        return spread(x)

    assert problem(picky, generator=half) is None
    assert "in bfloat16" in problem(lambda x: -spread(x), generator=half)


def test_property_may_stand_in_place_of_an_oracle():
    def holds(found, x):
        return None if found in x else "that is none of them."

    def some(draw):
        return (draw.wholes(1, 9, 5),)

    texts = {"right": lambda x: x[0], "generator": some, "holds": holds}
    assert problem(lambda x: x[-1], **texts) is None
    assert problem(lambda x: x[-1] + 10, **texts) == "On a small input: that is none of them."


def test_gradients_are_those_of_a_weighted_sum_of_all_results():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (_, constant), slopes = outcome(lambda x: (2 * x, torch.ones(1)), (x,), number=0)
    pulls = torch.randn(2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(slopes[0], 2 * pulls.float())
    assert not constant.requires_grad
    assert outcome(lambda x: x + 1, (x.detach(),), number=0)[1] == []


# --- all exercises -----------------------------------------------------------------------------


@each_exercise
def test_oracle_is_not_the_reference(exercise):
    assert exercise.valid.holds or exercise.valid.oracle is not exercise.reference_function


@each_exercise
def test_same_inputs_come_whatever_the_random_state_is(exercise):
    def first():
        return repr([exercise.valid.inputs(number) for number in (0, 3, 9)])

    def plain(text):
        return text if "function" not in text else text[:100]  # functions show their address

    torch.manual_seed(1)
    once = first()
    torch.manual_seed(2)
    assert plain(first()) == plain(once)


@each_exercise
def test_little_room_is_left_for_rounding(exercise):
    """A fortieth of the largest number at most, and mostly far less."""
    rooms = []
    for number in range(PLANNED):
        case = Case(exercise.valid, number)
        step = 8 if case.draw.dtype == torch.bfloat16 else 1
        for part in case.returns:
            if isinstance(part.like, torch.Tensor) and part.like.is_floating_point():
                finite = part.exact[part.exact.isfinite()].abs()
                rooms.append(part.room / step / max(finite.max().item(), 1e-9))
    assert not rooms or sorted(rooms)[len(rooms) // 2] < 1e-4 + exercise.valid.room
    assert sum(room > 0.025 for room in rooms) <= len(rooms) // 10, rooms


@each_exercise
def test_planned_inputs_are_long_on_each_axis_and_large_where_numbers_are(exercise):
    draws = [Case(exercise.valid, number).draw for number in range(PLANNED)]
    assert any(draw.is_long for draw in draws)
    takes_floats = any("in float" in draw.description for draw in draws)
    assert any(draw.is_large for draw in draws) == takes_floats


def test_stable_norm_of_torch_is_among_what_fits():
    exercise = registry.find("transformer.layer_norm")

    def torch_norm(x, scale, shift, eps=1e-5):
        return functional.layer_norm(x, x.shape[-1:], scale, shift, eps)

    assert exercise.judge(torch_norm).passed is True
