"""Dates written in 28 languages of nine scripts: eight to learn from, twenty to move to.

As in `lessons_lib.data.dates`, but a language's formats are those of the six in which its month is
spelt out, and what is held out is one width of the weekday: a language is tested on dates with the
weekday in short, in full, or without one, as it has never been shown them.

Source: Unicode CLDR, through Babel; see `lessons_lib.data.dates`.
"""

import random
import re
from collections.abc import Sequence
from datetime import date
from functools import cache

from lessons_lib.data.dates import FORMATS, DateExample, days_of, pattern_of, written_by

_KINDS = {  # language: (script, order of the parts in most formats, held-out width of the weekday)
    "en": ("Latin", "mdy", "EEEE"),
    "de": ("Latin", "dmy", "E"),
    "fr": ("Latin", "dmy", "EEEE"),
    "es": ("Latin", "dmy", "E"),
    "ru": ("Cyrillic", "dmy", "EEEE"),
    "hu": ("Latin", "ymd", "E"),
    "tr": ("Latin", "dmy", "EEEE"),
    "hi": ("Devanagari", "dmy", "E"),
    "sv": ("Latin", "dmy", "EEEE"),
    "da": ("Latin", "dmy", "E"),
    "nl": ("Latin", "dmy", "EEEE"),
    "it": ("Latin", "dmy", "E"),
    "pt": ("Latin", "dmy", "EEEE"),
    "ro": ("Latin", "dmy", ""),
    "pl": ("Latin", "dmy", "E"),
    "fi": ("Latin", "dmy", "EEEE"),
    "lt": ("Latin", "ymd", "E"),
    "eu": ("Latin", "ymd", "EEEE"),
    "uk": ("Cyrillic", "dmy", "E"),
    "bg": ("Cyrillic", "dmy", "EEEE"),
    "el": ("Greek", "dmy", "E"),
    "mr": ("Devanagari", "dmy", "EEEE"),
    "ne": ("Devanagari", "ymd", "E"),
    "ka": ("Georgian", "dmy", "EEEE"),
    "hy": ("Armenian", "ymd", "E"),
    "he": ("Hebrew", "dmy", "EEEE"),
    "fa": ("Arabic", "dmy", ""),
    "th": ("Thai", "dmy", "E"),
}
LANGUAGES = tuple(_KINDS)
SOURCES, TARGETS = LANGUAGES[:8], LANGUAGES[8:]
SCRIPT_OF = {language: kind[0] for language, kind in _KINDS.items()}
ORDER_OF = {language: kind[1] for language, kind in _KINDS.items()}
CLOSE = ("sv", "da", "nl", "it", "pt")  # targets whose kin are among the sources
NEW_SCRIPT = tuple(
    name for name in TARGETS if SCRIPT_OF[name] not in {SCRIPT_OF[source] for source in SOURCES}
)
_WIDTH = re.compile(r"E+")


def read_dates(
    language: str,
    count: int,
    seed: int = 0,
    *,
    formats: str = "training",
    dates: str = "training",
) -> list[DateExample]:
    """Draw examples of a language: the same ones for the same arguments, with one release of Babel.

    Args:
        language: one of `LANGUAGES`.
        count: at least 1; days are drawn with replacement, from 1900 to 2099.
        seed: of the draw.
        formats: "training" or "held_out"; what is also a text of a training format is not drawn.
        dates: "training", "validation" or "test", as in `lessons_lib.data.dates`.

    Raises:
        ValueError: an unknown language or part, or a count below 1.
        ModuleNotFoundError: Babel is missing.

    >>> read_dates("el", 1, dates="test")[0].written
    'Παρασκευή 19 Ιουνίου 2015'
    """
    if language not in LANGUAGES:
        raise ValueError(f"language should be one of {', '.join(LANGUAGES)}, not {language!r}")
    if formats not in ("training", "held_out") or count < 1:
        raise ValueError(
            f"expected formats training or held_out and a count from 1, got {formats!r}, {count!r}"
        )
    known, held_out = formats_of(language)
    rng = random.Random(f"{language} {seed} {formats} {dates}")
    days, drawn = days_of(dates), []
    while len(drawn) < count:
        day = rng.choice(days)
        chosen = rng.choice(known if formats == "training" else held_out)
        written = write(day, language, chosen)
        if formats == "held_out" and any(written == write(day, language, f) for f in known):
            continue
        drawn.append(DateExample(language, chosen, written, day.isoformat()))
    return drawn


@cache
def formats_of(language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The formats that a language is learnt in, and the held-out ones; the month is spelt in all.

    >>> formats_of("fi")
    (('yMMMMd', 'yMMMMEd'), ('yMMMMEEEEd',))
    """
    spelt = [name for name in FORMATS if "MMM" in pattern_of(language, name)]
    out = _KINDS[language][2]
    held_out = [name for name in spelt if "".join(_WIDTH.findall(name)) == out]
    return tuple(name for name in spelt if name not in held_out), tuple(held_out)


def write(day: date, language: str, format: str) -> str:
    """A day as CLDR writes it; spaces that do not break are common ones.

    >>> write(date(2021, 3, 4), "ru", "yMMMMd")
    '4 марта 2021 г.'
    """
    return re.sub(r"\s", " ", written_by(day, language, format))


@cache
def signs(languages: Sequence[str] = LANGUAGES) -> tuple[str, ...]:
    """All characters that the dates of some languages are written with, sorted."""
    days = [date(2000 + month, month, day) for month in range(1, 13) for day in range(1, 29)]
    days += [date(1934 + place, 5, 6) for place in range(56)]
    found = {
        sign
        for language in languages
        for kind in formats_of(language)
        for name in kind
        for day in days
        for sign in write(day, language, name)
    }
    return tuple(sorted(found))
