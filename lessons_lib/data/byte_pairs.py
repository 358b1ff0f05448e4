"""Byte-pair encoding over bytes, as GPT-2 and most language models since cut their text."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import regex

from lessons_lib.data.tokens import BytePair

# A contraction, a word, a number, or signs, each with the space before it; or white space alone.
_GPT2 = regex.compile(
    r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
)
_DIGITS = regex.compile(r"(\p{N})")


def byte_letters() -> dict[int, str]:
    """A visible letter for each byte: itself where it prints, another one from 256 on where not.

    So that merges and vocabulary can be written as text. A space is "Ġ", a line break "Ċ".

    Source: Radford et al. 2019, section 2.2, as in GPT-2's published code.

    >>> byte_letters()[ord("a")], byte_letters()[ord(" ")]
    ('a', 'Ġ')
    """
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    pairs = zip([*visible, *hidden], [*visible, *range(256, 256 + len(hidden))], strict=True)
    return {byte: chr(code) for byte, code in pairs}


class ByteLevelBytePair:
    """Text to ids and back, for a vocabulary that can write anything: it begins from the 256 bytes.

    Args:
        pieces: every piece, in the order of the ids.
        merges: pairs of pieces in the order in which they were learnt.
        special: pieces that stand for themselves wherever they occur in a text, such as
            "<|im_start|>".
        unknown: the piece for a byte whose letter is not among the pieces, if there is any such.
        split_digits: whether each digit is a word of its own.

    Raises:
        ValueError: a byte's letter is not among the pieces, and neither is `unknown`.

    Source: Sennrich et al. 2016 (arXiv:1508.07909) over the bytes of Radford et al. 2019.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        merges: Sequence[tuple[str, str]],
        special: Iterable[str] = (),
        unknown: str | None = None,
        split_digits: bool = True,
    ):
        self.pieces, self.split_digits = list(pieces), split_digits
        self.id_of: Mapping[str, int] = {piece: number for number, piece in enumerate(pieces)}
        self.letter = byte_letters()
        self.byte = {letter: byte for byte, letter in self.letter.items()}
        self.special = sorted(special, key=len, reverse=True)
        lacking = [letter for letter in self.byte if letter not in self.id_of]
        if lacking and unknown not in self.id_of:
            raise ValueError(
                f"the pieces should hold a letter for each byte, or `unknown`; not there: {lacking}"
            )
        self.unknown_id = self.id_of.get(unknown)
        self._pairs = BytePair(merges)
        self._ids_of_word = lru_cache(maxsize=100_000)(self._encode_word)

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """The ids of a text's pieces; nothing is added."""
        ids: list[int] = []
        for part in self._around_special(text):
            if part in self.special:
                ids.append(self.id_of[part])
            else:
                ids += [number for word in self._words(part) for number in self._ids_of_word(word)]
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids; bytes that make no character become the sign U+FFFD."""
        raw = b"".join(self._bytes_of(self.pieces[int(number)]) for number in ids)
        return raw.decode("utf-8", errors="replace")

    def _around_special(self, text: str) -> list[str]:
        if not self.special:
            return [text]
        either = "|".join(regex.escape(piece) for piece in self.special)
        return [part for part in regex.split(f"({either})", text) if part]

    def _words(self, text: str) -> list[str]:
        parts = _DIGITS.split(text) if self.split_digits else [text]
        return [word for part in parts for word in _GPT2.findall(part)]

    def _encode_word(self, word: str) -> tuple[int, ...]:
        letters = "".join(self.letter[byte] for byte in word.encode())
        return tuple(self.id_of.get(piece, self.unknown_id) for piece in self._pairs.split(letters))

    def _bytes_of(self, piece: str) -> bytes:
        return piece.encode() if piece in self.special else bytes(self.byte[c] for c in piece)
