"""Unpacked blocks beside the package `gguf`, whose own code is the oracle."""

import gguf
import numpy as np
import pytest

from lessons_lib.model.blocks import unpack_q4_0, unpack_q4_1, unpack_q8_0

KINDS = [
    (unpack_q8_0, gguf.GGMLQuantizationType.Q8_0, 34),
    (unpack_q4_0, gguf.GGMLQuantizationType.Q4_0, 18),
    (unpack_q4_1, gguf.GGMLQuantizationType.Q4_1, 20),
]


@pytest.mark.parametrize("unpack, kind, num_bytes", KINDS)
def test_as_the_package_unpacks_what_it_has_packed(unpack, kind, num_bytes):
    weights = np.random.default_rng(0).normal(size=(3, 96)).astype(np.float32)
    stored = gguf.quants.quantize(weights, kind)
    assert stored.shape == (3, 3 * num_bytes)
    np.testing.assert_allclose(unpack(stored), gguf.quants.dequantize(stored, kind), atol=1e-6)


@pytest.mark.parametrize("unpack, kind, num_bytes", KINDS)
def test_part_of_a_block_is_refused(unpack, kind, num_bytes):
    with pytest.raises(ValueError, match=rf"whole blocks of {num_bytes} bytes .* got uint8"):
        unpack(np.zeros((2, num_bytes + 1), dtype=np.uint8))
    with pytest.raises(ValueError, match="got float32"):
        unpack(np.zeros((2, num_bytes), dtype=np.float32))
