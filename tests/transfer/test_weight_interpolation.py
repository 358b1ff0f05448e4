"""The line between two sets of weights: its ends, its middle, and the hill on it."""

import pytest
import torch
from small_model import new_model
from torch import nn

from lessons_lib.transfer.weight_interpolation import barrier, interpolated


def two_models():
    first, second = new_model(), new_model()
    with torch.no_grad():
        for parameter in second.parameters():
            parameter += torch.randn_like(parameter)
    return first, second


@pytest.mark.parametrize("weight", [0, 1])
def test_the_ends_are_the_two_models_exactly(weight):
    pair = two_models()
    found = interpolated(pair[0].state_dict(), pair[1].state_dict(), weight)
    assert all(found[name].equal(tensor) for name, tensor in pair[weight].state_dict().items())


def test_between_them_every_number_is_on_the_line_and_loads():
    first, second = two_models()
    middle = new_model()
    middle.load_state_dict(interpolated(first.state_dict(), second.state_dict(), 0.3))
    a, b, c = (model.head.weight.flatten().tolist() for model in (first, second, middle))
    wanted = [x + 0.3 * (y - x) for x, y in zip(a, b, strict=True)]
    assert c == pytest.approx(wanted, abs=1e-6)


def test_of_a_linear_model_the_middle_says_the_mean():
    torch.manual_seed(0)
    first, second, middle = (nn.Linear(3, 1) for _ in range(3))
    middle.load_state_dict(interpolated(first.state_dict(), second.state_dict(), 0.5))
    x = torch.randn(5, 3)
    assert torch.allclose(middle(x), (first(x) + second(x)) / 2, atol=1e-6)


def test_nothing_given_is_changed():
    start, end = {"w": torch.zeros(2)}, {"w": torch.ones(2)}
    interpolated(start, end, 0.5)["w"] += 9
    interpolated({"n": torch.tensor(3)}, {"n": torch.tensor(3)}, 0.5)["n"] += 9
    assert start["w"].tolist() == [0, 0] and end["w"].tolist() == [1, 1]


def test_states_that_have_no_line_between_them_are_refused():
    with pytest.raises(ValueError, match=r"no line between these: w is \(2,\) here and None there"):
        interpolated({"w": torch.zeros(2)}, {}, 0.5)
    with pytest.raises(ValueError, match=r"w is \(2,\) here and \(3,\) there"):
        interpolated({"w": torch.zeros(2)}, {"w": torch.zeros(3)}, 0.5)
    with pytest.raises(ValueError, match="seen holds whole numbers, which differ"):
        interpolated({"seen": torch.tensor(1)}, {"seen": torch.tensor(2)}, 0.5)


def test_barrier_is_the_height_above_an_even_slope_between_the_ends():
    assert barrier([0.2, 0.7, 1.1, 0.5]) == pytest.approx(1.1 - 0.4)
    assert barrier([1.0, 0.5, 1.0]) == 0.0  # a valley: the ends are the highest
    assert barrier([1.0, 2.0, 3.0]) == 0.0  # a slope is no hill
    with pytest.raises(ValueError, match="a point between them, got 2 losses"):
        barrier([1.0, 2.0])
