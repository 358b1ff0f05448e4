"""Written dates: the eight languages by hand, splits that do not overlap, and every error."""

import os
import subprocess
import sys
from datetime import date, timedelta

import pytest

from lessons_lib.data import dates
from lessons_lib.data.dates import (
    DATES,
    FIRST_DAY,
    FORMATS,
    HELD_OUT,
    LAST_DAY,
    LOCALES,
    DateExample,
    copy_the_digits,
    date_examples,
    score,
    training_formats,
    write_date,
)

MANY = 4_000


@pytest.mark.parametrize(
    ("locale", "format", "written"),
    [
        ("en", "yMMMd", "Feb 9, 2024"),
        ("en", "yMMMMEd", "Fri, February 9, 2024"),
        ("en", "yMMMMEEEEd", "Friday, February 9, 2024"),
        ("de", "yMMMd", "9. Feb. 2024"),
        ("de", "yMMMEd", "Fr., 9. Feb. 2024"),
        ("de", "yMMMMEEEEd", "Freitag, 9. Februar 2024"),
        ("fr", "yMMMd", "9 févr. 2024"),
        ("fr", "yMMMMEEEEd", "vendredi 9 février 2024"),
        ("es", "yMMMEEEEd", "viernes, 9 feb 2024"),
        ("es", "yMMMMEd", "vie, 9 de febrero de 2024"),
        ("it", "yMMMEd", "ven 9 feb 2024"),
        ("it", "yMMMMd", "9 febbraio 2024"),
        ("ru", "yMMMd", "9 февр. 2024\u202fг."),
        ("ru", "yMMMMEd", "пт, 9 февраля 2024\u202fг."),
        ("pt", "yMMMd", "9 de fev. de 2024"),
        ("pt", "yMMMMEEEEd", "sexta-feira, 9 de fevereiro de 2024"),
        ("nl", "yMMMEd", "vr 9 feb 2024"),
        ("nl", "yMMMMEEEEd", "vrijdag 9 februari 2024"),
    ],
)
def test_each_language_writes_the_ninth_of_february_as_people_there_do(locale, format, written):
    assert write_date(date(2024, 2, 9), locale, format) == written


@pytest.mark.parametrize("locale", LOCALES)
def test_month_and_weekday_have_the_width_that_the_formats_name_says(locale):
    monday = date(2024, 9, 16)
    whole, short = (write_date(monday, locale, f) for f in ("yMMMMEEEEd", "yMMMEd"))
    mixed = write_date(monday, locale, "yMMMMEd"), write_date(monday, locale, "yMMMEEEEd")
    assert len(short) < min(map(len, mixed)) and max(map(len, mixed)) < len(whole)
    weekday = whole.split()[0]
    assert mixed[1].startswith(weekday) and not mixed[0].startswith(weekday)


@pytest.mark.parametrize("dates_part", DATES)
def test_written_day_and_year_are_the_digits_of_the_iso_date(dates_part):
    for example in date_examples(count=800, dates=dates_part):
        year, _, day = example.iso.split("-")
        numbers = copy_the_digits(example.written).split("-")
        assert (numbers[0], numbers[2]) == (year, day)


def test_a_written_date_is_that_of_its_iso_date():
    for example in date_examples(count=800, formats="held_out", dates="test"):
        day = date.fromisoformat(example.iso)
        assert example.written == write_date(day, example.locale, example.format)


def test_no_day_is_in_two_parts_and_none_is_lost():
    parts = [set(dates.days_of(part)) for part in DATES]
    every_day = {FIRST_DAY + timedelta(n) for n in range((LAST_DAY - FIRST_DAY).days + 1)}
    assert set().union(*parts) == every_day
    assert sum(map(len, parts)) == len(every_day) == 73_049  # 200 years, 49 of them leap years


def test_drawn_days_of_two_parts_never_meet():
    drawn = {part: {e.iso for e in date_examples(count=MANY, dates=part)} for part in DATES}
    assert not drawn["training"] & drawn["test"]
    assert not drawn["training"] & drawn["validation"]
    assert not drawn["validation"] & drawn["test"]


@pytest.mark.parametrize("part", DATES)
def test_every_part_has_all_weekdays_months_and_days_of_the_month(part):
    days = dates.days_of(part)
    assert {day.weekday() for day in days} == set(range(7))
    assert {(day.month, day.day) for day in days} >= {(2, 29), (12, 31), (1, 1)}


def test_held_out_formats_are_absent_from_training_and_other_languages_have_them():
    seen = {(example.locale, example.format) for example in date_examples(count=MANY)}
    assert seen == {(locale, name) for locale in LOCALES for name in training_formats(locale)}
    assert not seen & set(HELD_OUT.items())
    assert {name for _, name in seen} == set(FORMATS)


