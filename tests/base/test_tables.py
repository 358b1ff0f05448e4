"""Tables: what a cell looks like, which is the best, and what a reader without HTML sees."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from lessons_lib.base import tables
from lessons_lib.base.tables import show_table


@pytest.fixture
def shown(monkeypatch):
    """What `show_table` has displayed, as HTML and as text."""
    import IPython.display

    kept = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: kept.append(data))

    def show(*args, **kwargs):
        show_table(*args, **kwargs)
        return kept[-1]["text/html"], kept[-1]["text/plain"]

    return show


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (0.5, "0.50"),
        (-0.254, "−0.25"),
        (3, "3"),
        (np.int64(23701), "23,701"),
        (np.float32(0.125), "0.12"),
        (1234.5, "1,234.50"),
        (None, "–"),
        ("held", "held"),
        (float("nan"), "nan"),
        (SimpleNamespace(value=0.5, low=-0.1, high=1.0), "0.50 [−0.10, 1.00]"),
    ],
)
def test_a_cell_reads_as_it_should(shown, cell, text):
    page, plain = shown({"a": [cell]}, ["x"])
    assert text in plain and text.split(" [")[0] in page


def test_columns_of_the_text_line_up(shown):
    _, plain = shown({"a": [1, 22.5], "long name": [-100, None]}, ["one", "two"], corner="who")
    assert plain.splitlines() == [
        "who         one    two",
        "a             1  22.50",
        "long name  −100      –",
    ]


@pytest.mark.parametrize(("best", "names"), [("high", ["b", "c"]), ("low", ["a"])])
def test_the_best_of_a_column_is_bold_ties_and_all_and_words_are_no_rivals(shown, best, names):
    rows = {"a": [0.1], "b": [0.3], "c": [SimpleNamespace(value=0.3, low=0, high=1)], "d": ["x"]}
    page, _ = shown(rows | {"e": [None], "f": [float("nan")]}, ["r"], best=best)
    bold = [row for row in page.split("<tr>")[2:] if "<strong>" in row]
    assert [re.search(r'left">(\w)', row)[1] for row in bold] == names


def test_a_single_number_is_no_best(shown):
    page, _ = shown({"a": [0.1], "b": [None]}, ["r"], best="high")
    assert "<strong>" not in page


def test_names_and_words_are_no_markup(shown):
    page, _ = shown({"<b>": ["<i>"]}, ["<u>"], caption="<s>")
    assert not re.search("<[bius]>", page)


def test_a_reader_hears_which_heads_belong_to_a_cell(shown):
    page, _ = shown({"a": [1]}, ["x"], caption="What it is.")
    assert 'scope="col"' in page and 'scope="row"' in page
    assert "<caption>What it is.</caption>" in page and "overflow-x:auto" in page


@pytest.mark.parametrize(
    ("rows", "columns", "best", "told"),
    [
        ({}, ["x"], None, "needs a row"),
        ({"a": [1]}, ["x"], "most", "'most'"),
        ({"a": [1, 2]}, ["x"], None, "expected 1 cells for .'x'., row 'a' has 2"),
    ],
)
def test_what_is_no_table_is_refused(rows, columns, best, told):
    with pytest.raises(ValueError, match=told):
        show_table(rows, columns, best=best)


def test_whole_floats_keep_their_digits():
    assert tables._number(2.0, 2) == "2.00" and tables._number(2, 2) == "2"


def test_each_column_may_have_its_own_digits(shown):
    _, plain = shown({"a": [0.1234, 0.1234]}, ["x", "y"], digits=(1, 3))
    assert plain.splitlines()[1].split() == ["a", "0.1", "0.123"]


def test_digits_for_other_columns_than_there_are_are_refused():
    with pytest.raises(ValueError, match=r"expected digits for 1 columns, not 2: \[1, 3\]"):
        show_table({"a": [0.5]}, ["x"], digits=(1, 3))
