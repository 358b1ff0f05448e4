"""Devices: a model works where it should and comes back; precision and threads."""

from collections import namedtuple

import pytest
import torch
from torch import nn

from lessons_lib.base import device
from lessons_lib.base.device import (
    autocast,
    best_device,
    device_of,
    fast_precision,
    move,
    usable_cores,
    working,
)


def test_best_device_is_the_best_there_is_unless_the_reader_wants_another(monkeypatch):
    monkeypatch.delenv("LESSONS_DEVICE", raising=False)
    wanted = "cpu"
    if torch.cuda.is_available():
        wanted = "cuda"
    elif torch.backends.mps.is_available():
        wanted = "mps"
    assert best_device().type == wanted
    monkeypatch.setenv("LESSONS_DEVICE", "meta")
    assert best_device() == torch.device("meta")


def test_a_model_of_the_readers_device_stays_there(monkeypatch):
    monkeypatch.setenv("LESSONS_DEVICE", "cpu")
    model = nn.Linear(3, 2).to("meta")
    with working(model) as found:
        assert found.type == device_of(model).type == "meta"
    assert device_of(model).type == "meta"


def test_a_small_model_works_on_one_thread_and_a_large_one_on_all(monkeypatch):
    monkeypatch.setenv("LESSONS_DEVICE", "cpu")
    monkeypatch.setattr(device, "usable_cores", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    small, large = nn.Linear(3, 2), nn.Linear(2_000, 2_000)
    try:
        with pytest.raises(KeyError), working(small):
            assert torch.get_num_threads() == 1
            raise KeyError
        with working(large):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_model_without_parameters_is_on_the_cpu():
    assert device_of(nn.ReLU()).type == "cpu"


def test_move_keeps_the_form():
    Pair = namedtuple("Pair", "ids name")
    batch = {"pair": Pair(torch.ones(2), "a"), "list": [torch.ones(1)], "number": 3}
    moved = move(batch, "meta")
    assert moved["pair"].ids.device.type == moved["list"][0].device.type == "meta"
    assert moved["pair"].name == "a" and moved["number"] == 3
    assert batch["list"][0].device.type == "cpu"


def test_autocast_lowers_matrix_products_only_where_it_should():
    layer, x = nn.Linear(3, 2), torch.ones(1, 3)
    with autocast("bfloat16", x.device):
        assert layer(x).dtype == torch.bfloat16
    with autocast("float32", x.device):
        assert layer(x).dtype == torch.float32
    with pytest.raises(ValueError, match="float32 or bfloat16, not 'half'"):
        autocast("half", x.device)


def test_fast_precision_is_one_that_autocast_takes():
    for place in (None, torch.device("cpu")):
        with autocast(fast_precision(place), torch.device("cpu")):
            pass
    assert fast_precision(torch.device("mps")) == "float32"


@pytest.mark.parametrize(
    ("content", "cores"), [("150000 100000", 1), ("50000 100000", 1), ("max 100000", None)]
)
def test_a_containers_share_counts(content, cores, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(device, "_QUOTA", tmp_path / "none")
    free = usable_cores()
    monkeypatch.setattr(device, "_QUOTA", tmp_path / "cpu.max")
    (tmp_path / "cpu.max").write_text(content)
    assert usable_cores() == (cores or free)


def test_a_folder_where_nothing_can_be_read_limits_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(device, "_QUOTA", tmp_path)
    assert usable_cores() >= 1
