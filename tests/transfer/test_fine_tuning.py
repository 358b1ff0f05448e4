"""What is trained, at which rates, and that kept activations change nothing but the time."""

import numpy as np
import pytest
import torch
from small_model import D_MODEL, new_model, rated_texts

from lessons_lib.transfer import fine_tuning
from lessons_lib.transfer.fine_tuning import (
    fit,
    frozen_activations,
    parameter_groups,
    predict,
)

# --- what is trained ---------------------------------------------------------------------------


# --- kept activations --------------------------------------------------------------------------


@pytest.mark.parametrize("trained", ["head", 1, 2, 3])
def test_kept_activations_give_the_same_training_and_predictions(trained):
    texts, ratings = rated_texts()
    plain, cached = new_model(trained), new_model(trained)
    kept = frozen_activations(cached, texts, batch_size=5)
    assert [tuple(row.shape) for row in kept] == [(len(text), D_MODEL) for text in texts]
    settings = {"steps": 12, "learning_rate": 0.01, "batch_size": 6, "seed": 3}
    losses = []
    for model, inputs in ((plain, texts), (cached, kept)):
        torch.manual_seed(5)  # dropout in front of the head
        losses.append(fit(model, inputs, ratings, **settings).train)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert predict(plain, texts) == pytest.approx(predict(cached, kept), abs=1e-4)


def test_kept_activations_are_those_of_evaluation_and_leave_the_mode_alone():
    model = new_model(1, inner_dropout_p=0.5).train()
    model.encoder.train()  # what a reader's own loop may do
    texts, _ = rated_texts(3)
    kept = frozen_activations(model, texts)
    assert model.training
    model.eval()
    ids = torch.tensor([texts[1]])
    alone = model.frozen_part(ids, torch.ones(1, 1, ids.size(1), dtype=torch.bool))
    assert torch.allclose(kept[1], alone[0], atol=1e-5)
    assert not kept[1].requires_grad


# --- rates -------------------------------------------------------------------------------------


def test_each_trained_parameter_is_in_one_group_and_its_rate_falls_with_depth():
    model = new_model("all")
    groups = parameter_groups(model, factor=2.0)
    members = [id(p) for group in groups for p in group["params"]]
    assert sorted(members) == sorted(id(p) for p in model.parameters())
    factor_of = {id(p): group["rate_factor"] for group in groups for p in group["params"]}
    layers = model.encoder.layers
    assert factor_of[id(model.head.weight)] == 1
    assert [factor_of[id(layer.feed_forward[0].weight)] for layer in layers] == [
        1 / 8,
        1 / 4,
        1 / 2,
    ]
    assert factor_of[id(model.encoder.tokens.weight)] == factor_of[id(model.encoder.norm.bias)]
    assert factor_of[id(model.encoder.tokens.weight)] == 1 / 16


def test_biases_and_norms_do_not_decay():
    for group in parameter_groups(new_model("all")):
        is_matrix = {p.dim() > 1 for p in group["params"]}
        assert is_matrix == {group["weight_decay"] > 0}


def test_frozen_parameters_are_in_no_group():
    groups = parameter_groups(new_model("head"))
    assert [tuple(p.shape) for group in groups for p in group["params"]] == [(1, D_MODEL), (1,)]


def test_lower_layers_move_less_under_discriminative_rates():
    texts, ratings = rated_texts()
    moved = {}
    for factor in (1.0, 10.0):
        model = new_model(3)
        before = [layer.feed_forward[0].weight.clone() for layer in model.encoder.layers]
        fit(model, texts, ratings, steps=2, learning_rate=1e-3, warmup_share=0, factor=factor)
        after = [layer.feed_forward[0].weight for layer in model.encoder.layers]
        moved[factor] = [(b - a).abs().max().item() for a, b in zip(before, after, strict=True)]
    assert max(moved[1.0]) / min(moved[1.0]) < 1.5  # Adam's first steps are as long as the rate
    assert moved[10.0][2] / moved[10.0][0] == pytest.approx(100, rel=0.2)


# --- fitting and predicting --------------------------------------------------------------------


def test_fit_learns_what_can_be_learnt():
    texts, ratings = rated_texts(60)
    model = new_model("all", dropout_p=0.0)
    fit(model, texts, ratings, steps=120, learning_rate=0.01)
    assert np.corrcoef(predict(model, texts), ratings)[0, 1] > 0.95
    assert np.mean(predict(model, texts)) == pytest.approx(np.mean(ratings), abs=0.3)


def test_new_model_predicts_near_the_mean_rating():
    texts, ratings = rated_texts()
    model = new_model("head")
    model.set_scale(ratings)
    found = predict(model, texts)
    assert found.mean() == pytest.approx(np.mean(ratings), abs=0.2 * np.std(ratings))


def test_predictions_come_in_the_given_order_whatever_the_batches():
    texts, _ = rated_texts()
    model = new_model()
    alone = [predict(model, [text])[0] for text in texts]
    assert predict(model, texts, batch_size=4) == pytest.approx(alone, abs=1e-5)


def test_pooled_features_are_what_the_head_reads():
    texts, _ = rated_texts()
    model = new_model()
    features = fine_tuning.pooled_features(model, texts, batch_size=4)
    assert features.shape == (len(texts), D_MODEL)
    with torch.no_grad():
        said = model.rate(features)
    assert said.numpy() == pytest.approx(predict(model, texts), abs=1e-5)


def test_each_pass_takes_each_text_once_and_like_lengths_together():
    texts, _ = rated_texts(45)
    targets = torch.arange(45.0)
    batches = fine_tuning.rated_batches(texts, targets, 4, seed=1)
    pass_of = [next(batches) for _ in range(12)]  # 32 + 13 texts: 8 + 4 batches
    seen = torch.cat([target for _, _, target in pass_of])
    assert sorted(seen.tolist()) == targets.tolist()
    padding = sum((~mask).sum().item() for _, mask, _ in pass_of)
    assert padding < 0.25 * sum(map(len, texts))
    second = torch.cat([next(batches)[2] for _ in range(12)])
    assert second.tolist() != seen.tolist()


def test_fit_repeats_itself():
    texts, ratings = rated_texts()
    found = []
    for _ in range(2):
        model = new_model(1)
        torch.manual_seed(4)
        fit(model, texts, ratings, steps=5, learning_rate=0.01, seed=7)
        found.append(predict(model, texts))
    assert np.array_equal(*found)


def test_ratings_that_teach_nothing_are_refused():
    texts, _ = rated_texts(4)
    with pytest.raises(ValueError, match=r"2 different ratings at least, got \[1.0, 1.0"):
        fit(new_model(), texts, [1.0] * 4, steps=1, learning_rate=0.01)
    with pytest.raises(ValueError, match="a rating for each of 4 texts, got 3"):
        fit(new_model(), texts, [1.0, 2.0, 3.0], steps=1, learning_rate=0.01)


# --- precision ---------------------------------------------------------------------------------


def test_bfloat16_comes_close_and_keeps_weights_and_ratings_in_float32():
    texts, ratings = rated_texts()
    model = new_model(2)
    model.set_scale(ratings)
    exact, rounded = predict(model, texts), predict(model, texts, precision="bfloat16")
    assert 0 < np.abs(exact - rounded).max() < 0.05
    fit(model, texts, ratings, steps=2, learning_rate=0.01, precision="bfloat16")
    assert {p.dtype for p in model.parameters()} == {torch.float32}
