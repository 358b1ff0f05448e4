"""What a page says of itself: one plain sentence or two, whatever stands in its first paragraph."""

from tools_path import page_heads


def test_the_first_paragraph_is_the_description_without_its_markup():
    body = "<h1>T</h1><p>A <em>small</em>\n &amp; <a href='x'>plain</a> text.</p><p>More.</p>"
    assert page_heads.description(body) == "A small & plain text."
    assert 'name="description" content="A small &amp; plain text."' in page_heads.tags("T", body)


def test_a_long_one_is_cut_at_a_word():
    told = page_heads.description(f"<p>{'word ' * 100}</p>")
    assert len(told) <= page_heads.LONGEST + 2 and told.endswith("word …")


def test_a_page_without_a_paragraph_says_nothing():
    assert page_heads.description("<h1>Only a title</h1>") == ""


def test_quotes_end_no_attribute():
    assert '"""' not in page_heads.tags('A "quoted" title', "<p>x</p>")
    assert "&quot;quoted&quot;" in page_heads.tags('A "quoted" title', "<p>x</p>")
