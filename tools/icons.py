"""The few icons that the pages show, as a small style sheet, in place of the theme's script of all.

The theme fetches 1.5 MB of script that holds every icon of Font Awesome and puts the used ones into
the page. Here the shapes of the used ones are taken from that script when the book is built (Font
Awesome Free, CC BY 4.0) and given to the style sheet as masks, which take the text's colour.
"""

import re
from pathlib import Path
from urllib.parse import quote

ALWAYS = {"xmark", "sun", "moon", "circle-half-stroke"}  # put into pages by scripts
_SCRIPT = re.compile(r'<script src="[^"]*fontawesome\.js[^"]*"></script>\n?')
_NO_SHAPES = {"solid", "regular", "brands", "lg", "fw"}
_BASE = """/* Icons take the colour and size of the text around them. Made by tools/icons.py. */
:is(i[class*="fa-"], span.fa-solid) {
  font-family: inherit; /* or the theme's font of all icons is fetched, to measure a line */
}
:is(i[class*="fa-"], span.fa-solid)::before {
  content: "";
  display: inline-block;
  width: 1em;
  height: 1em;
  background: currentColor;
  -webkit-mask: var(--icon) center / contain no-repeat;
  mask: var(--icon) center / contain no-repeat;
  vertical-align: -0.125em;
}
i.fa-lg {
  font-size: 1.25em;
}
"""


class NoSuchIcon(LookupError):
    """A page names an icon that the theme's script does not hold."""


def replace_script(html: Path) -> None:
    """Take the script out of all pages below a folder, and write the style sheet of used icons.

    Raises:
        NoSuchIcon: the theme has no such icon.
    """
    script = html / "_static" / "scripts" / "fontawesome.js"
    if not script.exists():  # nothing was built anew
        return
    pages = {path: path.read_text(encoding="utf-8") for path in html.rglob("*.html")}
    used = set(ALWAYS)
    for text in pages.values():
        used |= set(re.findall(r"\bfa-([a-z-]+)", " ".join(_classes(text))))
    style = style_of(sorted(used - _NO_SHAPES), script.read_text(encoding="utf-8"))
    (html / "_static" / "icons.css").write_text(style, encoding="utf-8")
    for path, text in pages.items():
        path.write_text(_SCRIPT.sub("", text), encoding="utf-8")
    for part in (script, script.with_name("fontawesome.js.map")):
        part.unlink(missing_ok=True)


def _classes(text: str) -> list[str]:
    return re.findall(r'<(?:i|span) class="([^"]*)"', text)


def style_of(names: list[str], script: str) -> str:
    """The style sheet of some icons, with their shapes from Font Awesome's script."""
    rules = [f'.fa-{name} {{\n  --icon: url("{_mask(name, script)}");\n}}' for name in names]
    return _BASE + "\n".join(rules) + "\n"


def _mask(name: str, script: str) -> str:
    key = re.escape(name)
    entry = rf'["{{,]{key}"?:\[(\d+),(\d+),\[[^\]]*\],"[^"]*","([^"]+)"'
    found = re.search(entry, script) or _alias(name, script)
    if not found:
        raise NoSuchIcon(f"the theme's script holds no icon {name!r}")
    width, height, path = found.groups()
    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
    return "data:image/svg+xml," + quote(f'{drawn}<path d="{path}"/></svg>', safe=" =:/,'")


def _alias(name: str, script: str) -> re.Match | None:
    """An icon under another of its names, which the script lists behind its size."""
    return re.search(
        rf'\[(\d+),(\d+),\[[^\]]*"{re.escape(name)}"[^\]]*\],"[^"]*","([^"]+)"', script
    )
