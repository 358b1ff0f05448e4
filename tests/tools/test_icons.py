"""Icons as a style sheet: each icon that a page shows has its shape; the big script is gone."""

import re

import pytest
from tools_path import icons

SCRIPT = 'x={"bars":[448,512,["navicon"],"f0c9","M0 96z"],download:[512,500,[],"f019","M1 2z"],'
SCRIPT += 'list:[512,512,[],"f03a","M3 4z"]}'
PAGE = """<head><script src="../_static/scripts/fontawesome.js?digest=1"></script>
<script src="other.js"></script></head><i class="fa-solid fa-bars"></i>
<i class="fas fa-download fa-lg"></i><span class="fa-solid fa-list"></span>
<p class="fa-none">fa-unused</p>"""


@pytest.fixture
def built(tmp_path, monkeypatch):
    monkeypatch.setattr(icons, "ALWAYS", set())
    scripts = tmp_path / "_static" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "fontawesome.js").write_text(SCRIPT)
    (tmp_path / "page.html").write_text(PAGE)
    return tmp_path


def test_the_script_goes_and_the_used_icons_stay(built):
    icons.replace_script(built)
    page = (built / "page.html").read_text()
    assert "fontawesome" not in page and "other.js" in page
    assert not list(built.rglob("fontawesome*"))
    style = (built / "_static" / "icons.css").read_text()
    assert re.findall(r"\.fa-(\w+) \{\n  --icon", style) == ["bars", "download", "list"]
    assert "0 0 448 512" in style and "M1 2z" in style


def test_a_second_build_that_changed_nothing_is_left_alone(built):
    icons.replace_script(built)
    style = (built / "_static" / "icons.css").read_text()
    icons.replace_script(built)
    assert (built / "_static" / "icons.css").read_text() == style


def test_an_icon_goes_by_its_other_names_too():
    assert "M0 96z" in icons.style_of(["navicon"], SCRIPT)


def test_an_unknown_icon_is_named():
    with pytest.raises(icons.NoSuchIcon, match="'unicorn'"):
        icons.style_of(["unicorn"], SCRIPT)
