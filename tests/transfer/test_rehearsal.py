"""Old batches among new ones: how many, where, and none lost."""

from itertools import count, islice

import pytest

from lessons_lib.transfer.rehearsal import rehearsed


def taken(share, steps=100) -> list[tuple[str, int]]:
    def numbered(kind):
        return ((kind, number) for number in count())

    return list(islice(rehearsed(numbered("new"), numbered("old"), share), steps))


@pytest.mark.parametrize(("share", "num_old"), [(0, 0), (0.1, 10), (1 / 3, 33), (0.5, 50)])
def test_share_of_the_batches_is_old(share, num_old):
    assert sum(kind == "old" for kind, _ in taken(share)) == num_old


def test_old_ones_are_spread_evenly():
    places = [place for place, (kind, _) in enumerate(taken(0.25)) if kind == "old"]
    assert places == list(range(3, 100, 4))


def test_each_kind_comes_in_its_order_and_none_is_lost():
    found = taken(0.3)
    for wanted in ("new", "old"):
        numbers = [number for kind, number in found if kind == wanted]
        assert numbers == list(range(len(numbers))) and numbers


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, float("nan")])
def test_other_shares_are_refused(share):
    with pytest.raises(ValueError, match=f"share should be from 0 to below 1, not {share}"):
        taken(share)
