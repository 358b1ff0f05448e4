"""Dates written in eight languages, and the same dates as YYYY-MM-DD: exact, endless, offline.

Names, order and punctuation are those of Unicode's locale data (CLDR), read through Babel. Every
format spells the month, so that copying the digits is not enough. What a model is tested on is
held out twice: days that it never saw in any language, and for each language one format that it
never saw in that language, though in others.

Source: Unicode CLDR (cldr.unicode.org, Unicode licence v3). Where CLDR has no pattern with just
these widths of month and weekday, the nearest one is taken and its field widened or narrowed, as
Unicode Technical Standard 35, part 4, "Matching skeletons", says.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

INSTALL_BABEL = 'pip install "babel>=2.16"'

# Y year, d day; MMM a short month (Mar), MMMM a whole one (March); E, EEEE a weekday alike.
FORMATS = ("yMMMd", "yMMMMd", "yMMMEd", "yMMMMEd", "yMMMEEEEd", "yMMMMEEEEd")
HELD_OUT = {  # the format that a language's training examples never have
    "en": "yMMMMEEEEd",
    "de": "yMMMEEEEd",
    "fr": "yMMMMEd",
    "es": "yMMMEd",
    "it": "yMMMMEEEEd",
    "ru": "yMMMEEEEd",
    "pt": "yMMMMEd",
    "nl": "yMMMEd",
}
LOCALES = tuple(HELD_OUT)
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)
DATES = ("training", "validation", "test")


@dataclass(frozen=True)
class DateExample:
    """One date, written out and in digits.

    Attributes:
        locale: language of the written date, one of `LOCALES`.
        format: one of `FORMATS`.
        written: such as "Wednesday, March 3, 2021".
        iso: the same day as ISO 8601 writes it, ten characters: "2021-03-03".
    """

    locale: str
    format: str
    written: str
    iso: str


def date_examples(
    locales: str | Iterable[str] = LOCALES,
    count: int = 1000,
    seed: int = 0,
    *,
    formats: str = "training",
    dates: str = "training",
) -> list[DateExample]:
    """Draw examples: with one release of Babel, the same ones for the same arguments everywhere.

    Args:
        locales: one of `LOCALES`, or several; each has its turn, so that all have equal shares.
        count: examples in all, at least 1. Days are drawn with replacement, from 1900 to 2099.
        seed: of the draw.
        formats: "training", all but the held-out one of each language, or "held_out", only that
            one (and only where its text is no training format's: "May 3, 2021" is in two).
        dates: "training", "validation" or "test": of ten days in a row eight, one and one, so
            that no day is in two of them, whatever the language.

    Raises:
        ValueError: an unknown locale or part, or a count below 1.
        ModuleNotFoundError: Babel is missing; the message holds the command that installs it.

    >>> [example.locale for example in date_examples(["de", "ru"], count=3)]
    ['de', 'ru', 'de']
    """
    locales = [locales] if isinstance(locales, str) else list(locales)
    _require(locales, count, formats, dates)
    rng = random.Random(f"{seed} {formats} {dates}")
    days, drawn = days_of(dates), []
    while len(drawn) < count:
        locale = locales[len(drawn) % len(locales)]
        known = training_formats(locale)
        day = rng.choice(days)
        chosen = rng.choice(known) if formats == "training" else HELD_OUT[locale]
        written = write_date(day, locale, chosen)
        if formats == "held_out" and any(written == write_date(day, locale, f) for f in known):
            continue
        drawn.append(DateExample(locale, chosen, written, day.isoformat()))
    return drawn


def training_formats(locale: str) -> tuple[str, ...]:
    """The formats that a language's training examples have: all but the held-out one.

    >>> training_formats("en")
    ('yMMMd', 'yMMMMd', 'yMMMEd', 'yMMMMEd', 'yMMMEEEEd')
    """
    return tuple(name for name in FORMATS if name != HELD_OUT[locale])


def write_date(day: date, locale: str, format: str) -> str:
    """Write a day as CLDR does in that language.

    Raises:
        ValueError: an unknown locale or format.
        ModuleNotFoundError: Babel is missing.

    >>> write_date(date(2021, 3, 3), "pt", "yMMMMEEEEd")
    'quarta-feira, 3 de março de 2021'
    """
    _require_known("locale", locale, LOCALES)
    _require_known("format", format, FORMATS)
    return written_by(day, locale, format)


def written_by(day: date, locale: str, format: str) -> str:
    """As `write_date`, in any language that Babel knows."""
    return _babel_dates().format_date(day, format=pattern_of(locale, format), locale=locale)


def copy_the_digits(written: str) -> str:
    """The baseline that knows no language: day and year are digits; the month is always January.

    January is as good a constant as there is: no month has more days.

    >>> copy_the_digits("Wednesday, March 3, 2021")
    '2021-01-03'
    """
    numbers = re.findall(r"[0-9]+", written)
    day = next((number for number in numbers if len(number) <= 2), "1")
    year = next((number for number in numbers if len(number) == 4), "2000")
    return f"{year}-01-{day:0>2}"


def score(guesses: Sequence[str], examples: Sequence[DateExample]) -> dict[str, float]:
    """Shares of right answers: the whole date ("exact"), and "day", "month" and "year" apart.

    Args:
        guesses: one for each example; what is not of the form YYYY-MM-DD is wrong altogether.

    Raises:
        ValueError: there are no examples, or not as many guesses.

    >>> score(["2021-01-03"], [DateExample("en", "yMMMd", "Mar 3, 2021", "2021-03-03")])
    {'exact': 0.0, 'day': 1.0, 'month': 0.0, 'year': 1.0}
    """
    if not examples or len(guesses) != len(examples):
        wanted = "score needs one guess for each example, and at least one example"
        raise ValueError(f"{wanted}; got {len(guesses)} guesses for {len(examples)} examples")
    pairs = zip(guesses, examples, strict=True)
    right = [_right_parts(guess, example.iso) for guess, example in pairs]
    return {part: sum(row[part] for row in right) / len(right) for part in right[0]}


def _right_parts(guess: str, iso: str) -> dict[str, bool]:
    well_formed = re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", guess) is not None
    same = {"exact": slice(None), "day": slice(8, 10), "month": slice(5, 7), "year": slice(0, 4)}
    return {part: well_formed and guess[at] == iso[at] for part, at in same.items()}


def _require(locales: list[str], count: int, formats: str, dates: str) -> None:
    if not locales:
        raise ValueError(f"locales should be at least one of {', '.join(LOCALES)}; got none")
    for locale in locales:
        _require_known("locale", locale, LOCALES)
    _require_known("formats", formats, ("training", "held_out"))
    _require_known("dates", dates, DATES)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"count should be a whole number of at least 1, not {count!r}")


def _require_known(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} should be one of {', '.join(known)}, not {value!r}")


@cache
def days_of(part: str) -> list[date]:
    """The days of one part. Ten and the seven weekdays share no divisor, so no weekday is lost."""
    first, last = FIRST_DAY.toordinal(), LAST_DAY.toordinal()
    part_of = {8: "test", 9: "validation"}  # by the last digit of a day's number
    numbers = (n for n in range(first, last + 1) if part_of.get(n % 10, "training") == part)
    return [date.fromordinal(number) for number in numbers]


@cache
def pattern_of(locale: str, format: str) -> str:
    """CLDR's pattern for a format in a language, such as "EEEE, d. MMMM y"."""
    language = _babel_dates().Locale.parse(locale)
    ready = {name: pattern.pattern for name, pattern in language.datetime_skeletons.items()}
    ready["yMMMMd"] = language.date_formats["long"].pattern
    ready["yMMMMEEEEd"] = language.date_formats["full"].pattern
    if format not in ready and format == "yMMMMEd":
        return ready["yMMMMEEEEd"].replace("EEEE", "E")
    if format not in ready and format == "yMMMEEEEd":
        return re.sub("E+", "EEEE", ready["yMMMEd"])
    return ready[format]


def _babel_dates():
    try:
        import babel.dates
    except ModuleNotFoundError:
        missing = "Babel, which holds the languages' date formats, is not installed"
        raise ModuleNotFoundError(f"{missing}. Install it with:  {INSTALL_BABEL}") from None
    return babel.dates
