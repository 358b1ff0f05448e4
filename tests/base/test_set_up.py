"""set_up: what it finds, what it makes repeatable, what it says."""

import re
import subprocess
import sys

import numpy
import pytest
import torch

from lessons_lib import set_up
from lessons_lib.base.set_up import INSTALL_TORCH


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


def test_device_is_the_best_there_is(monkeypatch):
    monkeypatch.setenv("LESSONS_DEVICE", "meta")
    assert set_up().type == "meta"


def test_same_seed_gives_the_same_numbers():
    def draw(seed):
        set_up(seed)
        return torch.rand(2).tolist(), numpy.random.rand(2).tolist()

    assert draw(5) == draw(5)
    assert draw(5) != draw(6)


def test_kernels_are_deterministic():
    set_up()
    assert torch.are_deterministic_algorithms_enabled()


def test_pages_compute_on_one_thread_so_that_numbers_do_not_depend_on_the_cores(capsys):
    set_up()
    assert torch.get_num_threads() == 1
    assert "core" in capsys.readouterr().out or torch.cuda.is_available()


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
