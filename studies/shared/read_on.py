"""Encoders that have read on in one domain's raw training texts: made once, kept in the cache.

This is task-adaptive pre-training: the texts are those of the task's own training part, and few.
(Domain-adaptive pre-training would take millions of other texts of the kind, which we lack.)

    python -m studies.shared.read_on tweets      make one beforehand, some two minutes of a core
"""

import copy
import hashlib
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.batches import text_batches
from lessons_lib.data.splits import SPLITS_SHA256
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.encode import tokenize
from lessons_lib.training.objectives import mask_tokens, perplexity
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.unlabelled.masked_words import FIRST_WORD, MASK_ID, read_on
from studies.shared.encoders import encoder_of
from studies.shared.texts import unrated

KIND = "read_"
RECIPE = {"head_steps": 120, "steps": 240, "batch_size": 32, "longest": 64, "share": 0.15}
RATES = {"head": 1e-3, "all": 1e-4}
PRECISION = "bfloat16"


def encoder_that_read_on(kind: str) -> BertEncoder:
    """The published encoder after reading a domain's texts: "read_tweets", "read_movies" ...

    Made where it is not kept yet.
    """
    if not is_kept(kind):
        make(kind)
    encoder = copy.deepcopy(encoder_of("pretrained"))
    encoder.load_state_dict(load_file(_path(kind)))
    return encoder.eval()


def make(kind: str) -> dict:
    """Let the published encoder read on, and keep it, with a note of what came out."""
    domain = kind.removeprefix(KIND)
    encoder = copy.deepcopy(encoder_of("pretrained"))
    texts = {part: _raw(domain, part) for part in ("train", "validation")}
    rng = torch.Generator().manual_seed(2)

    def hidden(ids):
        vocab_size = encoder.tokens.num_embeddings
        share = RECIPE["share"]
        return mask_tokens(ids, vocab_size, share, rng, num_special=FIRST_WORD, mask_id=MASK_ID)

    checks = text_batches(texts["validation"], 64, seed=4)
    held_out = [hidden(next(checks)) for _ in range(4)]
    batches = map(hidden, text_batches(texts["train"], RECIPE["batch_size"], seed=3))
    started, found = time.process_time(), []
    torch.manual_seed(1)
    plans = [_plan(RECIPE["head_steps"], RATES["head"]), _plan(RECIPE["steps"], RATES["all"])]
    model, histories = read_on(
        encoder, batches, *plans, between=lambda model: found.append(perplexity(model, held_out))
    )
    found.append(perplexity(model, held_out))
    told = {
        "texts": len(texts["train"]),
        "tokens": sum(map(len, texts["train"])),
        "perplexity_head": round(found[0], 1),
        "perplexity": round(found[1], 1),
        "steps": sum(len(history.train) for history in histories),
        "seconds": round(time.process_time() - started),
    }
    with atomic_write(_path(kind)) as out:
        out.write(save({name: t.contiguous() for name, t in encoder.state_dict().items()}))
    with atomic_write(_path(kind).with_suffix(".json")) as out:
        out.write(json.dumps(told).encode())
    return told


def note_of(kind: str) -> dict:
    """Texts, tokens, perplexity of held-out texts with the head alone and in the end, seconds."""
    if not is_kept(kind):
        make(kind)
    return json.loads(_path(kind).with_suffix(".json").read_text(encoding="utf-8"))


def is_kept(kind: str) -> bool:
    """Whether it has been made already."""
    return _path(kind).is_file()


def _plan(steps: int, rate: float) -> Plan:
    return Plan(steps, rate, warmup_steps=steps // 10, check_every=steps, precision=PRECISION)


def _raw(domain: str, part: str) -> list[list[int]]:
    return [ids[: RECIPE["longest"]] for ids in tokenize(unrated(domain, part))]


def _path(kind: str) -> Path:
    key = json.dumps([kind, RECIPE, RATES, PRECISION, SPLITS_SHA256], sort_keys=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_folder() / "adaptation" / f"{kind}_{name}.safetensors"


if __name__ == "__main__":
    print(make(KIND + sys.argv[1]))
