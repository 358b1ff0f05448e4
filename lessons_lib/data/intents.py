"""What people say to a smart home, in 65 languages: one task, each sentence with its intent.

The sentences come from templates such as "turn (on|off) [the] {name}", which are parsed by the
package `hassil` and filled at random. A template's sentences are all on one side of a split. What
a household names itself (rooms, devices, floors, free text) is filled with codes such as "B4", the
same kind in all languages, since hardly any language brings a list of such names.

Source: home-assistant-intents 2026.10.27 (Apache-2.0), by the Home Assistant authors.
"""

import json
import random
import re
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from functools import cache

from lessons_lib.base.fetch import IndexArchive, RemoteFile, fetch

INSTALL_HASSIL = 'pip install "hassil>=3.12"'
WHEEL = RemoteFile(
    "home_assistant_intents-2026.10.27-py3-none-any.whl",
    sha256="256eb1e4fc6e6f4943d0ba4e089c9639d74d0e9d62ccddeb7148bc168de55e40",
    size=775_094,
    archive=IndexArchive("home-assistant-intents==2026.10.27", member="", size=775_094),
)
PARTS = ("train", "validation", "test")
SIZES = {"train": 24, "validation": 6, "test": 12}  # sentences of an intent in a language, at most
SOURCES = ("en", "ru", "zh-CN", "de", "fr", "hu", "th", "ml")  # learnt from, in the study
VARIETIES = ("de-CH", "zh-HK", "zh-TW")  # of a source
LEAST_INTENTS = 10  # that a target has in its test
_MOST_TRIES = 8  # to draw a sentence that is new
_DEEPEST = 12  # rules inside rules


@dataclass(frozen=True)
class Saying:
    """One sentence.

    Attributes:
        language: such as "de" or "zh-CN".
        intent: what is wanted, such as "TurnOn".
        template: what it was made of; the unit of the split.
        text: such as "turn on the light in B4".
    """

    language: str
    intent: str
    template: str
    text: str


@cache
def languages() -> tuple[str, ...]:
    """The 65 languages, in the order of the alphabet.

    Raises:
        FetchError: the release could not be brought to this machine.
    """
    with zipfile.ZipFile(fetch(WHEEL)) as release:
        names = sorted(release.namelist())
    found = (re.fullmatch(r"home_assistant_intents/data/(.+)\.json", name) for name in names)
    return tuple(match[1] for match in found if match)


@cache
def load_sayings(language: str) -> dict[str, tuple[Saying, ...]]:
    """A language's sentences by part; the same ones everywhere, with one release of hassil.

    Of an intent's templates a third is for the test and a sixth for validation, if there are so
    many; a single template is for the test. A sentence that means two things in its language is
    left out, and one of the test is in no other part.

    Args:
        language: one of `languages`.

    Raises:
        ValueError: there is no such language.
        ModuleNotFoundError: hassil is missing; the message holds the command that installs it.
        FetchError: the release could not be brought to this machine.

    >>> load_sayings("en")["test"][0].intent
    'Broadcast'
    """
    if language not in languages():
        raise ValueError(f"language should be one of {', '.join(languages())}, not {language!r}")
    drawn = _draw_all(language)
    meanings = defaultdict(set)
    for sayings in drawn.values():
        for one in sayings:
            meanings[one.text].add(one.intent)
    kept, taken = {}, set()
    for part in ("test", "validation", "train"):
        clear = (one for one in drawn[part] if len(meanings[one.text]) == 1)
        kept[part] = tuple(one for one in clear if one.text not in taken)
        taken |= {one.text for one in kept[part]}
    return {part: kept[part] for part in PARTS}


@cache
def targets(every: int = 1, least_intents: int = LEAST_INTENTS) -> tuple[str, ...]:
    """Those of the study's outcome: enough intents in the test, no source, no variety of one.

    Args:
        every: one test sentence in so many is looked at.
        least_intents: how many are enough.
    """
    out = {*SOURCES, *VARIETIES}
    return tuple(
        name
        for name in languages()
        if name not in out
        and len({one.intent for one in load_sayings(name)["test"][::every]}) >= least_intents
    )


