"""A vocabulary of the pieces that our texts need: a rarer word falls back on shorter pieces.

Axes: V pieces that are kept.
"""

import copy
import json
import string
from collections import Counter
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import nn

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.encode import tokenize


def pieces_to_keep(texts: Sequence[str], tokenizer: Tokenizer, count: int) -> list[str]:
    """The pieces that a smaller vocabulary keeps, in the order of their ids.

    The special ones; every single character that these texts or plain English text hold, at the
    beginning of a word and inside it; then the pieces that are most frequent in the texts, until
    there are `count`. So a word of known characters is never unknown: in the worst case it is
    spelt.

    Args:
        texts: without ratings; such as the training texts.
        tokenizer: WordPiece; left as it is.
        count: V.

    Raises:
        ValueError: V is less than what has to stay, or more than there are.
    """
    everything = tokenizer.get_vocab().items()
    vocabulary = {piece: at for piece, at in everything if not piece.startswith("[unused")}
    name_of = {number: piece for piece, number in vocabulary.items()}
    counts = Counter(number for ids in tokenize(texts, tokenizer) for number in ids)
    special = {added.content for added in tokenizer.get_added_tokens_decoder().values()}
    seen = {name_of[number] for number in counts} - special
    letters = set("".join(seen)) | set(string.ascii_lowercase + string.digits + string.punctuation)
    single = {mark + letter for letter in letters for mark in ("", "##")}
    kept = special | (single & vocabulary.keys())
    if not len(kept) <= count <= len(vocabulary):
        raise ValueError(f"count should be from {len(kept)} to {len(vocabulary)}, not {count}")
    often = sorted(vocabulary.items(), key=lambda item: (-counts[item[1]], item[1]))
    for piece, _ in often:
        if len(kept) == count:
            break
        kept.add(piece)
    return sorted(kept, key=vocabulary.__getitem__)


def trimmed_tokenizer(tokenizer: Tokenizer, pieces: Sequence[str]) -> Tokenizer:
    """The same tokenizer with these pieces only, numbered from 0 in their order.

    Raises:
        ValueError: a special token is missing, or a piece is not one of the tokenizer's.
    """
    vocabulary = tokenizer.get_vocab()
    number_of = {piece: number for number, piece in enumerate(pieces)}
    special = [added.content for added in tokenizer.get_added_tokens_decoder().values()]
    if missing := [piece for piece in special if piece not in number_of]:
        raise ValueError(f"the special tokens {missing} have to stay")
    if strange := [piece for piece in pieces if piece not in vocabulary]:
        raise ValueError(f"{strange[:3]} are no pieces of this tokenizer")
    settings = json.loads(tokenizer.to_str())
    settings["model"]["vocab"] = number_of
    for added in settings["added_tokens"]:
        added["id"] = number_of[added["content"]]
    for token in settings["post_processor"]["special_tokens"].values():
        token["ids"] = [number_of[name] for name in token["tokens"]]
    return Tokenizer.from_str(json.dumps(settings))


def trimmed(
    encoder: BertEncoder, tokenizer: Tokenizer, pieces: Sequence[str], max_len: int | None = None
) -> BertEncoder:
    """A copy with the word vectors of these pieces only, in their order.

    Args:
        encoder: left as it is.
        tokenizer: the encoder's own.
        pieces: (V,).
        max_len: positions that are kept; None = all of them.
    """
    rows = torch.tensor([tokenizer.token_to_id(piece) for piece in pieces])
    small = copy.deepcopy(encoder)
    small.tokens = nn.Embedding.from_pretrained(small.tokens(rows).detach(), freeze=False)
    places = torch.arange(max_len or small.places.num_embeddings)
    small.places = nn.Embedding.from_pretrained(small.places(places).detach(), freeze=False)
    return small
