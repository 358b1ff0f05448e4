"""No label at all: the two ends of the scale are described in words, and a text is held to both.

Axes: N texts, P descriptions of one end, D width of the features.
"""

from torch import Tensor
from torch.nn import functional

GOOD = ("This is wonderful.", "I love it.", "An excellent, very good one.")
BAD = ("This is terrible.", "I hate it.", "An awful, very bad one.")


def described(features: Tensor, good: Tensor, bad: Tensor) -> Tensor:
    """How much more each text is like the descriptions of good than like those of bad: (N,).

    The result orders texts; its scale is no rating's.

    Args:
        features: (N, D), of the texts.
        good, bad: (P, D), of the descriptions, such as `GOOD` and `BAD`; as many as you like.

    Raises:
        ValueError: widths disagree, or an end has no description.

    Source: Chang et al. 2008, "dataless classification"; Yin et al. 2019 (arXiv:1909.00161).

    >>> import torch
    >>> ends = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    >>> described(torch.tensor([[3.0, 0.0]]), *ends)
    tensor([1.])
    """
    shapes = [tuple(t.shape) for t in (features, good, bad)]
    if any(t.dim() != 2 or t.size(1) != features.size(-1) for t in (features, good, bad)):
        raise ValueError(f"expected three tensors of one width, (N, D) each, got {shapes}")
    if not len(good) or not len(bad):
        raise ValueError("expected a description of either end at least")
    units = functional.normalize(features, dim=-1)
    to_good, to_bad = (
        (units @ functional.normalize(end, dim=-1).T).mean(dim=-1) for end in (good, bad)
    )
    return to_good - to_bad
