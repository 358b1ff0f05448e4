"""Writing one token after the other: greedy, sampled, and by beam search."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lessons_lib.model.multi_head import KeyValueCache

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
        top_p: only the best that together hold this share of the probability, after `top_k`.
        generator: the source of randomness, on the logits' device; torch's own if None.

    Returns:
        (B,), token ids.

    Raises:
        ValueError: a setting outside its range, or a row of logits with NaN, with plus infinity or
            with minus infinity alone.

    Source: Fan et al. 2018 (arXiv:1805.04833) for k, Holtzman et al. 2020 (arXiv:1904.09751) for p.

    >>> choose(torch.tensor([[0.0, 2.0, 1.0]]), top_k=1)
    tensor([1])
    """
    in_range = temperature >= 0 and (top_k is None or top_k >= 1)
    in_range = in_range and (top_k is None or top_k == int(top_k)) and temperature < math.inf
    if not in_range or (top_p is not None and not 0 < top_p <= 1):
        wanted = "temperature should be at least 0, top_k at least 1, top_p above 0 and at most 1"
        raise ValueError(f"{wanted}; got {temperature}, {top_k}, {top_p}")
    best, rounding = _require_numbers(logits), 2 * torch.finfo(logits.dtype).eps
    if temperature == 0:
        return logits.argmax(dim=-1)
    if logits.dtype in (torch.float16, torch.bfloat16):  # whose range a low temperature leaves
        logits, best = logits.float(), best.float()
    # From the best one on, so that a low temperature makes nothing larger than 0.
    scaled = (logits - best) / max(temperature, torch.finfo(logits.dtype).tiny)
    shares = torch.softmax(_keep_best(scaled, top_k, top_p, rounding), dim=-1)
    return torch.multinomial(shares, 1, generator=generator).squeeze(-1)


def _require_numbers(logits: Tensor) -> Tensor:
    """The best logit of each row, (..., 1), if each row has one that is a number."""
    best = logits.amax(dim=-1, keepdim=True)  # NaN, if there is any
    if not logits.is_meta and not torch.isfinite(best).all():
        row = int((~torch.isfinite(best)).flatten().nonzero()[0])
        raise ValueError(
            f"the logits of sequence {row} have no best one: the largest is {best.flatten()[row]}"
        )
    return best


def _keep_best(logits: Tensor, top_k: int | None, top_p: float | None, rounding: float) -> Tensor:
    """Minus infinity for every token that may not be drawn; the best one always may."""
    ordered, order = logits.sort(dim=-1, descending=True)
    if top_k is not None:
        ordered[..., top_k:] = -torch.inf
    if top_p is not None:
        share = torch.softmax(ordered, dim=-1)
        share_of_better = share.cumsum(dim=-1) - share
        enough = share_of_better > top_p - rounding  # .5 + .3 is .8, whatever the last digit says
        ordered = ordered.masked_fill(enough, -torch.inf)
    return torch.empty_like(logits).scatter(-1, order, ordered)


def _require_start(start: Tensor) -> None:
    if start.dim() != 2 or not start.size(1):
        raise ValueError(f"start should be (B, L), L at least 1, not {tuple(start.shape)}")


@torch.no_grad()
def generate(
    step: Step,
    caches: list[KeyValueCache],
    start: Tensor,
    max_new_tokens: int,
    end_id: int | None = None,
    **choice,
) -> Tensor:
    """Extend each sequence token by token. The model should be in evaluation mode.

    Args:
        step: called as step(new ids (B, new), caches), returns logits (B, new, vocab_size); such as
            `lambda ids, caches: model(ids, caches=caches)` of a causal LanguageModel.
        caches: empty ones, as `model.new_caches()` gives them.
        start: (B, L), at least one token each.
        max_new_tokens: at most so many are added.
        end_id: a sequence that has written this token is finished; it is filled up with it.
        choice: passed to `choose`; without any, the best token is taken (greedy).

    Returns:
        (B, L + new), the start included.

    Raises:
        ValueError: a setting of `choose` is outside its range, `start` is not (B, L), or the
            model's logits are no numbers.
    """
    choice = choice or {"temperature": 0.0}
    _require_start(start)
    written, new = start, start
    finished = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    for _ in range(max_new_tokens):
        chosen = choose(step(new, caches)[:, -1], **choice)
        if end_id is not None:
            chosen = chosen.masked_fill(finished, end_id)
            finished = finished | (chosen == end_id)
        new = chosen[:, None]
        written = torch.cat([written, new], dim=1)
        if end_id is not None and finished.all():
            break
    return written


@torch.no_grad()
def beam_search(
    step: Step,
    caches: list[KeyValueCache],
    start: Tensor,
    max_new_tokens: int,
    end_id: int,
    num_beams: int = 4,
    length_penalty: float = 1.0,
) -> Tensor:
    """Keep the few best beginnings of a sequence at each length, instead of only the best.

    Args:
        step: as in `generate`; called with a batch of 1 to `num_beams` sequences.
        caches: empty ones.
        start: (1, L).
        length_penalty: log-probability is divided by (new length) to this power; 0 favours short.

    Returns:
        (1, up to L + max_new_tokens), the start included: the best sequence that has ended (its
        `end_id` is included) or has all of the new tokens.

    Raises:
        ValueError: `start` is not one sequence, a number is out of its range, or the model's logits
            are no numbers.

    Source: Sutskever et al. 2014, section 3.2 (arXiv:1409.3215): a finished sequence leaves the
    beam; the power of the length: Wu et al. 2016, section 7 (arXiv:1609.08144), simplified.
    """
    _require_start(start)
    if start.size(0) != 1 or num_beams < 1 or max_new_tokens < 1 or length_penalty < 0:
        numbers = f"{len(start)}, {num_beams}, {max_new_tokens}, {length_penalty}"
        raise ValueError(
            "start should be one sequence, num_beams and max_new_tokens at least 1, "
            f"length_penalty at least 0; got {numbers}"
        )
    beams, new = start, start  # (number of open beams, length)
    log_p = torch.zeros(1, device=start.device)  # of each open beam
    best, best_score = start, -math.inf
    for length in range(1, max_new_tokens + 1):
        logits = step(new, caches)[:, -1]
        _require_numbers(logits)
        next_log_p = logits.log_softmax(dim=-1)
        children = log_p[:, None] + next_log_p  # (open beams, vocab_size)
        log_p, place = children.flatten().topk(min(num_beams, children.numel()))  # best first
        parent, token = place // children.size(1), place % children.size(1)
        beams = torch.cat([beams[parent], token[:, None]], dim=1)
        done = (token == end_id) | (length == max_new_tokens)
        if done.any() and (score := log_p[done][0].item() / length**length_penalty) > best_score:
            best, best_score = beams[done][:1], score
        log_p, beams, new, parent = log_p[~done], beams[~done], token[~done, None], parent[~done]
        if done.all() or log_p[0].item() / max_new_tokens**length_penalty <= best_score:
            break  # no open beam could win, even if all that follows were certain
        for cache in caches:
            cache.reorder(parent)
    return best
