"""What is made of a handful of labels, by each way of `few_labels`.

Three families: ridge or neighbours on vectors that are never changed; the same with something that
was known beforehand as one more column; and an encoder all of whose layers learn.
"""

import copy
import functools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.data.reviews import Snippet
from lessons_lib.measure.baselines import vader_scores
from lessons_lib.model.encode import tokenize
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.few_labels.augmented import thinned
from lessons_lib.transfer.few_labels.contrastive import contrastive_loss, pair_batches
from lessons_lib.transfer.few_labels.described import described
from lessons_lib.transfer.few_labels.neighbours import neighbours_say, prototypes_say
from lessons_lib.transfer.fine_tuning import fit, parameter_groups, pooled_features, predict
from lessons_lib.transfer.outcomes import ratings_of
from lessons_lib.transfer.rating_model import SentimentModel
from studies.shared.encoders import encoder_of
from studies.shared.few_texts import unit
from studies.shared.texts import draw, others, rated, unrated

ALPHAS = (0.1, 0.3, 1.0, 3.0)  # of ridge on vectors of length 1
RATES = (3e-5, 1e-4, 3e-4, 1e-3)
TRUSTS = tuple({"alpha": a, "trust": t} for a in (0.3, 1.0) for t in (0.3, 1.0))
DESCRIPTIONS = {  # good, bad
    "a word": (("good",), ("bad",)),
    "this is": (("This is wonderful.",), ("This is terrible.",)),
    "I love": (("I love it.",), ("I hate it.",)),
    "all": (
        ("It is very good.", "This is wonderful.", "I love it."),
        ("It is very bad.", "This is terrible.", "I hate it."),
    ),
}
PRIORS = {  # what a column holds that is known before the first label
    "lexicon": ("lexicon",),
    "described": ("described",),
    "elsewhere": ("elsewhere",),
    "all_priors": ("lexicon", "described", "elsewhere"),
}
SETTINGS: dict[str, list[dict]] = {
    "probe": [{"alpha": alpha} for alpha in ALPHAS],
    "far_apart": [{"alpha": alpha} for alpha in ALPHAS],
    "doubtful": [{"alpha": alpha} for alpha in ALPHAS],
    "one_rater": [{"alpha": alpha} for alpha in ALPHAS],
    "four_raters": [{"alpha": alpha} for alpha in ALPHAS],
    "neighbours": [{"temperature": t} for t in (0.03, 0.06, 0.12, 0.24)],
    "prototypes": [{"share": share} for share in ("a quarter", "half", "three quarters", "all")],
    **{way: list(TRUSTS) for way in PRIORS},
    "everything": [{"learning_rate": rate} for rate in RATES],
    "longer": [{"learning_rate": rate} for rate in RATES],
    "thinned": [{"learning_rate": rate} for rate in RATES],
    "contrastive": [{"learning_rate": rate} for rate in RATES],
}
SHARES = {"a quarter": 0.25, "half": 0.5, "three quarters": 0.75, "all": 1.0}
PAST_THE_EDGE = ("alpha", "trust", "temperature", "learning_rate")
LAYERS = 6  # all that the encoder has; its word vectors stay shut
ELSEWHERE = 1000  # rated texts of each of the other three domains
Predictor = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Given:
    """A handful of rated texts of one domain, and what decides the rest of a run."""

    domain: str
    texts: list[Snippet]
    seed: int
    configuration: dict

    @property
    def limit(self) -> int | None:
        return self.configuration.get("only")

    @property
    def ratings(self) -> Tensor:
        return torch.tensor(ratings_of(self.texts), dtype=torch.float32)

    @property
    def words(self) -> list[str]:
        return [one.text for one in self.texts]


def learnt(way: str, given: Given, settings: dict) -> tuple[Predictor, dict[str, float]]:
    """A predictor by one way; with it "seconds" and "steps". Without texts, a prior alone."""
    started = time.perf_counter()
    steps = 0
    if not given.texts:
        words = settings.get("words", "all")
        predictor = functools.partial(_prior, way, given.domain, given.limit, words)
    elif way in ("everything", "longer", "thinned", "contrastive"):
        predictor, steps = _tuned(way, given, settings["learning_rate"])
    elif way in ("neighbours", "prototypes"):
        predictor = _compared(way, given, settings)
    else:
        predictor = _ridge_on(PRIORS.get(way, ()), given, **settings)
    return predictor, {"seconds": time.perf_counter() - started, "steps": steps}


def _compared(way: str, given: Given, settings: dict) -> Predictor:
    say, value = neighbours_say, settings.get("temperature")
    if way == "prototypes":
        say, value = prototypes_say, SHARES[settings["share"]]
    labelled = unit(given.words, given.domain, given.limit)

    def predictor(texts: Sequence[str]) -> np.ndarray:
        return say(unit(texts, given.domain, given.limit), labelled, given.ratings, value).numpy()

    return predictor


