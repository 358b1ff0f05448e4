"""A model that has learnt one domain learns a second: by one of several ways not to lose the first.

What the first domain has taught is trained once for each seed and kept in the cache folder.
"""

import copy
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from lessons_lib.base.files import atomic_write, cache_folder
from lessons_lib.data.reviews import Snippet
from lessons_lib.model.encode import tokenize
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.elastic_weights import ewc, fisher
from lessons_lib.transfer.fine_tuning import (
    frozen_activations,
    parameter_groups,
    predict,
    rated_batches,
    rating_loss,
)
from lessons_lib.transfer.l2_sp import l2_sp, starting_point
from lessons_lib.transfer.lora import add_lora, merge_lora
from lessons_lib.transfer.old_self import old_self_loss, with_old_self
from lessons_lib.transfer.outcomes import ratings_of
from lessons_lib.transfer.rating_model import SentimentModel
from lessons_lib.transfer.rehearsal import rehearsed
from lessons_lib.transfer.weight_interpolation import interpolated
from studies.shared.encoders import encoder_of
from studies.shared.texts import draw, rated
from studies.shared.tuning import begun, mean_square

LOOKS = 5  # at the validation texts of both domains
FIRST = ("splits", "only", "precision", "batch_size", "first_labels", "first_steps", "first_rate")


@dataclass(frozen=True)
class Part:
    """The rated texts of one domain that a run is given."""

    train: list[Snippet]
    validation: list[Snippet]

    @property
    def variance(self) -> float:
        """Of the training ratings: what a model errs by that always says their mean."""
        return float(np.var(ratings_of(self.train)))

    def inputs(self) -> list[list[int]]:
        return tokenize([one.text for one in self.train])


