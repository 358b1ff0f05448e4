"""A language model is asked, and how likely it finds two words is read off.

Axes: N texts, L tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lessons_lib.data.batches import pad
from lessons_lib.data.byte_pairs import ByteLevelBytePair
from lessons_lib.data.reviews import Snippet
from lessons_lib.model.llama import Llama

WORDING = "Text: {}\nSentiment:"
WORDS = ("positive", "negative")


@torch.inference_mode()
def asked(
    texts: Sequence[str],
    model: Llama,
    tokenizer: ByteLevelBytePair,
    examples: str = "",
    wording: str = WORDING,
    words: tuple[str, str] = WORDS,
    batch_size: int = 20,
) -> Tensor:
    """log p(first word) - log p(second word) after each text: (N,).

    The keys and values of the examples are computed once for each batch.

    Args:
        examples: put in front of every text, such as `shown`.
        wording: with one place, {}, for the text.
        words: a space is put before each; its first token counts.

    Source: Brown et al. 2020, section 2 (arXiv:2005.14165), "in-context learning".
    """
    first, second = (tokenizer.encode(f" {word}")[0] for word in words)
    gaps = []
    for start in range(0, len(texts), batch_size):
        some = [wording.format(text) for text in texts[start : start + batch_size]]
        ids, lengths = pad([tokenizer.encode(text) for text in some])
        caches = model.new_caches()
        if examples:
            model.hidden(torch.tensor([tokenizer.encode(examples)]), caches=caches)
            for cache in caches:
                cache.reorder(torch.zeros(len(some), dtype=torch.long))
        hidden = model.hidden(ids, caches=caches)
        last = hidden[torch.arange(len(some)), lengths - 1]
        scores = model.logits(last).log_softmax(dim=-1)
        gaps.append(scores[:, first] - scores[:, second])
    return torch.cat(gaps) if gaps else torch.empty(0)


def shown(rated: Sequence[Snippet], wording: str = WORDING, words: tuple[str, str] = WORDS) -> str:
    """Rated texts as examples for `asked`: the first word for ratings above 0, else the second."""
    lines = (f"{wording.format(one.text)} {words[one.rating <= 0]}\n\n" for one in rated)
    return "".join(lines)
