"""Sentences to a smart home: split by template, filled as the templates allow, and unambiguous."""

import functools
import operator
import random
from collections import Counter

import pytest

from lessons_lib.data.intents import (
    PARTS,
    SIZES,
    Filler,
    languages,
    load_sayings,
    split_templates,
)


def test_there_are_65_languages_and_english_has_42_intents():
    assert len(languages()) == 65
    assert len({one.intent for one in load_sayings("en")["test"]}) == 42


@pytest.mark.parametrize("language", ["en", "zh-CN", "ml"])
def test_no_template_and_no_text_is_on_two_sides(language):
    parts = load_sayings(language)
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        for what in ("text", "template"):
            of_one, of_other = (
                {(s.intent, getattr(s, what)) if what == "template" else s.text for s in parts[p]}
                for p in (one, other)
            )
            assert not of_one & of_other


@pytest.mark.parametrize("language", ["en", "fa", "sw"])
def test_a_text_means_one_thing_and_an_intent_has_no_more_than_its_share(language):
    parts = load_sayings(language)
    meanings = {(one.text, one.intent) for part in PARTS for one in parts[part]}
    assert len(meanings) == len({text for text, _ in meanings})
    for part in PARTS:
        assert max(Counter(one.intent for one in parts[part]).values()) <= SIZES[part]


def test_filler_takes_one_way_through_the_brackets():
    lists = {
        "color": {"values": [{"in": "r(o|e)t", "out": "red"}]},
        "percent": {"range": {"from": 2, "to": 4, "step": 2}},
        "anything": {"wildcard": True},
    }
    filler = Filler(lists, {"make": "(make|turn)"})
    rng = random.Random(0)
    found = {filler.fill("<make> [it] {color}", rng) for _ in range(200)}
    assert found == {
        f"{a} {b}{c}" for a in ("make", "turn") for b in ("", "it ") for c in ("rot", "ret")
    }
    assert {filler.fill("{percent} %", rng) for _ in range(50)} == {"2 %", "4 %"}
    assert {filler.fill("(a;b)", rng) for _ in range(50)} == {"a b", "b a"}
    for name in ("anything", "area"):  # one that the language's lists do not hold is filled alike
        code = filler.fill(f"{{{name}}}", rng)
        assert len(code) == 2 and code[0].isupper() and code[1].isdigit()


def test_templates_are_dealt_by_thirds_and_sixths():
    found = split_templates([str(n) for n in range(13)], random.Random(3))
    assert [len(found[part]) for part in PARTS] == [6, 2, 5]
    assert sorted(functools.reduce(operator.iadd, found.values(), [])) == sorted(
        str(n) for n in range(13)
    )
    assert split_templates(["one"], random.Random(0)) == {
        "test": ["one"],
        "validation": [],
        "train": [],
    }


def test_unknown_language_is_refused():
    with pytest.raises(ValueError, match=r"language should be one of af, .*, not 'tlh'"):
        load_sayings("tlh")
