"""Temperature and its square, beside sums in plain Python."""

import math

import pytest
import torch

from lessons_lib.transfer.students.soft_targets import (
    ensemble_scores,
    soft_target_loss,
    softened,
)


def shares_of(scores: list[float], temperature: float) -> list[float]:
    raised = [math.exp(score / temperature) for score in scores]
    return [one / sum(raised) for one in raised]


def test_the_loss_is_the_divergence_times_the_square_of_the_temperature():
    student, teacher, heat = [[0.3, -1.0, 2.0], [0.0, 0.5, 1.0]], [[1.0, 2.0, 0.0], [3, 0, -3]], 2.5
    total = 0.0
    for own, wanted in zip(student, teacher, strict=True):
        for p, q in zip(shares_of(wanted, heat), shares_of(own, heat), strict=True):
            total += p * math.log(p / q)
    found = soft_target_loss(torch.tensor(student), torch.tensor(teacher), heat)
    assert found.item() == pytest.approx(heat**2 * total / 2, abs=1e-5)


def test_nothing_is_lost_where_student_and_teacher_agree_up_to_a_constant():
    scores = torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    assert soft_target_loss(scores + 3, scores, 2.0).item() == pytest.approx(0, abs=1e-6)


def test_at_high_temperatures_the_gradient_is_that_of_centred_scores():
    """Hinton et al. 2015, equation 4: a quarter of a square is what is left of it."""
    rng = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(1, 9, generator=rng).double() for _ in range(2))
    student.requires_grad_(True)
    heat = 1e4
    shares = (teacher / heat).softmax(-1) * ((teacher / heat).log_softmax(-1))
    loss = soft_target_loss(student, teacher, heat)
    (found,) = torch.autograd.grad(loss, student)
    centred = [x.detach() - x.detach().mean() for x in (student, teacher)]
    assert shares.isfinite().all()
    assert torch.allclose(found, (centred[0] - centred[1]) / 9, atol=2e-3)


def test_a_higher_temperature_makes_shares_more_alike():
    scores = torch.tensor([0.0, 1.0, 4.0])
    spreads = [softened(scores, heat).max().item() for heat in (0.5, 1.0, 2.0, 100.0)]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[-1] == pytest.approx(1 / 3, abs=0.01)


def test_the_ensemble_says_the_mean_of_what_is_said():
    first, second = torch.tensor([[0.0, 1.0, 2.0]]), torch.tensor([[5.0, 0.0, 0.0]])
    mean = (first.softmax(-1) + second.softmax(-1)) / 2
    assert torch.allclose(ensemble_scores([first, second]).softmax(-1), mean)


def test_errors_say_what_came():
    scores = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"score the same classes, not \(2, 3\) and \(2, 4\)"):
        soft_target_loss(scores, torch.zeros(2, 4))
    with pytest.raises(ValueError, match="temperature should be above 0, not 0"):
        softened(scores, 0)
    with pytest.raises(ValueError, match="at least one teacher"):
        ensemble_scores([])
