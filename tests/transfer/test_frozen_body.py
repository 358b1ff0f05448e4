"""A text body for other data: what is copied, what is random, what is open."""

import pytest
import torch
from small_model import new_model, small_llama
from torch import nn

from lessons_lib.training.loop import train
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.frozen_body import WEIGHTS, classifier_of, open_ends, text_body


def encoder():
    return new_model().encoder


def model_of(source, num_layers=2, weights="pretrained"):
    torch.manual_seed(0)
    return classifier_of(text_body(source, num_layers, weights), 6, 4, 5)


@pytest.mark.parametrize("make", [encoder, small_llama])
def test_the_first_layers_are_copied_and_the_source_is_left_alone(make):
    source = make()
    before = {name: tensor.clone() for name, tensor in source.state_dict().items()}
    model = model_of(source)
    for mine, theirs in zip(model.encoder.layers, source.layers, strict=False):
        assert all(
            torch.equal(a, b) for a, b in zip(mine.parameters(), theirs.parameters(), strict=True)
        )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in source.state_dict().items())


@pytest.mark.parametrize("weights", sorted(set(WEIGHTS) - {"pretrained"}))
@pytest.mark.parametrize("make", [encoder, small_llama])
def test_random_bodies_share_no_matrix_with_the_source(make, weights):
    source = make()
    for mine, theirs in zip(
        model_of(source, 2, weights).encoder.layers, source.layers, strict=False
    ):
        pairs = zip(mine.parameters(), theirs.parameters(), strict=True)
        assert not any(torch.equal(a, b) for a, b in pairs if a.dim() > 1)


@pytest.mark.parametrize("make", [encoder, small_llama])
def test_open_ends_are_beginning_places_norms_and_head(make):
    model = model_of(make())
    opened = set(open_ends(model))
    norms = {n for n, p in model.named_parameters() if "norm" in n}
    wanted = {"encoder.project.weight", "encoder.project.bias", "encoder.places"}
    assert opened == wanted | {"head.weight", "head.bias"} | norms
    assert opened - norms == set(open_ends(model, norms=False))


def test_training_moves_what_is_open_and_nothing_else():
    model = model_of(encoder())
    opened = set(open_ends(model))
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    batch = torch.rand(7, 6, 4), torch.arange(7) % 5
    loss = lambda model, batch: nn.functional.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    train(model, [batch] * 3, loss, Plan(3, 0.05))
    moved = {n for n, tensor in model.named_parameters() if not torch.equal(tensor, before[n])}
    assert moved == opened


def test_new_norms_of_a_language_model_make_vectors_as_long_as_its_words():
    source = small_llama()
    x = text_body(source, 1)["first_norm"](torch.randn(3, 8) * 40)
    wanted = source.embedding.weight.std().item()
    assert x.square().mean().sqrt().item() == pytest.approx(wanted, rel=0.01)


def test_no_layer_is_a_body_too():
    assert len(model_of(encoder(), 0).encoder.layers) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((9,), "there are 3 layers, not 9"), ((1, "wild"), "weights should be one of pretrained")],
)
def test_wrong_wishes_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        text_body(encoder(), *arguments)
