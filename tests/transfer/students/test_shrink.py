"""A student's layers: which of the teacher's, and that nothing is shared with it."""

import pytest
import torch
from test_histogram_model import small_model

from lessons_lib.transfer.students.shrink import evenly_spaced, narrower, shrunk


@pytest.mark.parametrize(
    ("teacher", "student", "places"),
    [(6, 3, [1, 3, 5]), (6, 2, [2, 5]), (12, 4, [2, 5, 8, 11]), (6, 6, [0, 1, 2, 3, 4, 5]),
     (6, 1, [5]), (5, 2, [1, 4])],
)  # fmt: skip
def test_layers_are_evenly_spaced_and_end_with_the_last(teacher, student, places):
    assert evenly_spaced(teacher, student) == places


@pytest.mark.parametrize("count", [0, 7])
def test_a_student_has_no_more_layers_than_its_teacher(count):
    with pytest.raises(ValueError, match=f"a student has 1 to 6 layers, not {count}"):
        evenly_spaced(6, count)


def test_a_shrunk_encoder_computes_what_these_layers_compute():
    encoder = small_model().encoder.eval()
    ids, mask = torch.tensor([[3, 4, 5]]), torch.ones(1, 1, 3).bool()
    states = encoder.layers[2](encoder.layers[0](encoder.embed(ids), mask), mask)
    small = shrunk(encoder, [0, 2])
    assert torch.allclose(small(ids, mask), states)
    assert small.config.num_layers == len(small.layers) == 2
    assert len(encoder.layers) == encoder.config.num_layers == 3


def test_training_the_student_leaves_the_teacher_alone():
    encoder = small_model().encoder
    small = shrunk(encoder, [1])
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with torch.no_grad():
        for parameter in small.parameters():
            parameter.add_(1.0)
    assert all(tensor.equal(before[name]) for name, tensor in encoder.state_dict().items())


@pytest.mark.parametrize("places", [[], [3], [-1]])
def test_layers_that_are_not_there_are_refused(places):
    with pytest.raises(ValueError, match=r"places should name layers from 0 to 2, got \["):
        shrunk(small_model().encoder, places)


def test_a_narrower_encoder_keeps_layers_and_proportions_and_is_drawn_by_its_seed():
    encoder = small_model().encoder
    half = narrower(encoder, 6, num_heads=2, seed=1)
    assert half(torch.tensor([[3, 4]])).shape == (1, 2, 6)
    assert (half.config.num_layers, half.config.d_ff) == (3, 10)
    assert half.tokens.weight.equal(narrower(encoder, 6, 2, seed=1).tokens.weight)
    assert not half.tokens.weight.equal(narrower(encoder, 6, 2, seed=2).tokens.weight)
