"""The layers of a Transformer: attention and feed-forward, each with its residual and its norm."""

from dataclasses import dataclass

from torch import Tensor, nn

from lessons_lib.model.multi_head import KeyValueCache, MultiHeadAttention
from lessons_lib.model.positions import SCHEMES, Positions, make_positions

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "gelu_tanh": lambda: nn.GELU(approximate="tanh")}


@dataclass(frozen=True)
class Config:
    """The sizes and choices that all parts of a model share.

    Attributes:
        d_model: width of the tokens' vectors.
        num_heads: query heads; divides `d_model`.
        num_layers: layers on top of each other.
        d_ff: width inside the feed-forward layer.
        dropout_p: dropped share, in training.
        activation: "relu" as in the paper, "gelu" exact as in BERT, "gelu_tanh" as in GPT-2.
        pre_norm: normalise before each sub-layer instead of after it.
        norm_eps: added to the variance in LayerNorm.
        num_key_value_heads: see MultiHeadAttention.
        positions: one of `lessons_lib.model.positions.SCHEMES`.
        max_len: how many positions there are, where they are learnt.

    Raises:
        ValueError: an unknown activation or position scheme.
    """

    d_model: int = 128
    num_heads: int = 4
    num_layers: int = 2
    d_ff: int = 512
    dropout_p: float = 0.0
    activation: str = "gelu"
    pre_norm: bool = True
    norm_eps: float = 1e-5
    num_key_value_heads: int | None = None
    positions: str = "sinusoidal"
    max_len: int = 512

    def __post_init__(self):
        known = {"activation": tuple(ACTIVATIONS), "positions": SCHEMES}
        for name, allowed in known.items():
            if getattr(self, name) not in allowed:
                names, given = ", ".join(allowed), getattr(self, name)
                raise ValueError(f"{name} should be one of {names}, not {given!r}")

    def make_positions(self, is_causal: bool = False) -> Positions:
        """The position scheme, fitted to these sizes."""
        return make_positions(self.positions, self.d_model, self.num_heads, self.max_len, is_causal)


class FeedForward(nn.Sequential):
    """Widen each token's vector, activate, narrow: (..., d_model) -> (..., d_model).

    Source: Vaswani et al. 2017, section 3.3; GELU: Hendrycks and Gimpel 2016 (arXiv:1606.08415).
    """

    def __init__(self, config: Config):
        super().__init__(
            nn.Linear(config.d_model, config.d_ff),
            ACTIVATIONS[config.activation](),
            nn.Dropout(config.dropout_p),
            nn.Linear(config.d_ff, config.d_model),
        )


class Residual(nn.Module):
    """Add to x what a sub-layer makes of it, with LayerNorm before the sub-layer or after the sum.

    After it ("post-norm") is the paper's figure 1; before ("pre-norm") trains without warm-up.

    Source: Vaswani et al. 2017, section 3.1; Xiong et al. 2020 (arXiv:2002.04745); LayerNorm:
    Ba et al. 2016 (arXiv:1607.06450).
    """

    def __init__(self, config: Config):
        super().__init__()
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout_p)
        self.pre_norm = config.pre_norm

    def forward(self, x: Tensor, sublayer) -> Tensor:
        """x (B, L, d_model), and a function of it with the same shape."""
        if self.pre_norm:
            return x + self.dropout(sublayer(self.norm(x)))
        return self.norm(x + self.dropout(sublayer(x)))


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward: (B, L, d_model) -> (B, L, d_model).

    Used with `is_causal` it is also the layer of a language model such as GPT.
    """

    def __init__(self, config: Config, positions: Positions | None = None):
        super().__init__()
        self.attention = _attention(config, positions)
        self.feed_forward = FeedForward(config)
        self.attention_residual = Residual(config)
        self.feed_forward_residual = Residual(config)

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        *,
        is_causal: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """`mask`, `is_causal` and `cache` as in MultiHeadAttention."""
        x = self.attention_residual(
            x, lambda h: self.attention(h, mask=mask, is_causal=is_causal, cache=cache)[0]
        )
        return self.feed_forward_residual(x, self.feed_forward)


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the encoder's output, feed-forward."""

    def __init__(self, config: Config, positions: Positions | None = None):
        super().__init__()
        self.self_attention = _attention(config, positions)
        # Positions of two different sequences have no common zero: cross-attention has none.
        self.cross_attention = _attention(config, None)
        self.feed_forward = FeedForward(config)
        self.self_residual = Residual(config)
        self.cross_residual = Residual(config)
        self.feed_forward_residual = Residual(config)

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        memory_mask: Tensor | None = None,
        *,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """x (B, Q, d_model) looks at its past, and at memory (B, K, d_model) by mask (B, 1, K)."""
        x = self.self_residual(x, lambda h: self.self_attention(h, is_causal=True, cache=cache)[0])
        x = self.cross_residual(x, lambda h: self.cross_attention(h, memory, memory_mask)[0])
        return self.feed_forward_residual(x, self.feed_forward)


def _attention(config: Config, positions) -> MultiHeadAttention:
    return MultiHeadAttention(
        config.d_model,
        config.num_heads,
        num_key_value_heads=config.num_key_value_heads,
        dropout_p=config.dropout_p,
        positions=positions,
    )
