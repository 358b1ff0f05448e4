"""A language model's file of the kind GGUF: settings, tokenizer and tensors, read and never run.

The package `gguf` reads the bytes; here its fields become our sizes and its tensors our names.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lessons_lib.model.blocks import unpack_q4_1, unpack_q8_0
from lessons_lib.model.checkpoint import require_fit
from lessons_lib.model.llama import LlamaConfig

# Name in the file -> name here, as far as a layer's number.
_WHOLE = {"token_embd.weight": "embedding.weight", "output_norm.weight": "final_norm.weight"}
_LAYER = {
    "attn_norm": "attention_norm",
    "attn_q": "attention.project_query",
    "attn_k": "attention.project_key",
    "attn_v": "attention.project_value",
    "attn_output": "attention.project_out",
    "ffn_norm": "feed_forward_norm",
    "ffn_gate": "feed_forward.gate",
    "ffn_up": "feed_forward.up",
    "ffn_down": "feed_forward.down",
}
_SIZES = {
    "d_model": "embedding_length",
    "num_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "num_layers": "block_count",
    "d_ff": "feed_forward_length",
    "norm_eps": "attention.layer_norm_rms_epsilon",
    "rotary_base": "rope.freq_base",
}
_UNPACK = {"F32": lambda stored: np.array(stored), "Q8_0": unpack_q8_0, "Q4_1": unpack_q4_1}


class GGUFFile:
    """An opened file. Tensors are unpacked one by one, when they are asked for.

    Args:
        path: a .gguf file.

    Raises:
        ValueError: it is not of that kind, or cut off.

    Attributes:
        settings: name to value, of all that is no list; `list_of` reads those, which are long.
    """

    def __init__(self, path: Path | str):
        from gguf import GGUFReader

        try:
            self._reader = GGUFReader(path)
            fields = self._reader.fields
            self.settings = {n: f.contents() for n, f in fields.items() if not _is_list(f)}
        except (ValueError, IndexError, KeyError) as error:
            raise ValueError(f"{path} cannot be read as a GGUF file: {error}") from None
        self._stored = {tensor.name: tensor for tensor in self._reader.tensors}

    def list_of(self, name: str) -> list:
        """A setting that is a list, such as the pieces of text or the merges.

        Raises:
            KeyError: there is no setting of that name.
        """
        return self._reader.fields[name].contents()

    @property
    def kinds(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Name to (format, shape) of every tensor; a shape is (rows, columns)."""
        return {name: (t.tensor_type.name, _shape(t)) for name, t in self._stored.items()}

    def bytes_of(self, name: str) -> np.ndarray:
        """A tensor as it is stored: (rows, bytes of a row), uint8 where it is packed."""
        return self._stored[name].data

    def tensor(self, name: str) -> Tensor:
        """A tensor unpacked, in the file's shape; float32.

        Raises:
            KeyError: there is no tensor of that name.
            ValueError: its format is not one of those that are unpacked here.
        """
        stored = self._stored[name]
        kind = stored.tensor_type.name
        if kind not in _UNPACK:
            raise ValueError(f"{name} is stored as {kind}; read here are {', '.join(_UNPACK)}")
        return torch.from_numpy(_UNPACK[kind](stored.data)).reshape(_shape(stored))

    def config(self) -> LlamaConfig:
        """The sizes of the model.

        Raises:
            ValueError: it is of another kind than Llama, or a size is not in the file.
        """
        kind = self.settings.get("general.architecture")
        if kind != "llama":
            raise ValueError(f"general.architecture should be 'llama', not {kind!r}")
        missing = [name for name in _SIZES.values() if f"llama.{name}" not in self.settings]
        if missing:
            raise ValueError(
                f"the file should say {', '.join(f'llama.{name}' for name in missing)}"
            )
        sizes = {ours: self.settings[f"llama.{theirs}"] for ours, theirs in _SIZES.items()}
        return LlamaConfig(self.kinds["token_embd.weight"][1][0], **sizes)


def language_model_names(num_layers: int) -> dict[str, str]:
    """Name in the file -> our name, for every tensor.

    >>> language_model_names(1)["blk.0.ffn_up.weight"]
    'layers.0.feed_forward.up.weight'
    """
    layers = {
        f"blk.{number}.{theirs}.weight": f"layers.{number}.{ours}.weight"
        for number in range(num_layers)
        for theirs, ours in _LAYER.items()
    }
    return _WHOLE | layers


def rename_language_model(file: GGUFFile, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """A file's tensors under our names, each in the shape that the model wants.

    Args:
        file: the opened file.
        shapes: our name to shape, as in the model's state_dict.

    Raises:
        CheckpointError: a tensor is missing, not known, or of another shape; it names each one.
    """
    table = language_model_names(file.config().num_layers)
    require_fit(
        {name: shape for name, (_, shape) in file.kinds.items()},
        {theirs: tuple(shapes[ours]) for theirs, ours in table.items()},
    )
    return {ours: file.tensor(theirs) for theirs, ours in table.items()}


def rows_to_halves(weight: Tensor, num_heads: int) -> Tensor:
    """Reorder a query or key matrix made for neighbouring rotary pairs into one made for halves.

    Args:
        weight: (num_heads * D, d_model); within each head, rows 2i and 2i + 1 are a pair.

    Returns:
        the same shape; within each head, rows i and i + D / 2 are that pair.

    >>> rows_to_halves(torch.arange(4.0)[:, None], num_heads=1).flatten().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """
    pairs = weight.unflatten(0, (num_heads, -1, 2))  # (H, D / 2, 2, d_model)
    return pairs.transpose(1, 2).flatten(0, 2)


def _is_list(field) -> bool:
    return field.types[0].name == "ARRAY"


def _shape(stored) -> tuple[int, ...]:
    return tuple(int(size) for size in reversed(stored.shape))
