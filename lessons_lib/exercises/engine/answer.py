"""A reader's function, called with care: what can go wrong becomes one sentence about it."""

import dis
import inspect
import linecache
import re
import traceback
from collections.abc import Callable

from .guard import LET_THROUGH, TooMuchMemory, tried
from .inputs import changed, handed_over, kept

_LONGEST_TEXT = 40  # that is shown of what was given, in characters


class NotAnswered(Exception):
    """The stub is still there."""


class AnswerProblem(Exception):
    """Something is wrong with the answer before any property can be looked at."""


class Answer:
    """The reader's function under the same name and arguments, its faults put into words.

    Args:
        function: what the reader wrote.
        stub: the function the reader started from; its signature says how it is called.
        returns: names of what comes back, in order: one name for a tensor, several for a tuple.
        returned_type: what each of them is; None for tensors.

    Attributes:
        calls: copies of the arguments of each call, by place and by name.
    """

    def __init__(
        self,
        function: Callable,
        stub: Callable,
        returns: tuple[str, ...],
        returned_type: type | None = None,
    ):
        self.function = function
        self.returns = returns
        self._returned_type = returned_type
        self._signature = inspect.signature(stub)
        self._parameters = tuple(self._signature.parameters)
        self._name = stub.__name__
        self._returned = ()
        self.calls: list[tuple] = []

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its arguments, as the task calls them."""
        return self._parameters

    def texts_given(self, args: tuple) -> str:
        """' It was given word 'ab'.': what is short of the text among arguments; '' if none is."""
        inputs = zip(self._parameters, args, strict=False)
        return _given({name: value for name, value in inputs if isinstance(value, str)})

    def __call__(self, *args, **kwargs):
        """Call the reader's function; return what it gives: one thing, or a tuple of them.

        Raises:
            NotAnswered: it still raises NotImplementedError.
            AnswerProblem: it stopped, changed an input, or returned another kind of thing.
        """
        self._require_arity(args, kwargs)
        args, kwargs = handed_over(args), handed_over(kwargs)
        inputs = dict(zip(self._parameters, args, strict=False)) | kwargs
        before = kept((args, kwargs))
        self.calls.append(before)
        try:
            returned = self.function(*args, **kwargs)
        except LET_THROUGH:
            raise
        except BaseException as error:  # `exit()` should not end the kernel
            if isinstance(error, NotImplementedError) and _says_so_itself(error, self.function):
                raise NotAnswered from None
            raise AnswerProblem(self._describe_stop(error, inputs)) from None
        self._require_unchanged(before, (args, kwargs), inputs)
        self._returned = self._unpack(returned)
        return self._returned

    def describe_unusable(self, error: BaseException) -> str:
        """In words: a check could not work with what the function returned."""
        if "modified by an inplace operation" in text_of(error, str):
            return (
                "Backpropagation stops: a tensor that the gradient needs was changed in place "
                "after it was used (`x += y`, `x[...] = y`, `x.exp_()`). Make a new tensor instead "
                "(`x = x + y`)."
            )
        returned = self._returned if isinstance(self._returned, tuple) else (self._returned,)
        came = ", ".join(
            f"`{name}` {_describe(part)}"
            for name, part in zip(self.returns, returned, strict=False)
        )
        came = came or "something before it was returned"
        return (
            f"What your function returns cannot be worked with: {came} led to "
            f"{_named(error)}. Are shape and dtype as the task says?"
        )

    def _require_arity(self, args, kwargs) -> None:
        try:
            inspect.signature(self.function).bind(*args, **kwargs)
        except TypeError:
            raise AnswerProblem(self._describe_arity()) from None
        except ValueError:
            return  # a built-in without a signature: the call itself will tell

    def _describe_arity(self) -> str:
        theirs = inspect.signature(self.function)
        if tuple(theirs.parameters) == self._parameters:
            return (
                f"`{self._name}` is also called without some of its arguments: keep their "
                f"defaults, `{self._name}{self._signature}`."
            )
        return (
            f"`{self._name}` is called with ({', '.join(self._parameters)}), but yours takes "
            f"{theirs}. Keep the arguments of the first line as they were given."
        )

    def _require_unchanged(self, before: tuple, after: tuple, inputs: dict) -> None:
        if not changed(before, after):
            return
        args, kwargs = before
        for (name, value), earlier in zip(inputs.items(), (*args, *kwargs.values()), strict=True):
            if changed(earlier, value):
                instead = "a new tensor (`x + y`, not `x += y`; `masked_fill`, not `masked_fill_`)"
                if isinstance(value, list | dict | set):
                    instead = f"a copy (`{type(value).__name__}({name})`)"
                raise AnswerProblem(
                    f"Your function changes its input `{name}` in place; whoever called it loses "
                    f"the original. Work on {instead}."
                )

    def _unpack(self, returned):
        wanted = " and ".join(f"`{name}`" for name in self.returns)
        if returned is None:
            raise AnswerProblem(
                f"Your function returns nothing. Is the `return` of {wanted} missing?"
            )
        if len(self.returns) == 1:
            return self._require_type(returned, self.returns[0])
        if not isinstance(returned, tuple | list):
            raise AnswerProblem(
                f"Your function returns one {_kind(returned)}; it should return {wanted}, in that "
                f"order: `return {', '.join(self.returns)}`."
            )
        if len(returned) != len(self.returns):
            raise AnswerProblem(
                f"Your function returns {len(returned)} things; it should return "
                f"{len(self.returns)}: {wanted}, in that order."
            )
        return tuple(
            self._require_type(part, name)
            for part, name in zip(returned, self.returns, strict=True)
        )

    def _require_type(self, value, name: str):
        if self._returned_type is None:
            return _as_tensor(value, name)
        if isinstance(value, self._returned_type):
            plain = type(value) is self._returned_type
            return value if plain else self._returned_type(value)  # with no ideas of its own
        wanted = self._returned_type.__name__
        raise AnswerProblem(f"`{name}` should be a {wanted}; yours is a {_kind(value)}.")

    def _describe_stop(self, error: BaseException, inputs: dict) -> str:
        asked = re.search(r"tried to allocate (\d+) bytes", text_of(error, str))
        place = _readers_line(error, self.function)
        if asked or isinstance(error, MemoryError | TooMuchMemory):
            size = f" ({int(asked[1]) / 2**30:,.0f} GiB)" if asked else ""
            return (
                f"Your code asked for more memory than a check allows{size}{place}. "
                f"The inputs here are small: is some length or width multiplied in twice?"
            )
        given = _given(inputs)
        if _is_own_assertion(error, self.function):
            said = f" It says: {_first_line(error)}." if _first_line(error) else ""
            return f"An `assert` of your own does not hold{place}.{said}{given}"
        return f"Your code stopped{place}: {_named(error)}.{given}"


def _says_so_itself(error: BaseException, function: Callable) -> bool:
    """Was it raised by a `raise` in the function, and not by something that it calls?

    A call into compiled code leaves no frame of its own, so the line alone does not tell: torch
    raises NotImplementedError too, for a dtype that it cannot handle.
    """
    last = error.__traceback__
    while last.tb_next:
        last = last.tb_next
    code = last.tb_frame.f_code
    if code is not getattr(function, "__code__", None):
        return False
    return dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


def _readers_line(error: BaseException, function: Callable) -> str:
    """' at line 3, `scores = query @ key`': the last line of the reader's own file reached."""
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if code and frame.filename == code.co_filename]
    if not theirs:
        return ""
    line = linecache.getline(theirs[-1].filename, theirs[-1].lineno).strip()
    return f" at line {theirs[-1].lineno} of your cell" + (f", `{line}`" if line else "")


