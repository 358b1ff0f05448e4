"""A model of the published shape that has learnt from the four domains' own texts alone.

It is trained for several lengths, and the one that fills gaps in validation texts best is taken: no
rating plays a part. What is trained is kept in the cache folder.

    python -m studies.shared.own_text 650      train one length beforehand
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.batches import text_batches
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.splits import SPLITS_SHA256, load_split
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.encode import tokenize
from lessons_lib.model.pretrained import load_encoder
from lessons_lib.model.random_weights import default_weights
from lessons_lib.training.loop import train
from lessons_lib.training.objectives import mask_tokens, perplexity, prediction_loss
from lessons_lib.training.plan import Plan

FIRST_WORD, MASK_ID = 999, 103  # of the published vocabulary; ids before 999 are no words
LENGTHS = (650, 2_600, 7_800)  # steps: about 2, 9 and 28 passes
RECIPE = {"batch_size": 64, "learning_rate": 5e-4, "share": 0.3, "longest": 64}
PRECISION = "bfloat16"


def own_text_encoder(fresh: BertEncoder) -> BertEncoder:
    """`fresh` with the weights of the best length; what is not kept yet is trained."""
    best = min(LENGTHS, key=lambda steps: kept(steps, fresh)["perplexity"])
    fresh.load_state_dict(load_file(_path(best)))
    return fresh.eval()


def notes(fresh: BertEncoder) -> list[dict]:
    """Each length's steps, validation perplexity, texts and seconds."""
    return [kept(steps, fresh) for steps in LENGTHS]


def kept(steps: int, fresh: BertEncoder) -> dict:
    """One length's note; its weights lie beside it. Trained where they are missing."""
    note = _path(steps).with_suffix(".json")
    if not note.is_file():
        encoder = default_weights(fresh, seed=1)
        told = pretrain(encoder, steps)
        with atomic_write(_path(steps)) as out:
            out.write(save({name: t.contiguous() for name, t in encoder.state_dict().items()}))
        with atomic_write(note) as out:
            out.write(json.dumps(told).encode())
    return json.loads(note.read_text(encoding="utf-8"))


def pretrain(encoder: BertEncoder, steps: int) -> dict:
    """Masked language modelling in place, by the recipe; what came out, for the record."""
    texts = {part: _raw(part) for part in ("train", "validation")}
    rng = torch.Generator().manual_seed(2)
    vocab_size = encoder.tokens.num_embeddings

    def hidden(ids: Tensor, share: float):
        return mask_tokens(ids, vocab_size, share, rng, num_special=FIRST_WORD, mask_id=MASK_ID)

    batches = (
        hidden(ids, RECIPE["share"])
        for ids in text_batches(texts["train"], RECIPE["batch_size"], seed=3)
    )
    checks = text_batches(texts["validation"], 64, seed=4)
    held_out = [hidden(next(checks), 0.15) for _ in range(10)]
    plan = Plan(
        steps,
        RECIPE["learning_rate"],
        warmup_steps=steps // 10,
        check_every=steps,
        precision=PRECISION,
    )
    started = time.perf_counter()
    groups = [{"params": list(encoder.parameters()), "fused": True}]
    train(encoder, batches, prediction_loss, plan, groups=groups)
    return {
        "steps": steps,
        "perplexity": round(perplexity(encoder, held_out), 1),
        "texts": len(texts["train"]),
        "seconds": round(time.perf_counter() - started),
    }


def _raw(part: str) -> list[list[int]]:
    """The ids of all texts of a part of the four domains, without any rating."""
    texts = [one.text for domain in DOMAINS for one in getattr(load_split(domain), part)]
    return [ids[: RECIPE["longest"]] for ids in tokenize(texts)]


def _path(steps: int) -> Path:
    key = json.dumps([steps, RECIPE, PRECISION, SPLITS_SHA256], sort_keys=True)
    name = hashlib.sha256(key.encode()).hexdigest()[:16]
    return cache_folder() / "studies" / f"own_text_{name}.safetensors"


if __name__ == "__main__":
    print(kept(int(sys.argv[1]), load_encoder()))
