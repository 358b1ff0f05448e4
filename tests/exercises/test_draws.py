"""Draws: the same number gives the same input; each axis is long once, and numbers large later."""

import pytest
import torch

from lessons_lib.exercises.engine.draws import PLANNED, Draw

MOST = {"texts": (2, 300), "tokens": 300, "heads": 17}


def sizes_of(number: int) -> list[int]:
    return Draw(number).sizes(**MOST)


def test_same_number_gives_the_same_input():
    def drawn():
        draw = Draw(7)
        return draw.sizes(**MOST), draw.whole(1, 1_000), draw.floats(3).tolist(), draw.dtype

    assert drawn() == drawn()
    assert len({tuple(Draw(number).floats(3).tolist()) for number in range(30)}) == 30


def test_draw_0_has_the_smallest_sizes():
    assert sizes_of(0) == [2, 1, 1]


def test_each_axis_is_as_long_as_it_may_be_in_one_planned_draw_and_the_others_are_small():
    drawn = [sizes for sizes in map(sizes_of, range(PLANNED)) if max(sizes) > 8]
    assert [sizes[axis] for axis, sizes in enumerate(drawn[:3])] == [300, 300, 17]
    assert all(sorted(sizes)[1] < 8 for sizes in drawn)
    assert any(65 in sizes for sizes in drawn)


def test_draws_after_the_planned_ones_are_small():
    assert max(max(sizes_of(number)) for number in range(PLANNED, 200)) < 8


def test_numbers_are_large_only_where_sizes_are_small():
    """So that a message can tell which of the two it was."""
    both = []
    for number in range(300):
        draw = Draw(number)
        draw.sizes(**MOST)
        scale, offset = draw.scale(1, 100), draw.offset(0, 1_000)
        assert draw.is_large == ((scale, offset) != (1, 0))
        assert not (draw.is_long and draw.is_large)
        both.append((draw.is_long, draw.is_large))
    assert set(both[:PLANNED]) == {(False, False), (True, False), (False, True)}
    assert {is_large for _, is_large in both[PLANNED:]} == {True, False}


def test_floats_have_the_dtype_scale_and_offset_that_are_asked_for():
    for number in range(40):
        draw = Draw(number)
        drawn = draw.floats(200, 50, scale=3.0, offset=10.0).detach()
        assert drawn.dtype == draw.dtype
        assert drawn.shape == (200, 50)
        assert abs(drawn.mean() - 10) < 0.2
        assert abs(drawn.std() - 3) < 0.2


def test_planned_floats_differ_in_dtype_layout_and_gradient():
    drawn = [Draw(number).floats(3, 4) for number in range(PLANNED)]
    assert {one.dtype for one in drawn} == {torch.float32, torch.float64}
    assert {one.is_contiguous() for one in drawn} == {True, False}
    assert [n for n, one in enumerate(drawn) if one.requires_grad] == list(range(0, PLANNED, 4))


def test_dtypes_are_chosen_anew_among_those_given():
    draws = [Draw(number) for number in range(30)]
    for draw in draws:
        draw.dtypes(torch.float64, torch.bfloat16)
    assert {draw.dtype for draw in draws} == {torch.float64, torch.bfloat16}


def test_description_says_what_is_special_size_first():
    draw = Draw(0)
    assert draw.description == "a small input"
    draw.floats(2)
    draw.sizes(tokens=9)
    assert draw.description == f"an input of the smallest sizes, in {str(draw.dtype)[6:]}"
    long = Draw(6)
    long.sizes(texts=10, columns_of_x=300)
    assert long.description == "an input of 300 columns of x"
    large = next(draw for draw in map(Draw, range(PLANNED, 99)) if draw.scale(1, 1_000) > 1)
    large.offset(7)
    assert large.description == "an input scaled by 1,000"


@pytest.mark.parametrize("number", range(60))
def test_mask_broadcasts_and_is_bool(number):
    mask = Draw(number).mask(2, 3, 4, 5)
    if mask is not None:
        assert mask.dtype == torch.bool
        assert mask.dim() >= 2
        assert mask.expand(2, 3, 4, 5).shape == (2, 3, 4, 5)


def test_masks_differ_in_kind():
    masks = [Draw(number).mask(3, 4, 5) for number in range(60)]
    assert None in masks
    shapes = {tuple(mask.shape) for mask in masks if mask is not None}
    assert {(3, 4, 5), (4, 5), (4, 1), (1, 5)} <= shapes
    assert any((~mask).all(dim=-1).any() for mask in masks if mask is not None)


def test_whole_numbers_words_and_choices_stay_within_their_bounds():
    draw = Draw(3)
    assert set(draw.wholes(2, 4, 100).tolist()) == {2, 3, 4}
    assert {draw.whole(2, 4) for _ in range(100)} == {2, 3, 4}
    assert set(draw.word("ab", 50)) == {"a", "b"}
    assert len(draw.word("ab", 50)) == 50
    assert sorted(draw.some_of([1, 2, 3], 3)) == [1, 2, 3]
    assert 0.2 < draw.truths(0.3, 1_000).double().mean() < 0.4
