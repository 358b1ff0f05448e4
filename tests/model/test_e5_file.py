"""The multilingual encoder's file: what it holds, and what is refused."""

import gguf
import numpy as np
import pytest

from lessons_lib.model.e5 import open_multilingual
from lessons_lib.model.e5_file import E5File, e5_names


def test_tensors_are_those_that_the_package_unpacks():
    file = open_multilingual()
    stored = np.array(file.bytes_of("l3.fi.w"))
    theirs = gguf.quants.dequantize(stored, gguf.GGMLQuantizationType.Q4_0)
    np.testing.assert_allclose(file.tensor("l3.fi.w").numpy(), theirs, atol=1e-6)
    assert set(file.stored) == set(e5_names(12))


def test_sizes_and_pieces_are_the_published_ones():
    file = open_multilingual()
    assert file.sizes == {
        "d_model": 384,
        "layers": 12,
        "heads": 12,
        "d_ff": 1536,
        "vocabulary": 250_037,
        "positions": 512,
        "types": 2,
    }
    assert len(file.pieces) == len(file.scores) == 250_002
    assert file.special == {"start": 0, "end": 2, "padding": 1, "unknown": 3}


def test_another_file_and_a_cut_one_are_refused(tmp_path):
    other = tmp_path / "other.bin"
    other.write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ValueError, match=r"should begin with b'E5S1', not b'GGUF'"):
        E5File(other)
    other.write_bytes(b"E5S1" + bytes(20))
    with pytest.raises(ValueError, match="cut off or damaged"):
        E5File(other)
