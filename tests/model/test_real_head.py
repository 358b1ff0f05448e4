"""The real head that the chapter on self-attention shows is the reference library's own."""

import pytest
import torch
from tools_path import notebooks
from transformers import BertConfig, BertModel

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.pretrained import load_config, load_tensors, load_tokenizer

RIDDLE = "The animal did not cross the street because it was too tired."


@pytest.fixture(scope="module")
def chapter():
    """The names that the chapter's own cells define: first_layer_input, project, real_head."""
    names = {
        "torch": torch,
        "functional": torch.nn.functional,
        "tensors": load_tensors(),
        "tokenizer": load_tokenizer(),
        "word_vectors": load_tensors()["embeddings.word_embeddings.weight"],
        "scaled_dot_product_attention": scaled_dot_product_attention,
    }
    for cell in notebooks.read_notebook("02_self_attention").cells:
        if cell.source.startswith(("def first_layer_input", "def project")):
            exec(cell.source, names)
    return names


@pytest.fixture(scope="module")
def reference():
    """The same checkpoint in the reference library."""
    settings = {k: v for k, v in load_config().items() if not k.startswith(("_", "transformers"))}
    model = BertModel(BertConfig(**settings), add_pooling_layer=False)
    model.set_attn_implementation("eager")
    missing, _ = model.load_state_dict(load_tensors(), strict=False)
    assert missing == []
    return model.eval()


@pytest.mark.parametrize("head", range(12))
def test_every_head_of_the_first_layer_equals_the_reference_librarys(chapter, reference, head):
    ids = torch.tensor([chapter["tokenizer"].encode(RIDDLE).ids])
    with torch.no_grad():
        theirs = reference(ids, output_attentions=True, output_hidden_states=True)
    _, x = chapter["first_layer_input"](RIDDLE)
    _, weights = chapter["real_head"](x, head)
    torch.testing.assert_close(x, theirs.hidden_states[0][0], rtol=0, atol=1e-5)
    torch.testing.assert_close(weights, theirs.attentions[0][0, head], rtol=0, atol=1e-5)
