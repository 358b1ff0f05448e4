"""Digits: what each place holds, that parts do not overlap, and every error."""

import numpy as np
import pytest
import torch

from lessons_lib.data import digits
from lessons_lib.data.digits import (
    FONTS,
    PARTS,
    PLACES,
    drawn_digits,
    load_digits,
    mnist_digits,
    scanned_digits,
    shrink,
)

SIZES = {"fonts": (2000, 600), "scans": (1200, 597), "mnist": (4000, 1000)}


@pytest.mark.parametrize("place", PLACES)
def test_both_parts_hold_grey_values_of_one_size_and_all_ten_digits(place):
    for part, count in zip(PARTS, SIZES[place], strict=True):
        found = load_digits(place, part)
        assert found.images.shape == (count, 8, 8) and len(found) == count
        assert found.images.min() >= 0 and 0.9 < found.images.max() <= 1
        assert set(found.labels.tolist()) == set(range(10))


@pytest.mark.parametrize("place", PLACES)
def test_no_image_is_in_both_parts(place):
    seen = [{tuple(row) for row in load_digits(place, p).images.flatten(1).tolist()} for p in PARTS]
    shared = len(seen[0] & seen[1])
    assert shared == 0


def test_scans_are_scikit_learns_own():
    from sklearn.datasets import load_digits as original

    found, wanted = scanned_digits(), original()
    assert np.array_equal(16 * found.images.numpy(), wanted.images)
    assert found.labels.tolist() == wanted.target.tolist()


def test_scans_are_cut_and_none_is_lost():
    rows = torch.cat([load_digits("scans", part).images for part in PARTS]).flatten(1)
    assert sorted(rows.tolist()) == sorted(scanned_digits().images.flatten(1).tolist())


def test_mnist_has_five_hundred_of_each_digit_in_whole_grey_values():
    found = mnist_digits()
    assert found.labels.bincount().tolist() == [500] * 10
    levels = 255 * found.images
    assert torch.allclose(levels, levels.round(), atol=1e-3)


def test_mnist_loses_only_paper_at_its_edge():
    images = mnist_digits().images
    cut = images[:, 2:26, 2:26].sum(dim=(1, 2)) / images.sum(dim=(1, 2))
    assert cut.mean() > 0.99


def test_fonts_for_testing_are_none_of_those_for_training():
    assert not set(FONTS["train"]) & set(FONTS["test"])


def test_drawn_digits_are_the_same_for_a_seed_and_others_for_another():
    same, again, other = (drawn_digits(20, FONTS["train"], seed).images for seed in (3, 3, 4))
    assert torch.equal(same, again) and not torch.equal(same, other)


def test_every_drawn_digit_has_ink_and_paper():
    images = drawn_digits(200, FONTS["train"], seed=5).images
    ink = images.mean(dim=(1, 2))
    assert ink.min() > 0.05 and ink.max() < 0.7


def test_shrinking_is_the_mean_of_each_square():
    images = torch.rand(3, 4, 6)
    wanted = torch.nn.functional.avg_pool2d(images[:, None], 2)[:, 0]
    assert torch.allclose(shrink(images, 2), wanted)
    with pytest.raises(ValueError, match="4 x 6 pixels do not divide into squares of 4"):
        shrink(images, 4)


@pytest.mark.parametrize(
    ("place", "part", "message"),
    [("faxes", "test", "place should be one of fonts, scans, mnist, not 'faxes'"),
     ("scans", "all", "part should be one of train, test, not 'all'")],
)  # fmt: skip
def test_unknown_places_and_parts_are_named(place, part, message):
    with pytest.raises(ValueError, match=message):
        load_digits(place, part)


def test_mnist_is_verified_by_its_hash():
    assert digits._MNIST.sha256.startswith("846f6cad") and digits._MNIST.archive.requirement
