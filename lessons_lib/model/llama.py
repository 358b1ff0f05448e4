"""The layers of today's language models: RMSNorm, SwiGLU, rotary positions, shared heads."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.model.multi_head import Caches, KeyValueCache, MultiHeadAttention
from lessons_lib.model.positions import Rotary
from lessons_lib.model.transformer import require_known


@dataclass(frozen=True)
class LlamaConfig:
    """The sizes of a model of Llama's kind.

    Attributes:
        vocab_size: tokens that there are.
        d_model: width of the tokens' vectors.
        num_heads: query heads; divides `d_model`.
        num_key_value_heads: key and value heads; divides `num_heads`.
        num_layers: layers on top of each other.
        d_ff: width inside the feed-forward layer.
        norm_eps: added to the mean square in RMSNorm.
        rotary_base: see Rotary.
        rotary_layout: see Rotary; that of the weights which are to be loaded.
    """

    vocab_size: int
    d_model: int = 576
    num_heads: int = 9
    num_key_value_heads: int = 3
    num_layers: int = 30
    d_ff: int = 1536
    norm_eps: float = 1e-5
    rotary_base: float = 100_000.0
    rotary_layout: str = "neighbours"


class RMSNorm(nn.Module):
    """Divide each token's vector by its root mean square, then scale each column.

    LayerNorm without the mean and without the shift: (..., d_model), same shape.

    Source: Zhang and Sennrich 2019, equation 4 (arXiv:1910.07467).

    >>> RMSNorm(2, eps=0.0)(torch.tensor([3.0, 3.0]))
    tensor([1., 1.], grad_fn=<MulBackward0>)
    """

    def __init__(self, d_model: int, eps: float = 1e-5):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d_model)), eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + self.eps) * self.weight


class GatedFeedForward(nn.Module):
    """SwiGLU: one widened copy of x, through SiLU, says how much of a second one passes.

    (..., d_model) -> (..., d_model). Three matrices where the plain feed-forward layer has two, so
    d_ff is a third smaller at equal parameters.

    Source: Shazeer 2020, equation 6 (arXiv:2002.05202).
    """

    def __init__(self, d_model: int, d_ff: int):
        super().__init__()
        self.gate = nn.Linear(d_model, d_ff, bias=False)
        self.up = nn.Linear(d_model, d_ff, bias=False)
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(functional.silu(self.gate(x)) * self.up(x))


class LlamaLayer(nn.Module):
    """Causal self-attention, then feed-forward, each on a normalised copy and added to x."""

    def __init__(self, config: LlamaConfig, positions: Rotary):
        super().__init__()
        self.attention_norm = RMSNorm(config.d_model, config.norm_eps)
        self.attention = MultiHeadAttention(
            config.d_model,
            config.num_heads,
            num_key_value_heads=config.num_key_value_heads,
            positions=positions,
            bias=False,
        )
        self.feed_forward_norm = RMSNorm(config.d_model, config.norm_eps)
        self.feed_forward = GatedFeedForward(config.d_model, config.d_ff)

    def forward(
        self, x: Tensor, mask: Tensor | None = None, cache: KeyValueCache | None = None
    ) -> Tensor:
        """x (B, L, d_model), same shape; `mask` and `cache` as in MultiHeadAttention."""
        looked = self.attention(self.attention_norm(x), mask=mask, is_causal=True, cache=cache)[0]
        x = x + looked
        return x + self.feed_forward(self.feed_forward_norm(x))


class Llama(nn.Module):
    """A causal language model: token ids in, a score for every next token out.

    The output layer shares the tokens' vectors; nothing has a bias, and nothing is dropped.

    Source: Touvron et al. 2023, section 2.2 (arXiv:2302.13971); shared heads: Ainslie et al. 2023
    (arXiv:2305.13245).

    >>> small = LlamaConfig(11, d_model=8, num_heads=2, num_key_value_heads=1, num_layers=1, d_ff=4)
    >>> Llama(small)(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 3, 11])
    """

    is_causal = True

    def __init__(self, config: LlamaConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        d_head = config.d_model // config.num_heads
        positions = Rotary(d_head, config.rotary_base, config.rotary_layout)
        self.layers = nn.ModuleList(LlamaLayer(config, positions) for _ in range(config.num_layers))
        self.final_norm = RMSNorm(config.d_model, config.norm_eps)

    def hidden(self, ids: Tensor, mask: Tensor | None = None, caches: Caches = None) -> Tensor:
        """What the last layer makes of each token: ids (B, L) -> (B, L, d_model).

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        require_known(ids, self.config.vocab_size)
        x = self.embedding(ids)
        for layer, cache in zip(self.layers, caches or [None] * len(self.layers), strict=True):
            x = layer(x, mask, cache)
        return self.final_norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> a score for every token, (..., vocab_size)."""
        return functional.linear(hidden, self.embedding.weight)

    def forward(self, ids: Tensor, mask: Tensor | None = None, caches: Caches = None) -> Tensor:
        """ids (B, L) -> logits (B, L, vocab_size)."""
        return self.logits(self.hidden(ids, mask, caches))

    def new_caches(self) -> list[KeyValueCache]:
        """An empty cache for each layer."""
        return [KeyValueCache() for _ in self.layers]
