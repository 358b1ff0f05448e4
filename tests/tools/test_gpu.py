"""The comparison on a GPU: what counts as the same, and which cell is the first that does not."""

import pytest
from nbformat.v4 import new_code_cell, new_output
from tools_path import gpu


def cell(text: str, *tags: str, error: str = ""):
    made = new_code_cell("...", metadata={"tags": list(tags)})
    made.outputs = [new_output("stream", name="stdout", text=text)]
    if error:
        made.outputs.append(new_output("error", ename="RuntimeError", evalue=error, traceback=[]))
    return made


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("loss 0.52", "loss 0.53", True),
        ("loss 0.52", "loss 0.54", False),
        ("-1.50e-03", "-1.51e-03", True),
        ("12 of 40 right", "13 of 40 right", False),
        ("1,234 tokens", "1,234 tokens", True),
        ("fell to 0.5", "rose to 0.5", False),
        ("layer2: 0.1", "layer3: 0.1", False),
    ],
)
def test_numbers_agree_in_all_digits_but_the_last(one, other, agree):
    assert gpu.same(one, other) is agree


def test_first_cell_that_differs_is_named_with_both_lines():
    stored = [cell("Ready on CPU"), cell("a\nr = 0.71"), cell("same")]
    found = [cell("Ready on GPU"), cell("a\nr = 0.91"), cell("other")]
    assert gpu.first_difference(stored, found) == "cell 2: r = 0.71 -> r = 0.91"
    assert gpu.first_difference(stored, [found[0], *stored[1:]]) is None


def test_an_error_is_a_difference_and_an_unstable_cell_is_none():
    stored = [cell("first"), cell("12 ms", "nbval-ignore-output"), cell("fine")]
    found = [cell("first"), cell("3 ms"), cell("", error="two devices")]
    assert gpu.first_difference(stored, found) == "cell 3: RuntimeError: two devices"
    assert (
        gpu.first_difference(
            stored,
            [
                stored[0],
                found[1],
                stored[2],
            ],
        )
        is None
    )
    assert gpu.first_difference([*stored[:1], cell("a\nb")], [stored[0], cell("a")]) == (
        "cell 2: 2 lines -> 1 lines"
    )
