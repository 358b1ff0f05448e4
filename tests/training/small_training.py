"""A small model and its batches, for the tests of training."""

import torch
from torch import nn
from torch.nn import functional


def make_model(seed=0, width=7, dropout_p=0.3):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(5, width), nn.LayerNorm(width), nn.Dropout(dropout_p), nn.Linear(width, 3)
    )


def batches(count=1_000, seed=0, size=16):
    """Points of five numbers, and which of the first three is the largest."""
    rng = torch.Generator().manual_seed(seed)
    for _ in range(count):
        x = torch.randn(size, 5, generator=rng)
        yield x, x[:, :3].argmax(dim=-1)


def loss_of(model, batch):
    return functional.cross_entropy(model(batch[0]), batch[1])


def validate(model):
    assert not model.training and not torch.is_grad_enabled()
    return loss_of(model, next(batches(seed=9, size=64)))


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
