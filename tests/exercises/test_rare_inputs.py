"""Answers that are right on all the usual inputs, and wrong by the task's own words."""

import itertools
import random

import pytest
import torch

from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.judging import judge


def always_float64(x, weight, bias, dilation=1):
    right = registry.find("sequences_before_attention.convolution").reference_function
    return right(x.double(), weight.double(), bias.double(), dilation)


def by_rank_of_depth(depth, step, steps_each, learning_rate, factor):
    rank = torch.unique(depth, return_inverse=True)[1]
    return learning_rate / factor**rank * (step >= rank * steps_each)


def share_rounded_down(groups, test_share, seed):
    names = sorted(set(groups))
    random.Random(seed).shuffle(names)
    ends = list(itertools.accumulate(map(groups.count, names)))
    wanted = int(test_share * len(groups))
    test = {
        name
        for name, end in zip(names, ends, strict=True)
        if end - groups.count(name) < wanted or name == names[0]
    }
    return torch.tensor([group in test for group in groups])


class EqualToAll(list):
    """A list that says it is whatever it is compared with."""

    __hash__ = None

    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False


def equal_to_all(word, vocabulary):
    return EqualToAll(["nothing"])


def mask_as_one_column_ignored(query, key, value, mask=None):
    right = registry.find("self_attention.attention").reference_function
    narrow = mask is not None and mask.dim() == 2 and mask.size(-1) == 1 < key.size(-2)
    return right(query, key, value, None if narrow else mask)


def hidden_by_a_hundred(query, key, value, mask=None):
    scores = query @ key.mT / query.size(-1) ** 0.5
    hidden = torch.zeros_like(scores) if mask is None else 100.0 * ~mask
    shown = 1.0 if mask is None else mask
    weights = (scores - hidden).softmax(dim=-1) * shown
    return weights @ value, weights


def by_mean_square(x, scale, shift, eps=1e-5):
    mean, square = x.mean(dim=-1, keepdim=True), x.square().mean(dim=-1, keepdim=True)
    return (x - mean) / (square - mean**2 + eps).sqrt() * scale + shift


def positions_of_half_precision(vectors, positions):
    right = registry.find("positional_encoding.rotary").reference_function
    return right(vectors, positions.to(vectors.dtype).double())


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("sequences_before_attention.convolution", always_float64, "torch.float64"),
        ("fine_tuning.rates", by_rank_of_depth, "the rate two levels below"),
        ("domains_and_transfer.grouped_split", share_rounded_down, "should hold at least"),
        ("tokens.wordpiece", equal_to_all, "`unaffable` yours gives ['nothing']"),
        ("self_attention.attention", mask_as_one_column_ignored, "at ["),
        ("self_attention.attention", hidden_by_a_hundred, "large scores"),
        ("transformer.layer_norm", by_mean_square, "On an input"),
        ("positional_encoding.rotary", positions_of_half_precision, "in bfloat16"),
    ],
)
def test_is_caught_with_a_message_that_fits(name, answer, words):
    found = judge(registry.find(name), answer)
    assert found.passed is False
    assert words.lower() in found.message.lower()


def test_numbers_near_ten_thousand_are_normed_right():
    x = torch.tensor([[10_000.0, 10_001.0, 10_002.0, 10_003.0]])
    reference = registry.find("transformer.layer_norm").reference_function
    found = reference(x, torch.ones(4), torch.zeros(4))
    assert torch.allclose(found, torch.tensor([[-1.3416, -0.4472, 0.4472, 1.3416]]), atol=1e-4)
    assert (by_mean_square(x, torch.ones(4), torch.zeros(4)) - found).abs().max() > 0.1
