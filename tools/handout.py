"""What a teacher hands out, into _build/handout: for each chapter three files.

NN_name.ipynb        the notebook without solutions and without stored results
NN_name.html         the same to be printed, from a file, without a network
NN_name-teacher.md   notes for the teacher: aims, minutes, exercises, common slips

python tools/handout.py                    every chapter
python tools/handout.py 02_self_attention  one chapter
"""

import html
import json
import shutil
import sys

import step
from course import NOTEBOOKS, ROOT, chapter_names
from solutions import without_results, without_solutions
from teacher_notes import notes

OUT = ROOT / "_build" / "handout"
MATHJAX = ROOT / "book" / "_static" / "mathjax"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 11pt/1.5 Georgia, serif; max-width: 42em; margin: 2em auto; padding: 0 1em }}
pre {{ font-size: 9pt; white-space: pre-wrap; border-left: 3px solid #999; padding: 0.4em 0.8em }}
table {{ border-collapse: collapse }}
td, th {{ border: 1px solid #999; padding: 0.2em 0.6em }}
img, svg {{ max-width: 100% }}
.prompt, .anchor-link {{ display: none }}
@page {{ margin: 2cm }}
@media print {{ details {{ display: none }} pre, h1, h2, h3 {{ break-inside: avoid }} }}
</style>
<script>MathJax = {{ tex: {{ inlineMath: [["$", "$"]], processEscapes: true }} }}</script>
<script defer src="mathjax/tex-mml-chtml.js"></script>
</head>
<body>
{body}
</body>
</html>
"""


def handed_out(name: str) -> dict:
    """A chapter's notebook, as JSON holds it, without solutions and stored results."""
    stored = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))
    return without_results(without_solutions(stored))


def printable(notebook: dict, title: str) -> str:
    """A page that needs nothing but the formulas' script beside it; on paper hints are left out."""
    import nbformat
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic")
    body, _ = exporter.from_notebook_node(nbformat.reads(json.dumps(notebook), as_version=4))
    return _PAGE.format(title=html.escape(title), body=body)


def write(name: str) -> None:
    """Write a chapter's three files."""
    notebook = handed_out(name)
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    (OUT / f"{name}.ipynb").write_text(text, encoding="utf-8")
    (OUT / f"{name}.html").write_text(printable(notebook, name), encoding="utf-8")
    (OUT / f"{name}-teacher.md").write_text(notes(name), encoding="utf-8")


def main(names: list[str]) -> None:
    unknown = sorted(set(names) - set(chapter_names()))
    if unknown:
        known = ", ".join(chapter_names())
        sys.exit(f"There is no chapter {', '.join(unknown)}: use CHAPTER= with one of {known}.")
    OUT.mkdir(parents=True, exist_ok=True)
    shutil.copytree(MATHJAX, OUT / "mathjax", dirs_exist_ok=True)
    for name in names or chapter_names():
        write(name)
        print(f"{name}: notebook, page and notes are in {OUT.relative_to(ROOT)}", flush=True)


if __name__ == "__main__":
    step.until_ctrl_c(lambda: main(sys.argv[1:]))
