"""Hidden states: the error in units of the teacher's own spread, padding left out."""

import pytest
import torch

from lessons_lib.transfer.students.hidden_states import Projection, hidden_loss

RNG = torch.Generator().manual_seed(0)
TEACHER = torch.randn(2, 4, 6, generator=RNG)
MASK = torch.tensor([[[True, True, True, True]], [[True, True, False, False]]])


def test_zero_for_the_same_states_and_one_for_their_mean():
    assert hidden_loss(TEACHER, TEACHER, MASK).item() == 0
    real = torch.cat([TEACHER[0], TEACHER[1, :2]])
    mean = real.mean(dim=0).expand(2, 4, 6)
    assert hidden_loss(mean, TEACHER, MASK).item() == pytest.approx(1, abs=1e-6)


def test_it_is_the_squared_error_over_the_spread():
    student = torch.randn(2, 4, 6, generator=RNG)
    own, wanted = (torch.cat([x[0], x[1, :2]]).tolist() for x in (student, TEACHER))
    means = [sum(row[i] for row in wanted) / 6 for i in range(6)]
    pairs = [(a, b, m) for r, s in zip(own, wanted, strict=True)
             for a, b, m in zip(r, s, means, strict=True)]  # fmt: skip
    error, spread = sum((a - b) ** 2 for a, b, _ in pairs), sum((b - m) ** 2 for _, b, m in pairs)
    assert hidden_loss(student, TEACHER, MASK).item() == pytest.approx(error / spread, rel=1e-5)


def test_padding_plays_no_part():
    student = TEACHER.clone()
    student[1, 2:] = 1e6
    assert hidden_loss(student, TEACHER, MASK).item() == 0


def test_a_projection_joins_two_widths_and_learns_with_the_student():
    student = torch.randn(2, 4, 3, generator=RNG).requires_grad_(True)
    project = Projection(3, 6)
    hidden_loss(student, TEACHER, MASK, project).backward()
    assert student.grad.abs().sum() > 0 and project.weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match=r"not \(2, 4, 3\) and \(2, 4, 6\): a Projection"):
        hidden_loss(student, TEACHER, MASK)
