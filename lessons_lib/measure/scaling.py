"""Scaling laws: what a training costs, which size is best for that, and the power law behind it."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

BACKWARD = 2  # a backward pass costs two forward passes: for the inputs, and for the weights


def training_flops(d_model: int, num_layers: int, d_ff: int, vocab_size: int, length: int) -> int:
    """Floating-point operations to train a language model on one token, every matrix product.

    A multiplication with its addition counts as two, as is usual. Norms, activations and the
    softmax are left out. The look-up of a token's vector costs nothing; the output layer, which
    uses the same table, does.

    Args:
        d_model, num_layers, d_ff: sizes, with as many key-value heads as query heads.
        vocab_size: scores that the output layer gives.
        length: tokens of a text, each of which is compared with all others (those that the causal
            mask hides as well).

    >>> training_flops(d_model=8, num_layers=1, d_ff=32, vocab_size=100, length=10)
    10368
    """
    matrices = 4 * d_model * d_model + 2 * d_model * d_ff
    attention = 2 * length * d_model  # scores, then the weighted sum
    products = num_layers * (matrices + attention) + vocab_size * d_model
    return (1 + BACKWARD) * 2 * products


def best_size(sizes: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    """The size at the bottom of a parabola through losses of one budget, and the loss there.

    The parabola is in the logarithm of the size. Where it has no bottom, or one beyond the sizes
    that were tried, the best size that was tried is given: nothing is read where nothing was
    measured.

    Args:
        sizes: numbers of parameters, at least three, each above 0.
        losses: one for each.

    Returns:
        The best size and its loss.

    Source: approach 2 of Hoffmann et al. 2022 (arXiv:2203.15556), section 3.2.

    >>> size, loss = best_size([1e3, 1e4, 1e5], [4.0, 3.0, 4.0])
    >>> round(size), round(loss, 2)
    (10000, 3.0)
    """
    if len(sizes) != len(losses) or len(sizes) < 3:
        raise ValueError(
            "a parabola needs at least three sizes with a loss each; "
            f"got {len(sizes)} sizes and {len(losses)} losses"
        )
    logs = np.log(np.asarray(sizes, dtype=float))
    bend, slope, level = np.polyfit(logs, losses, 2)
    bottom = -slope / (2 * bend) if bend > 0 else np.inf
    if not logs.min() <= bottom <= logs.max():
        best = int(np.argmin(losses))
        return float(sizes[best]), float(losses[best])
    return float(np.exp(bottom)), float(level - slope**2 / (4 * bend))


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """The b of the power law y = a x^b that is nearest by the logarithms.

    >>> round(exponent([1, 4, 16], [3, 6, 12]), 3)
    0.5
    """
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


Losses = Mapping[float, Mapping[float, Sequence[float]]]  # budget, size: a loss for each seed


def losses_of(results: dict) -> dict[float, dict[float, list[float]]]:
    """The losses of the study `scaling`: its final runs with all of the text, by budget and size.

    A size is the number of parameters in the layers.
    """
    losses: dict[float, dict[float, list[float]]] = {}
    for run in results["runs"]:
        if run["stage"] == "final" and len(run["variant"]) == 2 and "failed" not in run:
            by_size = losses.setdefault(float(run["variant"][1]), {})
            by_size.setdefault(run["numbers"]["parameters"], []).append(run["numbers"]["loss"])
    return losses


def frontier(losses: Losses) -> list[tuple[float, float, float]]:
    """For each budget: itself, its best size, and the loss there, from the means over seeds."""
    found = []
    for budget, by_size in sorted(losses.items()):
        means = [float(np.mean(seeds)) for seeds in by_size.values()]
        found.append((budget, *best_size(list(by_size), means)))
    return found


def exponents(losses: Losses) -> tuple[float, float]:
    """How the best size and the loss at it grow with the budget: the exponents of two power laws.

    The second is below 0: the loss falls.
    """
    budgets, sizes, lowest = zip(*frontier(losses), strict=True)
    return exponent(budgets, sizes), exponent(budgets, lowest)


def exponents_drawn(losses: Losses, num_draws: int = 1_000, seed: int = 0) -> np.ndarray:
    """Both exponents again and again, each time from one seed of each point: (num_draws, 2).

    One seed of a point rather than their mean, so that the spread is not too narrow; it tells of
    chance between seeds alone, and nothing of the sizes, the text or the search.
    """
    rng = np.random.default_rng(seed)
    points = list(product(losses, next(iter(losses.values()))))
    drawn = []
    for _ in range(num_draws):
        chosen: dict = {budget: {} for budget in losses}
        for budget, size in points:
            chosen[budget][size] = [rng.choice(losses[budget][size])]
        drawn.append(exponents(chosen))
    return np.array(drawn)
