"""What the pages and notebooks hold, read as text: what runs on Colab, in the book and aloud."""

import base64
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from rendered_pages import ROOT

LONGEST_LINE = 88  # what the book shows beside the contents list without scrolling
LONGEST_CELL = 25  # lines
UNTESTED = "nbval-ignore-output"
MOST_UNTESTED = 2
LEAST_CELLS_TO_ONE_UNTESTED = 5

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROSE_PAGES = sorted((ROOT / "book").glob("*.md"))

# A page may use the book's directives; a notebook may not, for Colab shows them as raw text.
_DIRECTIVE = re.compile(r"^\s*(`{3,}|:{3,}|~{3,})\s*\{", re.MULTILINE)
_ROLE = re.compile(r"\{[a-z][a-z:_-]*\}`")
_TARGET = re.compile(r"^\([\w-]+\)=\s*$", re.MULTILINE)
_NUMBERED_HEADING = re.compile(r"^#+\s+\d", re.MULTILINE)
_REMOTE_IMAGE = re.compile(r"!\[[^\]]*\]\(\s*(https?:)?//|<img[^>]+src=[\"']?(https?:)?//")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\ufe0f]")
_EXCLAMATION = re.compile(r"\w[)\"'”*_]*!+[)\"'”*_]*(\s|$)")
_DRAWING = re.compile(r'<img alt="[^"]+"[^>]* src="data:image/svg\+xml;base64,([\w+/=]+)">')
_FIGURE = re.compile(r"<figure[^>]*>.*?</figure>", re.DOTALL)
_NO_PROSE = re.compile(
    r"^(`{3,}|~{3,}).*?^\1|\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`|<!--.*?-->", re.DOTALL | re.MULTILINE
)


def prose_faults(text: str) -> list[str]:
    prose = _NO_PROSE.sub(" ", text)
    rules = {
        "a number opens a heading": _NUMBERED_HEADING.search(prose),
        "an image comes from outside": _REMOTE_IMAGE.search(prose),
        "an emoji": _EMOJI.search(prose),
        "an exclamation mark ends a sentence": _EXCLAMATION.search(prose),
    }
    return [f"{rule}: {found.group()!r}" for rule, found in rules.items() if found]


def markdown_cell_faults(source: str) -> list[str]:
    rules = {"directive": _DIRECTIVE, "role": _ROLE, "target": _TARGET}
    found = {rule: pattern.search(source) for rule, pattern in rules.items()}
    only_book = [
        f"only the book knows this {rule}: {m.group()!r}" for rule, m in found.items() if m
    ]
    return only_book + prose_faults(source)


def code_cell_faults(cell) -> list[str]:
    lines = cell.source.splitlines()
    faults = [f"{len(line)} characters: {line}" for line in lines if len(line) > LONGEST_LINE]
    if len(lines) > LONGEST_CELL:
        faults.append(f"{len(lines)} lines in one cell")
    if cell.execution_count is None:
        faults.append("not run")
    return faults + [fault for output in cell.outputs for fault in output_faults(output)]


def output_faults(output) -> list[str]:
    if output.output_type == "error":
        return [f"ends in an error: {output.ename}"]
    data = output.get("data", {})
    faults = [f"a raster image: {kind}" for kind in data if kind.startswith("image/")]
    return faults + html_faults(data.get("text/html", ""))


def html_faults(text: str) -> list[str]:
    """An image should be a drawing with a text alternative; the first in a figure tells of all."""
    faults = []
    for figure in _FIGURE.findall(text):
        described, *others = re.findall(r"<img[^>]*>", figure) or [""]
        for image in (described, *(one.replace('alt=""', 'alt="as the first"') for one in others)):
            drawing = _DRAWING.fullmatch(image)
            if drawing is None:
                faults.append(f"no drawing with a text alternative: {image[:60]}")
            elif b"<image" in base64.b64decode(drawing[1]):
                faults.append("a raster image inside a drawing")
    if re.search(r"data:image/|<img", _FIGURE.sub("", text)):
        faults.append("an image outside a figure")
    return faults


