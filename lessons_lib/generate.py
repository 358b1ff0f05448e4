"""Writing one token after the other: greedy, sampled, and by beam search."""

from collections.abc import Callable

import torch
from torch import Tensor

from lessons_lib.multi_head import KeyValueCache

Step = Callable[[Tensor, list[KeyValueCache]], Tensor]


def choose(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw the next token of each sequence.

    Args:
        logits: (B, vocab_size).
        temperature: below 1 sharper, above 1 flatter; 0 takes the best.
        top_k: only the k best may be drawn.
        top_p: only the best that together hold this share of the probability.

    Returns:
        (B,), token ids.

    Raises:
        ValueError: a setting outside its range.

    Source: top-k: Fan et al. 2018 (arXiv:1805.04833); top-p: Holtzman et al. 2020
    (arXiv:1904.09751).
    """
    if (
        temperature < 0
        or (top_k is not None and top_k < 1)
        or (top_p is not None and not 0 < top_p <= 1)
    ):
        raise ValueError(
            f"temperature should be at least 0, top_k at least 1, top_p above 0 and at most 1; "
            f"got {temperature}, {top_k}, {top_p}"
        )
    if temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(_keep(logits / temperature, top_k, top_p), dim=-1)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(-1)


def generate(
    step: Step,
    caches: list[KeyValueCache],
    start: Tensor,
    max_new_tokens: int,
    end_id: int | None = None,
    **choice,
) -> Tensor:
    """Extend each sequence token by token.

    Args:
        step: called with the new tokens (B, new) and the caches; returns logits
            (B, new, vocab_size). Such as a causal LanguageModel, or a Seq2Seq's decoder.
        caches: empty ones, as `model.new_caches()` gives them.
        start: (B, L), at least one token each.
        max_new_tokens: at most so many are added.
        end_id: a sequence that has this token is finished; it is filled up with it.
        choice: passed to `choose`; greedy by default.

    Returns:
        (B, L + new), the start included.
    """
    choice = {"temperature": 0.0, **choice}
    written, new = start, start
    finished = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    for _ in range(max_new_tokens):
        chosen = choose(step(new, caches)[:, -1], **choice)
        if end_id is not None:
            chosen = chosen.masked_fill(finished, end_id)
            finished = finished | (chosen == end_id)
        new = chosen[:, None]
        written = torch.cat([written, new], dim=1)
        if finished.all():
            break
    return written


def beam_search(
    step: Step,
    caches: list[KeyValueCache],
    start: Tensor,
    max_new_tokens: int,
    end_id: int,
    num_beams: int = 4,
    length_penalty: float = 1.0,
) -> Tensor:
    """Keep the best few beginnings of one sequence instead of only the best.

    Args:
        step: as in `generate`, called with a batch of `num_beams` sequences.
        caches: empty ones.
        start: (1, L).
        length_penalty: scores are divided by length to this power; 0 favours short sequences.

    Returns:
        (1, up to L + max_new_tokens), the best finished sequence, `end_id` included if reached.

    Raises:
        ValueError: `start` is not a single sequence.

    Source: Wu et al. 2016, section 7 (arXiv:1609.08144), with the plain power of the length.
    """
    if start.size(0) != 1:
        raise ValueError(
            f"beam search takes one sequence at a time, (1, L); got {tuple(start.shape)}"
        )
    written, new = start.expand(num_beams, -1), start.expand(num_beams, -1)
    # At first all beams are the same: only one of them may bear children.
    scores = torch.full((num_beams,), -torch.inf, device=start.device)
    scores[0] = 0.0
    done: list[tuple[float, Tensor]] = []
    for length in range(1, max_new_tokens + 1):
        log_probabilities = step(new, caches)[:, -1].log_softmax(dim=-1)
        total = (scores[:, None] + log_probabilities).flatten()
        scores, flat = total.topk(min(2 * num_beams, len(total)))
        parent, token = flat // log_probabilities.size(-1), flat % log_probabilities.size(-1)
        ended = token == end_id
        for score, row in zip(scores[ended][:num_beams], parent[ended][:num_beams], strict=True):
            sequence = torch.cat([written[row], token.new_tensor([end_id])])
            done.append((score.item() / length**length_penalty, sequence))
        open_ = (~ended).nonzero().flatten()[:num_beams]
        scores, parent, new = scores[open_], parent[open_], token[open_, None]
        written = torch.cat([written[parent], new], dim=1)
        for cache in caches:
            cache.reorder(parent)
        if len(done) >= num_beams:
            break
    done += (
        [(s.item() / length**length_penalty, w) for s, w in zip(scores, written, strict=True)]
        if not done
        else []
    )
    return max(done, key=lambda pair: pair[0])[1][None]


def _keep(logits: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Minus infinity for every token that may not be drawn."""
    if top_k is not None:
        least = logits.topk(min(top_k, logits.size(-1)), dim=-1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p is not None:
        ordered, order = logits.sort(dim=-1, descending=True)
        share = torch.softmax(ordered, dim=-1)
        outside = share.cumsum(dim=-1) - share >= top_p  # the best one always stays
        logits = logits.masked_fill(outside.scatter(-1, order, outside), -torch.inf)
    return logits
