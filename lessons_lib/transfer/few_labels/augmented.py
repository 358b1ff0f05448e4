"""More texts from few: the same ones with words left out or exchanged."""

import random
import re


def thinned(text: str, share: float, rng: random.Random) -> str:
    """The text without so large a share of its words, each left out by itself; one at least stays.

    Args:
        share: from 0 to below 1.

    Raises:
        ValueError: the share is not in that range.

    Source: Wei and Zou 2019, section 2 (arXiv:1901.11196), "random deletion".

    >>> thinned("one two three four", 0.5, random.Random(1))
    'two three'
    """
    if not 0 <= share < 1:
        raise ValueError(f"share should be from 0 to below 1, not {share}")
    words = _words(text)
    kept = [word for word in words if rng.random() >= share]
    return " ".join(kept or [rng.choice(words)]) if words else text


def exchanged(text: str, share: float, rng: random.Random) -> str:
    """The text with as many exchanges of two words as `share` of its length, one at least.

    Args:
        share: from 0 to 1.

    Raises:
        ValueError: the share is not in that range.

    Source: Wei and Zou 2019, section 2 (arXiv:1901.11196), "random swap".
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share should be from 0 to 1, not {share}")
    words = _words(text)
    if len(words) < 2:
        return text
    for _ in range(max(1, round(share * len(words)))):
        first, second = rng.sample(range(len(words)), 2)
        words[first], words[second] = words[second], words[first]
    return " ".join(words)


def _words(text: str) -> list[str]:
    return re.findall(r"\S+", text)
