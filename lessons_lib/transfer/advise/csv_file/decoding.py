"""From a file's bytes to its text: whatever encoding it has, and no binary file."""

import codecs
from pathlib import Path


class BadTexts(ValueError):
    """The file cannot be used; the message says what was expected, what came, and what to do."""


_MARKS = (  # the longer mark first: UTF-32's begins as UTF-16's does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KINDS = {
    b"PK\x03\x04": "an Excel or another zipped file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"%PDF": "a PDF",
    b"\x1f\x8b": "a compressed file",
    b"PAR1": "a Parquet file",
}
_CONTROLS = frozenset(range(32)) - set(b"\t\n\r\f\x1a")
LARGEST = 2_000_000_000  # bytes


def text_of(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """A file's text, and the name of the encoding that it was read by.

    By its mark where it has one; else UTF-16 where every other byte is zero; else UTF-8; else
    Windows-1252, which holds what latin-1 prints.

    Args:
        encoding: the reader's own word for it; None = find it out.

    Raises:
        BadTexts: there is no such file, it is empty, binary, or not in that encoding.
    """
    content = _content(path)
    if encoding is not None:
        return _decoded(content, encoding, path), encoding
    for mark, name in _MARKS:
        if content.startswith(mark):
            return _decoded(content, name, path), name.removesuffix("-sig")
    if name := _utf_16(content[:4000]):
        return _decoded(content, name, path), name
    _refuse_binary(content, path)
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        at = content[: error.start].count(b"\n") + 1
    try:
        return content.decode("cp1252"), "windows-1252"
    except UnicodeDecodeError:
        raise BadTexts(
            f"Expected {path.name} to be text in UTF-8, but line {at} is none: save it as "
            "'CSV UTF-8', or name its encoding with --encoding."
        ) from None


def _content(path: Path) -> bytes:
    if path.is_dir():
        raise BadTexts(f"Expected a CSV file, but {path} is a folder: name a file in it.")
    if not path.exists():
        raise BadTexts(f"Expected a CSV file, but there is no {path}: check its name and folder.")
    try:
        if path.stat().st_size > LARGEST:
            raise BadTexts(
                f"Expected a file of at most {LARGEST // 10**9} GB, but {path.name} has "
                f"{path.stat().st_size / 1e9:.1f}: give a part of its rows."
            )
        content = path.read_bytes()
    except OSError as error:
        raise BadTexts(
            f"Expected a file that can be read, but {path} cannot ({error.strerror}): "
            "check who may read it."
        ) from None
    if not content.strip(b" \t\r\n\0\xef\xbb\xbf\xff\xfe"):
        raise BadTexts(
            f"Expected a header and rows of texts with labels, but {path.name} is empty: "
            "check what was saved."
        )
    return content


def _decoded(content: bytes, encoding: str, path: Path) -> str:
    try:
        return content.decode(encoding)
    except LookupError:
        raise BadTexts(
            f"Expected the name of an encoding, such as utf-8 or latin-1, but there is no "
            f"{encoding!r}: change --encoding, or leave it out."
        ) from None
    except UnicodeDecodeError as error:
        raise BadTexts(
            f"Expected {path.name} to be {encoding}, but its byte {error.start:,} is not: save it "
            "as 'CSV UTF-8', or name another --encoding."
        ) from None


def _utf_16(start: bytes) -> str | None:
    """UTF-16 without a mark: of Latin letters every second byte is zero."""
    even, odd = start[::2], start[1::2]
    zeros = [half.count(0) / max(1, len(half)) for half in (even, odd)]
    if zeros[1] > 0.5 and zeros[0] < 0.1:
        return "utf-16-le"
    return "utf-16-be" if zeros[0] > 0.5 and zeros[1] < 0.1 else None


def _refuse_binary(content: bytes, path: Path) -> None:
    kind = next((kind for mark, kind in _KINDS.items() if content.startswith(mark)), None)
    start = content[:100_000]
    if kind is None and sum(byte in _CONTROLS for byte in start) > len(start) / 100:
        kind = "a binary file"
    if kind:
        raise BadTexts(
            f"Expected a CSV file, which is text, but {path.name} is {kind}: open it in the "
            "program that made it, and save it as 'CSV UTF-8'."
        )
