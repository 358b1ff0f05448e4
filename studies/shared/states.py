"""What the four frozen layers make of each text, computed once and kept: half a run's work.

For each encoder and domain: a pool of training texts, those for validation, test and sealed ones.
Ratings play no part.
"""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.reviews import Snippet
from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.model.encode import tokenize
from lessons_lib.transfer.fine_tuning import frozen_activations
from lessons_lib.transfer.rating_model import SentimentModel
from studies.shared.encoders import encoder_of
from studies.shared.read_on import KIND, encoder_that_read_on
from studies.shared.texts import draw, rated, unrated

TOP = 2  # layers that are trained, above those whose states are kept
PRECISION = "bfloat16"  # of the computation; states are kept in float16


def encoder_named(kind: str):
    """One of `ENCODERS`, or "read_tweets" and the like: one that has read on in a domain."""
    return encoder_that_read_on(kind) if kind.startswith(KIND) else encoder_of(kind)


@functools.cache  # reading a domain takes a good part of a short run
def pool_of(domain: str, size: int) -> tuple[Snippet, ...]:
    """The training texts from which runs draw: the same for all of them."""
    return tuple(draw(rated(domain, "train"), size, torch.Generator().manual_seed(0)))


def states_of(kind: str, domain: str, texts: Sequence[str], size: int) -> list[Tensor]:
    """The states (L, d_model) of texts of a domain, float16; of those that are kept.

    Args:
        size: of the domain's pool, and the most texts of each other part.
    """
    table = _table(kind, domain, size)
    return [table[text] for text in texts]


@functools.cache
def _table(kind: str, domain: str, size: int) -> dict[str, Tensor]:
    """A domain's texts, each with its states."""
    texts = [one.text for one in pool_of(domain, size)]
    texts += [t for part in ("validation", "test", "sealed") for t in unrated(domain, part, size)]
    texts = list(dict.fromkeys(texts))
    path = _path(kind, domain, size)
    if not path.is_file():
        model = SentimentModel(encoder_named(kind), trained=TOP)
        found = frozen_activations(model, tokenize(texts), precision=PRECISION)
        kept = {"states": torch.cat(found).half(), "lengths": torch.tensor([*map(len, found)])}
        with atomic_write(path) as out:
            out.write(save(kept))
    kept = load_file(path)
    states = kept["states"].split(kept["lengths"].tolist())
    return dict(zip(texts, states, strict=True))


def _path(kind: str, domain: str, size: int) -> Path:
    key = json.dumps([kind, domain, size, TOP, PRECISION, SPLITS_SHA256])
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_folder() / "adaptation" / f"states_{name}.safetensors"
