"""The words of book/glossary.md: their names in both languages, what they mean, their addresses.

An entry is two lines of Markdown, as the definition list of the page: "Rotary position embedding,
RoPE (旋转位置编码)", then ": Turns queries and keys ...".
"""

import re
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).resolve().parent.parent / "book" / "glossary.md"
_ENTRY = re.compile(r"^(?P<term>\S.*) \((?P<chinese>[^()]+)\)\n: (?P<meaning>.+)$", re.MULTILINE)
_LINK = re.compile(r"\s*\[([^\]]*)\]\([^)]*\)")
# Chinese, with signs, spaces and Latin letters between its characters ("代理 A 距离").
_CHINESE = re.compile(r"[\u3400-\u9fff](?:[\u3400-\u9fff\u3001 A-Za-z]*[\u3400-\u9fff])?")
_NO_TEXT = r"(<(?:svg|script|style)\b.*?</(?:svg|script|style)>|<[^>]*>)"


class Entry(NamedTuple):
    term: str  # "Rotary position embedding, RoPE"
    names: tuple[str, ...]  # ("Rotary position embedding", "RoPE")
    chinese: tuple[str, ...]  # ("旋转位置编码",)
    meaning: str  # without Markdown, and without the link to a chapter at its end
    anchor: str  # "term-rotary-position-embedding-rope"

    def same(self) -> list[tuple[str, ...]]:
        """The names that mean the same, in groups.

        As many Chinese names as English ones are names of so many things, one each ("Features,
        embedding" are two); else all are names of one.
        """
        if len(self.chinese) == len(self.names):
            return list(zip(self.names, self.chinese, strict=True))
        return [self.names + self.chinese]


def entries() -> list[Entry]:
    """The entries of the glossary, in the page's order."""
    return read(FILE.read_text(encoding="utf-8"))


def read(markdown: str) -> list[Entry]:
    """The entries of a glossary's Markdown."""
    return [_entry(**found.groupdict()) for found in _ENTRY.finditer(markdown)]


def _entry(term: str, chinese: str, meaning: str) -> Entry:
    plain = _LINK.sub("", meaning).replace("*", "").replace("`", "").strip()
    return Entry(term, _names(term), tuple(chinese.split("、")), plain, anchor(term))


def _names(term: str) -> tuple[str, ...]:
    """ "Source and target domain" names two things, as "Encoder, decoder" does."""
    both = re.fullmatch(r"(\S+) and (\S+) (\S+)", term)
    if both:
        return (f"{both[1]} {both[3]}", f"{both[2]} {both[3]}")
    return tuple(term.split(", "))


def anchor(term: str) -> str:
    """The id of a term on the page, from its English name.

    >>> anchor("Pearson's r")
    'term-pearsons-r'
    """
    words = re.findall(r"[a-z0-9]+", term.lower().replace("'", "").replace("’", ""))
    return "term-" + "-".join(words)


def with_chinese_marked(body: str) -> str:
    """A page's HTML with `lang="zh"` around Chinese, outside of tags, drawings and scripts."""
    parts = re.split(_NO_TEXT, body, flags=re.DOTALL)
    parts[::2] = [_CHINESE.sub(r'<span lang="zh">\g<0></span>', part) for part in parts[::2]]
    return "".join(parts)
