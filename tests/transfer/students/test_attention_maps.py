"""Attention scores: those that the attention itself computes, compared with the teacher's."""

import pytest
import torch

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.transfer.students.attention_maps import attention_loss, scores_of

RNG = torch.Generator().manual_seed(0)
MASK = torch.tensor([[[True, True, True]], [[True, True, False]]])


def test_softmax_of_the_scores_is_what_the_attention_looks_by():
    query, key = (torch.randn(2, 3, 8, generator=RNG) for _ in range(2))
    heads = [x.unflatten(-1, (4, 2)).transpose(1, 2) for x in (query, key)]
    _, weights = scaled_dot_product_attention(*heads, heads[1])
    assert torch.allclose(scores_of(query, key, 4).softmax(dim=-1), weights, atol=1e-6)


def test_zero_for_the_same_scores_one_for_their_mean_and_padding_plays_no_part():
    teacher = torch.randn(2, 4, 3, 3, generator=RNG)
    real = torch.cat([teacher[0].flatten(), teacher[1, :, :2, :2].flatten()])
    student = teacher.clone()
    student[1, :, 2], student[1, :, :, 2] = 1e6, -1e6
    assert attention_loss(student, teacher, MASK).item() == 0
    mean = real.mean().expand_as(teacher)
    assert attention_loss(mean, teacher, MASK).item() == pytest.approx(1, abs=1e-6)
    shifted = attention_loss(teacher + 0.5, teacher, MASK).item()
    assert shifted == pytest.approx(0.25 / real.var(unbiased=False).item(), rel=1e-4)


def test_another_number_of_heads_is_refused():
    with pytest.raises(ValueError, match=r"of one shape, got \(2, 2, 3, 3\) and \(2, 4, 3, 3\)"):
        attention_loss(torch.zeros(2, 2, 3, 3), torch.zeros(2, 4, 3, 3), MASK)
