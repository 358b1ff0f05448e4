"""Near-duplicates: found whatever the case, names and links."""

from lessons_lib.data import near_duplicates
from lessons_lib.data.near_duplicates import clusters_of, similar_pairs
from lessons_lib.data.reviews import load_domain


def test_pairs_do_not_see_case_names_links_and_signs():
    texts = [
        "@anonymous Great SHOW tonight! http://url_removed",
        "great show tonight :)",
        "The train was late.",
    ]
    assert [(i, j) for i, j, _ in similar_pairs(texts, 0.99)] == [(0, 1)]


def test_pairs_are_those_of_a_plain_matrix_across_the_chunks(monkeypatch):
    texts = [snippet.text for snippet in load_domain("tweets")[:1203]]
    found = similar_pairs(texts, 0.5)
    from sklearn.feature_extraction.text import TfidfVectorizer

    plain = TfidfVectorizer(analyzer="char_wb", ngram_range=(4, 4))
    rows = plain.fit_transform([near_duplicates._letters_only(text) for text in texts]).toarray()
    cosines = rows @ rows.T
    slow = [(i, j) for i in range(1203) for j in range(i + 1, 1203) if cosines[i, j] >= 0.5]
    assert [(i, j) for i, j, _ in found] == slow
    assert any(i < 1000 <= j for i, j in slow) and any(i >= 1000 for i, j in slow)


def test_clusters_join_over_others_and_leave_out_the_single():
    assert clusters_of(7, [(5, 6), (0, 2), (2, 4)]) == [[0, 2, 4], [5, 6]]
    assert clusters_of(3, []) == []
