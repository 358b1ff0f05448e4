"""A model out of the reader's own functions: right ones are taken, others replaced and named."""

import pytest
import torch

from lessons_lib.exercises import plug as plugging
from lessons_lib.exercises.engine import record, registry
from lessons_lib.exercises.engine.registry import UnknownExercise
from lessons_lib.exercises.plug import plug

CAUSAL, NORM = "self_attention.causal", "transformer.rms_norm"


def my_causal_mask(seq_len):
    place = torch.arange(seq_len)
    return place <= place[:, None]


def looks_ahead(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool)


@pytest.fixture
def table(monkeypatch):
    """The rows of the table that is shown."""
    shown = {}
    monkeypatch.setattr(plugging, "show_table", lambda rows, *_, **__: shown.update(rows))
    return shown


def test_a_right_function_is_taken_and_called_yours(table):
    parts = plug([CAUSAL], {"my_causal_mask": my_causal_mask})
    assert parts.my_causal_mask is my_causal_mask
    assert table == {"my_causal_mask": ["yours", "Self-attention"]}


@pytest.mark.parametrize(
    ("scope", "why"),
    [
        ({}, "none of yours here"),
        ({"my_causal_mask": registry.find(CAUSAL).stub_function}, "none of yours here"),
        ({"my_causal_mask": looks_ahead}, "yours is not right yet"),
        ({"my_causal_mask": 7}, "yours is not right yet"),
    ],
    ids=["missing", "stub", "wrong", "no function"],
)
def test_any_other_is_replaced_by_the_librarys_and_the_table_says_why(scope, why, table):
    parts = plug([CAUSAL], scope)
    assert torch.equal(parts.my_causal_mask(3), torch.ones(3, 3).tril().bool())
    assert table["my_causal_mask"][0] == f"the library's: {why}"


def test_each_part_has_the_name_that_its_exercise_gives_it():
    parts = plug([CAUSAL, NORM], {})
    assert set(vars(parts)) == {"my_causal_mask", "my_rms_norm"}


def test_nothing_is_kept_in_the_readers_progress():
    plug([CAUSAL], {"my_causal_mask": my_causal_mask})
    assert record.load() == {}


def test_what_is_no_function_or_no_exercise_is_refused():
    with pytest.raises(TypeError, match=r"whose answer is a function; transformer\.crossing is"):
        plug(["transformer.crossing"], {})
    with pytest.raises(UnknownExercise, match=r"self_attention\.causal"):
        plug(["self_attention.casual"], {})
