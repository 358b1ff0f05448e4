"""A reader's function called with care: each thing that can go wrong gets its own sentence."""

import linecache

import numpy
import pytest
import torch

from lessons_lib.exercises.engine.answer import Answer, AnswerProblem, NotAnswered


def stub(x, y):
    """Return the sum of x and y."""
    raise NotImplementedError


def pair_stub(x, y):
    raise NotImplementedError


X, Y = torch.ones(2, 3), torch.ones(3)


def call(function, *, returns=("total",), args=(X, Y)):
    return Answer(function, stub, returns)(*args)


def problem(function, **options) -> str:
    with pytest.raises(AnswerProblem) as caught:
        call(function, **options)
    return str(caught.value)


def cell(source: str, name: str = "/tmp/ipykernel_1/123.py"):
    """Define `stub` as a notebook does: the cell's text is known to `linecache`."""
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    scope = {"torch": torch}
    exec(compile(source, name, "exec"), scope)
    return scope["stub"]


def test_good_answer_comes_through():
    assert torch.equal(call(lambda x, y: x + y), torch.full((2, 3), 2.0))


def test_several_tensors_come_as_a_tuple():
    pair = call(lambda x, y: [x, y], returns=("one", "two"))
    assert isinstance(pair, tuple) and len(pair) == 2


def test_stub_is_not_answered():
    with pytest.raises(NotAnswered):
        call(stub)


def test_not_implemented_from_inside_torch_is_a_fault_like_any_other():
    def answer(x, y):
        return torch.softmax(x > 0, dim=-1)

    with pytest.raises(NotImplementedError):
        answer(X, Y)
    assert "NotImplementedError" in problem(answer)


def test_not_implemented_from_a_helper_is_a_fault():
    def helper():
        raise NotImplementedError("not yet")

    assert "not yet" in problem(lambda x, y: helper())


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "returns nothing. Is the `return` of `total` missing?"),
        (1.5, "yours is a float"),
        ("text", "yours is a str"),
        ([X, X], "yours is a list. Put its parts together with `torch.stack`"),
        ([[X], [X]], "torch.stack"),
        (numpy.ones(3), "yours is a ndarray. Stay in torch"),
        ((X, Y), "yours is a tuple. Return only `total`"),
        ([[True, False]], "with `torch.tensor`"),
    ],
)
def test_other_kinds_are_named(returned, words):
    assert words in problem(lambda x, y: returned)


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (X, "returns one Tensor; it should return `one` and `two`, in that order"),
        ((X,), "returns 1 things; it should return 2"),
        ((X, Y, X), "returns 3 things"),
        ((X, None), "`two` should be a tensor; yours is a NoneType. Was it assigned"),
    ],
)
def test_other_counts_are_named(returned, words):
    assert words in problem(lambda x, y: returned, returns=("one", "two"))


def test_other_arguments_are_named():
    message = problem(lambda x: x)
    assert "`stub` is called with (x, y), but yours takes (x)" in message


def test_builtin_without_signature_is_called():
    assert "TypeError" in problem(dict)


def test_changed_input_is_named():
    def answer(x, y):
        y += 1
        return x + y

    message = problem(answer, args=(torch.ones(2), torch.ones(2)))
    assert "changes its input `y` in place" in message
    assert "masked_fill" in message


def test_resized_input_is_named():
    message = problem(lambda x, y: x.unsqueeze_(0), args=(torch.ones(2), torch.ones(2)))
    assert "`x`" in message


@pytest.mark.parametrize(
    ("given", "change", "words"),
    [
        ([3, 1, 2], lambda x: x.sort(), "a copy (`list(x)`)"),
        ({"a": 1}, lambda x: x.clear(), "a copy (`dict(x)`)"),
        ({"a": 1}, lambda x: x.update(b=2), "a copy (`dict(x)`)"),
        ({"a": 1, "b": 2}, lambda x: x.update(a=x.pop("a")), "a copy (`dict(x)`)"),
        ({1, 2}, lambda x: x.pop(), "a copy (`set(x)`)"),
        ([[1], [2]], lambda x: x[1].append(3), "a copy (`list(x)`)"),
        ([torch.ones(2)], lambda x: x[0].add_(1), "a copy (`list(x)`)"),
    ],
)
def test_changed_list_or_dict_is_named_and_the_callers_own_is_left(given, change, words):
    before = str(given)

    def answer(x, y):
        change(x)
        return y

    message = problem(answer, args=(given, Y))
    assert "changes its input `x` in place" in message
    assert words in message
    if not isinstance(given, list) or not isinstance(given[0], torch.Tensor):
        assert str(given) == before


def test_list_is_left_whole_by_an_answer_that_stops():
    given = [1, 2]

    def answer(x, y):
        x.clear()
        raise ValueError

    assert "ValueError" in problem(answer, args=(given, Y))
    assert given == [1, 2]


def test_not_a_number_among_the_inputs_is_no_change():
    holes = torch.tensor([1.0, torch.nan])
    assert call(lambda x, y: y, args=([holes, float("nan")], Y)) is Y
    assert call(lambda x, y: y, args=(holes, Y)) is Y


def test_gradient_comes_through_a_list_of_tensors():
    leaf = torch.ones(2, requires_grad=True)
    call(lambda x, y: x[0] * 3, args=([leaf], Y)).sum().backward()
    assert leaf.grad.tolist() == [3, 3]


