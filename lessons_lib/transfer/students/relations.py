"""Learning which tokens are like which: relations, whatever the widths.

Axes: B texts, L tokens, R relation heads.
"""

import math
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional


def relation(x: Tensor, mask: Tensor, num_heads: int) -> Tensor:
    """How much each token is like each other one, as the logarithm of shares: (B, R, L, L).

    The scaled products of the vectors with themselves, through softmax, as attention does with
    queries and keys. At padding the shares are 0.

    Args:
        x: queries, keys or values, (B, L, d_model).
        mask: (B, 1, L), bool, True = a real token.
        num_heads: the width is cut into so many parts, each with a relation of its own.

    Raises:
        ValueError: the width can't be cut so.
    """
    if x.size(-1) % num_heads:
        raise ValueError(f"{num_heads} relations do not divide a width of {x.size(-1)}")
    parts = x.float().unflatten(-1, (num_heads, -1)).transpose(1, 2)  # (B, R, L, width / R)
    scores = parts @ parts.transpose(-2, -1) / math.sqrt(parts.size(-1))
    return scores.masked_fill(~mask[:, None], -math.inf).log_softmax(dim=-1)


def relation_loss(
    student: Sequence[Tensor], teacher: Sequence[Tensor], mask: Tensor, num_heads: int
) -> Tensor:
    """The divergence of the student's relations from the teacher's, in nats; a scalar.

    KL(teacher || student), mean over real tokens, heads, and the kinds that are given.

    Args:
        student: queries, keys and values, say, each (B, L, its width).
        teacher: the same kinds, each (B, L, the teacher's width, which may be another).
        mask: (B, 1, L), bool, True = a real token.
        num_heads: relations for each kind; divides both widths.

    Raises:
        ValueError: there are not as many kinds, or the relations do not divide a width.

    Source: Wang et al. 2021, sections 3.1 and 3.2 (arXiv:2012.15828), "MiniLMv2": queries with
    queries, keys with keys, values with values, of one layer. Wang et al. 2020, section 3
    (arXiv:2002.10957), "MiniLM": queries with keys, values with values, of the last layer.
    """
    if len(student) != len(teacher) or not len(student):
        raise ValueError(f"expected the same kinds, got {len(student)} and {len(teacher)}")
    is_real = mask.transpose(1, 2)[:, None]  # (B, 1, L, 1): of the rows
    total = 0.0
    for own, wanted in zip(student, teacher, strict=True):
        said, told = (relation(x, mask, num_heads) for x in (own, wanted))
        pairs = is_real & mask[:, None]  # (B, 1, L, L)
        told, said = (x.masked_fill(~pairs, 0.0) for x in (told, said))  # -inf would make NaN
        nats = functional.kl_div(said, told, reduction="none", log_target=True)
        rows = nats.masked_fill(~pairs, 0.0).sum(dim=-1)  # (B, R, L)
        total = total + rows.sum() / (num_heads * mask.sum())
    return total / len(student)
