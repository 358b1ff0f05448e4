"""A model of the published shape that has learnt from the four domains' own texts alone."""

import time

import torch
from torch import Tensor

from lessons_lib.data.batches import text_batches
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.splits import load_split
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.encode import tokenize
from lessons_lib.training.loop import train
from lessons_lib.training.objectives import mask_tokens, perplexity, prediction_loss
from lessons_lib.training.plan import Plan

FIRST_WORD, MASK_ID = 999, 103  # of the published vocabulary; ids before 999 are no words
OWN_TEXT = {"steps": 650, "batch_size": 64, "learning_rate": 5e-4, "share": 0.3, "longest": 64}


def pretrain(encoder: BertEncoder, recipe: dict = OWN_TEXT, precision: str = "bfloat16") -> dict:
    """Masked language modelling in place, by the recipe; what came out, for the record."""
    texts = {part: _raw(part, recipe["longest"]) for part in ("train", "validation")}
    rng = torch.Generator().manual_seed(2)
    vocab_size = encoder.tokens.num_embeddings

    def hidden(ids: Tensor, share: float):
        return mask_tokens(ids, vocab_size, share, rng, num_special=FIRST_WORD, mask_id=MASK_ID)

    batches = (
        hidden(ids, recipe["share"])
        for ids in text_batches(texts["train"], recipe["batch_size"], seed=3)
    )
    checks = text_batches(texts["validation"], 64, seed=4)
    held_out = [hidden(next(checks), 0.15) for _ in range(10)]
    steps = recipe["steps"]
    plan = Plan(
        steps,
        recipe["learning_rate"],
        warmup_steps=steps // 10,
        check_every=steps,
        precision=precision,
    )
    started = time.perf_counter()
    encoder.train()
    groups = [{"params": list(encoder.parameters()), "fused": True}]
    train(encoder, batches, prediction_loss, plan, groups=groups)
    seconds = round(time.perf_counter() - started)
    return {
        "perplexity": round(perplexity(encoder, held_out), 1),
        "seconds": seconds,
        "texts": len(texts["train"]),
    }


def _raw(part: str, longest: int) -> list[list[int]]:
    """The ids of all texts of a part of the four domains, without any rating."""
    texts = [one.text for domain in DOMAINS for one in getattr(load_split(domain), part)]
    return [ids[:longest] for ids in tokenize(texts)]


def recipe_of(kind: str) -> dict:
    """What an encoder of this kind has learnt by, for the key of what is kept."""
    return OWN_TEXT if kind == "own_text" else {}
