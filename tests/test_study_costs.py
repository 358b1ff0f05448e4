"""What a technique costs: counted on a case that can be counted by hand."""

import sys
from pathlib import Path

import torch
from torch import nn

sys.path.append(str(Path(__file__).parent / "transfer"))
from small_model import new_model

from studies.shared import costs


class Exponential(nn.Module):
    """exp(x w), (B, 3) -> (B,)."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(3))

    def standardised(self, x, mask):
        return (x @ self.w).exp()


def test_kept_is_what_the_backward_pass_needs_and_neither_weights_nor_batch():
    """Of x w nothing but x and w; of exp its result, which the loss keeps, too: 5 numbers."""
    batch = torch.randn(5, 3), torch.ones(5, 1, 3, dtype=torch.bool), torch.zeros(5)
    assert costs.kept_bytes(Exponential(), batch) == 5 * 4


def test_costs_of_two_top_layers(monkeypatch):
    monkeypatch.setattr(costs, "NUM_TOKENS", 7)
    model = new_model(2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found, fewer = costs.costs_of(model, "float32"), costs.costs_of(new_model(1), "float32", False)
    each = 4 * (12 * 12 + 12) + (12 * 20 + 20) + (20 * 12 + 12) + 2 * 2 * 12
    assert found["trained_parameters"] == 2 * each + 13
    assert found["stored_bytes"] > 4 * found["trained_parameters"]
    assert found["extra_bytes"] > fewer["extra_bytes"] > 3 * 4 * fewer["trained_parameters"]
    assert found["step_seconds"] > 0 and "step_seconds" not in fewer
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
