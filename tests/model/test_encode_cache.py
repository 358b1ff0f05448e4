"""The key holds all that decides the vectors, and is the same in another process."""

import doctest
import functools
import os
import random
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from torch import nn

from lessons_lib.model import encode_cache
from lessons_lib.model.encode_cache import NoKey, keep, key_of, load, path_of, remove

FACTOR = 1
settings = types.ModuleType("settings")


def captured(factor):
    return lambda hidden, mask: hidden[:, 0] * factor


def by_default(factor):
    def pool(hidden, mask, factor=factor):
        return hidden[:, 0] * factor

    return pool


def by_global(factor):
    global FACTOR
    FACTOR = factor
    return lambda hidden, mask: hidden[:, 0] * FACTOR


def by_a_module_of_the_readers(factor):
    settings.factor = factor
    return lambda hidden, mask: hidden[:, 0] * settings.factor


def by_an_inner_function(factor):
    def inner(hidden):
        return hidden[:, 0] * factor

    return lambda hidden, mask: inner(hidden)


def by_an_attribute(factor):
    def pool(hidden, mask):
        return hidden[:, 0] * pool.factor

    pool.factor = factor
    return pool


def decorated(factor):
    @torch.no_grad()
    def pool(hidden, mask):
        return hidden[:, 0] * factor

    return pool


def cached(factor):
    return functools.cache(captured(factor))


class Pool(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(float(factor)))

    def forward(self, hidden, mask):
        return hidden[:, 0] * self.factor


class Plain:
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, hidden, mask):
        return hidden[:, 0] * self.factor


class Slotted:
    __slots__ = ("factor",)

    def __init__(self, factor):
        self.factor = factor


MADE_BY = {
    "a captured value": captured,
    "a default": by_default,
    "a global": by_global,
    "a module of the reader's": by_a_module_of_the_readers,
    "an inner function": by_an_inner_function,
    "an attribute of the function": by_an_attribute,
    "what a package's decorator holds": decorated,
    "what functools.cache holds": cached,
    "a partial": lambda factor: functools.partial(torch.mul, other=factor),
    "a parameter": Pool,
    "an object's attribute": Plain,
    "a slot": Slotted,
    "a bound method": lambda factor: Plain(factor).__call__,
    "a tensor's own method": lambda factor: torch.tensor([factor]).mul,
    "an array": lambda factor: np.array([factor]),
    "a hook": lambda factor: hooked(lambda module, inputs, output: output * factor),
    "a set": lambda factor: {"a", factor},
}


def hooked(hook):
    module = nn.Linear(2, 2)
    nn.init.ones_(module.weight), nn.init.ones_(module.bias)
    module._forward_hooks[0] = hook
    return module


@pytest.mark.parametrize("kind", MADE_BY)
def test_what_decides_the_result_is_in_the_key(kind):
    make = MADE_BY[kind]
    once, other, again = (key_of(make(factor)) for factor in (1, 100, 1))
    assert once == again != other


def test_a_part_without_parameters_that_is_replaced_is_in_the_key():
    one, other = nn.Sequential(nn.GELU()), nn.Sequential(nn.ReLU())
    assert key_of(one) != key_of(other)
    assert key_of(nn.GELU()) != key_of(nn.GELU(approximate="tanh"))


def test_training_mode_and_gradients_are_not_in_the_key():
    module = Pool(3)
    before = key_of(module)
    module.eval().requires_grad_(False)
    assert key_of(module) == before


def test_the_key_is_the_same_in_another_process():
    script = (
        "from lessons_lib.model.bert import BertEncoder, mean_pool\n"
        "from lessons_lib.model.layers import Config\n"
        "from lessons_lib.model.encode_cache import key_of\n"
        "import torch; torch.manual_seed(0)\n"
        "e = BertEncoder(Config(d_model=8, num_heads=2, num_layers=1, d_ff=8), vocab_size=9)\n"
        "print(key_of(e, mean_pool, {'a', 'b', 'c'}, torch.float32))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


def test_a_thing_that_holds_itself_has_a_key():
    loop = [1]
    loop.append(loop)
    assert key_of(loop) == key_of(loop)


def test_what_cannot_be_told_has_no_key_and_no_place(tmp_path):
    with (tmp_path / "file").open("w") as file:
        pool = captured(file)
        with pytest.raises(NoKey, match="cannot be told"):
            key_of(pool)
        assert path_of(pool) is None


def test_without_a_place_nothing_is_kept_or_loaded():
    keep(None, vectors=torch.ones(2))
    remove(None)
    assert load(None) == {}


def test_what_is_kept_comes_back_until_it_is_removed(tmp_path):
    path, vectors = tmp_path / "new" / "kept.safetensors", torch.tensor([random.random()])
    keep(path, vectors=vectors)
    assert torch.equal(load(path)["vectors"], vectors)
    remove(path)
    assert load(path) == {}


def test_a_folder_that_takes_nothing_is_a_warning(tmp_path):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="vectors are not kept for the next time: .*file"):
        keep(tmp_path / "file" / "kept.safetensors", vectors=torch.ones(2))


def test_examples_in_the_docstrings_run():
    result = doctest.testmod(encode_cache)
    assert result.failed == 0 and result.attempted > 0
