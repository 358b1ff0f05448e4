"""VADER: sentiment by a lexicon and five rules, without any training; the baseline to beat.

Source: Hutto and Gilbert 2014, ICWSM, as the package vaderSentiment 3.3.2.
"""

import functools
from collections.abc import Sequence

import numpy as np

from lessons_lib.data.tokens import require_texts


def vader_scores(texts: Sequence[str]) -> np.ndarray:
    """VADER's compound score of each text, from -1 (most negative) to 1 (most positive): (N,).

    Raises:
        TypeError, ValueError: as `require_texts` does, where one of them is no text.

    >>> vader_scores(["A wonderful film.", "A dreadful film.", "A film."]).round(1).tolist()
    [0.6, -0.4, 0.0]
    """
    analyser = _analyser()
    scores = (analyser.polarity_scores(text) for text in require_texts(texts))
    return np.array([score["compound"] for score in scores])


@functools.cache
def _analyser():
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
