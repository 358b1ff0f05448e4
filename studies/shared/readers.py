"""Readers of dates: how a text is cut, one trained on many languages and kept, one that goes on."""

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.batches import rectangle
from lessons_lib.data.dates import DateExample
from lessons_lib.data.many_dates import LANGUAGES, SOURCES, read_dates, signs
from lessons_lib.data.tokens import BytePair, Vocabulary, learn_merges
from lessons_lib.model.date_reader import (
    QUESTIONS,
    DateReader,
    answers_of,
    question_ids,
    reading_loss,
)
from lessons_lib.model.layers import Config
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan

Cut = Callable[[str], Sequence[str]]
MERGES = 400
DECIDE = ("d_model", "num_layers", "source_steps", "source_batch", "source_examples")


@functools.cache
def cutting(unit: str) -> tuple[Cut, Vocabulary]:
    """How a text is cut into "characters", "bytes" or "subwords", and the ids of these.

    Subwords are learnt from the sources' dates; other languages' words are cut by the same merges.
    """
    if unit == "bytes":
        return _bytes_of, Vocabulary(map(_name, range(256)), special=QUESTIONS)
    if unit == "characters":
        return list, Vocabulary(signs(), special=QUESTIONS)
    texts = [one.written for name in SOURCES for one in read_dates(name, 500, seed=9)]
    counts = Counter("▁" + word for text in texts for word in text.split())
    merges = learn_merges(counts, MERGES)
    pairs = BytePair(merges)

    def cut(text: str) -> list[str]:
        return [piece for word in text.split() for piece in pairs.split("▁" + word)]

    return cut, Vocabulary(["▁", *signs(), *map("".join, merges)], special=QUESTIONS)


def fresh(unit: str, seed: int, configuration: dict) -> DateReader:
    """A reader with random weights."""
    torch.manual_seed(seed)
    width = configuration["d_model"]
    layers = configuration["num_layers"]
    config = Config(d_model=width, num_heads=4, num_layers=layers, d_ff=4 * width)
    return DateReader(len(cutting(unit)[1]), config)


def learn(model: DateReader, batches: Iterator, steps: int, rate: float) -> DateReader:
    """Train in place; a tenth of the steps to warm up, no look before the end."""
    plan = Plan(steps, rate, warmup_steps=steps // 10, check_every=steps)
    train(model, batches, _loss, plan)
    return model.eval()


def nats(model: DateReader, examples: Sequence[DateExample], unit: str) -> float:
    """The loss of whole dates, mean over examples."""
    with torch.no_grad():
        return _loss(model, batch_of(examples, unit)).item()


def batch_of(examples: Sequence[DateExample], unit: str) -> tuple[Tensor, Tensor, Tensor]:
    """ids (B, L), mask (B, 1, L), answers (B, 5)."""
    cut, vocabulary = cutting(unit)
    return *rectangle(question_ids(examples, vocabulary, cut)), answers_of(examples)


def batches(
    parts: Sequence[tuple[Sequence[DateExample], int]], unit: str, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Endless batches: of each part so many examples, drawn at random.

    Args:
        parts: examples, and how many of them are in a batch.
    """
    rng = torch.Generator().manual_seed(seed)
    while True:
        drawn = []
        for examples, count in parts:
            places = torch.randint(len(examples), (count,), generator=rng).tolist()
            drawn += [examples[place] for place in places]
        yield batch_of(drawn, unit)


def source_dates(languages: Sequence[str], seed: int, configuration: dict) -> list[DateExample]:
    """Training examples of some languages, as many of each."""
    return _drawn(tuple(languages), seed, configuration["source_examples"])


@functools.cache
def _drawn(languages: tuple[str, ...], seed: int, count: int) -> list[DateExample]:
    return [one for name in languages for one in read_dates(name, count, seed)]


def pre_trained(unit: str, rate: float, seed: int, configuration: dict) -> DateReader:
    """A reader that has learnt the eight sources; trained once, then kept."""
    model = fresh(unit, seed, configuration)
    path = _path(unit, rate, seed, configuration)
    if path.is_file():
        model.load_state_dict(load_file(path))
        return model.eval()
    examples = source_dates(SOURCES, seed, configuration)
    many = batches([(examples, configuration["source_batch"])], unit, seed)
    learn(model, many, configuration["source_steps"], rate)
    with atomic_write(path) as out:
        out.write(save(model.state_dict()))
    return model


def make_all(units: Sequence[str], rate: float, seeds: Sequence[int], configuration: dict) -> None:
    """Train what is missing, over the cores."""
    from joblib import Parallel, delayed

    wanted = [(unit, seed) for unit in units for seed in seeds]
    missing = [one for one in wanted if not _path(one[0], rate, one[1], configuration).is_file()]
    Parallel(n_jobs=-1)(delayed(_make)(unit, rate, s, configuration) for unit, s in missing)


def _make(unit: str, rate: float, seed: int, configuration: dict) -> None:
    torch.set_num_threads(1)
    pre_trained(unit, rate, seed, configuration)


def _path(unit: str, rate: float, seed: int, configuration: dict):
    decided_by = json.dumps([rate, LANGUAGES, *(configuration[name] for name in DECIDE)])
    digest = hashlib.sha256(decided_by.encode()).hexdigest()[:12]
    return cache_folder() / "languages" / f"{unit}_{seed}_{digest}.safetensors"


def _loss(model: DateReader, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    ids, mask, answers = batch
    return reading_loss(model(ids, mask), answers)


def _name(byte: int) -> str:
    return f"byte {byte}"


def _bytes_of(text: str) -> list[str]:
    return [_name(byte) for byte in text.encode()]
