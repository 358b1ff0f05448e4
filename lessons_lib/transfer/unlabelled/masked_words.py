"""The encoder reads on: masked words of the target's raw texts, before it learns to rate.

Our checkpoint's head for masked words was not published. A new one is put on the tied word vectors
and trained first, with the encoder frozen: else its random weights would shake the encoder.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.model.bert import BertEncoder
from lessons_lib.training.loop import train
from lessons_lib.training.objectives import prediction_loss
from lessons_lib.training.plan import History, Plan

FIRST_WORD, MASK_ID = 999, 103  # of BERT's vocabulary; ids before 999 are no words


class MaskedWordModel(nn.Module):
    """An encoder with a head that says which word was hidden.

    The head is BERT's: a linear layer, GELU, a norm, then the product with every word's vector and
    a bias for each word.

    Args:
        encoder: trained in place, where it is trained at all.

    Source: Devlin et al. 2019, appendix A (arXiv:1810.04805), by their published code.
    """

    is_causal = False

    def __init__(self, encoder: BertEncoder):
        super().__init__()
        self.encoder = encoder
        d_model, vocab_size = encoder.config.d_model, encoder.tokens.num_embeddings
        self.turn = nn.Sequential(
            nn.Linear(d_model, d_model), nn.GELU(), nn.LayerNorm(d_model, eps=1e-12)
        )
        self.bias = nn.Parameter(torch.zeros(vocab_size))

    def hidden(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """ids (B, L), mask (B, 1, L) -> (B, L, d_model), as the encoder does."""
        return self.encoder.hidden(ids, mask)

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> a score for every word, (..., vocab_size)."""
        return functional.linear(self.turn(hidden), self.encoder.tokens.weight, self.bias)


def read_on(
    encoder: BertEncoder,
    batches: Iterable[tuple[Tensor, Tensor]],
    head_plan: Plan,
    plan: Plan,
    between: Callable[[MaskedWordModel], object] | None = None,
) -> tuple[MaskedWordModel, tuple[History, History]]:
    """Train a new head alone, then the encoder's layers with it; the word vectors stay.

    Args:
        encoder: trained in place.
        batches: endless pairs of inputs and labels, such as `mask_tokens` makes; an iterator goes
            on where the head's training has stopped.
        head_plan, plan: of the two trainings.
        between: called with the model once its head is trained, such as to measure it.

    Returns:
        The encoder with its head, and both histories.

    Source: Gururangan et al. 2020 (arXiv:2004.10964).
    """
    model = MaskedWordModel(encoder)
    batches = iter(batches)
    histories = []
    for stage, is_open in ((head_plan, False), (plan, True)):
        if is_open and between:
            between(model)
        encoder.requires_grad_(False)
        encoder.layers.requires_grad_(is_open)
        groups = [
            {"params": [p for p in model.parameters() if p.requires_grad], "fused": True},
        ]
        histories.append(train(model, batches, prediction_loss, stage, groups=groups))
    return model, tuple(histories)
