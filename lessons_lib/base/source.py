"""Showing the library's own source on a page, so that page and library cannot drift apart."""

import inspect


def show_source(thing) -> None:
    """Display the source of a function or class of `lessons_lib`, without its docstring's details.

    Args:
        thing: a function or class written in Python.

    Raises:
        TypeError: `thing` has no Python source (a built-in, or a value).
    """
    from IPython.display import Markdown, display

    try:
        source = inspect.getsource(thing)
    except (TypeError, OSError):
        raise TypeError(f"show_source needs a Python function or class, not {thing!r}") from None
    module = thing.__module__.replace(".", "/")
    display(Markdown(f"`{module}.py`\n\n```python\n{shorten_docstring(source)}```"))


def shorten_docstring(source: str) -> str:
    """Keep a docstring's first line only: a page has already said the rest.

    >>> quotes = '"' * 3
    >>> source = f"def f():\\n    {quotes}One.\\n\\n    More.\\n    {quotes}\\n    return 1\\n"
    >>> shorten_docstring(source).splitlines()[1].strip() == f"{quotes}One.{quotes}"
    True
    """
    quotes = '"' * 3
    start = source.find(quotes)
    end = source.find(quotes, start + 3)
    if start < 0 or "\n" not in source[start:end]:
        return source
    first_line = source[start:end].split("\n")[0].rstrip()
    return source[:start] + first_line + source[end:]
