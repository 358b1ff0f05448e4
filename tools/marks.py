"""Text that is generated into a page, between two marks that stay."""


def put_between(page: str, first: str, last: str, text: str) -> str:
    """The page with `text` in place of what stands between the marks `first` and `last`.

    Raises:
        ValueError: a mark is missing.

    >>> put_between("a <!-- x --> old <!-- end --> b", "<!-- x -->", "<!-- end -->", " new ")
    'a <!-- x --> new <!-- end --> b'
    """
    before, begin, rest = page.partition(first)
    _, end, after = rest.partition(last)
    if not begin or not end:
        raise ValueError(f"the page should hold the marks {first.strip()!r} and {last.strip()!r}")
    return before + begin + text + end + after
