"""The splits: nothing leaks, the published file is the one that was made, every rule in small."""

import json
from collections import Counter
from types import SimpleNamespace

import pytest

from lessons_lib.data import splits
from lessons_lib.data.near_duplicates import normal_form, similar_pairs
from lessons_lib.data.reviews import DOMAINS, Snippet, load_domain
from lessons_lib.data.splits import (
    LEAST_COSINE,
    AlteredSplitError,
    contrived_ids,
    load_split,
    make_splits,
    sealed_texts,
    split_groups,
)

PARTS = ("train", "validation", "test", "sealed")


@pytest.fixture(scope="module")
def loaded():
    """Each domain's three parts, and the sealed texts as a fourth."""
    return {
        domain: SimpleNamespace(
            **vars(load_split(domain)), sealed=sealed_texts(domain, opened=True)
        )
        for domain in DOMAINS
    }


def parts_of(split):
    return [getattr(split, part) for part in PARTS]


@pytest.fixture
def altered(tmp_path, monkeypatch):
    """Puts another split file in the place of the published one."""

    def publish(content: str, known: bool = False):
        path = tmp_path / "splits.json"
        path.write_text(content, encoding="utf-8")
        monkeypatch.setattr(splits, "_PATH", path)
        if known:
            found = splits.hashlib.sha256(content.encode()).hexdigest()
            monkeypatch.setattr(splits, "SPLITS_SHA256", found)
        splits._published.cache_clear()

    yield publish
    splits._published.cache_clear()


# --- the published splits ----------------------------------------------------------------------


def test_the_file_is_what_the_program_makes():
    assert splits._as_text(make_splits()) == splits._PATH.read_text(encoding="utf-8")


def test_parts_have_the_sizes_that_are_promised(loaded):
    for split in loaded.values():
        assert 990 <= len(split.test) <= 1000
        assert 470 <= len(split.validation) <= 500
        assert len(split.train) >= 1800


def test_no_group_is_on_both_sides(loaded):
    for split in loaded.values():
        groups = [{snippet.group for snippet in part} for part in parts_of(split)]
        assert sum(map(len, groups)) == len(set.union(*groups))


def test_no_text_is_on_both_sides_nor_in_two_domains(loaded):
    home = {}
    for domain, split in loaded.items():
        for part, snippets in zip(PARTS, parts_of(split), strict=True):
            for snippet in snippets:
                here = (domain, part)
                assert home.setdefault(normal_form(snippet.text), here) == here


def test_no_near_duplicate_of_a_film_or_tweet_is_on_both_sides(loaded):
    for domain in ("movies", "tweets"):
        snippets, part_of = load_domain(domain), {}
        for part, members in zip(PARTS, parts_of(loaded[domain]), strict=True):
            part_of |= {snippet.id: part for snippet in members}
        pairs = similar_pairs([snippet.text for snippet in snippets], LEAST_COSINE)
        assert len(pairs) > 90
        for left, right, _ in pairs:
            both = [part_of.get(snippets[side].id) for side in (left, right)]
            assert both[0] == both[1] or None in both


def test_what_is_left_out_is_a_copy_of_what_is_kept(loaded):
    gone = {}
    for domain, split in loaded.items():
        kept = {snippet.id for part in parts_of(split) for snippet in part}
        gone[domain] = [s for s in load_domain(domain) if s.id not in kept]
    assert {domain: len(texts) for domain, texts in gone.items()} == {
        "movies": 0,
        "products": 8,
        "tweets": 0,
        "editorials": 3,
    }
    everything = {
        normal_form(s.text) for split in loaded.values() for p in parts_of(split) for s in p
    }
    assert all(normal_form(s.text) in everything for texts in gone.values() for s in texts)


def test_a_text_comes_with_its_ratings_and_in_the_published_order(loaded):
    for domain, split in loaded.items():
        published = {s.id: (number, s) for number, s in enumerate(load_domain(domain))}
        for part in parts_of(split):
            numbers = [published[snippet.id][0] for snippet in part]
            assert numbers == sorted(numbers)
            for snippet in part:
                original = published[snippet.id][1]
                assert (snippet.text, snippet.ratings) == (original.text, original.ratings)


