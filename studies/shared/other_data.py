"""What is no text: digits in patches, bits to be remembered, a table; each as vectors in a row.

At n labels, training and validation together are n. Test examples are the same for all.

Axes: N examples, L places, P values a place, C outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.data.digits import load_digits
from lessons_lib.model.patches import cut_into_patches

STRINGS, BITS, A_PLACE = 3, 8, 4  # bit memory: how many, how long, bits in a vector
BITS_TESTED, TABLE_TESTED = 600, 269


@dataclass(frozen=True)
class Examples:
    """Inputs (N, L, P) and what is wanted: classes (N,), or bits (N, C), NaN where given away."""

    inputs: Tensor
    wanted: Tensor

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, places: Tensor) -> "Examples":
        return Examples(self.inputs[places], self.wanted[places])


@dataclass(frozen=True)
class Data:
    """One target.

    Attributes:
        load: called as load(part), "train" or "test".
        outputs: classes, or bits a place.
        last: how many of the last places are read, each by itself; 0 = the mean of all is.
    """

    load: Callable[[str], Examples]
    outputs: int
    last: int = 0

    def loss(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """Mean cross-entropy in nats; of the hidden bits alone."""
        if not self.last:
            return functional.cross_entropy(scores.float(), wanted)
        hidden = ~wanted.isnan()
        return functional.binary_cross_entropy_with_logits(scores[hidden].float(), wanted[hidden])

    def right(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """1 where the class is right; the share of the hidden bits that are: (N,)."""
        if not self.last:
            return (scores.argmax(dim=-1) == wanted).float()
        hidden = ~wanted.isnan()
        hits = ((scores > 0) == (wanted > 0.5)) & hidden
        return hits.sum(dim=-1) / hidden.sum(dim=-1)


def drawn(data: Data, count: int, seed: int) -> tuple[Examples, Examples]:
    """So many labelled examples: three quarters to train, a quarter for validation."""
    pool = data.load("train")
    order = torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))[:count]
    cut = count * 3 // 4
    return pool.take(order[:cut]), pool.take(order[cut:])


@cache
def digits(part: str) -> Examples:
    """Scanned digits as 16 patches of 2 x 2."""
    found = load_digits("scans", part)
    return Examples(cut_into_patches(found.images, 2), found.labels)


@cache
def bits(part: str) -> Examples:
    """Bit memory: some strings of bits, then one of them again, half of it hidden.

    A bit is 1 or -1, a hidden one 0; four stand in a vector. The hidden ones are wanted.

    Source: after Lu et al. 2021, section 2.1 (arXiv:2103.05247), who show five strings of 1,000.
    """
    count = BITS_TESTED if part == "test" else 1000
    rng = torch.Generator().manual_seed(int(part == "test"))
    strings = torch.randint(2, (count, STRINGS, BITS), generator=rng).float()
    which = torch.randint(STRINGS, (count,), generator=rng)
    asked = strings[torch.arange(count), which]
    hidden = torch.rand(count, BITS, generator=rng).argsort(dim=1) < BITS // 2
    shown = torch.where(hidden, 0.0, 2 * asked - 1)
    row = torch.cat([2 * strings - 1, shown[:, None]], dim=1)
    return Examples(row.reshape(count, -1, A_PLACE), torch.where(hidden, asked, torch.nan))


@cache
def table(part: str) -> Examples:
    """Breast cancer, of scikit-learn: 30 measurements of a cell, each a place of one value."""
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    x = torch.tensor(found.data, dtype=torch.float32)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    mine = order[:TABLE_TESTED] if part == "test" else order[TABLE_TESTED:]
    pool = x[order[TABLE_TESTED:]]
    x = (x - pool.mean(dim=0)) / pool.std(dim=0)
    return Examples(x[mine, :, None], torch.tensor(found.target)[mine])


DATA = {
    "digits": Data(digits, outputs=10),
    "bits": Data(bits, outputs=A_PLACE, last=BITS // A_PLACE),
    "table": Data(table, outputs=2),
}
