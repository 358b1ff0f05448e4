"""A small GGUF file, written by the package and read here: settings, shapes, what is refused."""

import gguf
import numpy as np
import pytest
import torch

from lessons_lib.model.checkpoint import CheckpointError
from lessons_lib.model.gguf_file import GGUFFile, rename_language_model, rows_to_halves
from lessons_lib.model.llama import Llama

SIZES = {
    "embedding_length": 64,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "block_count": 1,
    "feed_forward_length": 32,
}
SHAPES = {
    "token_embd": (9, 64),
    "output_norm": (64,),
    "blk.0.attn_norm": (64,),
    "blk.0.attn_q": (64, 64),
    "blk.0.attn_k": (32, 64),
    "blk.0.attn_v": (32, 64),
    "blk.0.attn_output": (64, 64),
    "blk.0.ffn_norm": (64,),
    "blk.0.ffn_gate": (32, 64),
    "blk.0.ffn_up": (32, 64),
    "blk.0.ffn_down": (64, 32),
}


def write(path, shapes=SHAPES, kind="llama", packed=gguf.GGMLQuantizationType.Q4_1, without=()):
    """A file with random weights; returns them."""
    writer = gguf.GGUFWriter(path, kind)
    for name, value in SIZES.items():
        writer.add_uint32(f"{kind}.{name}", value) if name not in without else None
    writer.add_float32(f"{kind}.attention.layer_norm_rms_epsilon", 1e-5)
    writer.add_float32(f"{kind}.rope.freq_base", 500.0)
    writer.add_token_list(["a", "b"])
    rng, weights = np.random.default_rng(0), {}
    for name, shape in shapes.items():
        weights[name] = rng.normal(size=shape).astype(np.float32)
        if len(shape) == 2 and shape[1] % 32 == 0 and packed is not None:
            stored = gguf.quants.quantize(weights[name], packed)
            writer.add_tensor(f"{name}.weight", stored, raw_dtype=packed)
        else:
            writer.add_tensor(f"{name}.weight", weights[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return weights


def load(path):
    file = GGUFFile(path)
    model = Llama(file.config())
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    model.load_state_dict(rename_language_model(file, shapes))
    return model


def test_sizes_and_settings_are_read(tmp_path):
    write(tmp_path / "m.gguf")
    file = GGUFFile(tmp_path / "m.gguf")
    config = file.config()
    assert (config.vocab_size, config.d_model, config.num_key_value_heads) == (9, 64, 2)
    assert config.rotary_base == 500.0 and config.norm_eps == pytest.approx(1e-5)
    assert file.kinds["blk.0.ffn_down.weight"] == ("Q4_1", (64, 32))
    assert file.kinds["output_norm.weight"] == ("F32", (64,))
    assert "tokenizer.ggml.tokens" not in file.settings
    assert file.list_of("tokenizer.ggml.tokens") == ["a", "b"]


def test_weights_come_to_their_places_within_four_bits(tmp_path):
    weights = write(tmp_path / "m.gguf")
    model = load(tmp_path / "m.gguf")
    up = torch.from_numpy(weights["blk.0.ffn_up"])
    step = (up.amax() - up.amin()) / 15
    assert (model.layers[0].feed_forward.up.weight - up).abs().max() < 0.51 * step
    norm = torch.from_numpy(weights["output_norm"])
    assert torch.equal(model.final_norm.weight.detach(), norm)


def test_whatever_does_not_fit_is_named(tmp_path):
    shapes = dict(SHAPES)
    del shapes["blk.0.attn_v"]
    shapes |= {"blk.1.attn_v": (32, 64), "blk.0.attn_k": (64, 64)}
    write(tmp_path / "m.gguf", shapes)
    with pytest.raises(CheckpointError) as refused:
        load(tmp_path / "m.gguf")
    for words in ("blk.0.attn_v.weight", "blk.1.attn_v.weight", "blk.0.attn_k.weight"):
        assert words in str(refused.value)


def test_other_kinds_and_formats_are_refused(tmp_path):
    write(tmp_path / "kind.gguf", kind="mamba")
    with pytest.raises(ValueError, match="should be 'llama', not 'mamba'"):
        GGUFFile(tmp_path / "kind.gguf").config()
    write(tmp_path / "format.gguf", packed=gguf.GGMLQuantizationType.Q5_0)
    with pytest.raises(ValueError, match="stored as Q5_0; read here are F32, Q8_0, Q4_1"):
        load(tmp_path / "format.gguf")
    write(tmp_path / "size.gguf", without=["feed_forward_length"])
    with pytest.raises(ValueError, match=r"should say llama\.feed_forward_length"):
        GGUFFile(tmp_path / "size.gguf").config()


@pytest.mark.parametrize("content", [b"", b"nothing of the kind, but long enough to be read"])
def test_what_is_no_such_file_is_refused(tmp_path, content):
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other\.gguf cannot be read as a GGUF file"):
        GGUFFile(path)


def test_file_that_is_cut_off_is_refused(tmp_path):
    whole, part = tmp_path / "whole.gguf", tmp_path / "part.gguf"
    write(whole)
    part.write_bytes(whole.read_bytes()[:-5_000])
    with pytest.raises(ValueError, match=r"part\.gguf cannot be read"):
        GGUFFile(part)


def test_rows_of_each_head_are_sorted_into_halves():
    numbered = torch.arange(12.0)[:, None].expand(12, 2)
    assert rows_to_halves(numbered, 2)[:, 0].tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
