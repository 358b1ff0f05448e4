"""A whole student in one file: a byte for each weight, and the pieces of its vocabulary.

Axes: R rows, C columns.
"""

import dataclasses
import json

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from tokenizers import Tokenizer
from torch import Tensor

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.layers import Config
from lessons_lib.model.pretrained import load_tokenizer
from lessons_lib.transfer.students.histogram_model import HistogramModel
from lessons_lib.transfer.students.trimmed_vocabulary import trimmed_tokenizer

_SETTINGS, _PIECES, _SCALE = "settings", "pieces", ".scale"
_LARGE = 10_000  # numbers; a smaller matrix, such as the head, stays as it is


def to_int8(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers from -127 to 127, and for each row the step that they count.

    Args:
        matrix: (R, C), finite.

    Returns:
        numbers: (R, C), int8.
        scale: (R,), float16, as it is stored; the numbers are rounded with this one.

    Raises:
        ValueError: the matrix is not (R, C), or not finite.

    >>> to_int8(torch.tensor([[1.0, -0.5], [0.0, 0.0]]))[0].tolist()
    [[127, -64], [0, 0]]
    """
    if matrix.dim() != 2 or not torch.isfinite(matrix).all():
        raise ValueError(f"expected a finite matrix (R, C), got shape {tuple(matrix.shape)}")
    scale = (matrix.abs().amax(dim=1) / 127).half()
    step = scale.float().clamp(min=1e-8)[:, None]
    return (matrix / step).round().clamp(-127, 127).to(torch.int8), scale


def from_int8(numbers: Tensor, scale: Tensor) -> Tensor:
    """numbers (R, C) and scale (R,) -> the matrix (R, C), float32."""
    return numbers.float() * scale.float()[:, None]


def student_bytes(model: HistogramModel, tokenizer: Tokenizer) -> bytes:
    """The file: int8 matrices with their scales, float32 for the rest, settings and pieces.

    The same model gives the same bytes.

    Args:
        model: any number of layers.
        tokenizer: the model's own, of `trimmed_tokenizer`.
    """
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensor = tensor.detach().cpu().contiguous()
        if tensor.dim() == 2 and tensor.numel() > _LARGE:
            tensors[name], tensors[name + _SCALE] = to_int8(tensor)
        else:
            tensors[name] = tensor.clone()
    vocabulary = tokenizer.get_vocab()
    settings = dataclasses.asdict(model.encoder.config)
    settings["max_len"] = model.encoder.places.num_embeddings
    tensors[_SETTINGS] = _as_tensor(json.dumps(settings, sort_keys=True))
    tensors[_PIECES] = _as_tensor("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    return save(tensors)


def load_student(content: bytes) -> tuple[HistogramModel, Tokenizer]:
    """The model, its weights as the file has rounded them, and its tokenizer.

    Raises:
        ValueError: the bytes are none of `student_bytes`.
    """
    try:
        tensors = load(content)
    except SafetensorError as error:
        raise ValueError(f"the student's file is damaged: {error}") from None
    if not {_SETTINGS, _PIECES} <= tensors.keys():
        raise ValueError(f"expected a student's file, got tensors {sorted(tensors)[:3]}")
    config = Config(**json.loads(_as_text(tensors.pop(_SETTINGS))))
    pieces = _as_text(tensors.pop(_PIECES)).split("\n")
    num_types = len(tensors.get("encoder.types.weight", ()))
    model = HistogramModel(BertEncoder(config, len(pieces), num_types))
    state = {
        name: from_int8(tensor, tensors[name + _SCALE]) if name + _SCALE in tensors else tensor
        for name, tensor in tensors.items()
        if not name.endswith(_SCALE)
    }
    model.load_state_dict(state)
    return model.eval(), trimmed_tokenizer(load_tokenizer(), pieces)


def _as_tensor(text: str) -> Tensor:
    return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)


def _as_text(tensor: Tensor) -> str:
    return tensor.numpy().tobytes().decode()
