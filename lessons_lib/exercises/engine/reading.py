"""Reading a value as its writer meant it: numbers, sizes and letters in all their usual forms."""

import math
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from numbers import Real

from .guard import tried

_DECIMAL = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d[\d_]*|(?=\.\d))(?:\.\d*)?(?:e[+-]?\d{1,3})?"
_NUMBER = re.compile(rf"\s*({_DECIMAL})\s*(?:/\s*({_DECIMAL})\s*)?", re.IGNORECASE)
_LINKS = {"and", "then"}  # between letters: "a and c"


def number_of(answer) -> float | None:
    """The finite number that `answer` stands for; None where it stands for none.

    3, 0.75, Fraction(3, 4), Decimal("0.75"), "3/4", "3,152,384", and a tensor or array that holds
    one number: all are numbers; a truth value is not.
    """
    number = tried(_plain, answer, None)
    return number if number is not None and math.isfinite(number) else None


def _plain(answer) -> float | None:
    if isinstance(answer, str):
        return _from_text(answer)
    if _holds_one(answer):
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, Real | Decimal):
        return None
    number = float(answer)
    return int(number) if number.is_integer() else number


def _from_text(text: str) -> float | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    above, below = (float((part or "1").replace(",", "")) for part in match.groups())
    return _plain(above / below)


def _holds_one(answer) -> bool:
    """Is it a tensor, an array or a scalar of theirs, with one number in it?"""
    return hasattr(answer, "item") and math.prod(getattr(answer, "shape", (0,))) == 1


def sizes_of(answer) -> tuple[int, ...] | None:
    """A shape as plain whole numbers; None where `answer` is no tuple or list of whole numbers."""
    return tried(_sizes, answer, None)


def _sizes(answer) -> tuple[int, ...] | None:
    return tuple(map(_whole, answer)) if isinstance(answer, tuple | list) else None


def _whole(size) -> int:
    if isinstance(size, bool):
        raise TypeError("a truth value is no size")
    return operator.index(size)


def letters_of(answer) -> str:
    """The letters alone, in the order given: 'D, c', ['d', 'c'] and 'd and c' are all 'dc'."""
    return tried(_letters, answer, "")


def order_of(answer) -> str:
    """The letters in the order given; none of a set, which has no order."""
    return "" if tried(_is_unordered, answer, True) else letters_of(answer)


def is_compared(answer) -> bool:
    """Do signs that compare stand in it, as in "c > b"? The arrow of "c -> b" is none."""
    return tried(_holds_comparison, answer, False)


def _holds_comparison(answer) -> bool:
    return isinstance(answer, str) and re.search(r"<|(?<![-=])>", answer) is not None


def _is_unordered(answer) -> bool:
    return isinstance(answer, set | frozenset)


def _letters(answer) -> str:
    parts = [answer] if isinstance(answer, str) else answer
    if not isinstance(parts, list | tuple | set | frozenset):
        return ""
    words = [word for part in parts for word in re.findall(r"[^\W\d_]+", part.lower())]
    if len(words) > 1:
        words = [word for word in words if word not in _LINKS]
    return "".join(words)


def shown(number: float) -> str:
    """A number as a person would write it in a sentence: 2304, 3,152,384 or 0.7318."""
    if float(number).is_integer() and abs(number) < 1e15:
        return f"{int(number):,}" if abs(number) >= 10_000 else f"{int(number)}"
    return f"{float(number):.4g}"


def shortest(number: float, is_right: Callable[[float], bool]) -> float:
    """As few digits of a number as are right beyond doubt, three at least; a whole one in full.

    Args:
        is_right: would this be near enough?
    """
    nearest = round(number)
    if math.isclose(number, nearest, rel_tol=1e-12) and abs(nearest) < 2**53:
        return nearest
    for digits in range(3, 17):
        rounded = float(f"{number:.{digits}g}")
        if is_right(rounded):
            return rounded
    return number
