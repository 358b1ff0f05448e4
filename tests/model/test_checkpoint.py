"""Published names and settings become ours; what does not fit is named, and nothing is loaded."""

import re

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from lessons_lib.model.attention import padding_mask
from lessons_lib.model.checkpoint import (
    CheckpointError,
    name_table,
    read_config,
    rename,
)
from lessons_lib.model.pretrained import load_config, load_encoder, load_tensors

SMALL = {"vocab_size": 13, "max_position_embeddings": 9}
BERT_SIZES = {
    "hidden_size": 12,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "intermediate_size": 20,
}
DISTIL_SIZES = {"dim": 12, "n_heads": 3, "n_layers": 2, "hidden_dim": 20}
KINDS = {
    "bert": (transformers.BertConfig, transformers.BertModel, BERT_SIZES),
    "bert for filling gaps": (transformers.BertConfig, transformers.BertForMaskedLM, BERT_SIZES),
    "bert for pre-training": (transformers.BertConfig, transformers.BertForPreTraining, BERT_SIZES),
    "multilingual": (
        transformers.XLMRobertaConfig,
        transformers.XLMRobertaModel,
        BERT_SIZES | {"type_vocab_size": 1, "pad_token_id": 1},
    ),
    "roberta": (transformers.RobertaConfig, transformers.RobertaModel, BERT_SIZES),
    "roberta for classes": (
        transformers.RobertaConfig,
        transformers.RobertaForSequenceClassification,
        BERT_SIZES,
    ),
    "distilbert": (transformers.DistilBertConfig, transformers.DistilBertModel, DISTIL_SIZES),
    "distilbert for filling gaps": (
        transformers.DistilBertConfig,
        transformers.DistilBertForMaskedLM,
        DISTIL_SIZES,
    ),
}


