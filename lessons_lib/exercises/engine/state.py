"""What an answer is judged in: the same state of Python, NumPy and torch, whatever the reader set.

Fixed meanwhile: gradients are recorded, no inference mode, no autocast, float32 on the CPU unless
something else is asked for, no demand for deterministic algorithms, random numbers from the start
of the same sequence. Afterwards all of it is as it was, and so are the functions of torch, `math`
and Python itself that the answer has put others in place of.
"""

import builtins
import contextlib
import math
import random
import sys
from collections.abc import Callable, Iterator

_SEED = 0
_SET_BY_TORCH = {"Storage"}  # follows the default dtype


@contextlib.contextmanager
def fixed_state() -> Iterator[None]:
    """Run the block in the state that answers are judged in; put back the reader's afterwards."""
    import torch

    with contextlib.ExitStack() as later:
        for restore in (_random_numbers(), *_settings()):
            later.callback(restore)
        _start_afresh()
        later.enter_context(torch.inference_mode(False))
        later.enter_context(torch.enable_grad())
        later.enter_context(torch.autocast("cpu", enabled=False))
        if torch.get_default_device().type != "cpu":  # costs something on each call
            later.enter_context(torch.device("cpu"))
        yield


def _random_numbers() -> Callable[[], None]:
    """Keep the states of all sources of random numbers; return what puts them back."""
    import numpy
    import torch

    python, arrays = random.getstate(), numpy.random.get_state()
    tensors = torch.default_generator.get_state()
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    def restore() -> None:
        random.setstate(python)
        numpy.random.set_state(arrays)
        torch.default_generator.set_state(tensors)
        if on_gpus:
            torch.cuda.set_rng_state_all(on_gpus)

    return restore


def _settings() -> list[Callable[[], None]]:
    """What puts back each setting that holds for the whole process, or for this thread."""
    import torch

    device, dtype = torch.get_default_device(), torch.get_default_dtype()
    grad, depth = torch.is_grad_enabled(), sys.getrecursionlimit()
    deterministic = _determinism()

    def restore_device() -> None:
        if torch.get_default_device() != device:
            torch.set_default_device(device)

    def restore_determinism() -> None:
        if _determinism() != deterministic:
            torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])

    return [
        restore_device,
        restore_determinism,
        lambda: torch.set_default_dtype(dtype),
        lambda: torch.set_grad_enabled(grad),
        lambda: sys.setrecursionlimit(depth),
    ]


def _determinism() -> tuple[bool, bool]:
    """Are deterministic algorithms asked for, and is a warning enough where there is none?"""
    import torch

    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _start_afresh() -> None:
    import numpy
    import torch

    random.seed(_SEED)
    numpy.random.seed(_SEED)
    torch.default_generator.manual_seed(_SEED)
    torch.set_default_dtype(torch.float32)
    if torch.are_deterministic_algorithms_enabled():  # the first call of the next takes seconds
        torch.use_deterministic_algorithms(False)


@contextlib.contextmanager
def own_functions() -> Iterator[Callable[[], list[str]]]:
    """Yield a function that undoes what has been put in place of known functions, and names them.

    It is called once more at the end of the block.
    """
    kept = {name: (home, dict(vars(home))) for name, home in _homes().items()}

    def undo() -> list[str]:
        replaced = []
        for name, (home, before) in kept.items():
            now = dict(vars(home))
            for key, function in before.items():
                if now.get(key) is not function and callable(function) and key not in _SET_BY_TORCH:
                    setattr(home, key, function)
                    replaced.append(f"{name}.{key}")
            for key in now.keys() - before.keys():
                if _hides_another(home, key):
                    delattr(home, key)
                    replaced.append(f"{name}.{key}")
        return replaced

    try:
        yield undo
    finally:
        undo()


def _homes() -> dict:
    import torch

    return {
        "torch": torch,
        "torch.Tensor": torch.Tensor,
        "torch.autograd": torch.autograd,
        "torch.linalg": torch.linalg,
        "torch.nn": torch.nn,
        "torch.nn.functional": torch.nn.functional,
        "math": math,
        "builtins": builtins,
    }


def _hides_another(home, key: str) -> bool:
    """Is a new name of a class one that the class had inherited?"""
    return isinstance(home, type) and any(key in vars(base) for base in home.__mro__[1:])
