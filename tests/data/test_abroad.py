"""Opinions in English and Chinese: masked, without repeats, and of the things they are about."""

import re

import pytest

from lessons_lib.data.abroad import THINGS, load_airline_tweets, load_chinese_reviews


def test_tweets_name_nobody_and_repeat_nothing():
    tweets = load_airline_tweets()
    assert len(tweets) == len({one.text for one in tweets}) > 11_000
    names = {name for one in tweets for name in re.findall(r"@\w+", one.text)}
    assert names == {"@name"}
    assert 0.15 < sum(one.is_good for one in tweets) / len(tweets) < 0.25


@pytest.mark.parametrize("things, word", [("books", "书"), ("hotels", "酒店"), ("laptops", "机")])
def test_reviews_are_of_their_own_things(things, word):
    reviews = {kind: load_chinese_reviews(kind) for kind in THINGS}
    share = {k: sum(word in one.text for one in own) / len(own) for k, own in reviews.items()}
    assert max(share, key=share.get) == things
    own = reviews[things]
    assert len(own) == len({one.text for one in own})
    assert 0.4 < sum(one.is_good for one in own) / len(own) < 0.6


def test_other_things_are_refused():
    with pytest.raises(ValueError, match="things should be one of books, hotels, laptops, not 'x'"):
        load_chinese_reviews("x")
