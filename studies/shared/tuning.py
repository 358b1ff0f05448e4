"""One run of fine-tuning: train by one of the methods, and measure on other texts."""

import copy
import math
import time

import numpy as np
import torch

from lessons_lib.measure.metrics import mean_absolute_error, pearson
from lessons_lib.measure.results import pack
from lessons_lib.transfer.fine_tuning import fit, predict
from lessons_lib.transfer.rating_model import SentimentModel
from studies.runs import Outcome
from studies.shared.encoders import encoder_of
from studies.shared.texts import FROZEN_LAYERS, Texts

BATCH_SIZE = 32


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
