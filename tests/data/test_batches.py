"""Batches: rectangles with little padding, the same for a seed."""

from itertools import pairwise

import pytest
import torch

from lessons_lib.data.batches import (
    TOKENS_A_BATCH,
    by_length,
    by_tokens,
    mixed_by_length,
    pad,
    rectangle,
    text_batches,
)


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


RANDOM_LENGTHS = torch.randint(2, 60, (137,), generator=torch.Generator().manual_seed(0)).tolist()


def test_batches_by_length_hold_every_text_once_and_rise():
    batches = by_length(RANDOM_LENGTHS, batch_size=16)
    assert sorted(place for batch in batches for place in batch) == list(range(137))
    lengths = [RANDOM_LENGTHS[place] for batch in batches for place in batch]
    assert lengths == sorted(lengths)
    assert [len(batch) for batch in batches] == [16] * 8 + [9]


def test_batches_by_tokens_hold_every_text_once_and_are_small():
    lengths = [3, 9, 400, 512, 30] * 40
    batches = by_tokens(lengths)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(lengths[place] for place in batch) <= TOKENS_A_BATCH


def test_mixed_batches_keep_the_draw_apart_by_pools_and_like_lengths_together():
    order = torch.randperm(137, generator=torch.Generator().manual_seed(1)).tolist()
    rng = torch.Generator().manual_seed(2)
    batches = list(mixed_by_length(order, RANDOM_LENGTHS, batch_size=8, rng=rng))
    assert sorted(place for batch in batches for place in batch) == list(range(137))
    first_pool = sorted(batches[:8], key=lambda batch: max(RANDOM_LENGTHS[p] for p in batch))
    assert {place for batch in first_pool for place in batch} == set(order[: 8 * 8])
    for shorter, longer in pairwise(first_pool):
        assert max(RANDOM_LENGTHS[p] for p in shorter) <= min(RANDOM_LENGTHS[p] for p in longer)
    assert first_pool != batches[:8]  # they come in a random order


def test_rectangle_of_ids_and_of_vectors_by_hand():
    ids, mask = rectangle([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[[True, True, True]], [[True, False, False]]]
    rows = [torch.ones(3, 2, dtype=torch.bfloat16), 2 * torch.ones(1, 2, dtype=torch.bfloat16)]
    states, same_mask = rectangle(rows)
    assert states.dtype == torch.float32
    assert states[1].tolist() == [[2, 2], [0, 0], [0, 0]]
    assert torch.equal(same_mask, mask)
