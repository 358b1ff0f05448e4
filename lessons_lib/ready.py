"""One line that says whether everything a chapter needs is here and does what it should."""

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version


def is_everything_ready() -> bool:
    """Try the library, the texts, the weights and one computation; print what was found.

    Nothing is raised: what is missing is named, with what to do about it.

    Returns:
        True if everything works.
    """
    found = [_tried(what, test) for what, test in _TESTS.items()]
    troubles = [trouble for trouble in found if trouble]
    if troubles:
        print("Not yet:", *troubles, sep="\n  ")
    else:
        print(f"Everything works: Python {platform.python_version()}, torch {_version('torch')}.")
    return not troubles


def _tried(what: str, test: Callable[[], None]) -> str:
    try:
        test()
    except Exception as error:
        return f"{what}: {error or type(error).__name__}"
    return ""


def _packages() -> None:
    needed = ("torch", "numpy", "matplotlib", "scikit-learn", "tokenizers", "vaderSentiment")
    missing = [name for name in needed if not _version(name)]
    if missing:
        raise RuntimeError(
            f"missing {', '.join(missing)}; install with: pip install {' '.join(missing)}"
        )


def _version(package: str) -> str:
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return ""


def _texts() -> None:
    from lessons_lib.data.splits import load_split

    if not load_split("tweets").test:
        raise RuntimeError("the tweets are empty")


def _weights() -> None:
    from lessons_lib.model.encode import encode_texts

    texts = ["It is raining.", "Rain is falling.", "He sells old cars."]
    first, same, other = encode_texts(texts, cache=False)
    if not first @ same > first @ other:
        raise RuntimeError("the network finds rain more like cars than like rain")


_TESTS = {"packages": _packages, "texts": _texts, "published weights": _weights}