def _ridge_on(priors: Sequence[str], given: Given, alpha: float, trust: float = 1.0) -> Predictor:
    """Ridge on the vectors, and a column for each prior; the larger, the cheaper its weight."""

    def columns(texts: Sequence[str]) -> np.ndarray:
        vectors = unit(texts, given.domain, given.limit).numpy()
        more = [trust * _prior(name, given.domain, given.limit, "all", texts) for name in priors]
        return np.column_stack([vectors, *more])

    from sklearn.linear_model import Ridge

    ridge = Ridge(alpha).fit(columns(given.words), given.ratings.numpy())
    return lambda texts: ridge.predict(columns(texts))


def _prior(
    name: str, domain: str, limit: int | None, words: str, texts: Sequence[str]
) -> np.ndarray:
    """What is known without a label of the domain, with spread 1 on its unrated texts: (N,)."""
    mean, spread = _scale(name, domain, limit, words)
    return (_said_before(name, domain, limit, words, texts) - mean) / spread


@functools.cache
def _scale(name: str, domain: str, limit: int | None, words: str) -> tuple[float, float]:
    said = _said_before(name, domain, limit, words, unrated(domain, "train", limit)[:500])
    return float(said.mean()), float(said.std())


def _said_before(
    name: str, domain: str, limit: int | None, words: str, texts: Sequence[str]
) -> np.ndarray:
    if name == "lexicon":
        return vader_scores(list(texts))
    vectors = unit(texts, domain, limit)
    if name == "described":
        ends = (unit(end, domain, limit) for end in DESCRIPTIONS[words])
        return described(vectors, *ends).numpy()
    return _elsewhere(domain, limit).predict(vectors.numpy())


@functools.cache
def _elsewhere(domain: str, limit: int | None):
    """Ridge that has learnt 1,000 rated texts of each of the three other domains."""
    from sklearn.linear_model import Ridge

    vectors, ratings, rng = [], [], torch.Generator().manual_seed(0)
    for name in others(domain):
        texts = draw(rated(name, "train", limit), ELSEWHERE, rng)
        vectors.append(unit(texts, name, limit))
        ratings += ratings_of(texts).tolist()
    return Ridge(1.0).fit(torch.cat(vectors).numpy(), ratings)


def _tuned(way: str, given: Given, rate: float) -> tuple[Predictor, int]:
    """All six layers learn: by ratings, by thinned copies too, or by pairs and ridge after that."""
    configuration, ratings = given.configuration, given.ratings
    steps = configuration["steps"] * (configuration["longer"] if way == "longer" else 1)
    encoder = copy.deepcopy(encoder_of("pretrained"))  # loading it draws numbers: before the seed
    torch.manual_seed(given.seed)
    model, words = SentimentModel(encoder, LAYERS), given.words
    size, precision = configuration["batch_size"], configuration["precision"]
    if way == "contrastive":
        return _contrastive(model, given, rate, steps), steps
    if way == "thinned":
        rng = random.Random(given.seed)
        words += [thinned(one.text, 0.2, rng) for _ in range(4) for one in given.texts]
        ratings = ratings.repeat(5)
    fit(
        model,
        tokenize(words),
        ratings.tolist(),
        steps=steps,
        learning_rate=rate,
        batch_size=size,
        precision=precision,
        seed=given.seed,
    )
    return lambda texts: predict(model, tokenize(list(texts)), precision=precision), steps


def _contrastive(model: SentimentModel, given: Given, rate: float, steps: int) -> Predictor:
    """Pairs draw the vectors into order; then ridge on them."""
    from sklearn.linear_model import Ridge

    configuration, inputs = given.configuration, tokenize(given.words)
    precision = configuration["precision"]
    batches = pair_batches(inputs, given.ratings, configuration["batch_size"] // 2, given.seed)
    plan = Plan(steps, rate, warmup_steps=steps // 10, check_every=steps, precision=precision)
    model.head.requires_grad_(False)
    train(model, batches, contrastive_loss, plan, groups=parameter_groups(model, 1.0))
    ridge = Ridge(1.0).fit(_vectors(model, inputs, precision), given.ratings.numpy())
    return lambda texts: ridge.predict(_vectors(model, tokenize(list(texts)), precision))


def _vectors(model: SentimentModel, inputs: Sequence[list[int]], precision: str) -> np.ndarray:
    """Vectors of length 1: (N, d_model)."""
    return functional.normalize(pooled_features(model, inputs, precision=precision), dim=-1).numpy()
