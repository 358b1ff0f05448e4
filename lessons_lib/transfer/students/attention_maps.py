"""Learning to look at the same places: the teacher's attention scores as a target.

Axes: B texts, L tokens, H heads, D width of a head.
"""

import math

from torch import Tensor


def scores_of(query: Tensor, key: Tensor, num_heads: int) -> Tensor:
    """Queries and keys (B, L, d_model) to the scaled scores, before any mask: (B, H, L, L)."""
    query, key = (x.float().unflatten(-1, (num_heads, -1)).transpose(1, 2) for x in (query, key))
    return query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))


def attention_loss(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """How far scores are from the teacher's, over how far these are from their mean; a scalar.

    The scores, not the weights that softmax makes of them. Pairs with padding play no part.

    Args:
        student, teacher: of `scores_of`, (B, H, L, L); the heads are as many.
        mask: (B, 1, L), bool, True = a real token.

    Raises:
        ValueError: shapes differ, as where the student has fewer heads.

    Source: Jiao et al. 2020, section 3, equation 7 (arXiv:1909.10351), there without the divisor.
    """
    if student.shape != teacher.shape:
        shapes = f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        raise ValueError(f"expected scores (B, H, L, L) of one shape, got {shapes}")
    both = (mask & mask.transpose(1, 2))[:, None].expand_as(teacher)  # (B, H, L, L)
    own, wanted = student[both], teacher[both]
    return (own - wanted).square().mean() / (wanted - wanted.mean()).square().mean()
