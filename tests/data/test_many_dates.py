"""Dates of 28 languages: spelt-out months, held-out widths, and days on one side."""

import re

import pytest

from lessons_lib.data.many_dates import (
    LANGUAGES,
    ORDER_OF,
    SCRIPT_OF,
    SOURCES,
    TARGETS,
    formats_of,
    read_dates,
    signs,
)


def test_eight_sources_twenty_targets_nine_scripts_three_orders():
    assert (len(SOURCES), len(TARGETS), len(set(LANGUAGES))) == (8, 20, 28)
    assert len(set(SCRIPT_OF.values())) == 9
    assert set(ORDER_OF.values()) == {"dmy", "mdy", "ymd"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_month_is_spelt_and_the_held_out_texts_are_new(language):
    known, held_out = formats_of(language)
    assert known and held_out and not set(known) & set(held_out)
    shown = {one.written for one in read_dates(language, 300, dates="test")}
    for one in read_dates(language, 60, formats="held_out", dates="test"):
        assert len(re.findall(r"\d+", one.written)) == 2  # day and year; the month is a word
        assert one.written not in shown and one.format in held_out
        assert set(one.written) <= set(signs())


def test_day_of_the_test_is_in_no_training_date():
    for_training = {one.iso for name in LANGUAGES for one in read_dates(name, 500)}
    tested = {one.iso for one in read_dates("sv", 500, dates="test")}
    assert not for_training & tested


def test_same_arguments_same_dates_and_other_seeds_others():
    assert read_dates("ka", 20, 3) == read_dates("ka", 20, 3) != read_dates("ka", 20, 4)


def test_order_is_that_of_most_formats():
    for name in LANGUAGES:
        known, _ = formats_of(name)
        texts = [one.written for one in read_dates(name, 60)]
        starts_with_year = sum(bool(re.match(r"\d{4}", text)) for text in texts) / len(texts)
        assert (starts_with_year > 0.5) == (ORDER_OF[name] == "ymd") or name == "hy", name
        assert known


def test_unknown_language_and_part_are_refused():
    with pytest.raises(ValueError, match=r"language should be one of en, .*, not 'xx'"):
        read_dates("xx", 3)
    with pytest.raises(
        ValueError, match="formats training or held_out and a count from 1, got 'all', 3"
    ):
        read_dates("en", 3, formats="all")
