"""The small file of a multilingual encoder: sizes, pieces and packed tensors, read and never run.

In order: a head of sizes, the tokenizer's pieces with their scores, what its normaliser replaces,
and a list of tensors with the place of each. All numbers are little-endian.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lessons_lib.model.blocks import unpack_q4_0
from lessons_lib.model.layers import Config

MAGIC = b"E5S1"
_SIZES = ("d_model", "layers", "heads", "d_ff", "vocabulary", "positions", "types")
_SPECIAL = ("start", "end", "padding", "unknown")
_PARTS = {  # a layer's part in the file -> here, as far as weight or bias
    "q": "attention.project_query",
    "k": "attention.project_key",
    "v": "attention.project_value",
    "ao": "attention.project_out",
    "aln": "attention_residual.norm",
    "fi": "feed_forward.0",
    "fo": "feed_forward.3",
    "oln": "feed_forward_residual.norm",
}
_WHOLE = {
    "emb.word": "tokens.weight",
    "emb.pos": "places.weight",
    "emb.type": "types.weight",
    "emb.ln.w": "norm.weight",
    "emb.ln.b": "norm.bias",
}


@dataclass(frozen=True)
class Stored:
    """Where a tensor lies in the file: its kind (0 float32, 1 packed as Q4_0), numbers, bytes."""

    kind: int
    count: int
    offset: int
    num_bytes: int


class E5File:
    """An opened file. Tensors are unpacked one by one, when they are asked for.

    Args:
        path: the file.

    Raises:
        ValueError: it is not of that kind, or cut off.

    Attributes:
        sizes: name to number: d_model, layers, heads, d_ff, vocabulary, positions, types.
        norm_eps: added to the variance in LayerNorm.
        special: ids of the start, end, padding and unknown piece.
        pieces, scores: the tokenizer's, in the order of the ids.
        replaced: character to what its normaliser puts there.
        stored: name to place of every tensor.
    """

    def __init__(self, path: Path | str):
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r")
        if bytes(self._bytes[:4]) != MAGIC:
            raise ValueError(f"{path} should begin with {MAGIC!r}, not {bytes(self._bytes[:4])!r}")
        self._at = 8  # behind the magic and a version
        try:
            self._read_head()
            self._read_pieces()
            self._read_normaliser()
            self.stored = dict(self._read_place() for _ in range(*self._take("i")))
        except (struct.error, IndexError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} is cut off or damaged: {error}") from None

    def _take(self, form: str) -> tuple:
        """The next numbers, by `struct`'s letters."""
        wanted = struct.calcsize("<" + form)
        found = struct.unpack("<" + form, self._bytes[self._at : self._at + wanted])
        self._at += wanted
        return found

    def _array(self, kind: str, count: int) -> np.ndarray:
        wanted = np.dtype(kind).itemsize * count
        found = np.frombuffer(self._bytes[self._at : self._at + wanted], kind)
        self._at += wanted
        return found

    def _read_head(self) -> None:
        self.sizes = dict(zip(_SIZES, self._take("7i"), strict=True))
        self.norm_eps, _ = self._take("fi")  # the second: how many numbers share a scale

    def _read_pieces(self) -> None:
        count, *special, num_bytes = self._take("5iQ")
        self.special = dict(zip(_SPECIAL, special, strict=True))
        offsets, scores = self._array("<u4", count + 1), self._array("<f4", count)
        blob = self._array("u1", num_bytes).tobytes()
        spans = zip(offsets.tolist(), offsets[1:].tolist(), strict=False)
        self.pieces = [blob[start:end].decode() for start, end in spans]
        self.scores = scores.tolist()

    def _read_normaliser(self) -> None:
        self.replaced = {}
        count, _ = self._take("iI")
        for _ in range(count):
            code, length = self._take("IB")
            self.replaced[chr(code)] = "".join(map(chr, self._take(f"{length}I")))

    def _read_place(self) -> tuple[str, Stored]:
        (length,) = self._take("H")
        name = self._array("u1", length).tobytes().decode()
        return name, Stored(*self._take("BIQQ"))

    def bytes_of(self, name: str) -> np.ndarray:
        """A tensor as it is stored, uint8.

        Raises:
            KeyError: there is no tensor of that name.
        """
        place = self.stored[name]
        return self._bytes[place.offset : place.offset + place.num_bytes]

    def tensor(self, name: str) -> Tensor:
        """A tensor unpacked, all its numbers in a row; float32.

        Raises:
            KeyError: there is no tensor of that name.
        """
        stored = self.bytes_of(name)
        numbers = unpack_q4_0(stored) if self.stored[name].kind else stored.view(np.float32)
        return torch.from_numpy(np.array(numbers))

    def config(self) -> Config:
        """The sizes of the layers, in our words: BERT's kind."""
        return Config(
            d_model=self.sizes["d_model"],
            num_heads=self.sizes["heads"],
            num_layers=self.sizes["layers"],
            d_ff=self.sizes["d_ff"],
            pre_norm=False,
            norm_eps=self.norm_eps,
            positions="none",
            max_len=self.sizes["positions"],
        )


def e5_names(num_layers: int) -> dict[str, str]:
    """Name in the file -> our name, for every tensor.

    >>> e5_names(1)["l0.fo.w"]
    'layers.0.feed_forward.3.weight'
    """
    kinds = {"w": "weight", "b": "bias"}
    layers = {
        f"l{number}.{theirs}.{short}": f"layers.{number}.{ours}.{kind}"
        for number in range(num_layers)
        for theirs, ours in _PARTS.items()
        for short, kind in kinds.items()
    }
    return _WHOLE | layers
