"""A learning curve's law, and how many labels it asks for; nothing is read far beyond the data."""

import math
from collections.abc import Sequence

import numpy as np

FURTHEST = 2  # times the most labels that were tried
_EXPONENTS = np.linspace(0.05, 2.0, 40)


def fit(sizes: Sequence[float], curves: np.ndarray) -> np.ndarray:
    """The a - b n^-c that is nearest each curve by least squares, with b >= 0 and a <= 1.

    Args:
        sizes: (M,) numbers of labels, rising.
        curves: (M, R) quality at each, of R curves.

    Returns:
        (3, R): a, what endless labels would give; b; c. A curve that does not rise has b = 0, and
        its mean as a.

    >>> sizes = np.array([8, 64, 512])
    >>> fit(sizes, (0.9 - 0.8 * sizes**-0.5)[:, None]).round(2).ravel().tolist()
    [0.9, 0.8, 0.5]
    """
    sizes, curves = np.asarray(sizes, float), np.asarray(curves, float)
    level = np.minimum(curves.mean(axis=0), 1.0)
    best = np.stack([level, np.zeros_like(level), np.ones_like(level)])
    error = ((curves - level) ** 2).sum(axis=0)
    for c in _EXPONENTS:
        design = np.stack([np.ones_like(sizes), -(sizes**-c)], axis=1)  # (M, 2)
        a, b = np.linalg.lstsq(design, curves, rcond=None)[0]
        own = ((curves - design @ np.stack([a, b])) ** 2).sum(axis=0)
        better = (own < error - 1e-12) & (b >= 0) & (a <= 1)
        error = np.where(better, own, error)
        best[:, better] = np.stack([a, b, np.full_like(a, c)])[:, better]
    return best


def at(law: np.ndarray, number: float) -> np.ndarray:
    """What each law (3, R) says of a number of labels: (R,)."""
    a, b, c = law
    return a - b * number**-c


def needed(law: np.ndarray, goal: np.ndarray | float) -> np.ndarray:
    """How many labels each law asks for to reach a goal: (R,); infinite where it never does.

    Args:
        law: (3, R), as `fit` gives it.
        goal: one, or one for each law.

    >>> needed(np.array([[0.9], [0.8], [0.5]]), 0.8).round().tolist(), needed(
    ...     np.array([[0.9], [0.8], [0.5]]), 0.95).tolist()
    ([64.0], [inf])
    """
    a, b, c = law
    room = a - np.asarray(goal, float)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        number = (b / room) ** (1 / c)
    return np.where(room > 0, np.where(b > 0, number, 0.0), np.where(room == 0, 0.0, np.inf))


def told(number: float, least: float, most: float) -> str:
    """A number of labels in two digits, or on which side of what may be read it lies.

    Args:
        least, most: the fewest and the most labels that were tried.

    >>> told(137.0, 8, 200), told(3.0, 8, 200), told(700.0, 8, 200)
    ('140', 'fewer than 8', 'more than 400')
    """
    if number < least:
        return f"fewer than {least:,.0f}"
    if number > FURTHEST * most:
        return f"more than {FURTHEST * most:,.0f}"
    digits = 1 - math.floor(math.log10(number))
    return f"{round(number, digits):,.0f}"
