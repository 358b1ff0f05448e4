"""show_source: the library's own lines, and nothing else."""

import pytest

from lessons_lib import show_source
from lessons_lib.base.source import shorten_docstring
from lessons_lib.model.attention import causal_mask


@pytest.fixture
def shown(monkeypatch):
    texts = []
    monkeypatch.setattr("IPython.display.display", lambda markdown: texts.append(markdown.data))
    return texts


def test_source_is_the_files_with_a_short_docstring(shown):
    show_source(causal_mask)
    assert shown[0].startswith("`lessons_lib/model/attention.py`\n\n```python\ndef causal_mask(")
    assert "return torch.ones(seq_len, seq_len" in shown[0]
    assert "Raises:" not in shown[0]
    assert shown[0].endswith("```")


def test_one_line_docstring_is_kept():
    source = 'def f():\n    """One."""\n    return 1\n'
    assert shorten_docstring(source) == source


def test_source_without_docstring_is_kept():
    assert shorten_docstring("def f():\n    return 1\n") == "def f():\n    return 1\n"


@pytest.mark.parametrize("thing", [len, 3, "text"])
def test_what_has_no_python_source_is_refused(thing):
    with pytest.raises(TypeError, match="show_source needs a Python function or class, not"):
        show_source(thing)
