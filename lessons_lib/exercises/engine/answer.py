"""A reader's function, called with care: what can go wrong becomes one sentence about it."""

import dis
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
        self._returned = ()

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
        except (Exception, SystemExit) as error:  # `exit()` should not end the kernel
            if isinstance(error, NotImplementedError) and _says_so_itself(error, self.function):
                raise NotAnswered from None
            raise AnswerProblem(self._describe_stop(error, inputs)) from None
        self._require_unchanged(before, inputs)
        self._returned = self._unpack(returned)
        return self._returned

    def describe_unusable(self, error: Exception) -> str:
        """In words: a check could not work with what the function returned."""
        if "modified by an inplace operation" in str(error):
            return (
                "Backpropagation stops: a tensor that the gradient needs was changed in place "
                "after it was used (`x += y`, `x.exp_()`). Make a new tensor instead "
                "(`x = x + y`)."
            )
        returned = self._returned if isinstance(self._returned, tuple) else (self._returned,)
        came = ", ".join(
            f"`{name}` {tuple(part.shape)} of {part.dtype}"
            for name, part in zip(self.returns, returned, strict=True)
        )
        return (
            f"What your function returns cannot be worked with: {came} led to "
            f"{type(error).__name__}: {_first_line(error)}. Are shape and dtype as the task says?"
        )

    def _require_arity(self, args, kwargs) -> None:
        try:
            inspect.signature(self.function).bind(*args, **kwargs)
        except TypeError:
            theirs = inspect.signature(self.function)
            raise AnswerProblem(
                f"`{self._name}` is called with ({', '.join(self._parameters)}), "
                f"but yours takes {theirs}. Keep the arguments of the first line as they were "
                f"given."
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
            raise AnswerProblem(
                f"Your function returns nothing. Is the `return` of {wanted} missing?"
            )
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
            f"{name} {tuple(value.shape)}"
            for name, value in inputs.items()
            if hasattr(value, "shape")
        )
        given = f" It was given {shapes}." if shapes else ""
        return f"Your code stopped{place}: {type(error).__name__}: {_first_line(error)}.{given}"


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


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0].rstrip(".")


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
