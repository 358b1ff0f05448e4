"""Faults put around a right answer, at its boundary: whatever it computes, its outside is wrong.

Each fault is a function from a right answer to a faulty one. `applies` says whether a fault can be
seen in an exercise at all, from some of its inputs and what the right answer makes of them.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch

FAULTS: dict[str, "Fault"] = {}
_LONG, _MANY, _FEW = 50, 64, 16
Applies = Callable[[list, list], bool]


@dataclass(frozen=True)
class Fault:
    """A way to spoil a right answer.

    Attributes:
        spoil: given the right function, its arguments by place and by name: what comes instead.
        applies: given all inputs and all outputs of some calls: can the fault be seen?
    """

    spoil: Callable
    applies: Applies

    def around(self, function: Callable) -> Callable:
        """The same function, with the fault; it bears the same name and arguments."""

        @functools.wraps(function)
        def faulty(*args, **kwargs):
            return self.spoil(function, *args, **kwargs)

        return faulty


def fault(applies: Applies) -> Callable:
    """Register a function as a fault, under its own name."""

    def keep(spoil: Callable) -> Callable:
        FAULTS[spoil.__name__] = Fault(spoil, applies)
        return spoil

    return keep


# --- where a fault can be seen -----------------------------------------------------------------


def has_floats(parts: list) -> bool:
    return any(is_float(part) for part in parts)


def takes_floats(inputs: list, outputs: list) -> bool:
    return has_floats(inputs)


def gives_floats(inputs: list, outputs: list) -> bool:
    return has_floats(outputs)


def takes_and_gives_floats(inputs: list, outputs: list) -> bool:
    return has_floats(inputs) and has_floats(outputs)


def gives_axes_of_floats(inputs: list, outputs: list) -> bool:
    return any(is_float(part) and part.dim() > 0 for part in outputs)


def gives_large_floats(inputs: list, outputs: list) -> bool:
    """None that lies between -1 and 1 by its meaning, as a sine or a correlation does."""
    return any(is_float(part) and (part.detach().abs() > 3).any() for part in outputs)


def gives_gradients(inputs: list, outputs: list) -> bool:
    return any(is_float(part) and part.requires_grad for part in outputs)


def takes_what_can_change(inputs: list, outputs: list) -> bool:
    return any(isinstance(part, torch.Tensor | list | dict) for part in inputs)


def gives_sizes(inputs: list, outputs: list) -> bool:
    return gives_an_axis(inputs, outputs) or any(isinstance(part, list) for part in outputs)


def takes_two_axes(inputs: list, outputs: list) -> bool:
    return any(is_float(part) and part.dim() > 1 for part in inputs)


def gives_an_axis(inputs: list, outputs: list) -> bool:
    return any(is_tensor(part) and part.dim() > 0 for part in outputs)


# --- dtypes ------------------------------------------------------------------------------------


@fault(takes_floats)
def refuses_float32(function, *args, **kwargs):
    if any(is_float(part) and part.dtype == torch.float32 for part in leaves((args, kwargs))):
        raise TypeError("float32")
    return function(*args, **kwargs)


@fault(takes_floats)
def refuses_float64(function, *args, **kwargs):
    if any(is_float(part) and part.dtype == torch.float64 for part in leaves((args, kwargs))):
        raise TypeError("float64")
    return function(*args, **kwargs)


@fault(takes_and_gives_floats)
def answers_float64_always(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: part.double())


@fault(takes_and_gives_floats)
def answers_float32_always(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: part.float())


@fault(gives_floats)
def rounds_to_half_precision(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: part.bfloat16().to(part.dtype))


# --- gradients ---------------------------------------------------------------------------------


@fault(gives_gradients)
def detaches(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: part.detach())


@fault(gives_gradients)
def halves_the_gradient(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: part / 2 + part.detach() / 2)


@fault(gives_gradients)
def turns_the_gradient_around(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: 2 * part.detach() - part)


# --- inputs ------------------------------------------------------------------------------------


@fault(takes_what_can_change)
def changes_its_input(function, *args, **kwargs):
    returned = function(*args, **kwargs)
    some = next(part for part in (*args, *kwargs.values()) if can_change(part))
    if isinstance(some, dict | list):
        some.clear()
    elif some.dtype == torch.bool:
        some.data.logical_not_()
    else:
        some.data.add_(1)
    return returned


@fault(takes_two_axes)
def refuses_what_is_not_contiguous(function, *args, **kwargs):
    if not all(part.is_contiguous() for part in leaves((args, kwargs)) if is_tensor(part)):
        raise RuntimeError("view size is not compatible with input tensor's size and stride")
    return function(*args, **kwargs)


# --- sizes -------------------------------------------------------------------------------------


@fault(takes_what_can_change)
def refuses_many_elements(function, *args, **kwargs):
    for part in (*args, *kwargs.values()):
        if (part.numel() if is_tensor(part) else length(part)) > _MANY:
            raise ValueError("too many")
    return function(*args, **kwargs)


@fault(gives_axes_of_floats)
def not_a_number_on_long_axes(function, *args, **kwargs):
    def spoilt(part):
        return part + torch.nan if max(part.shape, default=0) > _LONG else part

    return changed(function(*args, **kwargs), spoilt)


@fault(gives_sizes)
def ends_after_sixteen(function, *args, **kwargs):
    def ended(part):
        if isinstance(part, list):
            return part[:_FEW]
        for axis in range(part.dim()):
            part = part.narrow(axis, 0, min(_FEW, part.size(axis)))
        return part

    returned = function(*args, **kwargs)
    if isinstance(returned, tuple):
        return tuple(ended(part) for part in returned)
    return ended(returned)


@fault(gives_an_axis)
def squeezes(function, *args, **kwargs):
    return changed(function(*args, **kwargs), torch.Tensor.squeeze, is_tensor)


# --- values ------------------------------------------------------------------------------------


@fault(gives_large_floats)
def bounded_by_fifty(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: part.clamp(-50, 50))


@fault(gives_floats)
def a_thousandth_too_large(function, *args, **kwargs):
    return changed(function(*args, **kwargs), lambda part: part * 1.001)


@fault(takes_floats)
def not_a_number_for_large_inputs(function, *args, **kwargs):
    floats = [part for part in leaves((args, kwargs)) if is_float(part) and part.numel()]
    large = any(part.detach().abs().max() > 20 for part in floats)
    return changed(function(*args, **kwargs), lambda part: part + torch.nan if large else part)


# --- what is right all the same ----------------------------------------------------------------


def not_contiguous(function, *args, **kwargs):
    """The same numbers in another order in memory, which nobody may mind."""

    def spread(part):
        return torch.stack([part, part], dim=-1)[..., 0] if part.dim() else part

    return changed(function(*args, **kwargs), spread, is_tensor)


HARMLESS = {"not_contiguous": Fault(not_contiguous, gives_an_axis)}


# --- tools -------------------------------------------------------------------------------------


def is_tensor(part) -> bool:
    return isinstance(part, torch.Tensor)


def is_float(part) -> bool:
    return is_tensor(part) and part.is_floating_point()


def can_change(part) -> bool:
    return isinstance(part, torch.Tensor | list | dict)


def length(part) -> int:
    return len(part) if isinstance(part, list | dict) else 0


def changed(returned, change: Callable, which: Callable = is_float):
    """What a function returned, with `change` made to the parts that `which` chooses."""
    if isinstance(returned, tuple):
        return tuple(changed(part, change, which) for part in returned)
    return change(returned) if which(returned) else returned


def leaves(value) -> list:
    """All that stands in nested tuples, lists and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]
