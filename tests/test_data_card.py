"""The data card says what the loader finds: every number in its tables is counted here."""

import re
import statistics
from collections import Counter
from pathlib import Path

import pytest

from lessons_lib.data.near_duplicates import normal_form
from lessons_lib.data.reviews import DOMAINS, load_domain
from lessons_lib.data.splits import contrived_ids, load_split, sealed_texts

CARD = Path(__file__).resolve().parent.parent / "book" / "data_card.md"
PUBLISHED_AS = {
    "movies": "movie reviews",
    "products": "Amazon",
    "tweets": "tweets",
    "editorials": "NYT",
}


def parts_of(domain):
    split = load_split(domain)
    return [split.train, split.validation, split.test, sealed_texts(domain, opened=True)]


def size_row(domain) -> str:
    snippets, parts = load_domain(domain), parts_of(domain)
    groups = len({snippet.group for part in parts for snippet in part})
    left_out = len(snippets) - sum(map(len, parts))
    sizes = " | ".join(f"{len(part):,}" for part in parts)
    name = f"`{domain}` ({PUBLISHED_AS[domain]})"
    return f"| {name} | {len(snippets):,} | {groups:,} | {sizes} | {left_out} |"


def rating_row(domain) -> str:
    snippets = load_domain(domain)
    ratings = [snippet.rating for snippet in snippets]
    raters = [len(snippet.ratings) for snippet in snippets]
    words = [len(snippet.text.split()) for snippet in snippets]
    spread = f"{statistics.mean(ratings):.2f} | {statistics.pstdev(ratings):.2f}"
    above, below = (sum(sign * r > 0.5 for r in ratings) / len(ratings) for sign in (1, -1))
    copies = len(snippets) - len({normal_form(snippet.text) for snippet in snippets})
    between = f"{min(raters)} to {max(raters)}" if min(raters) < max(raters) else f"{min(raters)}"
    return (
        f"| `{domain}` | {between} | {spread} | {above:.0%} | {below:.0%} | "
        f"{statistics.median(words):.0f} | {copies} |"
    )


@pytest.fixture(scope="module")
def card() -> str:
    return CARD.read_text(encoding="utf-8")


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("row", [size_row, rating_row])
def test_rows_are_the_loaders(card, domain, row):
    assert row(domain) in card.splitlines()


def test_total_is_the_sum(card):
    total = sum(len(load_domain(domain)) for domain in DOMAINS)
    assert f"{total:,} short English texts" in card


def test_texts_in_two_domains_are_counted(card):
    homes = {}
    for domain in DOMAINS:
        for snippet in load_domain(domain):
            homes.setdefault(normal_form(snippet.text), set()).add(domain)
    shared = sum(len(home) > 1 for home in homes.values())
    assert shared == 4 and "Four texts stand in two domains" in card


def test_contrived_tweets_are_counted_by_part(card):
    counts = [sum(s.id in contrived_ids() for s in part) for part in parts_of("tweets")]
    assert "{} in train, {} in validation, {} in test, {} among the sealed".format(*counts) in card


def test_published_means_that_are_not_the_lists_means_are_those_of_contrived_tweets(card):
    off = [s for s in load_domain("tweets") if abs(statistics.mean(s.ratings) - s.rating) > 0.01]
    assert all(s.id in contrived_ids() for s in off)
    assert f"Of the 200, {len(off)} have a published mean" in card


def test_each_exclamation_mark_moves_the_published_mean_and_not_the_lists(card):
    steps = exclamation_steps()
    published, listed = (sum(step[side] > 0 for step in steps) for side in (0, 1))
    assert f"all {len(steps)} steps" in card and published == len(steps)
    assert f"{listed} of them" in card


def exclamation_steps() -> list[tuple[float, float]]:
    """Variants in capitals that differ by one mark: how far the published and listed means go."""
    family = {}
    for part in parts_of("tweets"):
        for snippet in part:
            capitals = sum(letter.isupper() for letter in snippet.text) > 6
            if snippet.id in contrived_ids() and capitals:
                words = re.sub(r"[!.,]+", "", snippet.text).strip()
                marks = max(map(len, re.findall("!+", snippet.text)), default=0)
                family.setdefault((snippet.group, words), {})[marks] = snippet
    found = []
    for variants in family.values():
        for marks in variants.keys() & {mark - 1 for mark in variants}:
            less, more = variants[marks], variants[marks + 1]
            sign = 1 if less.rating > 0 else -1
            listed = statistics.mean(more.ratings) - statistics.mean(less.ratings)
            found.append((sign * (more.rating - less.rating), sign * listed))
    return found


def test_raters_counts_by_domain(card):
    movies = Counter(len(snippet.ratings) < 20 for snippet in load_domain("movies"))
    assert f"{movies[True]:,} film snippets have fewer than 20" in card
    tweets = sum(len(snippet.ratings) > 90 for snippet in load_domain("tweets"))
    assert f"{tweets:,} tweets have more than 90" in card
