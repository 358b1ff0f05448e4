"""The reference library's Llama with a model's own weights, to compare; needs `transformers`."""

from torch import Tensor

from lessons_lib.model.gguf_file import rows_to_halves
from lessons_lib.model.llama import Llama

_WHOLE = {"embedding": "model.embed_tokens", "final_norm": "model.norm"}
_LAYER = {
    "attention_norm": "input_layernorm",
    "attention.project_query": "self_attn.q_proj",
    "attention.project_key": "self_attn.k_proj",
    "attention.project_value": "self_attn.v_proj",
    "attention.project_out": "self_attn.o_proj",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.gate": "mlp.gate_proj",
    "feed_forward.up": "mlp.up_proj",
    "feed_forward.down": "mlp.down_proj",
}


def reference_of(model: Llama):
    """`transformers`' LlamaForCausalLM that holds the same weights, in the same dtype.

    It knows rotary pairs in halves only, so rows of neighbouring pairs are reordered.

    Raises:
        ImportError: `transformers` is not installed.
    """
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = model.config
    settings = LlamaConfig(
        vocab_size=sizes.vocab_size,
        hidden_size=sizes.d_model,
        intermediate_size=sizes.d_ff,
        num_hidden_layers=sizes.num_layers,
        num_attention_heads=sizes.num_heads,
        num_key_value_heads=sizes.num_key_value_heads,
        rms_norm_eps=sizes.norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": sizes.rotary_base},
        max_position_embeddings=8192,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    reference = LlamaForCausalLM(settings).to(model.embedding.weight.dtype).eval()
    theirs = {
        _their_name(name): _their_rows(name, t, sizes) for name, t in model.state_dict().items()
    }
    found = reference.load_state_dict(theirs, strict=False)
    if found.unexpected_keys or found.missing_keys not in ([], ["lm_head.weight"]):  # it is tied
        raise RuntimeError(f"the reference library's names have changed: {found}")
    return reference


def _their_name(name: str) -> str:
    ours = name.removesuffix(".weight")
    if ours in _WHOLE:
        return f"{_WHOLE[ours]}.weight"
    _, number, part = ours.split(".", 2)
    return f"model.layers.{number}.{_LAYER[part]}.weight"


def _their_rows(name: str, tensor: Tensor, sizes) -> Tensor:
    if sizes.rotary_layout == "halves":
        return tensor
    heads = {"project_query": sizes.num_heads, "project_key": sizes.num_key_value_heads}
    part = name.split(".")[-2]
    return rows_to_halves(tensor, heads[part]) if part in heads else tensor
