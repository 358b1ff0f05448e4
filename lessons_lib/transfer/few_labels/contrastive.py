"""Before the head, the features: texts of like ratings are drawn together, unlike ones apart.

K labelled texts make K (K - 1) / 2 pairs: a handful of labels is many examples.
Axes: K labelled texts, B pairs.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.data.batches import rectangle
from lessons_lib.transfer.fine_tuning import Inputs
from lessons_lib.transfer.rating_model import SentimentModel

Pairs = tuple[Tensor, Tensor, Tensor]


def wanted_cosines(ratings: Tensor, pairs: Tensor) -> Tensor:
    """What the cosine of each pair should be: 1 for like ratings, down to -1 for the ends: (B,).

    Args:
        ratings: (K,), not all alike.
        pairs: (B, 2), places in `ratings`.

    Raises:
        ValueError: all ratings are alike.

    >>> wanted_cosines(torch.tensor([-2.0, 0.0, 2.0]), torch.tensor([[0, 2], [0, 1], [1, 1]]))
    tensor([-1.,  0.,  1.])
    """
    reach = ratings.max() - ratings.min()
    if not reach > 0:
        raise ValueError(f"expected 2 different ratings at least, got {ratings.tolist()[:5]}")
    first, second = ratings[pairs].unbind(dim=1)
    return 1 - 2 * (first - second).abs() / reach


def pair_batches(inputs: Inputs, ratings: Tensor, batch_size: int, seed: int) -> Iterator[Pairs]:
    """Endless batches of pairs of two different texts, drawn at random.

    Args:
        inputs: for each of K texts its ids, or its frozen activations.
        ratings: (K,).
        batch_size: pairs in a batch.

    Yields:
        inputs of 2B texts, the first of each pair and then the second; their mask; wanted (B,).
    """
    if len(inputs) < 2 or len(inputs) != len(ratings):
        raise ValueError(f"expected 2 rated texts at least, got {len(inputs)}, {len(ratings)}")
    rng = torch.Generator().manual_seed(seed)
    while True:
        first = torch.randint(len(inputs), (batch_size,), generator=rng)
        other = torch.randint(len(inputs) - 1, (batch_size,), generator=rng)
        pairs = torch.stack([first, (first + 1 + other) % len(inputs)], dim=1)
        places = pairs.T.flatten().tolist()
        x, mask = rectangle([inputs[place] for place in places])
        yield x, mask, wanted_cosines(ratings, pairs)


def contrastive_loss(model: SentimentModel, batch: Pairs) -> Tensor:
    """A loss for `train`: the mean squared error of the pairs' cosines.

    Args:
        batch: of `pair_batches`.

    Source: Reimers and Gurevych 2019, section 3 (arXiv:1908.10084); with a handful of labels, and
    a head fitted afterwards: Tunstall et al. 2022 (arXiv:2209.11055), "SetFit". They have classes
    and wish for 0 or 1; here the wish follows the distance of two ratings.
    """
    x, mask, wanted = batch
    first, second = model.pooled(x, mask).chunk(2)
    return functional.mse_loss(functional.cosine_similarity(first, second), wanted)
