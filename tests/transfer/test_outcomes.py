"""Outcomes of a study, from stored predictions: by hand, on texts whose ratings are known."""

import numpy as np
import pytest

from lessons_lib.data.splits import load_split, sealed_texts
from lessons_lib.measure.baselines import vader_scores
from lessons_lib.measure.metrics import pearson
from lessons_lib.measure.results import pack
from lessons_lib.transfer.lexicon import blend
from lessons_lib.transfer.outcomes import outcome_of, predictions_of, r_of

GOOD, POOR = ("movies", "good"), ("movies", "poor")


def noisy(texts, noise, seed):
    rng = np.random.default_rng(seed)
    return np.array([one.rating for one in texts]) + noise * rng.normal(size=len(texts))


@pytest.fixture(scope="module")
def results():
    """Two variants learnt on films, two seeds each; what they say of tweets is made up."""
    split, sealed = load_split("tweets"), sealed_texts("tweets", opened=True)
    films = load_split("movies").validation
    runs = []
    for variant, noise in ((GOOD, 1), (POOR, 4)):
        for seed in (0, 1):
            said = {
                "test_tweets": pack(noisy(split.test, noise, seed)),
                "sealed_tweets": pack(noisy(sealed, noise, seed)),
                "validation_movies": pack(noisy(films, noise, seed)),
            }
            runs.append(
                {"variant": list(variant), "stage": "final", "seed": seed, "settings": {}}
                | {"predictions": said}
            )
    return {"runs": runs}


@pytest.mark.parametrize("part", ["test", "sealed"])
def test_r_is_that_of_the_stored_predictions(results, part):
    texts = load_split("tweets").test if part == "test" else sealed_texts("tweets", opened=True)
    ratings = [one.rating for one in texts]
    said = predictions_of(results, GOOD, "tweets", part)
    assert said.shape == (2, len(texts))
    found = r_of(results, GOOD, "tweets", part, num_resamples=50)
    assert found.value == pytest.approx(np.mean([pearson(row, ratings) for row in said]))
    assert found.low < found.value < found.high


def test_vader_is_a_variant_and_what_is_missing_is_none(results):
    test = load_split("tweets").test
    assert (
        predictions_of(results, "VADER", "tweets") == vader_scores([s.text for s in test])
    ).all()
    assert predictions_of(results, ("movies", "none"), "tweets") is None
    assert r_of(results, ("movies", "none"), "tweets") is None
    entry = {"first": ["movies", "none"], "second": "VADER", "target": "tweets"}
    assert outcome_of(results, entry) is None


def test_a_blend_takes_its_weight_from_the_sources_validation_texts(results):
    films, test = load_split("movies").validation, load_split("tweets").test
    truth = [one.rating for one in films]
    lexicon = vader_scores([one.text for one in films])
    said = np.mean([noisy(films, 4, seed) for seed in (0, 1)], axis=0)
    quality = {w: pearson(blend(said, lexicon, w), truth) for w in (0, 0.25, 0.5, 1, 2)}
    weight = max(quality, key=quality.get)
    found = predictions_of(results, ("blend", *POOR), "tweets")
    scores = vader_scores([one.text for one in test])
    wanted = blend(np.mean([noisy(test, 4, seed) for seed in (0, 1)], axis=0), scores, weight)
    assert found.shape == (1, len(test))
    assert pearson(found[0], wanted) > 0.999  # predictions are kept in hundredths


def test_a_contrast_is_the_paired_difference_of_its_sides(results):
    entry = {"first": list(GOOD), "second": list(POOR), "target": "tweets"}
    found = outcome_of(results, entry, num_resamples=100)
    apart = [r_of(results, v, "tweets", num_resamples=2).value for v in (GOOD, POOR)]
    assert found.value == pytest.approx(apart[0] - apart[1]) and found.low > 0


def test_a_mean_is_one_prediction_and_z_plus_z_one_for_each_seed(results):
    test = load_split("tweets").test
    rows = predictions_of(results, POOR, "tweets")
    scores = vader_scores([one.text for one in test])
    mean = predictions_of(results, ("mean", *POOR), "tweets")
    assert mean.shape == (1, len(test)) and np.allclose(mean[0], rows.mean(axis=0))
    each = predictions_of(results, ("z + z", *POOR), "tweets")
    assert each.shape == rows.shape
    for found, row in zip(each, rows, strict=True):
        by_hand = (row - row.mean()) / row.std() + (scores - scores.mean()) / scores.std()
        assert np.allclose(found, by_hand)
    both = predictions_of(results, ("z + z", "mean", *POOR), "tweets")
    assert np.allclose(both[0], blend(rows, scores, 1.0))
    assert predictions_of(results, ("z + z", "movies", "none"), "tweets") is None


def test_together_adds_up_the_methods_and_the_lexicon_and_misses_none_of_them(results):
    test = load_split("tweets").test
    columns = [predictions_of(results, v, "tweets").mean(axis=0) for v in (GOOD, POOR)]
    columns.append(vader_scores([one.text for one in test]))
    by_hand = sum((one - one.mean()) / one.std() for one in columns)
    found = predictions_of(results, ("together", "movies", "good + poor"), "tweets")
    assert found.shape == (1, len(test)) and np.allclose(found[0], by_hand)
    assert predictions_of(results, ("together", "movies", "good + none"), "tweets") is None
