"""A small model beside `transformers`' Llama with the same weights: scores and gradients.

The reference takes norms and angles in float32 always, so in float64 five digits agree.
"""

import pytest
import torch
from small_llama import SMALL, small_llama

from lessons_lib.model.llama import Llama, LlamaConfig
from lessons_lib.model.reference_llama import reference_of


@pytest.fixture
def small():
    return small_llama()


@pytest.mark.parametrize("layout", ["neighbours", "halves"])
def test_model_is_the_reference_librarys(small, layout):
    config = LlamaConfig(**{**vars(SMALL), "rotary_layout": layout})
    model = Llama(config).double().eval()
    model.load_state_dict(small.state_dict())
    reference = reference_of(model)
    ids = torch.randint(37, (2, 19))
    with torch.inference_mode():
        torch.testing.assert_close(model(ids), reference(ids).logits, atol=2e-5, rtol=0)


def test_gradients_are_the_reference_librarys(small):
    reference = reference_of(small)
    ids = torch.randint(37, (2, 11))
    for model in (small, reference):
        out = model(ids)
        (out if isinstance(out, torch.Tensor) else out.logits).square().mean().backward()
    theirs = dict(reference.named_parameters())
    for ours, name in (
        ("embedding.weight", "model.embed_tokens.weight"),
        ("layers.1.feed_forward.gate.weight", "model.layers.1.mlp.gate_proj.weight"),
        ("layers.0.attention_norm.weight", "model.layers.0.input_layernorm.weight"),
    ):
        torch.testing.assert_close(
            small.get_parameter(ours).grad, theirs[name].grad, atol=1e-5, rtol=0
        )


def test_its_weights_are_copies_in_the_same_dtype(small):
    reference = reference_of(small.float())
    assert reference.dtype == torch.float32
    with torch.no_grad():
        reference.model.norm.weight.zero_()
    assert small.final_norm.weight.abs().min() > 0
