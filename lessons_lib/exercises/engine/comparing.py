"""What closes an exercise of code: one comparison with an oracle, on inputs of many kinds.

Numbers need not be equal, for another order of adding rounds otherwise. How far they may be off is
measured: by what the oracle, in float64, makes of inputs that are moved by as little as their dtype
can tell, and by how far the reference is off. A formula that loses far more digits is told so.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from .answer import Answer, AnswerProblem
from .draws import PLANNED, Draw
from .inputs import kept

_ROOM, _ROOM_OF_SLOPES = 16, 256  # times what cannot be avoided
_NEAR = 0.02  # of a number: a difference that comes from rounding, most likely
_LONGEST = 60  # of a text that is shown, in characters
_STEP = {torch.float64: 1e-12, torch.float32: 2.0**-23, torch.bfloat16: 2.0**-8}
_FIXED_DTYPE = "is a tensor made with a fixed dtype, or outside torch?"
_NO_GRADIENT = "something in between leaves torch (`.item()`, `.detach()`)."


@dataclass(frozen=True)
class Expected:
    """What should come out of a call.

    Attributes:
        like: what the reference gives: its type, dtype and shape are wanted.
        exact: the same from the oracle, in float64.
        room: by how much a number of it may be off.
    """

    like: object
    exact: object
    room: float

    def fits(self, found) -> bool:
        """Is `found` the same, within what rounding makes unavoidable?"""
        return self.same_kind(found) and self.worst(found) is None

    def same_kind(self, found) -> bool:
        """Has it the type, and as a tensor shape and dtype? Whole numbers may be of any width."""
        if not isinstance(self.like, torch.Tensor):
            return type(found) is type(self.like)
        if not isinstance(found, torch.Tensor) or found.shape != self.like.shape:
            return False
        return found.dtype == self.like.dtype or (_is_whole(found) and _is_whole(self.like))

    def worst(self, found) -> tuple | None:
        """The place that is farthest off, of several axes; None where all is well."""
        if not isinstance(found, torch.Tensor):
            return None if found == self.exact else ()
        if not found.numel():
            return None
        if not found.is_floating_point():
            off = (found != self.exact).double()
        else:
            mine = found.detach().double()
            off = (mine - self.exact).abs()
            same = (mine == self.exact) | (mine.isnan() & self.exact.isnan())
            off = off.masked_fill(same, 0.0).nan_to_num(nan=torch.inf)
        place = int(off.argmax())
        if off.flatten()[place] <= self.room:
            return None
        indices = []
        for size in reversed(off.shape):
            place, index = divmod(place, size)
            indices.append(index)
        return tuple(reversed(indices))


@dataclass(frozen=True)
class ValidInputs:
    """How an exercise may be called, and what is right then.

    Attributes:
        generator: makes the arguments of a call from a `Draw`.
        reference: its results have the type, dtype and shape that are wanted.
        oracle: its results have the numbers that are wanted.
        holds: for a task with several right results, in place of the oracle: called with what was
            returned and the arguments, it says what is wrong, or None.
        room: by how much a number may be off in any case.
    """

    generator: Callable
    reference: Callable
    oracle: Callable
    holds: Callable | None = None
    room: float = 0.0

    def problem(self, answer: Answer) -> str | None:
        """What is wrong with an answer, and on which of the planned inputs; None if nothing is."""
        for number in range(PLANNED):
            message = Case(self, number).problem(answer)
            if message:
                return message
        return None

    def inputs(self, number: int) -> tuple:
        """The arguments of the call with this number."""
        return self.generator(Draw(number))


class Case:
    """One call, and what should come of it.

    Attributes:
        inputs: its arguments.
        returns, slopes: what should be returned, and the gradients by those inputs that want one.
    """

    def __init__(self, valid: ValidInputs, number: int):
        self._holds, self._number = valid.holds, number
        self.draw = Draw(number)
        self.inputs = valid.generator(self.draw)
        like = outcome(valid.reference, self.inputs, number)
        exact = like if valid.holds else outcome(valid.oracle, _in_float64(self.inputs), number)
        moved = exact
        if any(map(_is_float, self.inputs)):
            moved = outcome(valid.oracle, _in_float64(_moved(self.inputs, number)), number)
        self.returns, self.slopes = (
            [
                Expected(one, right, valid.room + times * _room(one, right, other, at_least))
                for one, right, other in zip(*three, strict=True)
            ]
            for *three, times, at_least in (
                (like[0], exact[0], moved[0], _ROOM, 0.0),
                (like[1], exact[1], moved[1], _ROOM_OF_SLOPES, 1.0),
            )
        )

    def problem(self, answer: Answer) -> str | None:
        """What is wrong with an answer on this input, in words; None if nothing is."""
        where = f"On {self.draw.description}:"
        try:
            returned, slopes = outcome(answer, self.inputs, self._number)
        except AnswerProblem as problem:
            if self.draw.dtype == torch.bfloat16:  # not all of torch's functions take it
                return None
            return f"{where} {problem}"
        if self._holds:
            message = self._holds(*returned, *self.inputs)
            return f"{where} {message}" if message else None
        for name, found, expected in zip(answer.returns, returned, self.returns, strict=True):
            if not expected.fits(found):
                given = answer.texts_given(self.inputs)
                return f"{where} {self._told(name, found, expected)}{given}"
        if self.slopes and not slopes:
            return f"{where} no gradient comes back: {_NO_GRADIENT}"
        names = [
            name for name, part in zip(answer.parameters, self.inputs, strict=False) if _wants(part)
        ]
        for name, found, expected in zip(names, slopes, self.slopes, strict=False):
            if not expected.fits(found):
                return (
                    f"{where} what comes back is right, but the gradient of `{name}` is not. Is a "
                    f"part of the path cut off by `.detach()`?"
                )
        return None

    def _told(self, name: str, found, expected: Expected) -> str:
        if isinstance(found, list | str):
            return _other_words(name, found, expected.exact)
        if found.shape != expected.like.shape:
            return (
                f"`{name}` should have shape {tuple(expected.like.shape)}; yours has "
                f"{tuple(found.shape)}."
            )
        if not expected.same_kind(found):
            return f"`{name}` is {found.dtype}, not {expected.like.dtype}: {_FIXED_DTYPE}"
        place = expected.worst(found)
        mine, right = found[place].item(), expected.exact[place].item()
        shown, wanted = _apart(mine, right)
        at = f" at {list(place)}" if place else ""
        return f"`{name}`{at} should be {wanted}; yours is {shown}.{self._likely(mine, right)}"

    def _likely(self, mine: float, right: float) -> str:
        if math.isnan(right):
            return " A NaN that goes in should come out: is it hidden?"
        if self.draw.is_large and not math.isfinite(mine):
            return (
                " Does something overflow, or become 0, as the exponentials of 100 and -110 do in "
                "float32?"
            )
        if isinstance(mine, float) and abs(mine - right) < _NEAR * abs(right):
            return (
                " That is near: does a difference of two large numbers lose its digits, or is "
                "something rounded on the way?"
            )
        if self.draw.is_large:
            return (
                " Smaller numbers come out right: is something bounded, or does a difference of "
                "two large numbers lose its digits?"
            )
        if self.draw.is_long:
            return " Smaller sizes come out right: is a size fixed?"
        return ""


def outcome(function: Callable, inputs: tuple, number: int) -> tuple[list, list]:
    """What a function returns, and the gradients of inputs that want one.

    They are those of a sum of all that is returned, weighted at random. None of them where nothing
    that is returned has a gradient.
    """
    leaves = [part for part in inputs if _wants(part)]
    with torch.set_grad_enabled(bool(leaves)):
        returned = function(*inputs)
    parts = list(returned) if isinstance(returned, tuple) else [returned]
    traced = [part for part in parts if _is_float(part) and part.requires_grad]
    if not leaves or not traced:
        return parts, []
    pulls = [_pull(part, number) for part in traced]
    found = torch.autograd.grad(traced, leaves, pulls, allow_unused=True)
    slopes = [torch.zeros_like(x) if s is None else s for x, s in zip(leaves, found, strict=True)]
    return parts, slopes


def _pull(part: torch.Tensor, number: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(number)
    return torch.randn(part.shape, generator=rng, dtype=torch.float64).to(part.dtype)


def _is_float(part) -> bool:
    return isinstance(part, torch.Tensor) and part.is_floating_point()


def _is_whole(part: torch.Tensor) -> bool:
    return not (part.is_floating_point() or part.is_complex() or part.dtype == torch.bool)


def _wants(part) -> bool:
    return _is_float(part) and part.requires_grad


def _in_float64(inputs: tuple) -> tuple:
    return _with_gradients(inputs, kept(inputs, lambda x: x.double() if _is_float(x) else x))


def _moved(inputs: tuple, number: int) -> tuple:
    """Each number a step of its dtype larger or smaller: in float64, which can tell the two."""
    rng = torch.Generator().manual_seed(number)

    def move(x):
        if not _is_float(x):
            return x
        side = 2.0 * torch.randint(2, x.shape, generator=rng, dtype=torch.float64) - 1
        return x.double() * (1 + _STEP[x.dtype] * side)

    return _with_gradients(inputs, kept(inputs, move))


def _with_gradients(inputs: tuple, copies: tuple) -> tuple:
    for part, copy in zip(inputs, copies, strict=True):
        if _is_float(part):
            copy.requires_grad_(part.requires_grad)
    return copies


def _room(like, exact, moved, at_least: float) -> float:
    """By how much an outcome is off without anyone's fault.

    Args:
        at_least: how large its numbers are taken to be where they are smaller.
    """
    if not _is_float(exact) or not _is_float(like) or not exact.numel():
        return 0.0
    ours, exact, moved = (part.detach().double() for part in (like, exact, moved))
    finite = exact.isfinite() & moved.isfinite() & ours.isfinite()
    if not finite.any():
        return 0.0
    size, of_inputs, of_formula = (
        part[finite].abs().max().item() for part in (exact, moved - exact, ours - exact)
    )
    return max(of_inputs, of_formula) + _STEP[like.dtype] * max(size, at_least)


def _apart(mine, right) -> tuple[str, str]:
    """Two numbers with as many digits as it takes to tell them apart."""
    if isinstance(mine, int) or not (math.isfinite(mine) and math.isfinite(right)):
        return tuple(f"{one:.4g}" if isinstance(one, float) else str(one) for one in (mine, right))
    largest = max(abs(mine), abs(right))
    places = 2 - math.floor(math.log10(largest)) if largest else 0
    for more in range(14):
        if 1e-3 <= largest < 1e7:
            one, other = (f"{x:,.{max(0, places + more)}f}" for x in (mine, right))
        else:
            one, other = (f"{x:.{2 + more}e}" for x in (mine, right))
        if one != other:
            return one, other
    return repr(mine), repr(right)


def _other_words(name: str, mine: list | str, right: list | str) -> str:
    """The first place where two lists or texts differ."""
    if isinstance(mine, str):
        shown, wanted = _cut(mine, right)
        return f"`{name}` should be {wanted}; yours is {shown}."
    for place, (one, other) in enumerate(zip(mine, right, strict=False)):
        if one != other:
            shown, wanted = _cut(one, other)
            return f"place {place} of `{name}` should be {wanted}; yours is {shown}."
    return f"`{name}` should be {len(right)} long; yours is {len(mine)} long."


def _cut(mine, right) -> tuple[str, str]:
    """Two things as they are written: of long texts, a part that holds their first difference."""
    if not (isinstance(mine, str) and isinstance(right, str)):
        return f"{mine!r:.{_LONGEST}}", f"{right!r:.{_LONGEST}}"
    differ = (at for at, (one, other) in enumerate(zip(mine, right, strict=False)) if one != other)
    at = next(differ, min(len(mine), len(right)))
    start = max(0, at - _LONGEST // 2)
    return _part(mine, start), _part(right, start)


def _part(text: str, start: int) -> str:
    if len(text) <= _LONGEST:
        return repr(text)
    end = start + _LONGEST
    return ("…" if start else "") + repr(text[start:end]) + ("…" if end < len(text) else "")
