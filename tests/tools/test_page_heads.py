"""What a page says of itself: one plain sentence or two, whatever stands in its first paragraph."""

from pathlib import Path

from tools_path import page_heads


def test_the_first_paragraph_is_the_description_without_its_markup():
    body = "<h1>T</h1><p>A <em>small</em>\n &amp; <a href='x'>plain</a> text.</p><p>More.</p>"
    assert page_heads.description(body) == "A small & plain text."
    assert 'name="description" content="A small &amp; plain text."' in page_heads.tags(
        "T", body, "card.png"
    )


def test_a_long_one_is_cut_at_a_word():
    told = page_heads.description(f"<p>{'word ' * 100}</p>")
    assert len(told) <= page_heads.LONGEST + 2 and told.endswith("word …")


def test_a_page_without_a_paragraph_says_nothing():
    assert page_heads.description("<h1>Only a title</h1>") == ""


def test_quotes_end_no_attribute():
    assert '"""' not in page_heads.tags('A "quoted" title', "<p>x</p>", "card.png")
    assert "&quot;quoted&quot;" in page_heads.tags('A "quoted" title', "<p>x</p>", "card.png")


def test_the_picture_has_the_size_that_is_told():
    """The first bytes of a PNG say its width and height."""
    file = Path(page_heads.__file__).parent.parent / "book" / page_heads.PICTURE
    begin = file.read_bytes()[:24]
    assert begin[1:4] == b"PNG" and file.stat().st_size < 100_000
    size = int.from_bytes(begin[16:20], "big"), int.from_bytes(begin[20:24], "big")
    assert size == page_heads.PICTURE_SIZE
    told = page_heads.tags("T", "<p>x</p>", "a/card.png")
    assert 'property="og:image" content="a/card.png"' in told
    assert f'property="og:image:width" content="{size[0]}"' in told