def checkpoint(kind: str, folder):
    """A model with random weights of every kind, biases and norms included, saved to a folder."""
    config_type, model_type, sizes = KINDS[kind]
    torch.manual_seed(0)
    model = model_type(config_type(**SMALL, **sizes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    return getattr(model, model.base_model_prefix) if kind != kind.split(" for ")[0] else model


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_loads_with_the_reference_librarys_hidden_states(kind, tmp_path):
    reference = checkpoint(kind, tmp_path)
    encoder = load_encoder(tmp_path)
    first = 2 if "roberta" in reference.config.model_type else 0
    lengths = torch.tensor([9 - first, 4, 1])
    mask = padding_mask(lengths, 9 - first)
    ids = torch.randint(2, 13, (3, 9 - first))
    ids[~mask.squeeze(1)] = reference.config.pad_token_id
    with torch.inference_mode():
        theirs = reference(ids, attention_mask=mask.squeeze(1).long(), output_hidden_states=True)
        ours = encoder.hidden_states(ids, mask)
    assert len(ours) == 3
    for mine, other in zip(ours, theirs.hidden_states, strict=True):
        assert (mine - other)[mask.squeeze(1)].abs().max() < 1e-5


def test_old_names_of_the_norms_and_a_prefix_are_understood(tmp_path):
    reference = checkpoint("bert", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    old = {
        "bert." + re.sub("LayerNorm.weight$", "LayerNorm.gamma", name): tensor
        for name, tensor in tensors.items()
    }
    old = {re.sub("LayerNorm.bias$", "LayerNorm.beta", name): t for name, t in old.items()}
    save_file(old, tmp_path / "model.safetensors")
    ids = torch.tensor([[3, 5, 7]])
    with torch.inference_mode():
        wanted = reference(ids).last_hidden_state
        assert (load_encoder(tmp_path)(ids) - wanted).abs().max() < 1e-5


@pytest.fixture
def minilm():
    encoder = load_encoder()
    shapes = {name: tensor.shape for name, tensor in encoder.state_dict().items()}
    return load_tensors(), read_config(load_config()), shapes


def test_the_table_names_each_tensor_of_the_encoder_and_no_other(minilm):
    tensors, published, shapes = minilm
    table = name_table(published)
    assert len(table) == 5 + 6 * 16
    unused = {"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"}
    assert set(table) | unused == set(tensors)
    assert set(table.values()) == set(shapes)


def test_query_key_and_value_keep_their_roles(minilm):
    tensors, published, shapes = minilm
    ours = rename(tensors, published, shapes)
    for role in ("query", "key", "value"):
        theirs = tensors[f"encoder.layer.4.attention.self.{role}.bias"]
        assert torch.equal(ours[f"layers.4.attention.project_{role}.bias"], theirs)


def test_a_missing_tensor_is_named_with_its_shape(minilm):
    tensors, *rest = minilm
    del tensors["encoder.layer.2.attention.self.key.weight"], tensors["embeddings.LayerNorm.bias"]
    with pytest.raises(CheckpointError) as caught:
        rename(tensors, *rest)
    assert caught.value.missing == {
        "encoder.layer.2.attention.self.key.weight": (384, 384),
        "embeddings.LayerNorm.bias": (384,),
    }
    assert "missing: embeddings.LayerNorm.bias, expected (384,)" in str(caught.value)
    assert "nothing was loaded" in str(caught.value)


def test_an_extra_tensor_is_named(minilm):
    tensors, *rest = minilm
    tensors["encoder.layer.6.output.dense.bias"] = torch.zeros(384)
    with pytest.raises(
        CheckpointError, match=r"extra: encoder.layer.6.output.dense.bias, \(384,\)"
    ):
        rename(tensors, *rest)


def test_a_misshapen_tensor_is_named_and_a_transposed_one_recognised(minilm):
    tensors, *rest = minilm
    name = "encoder.layer.0.intermediate.dense.weight"
    tensors[name] = tensors[name].T
    wanted = r"intermediate.dense.weight\n    is \(384, 1536\), expected \(1536, 384\): stored the"
    with pytest.raises(CheckpointError, match=wanted):
        rename(tensors, *rest)
    tensors[name] = torch.zeros(2, 384)
    with pytest.raises(CheckpointError, match=r"is \(2, 384\), expected \(1536, 384\)$"):
        rename(tensors, *rest)


def test_all_that_is_wrong_is_said_at_once(minilm):
    tensors, *rest = minilm
    tensors["stranger"] = tensors.pop("embeddings.word_embeddings.weight")
    tensors["embeddings.LayerNorm.bias"] = torch.zeros(2)
    with pytest.raises(CheckpointError) as caught:
        rename(tensors, *rest)
    assert re.findall(r"^  (\w+):", str(caught.value), re.MULTILINE) == [
        "missing",
        "extra",
        "misshapen",
    ]


def test_a_checkpoint_that_does_not_fit_loads_nothing(tmp_path):
    checkpoint("bert", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(
        {k: t for k, t in tensors.items() if "layer.1" not in k}, tmp_path / "model.safetensors"
    )
    with pytest.raises(CheckpointError) as caught:
        load_encoder(tmp_path)
    assert len(caught.value.missing) == 16


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_type": "gpt2"}, r"one of bert, .*distilbert; got 'gpt2'"),
        ({"model_type": None}, "got None"),
        ({"position_embedding_type": "relative_key"}, "learned table .*got 'relative_key'"),
        ({"hidden_act": "silu"}, "activation should be one of gelu, .*got 'silu'"),
        ({"hidden_size": None}, r"should hold hidden_size or dim; it has \["),
    ],
)
def test_a_config_of_another_kind_is_refused(changed, message):
    settings = load_config() | changed
    settings = {k: v for k, v in settings.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        read_config(settings)


@pytest.mark.parametrize(
    ("name", "ours"), [("gelu_new", "gelu_tanh"), ("relu", "relu"), ("gelu", "gelu")]
)
def test_the_published_activation_is_taken(name, ours):
    assert read_config(load_config() | {"hidden_act": name}).config.activation == ours


@pytest.mark.parametrize(
    "changed",
    [
        {"is_decoder": True},
        {"add_cross_attention": True},
        {"pruned_heads": {"0": [1]}},
        {"quantization_config": {"load_in_8bit": True}},
        {"sinusoidal_pos_embds": True},
        {"auto_map": {"AutoModel": "modelling.OwnModel"}},
    ],
    ids=str,
)
def test_a_setting_that_changes_the_computation_is_refused(changed):
    (name,) = changed
    wanted = "code of the checkpoint's own" if name == "auto_map" else f"has {name} = "
    with pytest.raises(ValueError, match=wanted):
        read_config(load_config() | changed)
    harmless = {name: type(changed[name])()}
    assert read_config(load_config() | harmless) == read_config(load_config())
