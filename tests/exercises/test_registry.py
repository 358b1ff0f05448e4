"""Exercises found by name; a wrong name is answered by near ones."""

import pytest

from lessons_lib.exercises import check, hint, progress, solution
from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.registry import UnknownExercise


def refusal(name) -> str:
    with pytest.raises(UnknownExercise) as caught:
        registry.find(name)
    return str(caught.value)


def test_found_by_name():
    assert registry.find("self_attention.causal").name == "self_attention.causal"


def test_exercises_come_in_the_order_of_their_declaration():
    names = [exercise.name for exercise in registry.exercises_of("self_attention")]
    assert names[:2] == ["self_attention.softmax_shift", "self_attention.matmul_shape"]
    assert len(set(names)) == len(names)


def test_near_names_are_listed():
    assert 'Near it: "self_attention.causal"' in refusal("self_attention.casual")


def test_name_of_another_chapter_says_which():
    message = refusal("feed_forward.causal")
    assert '"causal" is in another chapter: "self_attention.causal"' in message


def test_name_without_its_chapter_says_which():
    assert '"self_attention.causal"' in refusal("causal")


def test_name_far_from_all_lists_the_chapters():
    assert "Chapters with exercises: " in refusal("zzz")
    assert "self_attention" in refusal("zzz")


@pytest.mark.parametrize("name", [len, 3, None, ["self_attention.causal"]])
def test_name_that_is_no_text_is_told(name):
    message = refusal(name)
    assert "the exercise's name in quotes" in message
    assert type(name).__name__ in message


def test_unknown_chapter_is_refused():
    with pytest.raises(UnknownExercise, match='no chapter "poetry"'):
        registry.exercises_of("poetry")


@pytest.mark.parametrize("ask", [lambda name: check(name, 1), hint, solution])
def test_public_functions_refuse_unknown_names(ask):
    with pytest.raises(UnknownExercise, match="Near it"):
        ask("self_attention.casual")


def test_progress_refuses_unknown_chapters():
    with pytest.raises(UnknownExercise, match="no chapter"):
        progress("poetry")
