"""Multi-head attention: several heads in one matrix product, with a cache for generation."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.model.attention import require_mask, scaled_dot_product_attention
from lessons_lib.model.positions import Positions

Attention = Callable[..., tuple[Tensor, Tensor | None]]


class KeyValueCache:
    """Keys and values of the tokens seen so far, so that generation computes each only once."""

    def __init__(self):
        self.key = self.value = None  # then (B, key-value heads, L, D) each

    def __len__(self) -> int:
        return 0 if self.key is None else self.key.size(-2)

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add the newest keys and values, (B, H, new, D) each; return all of them."""
        if self.key is not None:
            key = torch.cat([self.key, key], dim=-2)
            value = torch.cat([self.value, value], dim=-2)
        self.key, self.value = key, value
        return key, value

    def reorder(self, rows: Tensor) -> None:
        """Keep these sequences of the batch, in this order: `rows` (B,), as beam search needs."""
        if self.key is not None:
            self.key, self.value = self.key[rows], self.value[rows]

    def num_bytes(self) -> int:
        """Memory that they take: 2 x B x key-value heads x L x D x bytes per number."""
        return 0 if self.key is None else self.key.nbytes + self.value.nbytes


Caches = list[KeyValueCache] | None  # one for each layer; None = there is no past


class MultiHeadAttention(nn.Module):
    """Several attentions side by side, each in a subspace of its own, joined by a projection.

    Args:
        d_model: width of the tokens' vectors, a multiple of `num_heads`.
        num_heads: query heads.
        num_key_value_heads: each serves a group of query heads; 1 = multi-query, None = no sharing.
        dropout_p: share of the weights dropped in training.
        positions: a scheme; none if None.
        attention: called as attention(query, key, value, mask[, dropout_p, bias]), returns (output,
            weights or None); None = torch's fused one, and ours where the weights are needed.
        bias: whether the four projections add one; Llama and its kin have none.

    Raises:
        ValueError: the numbers of heads do not divide what they should.

    Source: Vaswani et al. 2017, section 3.2.2 (arXiv:1706.03762); shared heads: Shazeer 2019
    (arXiv:1911.02150) and Ainslie et al. 2023 (arXiv:2305.13245).

    >>> output, weights = MultiHeadAttention(12, num_heads=3)(torch.zeros(2, 5, 12))
    >>> output.shape
    torch.Size([2, 5, 12])
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        *,
        num_key_value_heads: int | None = None,
        dropout_p: float = 0.0,
        positions: Positions | None = None,
        attention: Attention | None = None,
        bias: bool = True,
    ):
        super().__init__()
        num_key_value_heads = num_heads if num_key_value_heads is None else num_key_value_heads
        if num_heads < 1 or d_model % num_heads:
            raise ValueError(f"d_model = {d_model} should be a multiple of num_heads = {num_heads}")
        if num_key_value_heads < 1 or num_heads % num_key_value_heads:
            shared = f"num_key_value_heads = {num_key_value_heads}"
            raise ValueError(f"num_heads = {num_heads} should be a multiple of {shared}")
        self.num_heads, self.num_key_value_heads = num_heads, num_key_value_heads
        self.d_model, self.d_head = d_model, d_model // num_heads
        self.dropout_p = dropout_p
        self.positions = positions or Positions()
        self.attention = attention
        widths = [d_model, *[num_key_value_heads * self.d_head] * 2]
        self.project_query, self.project_key, self.project_value = _drawn_as_one(
            d_model, widths, bias
        )
        self.project_out = nn.Linear(d_model, d_model, bias=bias)

    def forward(
        self,
        x: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        is_causal: bool = False,
        need_weights: bool = False,
        cache: KeyValueCache | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Let the tokens of `x` look at themselves, or at `memory`.

        Axes: B batch, Q queries, K keys (cached ones included), H heads.

        Args:
            x: (B, Q, d_model).
            memory: (B, K, d_model) for cross-attention; None = `x` itself.
            mask: bool, True = may look: (K,), (Q, K), (B, 1, K), (B, Q, K) or (B, H, Q, K).
            is_causal: nobody looks ahead; joined with `mask`.
            need_weights: return each head's weights.
            cache: keys and values of earlier tokens; the new ones are added to it.

        Returns:
            output: (B, Q, d_model); only the last bias where a query may look at nothing.
            weights: (B, H, Q, K), or None where they were not asked for.

        Raises:
            TypeError: `mask` is not bool, or `attention` returns no weights where they are needed.
            ValueError: a shape is wrong, or `memory` comes with `is_causal` or a cache.
        """
        self._require(x, memory, cache is not None or is_causal)
        query, key, value = self._heads(x, memory)
        first = 0 if cache is None else len(cache)
        query_at = torch.arange(first, first + query.size(-2))
        key_at = query_at if memory is None else torch.arange(key.size(-2))
        query, key = self.positions.turn(query, query_at), self.positions.turn(key, key_at)
        if cache is not None:  # it holds keys that are turned already
            key, value = cache.append(key, value)
            key_at = torch.arange(key.size(-2))
        bias = self.positions.score_bias(query, query_at, key_at)
        shows = need_weights or self.positions.needs_weights
        output, weights = self._attend(query, key, value, mask, is_causal, bias, shows)
        if self.positions.needs_weights:
            output = output + self.positions.value_bias(weights, query_at, key_at)
        output = output.transpose(1, 2).flatten(-2)  # (B, Q, H, D) -> (B, Q, d_model)
        return self.project_out(output), weights if need_weights else None

    def _heads(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Query (B, H, Q, D), key and value (B, key-value heads, K, D)."""
        memory = x if memory is None else memory
        parts = self.project_query(x), self.project_key(memory), self.project_value(memory)
        return tuple(part.unflatten(-1, (-1, self.d_head)).transpose(1, 2) for part in parts)

    def _attend(self, query, key, value, mask, is_causal, bias, need_weights):
        """Each head's output (B, H, Q, D), and its weights or None, by the quickest way."""
        if mask is not None:
            mask = mask[:, None] if mask.dim() == 3 else mask  # (B, Q, K) lacks an axis for heads
            require_mask(mask, query, key[:, :1])  # there may be fewer heads of keys
            mask = torch.atleast_2d(mask)  # torch's own wants an axis of queries
        dropout_p = self.dropout_p if self.training else 0.0
        if self.attention is None and not need_weights:
            return _fused(query, key, value, mask, is_causal, bias, dropout_p), None
        group = self.num_heads // self.num_key_value_heads
        if group > 1:  # each key-value head serves a group of query heads
            key, value = (part.repeat_interleave(group, dim=1) for part in (key, value))
        mask = _hide_future(mask, is_causal, query, key)
        extra = {"dropout_p": dropout_p} if dropout_p else {}
        extra |= {} if bias is None else {"bias": bias}
        attention = self.attention or scaled_dot_product_attention
        output, weights = attention(query, key, value, mask, **extra)
        if need_weights and weights is None:
            raise TypeError("the weights are needed here, but `attention` returned None for them")
        return output, weights

    def _require(self, x: Tensor, memory: Tensor | None, needs_own_past: bool) -> None:
        for name, tensor in (("x", x), ("memory", memory)):
            if tensor is not None and (tensor.dim() != 3 or tensor.size(-1) != self.d_model):
                wanted = f"(batch, length, d_model = {self.d_model})"
                raise ValueError(f"{name} should be {wanted}, not {tuple(tensor.shape)}")
        if memory is not None and len(memory) != len(x):
            raise ValueError(f"x and memory should be of one batch, not {len(x)} and {len(memory)}")
        if memory is not None and needs_own_past:
            raise ValueError("is_causal and cache are about x's own past; memory has none of it")


def _drawn_as_one(d_model: int, widths: list[int], bias: bool) -> list[nn.Linear]:
    """A layer for each width; their first weights are those of one layer, cut into parts.

    So a seed gives the weights that it gave when query, key and value still were one matrix, and
    the stored results can be repeated.
    """
    whole = nn.Linear(d_model, sum(widths), bias)
    layers = [nn.Linear(d_model, width, bias, device="meta") for width in widths]  # draws nothing
    for name in dict(whole.named_parameters()):
        rows = getattr(whole, name).detach().split(widths)
        for layer, part in zip(layers, rows, strict=True):
            setattr(layer, name, nn.Parameter(part.clone()))
    return layers


def _fused(query, key, value, mask, is_causal, bias, dropout_p) -> Tensor:
    """torch's own attention, which never writes the table of weights down."""
    plain = mask is None and bias is None and query.size(-2) == key.size(-2)
    if not plain:  # else torch makes the causal mask itself, and faster
        mask = _hide_future(mask, is_causal, query, key)
    if bias is not None:
        bias = bias.to(query.dtype)
        mask = bias if mask is None else bias.masked_fill(~mask, -torch.inf)
    return functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=dropout_p,
        is_causal=is_causal and plain,
        enable_gqa=query.size(1) != key.size(1),  # each key-value head serves a group of queries
    )


def _hide_future(mask: Tensor | None, is_causal: bool, query, key) -> Tensor | None:
    """Join the mask with the causal one; the queries are the last of the keys."""
    num_queries, num_keys = query.size(-2), key.size(-2)
    if not is_causal or num_queries == 1:  # the newest token alone may look at all there is
        return mask
    ones = torch.ones(num_queries, num_keys, dtype=torch.bool, device=query.device)
    past = ones.tril(diagonal=num_keys - num_queries)
    return past if mask is None else mask & past
