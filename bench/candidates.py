"""The encoders that are compared: the same sizes, the same maths, the same weights.

All are post-norm with exact GELU, no dropout, no positions and no mask, which every one of them
can do. Each takes x (B, L, d_model) and returns the same shape.
"""

import importlib.util
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench import torch_twins
from lessons_lib.model.layers import Config
from lessons_lib.model.transformer import Encoder

OURS = "ours"
INSTALL = "pip install -e '.[run,test,bench]' -c constraints.txt"
SIZES = Config(
    d_model=384,
    num_heads=12,
    num_layers=6,
    d_ff=1536,
    activation="gelu",
    pre_norm=False,
    positions="none",
)


class HuggingFaceEncoder(nn.Module):
    """The encoder of `transformers.BertModel`, without its embeddings and its pooler."""

    def __init__(self, config: Config):
        super().__init__()
        from transformers import BertConfig, BertModel

        theirs = BertConfig(
            vocab_size=1,
            hidden_size=config.d_model,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            intermediate_size=config.d_ff,
            hidden_act=config.activation,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            layer_norm_eps=config.norm_eps,
            attn_implementation="sdpa",
        )
        self.encoder = BertModel(theirs, add_pooling_layer=False).encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x).last_hidden_state


def make_candidates(config: Config = SIZES, names: tuple[str, ...] | None = None) -> dict:
    """Every encoder that is installed, by name, ours first, with ours' weights copied over.

    Linear layers and norms of x-transformers have fewer biases; ours are zero here, so that the
    outputs are still the same. (It is spared a few additions.)
    """
    torch.manual_seed(0)
    ours = Encoder(config).eval()
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            if name.endswith("bias") and "feed_forward.0" not in name:
                parameter.zero_()
    made = {OURS: lambda: ours} | {
        name: lambda make=make: make(ours, config).eval() for name, make in PEERS.items()
    }
    return {name: make() for name, make in made.items() if names is None or name in names}


def torch_encoder(ours: Encoder, config: Config) -> nn.Module:
    theirs = torch_twins.encoder_twin(ours, config)
    torch_twins.copy_over(torch_twins.stack_pairs(theirs, ours, torch_twins.encoder_layer_pairs))
    return theirs


def huggingface_encoder(ours: Encoder, config: Config) -> nn.Module:
    theirs = HuggingFaceEncoder(config)
    for layer, own in zip(theirs.encoder.layer, ours.layers, strict=True):
        attention, heads = layer.attention, layer.attention.self
        _copy_all(heads.query, own.attention.project_query)
        _copy_all(heads.key, own.attention.project_key)
        _copy_all(heads.value, own.attention.project_value)
        _copy_all(attention.output.dense, own.attention.project_out)
        _copy_all(attention.output.LayerNorm, own.attention_residual.norm)
        _copy_all(layer.intermediate.dense, own.feed_forward[0])
        _copy_all(layer.output.dense, own.feed_forward[3])
        _copy_all(layer.output.LayerNorm, own.feed_forward_residual.norm)
    return theirs


def x_transformers_encoder(ours: Encoder, config: Config) -> nn.Module:
    from x_transformers import Encoder as Theirs

    theirs = Theirs(
        dim=config.d_model,
        depth=config.num_layers,
        heads=config.num_heads,
        attn_dim_head=config.d_model // config.num_heads,
        attn_flash=True,
        ff_mult=config.d_ff / config.d_model,
        norm_add_unit_offset=False,
        pre_norm=config.pre_norm,
    )
    blocks = list(theirs.layers)
    for attention, feed_forward, own in zip(blocks[0::2], blocks[1::2], ours.layers, strict=True):
        heads = attention[1]
        _copy(heads.to_q.weight, own.attention.project_query.weight)
        _copy(heads.to_k.weight, own.attention.project_key.weight)
        _copy(heads.to_v.weight, own.attention.project_value.weight)
        _copy(heads.to_out.weight, own.attention.project_out.weight)
        _copy(attention[0][2].gamma, own.attention_residual.norm.weight)
        layers = feed_forward[1].ff
        _copy_all(layers[0][0], own.feed_forward[0])
        _copy_all(layers[2], own.feed_forward[3])
        _copy(feed_forward[0][2].gamma, own.feed_forward_residual.norm.weight)
    return theirs


PEERS: dict[str, Callable] = {
    "torch.nn.TransformerEncoder": torch_encoder,
    "transformers.BertModel": huggingface_encoder,
}
if importlib.util.find_spec("x_transformers"):
    PEERS["x_transformers.Encoder"] = x_transformers_encoder


def _copy(theirs: Tensor, ours: Tensor) -> None:
    with torch.no_grad():
        theirs.copy_(ours)


def _copy_all(theirs: nn.Module, ours: nn.Module) -> None:
    _copy(theirs.weight, ours.weight)
    _copy(theirs.bias, ours.bias)
