"""set_up: what it finds, what it makes repeatable, what it says."""

import os
import re
import subprocess
import sys

import numpy
import pytest
import torch
from torch import nn

from lessons_lib import set_up
from lessons_lib.base.device import INSTALL_TORCH, autocast, fast_precision


@pytest.fixture(autouse=True)
def settings_restored():
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def test_one_line_says_what_was_found(capsys):
    set_up(seed=3)
    line = capsys.readouterr().out
    assert re.fullmatch(r"Ready: torch \d+\.\d+\.\d+\S* on .+, seed 3\.\n", line)


def test_device_is_the_best_there_is():
    wanted = "cpu"
    if torch.cuda.is_available():
        wanted = "cuda"
    elif torch.backends.mps.is_available():
        wanted = "mps"
    assert set_up().type == wanted


def test_same_seed_gives_the_same_numbers():
    def draw(seed):
        set_up(seed)
        return torch.rand(2).tolist(), numpy.random.rand(2).tolist()

    assert draw(5) == draw(5)
    assert draw(5) != draw(6)


def test_kernels_are_deterministic():
    set_up()
    assert torch.are_deterministic_algorithms_enabled()


def test_threads_follow_the_users_wish(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    set_up()
    assert torch.get_num_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "nonsense")
    set_up()
    assert torch.get_num_threads() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "0", None, True])
def test_wrong_seed_is_refused(seed):
    with pytest.raises(ValueError, match=r"seed should be a whole number from 0 to 2\^32 - 1, not"):
        set_up(seed)


def test_missing_torch_says_which_command_installs_it():
    hide_torch = (
        "import sys, importlib.abc\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': raise ModuleNotFoundError(name)\n"
        "sys.modules['torch'] = None\n"
    )
    run = "from lessons_lib import set_up\nset_up()\n"
    result = subprocess.run(
        [sys.executable, "-c", hide_torch + run], capture_output=True, text=True
    )
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert "PyTorch is not installed for this Python" in last
    assert INSTALL_TORCH in last


def test_autocast_lowers_matrix_products_only_where_it_should():
    layer, x = nn.Linear(3, 2), torch.ones(1, 3)
    with autocast("bfloat16", x.device):
        assert layer(x).dtype == torch.bfloat16
    with autocast("float32", x.device):
        assert layer(x).dtype == torch.float32
    with pytest.raises(ValueError, match="float32 or bfloat16, not 'half'"):
        autocast("half", x.device)


def test_fast_precision_is_one_that_autocast_takes():
    for device in (None, torch.device("cpu")):
        with autocast(fast_precision(device), torch.device("cpu")):
            pass
    assert fast_precision(torch.device("mps")) == "float32"
