"""What the studies of fine-tuning share: four encoders, the texts, kept activations, one run.

Encoders: "pretrained" is the published all-MiniLM-L6-v2, distilled from a larger model and then
tuned on about a billion pairs of sentences; "default" and "matched" are random
(`model/random_weights.py`); "own_text" has the same shape and vocabulary, but has learnt from
nothing but the training texts of our four domains, by masked language modelling, without ratings.

What the frozen layers make of a text is computed once for each encoder and domain, in bfloat16,
and kept in the cache folder.
"""

import copy
import functools
import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn import functional

from lessons_lib.base.device import autocast
from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.batches import pad, text_batches
from lessons_lib.data.reviews import DOMAINS, Snippet
from lessons_lib.data.splits import load_split
from lessons_lib.measure.metrics import mean_absolute_error, pearson
from lessons_lib.measure.results import pack
from lessons_lib.model.attention import padding_mask, scaled_dot_product_attention
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.encode import tokenize
from lessons_lib.model.pretrained import load_encoder
from lessons_lib.model.random_weights import default_weights, matched_weights
from lessons_lib.training.loop import train
from lessons_lib.training.objectives import IGNORED, mask_tokens
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.fine_tuning import fit, predict
from lessons_lib.transfer.rating_model import SentimentModel
from studies.runs import Outcome

ENCODERS = ("pretrained", "default", "matched", "own_text")
FROZEN_LAYERS = 4  # of six: what "the top two layers" leaves alone
POOL = 2_700  # training texts of a domain, from which a seed draws its own
BATCH_SIZE = 32
FIRST_WORD, MASK_ID = 999, 103  # of the published vocabulary; ids before 999 are no words
OWN_TEXT = {"steps": 650, "batch_size": 64, "learning_rate": 5e-4, "share": 0.3, "longest": 64}


@dataclass(frozen=True)
class Texts:
    """Rated texts with what is known of them; the same place in all lists is the same text."""

    snippets: list[Snippet]
    ids: list[list[int]]
    states: list[Tensor]  # after FROZEN_LAYERS, (L, d_model) each
    pooled: Tensor  # after all layers, the mean over the tokens, (N, d_model)

    def __len__(self) -> int:
        return len(self.snippets)

    @property
    def ratings(self) -> list[float]:
        return [snippet.rating for snippet in self.snippets]

    def take(self, places: Sequence[int]) -> "Texts":
        """These texts, in this order."""
        lists = ([part[at] for at in places] for part in (self.snippets, self.ids, self.states))
        return Texts(*lists, self.pooled[list(places)])

    def draw(self, count: int, rng: torch.Generator) -> "Texts":
        """So many texts, drawn without replacement."""
        return self.take(torch.randperm(len(self), generator=rng).tolist()[:count])


def joined(parts: Sequence[Texts]) -> Texts:
    """Several lists of texts one after the other."""
    lists = ([one for part in parts for one in getattr(part, name)] for name in _LISTS)
    return Texts(*lists, torch.cat([part.pooled for part in parts]))


_LISTS = ("snippets", "ids", "states")


@functools.cache
def snippets_of(domain: str, part: str) -> list[Snippet]:
    """The snippets of a domain's "train", "validation" or "test"; of train the fixed pool."""
    snippets = getattr(load_split(domain), part)
    if part != "train" or len(snippets) <= POOL:
        return snippets
    order = torch.randperm(len(snippets), generator=torch.Generator().manual_seed(0)).tolist()
    return [snippets[place] for place in order[:POOL]]


@functools.cache
def encoder_of(kind: str) -> BertEncoder:
    """One of `ENCODERS`; its attention is the plain one, the faster in bfloat16."""
    published = load_encoder(attention=scaled_dot_product_attention)
    if kind == "pretrained":
        return published
    if kind == "own_text":
        return own_text_encoder(default_weights(published, seed=1))
    return {"default": default_weights, "matched": matched_weights}[kind](published)


@functools.lru_cache(maxsize=64)
def texts_of(kind: str, domain: str, part: str) -> Texts:
    """A part of a domain as one of the encoders sees it; from the cache folder where it is."""
    snippets = snippets_of(domain, part)
    path = _folder() / f"{_hash([kind, domain, part, _own_recipe(kind)])}.safetensors"
    if not path.is_file():
        made = activations(encoder_of(kind), snippets, "bfloat16")
        flat = torch.cat(made.states).to(torch.bfloat16)
        _write(path, {"flat": flat, "pooled": made.pooled})
    kept, ids = load_file(path), tokenize([one.text for one in snippets])
    return Texts(snippets, ids, list(kept["flat"].split([len(row) for row in ids])), kept["pooled"])


def part_of(kind: str, domain: str, part: str, configuration: dict) -> Texts:
    """Kept activations; computed anew, of fewer texts, where a check wants float32."""
    if "only" not in configuration:
        return texts_of(kind, domain, part)
    few = snippets_of(domain, part)[: configuration["only"]]
    return activations(encoder_of(kind), few, configuration["precision"])


@torch.no_grad()
def activations(encoder: BertEncoder, snippets: list[Snippet], precision: str) -> Texts:
    """Run the frozen and all layers over texts, 64 of like length at a time."""
    ids = tokenize([one.text for one in snippets])
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    states, pooled = [torch.empty(0)] * len(ids), [torch.empty(0)] * len(ids)
    for start in range(0, len(order), 64):
        places = order[start : start + 64]
        batch, lengths = pad([ids[place] for place in places])
        mask = padding_mask(lengths, batch.size(1))
        with autocast(precision, batch.device):
            layers = encoder.hidden_states(batch, mask)
        means = mean_pool(layers[-1].float(), mask)
        for row, place in enumerate(places):
            states[place] = layers[FROZEN_LAYERS][row, : len(ids[place])].clone()
            pooled[place] = means[row]
    return Texts(snippets, ids, states, torch.stack(pooled))