def test_changes_of_own_tensors_are_free():
    def answer(x, y):
        total = x + y
        total *= 2
        return total

    assert call(answer).sum() == 24


def test_fault_is_told_with_the_line_of_the_cell_and_the_shapes():
    answer = cell("def stub(x, y):\n    # a matrix product\n    scores = x @ torch.ones(4)\n")
    message = problem(answer)
    assert "stopped at line 3 of your cell, `scores = x @ torch.ones(4)`: RuntimeError" in message
    assert "It was given x (2, 3), y (3,)." in message
    assert ".." not in message


def test_fault_in_a_helper_of_the_same_cell_names_the_helpers_line():
    source = "def helper(x):\n    return 1 / 0\n\ndef stub(x, y):\n    return helper(x)\n"
    assert "line 2 of your cell, `return 1 / 0`: ZeroDivisionError" in problem(cell(source))


def test_assertion_of_the_readers_own_is_told_as_theirs():
    bare = cell("def stub(x, y):\n    assert x.dim() == 1\n    return x + y\n")
    assert problem(bare) == (
        "An `assert` of your own does not hold at line 2 of your cell, `assert x.dim() == 1`. "
        "It was given x (2, 3), y (3,)."
    )
    spoken = cell("def stub(x, y):\n    assert x.dim() == 1, 'one row please'\n")
    assert "dim() == 1, 'one row please'`. It says: one row please. It was" in problem(spoken)


def test_assertion_of_a_library_is_a_fault_like_any_other():
    answer = cell("def stub(x, y):\n    return torch.testing.assert_close(x, x + 1)\n")
    assert "stopped at line 2" in problem(answer) and "AssertionError: Tensor" in problem(answer)


def test_fault_without_words_is_named_without_a_colon():
    answer = cell("def stub(x, y):\n    raise KeyError\n")
    assert "`raise KeyError`: KeyError. It was given" in problem(answer)


def test_numbers_among_the_inputs_are_told_and_what_is_long_is_not():
    answer = cell("def stub(x, y):\n    return x / 0\n")
    assert problem(answer, args=(3, ["long"] * 99)).endswith("by zero. It was given x 3.")


def test_short_texts_among_the_inputs_are_told_and_long_ones_are_not():
    answer = cell("def stub(x, y):\n    return 1 / 0\n")
    for text in ("3. März\n", "a" * 40):
        assert problem(answer, args=(text, 3)).endswith(f"by zero. It was given x {text!r}, y 3.")
    assert problem(answer, args=("a" * 41, 3)).endswith("by zero. It was given y 3.")


def test_recursion_without_end_is_told():
    source = "def stub(x, y):\n    return stub(x, y)\n"
    assert "RecursionError" in problem(cell(source))


def test_exit_does_not_end_the_kernel():
    assert "SystemExit" in problem(cell("def stub(x, y):\n    raise SystemExit\n"))


@pytest.mark.parametrize("stop", [SystemExit, GeneratorExit, BaseException])
def test_every_kind_of_stop_is_told(stop):
    def answer(x, y):
        raise stop

    assert stop.__name__ in problem(answer)


def test_fault_whose_text_fails_is_told():
    class Mute(Exception):
        def __str__(self):
            raise SystemExit

    def answer(x, y):
        raise Mute

    assert "Mute: a Mute that cannot be shown. It was given x (2, 3)" in problem(answer)


def test_interrupt_by_the_reader_goes_through():
    def answer(x, y):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(answer)


def test_memory_is_told_in_gib():
    message = problem(lambda x, y: torch.zeros(2**50))
    assert "more memory than a check allows (4,194,304 GiB)" in message


def test_plain_python_memory_is_told():
    def answer(x, y):
        raise MemoryError

    assert "more memory than a check allows at" in problem(answer)


def test_unusable_result_is_described():
    called = Answer(lambda x, y: x + y, stub, ("total",))
    called(X, Y)
    message = called.describe_unusable(RuntimeError("Float did not match Double"))
    assert "`total` (2, 3) of torch.float32 led to RuntimeError: Float did not match" in message


def test_gradient_broken_in_place_is_described():
    called = Answer(lambda x, y: (x * y).exp_().square_(), stub, ("total",))
    total = called(X.clone().requires_grad_(), Y)
    with pytest.raises(RuntimeError) as caught:
        total.sum().backward()
    message = called.describe_unusable(caught.value)
    assert "changed in place" in message


def test_answer_of_another_type_is_taken_as_declared():
    called = Answer(lambda word: list(word), lambda word: None, ("pieces",), list)
    assert called("ab") == ["a", "b"]


def test_answer_that_is_not_of_the_declared_type_is_told_so():
    called = Answer(lambda word: word, lambda word: None, ("pieces",), list)
    with pytest.raises(AnswerProblem, match="`pieces` should be a list; yours is a str"):
        called("ab")


def test_result_of_another_type_that_cannot_be_worked_with_is_shown():
    called = Answer(lambda word: list(word), lambda word: None, ("pieces",), list)
    called("ab")
    assert "`pieces` ['a', 'b'] led to KeyError" in called.describe_unusable(KeyError("x"))


def test_list_with_its_own_equality_becomes_a_plain_one():
    class AlwaysEqual(list):
        def __eq__(self, other):
            return True

    called = Answer(lambda word: AlwaysEqual(word), lambda word: None, ("pieces",), list)
    assert type(called("ab")) is list
    assert called("ab") != ["a", "c"]