def test_text_in_a_held_out_format_is_no_training_formats_text():
    for example in date_examples(count=MANY, formats="held_out", dates="test"):
        assert example.format == HELD_OUT[example.locale]
        day = date.fromisoformat(example.iso)
        known = [write_date(day, example.locale, f) for f in training_formats(example.locale)]
        assert example.written not in known


def test_languages_have_equal_shares_in_turn():
    drawn = [example.locale for example in date_examples(["ru", "nl", "en"], count=7)]
    assert drawn == ["ru", "nl", "en", "ru", "nl", "en", "ru"]
    assert {example.locale for example in date_examples("it", count=5)} == {"it"}


def test_same_arguments_give_the_same_examples_and_another_seed_others():
    assert date_examples(count=50, seed=3) == date_examples(count=50, seed=3)
    assert date_examples(count=50, seed=3) != date_examples(count=50, seed=4)
    assert date_examples(count=50, seed=3)[:20] == date_examples(count=20, seed=3)


def test_locale_and_time_zone_of_the_machine_make_no_difference():
    code = (
        "from lessons_lib.data.dates import date_examples\n"
        "print(ascii([date_examples(count=9, dates=d) for d in ('training', 'test')]))"
    )
    shown = set()
    for language, zone in (("C", "UTC"), ("ru_RU.UTF-8", "Pacific/Kiritimati")):
        machine = {"LANG": language, "LC_ALL": language, "LANGUAGE": language, "TZ": zone}
        done = subprocess.run(
            [sys.executable, "-c", code], env=os.environ | machine, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        shown.add(done.stdout)
    assert len(shown) == 1


@pytest.mark.parametrize(
    ("written", "guess"),
    [
        ("9. Feb. 2024", "2024-01-09"),
        ("Sun, Dec 31, 1999", "1999-01-31"),
        ("1 мая 2050\u202fг.", "2050-01-01"),
        ("no digits", "2000-01-01"),
    ],
)
def test_baseline_copies_day_and_year(written, guess):
    assert copy_the_digits(written) == guess


def test_baseline_is_right_where_the_month_is_january():
    examples = date_examples(count=MANY, dates="test")
    shares = score([copy_the_digits(example.written) for example in examples], examples)
    january = sum(example.iso[5:7] == "01" for example in examples) / MANY
    assert shares == {"exact": january, "day": 1.0, "month": january, "year": 1.0}
    assert january == pytest.approx(31 / 365.2425, abs=0.02)


def test_score_counts_whole_date_day_month_and_year_apart():
    examples = [DateExample("en", "yMMMd", "", iso) for iso in ("2021-03-03", "1999-12-31")]
    examples += [DateExample("en", "yMMMd", "", "2024-02-09")] * 2
    guesses = ["2021-03-03", "1999-11-31", "2042-02-09", "2024-02-0"]
    assert score(guesses, examples) == {"exact": 0.25, "day": 0.75, "month": 0.5, "year": 0.5}


@pytest.mark.parametrize("count", [0, -3, 2.5, True, "12"])
def test_count_out_of_range_is_refused(count):
    message = f"count should be a whole number of at least 1, not {count!r}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        date_examples(count=count)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"locales": "xx"}, "locale should be one of en, de, fr, es, it, ru, pt, nl, not 'xx'"),
        ({"locales": ["en", "xx"]}, "locale should be one of .*, not 'xx'"),
        ({"locales": []}, "locales should be at least one of en, .*, nl; got none"),
        ({"formats": "seen"}, "formats should be one of training, held_out, not 'seen'"),
        ({"dates": "all"}, "dates should be one of training, validation, test, not 'all'"),
    ],
)
def test_unknown_part_or_language_lists_the_known_ones(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        date_examples(**{"count": 3} | arguments)


def test_unknown_locale_or_format_to_write_in_is_refused():
    with pytest.raises(ValueError, match=r"locale should be one of en, .*, not 'en_US'"):
        write_date(date(2024, 2, 9), "en_US", "yMMMd")
    with pytest.raises(ValueError, match=r"format should be one of yMMMd, .*, not 'long'"):
        write_date(date(2024, 2, 9), "en", "long")


def test_score_needs_a_guess_for_each_example():
    with pytest.raises(ValueError, match="at least one example; got 1 guesses for 0 examples"):
        score(["2021-03-03"], [])
    with pytest.raises(ValueError, match=r"one guess for each example.*; got 0 guesses for 2"):
        score([], date_examples(count=2))


def test_missing_babel_is_told_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "babel", None)
    monkeypatch.setitem(sys.modules, "babel.dates", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "babel>=2\.16"$'):
        date_examples(count=1)
