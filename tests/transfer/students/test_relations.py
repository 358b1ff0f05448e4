"""Relations: shares of likeness, whatever the width, beside sums in plain Python."""

import math

import pytest
import torch

from lessons_lib.transfer.students.relations import relation, relation_loss

RNG = torch.Generator().manual_seed(0)
MASK = torch.tensor([[[True, True, True]], [[True, True, False]]])


def by_hand(vectors: list[list[float]]) -> list[list[float]]:
    """Shares of likeness of some vectors with each other."""
    rows = []
    for one in vectors:
        scores = [
            sum(a * b for a, b in zip(one, two, strict=True)) / math.sqrt(len(one))
            for two in vectors
        ]
        total = sum(math.exp(score) for score in scores)
        rows.append([math.exp(score) / total for score in scores])
    return rows


def test_a_relation_is_softmax_of_the_products_of_each_part():
    x = torch.randn(2, 3, 8, generator=RNG)
    found = relation(x, MASK, num_heads=2).exp()
    for text, length in ((0, 3), (1, 2)):
        for head in range(2):
            part = x[text, :length, 4 * head : 4 * head + 4].tolist()
            expected = torch.tensor(by_hand(part))
            assert torch.allclose(found[text, head, :length, :length], expected, atol=1e-5)
    assert found[1, :, :, 2].eq(0).all()


def test_the_loss_is_the_mean_divergence_over_real_tokens_heads_and_kinds():
    student = [torch.randn(2, 3, 4, generator=RNG) for _ in range(2)]
    teacher = [torch.randn(2, 3, 8, generator=RNG) for _ in range(2)]  # twice as wide
    total, count = 0.0, 0
    for own, wanted in zip(student, teacher, strict=True):
        for text, length in ((0, 3), (1, 2)):
            for head in range(2):
                p = by_hand(wanted[text, :length, 4 * head : 4 * head + 4].tolist())
                q = by_hand(own[text, :length, 2 * head : 2 * head + 2].tolist())
                for i in range(length):
                    total += sum(a * math.log(a / b) for a, b in zip(p[i], q[i], strict=True))
                    count += 1
    found = relation_loss(student, teacher, MASK, num_heads=2)
    assert found.item() == pytest.approx(total / count, abs=1e-5)


def test_gradients_are_finite_where_there_is_padding():
    student = torch.randn(2, 3, 4, generator=RNG).requires_grad_(True)
    relation_loss([student], [torch.randn(2, 3, 4, generator=RNG)], MASK, 2).backward()
    assert student.grad.isfinite().all() and student.grad[0].abs().sum() > 0
    assert student.grad[1, 2].eq(0).all()


def test_errors_say_what_came():
    x = torch.zeros(2, 3, 4)
    with pytest.raises(ValueError, match="3 relations do not divide a width of 4"):
        relation(x, MASK, 3)
    with pytest.raises(ValueError, match="expected the same kinds, got 1 and 2"):
        relation_loss([x], [x, x], MASK, 2)
