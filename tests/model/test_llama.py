"""RMSNorm and SwiGLU beside torch's own and by hand; layouts, cache, refusals of whole models."""

import pytest
import torch
from small_llama import SMALL, small_llama
from torch import nn

from lessons_lib.model.gguf_file import rows_to_halves
from lessons_lib.model.llama import GatedFeedForward, Llama, LlamaConfig, RMSNorm


@pytest.fixture
def small():
    return small_llama()


def test_norm_is_torchs():
    ours, theirs = RMSNorm(7, eps=1e-3), nn.RMSNorm(7, eps=1e-3)
    ours.weight.data = theirs.weight.data = torch.randn(7)
    x = 3 + torch.randn(2, 5, 7)
    torch.testing.assert_close(ours(x), theirs(x))


def test_norm_by_hand():
    norm = RMSNorm(4, eps=0.0)
    norm.weight.data = torch.tensor([1.0, 2.0, 1.0, 1.0])
    found = norm(torch.tensor([1.0, 7.0, -5.0, 5.0]))  # mean square 25
    torch.testing.assert_close(found, torch.tensor([0.2, 2.8, -1.0, 1.0]))


def test_gate_by_hand():
    layer = GatedFeedForward(1, 1)
    for part, weight in ((layer.gate, 2.0), (layer.up, 3.0), (layer.down, 5.0)):
        nn.init.constant_(part.weight, weight)
    x = torch.tensor([[0.5]])
    silu = 1.0 / (1.0 + torch.exp(torch.tensor(-1.0)))  # of 2 x 0.5 = 1
    torch.testing.assert_close(layer(x), (5 * silu * 1.5)[None, None])


def test_layouts_are_the_same_function_of_reordered_rows(small):
    config = LlamaConfig(**{**vars(SMALL), "rotary_layout": "halves"})
    other = Llama(config).double().eval()
    other.load_state_dict(small.state_dict())
    ids = torch.randint(37, (1, 9))
    with torch.inference_mode():
        assert not torch.allclose(other(ids), small(ids))
        for layer in other.layers:
            for part, heads in (("project_query", 6), ("project_key", 2)):
                weight = getattr(layer.attention, part).weight
                weight.copy_(rows_to_halves(weight, heads))
        torch.testing.assert_close(other(ids), small(ids))


def test_cache_changes_nothing(small):
    ids, caches = torch.randint(37, (2, 12)), small.new_caches()
    with torch.inference_mode():
        parts = [small(ids[:, a:b], caches=caches) for a, b in ((0, 5), (5, 6), (6, 12))]
        torch.testing.assert_close(torch.cat(parts, dim=1), small(ids))


def test_unknown_id_is_refused(small):
    with pytest.raises(IndexError, match="0 to 36, the vocabulary; got 1 to 37"):
        small(torch.tensor([[1, 37]]))
