"""A rating model that says how many of the raters choose each of the nine ratings, -4 to 4.

Axes: B texts, L tokens, N texts in all; 9 ratings.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.base.device import device_of
from lessons_lib.data.reviews import Snippet
from lessons_lib.model.bert import BertEncoder
from lessons_lib.transfer.rating_model import SentimentModel, Trained

RATINGS = tuple(range(-4, 5))


class HistogramModel(SentimentModel):
    """As `SentimentModel`, with a head of nine scores; the rating is the mean that they expect.

    Args:
        encoder, trained, dropout_p: as in `SentimentModel`.

    >>> from lessons_lib.model.layers import Config
    >>> model = HistogramModel(BertEncoder(Config(pre_norm=False), vocab_size=11))
    >>> ids, mask = torch.tensor([[3, 1, 4]]), torch.ones(1, 1, 3, dtype=torch.bool)
    >>> model.scores(ids, mask).shape, model(ids, mask).shape
    (torch.Size([1, 9]), torch.Size([1]))
    """

    def __init__(self, encoder: BertEncoder, trained: Trained = "all", dropout_p: float = 0.1):
        super().__init__(encoder, trained, dropout_p)
        self.head = nn.Linear(self.head.in_features, len(RATINGS)).to(device_of(encoder))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def scores(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Ids (B, L), or states after the frozen part, to a score for each rating (B, 9)."""
        return self.read(self.pooled(inputs, mask))

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Ids (B, L), or states after the frozen part, to ratings (B,)."""
        return expected_rating(self.scores(inputs, mask))

    def standardised(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The rating in the units of `set_scale`."""
        return (self(inputs, mask) - self.mean) / self.spread


def histograms(snippets: Sequence[Snippet]) -> Tensor:
    """The share of the raters that chose each rating from -4 to 4: (N, 9).

    Raises:
        ValueError: a text has no ratings, as the sealed ones have none.

    >>> histograms([Snippet("1", "1", "Good.", 2.5, (2, 3))])[0, 6:].tolist()
    [0.5, 0.5, 0.0]
    """
    found = torch.zeros(len(snippets), len(RATINGS))
    for row, snippet in zip(found, snippets, strict=True):
        if not snippet.ratings:
            raise ValueError(f"the text {snippet.id} has no ratings: {snippet.text[:40]!r}")
        for rating in snippet.ratings:
            row[rating - RATINGS[0]] += 1 / len(snippet.ratings)
    return found


def expected_rating(scores: Tensor) -> Tensor:
    """The mean rating of the shares that scores (..., 9) stand for: (...,).

    >>> expected_rating(torch.zeros(9))
    tensor(0.)
    """
    ratings = torch.arange(RATINGS[0], RATINGS[-1] + 1, device=scores.device)
    return scores.float().softmax(dim=-1) @ ratings.float()


def label_loss(scores: Tensor, shares: Tensor) -> Tensor:
    """The mean cross-entropy in nats of shares (B, 9) under scores (B, 9); a scalar."""
    return functional.cross_entropy(scores.float(), shares)
