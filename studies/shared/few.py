"""What is made of a handful of labels, by each way of `few_labels`."""

import copy
import functools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lessons_lib.data.batches import by_length, rectangle
from lessons_lib.data.reviews import Snippet
from lessons_lib.measure.baselines import vader_scores
from lessons_lib.model.bert import mean_pool
from lessons_lib.model.encode import encode_texts, tokenize
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.few_labels.active import farthest_first
from lessons_lib.transfer.few_labels.augmented import thinned
from lessons_lib.transfer.few_labels.contrastive import contrastive_loss, pair_batches
from lessons_lib.transfer.few_labels.described import described
from lessons_lib.transfer.few_labels.neighbours import neighbours_say, prototypes_say
from lessons_lib.transfer.fine_tuning import (
    fit,
    frozen_activations,
    parameter_groups,
    predict,
    rated_batches,
    rating_loss,
)
from lessons_lib.transfer.outcomes import ratings_of
from lessons_lib.transfer.rating_model import SentimentModel
from studies.shared.encoders import encoder_of
from studies.shared.texts import draw, others, rated

ALPHAS = (0.1, 0.3, 1.0, 3.0)  # of ridge on unit vectors
RATES = (1e-4, 3e-4, 1e-3, 3e-3)
DESCRIPTIONS = (  # good, bad
    (("good",), ("bad",)),
    (("This is wonderful.",), ("This is terrible.",)),
    (("I love it.",), ("I hate it.",)),
    (
        ("It is very good.", "This is wonderful.", "I love it."),
        ("It is very bad.", "This is terrible.", "I hate it."),
    ),
)
SETTINGS: dict[str, list[dict]] = {
    "probe": [{"alpha": alpha} for alpha in ALPHAS],
    "neighbours": [{"temperature": t} for t in (0.03, 0.06, 0.12, 0.24)],
    "prototypes": [{"share": share} for share in (0.25, 0.5, 0.75, 1.0)],
    "lexicon": [{"alpha": alpha} for alpha in ALPHAS],
    "described": [{"alpha": a, "words": w} for a in (0.3, 1.0) for w in (1, 3)],
    "far_apart": [{"alpha": alpha} for alpha in ALPHAS],
    "one_rater": [{"alpha": alpha} for alpha in ALPHAS],
    "four_raters": [{"alpha": alpha} for alpha in ALPHAS],
    "top_2": [{"learning_rate": rate} for rate in RATES],
    "thinned": [{"learning_rate": rate} for rate in RATES],
    "contrastive": [{"learning_rate": rate} for rate in (3e-5, 1e-4, 3e-4, 1e-3)],
    "taught": [{"learning_rate": rate} for rate in (3e-5, 1e-4, 3e-4, 1e-3)],
}
POOL = 500  # texts from which those that are labelled are taken
PAST_THE_EDGE = ("alpha", "temperature", "learning_rate")
Predictor = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Given:
    """A handful of rated texts of one domain, and what decides the rest of a run."""

    domain: str
    texts: list[Snippet]
    seed: int
    configuration: dict

    @property
    def ratings(self) -> Tensor:
        return torch.tensor(ratings_of(self.texts), dtype=torch.float32)

    def inputs(self) -> list[Tensor]:
        return kept([one.text for one in self.texts])


def learnt(way: str, given: Given, settings: dict) -> tuple[Predictor, dict[str, float]]:
    """A predictor by one way; with it "seconds" and "steps"."""
    started = time.perf_counter()
    torch.manual_seed(given.seed)
    steps = given.configuration["steps"]
    if way in ("top_2", "thinned", "taught"):
        predictor = _tuned(way, given, settings["learning_rate"])
    elif way == "contrastive":
        predictor = _contrastive(given, settings["learning_rate"])
    else:
        predictor, steps = _on_features(way, given, settings), 0
    return predictor, {"seconds": time.perf_counter() - started, "steps": steps}


