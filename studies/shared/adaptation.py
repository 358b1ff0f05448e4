"""One training for a domain without ratings: the top two layers, over kept states, by one method.

Each step takes 16 rated source texts, and, where a method looks at the target while it learns, 16
unrated target texts. How strongly a method pulls is fixed beforehand, by its paper, and not
searched: the target has no rating to choose by, and source ratings would always ask for less.
"""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.data.reviews import Snippet
from lessons_lib.measure.baselines import vader_scores
from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.fine_tuning import (
    parameter_groups,
    pooled_features,
    predict,
    rated_batches,
    rating_loss,
)
from lessons_lib.transfer.outcomes import ratings_of, texts_of
from lessons_lib.transfer.rating_model import SentimentModel
from lessons_lib.transfer.unlabelled.coral import coral_loss
from lessons_lib.transfer.unlabelled.gradient_reversal import (
    DomainGuesser,
    domain_loss,
    strength_at,
)
from lessons_lib.transfer.unlabelled.importance import (
    effective_number,
    log_odds,
    strongest,
    weights_of,
)
from lessons_lib.transfer.unlabelled.lexicon_feature import LexiconFeature, standardised_scores
from lessons_lib.transfer.unlabelled.mean_teacher import MeanTeacher, consistency
from lessons_lib.transfer.unlabelled.mmd import mmd
from lessons_lib.transfer.unlabelled.self_training import dropped_out, own_labels
from lessons_lib.transfer.unlabelled.target_statistics import as_if_from_source
from lessons_lib.transfer.unlabelled.weak_labels import weak_labels
from studies.shared.states import TOP, encoder_named, states_of
from studies.shared.tuning import r_or_0

EFFECTIVE = 0.25  # of the source texts, which importance weighting leaves at least
GUESSER = 10.0  # the domain head's rate over that of the layers: it has little time to learn
DECAY = 0.95  # of the mean teacher: an average of about twenty steps
DRAWS, SURE, FIRST_SHARE = 4, 0.5, 0.6  # of self-training: its steps before its own labels


