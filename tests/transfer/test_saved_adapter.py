"""An adapter's file: small, whole, and of no use to another base."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_model import moved_by_training, new_model
from torch import nn

from lessons_lib.transfer.adapters import add_adapters
from lessons_lib.transfer.bias_only import open_biases
from lessons_lib.transfer.fine_tuning import predict
from lessons_lib.transfer.ia3 import add_ia3
from lessons_lib.transfer.lora import DoRALinear, add_lora, merge_lora
from lessons_lib.transfer.prefix import add_prefix
from lessons_lib.transfer.prompt import add_prompt
from lessons_lib.transfer.saved_adapter import (
    adapter_bytes,
    base_hash,
    load_adapter,
    save_adapter,
)

TECHNIQUES = {
    "lora": lambda encoder: add_lora(encoder, rank=2),
    "dora": lambda encoder: add_lora(encoder, rank=2, kind=DoRALinear),
    "adapters": lambda encoder: add_adapters(encoder, width=2),
    "prefix": lambda encoder: add_prefix(encoder, [5, 9]),
    "prompt": lambda encoder: add_prompt(encoder, [5, 9]),
    "biases": open_biases,
    "ia3": add_ia3,
}
TEXTS = [[3, 1, 4], [2, 7, 1, 8]]


def begun(technique="lora"):
    model = new_model("inserted")
    TECHNIQUES[technique](model.encoder)
    return model


def with_another_base(model):
    with torch.no_grad():
        model.encoder.tokens.weight[3, 5] += 1e-3
    return model


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_what_was_trained_comes_back_on_a_new_copy_of_the_base(technique, tmp_path):
    trained, fresh = begun(technique), begun(technique)
    before = base_hash(trained)
    moved_by_training(trained)
    assert base_hash(trained) == before
    size = save_adapter(tmp_path / "small.safetensors", trained)
    assert size == (tmp_path / "small.safetensors").stat().st_size == len(adapter_bytes(trained))
    assert predict(fresh, TEXTS).tolist() != predict(trained, TEXTS).tolist()
    load_adapter(tmp_path / "small.safetensors", fresh)
    assert predict(fresh, TEXTS).tolist() == predict(trained, TEXTS).tolist()


def test_file_holds_what_is_trained_and_the_ratings_scale_and_no_more(tmp_path):
    model = begun()
    save_adapter(tmp_path / "small.safetensors", model)
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    assert set(load_file(tmp_path / "small.safetensors")) == trained | {"mean", "spread"}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_another_base_is_refused_and_left_as_it_was(technique, tmp_path):
    trained, other = begun(technique), with_another_base(begun(technique))
    moved_by_training(trained)
    save_adapter(tmp_path / "small.safetensors", trained)
    before = predict(other, TEXTS).tolist()
    with pytest.raises(
        ValueError, match=r"another base: its frozen weights have the sha256 \w{12}"
    ):
        load_adapter(tmp_path / "small.safetensors", other)
    assert predict(other, TEXTS).tolist() == before


def test_a_merged_lora_is_another_base(tmp_path):
    model = begun()
    moved_by_training(model)
    save_adapter(tmp_path / "small.safetensors", model)
    other = begun()
    nn.init.normal_(other.encoder.layers[0].attention.project_query.up)
    merge_lora(other)
    with pytest.raises(ValueError, match=r"merged=False.* there and .*merged=True"):
        load_adapter(tmp_path / "small.safetensors", other)


def test_another_technique_size_or_scale_is_refused(tmp_path):
    save_adapter(tmp_path / "small.safetensors", begun())
    for settings, told in (
        ({"rank": 3, "alpha": 24}, r"rank=2.* there and .*rank=3"),
        ({"rank": 2, "alpha": 8}, "scale=8.* there and .*scale=4"),
        ({"rank": 2, "targets": ("query",)}, "project_value is .* there and None here"),
    ):
        other = new_model("inserted")
        add_lora(other.encoder, **settings)
        with pytest.raises(ValueError, match=told):
            load_adapter(tmp_path / "small.safetensors", other)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "small.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="is not an adapter that `save_adapter` has written"):
        load_adapter(path, begun())
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match="is damaged"):
        load_adapter(path, begun())


def test_nothing_to_save_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear has nothing that is trained"):
        save_adapter(tmp_path / "small.safetensors", nn.Linear(2, 2).requires_grad_(False))


def test_the_hash_does_not_depend_on_names_but_on_every_number():
    torch.manual_seed(0)
    first, second = nn.Linear(3, 2), nn.Linear(4, 3)
    one = nn.ModuleDict({"a": first, "b": second}).requires_grad_(False)
    before = base_hash(one)
    assert base_hash(nn.Sequential(second, first)) == before
    with torch.no_grad():
        first.bias[0] += 1e-6
    assert base_hash(one) != before
