"""Choosing the device and making runs repeatable, so that no chapter has to."""

import contextlib
import importlib.util
import os
import random
import sys

INSTALL_TORCH = 'pip install "torch>=2.11"'
OLDEST_TORCH = (2, 11)


def set_up(seed: int = 0):
    """Get a notebook ready: device, seeds, determinism, threads, plot style; print one line.

    Args:
        seed: seed of every random number generator in use (Python, NumPy, torch), 0 to 2^32 - 1.

    Returns:
        The `torch.device` to compute on: CUDA where there is one, else MPS, else the CPU.

    Raises:
        ModuleNotFoundError: torch is missing; the message holds the command that installs it.
        ValueError: `seed` is not a whole number from 0 to 2^32 - 1.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed should be a whole number from 0 to 2^32 - 1, not {seed!r}")
    if importlib.util.find_spec("torch") is None:
        raise ModuleNotFoundError(
            f"PyTorch is not installed for this Python ({sys.executable}). "
            f"Install it with:  {INSTALL_TORCH}  and restart the kernel."
        )
    import torch

    from lessons_lib.base import plots

    device = _best_device()
    _seed_everything(seed)
    _be_deterministic()
    torch.set_num_threads(_usable_cores())
    plots.use_style()
    print(_summary(device, seed))
    return device


def _best_device():
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _seed_everything(seed: int) -> None:
    import numpy
    import torch

    random.seed(seed)
    numpy.random.seed(seed)
    torch.manual_seed(seed)


def _be_deterministic() -> None:
    """Prefer repeatable kernels, and full float32, so that a GPU shows the book's numbers."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False


def _usable_cores() -> int:
    """Cores this process may use: a container's or a cluster's share, not the whole machine."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _summary(device, seed: int) -> str:
    import torch

    if device.type == "cuda":
        place = torch.cuda.get_device_name()
    elif device.type == "mps":
        place = "Apple GPU"
    else:
        threads = torch.get_num_threads()
        place = f"CPU, {threads} thread{'s' if threads > 1 else ''}"
    version = torch.__version__.split("+")[0]
    line = f"Ready: torch {version} on {place}, seed {seed}."
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_TORCH:
        line += f" This torch is older than the course was tested with; {INSTALL_TORCH}."
    return line


def autocast(precision: str, device) -> contextlib.AbstractContextManager:
    """Matrix products in `precision` inside a `with`; weights and sums stay float32.

    Raises:
        ValueError: it is neither "float32" nor "bfloat16".
    """
    import torch

    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision should be float32 or bfloat16, not {precision!r}")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def fast_precision(device=None) -> str:
    """ "bfloat16" where this processor computes it by itself, else "float32"."""
    import torch

    if device is not None and device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    known = torch.cpu.get_capabilities() if device is None or device.type == "cpu" else {}
    return "bfloat16" if known.get("avx512_bf16") or known.get("amx_bf16") else "float32"