def test_ratings_are_alike_in_all_parts(loaded):
    for split in loaded.values():
        three = parts_of(split)[:3]  # the sealed products come from few reviews
        means = [sum(s.rating for s in part) / len(part) for part in three]
        assert max(means) - min(means) < 0.35


def test_the_contrived_tweets_are_the_200_that_the_paper_tells_of():
    ids = contrived_ids()
    variants = [identity for identity in ids if int(identity) > 830]
    assert (len(ids), len(variants)) == (200, 170)
    texts = {s.id: s.text for s in load_domain("tweets") if s.id in ids}
    # The paper's table 2: one original, and a variant with the third exclamation mark.
    assert "Yay. Another good phone interview." in texts.values()
    assert "YAY!!! Another good phone interview!!!" in texts.values()


def test_each_family_of_contrived_tweets_is_in_one_part(loaded):
    ids = contrived_ids()
    places = {}
    for part, snippets in zip(PARTS, parts_of(loaded["tweets"]), strict=True):
        for snippet in snippets:
            if snippet.id in ids:
                places.setdefault(snippet.group, set()).add(part)
    assert len(places) == 30
    assert all(len(found) == 1 for found in places.values())


def test_unknown_domain_lists_the_known_ones():
    with pytest.raises(ValueError, match="movies, products, tweets, editorials, not 'films'"):
        load_split("films")


def test_altered_file_is_refused(altered):
    content = splits._PATH.read_text(encoding="utf-8")
    altered(content.replace("t", "x", 1))
    with pytest.raises(AlteredSplitError, match=r"is altered: expected sha256 .*, got"):
        load_split("tweets")


def test_wrong_number_of_letters_is_told(altered):
    content = json.loads(splits._PATH.read_text(encoding="utf-8"))
    content["letters"]["tweets"] += "t"
    altered(json.dumps(content), known=True)
    with pytest.raises(AlteredSplitError, match="letter for each of 4200 tweets, got 4201"):
        load_split("tweets")


# --- the rules, in small -----------------------------------------------------------------------


def test_a_copy_is_left_out_where_it_could_leak_and_stays_where_it_cannot(monkeypatch):
    def made(*rows):
        return [Snippet(i, i.partition("_")[0], text, 0.0, (0, 0)) for i, text in rows]

    corpora = {
        "movies": made(("1", "A fine film."), ("2", "Dull stuff, this."), ("3", "a fine  FILM.")),
        "products": made(("1_1", "Works well."), ("1_2", "works well."), ("2_1", "Works well.")),
        "tweets": made(("1", "dull stuff, this.")),
        "editorials": made(("1_1", "The mayor resigned.")),
    }
    monkeypatch.setattr(splits, "load_domain", corpora.__getitem__)
    monkeypatch.setattr(splits, "_contrived", lambda tweets: [])
    found = make_splits()
    assert found["clusters"]["movies"] == [["1", "3"]]
    kept = {domain: [c != "-" for c in letters] for domain, letters in found["letters"].items()}
    assert kept["movies"] == [True, True, True]  # a copy in the same cluster
    assert kept["products"] == [True, True, False]  # in the same review; in another one
    assert kept["tweets"] == [False]  # in another domain
    assert kept["editorials"] == [True]


def test_groups_stay_whole_and_parts_are_filled_but_not_over():
    groups = [f"g{number % 40}" for number in range(173)]
    parts = split_groups(groups, validation=21, test=44, seed=3)
    of_group = {}
    for group, part in zip(groups, parts, strict=True):
        assert of_group.setdefault(group, part) == part
    sizes = Counter(parts)
    assert 40 <= sizes["test"] <= 44 and 17 <= sizes["validation"] <= 21


def test_the_seed_decides_and_nothing_else():
    groups = [f"g{number // 3}" for number in range(90)]
    assert split_groups(groups, 10, 20) == split_groups(groups, 10, 20, seed=0)
    assert split_groups(groups, 10, 20) != split_groups(groups, 10, 20, seed=1)