def untested_faults(notebook) -> list[str]:
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    untested = sum(UNTESTED in cell.metadata.get("tags", []) for cell in code)
    if untested > min(MOST_UNTESTED, len(code) / LEAST_CELLS_TO_ONE_UNTESTED):
        return [f"{untested} of {len(code)} code cells are tagged {UNTESTED}"]
    return []


def notebook_faults(notebook) -> list[str]:
    faults = untested_faults(notebook)
    for number, cell in enumerate(notebook.cells):
        is_code = cell.cell_type == "code"
        found = code_cell_faults(cell) if is_code else markdown_cell_faults(cell.source)
        faults += [f"cell {number}: {fault}" for fault in found]
    return faults


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_reads_the_same_on_colab_and_in_the_book(path):
    assert notebook_faults(nbformat.read(path, as_version=4)) == []


@pytest.mark.parametrize("path", PROSE_PAGES, ids=lambda path: path.stem)
def test_a_page_keeps_to_the_style_of_its_prose(path):
    assert prose_faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "```{note}\nRead this.\n```",
        "::: {tip}\nRead this.\n:::",
        "See {ref}`here`.",
        "As {cite:t}`vaswani2017` say.",
        "(the-formula)=\n## The formula",
        "## 3 Masks",
        "# 2. Self-attention",
        "![a plot](https://example.org/x.svg)",
        '<img src="https://example.org/x.svg" alt="a plot">',
        "It works 🎉",
        "It works!",
        "It **works!** Now go on.",
    ],
)
def test_a_fault_in_text_would_be_found(text):
    assert markdown_cell_faults(text)


@pytest.mark.parametrize(
    "text",
    [
        "The factorial $n!$ grows; so does `n!` and `a != b`.",
        "```python\nprint('done!')\n```",
        r"$\mathrm{softmax}\!\left(x\right)$ and {a, b}",
        "## Three roles for one token",
        "[a link](https://example.org), ![a picture](_static/x.svg)",
    ],
)
def test_sound_text_passes(text):
    assert markdown_cell_faults(text) == []


def run_cell(source="1", outputs=(), **metadata):
    return new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def image(drawing="<svg></svg>", alt="A line."):
    data = base64.b64encode(drawing.encode()).decode()
    return f'<img alt="{alt}" width="9" height="9" src="data:image/svg+xml;base64,{data}">'


def shown(*images):
    return new_output("display_data", {"text/html": f"<figure>{' '.join(images)}</figure>"})


def test_a_figure_that_is_described_once_passes():
    assert output_faults(shown(image(), image(alt=""))) == []


@pytest.mark.parametrize(
    "cell",
    [
        new_code_cell("1"),
        run_cell("x" * (LONGEST_LINE + 1)),
        run_cell("x\n" * (LONGEST_CELL + 1)),
        run_cell(outputs=[new_output("error", ename="ValueError", evalue="", traceback=[])]),
        run_cell(outputs=[new_output("display_data", {"image/png": "iVBO"})]),
        run_cell(outputs=[new_output("display_data", {"text/html": "<img src='x.svg'>"})]),
        run_cell(outputs=[shown(image(alt=""))]),
        run_cell(outputs=[shown(image("<svg><image href='data:image/png,x'/></svg>"))]),
        run_cell(outputs=[shown('<img alt="A line." src="x.svg">')]),
        run_cell(tags=[UNTESTED]),  # one code cell in one
        new_markdown_cell("It works!"),
    ],
    ids=lambda cell: cell.source[:10],
)
def test_a_fault_in_a_cell_would_be_found(cell):
    assert notebook_faults(new_notebook(cells=[cell]))


def test_three_untested_cells_are_too_many_in_any_notebook():
    cells = [run_cell(tags=[UNTESTED]) for _ in range(3)] + [run_cell() for _ in range(30)]
    assert untested_faults(new_notebook(cells=cells))
    assert not untested_faults(new_notebook(cells=cells[1:]))
