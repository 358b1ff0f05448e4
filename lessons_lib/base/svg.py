"""A figure as SVG: small, the same after every run, with letters that stay text.

matplotlib writes six decimals, ids that are hashes of them, and a list of fonts beside every word.
Here coordinates are rounded, ids are counted, and what holds for the whole figure is said once.
"""

import base64
import html
import io
import re
import warnings
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

INK = "#010203"  # stands for "the colour of the text around" until a figure becomes SVG
GROUND = "ground"  # the class of the white paper, which a page takes away
_NAMESPACE = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_GEOMETRY = {"d", "height", "points", "transform", "viewBox", "width", "x", "y"}
_DECIMALS = 2  # of a point: a tenth of a pixel on the finest screens
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_FONTS = re.compile(r"font-family: 'DejaVu Sans'(, [^;]*)?(; |$)")
_SIDES = re.compile(r"M(\S+) ([^L]+)L(\S+) \2L\3 ([^L]+)L\1 \4L\1 \2")
_PIXELS_A_POINT = 4 / 3
_ON_PAPER = {
    "color": "#1f2328",
    "font-family": "DejaVu Sans,Verdana,sans-serif",
    "stroke-linecap": "butt",
    "stroke-linejoin": "round",
}


def drawing_of(figure) -> str:
    """A matplotlib figure as the text of one `<svg>`, without whatever changes from run to run.

    Its ink is `currentColor`. As an image of its own it is dark on white paper, so that it can be
    read on any ground; a page that holds it may take the paper away and give it the page's colour.
    """
    root = ElementTree.fromstring(_as_matplotlib_writes_it(figure))
    for element in root.iter():
        _shorten(element)
    _count_ids(root)
    width, height = root.attrib["viewBox"].split()[2:]
    size = {"width": _pixels(width), "height": _pixels(height), "viewBox": root.attrib["viewBox"]}
    root.attrib = {"xmlns": _NAMESPACE, **size, **_ON_PAPER}
    paper = {"class": GROUND, "width": "100%", "height": "100%", "fill": "#fff"}
    root.insert(0, Element("rect", paper))
    return ElementTree.tostring(root, encoding="unicode")


def image_of(drawing: str, alt: str) -> str:
    """The drawing as an `<img>` that holds it whole, which a page that trusts nobody shows too."""
    width, height = re.search(r'width="(\d+)" height="(\d+)"', drawing).groups()
    data = base64.b64encode(drawing.encode()).decode()
    return (
        f'<img alt="{html.escape(alt)}" width="{width}" height="{height}" '
        f'style="max-width:100%;height:auto" src="data:image/svg+xml;base64,{data}">'
    )


def _as_matplotlib_writes_it(figure) -> str:
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # The reader's browser draws the letters, and has fonts that matplotlib lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", bbox_inches="tight")
    drawing = buffer.getvalue().replace(INK, "currentColor")
    return re.sub(r"<(metadata|style)\b.*?</\1>", "", drawing, flags=re.DOTALL)


def _shorten(element: Element) -> None:
    """Round what places the element, and leave out what says nothing."""
    attributes = element.attrib
    element.tag = element.tag.removeprefix(f"{{{_NAMESPACE}}}")
    element.tail = None
    if element.tag not in ("text", "tspan") or len(element):
        element.text = None
    for name in _GEOMETRY & attributes.keys():
        attributes[name] = _rounded(attributes[name])
    if attributes.get("transform", "").startswith("rotate(0 "):
        del attributes["transform"]
    if "style" in attributes:
        style = _FONTS.sub("", attributes["style"])
        attributes["style"] = style.replace(": ", ":").replace("; ", ";")
    if _HREF in attributes:
        attributes["href"] = attributes.pop(_HREF)
    if attributes.get("id", "").startswith("QuadMesh"):
        _shorten_mesh(element)


def _shorten_mesh(mesh: Element) -> None:
    """Hundreds of cells are clipped together, walked around side by side, and meet unseamed."""
    mesh.set("shape-rendering", "crispEdges")
    for cell in mesh.findall(f"{{{_NAMESPACE}}}path"):
        if "clip-path" in cell.attrib:
            mesh.set("clip-path", cell.attrib.pop("clip-path"))
        cell.set("d", _SIDES.sub(r"M\1 \2H\3V\4H\1z", _rounded(cell.get("d"))))


def _rounded(text: str) -> str:
    """Numbers with few decimals, and no space that a path can do without.

    >>> _rounded("M 47.252891 -0.0001 \\nL 98.996891 49.7 \\nz\\n")
    'M47.25 0L99 49.7z'
    """
    shorter = _NUMBER.sub(lambda found: f"{round(float(found[0]), _DECIMALS) + 0:g}", text)
    return re.sub(r"\s*([A-Zz])\s*", r"\1", shorter).strip()


def _count_ids(root: Element) -> None:
    """Name what is referred to "i0", "i1", ... in the order of the drawing; no other has an id."""
    text = ElementTree.tostring(root, encoding="unicode")
    referred_to = set(re.findall(r'(?:url\(|href=")#([^")]+)', text))
    names = {}
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old in referred_to:
            names[old] = f"i{len(names)}"
            element.set("id", names[old])
    for element in root.iter():
        for attribute, value in element.items():
            element.set(attribute, re.sub(r"#(\w+)", lambda m: f"#{names.get(m[1], m[1])}", value))


def _pixels(points: str) -> str:
    return str(round(float(points) * _PIXELS_A_POINT))
