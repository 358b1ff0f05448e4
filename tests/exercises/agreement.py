"""Do two functions behave alike? Asked on random inputs, up to the first that tells them apart.

What is compared: what is returned, the inputs as they are left, and on every fourth input the
gradients by each input that wants one, which take longest. Numbers agree within rounding, as they
do where an answer is checked.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import torch

from lessons_lib.exercises.engine.comparing import Case, Expected, ValidInputs, outcome
from lessons_lib.exercises.engine.inputs import changed, kept

ALL = range(1_000)
WITH_GRADIENTS = ALL[::4]


class Original:
    """A function that others are compared with; its results are kept, each made when asked for.

    Args:
        valid: the inputs, and what is right for them.
    """

    def __init__(self, valid: ValidInputs):
        self._valid = valid
        self._cases: dict[int, tuple[Case, tuple]] = {}

    def instead(self, function: Callable) -> "Original":
        """Another original, for the same inputs."""
        return Original(replace(self._valid, reference=function, oracle=function, holds=None))

    def first_difference(self, other: Callable, numbers: Iterable[int] = ALL) -> int | None:
        """The number of the first input on which `other` does something else; None: of none."""
        for number in numbers:
            if not self._agrees(other, number):
                del self._cases[number]  # its inputs may have been changed
                return number
        return None

    def _agrees(self, other: Callable, number: int) -> bool:
        if number not in self._cases:
            case = Case(self._valid, number)
            self._cases[number] = case, kept(case.inputs)
        case, inputs = self._cases[number]
        try:
            returned, slopes = outcome(other, case.inputs, number)
        except Exception:
            return case.draw.dtype == torch.bfloat16  # an answer may do without
        if changed(inputs, case.inputs) or _traced(returned) != _traced(case.returns):
            return False
        return _fit(returned, case.returns) and _fit(slopes, case.slopes)


def _fit(found: list, expected: list[Expected]) -> bool:
    pairs = zip(found, expected, strict=False)
    return len(found) == len(expected) and all(wanted.fits(one) for one, wanted in pairs)


def _traced(parts: list) -> list[bool]:
    """Which of the results have a gradient."""
    results = [part.like if isinstance(part, Expected) else part for part in parts]
    return [isinstance(part, torch.Tensor) and part.requires_grad for part in results]
