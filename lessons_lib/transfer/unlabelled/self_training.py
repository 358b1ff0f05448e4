"""Self-training: the model's own ratings of target texts, where it is sure of them, as labels.

A class comes with a probability; a rating does not. Here the model is sure of a text where it says
nearly the same each time dropout hides other parts of it.

Axes: N texts, K draws.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from lessons_lib.base.device import autocast, move, working
from lessons_lib.data.batches import by_length, rectangle
from lessons_lib.transfer.fine_tuning import Inputs
from lessons_lib.transfer.rating_model import SentimentModel


@torch.no_grad()
def dropped_out(
    model: SentimentModel, inputs: Inputs, num_draws: int, seed: int = 0, precision="float32"
) -> np.ndarray:
    """What the model says with dropout left on, several times: (K, N) ratings.

    Torch's own random state is afterwards what it was.

    Raises:
        ValueError: fewer than 2 draws.

    Source: Gal and Ghahramani 2016 (arXiv:1506.02142).
    """
    if num_draws < 2:
        raise ValueError(f"how much they differ takes 2 draws at least, not {num_draws}")
    found = np.empty((num_draws, len(inputs)))
    was_training = model.training
    model.train()
    with working(model) as device, torch.random.fork_rng(), autocast(precision, device):
        torch.manual_seed(seed)
        for places in by_length([len(one) for one in inputs], 64):
            x, mask = move(rectangle([inputs[place] for place in places]), device)
            for draw in found:
                draw[places] = model(x, mask).float().cpu().numpy()
    model.train(was_training)
    return found


def surest(draws: ArrayLike, share: float) -> np.ndarray:
    """Places of the texts on which the draws (K, N) differ least, so large a share: sorted.

    Where two texts are equally sure, the first of them is taken.

    Raises:
        ValueError: draws are not (K, N) with K of at least 2, or the share is not in (0, 1].

    Source: Lee 2013 (ICML workshop on representation learning) trains on what is most likely, and
    keeps all; to keep the surest is older (Yarowsky 1995).

    >>> surest([[1.0, 2.0, 0.0, 5.0], [1.1, 3.0, 0.0, 5.2]], share=0.5).tolist()
    [0, 2]
    """
    draws = np.asarray(draws, float)
    if draws.ndim != 2 or len(draws) < 2:
        raise ValueError(f"expected draws (K, N), K of at least 2, got {draws.shape}")
    if not 0 < share <= 1:
        raise ValueError(f"share should be above 0 and at most 1, not {share}")
    order = np.argsort(draws.std(axis=0), kind="stable")
    return np.sort(order[: max(1, round(share * draws.shape[1]))])


def own_labels(
    draws: ArrayLike, share: float, mean: float, spread: float
) -> tuple[Sequence[int], torch.Tensor]:
    """The surest texts' places, and the mean of what was said of each, standardised.

    Args:
        draws: (K, N) ratings, of `dropped_out`.
        mean, spread: of the ratings that the model has learnt from.
    """
    places = surest(draws, share)
    said = np.asarray(draws, float).mean(axis=0)[places]
    return places.tolist(), torch.tensor((said - mean) / spread, dtype=torch.float32)