def part_of(domain: str, labels: int, most_validation: int, seed: int, limit=None) -> Part:
    """So many rated texts of a domain, drawn by the seed, those to choose by set aside."""
    drawn = draw(rated(domain, "train", limit), labels, torch.Generator().manual_seed(seed))
    held_out = max(8, min(len(drawn) // 4, most_validation))
    return Part(drawn[held_out:], drawn[:held_out])


def first_part(domain: str, seed: int, configuration: dict) -> Part:
    """What is given of the first domain, by the run that learns it and by all that come after."""
    labels, limit = configuration["first_labels"], configuration.get("only")
    return part_of(domain, labels, labels // 5, seed, limit)


def balanced_error(model: SentimentModel, parts: Sequence[tuple], precision: str) -> float:
    """The mean over domains of the squared error, each over the variance of its ratings.

    Args:
        parts: for each domain its validation texts' inputs, their ratings, and the variance.
    """
    errors = [
        mean_square(predict(model, inputs, precision=precision), wanted) / variance
        for inputs, wanted, variance in parts
    ]
    return float(np.mean(errors))


def first_learnt(domain: str, seed: int, configuration: dict) -> SentimentModel:
    """A model that has learnt one domain, everything open, at a fixed rate; once, then kept."""
    part = first_part(domain, seed, configuration)
    model, batches = begun("pretrained", "all", part.train, seed, configuration["batch_size"])
    path = _kept(domain, seed, configuration, "weights")
    if path.is_file():
        model.load_state_dict(load_file(path))
        return model.eval()
    steps = configuration["first_steps"]
    held_out = tokenize([one.text for one in part.validation])
    checks = [(held_out, ratings_of(part.validation), part.variance)]
    _train(model, batches, rating_loss, configuration, steps, configuration["first_rate"], checks)
    _keep(path, model.state_dict())
    return model


def importance_of(model: SentimentModel, domain: str, seed: int, configuration: dict) -> dict:
    """The true Fisher of what the first domain has taught; once, then kept."""
    count = configuration["fisher_texts"]
    path = _kept(domain, seed, configuration, f"fisher_{count}")
    if not path.is_file():
        inputs = first_part(domain, seed, configuration).inputs()[:count]
        _keep(path, fisher(model, inputs, seed=seed, precision=configuration["precision"]))
    return load_file(path)


def second_learnt(
    method: str,
    domains: tuple[str, str],
    settings: dict,
    seed: int,
    configuration: dict,
    num_old: int | None = None,
) -> tuple[SentimentModel, tuple[Part, Part], dict]:
    """Learn the second domain by one method; all layers are open, the word vectors are not.

    Args:
        method: "start" (nothing is learnt), "plain", "greedy" (plain, the best state chosen by
            new texts alone), "frozen", "lora", "l2_sp", "ewc", "rehearsal", "rehearsal_unrated",
            "old_self", "wise" or "joint".
        settings: "learning_rate", and "strength" where the method has one; it is 0 at "plain".
        num_old: old texts that are rehearsed; None = as many as there are new ones.

    Returns:
        The model, the texts of both domains, and "seconds", "steps" and "moved": the length of
        the step from the start, over all of the encoder's weights.
    """
    first, second = domains
    limit, labels = configuration.get("only"), configuration["labels"]
    most = configuration["most_validation"]
    old = first_part(first, seed, configuration)
    old = Part(old.train, old.validation[:most])
    new = part_of(second, labels, most, seed, limit)
    model = first_learnt(first, seed, configuration)
    start = copy.deepcopy(model.state_dict())
    if method != "start":
        started = time.perf_counter()
        learner = _Learner(method, settings, seed, configuration, old, new, first)
        model, steps = learner.learn(model, num_old or len(new.train))
        seconds = time.perf_counter() - started
    else:
        seconds, steps = 0.0, 0
    now = model.state_dict()
    squares = [(now[n] - start[n]).square().sum() for n in start if n.startswith("encoder.")]
    moved = torch.stack(squares).sum().sqrt().item()
    return model, (old, new), {"seconds": seconds, "steps": steps, "moved": moved}


@dataclass
class _Learner:
    """One training on the second domain."""

    method: str
    settings: dict
    seed: int
    configuration: dict
    old: Part
    new: Part
    first: str

    def learn(self, model: SentimentModel, num_old: int) -> tuple[SentimentModel, int]:
        """Train; the model that has learnt, and the steps taken."""
        method, strength = self.method, self.settings.get("strength", 0.0)
        start = copy.deepcopy(model.state_dict()) if method == "wise" else {}
        torch.manual_seed(self.seed)
        if method == "joint":
            return self._joint(model)
        opened = {"lora": "inserted", "frozen": "head"}
        model.set_trained(opened.get(method, len(model.encoder.layers)))
        if method == "lora":
            add_lora(model.encoder)
        inputs = self._inputs(model, self.new.train)
        batches = self._batches(inputs, self._targets(model, self.new.train))
        loss_of: Callable = rating_loss
        if method == "l2_sp":
            anchor = starting_point(model)
            loss_of = _with(lambda model: l2_sp(model, anchor, strength))
        if method == "ewc":
            anchor = starting_point(model)
            importance = importance_of(model, self.first, self.seed, self.configuration)
            loss_of = _with(lambda model: ewc(model, anchor, importance, strength))
        if method == "old_self":
            targets = self._targets(model, self.new.train)
            pairs = with_old_self(model, inputs, targets, self.configuration["precision"])
            batches, loss_of = self._batches(inputs, pairs), old_self_loss(strength)
        if method.startswith("rehearsal"):
            batches = self._rehearsed(model, batches, num_old, strength)
        steps = self.configuration["steps"]
        checks = [] if method == "wise" else self._checks(model)  # that wants the very end
        rate = self.settings["learning_rate"]
        _train(model, batches, loss_of, self.configuration, steps, rate, checks)
        if method == "wise":
            weight = 1 / (1 + strength)
            model.load_state_dict(interpolated(start, model.state_dict(), weight))
        if method == "lora":
            merge_lora(model.encoder, remove=True)
        return model, steps

    def _joint(self, taught: SentimentModel) -> tuple[SentimentModel, int]:
        """From the published weights, with all labels of both; on the first domain's scale."""
        model = SentimentModel(copy.deepcopy(encoder_of("pretrained")), "all")
        model.mean.copy_(taught.mean)
        model.spread.copy_(taught.spread)
        texts, steps = [*self.old.train, *self.new.train], self.configuration["joint_steps"]
        batches = self._batches(self._inputs(model, texts), self._targets(model, texts))
        rate, checks = self.settings["learning_rate"], self._checks(model)
        _train(model, batches, rating_loss, self.configuration, steps, rate, checks)
        return model, steps

    def _rehearsed(self, model, batches: Iterator, num_old: int, strength: float) -> Iterator:
        """Old batches between the new ones: `strength` old ones for each new one."""
        texts = self.old.train[:num_old]
        inputs, targets = self._inputs(model, texts), self._targets(model, texts)
        if self.method == "rehearsal_unrated":  # what the old self says, in place of a rating
            targets = with_old_self(model, inputs, targets, self.configuration["precision"])[:, 1]
        old = self._batches(inputs, targets)
        return rehearsed(batches, old, strength / (1 + strength))

    def _inputs(self, model: SentimentModel, texts: Sequence[Snippet]) -> list:
        """Ids; where all but the head is frozen, what the encoder makes of them."""
        ids = tokenize([one.text for one in texts])
        if self.method != "frozen":
            return ids
        return frozen_activations(model, ids, precision=self.configuration["precision"])

    def _targets(self, model: SentimentModel, texts: Sequence[Snippet]) -> Tensor:
        ratings = torch.tensor(ratings_of(texts), dtype=torch.float32)
        return (ratings - model.mean) / model.spread

    def _batches(self, inputs: list, targets: Tensor) -> Iterator:
        return rated_batches(inputs, targets, self.configuration["batch_size"], self.seed)

    def _checks(self, model: SentimentModel) -> list[tuple]:
        parts = (self.new,) if self.method == "greedy" else (self.old, self.new)
        return [
            (self._inputs(model, part.validation), ratings_of(part.validation), part.variance)
            for part in parts
        ]


def _with(penalty: Callable) -> Callable:
    """The error of the ratings, and a penalty."""
    return lambda model, batch: rating_loss(model, batch) + penalty(model)


def _train(model, batches, loss_of, configuration: dict, steps: int, rate: float, checks) -> None:
    precision = configuration["precision"]
    plan = Plan(
        steps,
        rate,
        warmup_steps=steps // 10,
        check_every=max(1, steps // LOOKS),
        precision=precision,
    )
    validate = (lambda model: balanced_error(model, checks, precision)) if checks else None
    groups = parameter_groups(model, 1.0)
    train(model, batches, loss_of, plan, validate=validate, groups=groups)


def _kept(domain: str, seed: int, configuration: dict, what: str) -> Path:
    """Where something learnt is kept; other settings, another name."""
    decided_by = json.dumps([configuration.get(name) for name in FIRST])
    digest = hashlib.sha256(decided_by.encode()).hexdigest()[:12]
    return cache_folder() / "forgetting" / f"{domain}_{seed}_{what}_{digest}.safetensors"


def _keep(path: Path, state: dict[str, Tensor]) -> None:
    with atomic_write(path) as out:
        out.write(save({name: tensor.contiguous() for name, tensor in state.items()}))
