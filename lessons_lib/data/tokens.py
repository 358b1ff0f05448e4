"""From text to token ids: WordPiece, byte-pair encoding, characters, and batches of them."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise


def require_texts(texts: Iterable[str]) -> list[str]:
    """The texts as a list, if each is a string of whole characters.

    Raises:
        TypeError: one string came instead of a list of them, or one of them is no string: None,
            NaN, a pair. The message names its place, counted from 0.
        ValueError: a text holds half a character (a lone surrogate), which no encoding has.

    >>> require_texts(("It rains.", ""))
    ['It rains.', '']
    """
    if isinstance(texts, str | bytes):
        raise TypeError(f"expected a list of texts, got one string: {texts[:40]!r}")
    texts = list(texts)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"texts[{place}] should be a string, not {kind}: {text!r:.40}")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                half = f"{text[error.start]!r} at its place {error.start}"
                raise ValueError(
                    f"texts[{place}] holds half a character, {half}: read it anew as UTF-8"
                ) from None
    return texts


class WordPiece:
    """Split text as BERT does: words and signs first, then each word into its longest known pieces.

    Args:
        vocabulary: piece to id; a piece inside a word begins with "##". Holds `unknown`.
        unknown: stands for a word with a part that no piece fits.
        max_word_length: a longer word is `unknown` at once.

    Raises:
        ValueError: `unknown` is not in the vocabulary.

    Source: Wu et al. 2016, section 4.1 (arXiv:1609.08144); words as in the library `tokenizers`,
    uncased. BERT's published code (Devlin et al. 2019) differs from it in three things: the final
    sigma of a Greek word, characters of private use, and where one block of Chinese characters
    begins. "[MASK]" in a text is a word between two signs.

    >>> WordPiece({"[UNK]": 0, "un": 1, "##believ": 2, "##able": 3}).pieces("Unbelievable")
    ['un', '##believ', '##able']
    """

    def __init__(
        self, vocabulary: Mapping[str, int], unknown: str = "[UNK]", max_word_length: int = 100
    ):
        if unknown not in vocabulary:
            raise ValueError(f"the vocabulary should hold {unknown!r}, for words that nothing fits")
        self.vocabulary, self.unknown = dict(vocabulary), unknown
        self.max_word_length = max_word_length

    def pieces(self, text: str) -> list[str]:
        """The pieces of a text, in order."""
        return [piece for word in split_words(text) for piece in self._split(word)]

    def encode(self, text: str) -> list[int]:
        """The ids of a text's pieces, in order; no special token is added."""
        return [self.vocabulary[piece] for piece in self.pieces(text)]

    def _split(self, word: str) -> list[str]:
        if len(word) > self.max_word_length:
            return [self.unknown]
        pieces, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1)  # the longest piece first
            end = next((end for end in ends if mark + word[start:end] in self.vocabulary), None)
            if end is None:
                return [self.unknown]
            pieces.append(mark + word[start:end])
            start = end
        return pieces


def split_words(text: str) -> list[str]:
    """Lower-case words without accents, signs and Chinese characters on their own.

    As the library `tokenizers` does it for BERT; see `WordPiece`.

    >>> split_words("Déjà vu, 2x!")
    ['deja', 'vu', ',', '2x', '!']
    """
    kept = "".join(_clean(char) for char in text)
    bare = "".join(c for c in unicodedata.normalize("NFD", kept) if unicodedata.category(c) != "Mn")
    # Letter by letter: of a whole word Python would make the Greek final s, as BERT's first code
    # did; `tokenizers` does not.
    lowered = (char.lower() for char in bare)
    return "".join(f" {char} " if _is_sign(char) else char for char in lowered).split()


def _clean(char: str) -> str:
    """A space for any white space, nothing for control characters, room round Chinese ones."""
    if char in "\t\n\r" or unicodedata.category(char) == "Zs":
        return " "
    if char in "\0\ufffd" or unicodedata.category(char) in ("Cc", "Cf", "Co"):
        return ""
    return f" {char} " if _is_chinese(char) else char


