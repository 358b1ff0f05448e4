"""The rating model: what is frozen stays, and is still."""

import pytest
import torch
from small_model import new_model, rated_texts

from lessons_lib.transfer.fine_tuning import (
    fit,
)
from lessons_lib.transfer.rating_model import SentimentModel


def trained_names(model: SentimentModel) -> set[str]:
    """The parts that are trained: "head", "tokens", "layers.2" ..."""
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    return {
        ".".join(name.removeprefix("encoder.").split(".")[: 2 if "layers" in name else 1])
        for name in names
    }


@pytest.mark.parametrize(
    ("trained", "parts"),
    [
        ("head", {"head"}),
        (1, {"head", "layers.2"}),
        (2, {"head", "layers.2", "layers.1"}),
        (3, {"head", "layers.2", "layers.1", "layers.0"}),
        (
            "all",
            {"head", "layers.2", "layers.1", "layers.0", "tokens", "places", "types", "norm"},
        ),
    ],
)
def test_what_is_trained_and_nothing_else_changes(trained, parts):
    model = new_model(trained)
    assert trained_names(model) == parts
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    texts, ratings = rated_texts()
    fit(model, texts, ratings, steps=3, learning_rate=0.05)
    for name, tensor in model.named_parameters():
        assert torch.equal(before[name], tensor) != tensor.requires_grad, name


def test_choice_can_be_changed_both_ways():
    model = new_model("all")
    model.set_trained("head")
    assert trained_names(model) == {"head"}
    model.set_trained(1)
    assert trained_names(model) == {"head", "layers.2"}


@pytest.mark.parametrize("trained", ["top", 0, 4, True, None])
def test_unknown_choice_is_refused(trained):
    with pytest.raises(
        ValueError, match=f"'head', 'all', 'inserted' or 1 to 3 layers, not {trained!r}"
    ):
        new_model(trained)


def test_frozen_layers_do_not_drop_out_and_trained_ones_do():
    model = new_model(1, inner_dropout_p=0.5).train()
    ids, mask = torch.tensor([[3, 1, 4, 1, 5]]), torch.ones(1, 1, 5, dtype=torch.bool)
    assert torch.equal(model.frozen_part(ids, mask), model.frozen_part(ids, mask))
    assert not torch.equal(model(ids, mask), model(ids, mask))
    model.eval()
    assert torch.equal(model(ids, mask), model(ids, mask))
    model.set_trained("all")
    model.train()
    assert all(part.training for part in model.modules())


@pytest.mark.parametrize(
    "ratings", [[[1.0], [2.0]], [1.0, float("nan")], [1.0, float("inf")]], ids=str
)
def test_ratings_that_are_no_list_of_finite_numbers_are_refused(ratings):
    model = new_model()
    with pytest.raises(ValueError, match="the list of ratings"):
        model.set_scale(ratings)
    assert (model.mean, model.spread) == (0, 1)
    texts, _ = rated_texts()
    with pytest.raises(ValueError, match="the list of ratings"):
        fit(model, texts[: len(ratings)], ratings, steps=1, learning_rate=1e-3)


def test_what_is_inserted_into_a_frozen_encoder_gets_a_gradient_and_nothing_else_does():
    model = new_model("inserted", dropout_p=0.0)
    lowest = model.encoder.layers[0]
    lowest.extra = torch.nn.Parameter(torch.tensor(1.0))
    lowest.register_forward_hook(lambda layer, inputs, output: output * layer.extra)
    model(torch.tensor([[3, 1, 4]]), torch.ones(1, 1, 3, dtype=torch.bool)).sum().backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert trained == {"encoder.layers.0.extra", "head.weight", "head.bias"}
