"""The published encoder, built from the layers of part I: embeddings, then a stack of layers."""

from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.model.layers import Config, EncoderLayer
from lessons_lib.model.transformer import require_known


class BertEncoder(nn.Module):
    """BERT's encoder: token, position and type vectors, summed and normalised, then layers.

    Args:
        config: sizes; post-norm and exact GELU as published.
        vocab_size: tokens that there are.
        num_types: kinds of segment; BERT tells the first sentence of a pair from the second. 0
            where there are none, as in DistilBERT.

    Source: Devlin et al. 2019, section 3 and figure 2 (arXiv:1810.04805).

    >>> import torch
    >>> encoder = BertEncoder(Config(pre_norm=False, max_len=8), vocab_size=11)
    >>> encoder(torch.tensor([[3, 1, 4]])).shape
    torch.Size([1, 3, 128])
    """

    is_causal = False  # every token sees all others

    def __init__(self, config: Config, vocab_size: int, num_types: int = 2):
        super().__init__()
        self.config = config
        self.tokens = nn.Embedding(vocab_size, config.d_model)
        self.places = nn.Embedding(config.max_len, config.d_model)
        self.types = nn.Embedding(num_types, config.d_model) if num_types else None
        self.norm = nn.LayerNorm(config.d_model, eps=config.norm_eps)
        self.dropout = nn.Dropout(config.dropout_p)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.num_layers))

    def embed(self, ids: Tensor) -> Tensor:
        """ids (B, L) -> what the first layer reads (B, L, d_model).

        Raises:
            IndexError: an id is not in the vocabulary.
            ValueError: ids are not (B, L), or there are more tokens than positions.
        """
        if ids.dim() != 2:
            one = "; ids[None] makes a batch of one text" if ids.dim() == 1 else ""
            raise ValueError(f"ids should be (B, L), not {tuple(ids.shape)}{one}")
        require_known(ids, self.tokens.num_embeddings)
        if ids.size(1) > self.places.num_embeddings:
            raise ValueError(
                f"at most {self.places.num_embeddings} tokens have a position; got {ids.size(1)}"
            )
        summed = self.tokens(ids) + self.places.weight[: ids.size(1)]
        if self.types is not None:
            summed = summed + self.types.weight[0]
        return self.dropout(self.norm(summed))

    def hidden_states(self, ids: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """What goes into the first layer, and what each layer makes: num_layers + 1 tensors.

        Args:
            ids: (B, L).
            mask: bool, True = may look, (B, 1, L); None where no text is padded.
        """
        states = [self.embed(ids)]
        for layer in self.layers:
            states.append(layer(states[-1], mask))
        return states

    def hidden(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """ids (B, L), mask (B, 1, L) -> the last layer's output (B, L, d_model)."""
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x, mask)
        return x

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> a score for every token, (..., vocab_size).

        The tokens' own vectors are the output layer (Press and Wolf 2017, arXiv:1608.05859). Our
        published checkpoint brings no other: its head for masked tokens was not published.
        """
        return functional.linear(hidden, self.tokens.weight)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """As `hidden`: ids (B, L), mask (B, 1, L) -> (B, L, d_model)."""
        return self.hidden(ids, mask)


def mean_pool(hidden: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean over each text's real tokens: (B, L, d_model), mask (B, 1, L) -> (B, d_model).

    A text without any token gets zeros. What stands at padded places plays no part, not even
    where it is infinite or NaN.

    Raises:
        ValueError: the mask is not (B, 1, L).

    Source: Reimers and Gurevych 2019, section 3 (arXiv:1908.10084).

    >>> import torch
    >>> hidden = torch.tensor([[[1.0, 4.0], [3.0, 0.0], [9.0, 9.0]]])
    >>> mean_pool(hidden, torch.tensor([[[True, True, False]]]))
    tensor([[2., 2.]])
    """
    if mask is None:
        return hidden.mean(dim=1) if hidden.size(1) else hidden.sum(dim=1)
    wanted = (len(hidden), 1, hidden.size(1))
    if mask.shape != wanted:
        raise ValueError(f"mask should be (B, 1, L) = {wanted}, not {tuple(mask.shape)}")
    hidden = hidden.masked_fill(~mask.bool().transpose(1, 2), 0.0)
    weights = mask.to(hidden.dtype) / mask.sum(dim=-1, keepdim=True).clamp(min=1)  # (B, 1, L)
    return (weights @ hidden).squeeze(1)
