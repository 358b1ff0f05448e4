"""Do two functions behave alike? Asked on random inputs, up to the first that tells them apart.

What is compared: what is returned, the inputs as they are left, and on every fourth input the
gradients by each input that wants one, which take longest. Numbers agree within rounding, measured
by the largest that takes part.
"""

import copy
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

ALL = range(1_000)
WITH_GRADIENTS = ALL[::4]
MakeInputs = Callable[[random.Random], tuple]


@dataclass(frozen=True)
class Case:
    """One input, what the original makes of it, and how far from that still is the same."""

    inputs: tuple
    wanted: list
    scale: float


class Original:
    """A function that others are compared with; its results are kept, each made when asked for.

    Args:
        function: the original.
        make_inputs: the arguments for a call, from a source of random numbers.
    """

    def __init__(self, function: Callable, make_inputs: MakeInputs):
        self.function = function
        self.make_inputs = make_inputs
        self._cases: dict[int, Case] = {}

    def first_difference(self, other: Callable, numbers: Iterable[int] = ALL) -> int | None:
        """The number of the first input on which `other` does something else; None: of none."""
        for number in numbers:
            if not self._agrees(other, number):
                del self._cases[number]  # its inputs may have been changed
                return number
        return None

    def _agrees(self, other: Callable, number: int) -> bool:
        if number not in self._cases:
            self._cases[number] = self._case(number)
        case = self._cases[number]
        try:
            mine = _results(other, case.inputs, number in WITH_GRADIENTS)
        except Exception:
            return False
        if len(mine) != len(case.wanted):
            return False
        return all(_same(*pair, case.scale) for pair in zip(mine, case.wanted, strict=True))

    def _case(self, number: int) -> Case:
        inputs = self.make_inputs(random.Random(number))
        wanted = _results(self.function, inputs, number in WITH_GRADIENTS)
        tensors = [part for part in wanted if isinstance(part, torch.Tensor)]
        floats = [part for part in tensors if part.is_floating_point()]
        scale = 1 + max((float(part.abs().max()) for part in floats), default=0.0)
        return Case(inputs, [_kept(part) for part in wanted], scale)


def _results(function: Callable, inputs: tuple, with_gradients: bool) -> list:
    """What a function returns, its gradients, and the inputs that it might have changed."""
    with torch.set_grad_enabled(with_gradients):
        returned = function(*inputs)
    outputs = list(returned) if isinstance(returned, tuple) else [returned]
    gradients = _gradients(outputs, inputs) if with_gradients else []
    left = [one for one in inputs if isinstance(one, torch.Tensor | list | dict)]
    return [_detached(part) for part in (*outputs, *gradients, *left)]


def _gradients(outputs: list, inputs: tuple) -> list:
    """Which outputs have any; then, by each input, those of half the sum of their squares."""
    leaves = [one for one in inputs if isinstance(one, torch.Tensor) and one.requires_grad]
    if not leaves:
        return []
    has_any = [output.requires_grad for output in outputs]
    traced = [output for output in outputs if output.requires_grad]
    if not traced:
        return has_any
    values = [output.detach() for output in traced]
    return [*has_any, *torch.autograd.grad(traced, leaves, values, allow_unused=True)]


def _kept(part):
    """A copy: what was returned may be a view of an input, which others may change."""
    return part.clone() if isinstance(part, torch.Tensor) else copy.deepcopy(part)


def _detached(part):
    return part.detach() if isinstance(part, torch.Tensor) else part


def _same(mine, wanted, scale: float) -> bool:
    if not isinstance(mine, torch.Tensor) or not isinstance(wanted, torch.Tensor):
        return type(mine) is type(wanted) and mine == wanted  # None, or a list of pieces
    if mine.dtype != wanted.dtype or mine.shape != wanted.shape:
        return False
    if torch.equal(mine, wanted):  # quicker by far than to ask how close they are
        return True
    if not wanted.is_floating_point():
        return False
    tolerance = 1e-9 if wanted.dtype == torch.float64 else 1e-3
    return torch.allclose(mine, wanted, rtol=0.0, atol=tolerance * scale)
