"""Learning from raw text: which tokens are to be predicted, from what, and how well it is done.

A batch is a pair (inputs, labels), both (B, L). A label is the token that belongs in that place,
or IGNORED where nothing is asked. Causal and masked language modelling differ in nothing but how
the pair is made: `shift_tokens` or `mask_tokens`.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.base.device import move, working
from lessons_lib.data.batches import rectangle
from lessons_lib.data.tokens import Vocabulary
from lessons_lib.model.bert import mean_pool

IGNORED = -100  # what torch's cross-entropy leaves out
SPECIAL = ("<pad>", "<start>", "<unknown>", "<mask>")
PAD_ID, MASK_ID = SPECIAL.index("<pad>"), SPECIAL.index("<mask>")

Batch = tuple[Tensor, Tensor]


class Encoder(Protocol):
    """What can be trained on raw text: our language models, and a published encoder."""

    is_causal: bool

    def hidden(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        """ids (B, L), mask (B, 1, L) -> (B, L, d_model)."""

    def logits(self, hidden: Tensor) -> Tensor:
        """hidden (..., d_model) -> (..., vocab_size)."""


def word_vocabulary(texts: Iterable[Sequence[str]], min_count: int) -> Vocabulary:
    """The words that occur at least `min_count` times, after the four `SPECIAL` tokens.

    >>> word_vocabulary([["a", "good", "film"], ["a", "film"]], min_count=2).symbols
    ['<pad>', '<start>', '<unknown>', '<mask>', 'a', 'film']
    """
    counts: dict[str, int] = {}
    for text in texts:
        for word in text:
            counts[word] = counts.get(word, 0) + 1
    return Vocabulary([w for w, n in counts.items() if n >= min_count], special=SPECIAL)


def encode_text(words: Sequence[str], vocabulary: Vocabulary, max_len: int = 40) -> list[int]:
    """Ids of "<start>" and the words, at most `max_len` ids in all."""
    return vocabulary.encode(["<start>", *words])[:max_len]


def mask_tokens(
    ids: Tensor,
    vocab_size: int,
    share: float = 0.15,
    generator: torch.Generator | None = None,
    num_special: int = len(SPECIAL),
    mask_id: int = MASK_ID,
) -> Batch:
    """Choose tokens to be predicted, and hide most of them: masked language modelling.

    Of the chosen ones 80% become `mask_id`, 10% a random token, 10% stay as they are. Special
    tokens, whose ids are below `num_special`, are never chosen.

    Args:
        ids: (B, L).
        vocab_size: random tokens are drawn from num_special to vocab_size - 1.
        share: of the ordinary tokens, chosen independently of each other.
        generator: the source of randomness; torch's own if None.

    Returns:
        inputs: (B, L), what the model sees.
        labels: (B, L), the original token where one was chosen, IGNORED elsewhere.

    Raises:
        ValueError: `share` is not between 0 and 1, or there is no ordinary token.

    Source: Devlin et al. 2019, section 3.1 and appendix A.1 (arXiv:1810.04805). There exactly 15%
    are chosen; here each token by a toss of its own, as most later code does.
    """
    if not 0 < share < 1:
        raise ValueError(f"share should be between 0 and 1, not {share}")
    if vocab_size <= num_special:
        raise ValueError(f"vocab_size = {vocab_size} leaves no token after {num_special} special")
    # Drawn on the CPU, so that a seed gives the same on every device.
    toss, fate = torch.rand(2, *ids.shape, generator=generator).to(ids.device)
    random_ids = torch.randint(num_special, vocab_size, ids.shape, generator=generator)
    chosen = (toss < share) & (ids >= num_special)
    inputs = torch.where(chosen & (fate < 0.8), mask_id, ids)
    inputs = torch.where(chosen & (fate >= 0.9), random_ids.to(ids.device), inputs)
    return inputs, torch.where(chosen, ids, IGNORED)


def hide_tokens(ids: Tensor, share: float, seed: int) -> Batch:
    """As `mask_tokens`, but every chosen token becomes the mask: a fixed test of filling gaps."""
    rng = torch.Generator().manual_seed(seed)
    chosen = (torch.rand(ids.shape, generator=rng) < share).to(ids.device) & (ids >= len(SPECIAL))
    return torch.where(chosen, MASK_ID, ids), torch.where(chosen, ids, IGNORED)


def shift_tokens(ids: Tensor, num_special: int = len(SPECIAL)) -> Batch:
    """Each token is to be predicted from those before it: causal language modelling.

    Args:
        ids: (B, L), L at least 2.

    Returns:
        inputs: (B, L - 1), all tokens but the last.
        labels: (B, L - 1), the token after each; IGNORED where that is a special one.

    >>> shift_tokens(torch.tensor([[1, 7, 5, 0]]))[1].tolist()
    [[7, 5, -100]]
    """
    following = ids[:, 1:]
    return ids[:, :-1], torch.where(following >= num_special, following, IGNORED)


def prediction_loss(model: Encoder, batch: Batch) -> Tensor:
    """Mean loss in nats over the labels of a batch; a scalar. At least one should be there."""
    inputs, labels = batch
    asked = labels != IGNORED
    hidden = model.hidden(inputs, looks_at(model, inputs))[asked]  # (asked, d_model)
    return functional.cross_entropy(model.logits(hidden).float(), labels[asked])


def looks_at(model: Encoder, inputs: Tensor) -> Tensor | None:
    """The mask that hides padding, (B, 1, L); None for a causal model, which never looks there."""
    return None if model.is_causal else (inputs != PAD_ID)[:, None, :]


@torch.no_grad()
def loss_over(model: Encoder, batches: Sequence[Batch]) -> float:
    """Nats per predicted token over several batches; every token counts the same.

    Raises:
        ValueError: no batch holds a label.
    """
    counts = [int((labels != IGNORED).sum()) for _, labels in batches]
    if not sum(counts):
        raise ValueError("there should be at least one label that is not IGNORED")
    with working(model) as device:
        sums = [
            prediction_loss(model, move(batch, device)).item() * n
            for batch, n in zip(batches, counts, strict=True)
            if n
        ]
    return sum(sums) / sum(counts)


def perplexity(model: Encoder, batches: Sequence[Batch]) -> float:
    """The exponential of `loss_over`: among how many equally likely tokens it would hesitate."""
    return math.exp(loss_over(model, batches))


@torch.no_grad()
def mean_hidden(model: Encoder, texts: Sequence[Sequence[int]], size: int = 100) -> Tensor:
    """Each text as the mean of its tokens' hidden states: (texts, d_model), in the given order.

    Args:
        size: texts that are read at once.
    """
    rows = []
    with working(model) as device:
        for start in range(0, len(texts), size):
            ids, mask = move(rectangle(texts[start : start + size]), device)
            hidden = model.hidden(ids, looks_at(model, ids))  # (B, L, d_model)
            rows.append(mean_pool(hidden, mask).cpu())
    return torch.cat(rows)
