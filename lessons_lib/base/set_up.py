"""The first line of every notebook: seeds, determinism, threads, plot style, and what was found."""

import importlib.util
import os
import random
import sys

from lessons_lib.base.device import best_device, usable_cores

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

    device = best_device()
    _seed_everything(seed)
    _be_deterministic()
    torch.set_num_threads(1)  # small models gain nothing from more; `working` gives large ones all
    plots.use_style()
    print(_summary(device, seed))
    return device


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


def _summary(device, seed: int) -> str:
    import torch

    if device.type == "cuda":
        place = torch.cuda.get_device_name()
    elif device.type == "mps":
        place = "Apple GPU"
    else:
        place = f"CPU, {usable_cores()} core{'s' if usable_cores() > 1 else ''}"
    version = torch.__version__.split("+")[0]
    line = f"Ready: torch {version} on {place}, seed {seed}."
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_TORCH:
        line += f" This torch is older than the course was tested with; {INSTALL_TORCH}."
    return line
