"""One run of fine-tuning: train by one of the methods, predict, and only then be measured."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from lessons_lib.data.reviews import Snippet
from lessons_lib.data.splits import load_split
from lessons_lib.measure.metrics import mean_absolute_error, pearson
from lessons_lib.measure.results import pack
from lessons_lib.model.encode import encode_texts, tokenize
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.fine_tuning import (
    parameter_groups,
    predict,
    rated_batches,
    rating_loss,
)
from lessons_lib.transfer.outcomes import ratings_of
from lessons_lib.transfer.rating_model import SentimentModel
from studies.runs import Outcome
from studies.shared.encoders import encoder_of
from studies.shared.texts import unrated

LOOKS = 10  # at the validation texts, in a training that may stop early
MOST = 300.0  # no prediction is packed beyond this

Predictor = Callable[[Sequence[str]], np.ndarray]  # texts to ratings (N,)
Insert = Callable[[SentimentModel], object]


def tuned(
    kind: str,
    settings: dict,
    train_on: Sequence[Snippet],
    seed: int,
    configuration: dict,
    validation: Sequence[Snippet] | None = None,
    insert: Insert | None = None,
) -> tuple[Predictor, dict[str, float]]:
    """Train an encoder of one kind.

    Args:
        settings: "trained": "frozen" (ridge on the pooled features, with "alpha"), the number of
            top layers, "all", or "inserted"; with the latter three "learning_rate" and "steps".
        configuration: "batch_size" and "precision"; "looks" in place of `LOOKS`.
        validation: where given, the state that is best on these is kept, of `LOOKS`, and training
            stops after four without a better one.
        insert: puts into the model what is trained beside its head.

    Returns:
        The predictor, and what training took: "seconds", "steps".
    """
    started = time.perf_counter()
    if settings["trained"] == "frozen":
        return _ridge(kind, settings["alpha"], train_on, started)
    batch_size, steps = configuration["batch_size"], settings["steps"]
    model, batches = begun(kind, settings["trained"], train_on, seed, batch_size, insert)
    plan = Plan(
        steps,
        settings["learning_rate"],
        warmup_steps=steps // 10,
        check_every=max(1, steps // configuration.get("looks", LOOKS)),
        patience=4 if validation else None,
        precision=configuration["precision"],
    )
    validate = None
    if validation:
        held_out, wanted = tokenize([one.text for one in validation]), ratings_of(validation)

        def validate(model):
            return mean_square(predict(model, held_out, precision=plan.precision), wanted)

    history = train(
        model, batches, rating_loss, plan, validate=validate, groups=parameter_groups(model, 1.0)
    )

    def predictor(texts: Sequence[str]) -> np.ndarray:
        return predict(model, tokenize(texts), precision=plan.precision)

    return predictor, {"seconds": time.perf_counter() - started, "steps": len(history.train)}


def begun(
    kind: str,
    trained: str | int,
    train_on: Sequence[Snippet],
    seed: int,
    batch_size: int,
    insert: Insert | None = None,
) -> tuple[SentimentModel, Iterator]:
    """A model that is ready to be trained, and its endless batches; the seed decides both."""
    encoder = copy.deepcopy(encoder_of(kind))  # the first time, loading it draws numbers
    torch.manual_seed(seed)
    model = SentimentModel(encoder, trained)
    if insert:
        insert(model)
    ratings = [one.rating for one in train_on]
    model.set_scale(ratings)
    targets = (torch.tensor(ratings) - model.mean) / model.spread
    inputs = tokenize([one.text for one in train_on])
    return model, rated_batches(inputs, targets, batch_size, seed)


def _ridge(
    kind: str, alpha: float, train_on: Sequence[Snippet], started: float
) -> tuple[Predictor, dict[str, float]]:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def features_of(texts: Sequence[str]) -> np.ndarray:
        return encode_texts(texts, encoder_of(kind)).numpy()

    ridge = make_pipeline(StandardScaler(), Ridge(alpha))
    ridge.fit(features_of([one.text for one in train_on]), ratings_of(train_on))
    told = {"seconds": time.perf_counter() - started, "steps": 0}
    return lambda texts: ridge.predict(features_of(texts)), told


def outcome(
    predictor: Predictor,
    told: dict[str, float],
    validation: dict[str, Sequence[Snippet]],
    predicted: dict[str, Sequence[str]],
    **claims,
) -> Outcome:
    """What came out, measured on validation texts, with the predictions of other texts.

    Args:
        validation: rated texts by domain, by which settings are chosen; where there are none, the
            number is infinite.
        predicted: texts by name, such as "test_movies"; those named "test_..." are measured against
            the ratings, which nothing before this has seen.
        claims: `labels_read` and `no_labels_of` of the outcome.
    """
    started = time.perf_counter()
    numbers, packed, errors = {"steps": told["steps"]}, {}, []
    for domain, texts in validation.items():
        found, wanted = predictor([one.text for one in texts]), ratings_of(texts)
        errors += ((found - wanted) ** 2).tolist()
        if predicted:
            packed[f"validation_{domain}"] = pack(np.clip(found, -MOST, MOST))
    error = float(np.mean(errors)) if errors else math.inf
    numbers["validation"] = error if math.isfinite(error) else math.inf
    for name, texts in predicted.items():
        found = np.clip(predictor(texts), -MOST, MOST)
        packed[name] = pack(found)
        part, _, domain = name.partition("_")
        if part == "test":
            wanted = ratings_of(load_split(domain).test[: len(texts)])
            numbers[f"r_{domain}"] = _r(found, wanted)
            numbers[f"mae_{domain}"] = mean_absolute_error(found, wanted)
    numbers = {name: round(value, 5) for name, value in numbers.items()}
    seconds = time.perf_counter() - started
    return Outcome(numbers, packed, told["seconds"], seconds, **claims)


def to_predict(domains: Sequence[str], limit: int | None = None) -> dict[str, list[str]]:
    """The test texts of domains, and their sealed texts, which are predicted and not measured."""
    return {
        f"{part}_{domain}": unrated(domain, part, limit)
        for part in ("test", "sealed")
        for domain in domains
    }


def mean_square(found: np.ndarray, wanted: np.ndarray) -> float:
    """The mean squared error, by which settings and states are chosen."""
    return float(np.mean((found - wanted) ** 2))


def _r(predictions: np.ndarray, ratings: np.ndarray) -> float:
    """Pearson's r; 0 where all predictions are alike."""
    return 0.0 if np.ptp(predictions) == 0 else pearson(predictions, ratings)


def r_or_0(said: np.ndarray, wanted: np.ndarray) -> float:
    """Pearson's r; 0 where the same is said of every text."""
    return pearson(said, wanted) if np.ptp(said) else 0.0
