"""The language model on rated texts: asked, with examples or without, or taught by LoRA."""

import functools
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.data.batches import pad
from lessons_lib.data.reviews import Snippet
from lessons_lib.model.smollm import load_language_model, load_language_tokenizer
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.few_labels.prompting import asked, blank_answer, shown
from lessons_lib.transfer.lora import add_lora

PROMPTED = (("asked", "0"), ("asked", "4"), ("asked", "8"))
TAUGHT = (("asked_taught", "8"), ("asked_taught", "64"))
WORDINGS = {  # and the two words
    "sentiment": ("Text: {}\nSentiment:", ("positive", "negative")),
    "this is": ("{}\nThis is", ("good", "bad")),
    "rating": ("Review: {}\nRating (good or bad):", ("good", "bad")),
    "happy": ('"{}" The writer of this is', ("happy", "unhappy")),
}
Predictor = Callable[[Sequence[str]], np.ndarray]


def answered(
    way: str, texts: Sequence[Snippet], settings: dict, seed: int, configuration: dict
) -> tuple[Predictor, dict[str, float]]:
    """A predictor from a question and its examples; with it "seconds", "steps" and "blank".

    "blank" is what is said of texts that say nothing, for contextual calibration.

    Args:
        way: "asked", with `texts` as examples in front; "asked_taught": LoRA learns from them.
        settings: "wording", and "learning_rate" where it is taught.
    """
    started = time.perf_counter()
    wording, words = WORDINGS[settings["wording"]]
    precision, tokenizer, steps = configuration["precision"], load_language_tokenizer(), 0
    if way == "asked":
        model, examples = _model(), shown(texts, wording, words)
    else:
        model, examples, steps = load_language_model(), "", configuration["lora_steps"]
        _teach(model, texts, settings, seed, configuration)
    seconds = time.perf_counter() - started
    blank = blank_answer(model, tokenizer, examples, wording, words, precision=precision)

    def predictor(some: Sequence[str]) -> np.ndarray:
        return asked(some, model, tokenizer, examples, wording, words, precision=precision).numpy()

    return predictor, {"seconds": seconds, "steps": steps, "blank": round(blank, 4)}


def _teach(model, texts: Sequence[Snippet], settings: dict, seed: int, configuration: dict) -> None:
    """Train LoRA in place: the two words' odds follow what the raters said."""
    wording, words = WORDINGS[settings["wording"]]
    tokenizer, steps = load_language_tokenizer(), configuration["lora_steps"]
    torch.manual_seed(seed)
    add_lora(model)
    first, second = (tokenizer.encode(f" {word}")[0] for word in words)

    def loss_of(model, batch):
        ids, lengths, is_good = batch
        last = model.hidden(ids)[torch.arange(len(ids), device=ids.device), lengths - 1]
        scores = model.logits(last).float()
        gap = scores[:, first] - scores[:, second]
        return functional.binary_cross_entropy_with_logits(gap, is_good)

    plan = Plan(
        steps,
        settings["learning_rate"],
        warmup_steps=steps // 10,
        check_every=steps,
        precision=configuration["precision"],
    )
    train(model, _batches(texts, wording, tokenizer, 8, seed), loss_of, plan)
    model.eval()


@functools.cache
def _model():
    return load_language_model()


def _batches(texts: Sequence[Snippet], wording: str, tokenizer, size: int, seed: int) -> Iterator:
    """Endless: ids (B, L), lengths (B,), and the share of raters who find it good (B,)."""
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
