"""What a technique has trained, in a small file that fits one base model and no other."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from lessons_lib.base.files import atomic_write

_KIND = "adapter of transformer-transfer"


def base_hash(model: nn.Module) -> str:
    """The sha256 of all frozen parameters, whatever they are called: what a file does not bring.

    The same before and after training, and before and after other techniques are put in that leave
    these parameters frozen.

    >>> base_hash(nn.Linear(2, 2).requires_grad_(False)) == base_hash(nn.Linear(2, 2))
    False
    """
    frozen = [p.detach().cpu() for p in model.parameters() if not p.requires_grad]
    digests = sorted(
        hashlib.sha256(f"{p.dtype}{tuple(p.shape)}".encode() + _bytes(p)).hexdigest()
        for p in frozen
    )
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def adapter_bytes(model: nn.Module) -> bytes:
    """The file of `save_adapter`, as bytes."""
    notes = {
        "kind": _KIND,
        "base": base_hash(model),
        "parts": json.dumps(_parts(model)),
    }
    return save({name: tensor.contiguous() for name, tensor in _own(model).items()}, notes)


def save_adapter(path: Path | str, model: nn.Module) -> int:
    """Write what is trained in a model, and its buffers; return the number of bytes.

    Args:
        path: a file that ends in .safetensors, as a rule.
        model: with the technique put in; whatever has `requires_grad` is written.

    Raises:
        ValueError: nothing is trained.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(f"{type(model).__name__} has nothing that is trained: nothing to save")
    content = adapter_bytes(model)
    with atomic_write(Path(path)) as out:
        out.write(content)
    return len(content)


def load_adapter(path: Path | str, model: nn.Module) -> None:
    """Put a saved adapter into a model that has the same technique put in, on the same base.

    Raises:
        ValueError: the file is none of ours or damaged, its base is another one, or its technique
            has other parts, sizes or settings; nothing is changed then.
    """
    try:
        with safe_open(path, framework="pt") as file:
            notes = file.metadata() or {}
            state = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"the adapter {path} is damaged: {error}") from None
    if notes.get("kind") != _KIND:
        raise ValueError(f"{path} is not an adapter that `save_adapter` has written")
    there, here = json.loads(notes["parts"]), _parts(model)
    for name in here | there:
        if there.get(name) != here.get(name):
            differ = f"{name or 'the model'} is {there.get(name)} there and {here.get(name)} here"
            raise ValueError(f"{path} is of another technique or size: {differ}")
    if (base := base_hash(model)) != notes["base"]:
        raise ValueError(
            f"{path} was trained on another base: its frozen weights have the sha256 "
            f"{notes['base'][:12]}..., those here {base[:12]}... (a merged LoRA counts as another)"
        )
    model.load_state_dict(state, strict=False)


def _own(model: nn.Module) -> dict[str, Tensor]:
    """Trained parameters and buffers by name."""
    trained = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    kept = model.state_dict().keys()
    return trained | {name: b for name, b in model.named_buffers() if name in kept}


def _parts(model: nn.Module) -> dict[str, str]:
    """Each module that holds something of its own to keep: its kind, settings and shapes."""
    own, found = _own(model), {}
    for place, module in model.named_modules():
        tensors = {
            name: tuple(own[f"{place}.{name}".lstrip(".")].shape)
            for name in (*module._parameters, *module._buffers)
            if f"{place}.{name}".lstrip(".") in own
        }
        if tensors:
            shapes = ", ".join(f"{name} {shape}" for name, shape in tensors.items())
            found[place] = f"{type(module).__name__}({module.extra_repr()}) with {shapes}"
    return found


def _bytes(tensor: Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
