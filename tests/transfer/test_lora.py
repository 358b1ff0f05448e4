"""LoRA against peft's, against the matrix product that it stands for, and merged."""

import math

import pytest
import torch
from small_model import close, in_each_layer, moved_by_training, new_model, small_llama
from torch import nn
from torch.nn import functional

from lessons_lib.transfer.lora import (
    DoRALinear,
    LoRALinear,
    add_lora,
    lora_state,
    merge_lora,
    set_lora_state,
    unmerge_lora,
)

KINDS = [LoRALinear, DoRALinear]


def learnt(kind=LoRALinear, bias=True, **settings) -> LoRALinear:
    """A LoRA from 5 to 7 whose parameters are no longer those of the start."""
    torch.manual_seed(0)
    layer = kind(nn.Linear(5, 7, bias=bias), **({"rank": 3, "alpha": 6} | settings))
    for parameter in layer.parameters():
        if parameter.requires_grad:
            nn.init.normal_(parameter)
    return layer


@pytest.mark.parametrize("kind", KINDS)
def test_at_first_nothing_is_changed(kind):
    linear, x = nn.Linear(5, 7), torch.randn(2, 3, 5)
    before = linear(x)
    assert close(kind(linear, rank=2)(x), before)


@pytest.mark.parametrize("bias", [True, False])
def test_forward_is_that_of_the_changed_matrix(bias):
    layer, x = learnt(bias=bias), torch.randn(4, 5)
    changed = layer.linear.weight + 6 / 3 * layer.up @ layer.down
    assert close(layer(x), functional.linear(x, changed, layer.linear.bias), 1e-5)


@pytest.mark.parametrize("bias", [True, False])
def test_dora_gives_each_row_the_length_magnitude(bias):
    layer, x = learnt(DoRALinear, bias=bias), torch.randn(4, 5)
    rows = layer.linear.weight + layer.scale * layer.up @ layer.down
    changed = torch.stack(
        [size * row / row.square().sum().sqrt() for size, row in zip(layer.magnitude, rows)]  # noqa: B905
    )
    assert close(layer(x), functional.linear(x, changed, layer.linear.bias), 1e-5)


@pytest.mark.parametrize(("kind", "uses_dora"), [(LoRALinear, False), (DoRALinear, True)])
@pytest.mark.parametrize("scaling", ["alpha / rank", "alpha / sqrt(rank)"])
def test_forward_and_gradients_are_those_of_peft(kind, uses_dora, scaling):
    peft = pytest.importorskip("peft")
    ours = learnt(kind, scaling=scaling)
    config = peft.LoraConfig(
        r=3,
        lora_alpha=6,
        target_modules=["project_query"],
        use_rslora="sqrt" in scaling,
        use_dora=uses_dora,
    )
    bare = nn.ModuleDict({"project_query": nn.Linear(5, 7)})
    bare["project_query"].load_state_dict(ours.linear.state_dict())
    theirs = peft.inject_adapter_in_model(config, bare)["project_query"]
    pairs = {
        "down": theirs.lora_A["default"].weight,
        "up": theirs.lora_B["default"].weight,
    }
    if uses_dora:
        pairs["magnitude"] = theirs.lora_magnitude_vector["default"].weight
    with torch.no_grad():
        for name, theirs_own in pairs.items():
            theirs_own.copy_(getattr(ours, name))
    x = torch.randn(4, 5)
    assert close(ours(x), theirs(x), 1e-5)
    for layer in (ours, theirs):
        layer(x).square().sum().backward()
    for name, theirs_own in pairs.items():
        own = getattr(ours, name).grad
        assert own.abs().max() > 0.1
        assert torch.allclose(own, theirs_own.grad, rtol=1e-4, atol=1e-4), name


def test_the_root_makes_a_high_rank_count_for_more():
    linear = nn.Linear(5, 7)
    assert LoRALinear(linear, 64, 16).scale == 0.25
    assert LoRALinear(linear, 64, 16, "alpha / sqrt(rank)").scale == 2.0


def test_rank_of_the_change_is_at_most_the_rank():
    assert torch.linalg.matrix_rank(learnt(rank=2).change()) == 2


def test_down_is_drawn_as_a_linear_layer_is_and_up_is_zero():
    torch.manual_seed(0)
    layer = LoRALinear(nn.Linear(400, 50), rank=100)
    bound = 1 / math.sqrt(400)
    assert 0.99 * bound < layer.down.abs().max() <= bound
    assert not layer.up.any()


