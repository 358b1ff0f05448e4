"""What is no text in the studies: bits, the table, the draws; and labels that nobody reads."""

import pytest
import torch
from torch.nn import functional

from lessons_lib.data.digits import Digits, load_digits
from lessons_lib.model.patches import cut_into_patches
from studies import images, modalities
from studies.shared.other_data import BITS, DATA, STRINGS, drawn

TINY = {"steps": 2, "further_steps": 2, "batch_size": 8}


@pytest.mark.parametrize("part", ["train", "test"])
def test_half_of_a_string_is_hidden_and_the_whole_of_it_stands_in_the_memory(part):
    found = DATA["bits"].load(part)
    rows = found.inputs.flatten(1)  # (N, STRINGS * BITS + BITS)
    memory, asked = rows[:, : STRINGS * BITS].unflatten(1, (STRINGS, BITS)), rows[:, -BITS:]
    hidden = asked == 0
    assert (hidden.sum(dim=1) == BITS // 2).all()
    assert torch.equal(hidden, ~found.wanted.isnan())
    whole = torch.where(hidden, 2 * found.wanted.nan_to_num() - 1, asked)
    assert (memory == whole[:, None]).all(dim=2).any(dim=1).all()


def test_bits_of_test_examples_are_drawn_anew():
    train, test = (DATA["bits"].load(part).inputs[:100] for part in ("train", "test"))
    assert not torch.equal(train, test)


def test_hidden_bits_alone_count():
    data, nan = DATA["bits"], torch.nan
    wanted = torch.tensor([[1.0, nan, 0.0, nan]])
    scores = torch.tensor([[2.0, 9.0, 3.0, -9.0]])
    assert data.right(scores, wanted).tolist() == [0.5]
    terms = functional.softplus(torch.tensor([-2.0, 3.0]))
    assert data.loss(scores, wanted) == pytest.approx(terms.mean().item())


def test_the_table_is_standardised_by_its_training_part():
    inputs = DATA["table"].load("train").inputs
    assert inputs.shape == (300, 30, 1)
    assert inputs.mean(dim=0).abs().max() < 1e-5
    assert len(DATA["table"].load("test")) == 269


@pytest.mark.parametrize("name", DATA)
def test_training_and_validation_together_are_n_and_share_nothing(name):
    learnt, held_out = drawn(DATA[name], 100, seed=3)
    assert (len(learnt), len(held_out)) == (75, 25)
    rows = [{tuple(row) for row in part.inputs.flatten(1).tolist()} for part in (learnt, held_out)]
    assert not rows[0] & rows[1]
    again = drawn(DATA[name], 100, seed=3)[0]
    assert torch.equal(learnt.inputs, again.inputs)


def test_every_variant_has_as_many_trials_and_one_rate_is_nobodys_search():
    for variant in modalities.VARIANTS:
        assert len(modalities.trials(modalities.relied_on(variant))) == 6, variant
        assert modalities.relied_on(variant) in modalities.VARIANTS
    assert {len(images.trials(variant)) for variant in images.VARIANTS} == {4}


def test_convolutions_see_the_picture_that_was_cut():
    pictures = torch.arange(64.0).reshape(1, 8, 8)
    seen = []
    model = modalities.Convolutions(10)
    model.layers.register_forward_pre_hook(lambda layers, inputs: seen.append(inputs[0]))
    model(cut_into_patches(pictures, 2))
    assert torch.equal(seen[0][0, 0], pictures[0])


def test_small_models_have_about_as_many_parameters_as_the_open_ends():
    inputs = DATA["digits"].load("train").inputs
    kinds = (("encoder 3", "matched", "ends"), ("small transformer",), ("convolutions",))
    counts = []
    for kind in kinds:
        model = modalities._model(("digits", "300", *kind), DATA["digits"], inputs, 0)
        counts.append(sum(p.numel() for p in model.parameters() if p.requires_grad))
    assert max(counts) < 1.7 * min(counts)


@pytest.mark.parametrize("method", images.UNLABELLED)
def test_without_labels_of_the_target_nothing_changes_where_these_are_wrong(method, monkeypatch):
    variant, settings = ("fonts", "scans", method), {"learning_rate": 1e-3}

    def validation():
        return images.trial(variant, settings, 0, TINY).numbers["validation"]

    before = validation()

    def lying(place, part):
        found = load_digits(place, part)
        wrong = Digits(found.images, torch.full_like(found.labels, -7))
        return wrong if place == "scans" else found

    monkeypatch.setattr(images, "load_digits", lying)
    assert validation() == before


def test_each_method_says_whose_labels_it_has_read():
    for source, method in (("fonts", "DANN"), ("fonts", "20"), ("nothing", "20")):
        variant = (source, "scans", method)
        found = images.trial(variant, {"learning_rate": 1e-3}, 0, TINY)
        read = set(found.labels_read["training"])
        assert read == {"DANN": {"fonts"}}.get(variant[2], {variant[0], "scans"} - {"nothing"})
        assert list(found.no_labels_of) == (["scans"] if variant[2] == "DANN" else [])
