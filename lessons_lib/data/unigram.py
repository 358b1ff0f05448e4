"""Text cut into the most probable pieces: the unigram tokenizer of encoders of many languages."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

SPACE = "▁"  # stands for the space before a word
_RARE = 10.0  # so much worse than the rarest piece is a character that no piece has


class Unigram:
    """Each piece has a log-probability; a word is cut so that the sum is the highest.

    Args:
        pieces: every piece, in the order of the ids.
        scores: log-probability of each, in nats.
        start, end, unknown: ids of the special pieces round a text, and of what no piece fits.
        replaced: character to what stands for it before the text is cut; None = itself.

    Raises:
        ValueError: there are not as many scores as pieces.

    Source: Kudo 2018, section 3.2 (arXiv:1804.10959); as in the library `tokenizers`.

    >>> cut = Unigram(["<s>", "</s>", "<unk>", "▁", "a", "▁a", "ab"], [0, 0, 0, -1, -2, -2, -4])
    >>> cut.pieces_of("a ab c")
    ['▁a', '▁', 'ab', '▁', '<unk>']
    """

    def __init__(
        self,
        pieces: Sequence[str],
        scores: Sequence[float],
        start: int = 0,
        end: int = 1,
        unknown: int = 2,
        replaced: Mapping[str, str] | None = None,
    ):
        if len(pieces) != len(scores):
            raise ValueError(
                f"expected a score for each of {len(pieces)} pieces, got {len(scores)}"
            )
        self.pieces, self.scores = list(pieces), list(scores)
        self.start, self.end, self.unknown = start, end, unknown
        special = {start, end, unknown}
        self.score_of = {
            piece: (score, number)
            for number, (piece, score) in enumerate(zip(pieces, self.scores, strict=True))
            if number not in special
        }
        self.longest = max(map(len, self.score_of))
        self.unknown_score = min(self.scores) - _RARE
        self._replaced = str.maketrans(dict(replaced or {}))
        self._ids_of_word = lru_cache(maxsize=100_000)(self._best)

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """The ids of a text's pieces, the start before them and the end behind."""
        words = (SPACE + word for word in self.normalise(text).split(SPACE)[1:])
        ids = [number for word in words for number in self._ids_of_word(word)]
        return [self.start, *ids, self.end]

    def pieces_of(self, text: str) -> list[str]:
        """The pieces of a text, nothing round them."""
        return [self.pieces[number] for number in self.encode(text)[1:-1]]

    def normalise(self, text: str) -> str:
        """Characters replaced, one space where there were several, and "▁" before each word.

        A letter and its accent that stand apart become one sign where there is one (NFKC).
        """
        text = unicodedata.normalize("NFKC", text.translate(self._replaced))
        while "  " in text:
            text = text.replace("  ", " ")
        return (text if text.startswith(" ") else " " + text).replace(" ", SPACE)

    def _best(self, word: str) -> tuple[int, ...]:
        """Viterbi: the best way to a place is the best way to an earlier one, and a piece."""
        best = [(0.0, 0, -1)] + [(float("-inf"), 0, -1)] * len(word)  # score, from where, piece
        for start in range(len(word)):
            so_far = best[start][0]
            for end in range(start + 1, min(start + self.longest, len(word)) + 1):
                found = self.score_of.get(word[start:end])
                if found and so_far + found[0] > best[end][0]:
                    best[end] = so_far + found[0], start, found[1]
            if (
                so_far + self.unknown_score > best[start + 1][0]
                and word[start] not in self.score_of
            ):
                best[start + 1] = so_far + self.unknown_score, start, self.unknown
        ids, place = [], len(word)
        while place:
            _, place, number = best[place]
            ids.append(number)
        return tuple(_one_unknown(reversed(ids), self.unknown))


def _one_unknown(ids: Iterable[int], unknown: int) -> list[int]:
    """Several unknown characters in a row are one piece."""
    kept: list[int] = []
    for number in ids:
        if number != unknown or kept[-1:] != [unknown]:
            kept.append(number)
    return kept
