"""The words of the glossary, as the tools read them."""

import pytest
from bs4 import BeautifulSoup
from tools_path import glossary

ENTRY = """## The model

Rotary position embedding, RoPE (旋转位置编码)
: Turns *queries* and `keys`. [Positional encoding](../notebooks/04_positional_encoding.ipynb)

Source and target domain (源域、目标域)
: Where knowledge comes from, and goes.
"""


def test_an_entry_has_names_in_two_languages_a_meaning_and_an_anchor():
    rotary, domains = glossary.read(ENTRY)
    assert rotary.names == ("Rotary position embedding", "RoPE")
    assert rotary.chinese == ("旋转位置编码",)
    assert rotary.meaning == "Turns queries and keys."
    assert rotary.anchor == "term-rotary-position-embedding-rope"
    assert domains.names == ("Source domain", "target domain")


def test_one_chinese_name_is_shared_and_several_are_paired():
    rotary, domains = glossary.read(ENTRY)
    assert rotary.same() == [("Rotary position embedding", "RoPE", "旋转位置编码")]
    assert domains.same() == [("Source domain", "源域"), ("target domain", "目标域")]


def test_every_entry_of_the_glossary_is_read_and_has_an_anchor_of_its_own():
    text = glossary.FILE.read_text(encoding="utf-8")
    entries = glossary.entries()
    assert len(entries) == sum(line.startswith(": ") for line in text.splitlines()) > 50
    assert len({entry.anchor for entry in entries}) == len(entries)
    assert all(entry.meaning.endswith(".") and "](" not in entry.meaning for entry in entries)


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        ("<dt>Mask (掩码)</dt>", ["掩码"]),
        ("<dt>Query, key (查询、键)</dt>", ["查询、键"]),
        ("<dt>Proxy A-distance (代理 A 距离)</dt>", ["代理 A 距离"]),
        ('<a title="掩码">mask</a>', []),
        ("<svg><text>掩码</text></svg> and <b>填充</b>", ["填充"]),
        ("<script>'掩码'</script>", []),
        ("no Chinese – none", []),
    ],
)
def test_chinese_says_that_it_is_chinese(body, marked):
    written = glossary.with_chinese_marked(body)
    soup = BeautifulSoup(written, "html.parser")
    assert [tag.get_text() for tag in soup.select('[lang="zh"]')] == marked
    assert written.replace('<span lang="zh">', "").replace("</span>", "") == body
