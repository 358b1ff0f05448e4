"""The four domains: what was published, row by row, and every fault named."""

import io
import os
import statistics
import tarfile

import pytest

from lessons_lib.base.fetch import FetchError, cache_path
from lessons_lib.data import reviews
from lessons_lib.data.reviews import DOMAINS, DamagedRow, load_domain


@pytest.fixture(scope="module")
def loaded():
    return {domain: load_domain(domain) for domain in DOMAINS}


def make_archive(path, texts: str, ratings: str):
    """An archive as it is published, with these two files for the tweets."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("GroundTruth", texts), ("anonDataRatings", ratings)):
            entry = tarfile.TarInfo(f"hutto_ICWSM_2014/tweets_{name}.txt")
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return path


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty cache and no index to fill it from."""
    monkeypatch.setenv("LESSONS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Lets a test publish an archive of its own in the place of the real one."""

    def publish(texts: str, ratings: str):
        path = make_archive(tmp_path / "made.tar.gz", texts, ratings)
        monkeypatch.setattr(reviews, "fetch", lambda _file: path)

    return publish


def test_every_published_snippet_is_there(loaded):
    counts = {domain: len(snippets) for domain, snippets in loaded.items()}
    assert counts == {"movies": 10_605, "products": 3_708, "tweets": 4_200, "editorials": 5_190}


def test_reviews_and_articles_are_told_apart(loaded):
    groups = {domain: len({s.group for s in snippets}) for domain, snippets in loaded.items()}
    assert groups["products"] == 300 and groups["editorials"] == 498
    assert groups["movies"] == 10_605 and groups["tweets"] == 4_200  # their groups are not known


def test_ids_are_unique_and_texts_are_there(loaded):
    for snippets in loaded.values():
        assert len({snippet.id for snippet in snippets}) == len(snippets)
        assert all(snippet.text == snippet.text.strip() != "" for snippet in snippets)


def test_rating_is_the_mean_of_the_ratings_except_in_tweets(loaded):
    for domain, snippets in loaded.items():
        gaps = [abs(statistics.mean(s.ratings) - s.rating) for s in snippets]
        assert (max(gaps) < 1e-9) == (domain != "tweets")  # a known fault of the published file


def test_ratings_are_on_the_scale_and_enough(loaded):
    for snippets in loaded.values():
        assert all(-4 <= rating <= 4 for s in snippets for rating in s.ratings)
        assert min(len(s.ratings) for s in snippets) >= 15


def test_marks_before_the_first_line_and_windows_line_ends_are_borne(published):
    published("\ufeff1\t0.5\tgood stuff \r\n", "\ufeff1\t0.5\t0.5\t[0, 1]\r\n")
    assert load_domain("tweets") == [reviews.Snippet("1", "1", "good stuff", 0.5, (0, 1))]


@pytest.mark.parametrize(
    ("texts", "ratings", "place"),
    [
        (
            "1\tgood stuff\n",
            "1\t0.5\t0.5\t[0, 1]\n",
            "tweets_GroundTruth.txt, line 1: expected an id",
        ),
        ("1\t0.5\tgood\n2\t1\tbad\n", "1\t0.5\t0.5\t[0, 1]\n", "tweets_GroundTruth.txt, line 2"),
        ("1\t0.5\tgood\n", "1\t0.5\t[0, 1]\n", "tweets_anonDataRatings.txt, line 1: expected"),
        ("1\t0.5\tgood\n", "1\t0.5\t0.5\t[0, one]\n", "tweets_anonDataRatings.txt, line 1"),
        ("1\t0.5\tgood\n", "1\t0.5\t0.5\t[0, 1.5]\n", "whole ratings from -4 to 4"),
        ("1\t0.5\tgood\n", "1\t0.5\t0.5\t[0, 5]\n", "whole ratings from -4 to 4"),
        ("1\t0.5\tgood\n", "1\t0.5\t0.5\t[]\n", "whole ratings from -4 to 4"),
        ("1\tnan\tgood\n", "1\t0.5\t0.5\t[0, 1]\n", "tweets_GroundTruth.txt, line 1"),
        ("1\t0.5\t  \n", "1\t0.5\t0.5\t[0, 1]\n", "tweets_GroundTruth.txt, line 1"),
    ],
)
def test_row_that_does_not_parse_is_named(published, texts, ratings, place):
    published(texts, ratings)
    with pytest.raises(DamagedRow, match=place):
        load_domain("tweets")


def test_archive_without_the_file_is_refused(published):
    published("", "")
    with pytest.raises(FetchError, match=r"should hold movieReviewSnippets_GroundTruth\.txt"):
        load_domain("movies")


def test_reading_writes_nothing_whatever_the_archive_holds(tmp_path, monkeypatch):
    path = make_archive(tmp_path / "made.tar.gz", "1\t0.5\tgood\n", "1\t0.5\t0.5\t[0, 1]\n")
    with tarfile.open(path) as archive:
        good = [(entry, archive.extractfile(entry).read()) for entry in archive]
    climbing, link = tarfile.TarInfo("../escaped.txt"), tarfile.TarInfo("hutto_ICWSM_2014/link")
    climbing.size, link.type, link.linkname = 4, tarfile.SYMTYPE, "../../escaped.txt"
    with tarfile.open(path, "w:gz") as archive:
        for entry, content in [(climbing, b"evil"), (link, b""), *good]:
            archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(reviews, "fetch", lambda _file: path)
    before = {found: found.stat().st_mtime_ns for found in tmp_path.parent.rglob("*")}
    assert len(load_domain("tweets")) == 1
    assert {found: found.stat().st_mtime_ns for found in tmp_path.parent.rglob("*")} == before


def test_without_cache_and_network_the_way_by_hand_is_told(tmp_path, offline):
    with pytest.raises(FetchError) as caught:
        load_domain("tweets")
    assert "download --no-deps --no-binary :all: vaderSentiment==3.3.2" in str(caught.value)
    assert "take additional_resources/hutto_ICWSM_2014.tar.gz out" in str(caught.value)
    assert str(tmp_path / "cache") in str(caught.value)


def test_altered_archive_in_the_cache_is_not_read(tmp_path, offline):
    path = cache_path(reviews._ARCHIVE)
    path.parent.mkdir(parents=True)
    make_archive(path, "1\t0.5\tgood\n", "1\t0.5\t0.5\t[0, 1]\n")
    with pytest.warns(UserWarning, match="is damaged"), pytest.raises(FetchError, match="altered"):
        load_domain("tweets")


def test_unknown_domain_lists_the_known_ones():
    with pytest.raises(ValueError, match="movies, products, tweets, editorials, not 'films'"):
        load_domain("films")
