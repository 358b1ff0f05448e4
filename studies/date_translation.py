"""Translate dates written in eight languages into YYYY-MM-DD, character by character.

The model is `Seq2Seq` with two layers on either side. It is tested on days that
it never saw, in formats that its training has for that language, and in the one format that it
has not (`lessons_lib.data.dates`). A translation counts where all ten characters are right.

Variants: positions as in the paper or rotary or none at all, all three pre-norm; and post-norm,
the paper's own order. Settings are chosen by the loss on validation days in training formats; the
held-out formats take no part in any choice.
"""

import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.data.batches import POOL, mixed_by_length, pad
from lessons_lib.data.dates import (
    LOCALES,
    DateExample,
    copy_the_digits,
    date_examples,
    score,
)
from lessons_lib.data.tokens import Vocabulary
from lessons_lib.model.attention import padding_mask
from lessons_lib.model.generate import generate
from lessons_lib.model.layers import Config
from lessons_lib.model.transformer import Seq2Seq
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from studies.engine import Study, main

VARIANTS = {  # what each changes in the model's Config
    "sinusoidal": {},
    "rotary": {"positions": "rotary"},
    "no_positions": {"positions": "none"},
    "post_norm": {"pre_norm": False},
}
ISO_LENGTH = len("2021-03-03")


class Translator:
    """A Seq2Seq with its two vocabularies of characters.

    Args:
        examples: the training examples; their characters are the source vocabulary.
        variant: one of `VARIANTS`.
        sizes: of the model: `d_model`, `num_layers`.
    """

    def __init__(self, examples: list[DateExample], variant: str, sizes: dict):
        self.source = Vocabulary("".join(example.written for example in examples))
        self.target = Vocabulary("0123456789-", special=("<start>",))
        d_model = sizes["d_model"]
        fixed = {"num_heads": 4, "num_layers": sizes["num_layers"], "d_ff": 4 * d_model}
        config = Config(d_model=d_model, **fixed, **VARIANTS[variant])
        self.model = Seq2Seq(len(self.source), len(self.target), config)

    def batch(self, examples: list[DateExample]) -> tuple[Tensor, Tensor, Tensor]:
        """Source ids (B, K), their mask (B, 1, K), target ids (B, 1 + 10) with a start before."""
        source, lengths = pad([self.source.encode(example.written) for example in examples])
        target = [[0, *self.target.encode(example.iso)] for example in examples]
        return source, padding_mask(lengths, source.size(1)), torch.tensor(target)

    def batches(self, examples: list[DateExample], batch_size: int, seed: int):
        """Endless batches; each pass in a new order, examples of like length together."""
        rng, lengths = torch.Generator().manual_seed(seed), [len(one.written) for one in examples]
        whole = len(examples) // (POOL * batch_size) * POOL * batch_size
        while True:
            order = torch.randperm(len(examples), generator=rng).tolist()[:whole]
            for places in mixed_by_length(order, lengths, batch_size, rng):
                yield self.batch([examples[place] for place in places])

    @torch.no_grad()
    def translate(self, examples: list[DateExample]) -> list[str]:
        """Ten characters for each example, each the most likely one (greedy)."""
        source, mask, target = self.batch(examples)
        memory = self.model.encode(source, mask)
        written = generate(
            lambda ids, caches: self.model.decode(ids, memory, mask, caches),
            self.model.new_caches(),
            start=target[:, :1],
            max_new_tokens=ISO_LENGTH,
        )
        return [self.target.decode(row) for row in written]


def loss_of(model: Seq2Seq, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Nats per character of the target, each predicted from the right ones before it."""
    source, mask, target = batch
    logits = model(source, target[:, :-1], mask)  # (B, 10, vocabulary)
    return functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


def run(variant: str, settings: dict, seed: int, configuration: dict) -> dict[str, float]:
    """Train one translator; its validation loss, and its scores on both kinds of test examples."""
    torch.set_num_threads(1)  # runs are small: one core each, so that results do not depend on it
    examples = date_examples(count=configuration["train_examples"], seed=seed)
    torch.manual_seed(seed)
    translator = Translator(examples, variant, configuration)
    steps = configuration["steps"]
    plan = Plan(steps, settings["learning_rate"], warmup_steps=steps // 10, decay="cosine")
    batches = translator.batches(examples, configuration["batch_size"], seed)
    train(translator.model, batches, loss_of, plan)
    numbers = {"validation": _validation_loss(translator, configuration["test_examples"])}
    for formats in ("training", "held_out"):
        test = date_examples(
            count=configuration["test_examples"], formats=formats, dates="test", seed=1_000
        )
        numbers |= scores(translator.translate(test), test, formats)
    return numbers


def scores(guesses: list[str], examples: list[DateExample], formats: str) -> dict[str, float]:
    """The shares that are right, each part's, each language's and the baseline's."""
    numbers = {f"{formats}_{part}": share for part, share in score(guesses, examples).items()}
    for locale in LOCALES:
        own = [at for at, example in enumerate(examples) if example.locale == locale]
        its_score = score([guesses[at] for at in own], [examples[at] for at in own])
        numbers[f"{formats}_exact_{locale}"] = its_score["exact"]
    copied = score([copy_the_digits(example.written) for example in examples], examples)
    return numbers | {f"{formats}_exact_copied": copied["exact"]}


def _validation_loss(translator: Translator, count: int) -> float:
    examples = date_examples(count=count, dates="validation", seed=1_000)
    with torch.no_grad():
        return loss_of(translator.model, translator.batch(examples)).item()


STUDY = Study(
    name="date_translation",
    variants=tuple(VARIANTS),
    search={"learning_rate": (1e-3, 2e-3, 4e-3)},
    seeds=(0, 1, 2),
    run=run,
    configuration={
        "steps": 800,
        "batch_size": 64,
        "train_examples": 20_000,
        "test_examples": 1_600,
        "d_model": 64,
        "num_layers": 2,
    },
    quick={"steps": 150, "train_examples": 4_000, "test_examples": 400},
    check={
        "variant": "sinusoidal",
        "settings": {"learning_rate": 3e-3},
        "seed": 0,
        "configuration": {"steps": 60, "train_examples": 4_000, "test_examples": 400},
    },
)

if __name__ == "__main__":
    main(STUDY)
