"""The language model on rated texts: asked, with examples or without, or taught by LoRA."""

import functools
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.base.device import autocast
from lessons_lib.data.batches import pad
from lessons_lib.data.reviews import Snippet
from lessons_lib.model.smollm import load_language_model, load_language_tokenizer
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.few_labels.prompting import asked, shown
from lessons_lib.transfer.lora import add_lora

PROMPTED = (("asked", "0"), ("asked", "4"), ("asked", "8"), ("asked_taught", "32"))
WORDINGS = (  # and the two words
    ("Text: {}\nSentiment:", ("positive", "negative")),
    ("{}\nThis is", ("good", "bad")),
    ("Review: {}\nRating (good or bad):", ("good", "bad")),
    ('"{}" The writer of this is', ("happy", "unhappy")),
)
Predictor = Callable[[Sequence[str]], np.ndarray]


def answered(
    way: str, texts: Sequence[Snippet], settings: dict, seed: int, configuration: dict
) -> tuple[Predictor, dict[str, float]]:
    """A predictor from a question and its examples; with it "seconds" and "steps".

    Args:
        way: "asked", with `texts` as examples in front; "asked_taught": LoRA learns from them.
        settings: "wording", and "learning_rate" where it is taught.
    """
    started = time.perf_counter()
    wording, words = WORDINGS[settings["wording"]]
    tokenizer, precision = load_language_tokenizer(), configuration["precision"]
    steps = configuration["lora_steps"] if way == "asked_taught" else 0
    if way == "asked_taught":
        model = load_language_model()
        torch.manual_seed(seed)
        add_lora(model)
        first, second = (tokenizer.encode(f" {word}")[0] for word in words)
        batches = _batches(texts, wording, tokenizer, 8, seed)

        def loss_of(model, batch):
            ids, lengths, is_good = batch
            hidden = model.hidden(ids)
            scores = model.logits(hidden[torch.arange(len(ids)), lengths - 1]).float()
            gap = scores[:, first] - scores[:, second]
            return functional.binary_cross_entropy_with_logits(gap, is_good)

        plan = Plan(
            steps,
            settings["learning_rate"],
            warmup_steps=steps // 10,
            check_every=steps,
            precision=precision,
        )
        train(model, batches, loss_of, plan)
        model.eval()
        examples = ""
    else:
        model, examples = _model(), shown(texts, wording, words)

    def predictor(some: Sequence[str]) -> np.ndarray:
        with autocast(precision, torch.device("cpu")):
            return asked(some, model, tokenizer, examples, wording, words).float().numpy()

    return predictor, {"seconds": time.perf_counter() - started, "steps": steps}


@functools.cache
def _model():
    return load_language_model()


def _batches(texts: Sequence[Snippet], wording: str, tokenizer, size: int, seed: int) -> Iterator:
    """Endless: ids (B, L), lengths (B,), and how sure the raters are that it is good (B,)."""
    rng = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(texts), generator=rng).tolist()
        for start in range(0, len(order), size):
            some = [texts[place] for place in order[start : start + size]]
            ids, lengths = pad([tokenizer.encode(wording.format(one.text)) for one in some])
            yield ids, lengths, _share_above(some)


def _share_above(texts: Sequence[Snippet]) -> Tensor:
    """The share of raters who said above 0, those who said 0 counted as a half: (B,)."""
    shares = [np.mean([(np.sign(r) + 1) / 2 for r in one.ratings]) for one in texts]
    return torch.tensor(np.array(shares), dtype=torch.float32)
