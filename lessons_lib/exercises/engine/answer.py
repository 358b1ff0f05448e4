"""A reader's function, called with care: what can go wrong becomes one sentence about it."""

import inspect
import linecache
import re
import traceback
from collections.abc import Callable

from .guard import TooMuchMemory


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
    """

    def __init__(self, function: Callable, stub: Callable, returns: tuple[str, ...]):
        self.function = function
        self.returns = returns
        self._parameters = tuple(inspect.signature(stub).parameters)
        self._name = stub.__name__

    def __call__(self, *args, **kwargs):
        """Call the reader's function; return its tensor, or its tuple of tensors.

        Raises:
            NotAnswered: it still raises NotImplementedError.
            AnswerProblem: it stopped, changed an input, or returned another kind of thing.
        """
        self._require_arity(args, kwargs)
        inputs = dict(zip(self._parameters, args, strict=False)) | kwargs
        before = {name: _copy(value) for name, value in inputs.items()}
        try:
            returned = self.function(*args, **kwargs)
        except NotImplementedError as error:
            if _raised_in(error, self.function):
                raise NotAnswered from None
            raise AnswerProblem(self._describe_stop(error, inputs)) from None
        except Exception as error:
            raise AnswerProblem(self._describe_stop(error, inputs)) from None
        self._require_unchanged(before, inputs)
        return self._unpack(returned)

    def _require_arity(self, args, kwargs) -> None:
        try:
            inspect.signature(self.function).bind(*args, **kwargs)
        except TypeError:
            theirs = inspect.signature(self.function)
            raise AnswerProblem(
                f"`{self._name}` is called with ({', '.join(self._parameters)}), "
                f"but yours takes {theirs}. Keep the arguments of the first line as they were given."
            ) from None
        except ValueError:
            return  # a built-in without a signature: the call itself will tell

    def _require_unchanged(self, before: dict, after: dict) -> None:
        for name, value in after.items():
            if not _same(before[name], value):
                raise AnswerProblem(
                    f"Your function changes its input `{name}` in place; whoever called it loses "
                    f"the original. Work on a new tensor (`x + y`, not `x += y`; "
                    f"`masked_fill`, not `masked_fill_`)."
                )

    def _unpack(self, returned):
        wanted = " and ".join(f"`{name}`" for name in self.returns)
        if returned is None:
            raise AnswerProblem(f"Your function returns nothing. Is the `return` of {wanted} missing?")
        if len(self.returns) == 1:
            return _as_tensor(returned, self.returns[0])
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
            _as_tensor(part, name) for part, name in zip(returned, self.returns, strict=True)
        )

    def _describe_stop(self, error: Exception, inputs: dict) -> str:
        asked = re.search(r"tried to allocate (\d+) bytes", str(error))
        place = _readers_line(error, self.function)
        if asked or isinstance(error, MemoryError | TooMuchMemory):
            size = f" ({int(asked[1]) / 2**30:,.0f} GiB)" if asked else ""
            return (
                f"Your code asked for more memory than a check allows{size}{place}. "
                f"The inputs here are small: is some length or width multiplied in twice?"
            )
        shapes = ", ".join(
            f"{name} {tuple(value.shape)}" for name, value in inputs.items() if hasattr(value, "shape")
        )
        given = f" It was given {shapes}." if shapes else ""
        first_line = str(error).split("\n")[0]
        return f"Your code stopped{place}: {type(error).__name__}: {first_line}.{given}"


def _raised_in(error: BaseException, function: Callable) -> bool:
    """Was it raised by the function's own lines, and not by something that it calls?"""
    last = traceback.extract_tb(error.__traceback__)[-1]
    code = getattr(function, "__code__", None)
    return code is not None and last.filename == code.co_filename and last.name == code.co_name


def _readers_line(error: BaseException, function: Callable) -> str:
    """' at line 3, `scores = query @ key`': the last line of the reader's own file reached."""
    code = getattr(function, "__code__", None)
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if code and frame.filename == code.co_filename]
    if not theirs:
        return ""
    line = linecache.getline(theirs[-1].filename, theirs[-1].lineno).strip()
    return f" at line {theirs[-1].lineno} of your cell" + (f", `{line}`" if line else "")


def _as_tensor(value, name: str):
    import torch

    if isinstance(value, torch.Tensor):
        return value
    hint = ""
    if isinstance(value, list | tuple):
        hint = " Put the parts together with `torch.stack`."
    elif type(value).__module__ == "numpy":
        hint = " Stay in torch: NumPy would lose the gradient."
    elif value is None:
        hint = " Was it assigned before the `return`?"
    raise AnswerProblem(f"`{name}` should be a tensor; yours is a {_kind(value)}.{hint}")


def _kind(value) -> str:
    return type(value).__name__


def _copy(value):
    return value.detach().clone() if hasattr(value, "detach") else value


def _same(before, after) -> bool:
    import torch

    if not isinstance(before, torch.Tensor):
        return True
    return before.shape == after.shape and torch.equal(before, after.detach())
