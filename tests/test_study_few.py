"""What a way of the study of few labels is given, and what it must not see."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lessons_lib.data import splits
from lessons_lib.data.reviews import DOMAINS
from lessons_lib.measure.results import unpack
from studies import few_labels
from studies.shared import few, few_texts, texts
from studies.shared.few_texts import given, unit
from studies.shared.texts import masked, rated

SMALL = few_labels.STUDY.configuration | {
    "only": 40,
    "precision": "float32",
    "steps": 2,
    "validation": 10,
    "draws": 1,
}
SETTINGS = {"alpha": 1.0, "trust": 0.3}


@pytest.fixture
def only_eight(monkeypatch):
    """Ratings of tweets are NaN but for those of the eight texts that seed 0 draws."""
    eight = {one.text for one in given("probe", "tweets", 8, 0, 40)}

    def forget():
        few._elsewhere.cache_clear()
        few_texts._known.cache_clear()

    def blind(domain):
        split = splits.load_split(domain)
        if domain != "tweets":
            return replace(split, test=masked(split.test))
        train = [one if one.text in eight else masked([one])[0] for one in split.train]
        return replace(
            split, train=train, validation=masked(split.validation), test=masked(split.test)
        )

    def hide():
        forget()
        monkeypatch.setattr(texts, "load_split", blind)

    yield hide
    forget()


@pytest.mark.parametrize("way", ["probe", "all_priors", "contrastive", "thinned"])
def test_a_run_of_eight_labels_is_the_same_where_all_others_are_masked(way, only_eight):
    settings = SETTINGS if way == "all_priors" else few.SETTINGS[way][0]
    seen = few_labels.run(("tweets", way, "8"), settings, 0, SMALL)
    only_eight()
    unseen = few_labels.run(("tweets", way, "8"), settings, 0, SMALL)
    assert unseen.predictions == seen.predictions
    assert unseen.numbers == seen.numbers
    assert set(seen.predictions) == {"test_tweets", "sealed_tweets"}
    assert np.isfinite(unpack(seen.predictions["sealed_tweets"])).all()


@pytest.mark.parametrize("way", ["described", "elsewhere"])
def test_without_a_label_no_rating_of_the_domain_is_read(way, monkeypatch):
    settings = few_labels.trials(("tweets", way, "0"))[0]
    seen = few_labels.run(("tweets", way, "0"), settings, 0, SMALL)

    def blind(domain):
        split = splits.load_split(domain)
        if domain != "tweets":
            return split
        return replace(split, **{p: masked(getattr(split, p)) for p in ("train", "validation")})

    for cached in (few._elsewhere, few._scale, few_texts._known):
        cached.cache_clear()
    monkeypatch.setattr(texts, "load_split", blind)
    assert few_labels.run(("tweets", way, "0"), settings, 0, SMALL).predictions == seen.predictions
    assert seen.no_labels_of == ["tweets"]
    assert "tweets" not in seen.labels_read["training"]


def test_settings_are_chosen_on_a_domain_that_is_not_compared():
    for variant in few_labels.VARIANTS:
        assert few_labels.settings_from(variant)[0] == "products" not in few_labels.ON
    found = few_labels.trial(("products", "probe", "8"), {"alpha": 1.0}, 0, SMALL)
    assert found.predictions == {} and set(found.numbers) == {"validation", "steps"}


def test_all_ways_try_equally_many_settings_and_a_label_more_keeps_those_before():
    counts = {
        variant: len(few_labels.trials(variant))
        for variant in few_labels.VARIANTS
        if variant[1:] != ("elsewhere", "0")
    }
    assert set(counts.values()) == {4}
    small, large = (given("probe", "tweets", n, 3, 40) for n in (8, 32))
    assert large[:8] == small
    assert given("probe", "tweets", 8, 4, 40) != small


def test_money_buys_one_rating_of_each_text_or_four():
    one, four = (given(way, "tweets", 16, 2, 40) for way in ("one_rater", "four_raters"))
    assert [len(one), len(four)] == [16, 4]
    whole = {text.text: text for text in rated("tweets", "train", 40)}
    for texts_bought, each in ((one, 1), (four, 4)):
        for text in texts_bought:
            assert len(text.ratings) == each
            assert text.rating == sum(text.ratings) / each
            assert all(rating in whole[text.text].ratings for rating in text.ratings)


@pytest.mark.parametrize("way", ["far_apart", "doubtful"])
def test_chosen_texts_are_as_many_as_were_paid_for_and_all_different(way):
    chosen = given(way, "tweets", 16, 0, 40)
    assert len({one.text for one in chosen}) == 16
    assert given(way, "tweets", 16, 0, 40) == chosen


def test_vectors_have_length_one_and_unknown_texts_are_read_too():
    known = rated("tweets", "train", 40)[:2]
    found = unit([*known, "This is wonderful."], "tweets", 40)
    assert torch.allclose(found.norm(dim=1), torch.ones(3))
    assert found[0].equal(unit([known[0].text], "tweets", 40)[0])


def test_a_prior_has_spread_one_on_unrated_texts_of_the_domain():
    for name in ("lexicon", "described", "elsewhere"):
        said = few._prior(name, "tweets", 40, "all", texts.unrated("tweets", "train", 40))
        assert said.mean() == pytest.approx(0, abs=1e-5)
        assert said.std() == pytest.approx(1, abs=1e-5)
    assert set(few.others("tweets")) == set(DOMAINS) - {"tweets"}
