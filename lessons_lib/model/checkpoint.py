"""Published checkpoints of BERT's family: what their settings and tensors are called here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lessons_lib.model.layers import Config

_BERT = {
    "attention.self.query": "attention.project_query",
    "attention.self.key": "attention.project_key",
    "attention.self.value": "attention.project_value",
    "attention.output.dense": "attention.project_out",
    "attention.output.LayerNorm": "attention_residual.norm",
    "intermediate.dense": "feed_forward.0",
    "output.dense": "feed_forward.3",
    "output.LayerNorm": "feed_forward_residual.norm",
}
_DISTILBERT = dict(
    zip(
        (
            *("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin"),
            *("sa_layer_norm", "ffn.lin1", "ffn.lin2", "output_layer_norm"),
        ),
        _BERT.values(),
        strict=True,
    )
)
_EMBEDDINGS = {
    "embeddings.word_embeddings.weight": "tokens.weight",
    "embeddings.position_embeddings.weight": "places.weight",
    "embeddings.token_type_embeddings.weight": "types.weight",
    "embeddings.LayerNorm.weight": "norm.weight",
    "embeddings.LayerNorm.bias": "norm.bias",
}
_SIZES = {
    "d_model": ("hidden_size", "dim"),
    "num_heads": ("num_attention_heads", "n_heads"),
    "num_layers": ("num_hidden_layers", "n_layers"),
    "d_ff": ("intermediate_size", "hidden_dim"),
}
_ACTIVATIONS = {
    "gelu": "gelu",
    "relu": "relu",
    **dict.fromkeys(("gelu_new", "gelu_pytorch_tanh"), "gelu_tanh"),
}
# Settings that, where they are not false or empty, change what is computed.
_UNSUPPORTED = {
    "is_decoder": "nobody would look ahead",
    "add_cross_attention": "each layer would look at a second text too",
    "pruned_heads": "some layers would have fewer heads",
    "quantization_config": "the weights are stored in fewer bits",
    "sinusoidal_pos_embds": "positions should be a learned table",
    "rope_scaling": "positions should be a learned table",
    "rope_parameters": "positions should be a learned table",
    "is_encoder_decoder": "there would be a decoder too",
    "adapters": "each layer would have more in it",
}
_LIKE_ROBERTA = ("roberta", "xlm-roberta", "camembert")
FAMILIES = ("bert", *_LIKE_ROBERTA, "distilbert")

_PREFIX = re.compile(r"^(bert|roberta|distilbert)\.")
_OLD_NORM = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
# Heads of the training, and what sits on [CLS] alone: no part of the stack of layers.
_LEFT_OUT = re.compile(r"^(pooler|cls|lm_head|vocab_\w+|\w*classifier|qa_outputs)\.|position_ids$")


class CheckpointError(ValueError):
    """Tensors do not fit the encoder; nothing was loaded.

    Attributes:
        missing: published name to the shape that was expected.
        extra: published name to the shape that was found.
        misshapen: published name to (found, expected).
    """

    def __init__(self, missing: dict, extra: dict, misshapen: dict):
        self.missing, self.extra, self.misshapen = missing, extra, misshapen
        lines = [f"missing: {name}, expected {shape}" for name, shape in missing.items()]
        lines += [f"extra: {name}, {shape}" for name, shape in extra.items()]
        for name, (found, wanted) in misshapen.items():
            turned = ": stored the other way round?" if found == wanted[::-1] else ""
            lines.append(f"misshapen: {name}\n    is {found}, expected {wanted}{turned}")
        super().__init__("\n  ".join(["the checkpoint does not fit; nothing was loaded", *lines]))


@dataclass(frozen=True)
class Published:
    """What a checkpoint's config.json says, in our words.

    Attributes:
        config: sizes and choices of the layers.
        family: the `model_type`, one of `FAMILIES`; it decides what the tensors are called.
        vocab_size: tokens.
        num_types: kinds of segment; 0 where there are none.
        first_place: rows of the position table that stand before the first token's: RoBERTa
            counts from the padding's id on.
    """

    config: Config
    family: str
    vocab_size: int
    num_types: int
    first_place: int = 0


def read_config(settings: Mapping) -> Published:
    """Read a config.json of BERT's family.

    Raises:
        ValueError: another family, positions or an activation of another kind, a setting that is
            missing, or one that changes what is computed and is not built here: a decoder,
            cross-attention, pruned heads, code of the checkpoint's own.

    >>> sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1}
    >>> rest = {"intermediate_size": 16, "vocab_size": 9, "max_position_embeddings": 4}
    >>> read_config({"model_type": "bert", **sizes, **rest}).config.d_ff
    16
    """
    family = settings.get("model_type")
    if family not in FAMILIES:
        raise ValueError(f"model_type should be one of {', '.join(FAMILIES)}; got {family!r}")
    kind = settings.get("position_embedding_type", "absolute")
    if kind != "absolute":
        raise ValueError(f"positions should be a learned table ('absolute'); got {kind!r}")
    _require_supported(settings)
    style = settings.get("hidden_act", settings.get("activation", "gelu"))
    if style not in _ACTIVATIONS:
        raise ValueError(
            f"the activation should be one of {', '.join(_ACTIVATIONS)}; got {style!r}"
        )
    first = settings.get("pad_token_id", 1) + 1 if family in _LIKE_ROBERTA else 0
    config = Config(
        **{ours: _setting(settings, *theirs) for ours, theirs in _SIZES.items()},
        activation=_ACTIVATIONS[style],
        pre_norm=False,
        norm_eps=settings.get("layer_norm_eps", 1e-12),
        positions="none",
        max_len=_setting(settings, "max_position_embeddings") - first,
    )
    num_types = 0 if family == "distilbert" else settings.get("type_vocab_size", 2)
    return Published(config, family, _setting(settings, "vocab_size"), num_types, first)


def _require_supported(settings: Mapping) -> None:
    for name, what in _UNSUPPORTED.items():
        if settings.get(name):
            raise ValueError(
                f"config.json has {name} = {settings[name]!r}, so {what}; that is not built here"
            )
    code = (settings.get("auto_map") or {}).get("AutoModel")
    if code:
        raise ValueError(
            f"config.json names code of the checkpoint's own, {code!r}; "
            "only what the families compute is built here"
        )


def _setting(settings: Mapping, *names: str) -> int:
    for name in names:
        if name in settings:
            return settings[name]
    raise ValueError(f"config.json should hold {' or '.join(names)}; it has {sorted(settings)}")


def name_table(published: Published) -> dict[str, str]:
    """Published name -> our name, for every tensor that the encoder uses, in the file's order.

    >>> sizes = Config(num_layers=1)
    >>> name_table(Published(sizes, "bert", 9, 2))["encoder.layer.0.output.dense.bias"]
    'layers.0.feed_forward.3.bias'
    """
    is_distil = published.family == "distilbert"
    start, layer = ("transformer", _DISTILBERT) if is_distil else ("encoder", _BERT)
    table = dict(_EMBEDDINGS)
    if not published.num_types:
        del table["embeddings.token_type_embeddings.weight"]
    for number in range(published.config.num_layers):
        for theirs, ours in layer.items():
            for kind in ("weight", "bias"):
                table[f"{start}.layer.{number}.{theirs}.{kind}"] = f"layers.{number}.{ours}.{kind}"
    return table


def rename(
    tensors: Mapping[str, Tensor], published: Published, shapes: Mapping[str, torch.Size]
) -> dict[str, Tensor]:
    """A checkpoint's tensors under our names, each in the shape that the encoder wants.

    Args:
        tensors: published name to tensor. A prefix such as "bert." and the older names gamma and
            beta are understood; pooler and heads of the training are left out.
        published: what the checkpoint's config.json says.
        shapes: our name to shape, as in the encoder's state_dict.

    Raises:
        CheckpointError: a tensor is missing, not known, or of another shape; it names each one.
    """
    given = {_plain(name): tensor for name, tensor in tensors.items()}
    given = {name: tensor for name, tensor in given.items() if not _LEFT_OUT.search(name)}
    table = name_table(published)
    wanted = {name: _published_shape(ours, published, shapes) for name, ours in table.items()}
    require_fit({name: tuple(tensor.shape) for name, tensor in given.items()}, wanted)
    found = {ours: given[name] for name, ours in table.items()}
    return found | {"places.weight": found["places.weight"][published.first_place :]}


def require_fit(found: Mapping[str, tuple], wanted: Mapping[str, tuple]) -> None:
    """Raise CheckpointError unless a file holds just the tensors that are wanted: name to shape."""
    missing = {name: shape for name, shape in wanted.items() if name not in found}
    extra = {name: shape for name, shape in found.items() if name not in wanted}
    both = [name for name in wanted if name in found]
    misshapen = {n: (found[n], wanted[n]) for n in both if found[n] != wanted[n]}
    if missing or extra or misshapen:
        raise CheckpointError(missing, extra, misshapen)


def _plain(name: str) -> str:
    name = _PREFIX.sub("", name)
    for old, new in _OLD_NORM.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def _published_shape(ours: str, published: Published, shapes) -> tuple[int, ...]:
    rows, *width = shapes[ours]
    if ours == "places.weight":
        rows += published.first_place
    return rows, *width
