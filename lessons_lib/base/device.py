"""What to compute on, and how: device, precision and threads, decided in this one place.

A model is kept where the reader made it, on the CPU as a rule. Whatever computes long with it
(training, encoding many texts) takes it to the best device meanwhile, by `working`, and brings it
back, so that no page has to know of devices.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

SMALL_MODEL = 3_000_000  # numbers; below it a second thread waits more than it works
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def best_device():
    """The `torch.device` to compute on: CUDA where there is one, else MPS, else the CPU.

    The environment variable LESSONS_DEVICE, such as "cpu", decides otherwise.
    """
    import torch

    if wanted := os.environ.get("LESSONS_DEVICE"):
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@contextlib.contextmanager
def working(model) -> Iterator:
    """Let a model compute on the best device inside a `with`; afterwards it is where it was.

    A model that the reader has put on a device of their own stays there. A large one has all cores
    meanwhile, a small one a single thread.

    Args:
        model: an `nn.Module`; its parameters stay the same objects.

    Yields:
        The `torch.device` to bring the inputs to.
    """
    import torch

    home, threads = device_of(model), torch.get_num_threads()
    away = best_device() if home.type == "cpu" else home
    try:
        is_small = sum(part.numel() for part in model.parameters()) < SMALL_MODEL
        torch.set_num_threads(1 if is_small else usable_cores())
        model.to(away)
        yield away
    finally:
        model.to(home)
        torch.set_num_threads(threads)


def device_of(model):
    """Where a model's parameters are; the CPU where it has none."""
    import torch

    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def move(thing, device):
    """The same tensors on a device: a tensor, or tuples, lists and dicts of what may hold some.

    >>> import torch
    >>> move((torch.ones(2), "words", [torch.ones(3)]), "meta")[2][0].device
    device(type='meta')
    """
    if hasattr(thing, "to") and hasattr(thing, "device"):
        return thing.to(device)
    if isinstance(thing, dict):
        return {name: move(part, device) for name, part in thing.items()}
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return type(thing)(*(move(part, device) for part in thing))
    if isinstance(thing, tuple | list):
        return type(thing)(move(part, device) for part in thing)
    return thing


def autocast(precision: str, device) -> contextlib.AbstractContextManager:
    """Matrix products in `precision` inside a `with`; weights and sums stay float32.

    A device that knows no such choice computes as it does. While a processor learns in bfloat16,
    attention is computed step by step: the backward pass of PyTorch's one piece takes, for short
    texts, seven times as long as those steps.

    Raises:
        ValueError: it is neither "float32" nor "bfloat16".
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    require_precision(precision)
    if not torch.amp.is_autocast_available(device.type):
        return contextlib.nullcontext()
    is_half = precision == "bfloat16"
    products = torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_half)
    if not (is_half and device.type == "cpu" and torch.is_grad_enabled()):
        return products
    return _both(products, sdpa_kernel(SDPBackend.MATH))


@contextlib.contextmanager
def _both(first, second) -> Iterator[None]:
    with first, second:
        yield


def require_precision(precision: str) -> None:
    """Raise ValueError unless it is "float32" or "bfloat16"."""
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision should be float32 or bfloat16, not {precision!r}")


def fast_precision(device=None) -> str:
    """ "bfloat16" where this processor computes it by itself, else "float32".

    Args:
        device: a `torch.device`; None = the CPU.
    """
    import torch

    if device is not None and device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    known = torch.cpu.get_capabilities() if device is None or device.type == "cpu" else {}
    return "bfloat16" if known.get("avx512_bf16") or known.get("amx_bf16") else "float32"


def usable_cores() -> int:
    """Cores this process may use: a container's or a cluster's share, not the whole machine."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    counted = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        counted = len(os.sched_getaffinity(0))
    return max(1, min(counted, _quota()))


def _quota() -> int:
    """The cores' worth of time that a container is given; many where nothing limits it."""
    try:
        allowed, period = _QUOTA.read_text(encoding="ascii").split()
        return int(allowed) // int(period)
    except (OSError, ValueError):  # no such file, or "max"
        return 1 << 16
