"""What is known of a language before anything is measured: its family, and how much text there is.

Codes are those of `intents.languages`.

Sources: sizes, the files of the CC-100 corpus, which was made to be like what XLM-R had read
(Conneau et al. 2020; https://data.statmt.org/cc-100); families, as handbooks group them.
"""

FAMILIES = {
    "Germanic": "af da de de-CH en is lb nb nl sv",
    "Romance": "ca es fr gl it pt pt-BR ro",
    "Slavic": "bg cs hr pl ru sk sl sr sr-Latn uk",
    "Baltic": "lt lv",
    "Celtic": "cy ga kw",
    "Indo-Iranian": "bn fa gu hi ne pa ur",
    "Greek": "el",
    "Armenian": "hy",
    "Uralic": "et fi hu",
    "Semitic": "ar he",
    "Dravidian": "kn ml ta te",
    "Austronesian": "id ms",
    "Sinitic": "zh-CN zh-HK zh-TW",
    "Basque": "eu",
    "Kartvelian": "ka",
    "Turkic": "tr",
    "Mongolic": "mn",
    "Koreanic": "ko",
    "Japonic": "ja",
    "Kra-Dai": "th",
    "Austroasiatic": "vi",
    "Bantu": "sw",
}
_MEGABYTES = {
    "af": 305, "ar": 5400, "bg": 9300, "bn": 860, "ca": 2400, "cs": 4400, "cy": 179, "da":
    12000, "de": 18000, "el": 7400, "en": 82000, "es": 14000, "et": 1700, "eu": 488, "fa":
    20000, "fi": 15000, "fr": 14000, "ga": 108, "gl": 708, "gu": 242, "he": 6100, "hi": 2500,
    "hr": 5700, "hu": 15000, "hy": 776, "id": 36000, "is": 779, "it": 7800, "ja": 15000, "ka":
    1100, "kn": 360, "ko": 14000, "lt": 3400, "lv": 2100, "ml": 831, "mn": 397, "ms": 2100,
    "ne": 393, "nl": 7900, "no": 13000, "pa": 90, "pl": 12000, "pt": 13000, "ro": 16000, "ru":
    46000, "sk": 6100, "sl": 2800, "sr": 1500, "sv": 21000, "sw": 332, "ta": 1300, "te": 536,
    "th": 8700, "tr": 5400, "uk": 14000, "ur": 884, "vi": 28000, "zh-Hans": 14000, "zh-Hant":
    5300,
}  # fmt: skip
_CALLED = {"nb": "no", "zh-CN": "zh-Hans", "zh-HK": "zh-Hant", "zh-TW": "zh-Hant"}


def family_of(language: str) -> str:
    """Such as "Slavic" for "sr-Latn".

    Raises:
        KeyError: a language without a family here.
    """
    for family, members in FAMILIES.items():
        if language in members.split():
            return family
    raise KeyError(f"no family is known for {language!r}")


def gigabytes(language: str) -> float:
    """Compressed text of the language in CC-100; a variety counts as its language, none as 0.

    >>> gigabytes("pt-BR"), gigabytes("lb")
    (13.0, 0.0)
    """
    name = _CALLED.get(language, language.split("-")[0])
    return _MEGABYTES.get(name, 0) / 1000
