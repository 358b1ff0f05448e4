"""What the book does with its pages beyond its builder: a Sphinx extension, named in _config.yml.

A notebook holds each figure as an image, which shows where nobody trusts the notebook. The book
draws it into the page, so that it takes the page's colours and its letters can be searched; the
schematics of book/_static/drawings as well.
Exercises get cards, and the scripts that judge an answer in the page.
"""

import base64
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import exercise_data
import figure_numbers
import glossary_links
import icons
import page_heads
import search_index
import solutions
import welcome_page
from course import is_published
from drawings import with_schematics
from exercise_cards import with_cards

# In this order: each uses those before it.
SCRIPTS = ("reading", "judge", "record", "forms", "page")
_IMAGE = r'<img alt="([^"]*)"[^>]*? src="data:image/svg\+xml;base64,([\w+/=]*)"[^>]*>\s*'
_FIGURE = re.compile(rf"<figure[^>]*>((?:{_IMAGE})+)</figure>")
_ID = re.compile(r'(\sid="|\shref="#|url\(#)')


def setup(app) -> dict:
    app.connect("config-inited", leave_out_buttons_that_lead_nowhere)
    app.connect("source-read", frame_exercises)
    app.connect("html-page-context", draw_figures_into_page)
    app.connect("html-page-context", call_entries_of_the_bibliography_list_items)
    app.connect("html-page-context", add_scripts_that_judge)
    app.connect("html-page-context", tell_what_the_page_is)
    welcome_page.connect(app)
    app.connect("build-finished", replace_the_script_of_all_icons)
    app.connect("build-finished", strip_downloads)
    glossary_links.setup(app)
    search_index.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def leave_out_buttons_that_lead_nowhere(app, config) -> None:
    """Until the course has an address, no page offers to open it there."""
    options = config.html_theme_options
    if not is_published(options.get("repository_url", "")):
        options.update(use_repository_button=False, launch_buttons={})


def frame_exercises(app, page, source) -> None:
    """Put each exercise of a chapter into a card, before its notebook is read."""
    folder, _, chapter = page.rpartition("/")
    if folder == "notebooks":
        colab = colab_address(page, app.config.html_theme_options)
        notebook = json.loads(source[0])
        if not solutions.are_shown():
            notebook = solutions.without_solutions(notebook)
        notebook = with_cards(notebook, exercise_data.read(chapter), chapter, colab)
        source[0] = json.dumps(notebook)


def strip_downloads(app, error) -> None:
    """A book without solutions hands none out in the notebooks that its pages offer, either."""
    if error is None and not solutions.are_shown():
        for path in Path(app.outdir).glob("_sources/notebooks/*.ipynb"):
            solutions.strip_file(path)


def colab_address(page: str, options: dict) -> str:
    """Where Colab opens a chapter; empty while no page offers to open it there."""
    colab = options.get("launch_buttons", {}).get("colab_url")
    if not colab:
        return ""
    repository = urlsplit(options["repository_url"]).path.strip("/")
    return f"{colab}/github/{repository}/blob/{options['repository_branch']}/{page}.ipynb"


def tell_what_the_page_is(app, page, template, context, doctree) -> None:
    if "body" in context:
        picture = page_heads.PICTURE
        base = app.config.html_baseurl  # who links to a page reads whole addresses only
        picture = f"{base.rstrip('/')}/{picture}" if base else context["pathto"](picture, 1)
        told = page_heads.tags(context.get("title", ""), context["body"], picture)
        context["metatags"] = context.get("metatags", "") + told


def replace_the_script_of_all_icons(app, error) -> None:
    if error is None and app.builder.name == "html":
        icons.replace_script(Path(app.outdir))


def add_scripts_that_judge(app, page, template, context, doctree) -> None:
    if page.startswith("notebooks/"):
        for name in SCRIPTS:
            app.add_js_file(f"exercises/{name}.js", loading_method="defer")


def call_entries_of_the_bibliography_list_items(app, page, template, context, doctree) -> None:
    """What the bibliography says instead is deprecated, and not allowed in a list."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def draw_figures_into_page(app, page, template, context, doctree) -> None:
    if "body" in context:
        drawn = with_schematics(with_drawings(context["body"]))
        context["body"] = figure_numbers.with_numbers(drawn, page)


def with_drawings(body: str) -> str:
    """The page's HTML with each figure's images as drawings, their ids told apart by a number."""
    parts = []
    end = 0
    for number, figure in enumerate(_FIGURE.finditer(body)):
        parts += [body[end : figure.start()], _drawn(figure[1], number)]
        end = figure.end()
    return "".join([*parts, body[end:]])


def _drawn(images: str, number: int) -> str:
    found = re.findall(_IMAGE, images)
    drawings = (base64.b64decode(data).decode() for _, data in found)
    drawings = "".join(
        _ID.sub(rf"\g<1>figure-{number}-{part}-", drawing).replace(
            "<svg ", '<svg aria-hidden="true" ', 1
        )
        for part, drawing in enumerate(drawings)
    )
    return f'<figure class="drawing" role="img" aria-label="{found[0][0]}">{drawings}</figure>'
