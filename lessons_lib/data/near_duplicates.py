"""Texts that are the same, or nearly: they must not stand on both sides of a split."""

import re
from collections.abc import Sequence


def normal_form(text: str) -> str:
    """A text without regard to case and space: equal for texts that are the same for a reader.

    >>> normal_form("No  surprises. ") == normal_form("No Surprises.")
    True
    """
    return " ".join(text.casefold().split())


def similar_pairs(texts: Sequence[str], least_cosine: float) -> list[tuple[int, int, float]]:
    """Pairs of texts that share most of their letters: (i, j, cosine), i < j.

    The cosine is that of TF-IDF weights of runs of four letters, names and links taken out.

    Args:
        texts: N texts.
        least_cosine: from 0 to 1; pairs below it are not returned.

    >>> [(i, j) for i, j, _ in similar_pairs(["A fine film.", "A fine film", "Dull"], 0.9)]
    [(0, 1)]
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    runs = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4))
    rows = runs.fit_transform([_letters_only(text) for text in texts])  # (N, runs), unit length
    found = []
    for start in range(0, len(texts), 1000):  # a thousand rows at a time keep it small
        cosines = (rows[start : start + 1000] @ rows.T).tocoo()
        close = (cosines.data >= least_cosine) & (cosines.row + start < cosines.col)
        left, right = cosines.row[close] + start, cosines.col[close]
        found += zip(left.tolist(), right.tolist(), cosines.data[close].tolist(), strict=True)
    return sorted(found)


def clusters_of(num_texts: int, pairs: Sequence[tuple]) -> list[list[int]]:
    """Groups of texts that are joined by pairs, directly or over others; single texts left out.

    >>> clusters_of(5, [(0, 3), (3, 4)])
    [[0, 3, 4]]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = ([pair[side] for pair in pairs] for side in (0, 1))
    joined = coo_array(([1] * len(pairs), (left, right)), shape=(num_texts, num_texts))
    _, labels = connected_components(joined, directed=False)
    members: dict[int, list[int]] = {}
    for text, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(text)
    return [texts for texts in members.values() if len(texts) > 1]


def _letters_only(text: str) -> str:
    text = re.sub(r"@anonymous|http://url_removed|\brt\b", " ", text.lower())
    return " ".join(re.findall(r"\w+", text))