def _is_sign(char: str) -> bool:
    ascii_sign = 33 <= ord(char) <= 126 and not char.isalnum()
    return ascii_sign or unicodedata.category(char).startswith("P")


def _is_chinese(char: str) -> bool:
    blocks = (
        *((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F)),
        *((0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)),
    )
    return any(first <= ord(char) <= last for first, last in blocks)


class BytePair:
    """Join the neighbouring symbols that were joined most often in the text it learnt from.

    Args:
        merges: pairs of symbols in the order in which they were learnt, as `learn_merges` gives.

    Source: Sennrich et al. 2016, section 3.2 (arXiv:1508.07909).

    >>> BytePair([("l", "o"), ("lo", "w")]).split("lower")
    ['low', 'e', 'r']
    """

    def __init__(self, merges: Sequence[tuple[str, str]]):
        self.rank = {pair: rank for rank, pair in enumerate(merges)}

    def split(self, word: str) -> list[str]:
        """The symbols of one word, joined as far as the merges go."""
        symbols = list(word)
        while len(symbols) > 1:
            best = min(pairwise(symbols), key=lambda pair: self.rank.get(pair, len(self.rank)))
            if best not in self.rank:
                break
            symbols = _join(symbols, best)
        return symbols


def learn_merges(words: Mapping[str, int], num_merges: int) -> list[tuple[str, str]]:
    """Find the pairs to join: the most frequent pair, join it, count again.

    Of equally frequent pairs, that whose symbols were known first; letters by their code points.

    Args:
        words: word to the number of times that it occurs.
        num_merges: at most so many; fewer if no pair is left.

    Source: Sennrich et al. 2016, algorithm 1 (arXiv:1508.07909); ties as in `tokenizers`.

    >>> learn_merges({"low": 5, "lower": 2, "newest": 6}, 2)
    [('w', 'e'), ('l', 'o')]
    """
    split = {word: list(word) for word in words}
    known = {char: order for order, char in enumerate(sorted({c for word in words for c in word}))}
    merges = []
    for _ in range(num_merges):
        counts: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in pairwise(split[word]):
                counts[pair] += count
        if not counts:
            break
        best = min(counts, key=lambda p: (-counts[p], known[p[0]], known[p[1]]))
        known.setdefault("".join(best), len(known))
        merges.append(best)
        split = {word: _join(symbols, best) for word, symbols in split.items()}
    return merges


def _join(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    joined, place = [], 0
    while place < len(symbols):
        together = tuple(symbols[place : place + 2]) == pair
        joined.append("".join(pair) if together else symbols[place])
        place += 2 if together else 1
    return joined


class Vocabulary:
    """Symbols and their numbers, the special ones first.

    Args:
        symbols: any order, repetitions allowed; sorted before they are numbered.
        special: such as ("<pad>", "<start>", "<end>", "<unknown>"); numbered first, in this order.

    >>> letters = Vocabulary("banana")
    >>> letters.decode(letters.encode("nab"))
    'nab'
    """

    SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")

    def __init__(self, symbols: Iterable[str], special: Sequence[str] = SPECIAL):
        self.symbols = [*special, *sorted(set(symbols) - set(special))]
        self.num_special = len(special)
        self.id_of = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, symbols: Iterable[str]) -> list[int]:
        """Symbols to ids; one that is not known gets the id of "<unknown>".

        Raises:
            KeyError: it is not known, and there is no "<unknown>".
        """
        return [self._id(symbol) for symbol in symbols]

    def _id(self, symbol: str) -> int:
        if symbol not in self.id_of and "<unknown>" not in self.id_of:
            raise KeyError(f"{symbol!r} is not in the vocabulary, and neither is '<unknown>'")
        return self.id_of.get(symbol, self.id_of.get("<unknown>"))

    def decode(self, ids: Iterable[int]) -> str:
        """Ids to one string, special tokens left out."""
        return "".join(self.symbols[int(i)] for i in ids if int(i) >= self.num_special)
