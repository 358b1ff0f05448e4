"""A language model is asked, and how likely it finds two words is read off.

Axes: N texts, L tokens.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lessons_lib.base.device import autocast, working
from lessons_lib.data.batches import pad
from lessons_lib.data.byte_pairs import ByteLevelBytePair
from lessons_lib.data.reviews import Snippet
from lessons_lib.model.llama import Llama

WORDING = "Text: {}\nSentiment:"
WORDS = ("positive", "negative")
BLANK = ("N/A", "[MASK]", "")  # texts that say nothing


def asked(
    texts: Sequence[str],
    model: Llama,
    tokenizer: ByteLevelBytePair,
    examples: str = "",
    wording: str = WORDING,
    words: tuple[str, str] = WORDS,
    batch_size: int = 20,
    precision: str = "float32",
) -> Tensor:
    """log p(first word) - log p(second word) after each text: (N,).

    The keys and values of the examples are computed once for each batch.

    Args:
        examples: put in front of every text, such as `shown`.
        wording: with one place, {}, for the text.
        words: a space is put before each; its first token counts.
        precision: "float32" or "bfloat16".

    Source: Brown et al. 2020, section 2 (arXiv:2005.14165), "in-context learning".
    """
    first, second = (tokenizer.encode(f" {word}")[0] for word in words)
    gaps = []
    with working(model) as device, torch.inference_mode(), autocast(precision, device):
        for start in range(0, len(texts), batch_size):
            some = [wording.format(text) for text in texts[start : start + batch_size]]
            ids, lengths = (part.to(device) for part in pad([tokenizer.encode(t) for t in some]))
            caches = model.new_caches()
            if examples:
                front = torch.tensor([tokenizer.encode(examples)], device=device)
                model.hidden(front, caches=caches)
                for cache in caches:
                    cache.reorder(torch.zeros(len(some), dtype=torch.long, device=device))
            hidden = model.hidden(ids, caches=caches)
            last = hidden[torch.arange(len(some), device=device), lengths - 1]
            scores = model.logits(last).float()
            gaps.append((scores[:, first] - scores[:, second]).cpu())
    return torch.cat(gaps) if gaps else torch.empty(0)


def blank_answer(model: Llama, tokenizer: ByteLevelBytePair, *prompt: str, **how) -> float:
    """What `asked` says of texts that say nothing: the mean of `BLANK`.

    Taken off an answer, it undoes the model's leaning to one word, which examples bring about by
    their number and order. The order of texts stays as it is, and with it every correlation.

    Args:
        prompt, how: of `asked`, from "examples" on.

    Source: Zhao et al. 2021, section 5 (arXiv:2102.09690), "contextual calibration".
    """
    return asked(BLANK, model, tokenizer, *prompt, **how).mean().item()


def shown(rated: Sequence[Snippet], wording: str = WORDING, words: tuple[str, str] = WORDS) -> str:
    """Rated texts as examples for `asked`: the first word for ratings above 0, else the second."""
    lines = (f"{wording.format(one.text)} {words[one.rating <= 0]}\n\n" for one in rated)
    return "".join(lines)
