"""Learning to think the same in between: the teacher's hidden states as a target.

Axes: B texts, L tokens.
"""

from torch import Tensor, nn


class Projection(nn.Linear):
    """From the student's width to the teacher's, learnt with the student and dropped afterwards.

    Needed where the widths differ.

    Source: Romero et al. 2015, section 2.2 (arXiv:1412.6550), there as a convolution; as a matrix
    in Jiao et al. 2020, equation 8 (arXiv:1909.10351).

    >>> import torch
    >>> Projection(192, 384)(torch.zeros(2, 5, 192)).shape
    torch.Size([2, 5, 384])
    """

    def __init__(self, student_width: int, teacher_width: int):
        super().__init__(student_width, teacher_width, bias=False)


def hidden_loss(
    student: Tensor, teacher: Tensor, mask: Tensor, project: nn.Module | None = None
) -> Tensor:
    """How far states are from the teacher's, over how far these are from their mean; a scalar.

    0 where they are the same; 1 for a student that always says the teacher's mean state. What
    stands at padding plays no part.

    Args:
        student: (B, L, student's width).
        teacher: (B, L, teacher's width).
        mask: (B, 1, L), bool, True = a real token.
        project: brings the student's states to the teacher's width; None where they are alike.

    Raises:
        ValueError: the widths differ.
    """
    if project is not None:
        student = project(student)
    if student.shape != teacher.shape:
        widths = f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        raise ValueError(f"states should be of one shape, not {widths}: a Projection is needed")
    is_real = mask.squeeze(1)
    own, wanted = student.float()[is_real], teacher.float()[is_real]  # (tokens, width)
    return (own - wanted).square().mean() / (wanted - wanted.mean(dim=0)).square().mean()
