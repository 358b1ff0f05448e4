"""Learning from what a teacher holds possible, not only from what it thinks best.

Axes: B texts, C classes, S teachers.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def softened(scores: Tensor, temperature: float) -> Tensor:
    """The shares that scores (..., C) stand for, made more alike by a temperature above 1.

    Raises:
        ValueError: the temperature is not above 0.

    >>> softened(torch.tensor([0.0, 4.0]), 4.0)
    tensor([0.2689, 0.7311])
    """
    if not temperature > 0:
        raise ValueError(f"temperature should be above 0, not {temperature}")
    return (scores.float() / temperature).softmax(dim=-1)


def soft_target_loss(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """T squared times the divergence of the student's softened shares from the teacher's; a scalar.

    In nats, KL(teacher || student), mean over the texts. Softening makes the gradient T squared
    times smaller; the factor gives that back, so that the balance with other losses, and the
    learning rate, stay when the temperature changes.

    Args:
        student, teacher: scores (B, C).
        temperature: T, above 0; the same for both.

    Raises:
        ValueError: shapes differ, or the temperature is not above 0.

    Source: Hinton et al. 2015, sections 2 and 2.1 (arXiv:1503.02531), there as a cross-entropy,
    which differs by what no training changes.
    """
    if student.shape != teacher.shape:
        shapes = f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        raise ValueError(f"student and teacher should score the same classes, not {shapes}")
    wanted = softened(teacher, temperature)
    said = (student.float() / temperature).log_softmax(dim=-1)
    return temperature**2 * functional.kl_div(said, wanted, reduction="batchmean")


def ensemble_scores(teachers: Sequence[Tensor]) -> Tensor:
    """Scores whose shares are the mean of the teachers' shares: S of (..., C) to (..., C).

    Raises:
        ValueError: there is no teacher.

    >>> two = [torch.tensor([0.0, 9.0]), torch.tensor([9.0, 0.0])]
    >>> ensemble_scores(two).softmax(dim=-1)
    tensor([0.5000, 0.5000])
    """
    if not len(teachers):
        raise ValueError("an ensemble needs at least one teacher")
    return torch.stack([softened(scores, 1.0) for scores in teachers]).mean(dim=0).log()
