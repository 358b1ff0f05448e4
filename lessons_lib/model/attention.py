"""Scaled dot-product attention and the masks that say who may look at whom."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout_p: float = 0.0,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Average the values, each weighted by how well its key matches the query.

    Axes: ... any leading axes (batch, heads), Q queries, K keys, D width of queries and keys,
    V width of values.

    Args:
        query: (..., Q, D), floating point.
        key: (..., K, D), same dtype and device.
        value: (..., K, V), same dtype and device, in any unit u.
        mask: bool, broadcastable to (..., Q, K); True = may look. None = all may.
        dropout_p: share of the weights set to zero at random, from 0 to 1; whoever calls this
            passes 0 outside training.
        bias: floating point, broadcastable to (..., Q, K), added to the scaled scores; finite.
            None = nothing. Some position schemes need it.

    Returns:
        output: (..., Q, V), in u; zeros where a query may look at nothing.
        weights: (..., Q, K), no unit, before dropout; each row sums to 1 (to 0 where a query
            may look at nothing).

    Raises:
        TypeError: an input is not a floating-point tensor, dtypes differ, or `mask` is not bool.
        ValueError: widths or lengths disagree, or `mask` or `bias` does not fit.

    Source: Vaswani et al. 2017, section 3.2.1, equation 1 (arXiv:1706.03762). `mask` as a tensor
    of booleans and the zeros of a fully masked row are ours.

    >>> query = key = torch.eye(2)
    >>> output, weights = scaled_dot_product_attention(query, key, torch.tensor([[1.0], [3.0]]))
    >>> weights.sum(dim=-1)
    tensor([1., 1.])
    """
    _require_attention_inputs(query, key, value, mask, bias)
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.size(-1))  # (..., Q, K)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    weights = torch.softmax(scores, dim=-1)
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)  # matters only where a row is fully masked
    output = functional.dropout(weights, dropout_p) @ value  # (..., Q, V)
    return output, weights


def causal_mask(seq_len: int, device: torch.device | None = None) -> Tensor:
    """Let each position look at itself and at what came before it.

    Args:
        seq_len: number of positions, at least 1.
        device: where the mask is made; the default device if None.

    Returns:
        (seq_len, seq_len), bool: row = query, column = key, True = may look.

    Raises:
        ValueError: `seq_len` is not a positive whole number.

    Source: Vaswani et al. 2017, section 3.2.3 (arXiv:1706.03762).

    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    if isinstance(seq_len, bool) or not isinstance(seq_len, int) or seq_len < 1:
        raise ValueError(f"seq_len should be a whole number of at least 1, not {seq_len!r}")
    return torch.ones(seq_len, seq_len, dtype=torch.bool, device=device).tril()


def padding_mask(lengths: Tensor, seq_len: int) -> Tensor:
    """Let every query of a sequence look at that sequence's real tokens, not at its padding.

    Args:
        lengths: (B,), whole numbers: real tokens at the start of each sequence, 0 to `seq_len`.
        seq_len: tokens in a padded sequence.

    Returns:
        (B, 1, seq_len), bool, True = a real token; the middle axis stands for all queries.

    Raises:
        ValueError: `lengths` has not one axis, or holds a number outside 0 to `seq_len`.

    >>> padding_mask(torch.tensor([1, 3]), seq_len=3).int()
    tensor([[[1, 0, 0]],
    <BLANKLINE>
            [[1, 1, 1]]], dtype=torch.int32)
    """
    if lengths.dim() != 1:
        raise ValueError(f"lengths should have the one axis (B,), not shape {_shape(lengths)}")
    known = lengths.numel() and not lengths.is_meta  # on meta there are shapes alone
    if known and not 0 <= int(lengths.min()) <= int(lengths.max()) <= seq_len:
        raise ValueError(f"lengths should be from 0 to seq_len = {seq_len}, not {lengths.tolist()}")
    positions = torch.arange(seq_len, device=lengths.device)
    return (positions < lengths[:, None])[:, None, :]


def _require_attention_inputs(query, key, value, mask, bias) -> None:
    named = {"query": query, "key": key, "value": value}
    for name, tensor in named.items():
        if not isinstance(tensor, Tensor) or not tensor.is_floating_point():
            kind = f"{tensor.dtype}" if isinstance(tensor, Tensor) else type(tensor).__name__
            raise TypeError(f"{name} should be a floating-point tensor, not {kind}")
        if tensor.dim() < 2:
            raise ValueError(f"{name} should be (..., length, width), not {_shape(tensor)}")
        if tensor.dtype != query.dtype:
            raise TypeError(f"{name} is {tensor.dtype} but query is {query.dtype}; make them one")
    if query.size(-1) != key.size(-1):
        raise ValueError(
            f"query and key should be equally wide: query {_shape(query)} has width "
            f"{query.size(-1)}, key {_shape(key)} has width {key.size(-1)}"
        )
    if key.size(-2) != value.size(-2):
        raise ValueError(
            f"there should be one value for each key: key {_shape(key)} holds {key.size(-2)}, "
            f"value {_shape(value)} holds {value.size(-2)}"
        )
    try:
        torch.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except RuntimeError:
        raise ValueError(
            "the leading axes (batch, heads) should agree: "
            + ", ".join(f"{name} {_shape(tensor)}" for name, tensor in named.items())
        ) from None
    if mask is not None:
        require_mask(mask, query, key)
    if bias is not None:
        _require_fit("bias", bias, query, key)


def require_mask(mask: Tensor, query: Tensor, key: Tensor) -> None:
    """Raise unless the mask is bool (TypeError) and broadcasts to (..., Q, K) (ValueError)."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        kind = f"{mask.dtype}" if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"mask should be a bool tensor (True = may look), not {kind}")
    _require_fit("mask", mask, query, key)


def _require_fit(name, tensor, query, key) -> None:
    leading = torch.broadcast_shapes(query.shape[:-2], key.shape[:-2])
    wanted = (*leading, query.size(-2), key.size(-2))
    try:
        fits = torch.broadcast_shapes(tensor.shape, wanted) == torch.Size(wanted)
    except RuntimeError:
        fits = False
    if not fits:
        shape = _shape(tensor)
        raise ValueError(f"{name} {shape} should broadcast to {wanted}: (..., queries, keys)")


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)
