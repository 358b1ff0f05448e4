"""Batches: rectangles with little padding, the same for a seed."""

import pytest
import torch

from lessons_lib.data.batches import pad, text_batches


def test_pad_by_hand():
    ids, lengths = pad([[5, 6, 7], [], [8]], pad_id=9)
    assert ids.tolist() == [[5, 6, 7], [9, 9, 9], [8, 9, 9]]
    assert lengths.tolist() == [3, 0, 1]
    assert ids.dtype == lengths.dtype == torch.int64


def test_padding_of_nothing_is_refused():
    with pytest.raises(ValueError, match="pad needs at least one sequence"):
        pad([])


def test_batches_hold_the_texts_and_pad_at_the_end():
    texts = [[1, 5], [1, 6, 7], [1, 8, 9, 10]]
    batches = text_batches(texts, batch_size=3, seed=0)
    for ids in (next(batches) for _ in range(9)):
        assert ids.shape[0] == 3 and ids.shape[1] <= 4
        for row in ids.tolist():
            assert [token for token in row if token] in texts
            assert row == sorted(row, key=lambda token: token == 0)


def test_batches_are_the_same_for_a_seed_and_others_for_another():
    texts = [[1, number] for number in range(4, 24)]
    first, again, other = (next(text_batches(texts, 8, seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_no_text_is_an_error():
    with pytest.raises(ValueError, match="at least one text"):
        next(text_batches([], 4, seed=0))
