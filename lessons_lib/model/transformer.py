"""Whole Transformers: encoder, decoder, a language model, and an encoder-decoder."""

from torch import Tensor, nn

from lessons_lib.model.layers import Config, DecoderLayer, EncoderLayer
from lessons_lib.model.multi_head import Caches, KeyValueCache
from lessons_lib.model.positions import Positions


class Encoder(nn.Module):
    """A stack of encoder layers: (B, L, d_model) -> (B, L, d_model).

    With `is_causal` it is the body of a language model that predicts the next token. Positions are
    added here, and dropout falls on the sum (Vaswani et al. 2017, section 5.4).

    Args:
        positions: a scheme made beforehand; None = the one that `config` names.
    """

    def __init__(
        self,
        config: Config,
        is_causal: bool = False,
        positions: Positions | None = None,
    ):
        super().__init__()
        self.is_causal = is_causal
        self.positions = positions or config.make_positions(is_causal)
        self.layers = nn.ModuleList(
            EncoderLayer(config, self.positions) for _ in range(config.num_layers)
        )
        self.dropout = nn.Dropout(config.dropout_p)
        self.final_norm = _final_norm(config)

    def forward(self, x: Tensor, mask: Tensor | None = None, caches: Caches = None) -> Tensor:
        """`mask` as in MultiHeadAttention; `caches` one for each layer."""
        x = self.dropout(self.positions.add_to(x, first=len(caches[0]) if caches else 0))
        for layer, cache in zip(self.layers, caches or [None] * len(self.layers), strict=True):
            x = layer(x, mask, is_causal=self.is_causal, cache=cache)
        return self.final_norm(x)


class Decoder(nn.Module):
    """A stack of decoder layers that look at an encoder's output."""

    def __init__(self, config: Config, positions: Positions | None = None):
        super().__init__()
        self.positions = positions or config.make_positions(is_causal=True)
        self.layers = nn.ModuleList(
            DecoderLayer(config, self.positions) for _ in range(config.num_layers)
        )
        self.dropout = nn.Dropout(config.dropout_p)
        self.final_norm = _final_norm(config)

    def forward(
        self, x: Tensor, memory: Tensor, memory_mask: Tensor | None = None, caches: Caches = None
    ) -> Tensor:
        """x (B, Q, d_model), memory (B, K, d_model) -> (B, Q, d_model)."""
        x = self.dropout(self.positions.add_to(x, first=len(caches[0]) if caches else 0))
        for layer, cache in zip(self.layers, caches or [None] * len(self.layers), strict=True):
            x = layer(x, memory, memory_mask, cache=cache)
        return self.final_norm(x)


class LanguageModel(nn.Module):
    """Token ids in, a score for every token of the vocabulary out, at each position.

    Args:
        vocab_size: tokens that there are.
        is_causal: True predicts the next token (as GPT does); False sees both sides, and predicts
            the tokens that were masked (as BERT does).

    Source: Radford et al. 2018; Devlin et al. 2019 (arXiv:1810.04805). The output layer shares
    the tokens' vectors: Press and Wolf 2017 (arXiv:1608.05859).

    >>> import torch
    >>> LanguageModel(vocab_size=11, config=Config())(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 3, 11])
    """

    def __init__(
        self,
        vocab_size: int,
        config: Config,
        is_causal: bool = True,
        positions: Positions | None = None,
    ):
        super().__init__()
        self.embedding = TokenEmbedding(vocab_size, config.d_model)
        self.body = Encoder(config, is_causal, positions)

    @property
    def is_causal(self) -> bool:
        """Whether a token sees only those before it."""
        return self.body.is_causal

    def hidden(self, ids: Tensor, mask: Tensor | None = None, caches: Caches = None) -> Tensor:
        """What the last layer makes of each token: ids (B, L) -> (B, L, d_model)."""
        return self.body(self.embedding(ids), mask, caches)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> a score for every token, (..., vocab_size)."""
        return self.embedding.logits(hidden)

    def forward(self, ids: Tensor, mask: Tensor | None = None, caches: Caches = None) -> Tensor:
        """ids (B, L) -> logits (B, L, vocab_size)."""
        return self.logits(self.hidden(ids, mask, caches))

    def new_caches(self) -> list[KeyValueCache]:
        """An empty cache for each layer."""
        return [KeyValueCache() for _ in self.body.layers]


class Seq2Seq(nn.Module):
    """An encoder-decoder: reads a source sequence, writes a target sequence.

    Source: Vaswani et al. 2017, figure 1 (arXiv:1706.03762).

    >>> import torch
    >>> model = Seq2Seq(source_vocab_size=7, target_vocab_size=11, config=Config())
    >>> model(source=torch.tensor([[3, 1, 4]]), target=torch.tensor([[2, 7]])).shape
    torch.Size([1, 2, 11])
    """

    def __init__(self, source_vocab_size: int, target_vocab_size: int, config: Config):
        super().__init__()
        self.source_embedding = TokenEmbedding(source_vocab_size, config.d_model)
        self.target_embedding = TokenEmbedding(target_vocab_size, config.d_model)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def encode(self, source: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """source ids (B, K) -> memory (B, K, d_model); `source_mask` (B, 1, K)."""
        return self.encoder(self.source_embedding(source), source_mask)

    def decode(
        self,
        target: Tensor,
        memory: Tensor,
        source_mask: Tensor | None = None,
        caches: Caches = None,
    ) -> Tensor:
        """target ids so far (B, Q) -> logits for the next ones (B, Q, target_vocab_size)."""
        hidden = self.decoder(self.target_embedding(target), memory, source_mask, caches)
        return self.target_embedding.logits(hidden)

    def forward(self, source: Tensor, target: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """source (B, K), target (B, Q) -> logits (B, Q, target_vocab_size)."""
        return self.decode(target, self.encode(source, source_mask), source_mask)

    def new_caches(self) -> list[KeyValueCache]:
        """An empty cache for each layer."""
        return [KeyValueCache() for _ in self.decoder.layers]


class TokenEmbedding(nn.Embedding):
    """A vector for each token; the same table turns vectors back into scores.

    Vectors are scaled by sqrt(d_model) on the way in, so that position vectors do not drown them.

    Source: Vaswani et al. 2017, section 3.4 (arXiv:1706.03762).
    """

    def __init__(self, vocab_size: int, d_model: int):
        super().__init__(vocab_size, d_model)
        nn.init.normal_(self.weight, std=d_model**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """ids (B, L) -> (B, L, d_model).

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        require_known(ids, self.num_embeddings)
        return super().forward(ids) * self.embedding_dim**0.5

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> (..., vocab_size)."""
        return hidden @ self.weight.T


def require_known(ids: Tensor, vocab_size: int) -> None:
    """Raise IndexError unless all ids (any shape) are from 0 to vocab_size - 1."""
    if ids.is_meta:  # shapes alone: there are no numbers to look at
        return
    low, high = (int(ids.min()), int(ids.max())) if ids.numel() else (0, 0)
    if not 0 <= low <= high < vocab_size:
        known = f"0 to {vocab_size - 1}, the vocabulary"
        raise IndexError(f"token ids should be from {known}; got {low} to {high}")


def count_parameters(model: nn.Module, trainable_only: bool = False) -> int:
    """Numbers that a model learns, shared ones once.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable_only)


def _final_norm(config: Config) -> nn.Module:
    """After pre-norm layers the sum itself has never been normalised."""
    return nn.LayerNorm(config.d_model, eps=config.norm_eps) if config.pre_norm else nn.Identity()
