"""Each language of the sentences has a family; sizes are those of the corpus."""

import pytest

from lessons_lib.data.intents import languages
from lessons_lib.data.language_facts import FAMILIES, family_of, gigabytes


def test_each_language_is_in_one_family():
    members = [one for group in FAMILIES.values() for one in group.split()]
    assert len(set(members)) == len(members)
    assert set(members) == set(languages())


def test_families_are_found_by_code_and_not_by_the_beginning_of_one():
    assert family_of("sr-Latn") == "Slavic" and family_of("kn") == "Dravidian"
    with pytest.raises(KeyError, match="no family is known for 'k'"):
        family_of("k")


def test_all_but_two_languages_are_in_the_corpus_and_english_is_the_largest():
    sizes = {language: gigabytes(language) for language in languages()}
    assert {name for name, size in sizes.items() if not size} == {"kw", "lb"}
    assert max(sizes, key=sizes.get) == "en" and sizes["en"] == 82
    assert sizes["nb"] == 13 and sizes["zh-TW"] == 5.3 and sizes["de-CH"] == sizes["de"]
