"""What closes an exercise of code: an answer keeps the dtype of its inputs, in each it may get."""

import pytest
import torch

from lessons_lib.exercises.engine.answer import Answer
from lessons_lib.exercises.engine.closing import other_dtype_problem


def stub(x, y=None):
    raise NotImplementedError


def reference(x, y=None):
    return 2 * x


def problem(function, calls=None, right=reference, returns=("total",)) -> str | None:
    calls = [((torch.ones(2, dtype=torch.float64),), {})] if calls is None else calls
    return other_dtype_problem(Answer(function, stub, returns), right, calls)


def test_answer_that_keeps_the_dtype_has_no_problem():
    assert problem(lambda x, y=None: x + x) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.double(), "Given torch.float32, `total` is torch.float64: is a tensor made"),
        (lambda x: x.float(), "Given torch.float64, `total` is torch.float32: is a tensor made"),
        (lambda x: x.bfloat16(), "Given torch.float32, `total` is torch.bfloat16"),
    ],
)
def test_fixed_dtype_is_told(change, words):
    assert words in problem(lambda x, y=None: change(2 * x))


def test_answer_that_takes_one_dtype_only_is_told():
    message = problem(lambda x, y=None: x @ torch.ones(2, dtype=torch.float64) + x)
    assert message.startswith("With inputs of torch.float32: Your code stopped")


def test_values_are_not_compared():
    assert problem(lambda x, y=None: 3 * x) is None


def test_dtype_that_the_reference_cannot_take_is_not_asked_for():
    def bound(x, y=None):
        return x @ torch.ones(2, 2, dtype=torch.float64)

    assert problem(bound, right=bound) is None


def test_dtype_that_the_reference_always_gives_is_wanted():
    assert problem(lambda x, y=None: x.double(), right=lambda x: x.double()) is None
    assert "is torch.float32" in problem(lambda x, y=None: x, right=lambda x: x.double())


def test_whole_numbers_may_be_of_any_width():
    assert problem(lambda x, y=None: x.int(), right=lambda x: x.long()) is None
    assert "is torch.int32" in problem(lambda x, y=None: x.int(), right=lambda x: x > 0)
    assert "is torch.bool" in problem(lambda x, y=None: x > 0, right=lambda x: x.long())
    assert "is torch.int64" in problem(lambda x, y=None: x.long())


def test_each_of_several_tensors_is_looked_at():
    message = problem(
        lambda x, y=None: (x, x.double()), right=lambda x: (x, x), returns=("one", "two")
    )
    assert message.startswith("Given torch.float32, `two` is torch.float64")


def test_tensors_in_lists_and_arguments_by_name_are_converted():
    calls = [((3,), {}), (([torch.ones(2)],), {"y": torch.ones(2, dtype=torch.float64)})]
    seen = []

    def answer(x, y=None):
        seen.append((x[0].dtype, y.dtype))
        return x[0]

    assert problem(answer, calls, right=lambda x, y: x[0]) is None
    assert seen == [(torch.float32, torch.float32), (torch.float64, torch.float64)]


@pytest.mark.parametrize("calls", [[], [((3,), {})], [((torch.ones(2).long(),), {})]])
def test_without_floating_point_inputs_nothing_is_asked(calls):
    def never(x, y=None):
        raise AssertionError

    assert problem(never, calls) is None
