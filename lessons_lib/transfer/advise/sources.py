"""What the checklist holds the reader's texts against: some rated texts of each of the domains."""

import random
from collections.abc import Sequence

import numpy as np

from lessons_lib.data.reviews import DOMAINS
from lessons_lib.data.splits import load_split
from lessons_lib.model.encode import encode_texts

NUM_TRAIN = 400  # of each domain, to learn from
NUM_HELD_OUT = 200  # of each, to choose by and to be told apart


class Sources:
    """Texts, ratings and frozen features of the four domains; nothing of their test texts.

    Attributes:
        texts, ratings, features: by domain and part, "train" or "held out".
    """

    def __init__(self):
        self.texts: dict[tuple[str, str], list[str]] = {}
        self.ratings: dict[tuple[str, str], np.ndarray] = {}
        for domain in DOMAINS:
            split = load_split(domain)
            drawn = {
                "train": random.Random(0).sample(split.train, NUM_TRAIN),
                "held out": random.Random(0).sample(split.validation, NUM_HELD_OUT),
            }
            for part, snippets in drawn.items():
                self.texts[domain, part] = [s.text for s in snippets]
                self.ratings[domain, part] = np.array([s.rating for s in snippets])
        everything = features_of([text for texts in self.texts.values() for text in texts])
        ends = np.cumsum([len(texts) for texts in self.texts.values()])[:-1]
        self.features = dict(zip(self.texts, np.split(everything, ends), strict=True))

    def learnt_without(self, domain: str | None):
        """Ridge on the features of all domains but this one: its penalty by their held-out texts.

        Returns:
            The fitted model, and the domains that it has learnt from.
        """
        from sklearn.linear_model import Ridge

        from lessons_lib.measure.metrics import pearson
        from lessons_lib.transfer.advise.probes import PENALTIES

        names = [name for name in DOMAINS if name != domain]
        x, y = self._joined(names, "train")
        held_x, held_y = self._joined(names, "held out")
        fitted = [Ridge(penalty).fit(x, y) for penalty in PENALTIES]
        quality = [pearson(model.predict(held_x), held_y) for model in fitted]
        return fitted[int(np.argmax(quality))], names

    def _joined(self, names: Sequence[str], part: str) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.concatenate([self.features[name, part] for name in names]),
            np.concatenate([self.ratings[name, part] for name in names]),
        )


def features_of(texts: Sequence[str]) -> np.ndarray:
    """The published encoder's mean state of each text, frozen: (N, 384); kept for next time."""
    return np.asarray(encode_texts(texts))