def test_dropout_is_in_the_change_alone_and_in_training_alone():
    layer, x = learnt(dropout_p=0.999), torch.randn(4, 5)
    whole = layer.eval()(x)
    assert close(layer(x), whole, 0)
    torch.manual_seed(0)
    assert close(layer.train()(x), layer.linear(x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [lambda: new_model("inserted").encoder, small_llama])
def test_merged_says_the_same_and_unmerged_too(kind, make):
    model, ids = make(), torch.tensor([[3, 1, 4, 1], [2, 7, 1, 8]])
    base = model.eval()(ids)
    for lora in add_lora(model, rank=2, targets=("query", "value", "out"), kind=kind):
        nn.init.normal_(lora.up, std=0.2)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    changed = model(ids)
    assert (changed - base).abs().max() > 1e-3
    merge_lora(model)
    assert close(model(ids), changed, 5e-6)
    unmerge_lora(model)
    assert close(model(ids), changed, 5e-6)
    for name, weight in model.state_dict().items():
        assert close(weight, weights[name]), name


@pytest.mark.parametrize("kind", KINDS)
def test_removed_leaves_plain_layers_with_the_change_in_them(kind):
    model, ids = small_llama(), torch.tensor([[3, 1, 4]])
    names = list(model.state_dict())
    for lora in add_lora(model, 2, targets=("gate", "up", "down"), kind=kind):
        nn.init.normal_(lora.up, std=0.2)
    changed = model(ids)
    merge_lora(model, remove=True)
    assert list(model.state_dict()) == names
    assert close(model(ids), changed, 5e-6)


def test_merging_twice_is_refused_and_changes_nothing():
    model = new_model("inserted").encoder
    first, *_ = add_lora(model)
    nn.init.normal_(first.up)
    with pytest.raises(ValueError, match="not merged: there is no change to take out"):
        unmerge_lora(model)
    merge_lora(model)
    weight = first.linear.weight.clone()
    with pytest.raises(ValueError, match="already merged: merging again would add the change twi"):
        merge_lora(model)
    with pytest.raises(ValueError, match="already merged"):
        first.merge()
    assert torch.equal(first.linear.weight, weight)


def test_only_its_own_parameters_are_trained():
    model = new_model("inserted")
    add_lora(model.encoder, rank=2)
    names = (f"attention.project_{n}.{part}" for n in ("query", "value") for part in ("down", "up"))
    assert moved_by_training(model) == in_each_layer(*names)


def test_number_of_trained_parameters_is_rank_times_both_widths():
    model = small_llama()
    add_lora(model, rank=2, targets=("query", "value", "down"))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == 2 * 2 * ((8 + 8) + (8 + 4) + (6 + 8))


def test_a_state_goes_into_another_copy_of_the_base():
    ids = torch.tensor([[3, 1, 4]])
    ours, other = new_model("inserted").encoder, new_model("inserted").encoder
    for model in (ours, other):
        add_lora(model, rank=2)
    for lora in ours.layers:
        nn.init.normal_(lora.attention.project_value.up)
    state = lora_state(ours)
    assert set(state) == {name for name, p in ours.named_parameters() if p.requires_grad}
    assert not close(ours(ids), other(ids))
    set_lora_state(other, state)
    assert close(ours(ids), other(ids), 0)


def test_a_state_of_another_shape_is_refused():
    model = new_model("inserted").encoder
    add_lora(model, rank=2)
    state = lora_state(model)
    name = next(iter(state))
    with pytest.raises(ValueError, match=r"is \(3, 12\) there and \(2, 12\) here"):
        set_lora_state(model, state | {name: torch.zeros(3, 12)})
    with pytest.raises(ValueError, match=f"{name} is None there"):
        set_lora_state(model, {key: state[key] for key in state if key != name})
    merge_lora(model)
    with pytest.raises(ValueError, match="merged: unmerge_lora first"):
        set_lora_state(model, state)


def test_errors_say_what_came():
    linear, encoder = nn.Linear(5, 7), new_model("inserted").encoder
    with pytest.raises(TypeError, match=r"LoRA changes an nn\.Linear, not a ReLU"):
        LoRALinear(nn.ReLU())
    for rank in (0, 1.5, True):
        with pytest.raises(ValueError, match=f"whole number of at least 1, not {rank}"):
            LoRALinear(linear, rank)
    with pytest.raises(ValueError, match="one of alpha / rank, alpha / sqrt"):
        LoRALinear(linear, scaling="sqrt")
    with pytest.raises(ValueError, match=r"BertEncoder has no nn\.Linear named 'gate', 'keys'"):
        add_lora(encoder, targets=("query", "gate", "keys"))
    with pytest.raises(ValueError, match="BertEncoder holds no LoRA"):
        merge_lora(encoder)
    add_lora(encoder)
    with pytest.raises(ValueError, match="holds LoRA already"):
        add_lora(encoder, targets=("key",))
