"""Sentences of 65 languages as numbers, computed once and kept: what the study of intents reads.

Frozen encoders give a vector for each sentence; words and characters are counted anew in each run,
from the sentences that it learns from.
"""

import functools
from itertools import chain

import numpy as np
from safetensors.numpy import load_file, save

from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.intents import PARTS, languages, load_sayings
from lessons_lib.model.e5 import load_multilingual_encoder, multilingual_states
from lessons_lib.model.encode import encode_texts
from lessons_lib.model.random_weights import default_weights, matched_weights

COUNTED = {"words": ("word", (1, 2)), "characters": ("char_wb", (1, 4))}
FROZEN = ("e5", "MiniLM", "random default", "random matched")


def vectors(features: str, language: str, part: str, every: int = 1) -> np.ndarray:
    """One row for each sentence of a part: (N, d_model), length 1, as `prepare` has kept them.

    Args:
        features: one of `FROZEN`, or with " centred" behind it: minus the mean of the language's
            training sentences, for which nobody needs to know what they mean.
        every: keep one sentence in so many.
    """
    kind = features.removesuffix(" centred")
    found = _kept(kind, every)[f"{language} {part}"]
    if kind != features:
        found = found - _kept(kind, every)[f"{language} train"].mean(axis=0)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def texts(language: str, part: str, every: int = 1) -> list[str]:
    """The sentences of a part, in the order of `vectors`."""
    return [one.text for one in load_sayings(language)[part][::every]]


def intents(language: str, part: str, every: int = 1) -> np.ndarray:
    """What they mean, in the same order: (N,) names."""
    return np.array([one.intent for one in load_sayings(language)[part][::every]])


def prepare(features: str, every: int = 1) -> None:
    """Compute the vectors of all sentences, unless they are kept already."""
    path = _path(features, every)
    if path.is_file():
        return
    places = [(language, part) for language in languages() for part in PARTS]
    sentences = [texts(language, part, every) for language, part in places]
    states = _encoded(features, list(chain.from_iterable(sentences))).numpy()
    ends = np.cumsum([len(one) for one in sentences])
    parts = np.split(states, ends[:-1])
    named = {f"{lang} {part}": x.copy() for (lang, part), x in zip(places, parts, strict=True)}
    with atomic_write(path) as out:
        out.write(save(named))


def _encoded(features: str, sentences: list[str]):
    if features == "MiniLM":
        return encode_texts(sentences, cache=False)
    encoder = load_multilingual_encoder()
    if features.startswith("random"):
        changed = default_weights if features.endswith("default") else matched_weights
        encoder = changed(encoder)
    return multilingual_states(sentences, encoder, cache=False)


def _path(features: str, every: int):
    name = features.replace(" ", "_") + (f"_{every}" if every > 1 else "")
    return cache_folder() / "intents" / f"{name}.safetensors"


@functools.cache
def _kept(features: str, every: int) -> dict[str, np.ndarray]:
    return load_file(_path(features, every))