def tuned(
    kind: str, settings: dict, train_on: Texts, seed: int, precision: str
) -> "tuple[object, float]":
    """Train by one of the methods; return a function from Texts to ratings (N,), and seconds.

    `settings["trained"]` is "frozen" (ridge on the pooled features), or the number of top layers.
    """
    started = time.perf_counter()
    if settings["trained"] == "frozen":
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        ridge = make_pipeline(StandardScaler(), Ridge(settings["alpha"]))
        ridge.fit(train_on.pooled.numpy(), train_on.ratings)
        return lambda texts: ridge.predict(texts.pooled.numpy()), time.perf_counter() - started
    torch.manual_seed(seed)
    trained = settings["trained"]
    model = SentimentModel(copy.deepcopy(encoder_of(kind)), trained)
    from_states = trained == len(model.encoder.layers) - FROZEN_LAYERS

    def inputs(texts: Texts):
        return texts.states if from_states else texts.ids

    fit(
        model,
        inputs(train_on),
        train_on.ratings,
        steps=settings["steps"],
        learning_rate=settings["learning_rate"],
        batch_size=BATCH_SIZE,
        precision=precision,
        seed=seed,
    )
    seconds = time.perf_counter() - started
    return lambda texts: predict(model, inputs(texts), precision=precision), seconds


def outcome(predictor, seconds: float, validation: Texts, tests: dict[str, Texts], **told):
    """Measure a predictor on validation texts and on test texts by domain."""
    started = time.perf_counter()
    found = predictor(validation)
    error = float(np.mean((found - np.array(validation.ratings)) ** 2))
    numbers = {"validation": error if math.isfinite(error) else math.inf}
    packed = {}
    for domain, texts in tests.items():
        predictions = np.clip(predictor(texts), -300, 300)
        numbers[f"r_{domain}"] = _r(predictions, texts.ratings)
        numbers[f"mae_{domain}"] = mean_absolute_error(predictions, texts.ratings)
        packed[domain] = pack(predictions)
    numbers = {name: round(value, 5) for name, value in numbers.items()}
    return Outcome(numbers, packed, seconds, time.perf_counter() - started, **told)


def _r(predictions, ratings) -> float:
    """Pearson's r; 0 where all predictions are alike."""
    return 0.0 if np.ptp(predictions) == 0 else pearson(predictions, ratings)


def own_text_encoder(fresh: BertEncoder) -> BertEncoder:
    """`fresh`, trained on the four domains' own texts; from the cache folder where it is."""
    path = _folder() / f"own_text_{_hash(_own_recipe('own_text'))}.safetensors"
    if not path.is_file():
        note = pretrain(fresh)
        _write(path, {name: tensor.contiguous() for name, tensor in fresh.state_dict().items()})
        path.with_suffix(".json").write_text(json.dumps(note), encoding="utf-8")
    fresh.load_state_dict(load_file(path))
    return fresh.eval()


def own_text_note() -> dict:
    """Validation perplexity and seconds of the own-text encoder's one training run."""
    encoder_of("own_text")
    path = _folder() / f"own_text_{_hash(_own_recipe('own_text'))}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def pretrain(encoder: BertEncoder, recipe: dict = OWN_TEXT, precision: str = "bfloat16") -> dict:
    """Masked language modelling in place, by the recipe; what came out, for the record."""
    texts = {part: _raw(part, recipe["longest"]) for part in ("train", "validation")}
    rng = torch.Generator().manual_seed(2)
    vocab_size = encoder.tokens.num_embeddings

    def hidden(ids: Tensor, share: float):
        return mask_tokens(ids, vocab_size, share, rng, num_special=FIRST_WORD, mask_id=MASK_ID)

    def loss_of(model: BertEncoder, batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, labels = batch
        asked = labels != IGNORED
        with autocast(precision, inputs.device):
            states = model(inputs, (inputs != 0)[:, None])[asked]  # (asked, d_model)
            logits = states @ model.tokens.weight.T
        return functional.cross_entropy(logits.float(), labels[asked])

    batches = (
        hidden(ids, recipe["share"])
        for ids in text_batches(texts["train"], recipe["batch_size"], seed=3)
    )
    checks = text_batches(texts["validation"], 64, seed=4)
    held_out = [hidden(next(checks), 0.15) for _ in range(10)]
    steps = recipe["steps"]
    plan = Plan(steps, recipe["learning_rate"], warmup_steps=steps // 10, check_every=steps)
    started = time.perf_counter()
    encoder.train()
    groups = [{"params": list(encoder.parameters()), "fused": True}]
    train(encoder, batches, loss_of, plan, groups=groups)
    seconds = round(time.perf_counter() - started)
    with torch.no_grad():
        nats = sum(loss_of(encoder, batch).item() for batch in held_out) / len(held_out)
    return {
        "perplexity": round(math.exp(nats), 1),
        "seconds": seconds,
        "texts": len(texts["train"]),
    }


def _raw(part: str, longest: int) -> list[list[int]]:
    """The ids of all texts of a part of the four domains, without any rating."""
    texts = [one.text for domain in DOMAINS for one in getattr(load_split(domain), part)]
    return [ids[:longest] for ids in tokenize(texts)]


def _own_recipe(kind: str) -> dict:
    return OWN_TEXT if kind == "own_text" else {}


def _hash(what) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def _folder() -> Path:
    folder = cache_folder() / "studies"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(path: Path, tensors: dict[str, Tensor]) -> None:
    with atomic_write(path) as out:
        out.write(save(tensors))
