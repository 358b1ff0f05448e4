"""Four encoders of one shape, which know nothing, little or much.

"pretrained" is the published all-MiniLM-L6-v2, distilled from a larger model and then tuned on
about a billion pairs of sentences; "default" and "matched" are random (`model/random_weights.py`);
"own_text" has learnt from nothing but the training texts of our four domains, by masked language
modelling, without ratings (`own_text.py`).
"""

import functools

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.pretrained import load_encoder
from lessons_lib.model.random_weights import default_weights, matched_weights
from studies.shared.own_text import own_text_encoder

ENCODERS = ("pretrained", "default", "matched", "own_text")


@functools.cache
def encoder_of(kind: str) -> BertEncoder:
    """One of `ENCODERS`."""
    published = load_encoder()
    if kind == "pretrained":
        return published
    if kind == "own_text":
        return own_text_encoder(default_weights(published, seed=1))
    return {"default": default_weights, "matched": matched_weights}[kind](published)