def _is_own_assertion(error: BaseException, function: Callable) -> bool:
    """Was it raised by an `assert` in the reader's own file?"""
    code = getattr(function, "__code__", None)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return isinstance(error, AssertionError) and code and last.filename == code.co_filename


def _given(inputs: dict) -> str:
    """' It was given x (2, 3), num_heads 4.': those inputs that can be shown briefly."""
    shown = ", ".join(filter(None, map(_briefly, inputs, inputs.values())))
    return f" It was given {shown}." if shown else ""


def _briefly(name: str, value) -> str:
    """'x (2, 3)' of a tensor, 'num_heads 4', "word 'ab'"; nothing of what would be long."""
    if hasattr(value, "shape"):
        return f"{name} {tuple(value.shape)}"
    if isinstance(value, str):
        return f"{name} {value!r}" if len(value) <= _LONGEST_TEXT else ""
    return f"{name} {value}" if isinstance(value, int | float) else ""


def _named(error: BaseException) -> str:
    return ": ".join(filter(None, (type(error).__name__, _first_line(error))))


def _first_line(error: BaseException) -> str:
    return text_of(error, str).split("\n")[0].rstrip(".")


def text_of(value, writer: Callable = repr) -> str:
    """`repr(value)`, or what another writer makes of it; a stand-in where that fails."""
    return tried(writer, value, f"a {_kind(value)} that cannot be shown")


def _as_tensor(value, name: str):
    import torch

    if isinstance(value, torch.Tensor):
        return value
    hint = ""
    if isinstance(value, tuple) and value and isinstance(value[0], torch.Tensor):
        hint = f" Return only `{name}`."
    elif isinstance(value, list | tuple):
        maker = "stack" if isinstance(_innermost(value), torch.Tensor) else "tensor"
        hint = f" Put its parts together with `torch.{maker}`."
    elif type(value).__module__ == "numpy":
        hint = " Stay in torch, so that dtype, device and gradient come through."
    elif value is None:
        hint = " Was it assigned before the `return`?"
    raise AnswerProblem(f"`{name}` should be a tensor; yours is a {_kind(value)}.{hint}")


def _innermost(value):
    """The first thing in a nested list that is no list itself."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return value


def _describe(value) -> str:
    import torch

    if isinstance(value, torch.Tensor):
        return text_of(value, lambda tensor: f"{tuple(tensor.shape)} of {tensor.dtype}")
    return text_of(value)[:80]


def _kind(value) -> str:
    return type(value).__name__
