"""Nine scores a text: shares, the rating that they expect, and training on raters' histograms."""

import pytest
import torch

from lessons_lib.data.reviews import Snippet
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.layers import Config
from lessons_lib.transfer.fine_tuning import predict
from lessons_lib.transfer.students.histogram_model import (
    HistogramModel,
    expected_rating,
    histograms,
    label_loss,
)


def small_model(num_layers=3, trained="all", d_model=12) -> HistogramModel:
    torch.manual_seed(0)
    sizes = {"num_heads": 3, "num_layers": num_layers, "d_ff": 20, "max_len": 16}
    config = Config(d_model=d_model, pre_norm=False, **sizes)
    return HistogramModel(BertEncoder(config, 40), trained, dropout_p=0.0)


def test_a_histogram_counts_the_raters():
    texts = [Snippet("1", "1", "a", 0.0, (-4, 4)), Snippet("2", "2", "b", 1.25, (1, 1, 1, 2))]
    expected = torch.zeros(2, 9)
    expected[0, 0] = expected[0, 8] = 0.5
    expected[1, 5], expected[1, 6] = 0.75, 0.25
    assert torch.allclose(histograms(texts), expected)


def test_texts_without_ratings_are_refused():
    with pytest.raises(ValueError, match="the text 7 has no ratings: 'sealed'"):
        histograms([Snippet("7", "7", "sealed", float("nan"), ())])


def test_expected_rating_is_the_mean_over_the_shares():
    shares = torch.tensor([[0.5, 0, 0, 0, 0, 0, 0.25, 0, 0.25]]).double()
    found = expected_rating(shares.clamp(min=1e-30).log())
    assert found.item() == pytest.approx(0.5 * -4 + 0.25 * 2 + 0.25 * 4)


def test_the_label_loss_is_least_at_the_histogram_itself():
    shares = torch.tensor([[0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]])
    entropy = -(shares * shares.log()).sum().item()
    assert label_loss(shares.log(), shares).item() == pytest.approx(entropy, abs=1e-6)
    assert label_loss(torch.zeros(1, 9), shares).item() > entropy


def test_predictions_are_expected_ratings_in_the_given_order():
    model = small_model()
    texts = [[3, 4, 5], [9], [7, 8]]
    alone = [
        expected_rating(model.scores(torch.tensor([ids]), torch.ones(1, 1, len(ids)).bool()))
        for ids in texts
    ]
    assert predict(model, texts).tolist() == pytest.approx([x.item() for x in alone], abs=1e-5)


def test_standardised_ratings_are_in_the_units_of_the_scale():
    model = small_model()
    model.set_scale([1.0, 3.0])
    ids, mask = torch.tensor([[3, 4]]), torch.ones(1, 1, 2).bool()
    rating = model(ids, mask).item()
    assert model.standardised(ids, mask).item() == pytest.approx((rating - 2) / 2**0.5, abs=1e-6)
