"""Descriptions, pairs, thinned texts, texts far apart, and a language model that is asked."""

import random
from itertools import islice

import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity

from lessons_lib.data.splits import load_split
from lessons_lib.transfer.few_labels.active import farthest_first, most_doubtful
from lessons_lib.transfer.few_labels.augmented import exchanged, thinned
from lessons_lib.transfer.few_labels.contrastive import (
    contrastive_loss,
    pair_batches,
    wanted_cosines,
)
from lessons_lib.transfer.few_labels.described import described
from lessons_lib.transfer.few_labels.prompting import shown


def numbers(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_descriptions_pull_by_their_mean_cosine():
    features, good, bad = numbers(5, 4), numbers(2, 4, seed=1), numbers(3, 4, seed=2)
    wanted = cosine_similarity(features, good).mean(axis=1) - cosine_similarity(features, bad).mean(
        axis=1
    )
    assert np.allclose(described(features, good, bad), wanted, atol=1e-6)
    with pytest.raises(ValueError, match="of one width"):
        described(features, good[:, :2], bad)
    with pytest.raises(ValueError, match="a description of either end"):
        described(features, good[:0], bad)


def test_wanted_cosines_fall_with_the_distance_of_ratings():
    ratings = torch.tensor([-1.0, 3.0, 1.0])
    pairs = torch.tensor([[0, 1], [1, 0], [0, 2], [2, 2]])
    assert wanted_cosines(ratings, pairs).tolist() == [-1, -1, 0, 1]
    with pytest.raises(ValueError, match="2 different ratings"):
        wanted_cosines(torch.ones(3), pairs)


def test_a_pair_holds_two_different_texts_and_every_pair_comes():
    texts, ratings = [[101, place, 102] for place in range(5)], torch.arange(5.0)
    seen = set()
    for x, mask, wanted in islice(pair_batches(texts, ratings, 8, seed=0), 40):
        first, second = x[:, 1].chunk(2)
        assert mask.all() and (first != second).all()
        assert torch.allclose(wanted, 1 - (first - second).abs().float() / 2)
        seen |= set(zip(first.tolist(), second.tolist(), strict=True))
    assert len(seen) == 20


class Pooled:
    """A model whose features are what comes in."""

    def pooled(self, x, mask):
        return x


def test_the_loss_is_that_of_the_cosines():
    first, second = numbers(3, 4), numbers(3, 4, seed=1)
    wanted = torch.tensor([1.0, 0.0, -1.0])
    near = np.diag(cosine_similarity(first, second))
    loss = contrastive_loss(Pooled(), (torch.cat([first, second]), None, wanted))
    assert loss.item() == pytest.approx(np.mean((near - wanted.numpy()) ** 2), rel=1e-5)


def test_thinned_and_exchanged_texts_are_made_of_the_same_words():
    text, rng = "the quick brown fox jumps over it", random.Random(0)
    words = text.split()
    for _ in range(20):
        left = thinned(text, 0.4, rng).split()
        assert len(left) >= 1 and all(word in words for word in left)
        assert [w for w in words if w in left] == left  # their order stays
        assert sorted(exchanged(text, 0.3, rng).split()) == sorted(words)
    shares = [len(thinned(text, 0.4, rng).split()) / 7 for _ in range(500)]
    assert np.mean(shares) == pytest.approx(0.6, abs=0.03)
    assert thinned("one", 0.99, rng) == exchanged("one", 0.5, rng) == "one"
    with pytest.raises(ValueError, match="below 1, not 1"):
        thinned(text, 1, rng)
    with pytest.raises(ValueError, match="from 0 to 1, not 2"):
        exchanged(text, 2, rng)


def test_each_text_is_the_farthest_from_all_before():
    features = numbers(30, 4)
    chosen = farthest_first(features, 8)
    apart = 1 - cosine_similarity(features)
    for count in range(1, 8):
        nearest = apart[chosen[:count]].min(axis=0)
        nearest[chosen[:count]] = -1
        assert chosen[count] == nearest.argmax()
    assert sorted(farthest_first(features, 30)) == list(range(30))
    with pytest.raises(ValueError, match="a count of 1 to N"):
        farthest_first(features, 31)


def test_the_doubtful_are_those_on_whom_models_differ():
    said = torch.tensor([[0.0, 1.0, 5.0], [0.1, 3.0, 5.0]])
    assert most_doubtful(said, 2) == [1, 0]
    with pytest.raises(ValueError, match="2 models at least"):
        most_doubtful(said[:1], 1)


def test_examples_end_with_the_word_of_their_sign():
    rated = load_split("tweets").train[:2]
    words = [("good", "bad")[one.rating <= 0] for one in rated]
    wanted = "".join(f"{one.text} is {w}\n\n" for one, w in zip(rated, words, strict=True))
    assert shown(rated, "{} is", ("good", "bad")) == wanted
