"""What a run may see: no rating of a test, a sealed text or a foreign domain decides anything."""

import math
from dataclasses import replace

import numpy as np
import pytest

from lessons_lib.data import splits
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.splits import load_split, sealed_texts
from lessons_lib.measure.results import unpack
from studies import domain_adaptation, forgetting_frontier, source_target_matrix
from studies.shared import second_domain, states, texts, tuning
from studies.shared.texts import masked, rated, unrated


@pytest.mark.parametrize("domain", DOMAINS)
def test_sealed_texts_are_nothing_a_study_reads_share_no_group_and_hide_their_ratings(domain):
    sealed, split = sealed_texts(domain), load_split(domain)
    assert 380 <= len(sealed) <= 400
    others = [*split.train, *split.validation, *split.test]
    assert not {one.id for one in sealed} & {one.id for one in others}
    assert not {one.group for one in sealed} & {one.group for one in others}
    assert all(math.isnan(one.rating) and one.ratings == () for one in sealed)
    assert rated(domain, "train") == split.train


def test_ratings_of_test_and_sealed_texts_are_not_to_be_had():
    for part in ("test", "sealed"):
        with pytest.raises(ValueError, match="of train or validation, not of"):
            rated("tweets", part)
        assert all(isinstance(text, str) for text in unrated("tweets", part, 5))
    assert all(math.isnan(one.rating) for one in masked(rated("tweets", "train", 5)))


def test_a_transfer_run_predicts_the_same_where_all_other_ratings_are_masked(monkeypatch):
    """Films to the other domains: nothing but the films' own training ratings plays a part."""
    variant = ("movies", "frozen", "pretrained")
    configuration = source_target_matrix.STUDY.configuration | {
        "texts": 40,
        "only": 60,
        "precision": "float32",
    }
    settings = {"trained": "frozen", "alpha": 100}
    seen = source_target_matrix.run(variant, settings, 0, configuration)

    def blind(domain):
        split = splits.load_split(domain)
        parts = {"test": masked(split.test)}
        if domain != "movies":
            parts |= {"train": masked(split.train), "validation": masked(split.validation)}
        return replace(split, **parts)

    monkeypatch.setattr(texts, "load_split", blind)
    unseen = source_target_matrix.run(variant, settings, 0, configuration)
    assert unseen.predictions == seen.predictions
    assert unseen.numbers == seen.numbers  # the test's ratings come in afterwards, to measure
    assert seen.no_labels_of == ["products", "tweets", "editorials"]
    assert np.isfinite(unpack(seen.predictions["sealed_tweets"])).all()


def small_adaptation(method: str, source: str = "all but tweets"):
    """One small run of `domain_adaptation`; what it has read before is forgotten first."""
    for cached in (states.pool_of, domain_adaptation.validation_of, domain_adaptation.predicted_of):
        cached.cache_clear()
    configuration = domain_adaptation.STUDY.configuration | domain_adaptation.STUDY.quick
    variant = (source, method)
    return domain_adaptation.run(variant, {"learning_rate": 1e-3}, 0, configuration)


@pytest.mark.parametrize("method", ["vader_labels", "self_training"])
def test_an_adapted_run_is_the_same_where_the_targets_ratings_are_masked(monkeypatch, method):
    """Tweets without any rating: not in training, not to choose, not by a weak labeller."""
    seen = small_adaptation(method)

    def blind(domain):
        split = splits.load_split(domain)
        if domain != "tweets":
            return split
        return replace(
            split, **{p: masked(getattr(split, p)) for p in ("train", "validation", "test")}
        )

    monkeypatch.setattr(texts, "load_split", blind)
    unseen = small_adaptation(method)
    assert unseen.predictions == seen.predictions
    assert unseen.numbers["validation"] == seen.numbers["validation"]
    assert seen.no_labels_of == ["tweets"] and "tweets" not in seen.labels_read["selection"]


def test_a_second_domain_is_learnt_alike_where_all_other_ratings_are_masked(monkeypatch, tmp_path):
    """Tweets, then films: the training texts of these two, and no rating besides."""
    configuration = forgetting_frontier.STUDY.configuration | {
        **{"only": 24, "precision": "float32", "most_validation": 8},
        **{"first_steps": 2, "steps": 2, "batch_size": 4},
    }
    monkeypatch.setattr(forgetting_frontier, "to_predict", _few_texts)
    settings = {"learning_rate": 2e-4, "strength": 1.0}

    def run_from(folder):
        """Nothing kept from another run."""
        monkeypatch.setattr(second_domain, "cache_folder", lambda: folder)
        variant = ("tweets", "movies", "rehearsal")
        return forgetting_frontier.run(variant, settings, 0, configuration)

    seen = run_from(tmp_path / "seen")

    def blind(domain):
        split = splits.load_split(domain)
        parts = {"test": masked(split.test), "validation": masked(split.validation)}
        if domain not in ("tweets", "movies"):
            parts |= {"train": masked(split.train)}
        return replace(split, **parts)

    monkeypatch.setattr(texts, "load_split", blind)
    unseen = run_from(tmp_path / "unseen")
    assert unseen.predictions == seen.predictions
    assert unseen.numbers == seen.numbers
    read = ["tweets", "movies"]
    assert seen.labels_read == {"training": read, "selection": read}
    assert np.isfinite(unpack(seen.predictions["sealed_movies"])).all()


def _few_texts(domains, limit):
    return tuning.to_predict(domains, 5)


def test_sealed_texts_are_predicted_and_not_measured():
    predicted = tuning.to_predict(["tweets"], limit=7)
    assert {name: len(found) for name, found in predicted.items()} == {
        "test_tweets": 7,
        "sealed_tweets": 7,
    }
    validation = {"tweets": rated("tweets", "validation", 9)}
    found = tuning.outcome(
        lambda given: np.linspace(-1, 1, len(given)),
        {"seconds": 0.1, "steps": 3},
        validation,
        predicted,
    )
    assert set(found.numbers) == {"steps", "validation", "r_tweets", "mae_tweets"}
    assert set(found.predictions) == {"test_tweets", "sealed_tweets", "validation_tweets"}