@dataclass
class Learner:
    """What a training is given, and the training.

    Attributes:
        kind: the encoder's.
        sources: rated training texts of each source domain.
        target: its name; `unrated` are texts of it.
        settings: "learning_rate".
    """

    method: str
    kind: str
    sources: dict[str, list[Snippet]]
    target: str
    unrated: list[str]
    settings: dict
    seed: int
    configuration: dict
    told: dict = field(default_factory=dict)

    def learn(self) -> Callable[[str, Sequence[str]], np.ndarray]:
        """Train; what rates texts of a domain: called as predictor(domain, texts)."""
        started = time.perf_counter()
        encoder = copy.deepcopy(encoder_named(self.kind))
        self.inputs = [
            states
            for domain, texts in self.sources.items()
            for states in self.states(domain, [one.text for one in texts])
        ]
        self.target_inputs = self.states(self.target, self.unrated)
        torch.manual_seed(self.seed)  # loading and keeping, the first time, draw numbers as well
        self.model = model = SentimentModel(encoder, TOP)
        ratings = [one.rating for texts in self.sources.values() for one in texts]
        model.set_scale(ratings)
        self.targets = (torch.tensor(ratings, dtype=torch.float32) - model.mean) / model.spread
        self.rate: Callable = lambda domain, texts: predict(
            self.model, self.states(domain, texts), precision=self.precision
        )
        getattr(self, f"_{self.method}", self._plain)()
        self.told |= {"seconds": time.perf_counter() - started}
        self.told["steps"] = self.configuration["steps"]
        return self.rate

    @property
    def precision(self) -> str:
        return self.configuration["precision"]

    def states(self, domain: str, texts: Sequence[str]) -> list[Tensor]:
        return states_of(self.kind, domain, texts, self.configuration["pool"])

    def told_apart(self) -> float:
        """How well the domains can be told apart by the features in the end."""
        sides = self.inputs[:: max(1, len(self.inputs) // 300)], self.target_inputs[:300]
        return told_apart(*(pooled_features(self.model, side) for side in sides))

    # --- the methods ---------------------------------------------------------------------------

    def _plain(self) -> None:
        self._train(self._batches(self.inputs, self.targets), rating_loss)

    def _dann(self) -> None:
        model, steps = self.model, self.configuration["steps"]
        model.guesser = DomainGuesser(model.head.in_features)
        done = iter(range(steps))

        def penalty(source: Tensor, target: Tensor) -> Tensor:
            return domain_loss(model.guesser, source, target, strength_at(next(done) / steps))

        guesser = {"params": list(model.guesser.parameters()), "rate_factor": GUESSER}
        self._train_beside_target(penalty, [guesser])

    def _coral(self) -> None:
        self._train_beside_target(balanced(coral_loss))

    def _mmd(self) -> None:
        self._train_beside_target(balanced(mmd))

    def _importance(self) -> None:
        """By the mean of the frozen layers' states, which no training changes."""
        features = [
            torch.stack([states.float().mean(dim=0) for states in texts]).numpy()
            for texts in (self.inputs, self.target_inputs)
        ]
        odds = log_odds(*features)
        self.told["power_of_odds"] = power = round(strongest(odds, EFFECTIVE), 3)
        weights = weights_of(odds, power)
        self.told["effective_texts"] = round(effective_number(weights), 1)
        pairs = torch.stack([self.targets, torch.tensor(weights, dtype=torch.float32)], dim=1)

        def weighted(model, batch):
            x, mask, pairs = batch
            wanted, weight = pairs.unbind(dim=1)
            return (weight * (model.standardised(x, mask) - wanted).square()).mean()

        self._train(self._batches(self.inputs, pairs), weighted)

    def _self_training(self) -> None:
        model, steps = self.model, self.configuration["steps"]
        first = max(1, round(FIRST_SHARE * steps))
        source = self._batches(self.inputs, self.targets)
        self._train(source, rating_loss, steps=first)
        draws = dropped_out(model, self.target_inputs, DRAWS, self.seed, self.precision)
        places, labels = own_labels(draws, SURE, model.mean.item(), model.spread.item())
        own = self._batches([self.target_inputs[place] for place in places], labels)
        self._train(zip(source, own, strict=False), both_rated, steps=steps - first)

    def _mean_teacher(self) -> None:
        """The consistency's weight rises as in the paper, over the first half of the steps."""
        model, steps = self.model, self.configuration["steps"]
        teacher = MeanTeacher(model, DECAY)
        done = iter(range(steps))

        def loss_of(model, batches):
            (x, mask, wanted), (target_x, target_mask, _) = batches
            teacher.follow(model)
            loss = functional.mse_loss(model.standardised(x, mask), wanted)
            student_said = model.standardised(target_x, target_mask)
            with torch.no_grad():
                teacher.model.to(x.device)
                teacher_said = teacher.model.standardised(target_x, target_mask)
            rise = np.exp(-5 * (1 - min(1.0, 2 * next(done) / steps)) ** 2)
            return loss + float(rise) * consistency(student_said, teacher_said)

        self._train(self._beside(), loss_of)
        teacher.follow(model)
        self.model = teacher.model.eval()

    def _target_statistics(self) -> None:
        self._plain()
        source, target = (pooled_features(self.model, x) for x in (self.inputs, self.target_inputs))
        plain = self.rate

        def rate(domain: str, texts: Sequence[str]) -> np.ndarray:
            if domain != self.target:
                return plain(domain, texts)
            model = self.model
            features = pooled_features(model, self.states(domain, texts))
            with torch.no_grad():
                said = model.rate(as_if_from_source(features, target, source))
            return (model.mean + model.spread * said).numpy().astype(float)

        self.rate = rate

    def _vader_feature(self) -> None:
        """Scores are standardised within each domain, texts to be rated among themselves."""
        model = self.model
        model.lexicon = LexiconFeature()
        scores = torch.cat([scores_of([s.text for s in x]) for x in self.sources.values()])
        pairs = torch.stack([self.targets, scores], dim=1)

        def loss_of(model, batch):
            x, mask, pairs = batch
            wanted, scores = pairs.unbind(dim=1)
            return functional.mse_loss(model.lexicon(model.standardised(x, mask), scores), wanted)

        group = {"params": [model.lexicon.weight], "rate_factor": 10.0, "weight_decay": 0.0}
        self._train(self._batches(self.inputs, pairs), loss_of, [group])
        plain, weight = self.rate, (model.spread * model.lexicon.weight).item()
        self.told["lexicon_weight"] = round(model.lexicon.weight.item(), 3)
        self.rate = lambda domain, texts: (
            plain(domain, texts) + weight * scores_of(texts).numpy().astype(float)
        )

    def _vader_labels(self) -> None:
        places, labels = weak_labels(vader_scores(self.unrated))
        self.told["weak_labels"] = len(places)
        weak = self._batches(
            [self.target_inputs[place] for place in places],
            torch.tensor(labels, dtype=torch.float32),
        )
        source = self._batches(self.inputs, self.targets)
        self._train(zip(source, weak, strict=False), both_rated)

    # --- what they share -----------------------------------------------------------------------

    def _batches(self, inputs: Sequence[Tensor], targets: Tensor) -> Iterator:
        return rated_batches(inputs, targets, self.configuration["batch_size"], self.seed)

    def _beside(self) -> Iterator:
        """Rated source batches, each with a batch of target texts, whose labels are NaN."""
        nothing = torch.full((len(self.target_inputs),), torch.nan)
        return zip(
            self._batches(self.inputs, self.targets),
            self._batches(self.target_inputs, nothing),
            strict=False,
        )

    def _train_beside_target(self, penalty: Callable, extra: Sequence[dict] = ()) -> None:
        """The rating loss of the source, and a penalty of both domains' features."""

        def loss_of(model, batches):
            (x, mask, wanted), (target_x, target_mask, _) = batches
            source, target = model.pooled(x, mask), model.pooled(target_x, target_mask)
            loss = functional.mse_loss(model.rate(source), wanted)
            if getattr(penalty, "wants_loss", False):
                return loss + penalty(source, target, loss)
            return loss + penalty(source, target)

        self._train(self._beside(), loss_of, extra)

    def _train(self, batches, loss_of, extra: Sequence[dict] = (), steps: int | None = None):
        steps = steps or self.configuration["steps"]
        plan = Plan(
            steps,
            self.settings["learning_rate"],
            warmup_steps=steps // 10,
            check_every=steps,
            precision=self.precision,
        )
        groups = [*parameter_groups(self.model, 1.0), *extra]
        train(self.model, batches, loss_of, plan, groups=groups)


def balanced(penalty: Callable[[Tensor, Tensor], Tensor]) -> Callable:
    """The penalty times a factor that makes it as large as the rating loss at the first batch.

    Sun and Saenko 2016, section 4, ask for a weight at which both losses are roughly the same.
    """
    factor: list[float] = []

    def scaled(source: Tensor, target: Tensor, loss: Tensor) -> Tensor:
        found = penalty(source.float(), target.float())
        if not factor:
            factor.append(loss.item() / max(found.item(), 1e-12))
        return factor[0] * found

    scaled.wants_loss = True
    return scaled


def both_rated(model: SentimentModel, batches: tuple) -> Tensor:
    """The rating loss of a batch of the source, plus that of a batch of the target."""
    return rating_loss(model, batches[0]) + rating_loss(model, batches[1])


def told_apart(source: Tensor, target: Tensor) -> float:
    """How often a fresh linear classifier says rightly from which side a text's features are.

    On texts that it has not seen, both sides weighing the same: 0.5 is guessing. No rating is read.

    Args:
        source, target: features (N, D), (M, D).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    judge = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
    )
    is_target = np.arange(len(source) + len(target)) >= len(source)
    x = torch.cat([source, target]).numpy()
    return float(cross_val_score(judge, x, is_target, cv=5, scoring="balanced_accuracy").mean())


def scores_of(texts: Sequence[str]) -> Tensor:
    """VADER's scores, standardised over the texts: (N,)."""
    return standardised_scores(vader_scores(texts))


def peeked(predictor: Callable, target: str, limit: int | None = None) -> dict[str, float]:
    """What somebody would see who looks at the target's validation ratings: r on two halves.

    Nothing is chosen by it. It is kept to show what choosing by the first half would have promised,
    and what the second half says of the choice.
    """
    texts = texts_of(target, "validation")[:limit]
    said, wanted = predictor(target, [one.text for one in texts]), ratings_of(texts)
    half = len(texts) // 2
    halves = {"first": slice(half), "second": slice(half, None)}
    return {
        f"peeking_r_{name}_half": round(r_or_0(said[part], wanted[part]), 5)
        for name, part in halves.items()
    }
