"""VADER's scores: the package's own, and its published quality on the published corpora."""

import numpy as np
import pytest

from lessons_lib.data.reviews import load_domain
from lessons_lib.measure.baselines import vader_scores
from lessons_lib.measure.metrics import pearson


def test_scores_are_those_of_the_examples_that_came_with_the_corpora():
    """From the README in the archive; these two did not change since."""
    scores = vader_scores(["The book was good.", "A really bad, horrible book."])
    assert scores == pytest.approx([0.4404, -0.8211])


def test_no_text_is_no_list_of_scores():
    assert vader_scores([]).shape == (0,)
    assert vader_scores([""]).tolist() == [0.0]


def test_order_and_size_are_kept():
    texts = ["good", "table", "bad"]
    assert np.sign(vader_scores(texts)).tolist() == [1, 0, -1]


@pytest.mark.parametrize(("domain", "published"), [("products", 0.565), ("editorials", 0.492)])
def test_r_is_near_the_published_one(domain, published):
    """Table 4; the package has moved on since 2014."""
    snippets = load_domain(domain)
    r = pearson(vader_scores([s.text for s in snippets]), [s.rating for s in snippets])
    assert r == pytest.approx(published, abs=0.03)


@pytest.mark.parametrize("bad", [None, float("nan"), ("a", "b")])
def test_what_is_no_text_is_named_by_its_place(bad):
    with pytest.raises(TypeError, match=r"texts\[1\] should be a string"):
        vader_scores(["good", bad])
    with pytest.raises(TypeError, match="got one string"):
        vader_scores("good")