def split_templates(templates: list[str], rng: random.Random) -> dict[str, list[str]]:
    """Shuffle an intent's templates, and deal them: a third to the test, a sixth to validation.

    >>> {k: len(v) for k, v in split_templates(list("abcdef"), random.Random(0)).items()}
    {'test': 2, 'validation': 1, 'train': 3}
    """
    shuffled = rng.sample(templates, len(templates))
    first, second = -(-len(shuffled) // 3), len(shuffled) // 6
    return {
        "test": shuffled[:first],
        "validation": shuffled[first : first + second],
        "train": shuffled[first + second :],
    }


def _draw_all(language: str) -> dict[str, list[Saying]]:
    told = _read(language)
    filler = Filler(told["lists"], told["expansion_rules"])
    drawn = {part: [] for part in PARTS}
    for name, intent in sorted(told["intents"].items()):
        templates = [line for block in intent["data"] for line in block["sentences"]]
        rng = random.Random(f"{language} {name}")
        for part, chosen in split_templates(list(dict.fromkeys(templates)), rng).items():
            for template, text in _texts_of(chosen, SIZES[part], filler, rng):
                drawn[part].append(Saying(language, name.removeprefix("Hass"), template, text))
    return drawn


def _texts_of(templates, count: int, filler, rng) -> list[tuple[str, str]]:
    """Different sentences, one of each template in turn, until there are enough or no new ones."""
    found: dict[str, str] = {}
    for _ in range(_MOST_TRIES * max(1, count // max(1, len(templates)))):
        for template in templates:
            if len(found) < count:
                found.setdefault(filler.fill(template, rng), template)
    return [(template, text) for text, template in found.items()]


class Filler:
    """Makes sentences of templates: one way through their brackets, drawn at random.

    Args:
        lists: name to what may stand there: values, a range of numbers, or anything.
        rules: name to a template that other ones mention as <name>.
    """

    def __init__(self, lists: dict, rules: dict):
        self.lists, self.rules = lists, rules
        self._parse = cache(_hassil().parse_expression.parse_sentence)

    def fill(self, template: str, rng: random.Random) -> str:
        """A sentence of a template.

        >>> Filler({}, {"turn": "(switch|turn)"}).fill("<turn> it on", random.Random(1))
        'switch it on'
        """
        return " ".join(self._walk(self._parse(template).expression, rng, 0).split())

    def _walk(self, part, rng, depth: int) -> str:
        kinds = _hassil().expression
        if isinstance(part, kinds.TextChunk):
            return part.original_text
        if isinstance(part, kinds.Alternative):
            return self._walk(rng.choice(part.items), rng, depth)
        if isinstance(part, kinds.Permutation):
            return " ".join(
                self._walk(one, rng, depth) for one in rng.sample(part.items, len(part.items))
            )
        if isinstance(part, kinds.ListReference):
            return self._of_list(part, rng, depth)
        if isinstance(part, kinds.RuleReference):
            rule = self.rules.get(part.rule_name, "")
            return (
                self._walk(self._parse(rule).expression, rng, depth + 1) if depth < _DEEPEST else ""
            )
        return "".join(self._walk(one, rng, depth) for one in part.items)

    def _of_list(self, part, rng, depth: int) -> str:
        told = self.lists.get(part.list_name, {})
        if "values" in told:
            value = rng.choice(told["values"])["in"]
            return self._walk(self._parse(value).expression, rng, depth + 1)
        if "range" in told:
            span = told["range"]
            return str(rng.randrange(span["from"], span["to"] + 1, span.get("step", 1)))
        return rng.choice("ABCDEFGHKLMNPRSTUVWXYZ") + str(rng.randint(1, 9))


def _read(language: str) -> dict:
    with zipfile.ZipFile(fetch(WHEEL)) as release:
        return json.loads(release.read(f"home_assistant_intents/data/{language}.json"))


@cache
def _hassil():
    try:
        import hassil.expression
        import hassil.parse_expression
    except ModuleNotFoundError:
        missing = "hassil, which parses the templates of sentences, is not installed"
        raise ModuleNotFoundError(f"{missing}. Install it with:  {INSTALL_HASSIL}") from None
    return hassil
