"""Rated texts as an encoder sees them: what its frozen layers make of each, computed once."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch import Tensor

from lessons_lib.base.device import autocast, move, working
from lessons_lib.data.batches import by_length, rectangle
from lessons_lib.data.reviews import Snippet
from lessons_lib.data.splits import load_split
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.encode import tokenize
from studies.shared.encoders import encoder_of
from studies.shared.kept import folder, hash_of, write
from studies.shared.own_text import recipe_of

FROZEN_LAYERS = 4  # of six: what "the top two layers" leaves alone


POOL = 2_700  # training texts of a domain, from which a seed draws its own


@dataclass(frozen=True)
class Texts:
    """Rated texts with what is known of them; the same place in all lists is the same text."""

    snippets: list[Snippet]
    ids: list[list[int]]
    states: list[Tensor]  # after FROZEN_LAYERS, (L, d_model) each
    pooled: Tensor  # after all layers, the mean over the tokens, (N, d_model)

    def __len__(self) -> int:
        return len(self.snippets)

    @property
    def ratings(self) -> list[float]:
        return [snippet.rating for snippet in self.snippets]

    def take(self, places: Sequence[int]) -> "Texts":
        """These texts, in this order."""
        lists = ([part[at] for at in places] for part in (self.snippets, self.ids, self.states))
        return Texts(*lists, self.pooled[list(places)])

    def draw(self, count: int, rng: torch.Generator) -> "Texts":
        """So many texts, drawn without replacement."""
        return self.take(torch.randperm(len(self), generator=rng).tolist()[:count])


def joined(parts: Sequence[Texts]) -> Texts:
    """Several lists of texts one after the other."""
    lists = ([one for part in parts for one in getattr(part, name)] for name in _LISTS)
    return Texts(*lists, torch.cat([part.pooled for part in parts]))


_LISTS = ("snippets", "ids", "states")


@functools.cache
def snippets_of(domain: str, part: str) -> list[Snippet]:
    """The snippets of a domain's "train", "validation" or "test"; of train the fixed pool."""
    snippets = getattr(load_split(domain), part)
    if part != "train" or len(snippets) <= POOL:
        return snippets
    order = torch.randperm(len(snippets), generator=torch.Generator().manual_seed(0)).tolist()
    return [snippets[place] for place in order[:POOL]]


@functools.lru_cache(maxsize=64)
def texts_of(kind: str, domain: str, part: str) -> Texts:
    """A part of a domain as one of the encoders sees it; from the cache folder where it is."""
    snippets = snippets_of(domain, part)
    path = folder() / f"{hash_of([kind, domain, part, recipe_of(kind)])}.safetensors"
    if not path.is_file():
        made = activations(encoder_of(kind), snippets, "bfloat16")
        flat = torch.cat(made.states).to(torch.bfloat16)
        write(path, {"flat": flat, "pooled": made.pooled})
    kept, ids = load_file(path), tokenize([one.text for one in snippets])
    return Texts(snippets, ids, list(kept["flat"].split([len(row) for row in ids])), kept["pooled"])


def part_of(kind: str, domain: str, part: str, configuration: dict) -> Texts:
    """Kept activations; computed anew, of fewer texts, where a check wants float32."""
    if "only" not in configuration:
        return texts_of(kind, domain, part)
    few = snippets_of(domain, part)[: configuration["only"]]
    return activations(encoder_of(kind), few, configuration["precision"])


@torch.no_grad()
def activations(encoder: BertEncoder, snippets: list[Snippet], precision: str) -> Texts:
    """Run the frozen and all layers over texts, 64 of like length at a time."""
    ids = tokenize([one.text for one in snippets])
    states, pooled = [torch.empty(0)] * len(ids), [torch.empty(0)] * len(ids)
    with working(encoder) as device:
        for places in by_length([len(row) for row in ids], 64):
            batch, mask = move(rectangle([ids[place] for place in places]), device)
            with autocast(precision, device):
                layers = encoder.hidden_states(batch, mask)
            means, kept = move((mean_pool(layers[-1].float(), mask), layers[FROZEN_LAYERS]), "cpu")
            for row, place in enumerate(places):
                states[place] = kept[row, : len(ids[place])].clone()
                pooled[place] = means[row]
    return Texts(snippets, ids, states, torch.stack(pooled))
