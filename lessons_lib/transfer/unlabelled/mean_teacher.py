"""Mean teacher: a slow average of the model tells what to say of texts without ratings."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional


class MeanTeacher:
    """A model whose weights are the moving average of those of another one, the student.

    Args:
        student: copied; the copy is never trained.
        decay: how much of the teacher stays at each step, from 0 (it is the student) to 1.

    Raises:
        ValueError: the decay is not between 0 and 1.

    Source: Tarvainen and Valpola 2017, section 2 (arXiv:1703.01780).

    >>> student = nn.Linear(1, 1, bias=False)
    >>> teacher = MeanTeacher(student, decay=0.75)
    >>> with torch.no_grad():
    ...     _ = student.weight.add_(1.0)
    >>> teacher.follow(student)
    >>> round((student.weight - teacher.model.weight).item(), 2)
    0.75
    """

    def __init__(self, student: nn.Module, decay: float):
        if not 0 <= decay <= 1:
            raise ValueError(f"decay should be between 0 and 1, not {decay}")
        self.decay = decay
        self.model = copy.deepcopy(student).requires_grad_(False)

    @torch.no_grad()
    def follow(self, student: nn.Module) -> None:
        """One step towards the student; what neither trains nor moves is left alone."""
        for own, other in zip(self.model.parameters(), student.parameters(), strict=True):
            if other.requires_grad:
                own.lerp_(other, 1 - self.decay)


def consistency(student_said: Tensor, teacher_said: Tensor) -> Tensor:
    """The mean squared difference; only the student is to move: (B,) and (B,) -> a scalar."""
    return functional.mse_loss(student_said, teacher_said.detach())
