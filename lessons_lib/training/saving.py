"""A stopped training goes on: model, optimiser, random state and history in one file."""

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lessons_lib.base.files import atomic_write
from lessons_lib.training.plan import History


def save_checkpoint(
    path: Path | str, model: nn.Module, optimiser, history: History, best: dict[str, Tensor]
) -> None:
    """Write model, best state, optimiser, random state and history, as a whole or not at all."""
    state = {f"model.{name}": tensor for name, tensor in copy_of(model).items()}
    state |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, entries in optimiser.state_dict()["state"].items():
        state |= {f"optimiser.{number}.{name}": tensor for name, tensor in entries.items()}
    state["random"] = torch.get_rng_state()
    notes = {"history": json.dumps([history.train, history.validation])}
    with atomic_write(Path(path)) as out:
        out.write(save({name: tensor.contiguous() for name, tensor in state.items()}, notes))


def load_checkpoint(
    path: Path | str, model: nn.Module, optimiser
) -> tuple[History, dict[str, Tensor]]:
    """Put a checkpoint back into model, optimiser and random state; return history and best state.

    Raises:
        ValueError: the file is no checkpoint, is damaged, or is that of another model; nothing was
            changed then.
    """
    state, history = _read(path)
    saved = _part(state, "model.")
    there, here = _shapes(saved), _shapes(model.state_dict())
    for name in here | there:
        if there.get(name) != here.get(name):
            differ = f"{name} is {there.get(name)} there and {here.get(name)} here"
            raise ValueError(f"{path} is a checkpoint of another model: {differ}")
    model.load_state_dict(saved)
    memory = optimiser.state_dict()
    for name, tensor in _part(state, "optimiser.").items():
        number, entry = name.split(".")
        memory["state"].setdefault(int(number), {})[entry] = tensor
    optimiser.load_state_dict(memory)
    torch.set_rng_state(state["random"])
    return history, _part(state, "best.")


def require_place(path: Path | str) -> None:
    """Raise unless a checkpoint can be written to `path`.

    Raises:
        FileNotFoundError, NotADirectoryError, IsADirectoryError: its folder is not there, is none,
            or the path itself is a folder.
        PermissionError: nothing may be written into the folder.
    """
    path = Path(path)
    folder = path.absolute().parent
    if path.is_dir():
        raise IsADirectoryError(f"checkpoint should be a file, but {path} is a folder")
    if not folder.exists():
        raise FileNotFoundError(f"the checkpoint's folder {folder} is not there; make it first")
    if not folder.is_dir():
        raise NotADirectoryError(f"the checkpoint's folder {folder} is a file")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"nothing may be written into the checkpoint's folder {folder}")


def _read(path: Path | str) -> tuple[dict[str, Tensor], History]:
    """All that a checkpoint holds, before anything is changed by it."""
    try:
        with safe_open(path, framework="pt") as file:
            notes = file.metadata() or {}
            state = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"the checkpoint {path} is damaged: {error}; remove it") from None
    if "history" not in notes or "random" not in state:
        raise ValueError(f"{path} is not a checkpoint that `train` has written")
    try:
        losses, looks = json.loads(notes["history"])
        return state, History(
            [float(loss) for loss in losses], [(int(at), loss) for at, loss in looks]
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"the checkpoint {path} is damaged: its history, {error}") from None


def copy_of(model: nn.Module) -> dict[str, Tensor]:
    """A model's weights and buffers by name, apart from it."""
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _part(state: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    return {name[len(start) :]: state[name] for name in state if name.startswith(start)}


def _shapes(state: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in state.items()}