def chosen(way: str, domain: str, count: int, seed: int, limit: int | None = None) -> list[Snippet]:
    """The texts that a way is given for the price of `count` labels, and their ratings.

    A label is the mean of all raters of a text; of "one_rater" and "four_raters" a label is the
    rating of one.
    """
    rng = torch.Generator().manual_seed(seed)
    pool = draw(rated(domain, "train", limit), POOL, rng)
    if way == "far_apart":
        features = encode_texts([one.text for one in pool], encoder_of("pretrained"))
        return [pool[place] for place in farthest_first(features, count)]
    if way in ("one_rater", "four_raters"):
        each = 1 if way == "one_rater" else 4
        picks = random.Random(seed)
        return [_rated_by(one, each, picks) for one in pool[: count // each]]
    return pool[:count]


def _rated_by(one: Snippet, count: int, picks: random.Random) -> Snippet:
    said = picks.sample(one.ratings, count)
    return replace(one, rating=sum(said) / count, ratings=tuple(said))


def _on_features(way: str, given: Given, settings: dict) -> Predictor:
    """What needs no gradient: the published encoder's features, and little on top."""
    ratings = given.ratings
    if way in ("neighbours", "prototypes"):
        say = {"neighbours": neighbours_say, "prototypes": prototypes_say}[way]
        labelled = _unit([one.text for one in given.texts])
        return lambda texts: say(_unit(texts), labelled, ratings, *settings.values()).numpy()

    def columns(texts: Sequence[str]) -> np.ndarray:
        features = _unit(texts)
        if way == "lexicon":
            extra = torch.tensor(vader_scores(texts), dtype=torch.float32)
        elif way == "described":
            ends = (_unit(words) for words in DESCRIPTIONS[settings["words"]])
            extra = 5 * described(features, *ends)
        else:
            return features.numpy()
        return torch.cat([features, extra[:, None]], dim=1).numpy()

    ridge = _ridge(columns([one.text for one in given.texts]), ratings, settings["alpha"])
    return lambda texts: ridge.predict(columns(texts))


def _tuned(way: str, given: Given, rate: float) -> Predictor:
    """The top two layers and the head; "taught" goes on from what three domains have taught."""
    steps, size = given.configuration["steps"], given.configuration["batch_size"]
    inputs, ratings = given.inputs(), given.ratings
    if way == "taught":
        model = copy.deepcopy(_taught_others(given.domain, given.configuration["taught_steps"]))
        targets = (ratings - model.mean) / model.spread
        batches = rated_batches(inputs, targets, size, given.seed)
        plan = Plan(steps, rate, warmup_steps=steps // 10, check_every=steps)
        train(model, batches, rating_loss, plan, groups=parameter_groups(model, 1.0))
    else:
        model = SentimentModel(copy.deepcopy(encoder_of("pretrained")), 2)
        if way == "thinned":
            rng = random.Random(given.seed)
            copies = [thinned(one.text, 0.2, rng) for _ in range(4) for one in given.texts]
            inputs, ratings = [*inputs, *kept(copies)], ratings.repeat(5)
        fit(
            model,
            inputs,
            ratings.tolist(),
            steps=steps,
            learning_rate=rate,
            batch_size=size,
            seed=given.seed,
        )
    return lambda texts: predict(model, kept(texts))


def _contrastive(given: Given, rate: float) -> Predictor:
    """Pairs draw the features into order; then ridge on them."""
    steps, size = given.configuration["steps"], given.configuration["batch_size"]
    model = SentimentModel(copy.deepcopy(encoder_of("pretrained")), 2)
    inputs, ratings = given.inputs(), given.ratings
    batches = pair_batches(inputs, ratings, size // 2, given.seed)
    plan = Plan(steps, rate, warmup_steps=steps // 10, check_every=steps)
    model.head.requires_grad_(False)
    train(model, batches, contrastive_loss, plan, groups=parameter_groups(model, 1.0))

    def features(states: Sequence[Tensor]) -> np.ndarray:
        return _pooled(model, states).numpy()

    ridge = _ridge(features(inputs), ratings, 1.0)
    return lambda texts: ridge.predict(features(kept(texts)))


@functools.cache
def _taught_others(domain: str, steps: int) -> SentimentModel:
    """A model whose top two layers have learnt 500 texts of each of the three other domains."""
    rng = torch.Generator().manual_seed(0)
    texts = [one for name in others(domain) for one in draw(rated(name, "train"), 500, rng)]
    torch.manual_seed(0)
    model = SentimentModel(copy.deepcopy(encoder_of("pretrained")), 2)
    inputs = kept([one.text for one in texts])
    fit(model, inputs, ratings_of(texts).tolist(), steps=steps, learning_rate=5e-4)
    return model


@torch.no_grad()
def _pooled(model: SentimentModel, states: Sequence[Tensor]) -> Tensor:
    """Unit features of kept activations: (N, d_model)."""
    model.eval()
    found = torch.empty(len(states), model.head.in_features)
    for places in by_length([len(one) for one in states], 64):
        found[places] = model.pooled(*rectangle([states[place] for place in places]))
    return torch.nn.functional.normalize(found, dim=-1)


_KEPT: dict[str, Tensor] = {}


def kept(texts: Sequence[str]) -> list[Tensor]:
    """What the four frozen layers of the published encoder make of texts, each made once."""
    missing = [text for text in dict.fromkeys(texts) if text not in _KEPT]
    if missing:
        states = frozen_activations(_lower(), tokenize(missing))
        _KEPT.update(zip(missing, states, strict=True))
    return [_KEPT[text] for text in texts]


@functools.cache
def _lower() -> SentimentModel:
    return SentimentModel(copy.deepcopy(encoder_of("pretrained")), 2)


def _unit(texts: Sequence[str]) -> Tensor:
    features = encode_texts(list(texts), encoder_of("pretrained"), mean_pool)
    return torch.nn.functional.normalize(features, dim=-1)


def _ridge(columns: np.ndarray, ratings: Tensor, alpha: float):
    from sklearn.linear_model import Ridge

    return Ridge(alpha).fit(columns, ratings.numpy())
