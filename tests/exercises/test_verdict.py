"""How a verdict is shown, in plain Python and in a notebook."""

import io
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from lessons_lib.exercises import check, hint, progress, solution
from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.verdict import Verdict, as_html

NAME = "self_attention.softmax_shift"


@pytest.fixture
def shell():
    """A notebook's shell, whose displays can be captured."""
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def test_text_says_how_it_stands():
    assert str(Verdict("c.x", True, "Good.")) == "Right: c.x. Good."
    assert str(Verdict("c.x", False, "Too low.")) == "Not yet: c.x. Too low."
    assert str(Verdict("c.x", None, "")) == "Not answered yet: c.x."
    assert str(Verdict("c.x", True, "", printed="hello")).endswith("Your code printed:\nhello")


def test_html_escapes_and_marks_up():
    html = as_html(Verdict("c.x", False, "`a < b` is *not* 2 * 3 * 4\nso", printed="<b>"))
    assert "<code>a &lt; b</code> is <em>not</em> 2 * 3 * 4<br>so" in html
    assert "&lt;b&gt;" in html
    assert 'role="status"' in html


def test_a_miss_names_the_section_to_read_again_as_a_link():
    miss = registry.find("start_here.softmax_share").judge(0.1)
    assert str(miss).endswith(" To read again: Softmax, on this page.")
    assert '<a href="#softmax">Softmax</a>' in as_html(miss)
    assert registry.find("start_here.softmax_share").judge(0.75).refresher == ""


def test_check_prints_in_plain_python_and_returns_the_verdict(capsys):
    found = check(NAME, "b")
    assert found.passed is True
    assert capsys.readouterr().out.startswith(f"Right: {NAME}. `e^(x+c)")


def test_a_terminal_that_knows_ascii_alone_gets_its_verdict(monkeypatch):
    def my_causal_mask(seq_len):
        print("π ≤ 4")

    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", terminal)
    found = check("self_attention.causal", my_causal_mask)
    solution("self_attention.causal")
    hint("self_attention.padding")
    terminal.flush()
    printed = terminal.buffer.getvalue().decode("ascii")
    assert printed.startswith(f"Not yet: self_attention.causal. {found.message[:20]}")
    assert "\\u03c0 \\u2264 4" in printed


def test_hints_come_one_by_one_and_begin_again(capsys):
    name = "self_attention.causal"
    for _ in range(4):
        hint(name)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert [line[7:13] for line in (lines[0], lines[1], lines[3])] == ["1 of 2", "2 of 2", "1 of 2"]
    assert lines[2] == f'There are no more hints; `solution("{name}")` shows an answer.'


def test_solution_shows_code_and_reason(capsys):
    solution("self_attention.causal")
    shown = capsys.readouterr().out
    assert "def my_causal_mask(seq_len):" in shown
    assert "lower triangle" in shown


def test_solution_of_a_choice_shows_every_reason(capsys):
    solution(NAME)
    shown = capsys.readouterr().out
    assert "softmax_shift_answer = 'b'" in shown
    assert all(f"- **{letter}**" in shown for letter in "abcd")


def test_progress_in_plain_python(capsys):
    check(NAME, "b")
    capsys.readouterr()
    progress("self_attention")
    shown = capsys.readouterr().out
    assert "Self-attention: 1 of " in shown
    assert "softmax_shift" not in shown
    assert "matmul_shape" in shown


def test_check_in_a_notebook_shows_one_note_and_no_echo(shell):
    with capture_output() as shown:
        shell.run_cell(f"from lessons_lib import check\ncheck({NAME!r}, 'b')")
    assert NAME not in shown.stdout  # this plain shell prints "Out[0]: " for any result
    assert len(shown.outputs) == 1
    assert "<strong>Right</strong>" in shown.outputs[0].data["text/html"]
    assert shown.outputs[0].data["text/plain"].startswith("Right: ")


def test_fault_in_a_notebook_names_the_line_and_leaves_no_traceback(shell):
    cell = "def my_causal_mask(seq_len):\n    half = seq_len // 0\n    return half\n"
    with capture_output() as shown:
        shell.run_cell(cell)
        shell.run_cell(
            "from lessons_lib import check\ncheck('self_attention.causal', my_causal_mask)"
        )
    text = shown.outputs[0].data["text/plain"]
    assert "at line 2 of your cell, `half = seq_len // 0`: ZeroDivisionError" in text
    assert "Traceback" not in shown.stdout + shown.stderr + text


def test_unchanged_stub_in_a_notebook_is_recognised(shell):
    with capture_output() as shown:
        shell.run_cell(
            "from lessons_lib.exercises.engine import registry\n"
            "source = registry.find('self_attention.late_mask').stub_source()"
        )
        shell.run_cell("import torch\n" + shell.user_ns["source"])
        shell.run_cell(
            "from lessons_lib import check\ncheck('self_attention.late_mask', causal_attention)"
        )
    assert "still the code that you started from" in shown.outputs[0].data["text/plain"]


def test_prints_of_the_answer_are_in_the_note(shell):
    cell = "def my_causal_mask(seq_len):\n    print('n =', seq_len)\n"
    with capture_output() as shown:
        shell.run_cell(cell)
        shell.run_cell(
            "from lessons_lib import check\ncheck('self_attention.causal', my_causal_mask)"
        )
    assert "n =" not in shown.stdout
    assert "<pre" in shown.outputs[0].data["text/html"]
    assert "n = 5" in shown.outputs[0].data["text/html"]


def test_hint_solution_and_progress_in_a_notebook(shell):
    with capture_output() as shown:
        shell.run_cell("from lessons_lib import hint, solution, progress")
        shell.run_cell(f"hint({NAME!r})")
        shell.run_cell(f"solution({NAME!r})")
        shell.run_cell("progress()")
    first, second, third = (output.data for output in shown.outputs)
    assert first["text/markdown"].startswith("**Hint ")
    assert second["text/markdown"].startswith("```python")
    assert "aria-label='0 of " in third["text/html"]
    assert "Self-attention: 0 of " in third["text/plain"]
