"""A lexicon's score as one more feature: the head learns how much to trust it, by the sources."""

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from lessons_lib.measure.metrics import column


class LexiconFeature(nn.Module):
    """A weight for a lexicon's score, added to what the network says: one parameter.

    It begins at 0, where the network speaks alone.

    >>> feature = LexiconFeature()
    >>> feature(torch.tensor([0.5, 1.0]), torch.tensor([-1.0, 1.0])).tolist()
    [0.5, 1.0]
    """

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, said: Tensor, scores: Tensor) -> Tensor:
        """Standardised ratings (B,), and standardised scores (B,), to ratings (B,)."""
        return said + self.weight * scores


def standardised_scores(scores: ArrayLike) -> Tensor:
    """Scores with mean 0 and spread 1 over the texts at hand, of one domain: (N,), float32.

    Raises:
        ValueError: they are no list of finite numbers, or all alike.
    """
    scores = column(scores, "the list of scores")
    if scores.std() == 0:
        raise ValueError("the list of scores is constant: it tells the texts apart by nothing")
    return torch.tensor((scores - scores.mean()) / scores.std(), dtype=torch.float32)
