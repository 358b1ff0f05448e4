"""(IA)^3 against matrices whose rows or columns are multiplied."""

import pytest
import torch
from small_model import close, in_each_layer, moved_by_training, new_model, small_llama
from torch import nn
from torch.nn import functional

from lessons_lib.transfer.ia3 import Rescaled, add_ia3

IDS = torch.tensor([[3, 1, 4], [2, 7, 1]])


@pytest.mark.parametrize("make", [lambda: new_model("inserted").encoder, small_llama])
def test_at_first_nothing_is_changed(make):
    model = make().eval()
    before = model(IDS)
    assert len(add_ia3(model)) == 3 * len(model.layers)
    assert close(model(IDS), before, 0)


def test_the_output_side_multiplies_rows_and_bias_the_input_side_columns():
    torch.manual_seed(0)
    linear, x = nn.Linear(5, 7), torch.randn(2, 3, 5)
    rows, columns = Rescaled(linear, "output"), Rescaled(linear, "input")
    for rescaled in (rows, columns):
        nn.init.normal_(rescaled.factor)
    weight, bias = linear.weight, linear.bias
    wanted = functional.linear(x, torch.diag(rows.factor) @ weight, rows.factor * bias)
    assert close(rows(x), wanted)
    assert close(columns(x), functional.linear(x, weight @ torch.diag(columns.factor), bias))


def test_it_stands_at_keys_values_and_the_inside_of_the_feed_forward():
    model = new_model("inserted")
    sizes = [len(rescaled.factor) for rescaled in add_ia3(model.encoder)]
    assert sizes == [12, 12, 20] * 3
    places = ("attention.project_key", "attention.project_value", "feed_forward.3")
    assert moved_by_training(model) == in_each_layer(*(f"{place}.factor" for place in places))


def test_unknown_side_is_refused():
    with pytest.raises(ValueError, match="side should be 'output' or 'input', not 'key'"):
        Rescaled(nn.Linear(2, 2), "key")
