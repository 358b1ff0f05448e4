"""The slow average, against its closed form."""

import copy

import pytest
import torch
from small_model import new_model
from torch import nn

from lessons_lib.transfer.unlabelled.mean_teacher import MeanTeacher, consistency


def test_weights_are_the_weighted_sum_of_all_the_students():
    student = nn.Linear(2, 3)
    teacher = MeanTeacher(student, decay=0.8)
    history = [copy.deepcopy(student.weight.detach())]
    for step in range(4):
        with torch.no_grad():
            student.weight += torch.randn(3, 2, generator=torch.Generator().manual_seed(step))
        teacher.follow(student)
        history.append(copy.deepcopy(student.weight.detach()))
    shares = [0.8**4, *(0.2 * 0.8 ** (4 - step) for step in range(1, 5))]
    assert sum(shares) == pytest.approx(1)
    wanted = sum(share * weight for share, weight in zip(shares, history, strict=True))
    assert torch.allclose(teacher.model.weight, wanted, atol=1e-6)


def test_frozen_parts_are_left_alone_and_the_teacher_learns_nothing():
    model = new_model(1)
    teacher = MeanTeacher(model, 0.5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1
    teacher.follow(model)
    for own, other in zip(teacher.model.parameters(), model.parameters(), strict=True):
        gap = (other - own).max().item()
        assert gap == pytest.approx(0.5 if other.requires_grad else 1.0, abs=1e-5)
        assert not own.requires_grad


def test_only_the_student_is_moved_by_what_they_differ_in():
    student, teacher = (torch.tensor(x, requires_grad=True) for x in ([1.0, 2.0], [0.0, 4.0]))
    loss = consistency(student, teacher)
    loss.backward()
    assert loss.item() == pytest.approx((1 + 4) / 2)
    assert teacher.grad is None and student.grad.tolist() == [1.0, -2.0]


def test_error_says_what_came():
    with pytest.raises(ValueError, match="between 0 and 1, not 99"):
        MeanTeacher(nn.Linear(1, 1), 99)
