"""A source's labels beside a penalty: the sum, and the penalty's size."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lessons_lib.transfer.unlabelled.beside_target import balanced, loss_beside


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(3, 1)

    def pooled(self, x, mask=None):
        return x if mask is None else x * mask

    def read(self, features):
        return self.head(features)


def error(read, wanted):
    return functional.mse_loss(read.squeeze(-1), wanted)


def gap(source, target):
    return (source.mean(dim=0) - target.mean(dim=0)).square().sum()


X, WANTED, OTHER = torch.randn(5, 3), torch.randn(5), torch.randn(4, 3)


def test_the_loss_is_that_of_the_labels_plus_the_penalty():
    model = Model()
    found = loss_beside(error, gap)(model, ((X, WANTED), (OTHER, None)))
    assert torch.allclose(found, error(model.read(X), WANTED) + gap(X, OTHER))


def test_inputs_may_come_with_a_mask():
    model, mask = Model(), torch.tensor([1.0, 0.0, 1.0])
    found = loss_beside(error, gap)(model, ((X, mask, WANTED), (OTHER, mask, None)))
    assert torch.allclose(found, error(model.read(X * mask), WANTED) + gap(X * mask, OTHER * mask))


def test_the_targets_labels_are_not_looked_at():
    first, second = (
        loss_beside(error, gap)(Model(), ((X, WANTED), (OTHER, labels)))
        for labels in (torch.zeros(4), torch.full((4,), torch.nan))
    )
    assert torch.equal(first, second)


def test_a_balanced_penalty_begins_as_large_as_the_label_loss_and_keeps_its_factor():
    model, penalty = Model(), balanced(gap)
    loss_of, label_loss = loss_beside(error, penalty), error(model.read(X), WANTED)
    assert loss_of(model, ((X, WANTED), (OTHER, None))).item() == pytest.approx(
        2 * label_loss.item(), rel=1e-5
    )
    factor = label_loss / gap(X, OTHER)
    further = loss_of(model, ((X, WANTED), (3 * OTHER, None)))
    assert torch.allclose(further, label_loss + factor * gap(X, 3 * OTHER), rtol=1e-4)
