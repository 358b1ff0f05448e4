"""Beginning again forgets what was named, keeps all else, and leaves a copy of what there was."""

import pytest

from lessons_lib.exercises import import_progress
from lessons_lib.exercises.engine import record
from lessons_lib.exercises.engine.registry import UnknownExercise
from lessons_lib.exercises.reset import main, reset

NAMES = ("self_attention.causal", "self_attention.padding", "start_here.slope")


@pytest.fixture
def kept():
    for name in NAMES:
        record.save(name, passed=True, guess="a")
    return record.load()


def test_one_exercise_is_forgotten_and_the_copy_holds_all(kept, capsys):
    reset("self_attention.causal")
    assert set(record.load()) == set(NAMES[1:])
    (copy,) = record.location().parent.glob("*.before-reset.json")
    assert record.read(copy) == kept
    told = capsys.readouterr().out
    assert "Forgotten: self_attention.causal." in told and str(copy) in told


def test_a_chapter_is_forgotten(kept):
    reset("self_attention")
    assert set(record.load()) == {"start_here.slope"}


def test_the_copy_brings_all_back(kept):
    reset("self_attention")
    (copy,) = record.location().parent.glob("*.before-reset.json")
    import_progress(copy)
    assert record.load() == kept


def test_two_resets_leave_two_copies(kept):
    reset("self_attention.causal")
    reset("self_attention.padding")
    assert len(list(record.location().parent.glob("*.before-reset.json"))) == 2


def test_where_nothing_is_kept_nothing_is_changed(kept, capsys):
    reset("fine_tuning")
    assert record.load() == kept
    assert "nothing was changed" in capsys.readouterr().out
    assert not list(record.location().parent.glob("*.before-reset.json"))


def test_the_mark_of_a_check_that_never_came_back_goes_too(kept):
    mark = record.started_mark("self_attention.causal")
    mark.touch()
    reset("self_attention.causal")
    assert not mark.exists()


def test_unknown_names_are_told_and_change_nothing(kept, capsys):
    with pytest.raises(UnknownExercise, match="causal"):
        reset("self_attention.casual")
    with pytest.raises(SystemExit):
        main(["self_attention.casual"])
    assert 'Near it: "self_attention.causal"' in capsys.readouterr().err
    assert record.load() == kept


def test_the_command_does_the_same(kept):
    main(["self_attention"])
    assert set(record.load()) == {"start_here.slope"}
