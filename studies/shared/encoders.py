"""Four encoders of one shape, which know nothing, little or much.

"pretrained" is the published all-MiniLM-L6-v2, distilled from a larger model and then tuned on
about a billion pairs of sentences; "default" and "matched" are random (`model/random_weights.py`);
"own_text" has learnt from nothing but the training texts of our four domains, by masked language
modelling, without ratings.
"""

import functools
import json

from safetensors.torch import load_file

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.pretrained import load_encoder
from lessons_lib.model.random_weights import default_weights, matched_weights
from studies.shared.kept import folder, hash_of, write
from studies.shared.own_text import pretrain, recipe_of

ENCODERS = ("pretrained", "default", "matched", "own_text")


@functools.cache
def encoder_of(kind: str) -> BertEncoder:
    """One of `ENCODERS`; its attention is the plain one, the faster in bfloat16."""
    published = load_encoder(attention=scaled_dot_product_attention)
    if kind == "pretrained":
        return published
    if kind == "own_text":
        return own_text_encoder(default_weights(published, seed=1))
    return {"default": default_weights, "matched": matched_weights}[kind](published)


def own_text_encoder(fresh: BertEncoder) -> BertEncoder:
    """`fresh`, trained on the four domains' own texts; from the cache folder where it is."""
    path = folder() / f"own_text_{hash_of(recipe_of('own_text'))}.safetensors"
    if not path.is_file():
        note = pretrain(fresh)
        write(path, {name: tensor.contiguous() for name, tensor in fresh.state_dict().items()})
        path.with_suffix(".json").write_text(json.dumps(note), encoding="utf-8")
    fresh.load_state_dict(load_file(path))
    return fresh.eval()


def own_text_note() -> dict:
    """Validation perplexity and seconds of the own-text encoder's one training run."""
    encoder_of("own_text")
    path = folder() / f"own_text_{hash_of(recipe_of('own_text'))}.json"
    return json.loads(path.read_text(encoding="utf-8"))
