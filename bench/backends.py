"""Our encoder's weights in the two runtimes that people take for speed: onnxruntime and OpenVINO.

The published encoder and its mean over the tokens are exported once, as ONNX, with free axes for
texts and tokens. Both runtimes read that file, compute in float32 on as many threads as ours, and
get the very batches that ours gets, so that nothing is compared but the computing.
"""

import contextlib
import importlib.util
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from lessons_lib.base.device import usable_cores
from lessons_lib.data.batches import by_tokens, rectangle
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.encode import LONGEST, tokenize

EXPORT = ("onnx", "onnxscript")  # what torch's exporter needs
Run = Callable[[Tensor, Tensor], Tensor]  # ids (B, L), mask (B, 1, L) to vectors (B, d_model)


class Pooled(nn.Module):
    """The encoder and the mean over each text's tokens, as one graph."""

    def __init__(self, encoder: BertEncoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """ids (B, L), mask (B, 1, L) -> (B, d_model)."""
        x = self.encoder.norm(
            self.encoder.tokens(ids)
            + self.encoder.places.weight[: ids.size(1)]
            + self.encoder.types.weight[0]
        )  # as `embed`, whose look at the ids no graph can hold
        for layer in self.encoder.layers:
            x = layer(x, mask)
        real = mask.to(x.dtype)  # as `mean_pool`, whose `len` would fix the number of texts
        return (real @ x).squeeze(1) / real.sum(dim=-1)


def export(encoder: BertEncoder, file: Path) -> Path:
    """Write the encoder with its mean as an ONNX file; the file."""
    ids, mask = rectangle([[101, 7592, 1012, 102], [101, 102], [101, 102]])
    texts, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens", max=LONGEST)
    dynamic = ({0: texts, 1: tokens}, {0: texts, 2: tokens})
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            Pooled(encoder).eval(), (ids, mask), str(file), dynamo=True, dynamic_shapes=dynamic
        )
    return file


def with_onnxruntime(file: Path) -> Run:
    """The file's graph, run by onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = usable_cores(), 1
    session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    ids_name, mask_name = (one.name for one in session.get_inputs())

    def run(ids: Tensor, mask: Tensor) -> Tensor:
        (found,) = session.run(None, {ids_name: ids.numpy(), mask_name: mask.numpy()})
        return torch.from_numpy(found)

    return run


def with_openvino(file: Path) -> Run:
    """The file's graph, run by OpenVINO in float32: it would take bfloat16 where there is some."""
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": usable_cores(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino.Core().compile_model(str(file), "CPU", settings)

    def run(ids: Tensor, mask: Tensor) -> Tensor:
        (found,) = compiled([ids.numpy(), mask.numpy()]).values()
        return torch.from_numpy(found.copy())

    return run


RUNTIMES: dict[str, Callable[[Path], Run]] = {
    "onnxruntime": with_onnxruntime,
    "openvino": with_openvino,
}


def installed() -> list[str]:
    """The runtimes that can be measured here: none without what the export needs."""
    if not all(map(importlib.util.find_spec, EXPORT)):
        return []
    return [name for name in RUNTIMES if importlib.util.find_spec(name)]


def encode(texts: Sequence[str], run: Run) -> Tensor:
    """Texts to vectors (N, d_model) by a runtime, cut into pieces and batches as ours does."""
    ids = tokenize(texts)
    vectors: list[Tensor] = [torch.empty(0)] * len(ids)
    for rows in by_tokens([len(one) for one in ids]):
        found = run(*rectangle([ids[row] for row in rows]))
        for row, vector in zip(rows, found, strict=True):
            vectors[row] = vector
    return torch.stack(vectors)
