"""torch's own layers with our numbers copied over, and the pairs of parameters to compare."""

import torch
from torch import nn


def randomise(module, seed=0):
    """Every parameter random, norms and biases included, so that nothing is 0 or 1 by chance."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            scale = parameter.size(-1) ** -0.5
            parameter.copy_(torch.randn(parameter.shape, generator=rng) * scale)
    return module


def settings(config):
    return {
        "d_model": config.d_model,
        "nhead": config.num_heads,
        "dim_feedforward": config.d_ff,
        "dropout": config.dropout_p,
        "activation": config.activation,
        "layer_norm_eps": config.norm_eps,
        "batch_first": True,
        "norm_first": config.pre_norm,
    }


def attention_pairs(theirs, ours):
    """torch keeps query, key and value in one matrix: each pair with the rows that are meant."""
    width, pairs = ours.d_model, []
    for place, part in enumerate((ours.project_query, ours.project_key, ours.project_value)):
        rows = slice(place * width, (place + 1) * width)
        pairs += [((theirs.in_proj_weight, rows), part.weight)]
        pairs += [((theirs.in_proj_bias, rows), part.bias)]
    return pairs + module_pairs(theirs.out_proj, ours.project_out)


def module_pairs(theirs, ours):
    return list(zip(theirs.parameters(), ours.parameters(), strict=True))


def encoder_layer_pairs(theirs, ours):
    return [
        *attention_pairs(theirs.self_attn, ours.attention),
        *module_pairs(theirs.linear1, ours.feed_forward[0]),
        *module_pairs(theirs.linear2, ours.feed_forward[3]),
        *module_pairs(theirs.norm1, ours.attention_residual.norm),
        *module_pairs(theirs.norm2, ours.feed_forward_residual.norm),
    ]


def decoder_layer_pairs(theirs, ours):
    return [
        *attention_pairs(theirs.self_attn, ours.self_attention),
        *attention_pairs(theirs.multihead_attn, ours.cross_attention),
        *module_pairs(theirs.linear1, ours.feed_forward[0]),
        *module_pairs(theirs.linear2, ours.feed_forward[3]),
        *module_pairs(theirs.norm1, ours.self_residual.norm),
        *module_pairs(theirs.norm2, ours.cross_residual.norm),
        *module_pairs(theirs.norm3, ours.feed_forward_residual.norm),
    ]


def stack_pairs(theirs, ours, layer_pairs):
    both = zip(theirs.layers, ours.layers, strict=True)
    pairs = [pair for layers in both for pair in layer_pairs(*layers)]
    return pairs + (module_pairs(theirs.norm, ours.final_norm) if theirs.norm is not None else [])


def copy_over(pairs):
    with torch.no_grad():
        for theirs, ours in pairs:
            whole, rows = theirs if isinstance(theirs, tuple) else (theirs, slice(None))
            whole[rows].copy_(ours)
    return pairs


def gradient_of(theirs):
    """The gradient of a parameter, or of the rows of it that a pair means."""
    whole, rows = theirs if isinstance(theirs, tuple) else (theirs, slice(None))
    return whole.grad[rows]


def assert_same(output, wanted, inputs, pairs, tolerance):
    """Outputs agree, and the gradients of all inputs and all parameters."""
    close = {"rtol": 0, "atol": tolerance}
    torch.testing.assert_close(output, wanted, **close)
    torch.manual_seed(1)
    direction = torch.randn_like(wanted) / wanted.numel() ** 0.5
    (output * direction).sum().backward()
    (wanted * direction).sum().backward()
    for theirs, ours in [*inputs, *pairs]:
        torch.testing.assert_close(ours.grad, gradient_of(theirs), **close)


def encoder_twin(ours, config):
    """torch's encoder; after post-norm layers there is no last norm, as in the paper."""
    layer = nn.TransformerEncoderLayer(**settings(config))
    norm = nn.LayerNorm(config.d_model, eps=config.norm_eps) if config.pre_norm else None
    return nn.TransformerEncoder(layer, len(ours.layers), norm, enable_nested_tensor=False)


def decoder_twin(ours, config):
    layer = nn.TransformerDecoderLayer(**settings(config))
    norm = nn.LayerNorm(config.d_model, eps=config.norm_eps) if config.pre_norm else None
    return nn.TransformerDecoder(layer, len(ours.layers), norm)
