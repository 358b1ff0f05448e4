"""What closes every exercise of code: an answer works in each dtype that it may be given."""

from collections.abc import Callable

from .answer import Answer, AnswerProblem
from .inputs import kept

_LIKELY = "is a tensor made with a fixed dtype, or outside torch?"


def other_dtype_problem(answer: Answer, reference: Callable, calls: list[tuple]) -> str | None:
    """A sentence where an answer stops, or gives another dtype than the reference, on other floats.

    The first call with floating-point numbers is made again in float32 and in float64. Where the
    reference cannot take one of them, nothing is asked. Values are not compared: they may differ
    by as much as rounding does.

    Args:
        calls: arguments by place and by name of calls that the checks have made.
    """
    import torch

    call = next((call for call in calls if _has_floats(call)), None)
    if call is None:
        return None
    for dtype in (torch.float32, torch.float64):
        wanted = _dtypes_of_reference(reference, _converted(call, dtype))
        if wanted is None:
            continue
        args, kwargs = _converted(call, dtype)
        try:
            returned = answer(*args, **kwargs)
        except AnswerProblem as problem:
            return f"With inputs of {dtype}: {problem}"
        for name, part, right in zip(answer.returns, _parts(returned), wanted, strict=True):
            if _dtype(part) != right and not _both_whole(part, right):
                return f"Given {dtype}, `{name}` is {part.dtype}: {_LIKELY}"
    return None


def _dtypes_of_reference(reference: Callable, call: tuple) -> list | None:
    args, kwargs = call
    try:
        return [_dtype(part) for part in _parts(reference(*args, **kwargs))]
    except RuntimeError:  # another argument is bound to one dtype, such as a layer's weights
        return None


def _converted(call: tuple, dtype) -> tuple:
    """A copy of the arguments, with all floating-point numbers in `dtype`."""
    return kept(call, lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)


def _has_floats(call: tuple) -> bool:
    found = []
    kept(call, lambda tensor: found.append(tensor.is_floating_point()))
    return any(found)


def _parts(returned) -> tuple:
    return returned if isinstance(returned, tuple) else (returned,)


def _both_whole(part, right) -> bool:
    """Whole numbers may be of any width."""
    import torch

    dtypes = _dtype(part), right
    return all(
        isinstance(one, torch.dtype)
        and one != torch.bool
        and not (one.is_floating_point or one.is_complex)
        for one in dtypes
    )


def _dtype(part):
    return getattr(part, "dtype", None)
