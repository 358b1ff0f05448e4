"""Files for the tests: labelled texts as people really save them."""

from pathlib import Path

GOOD = ("fine", "lovely", "great", "superb")
BAD = ("dull", "dreadful", "awful", "poor")
THINGS = ("film", "phone", "book", "meal", "song", "hotel", "lamp", "chair", "train", "coat", "pen")


def some_texts(count: int = 66) -> list[tuple[str, str]]:
    """Different texts and a rating from 1 to 5 each, which follows from their word."""
    texts = []
    for number in range(count):
        is_good = number % 2
        word = (GOOD if is_good else BAD)[number // 2 % 4]
        thing = THINGS[number % len(THINGS)]
        text = f"The {thing} number {number} that I bought was {word} all the way"
        texts.append((text, str((4 if is_good else 1) + number // 4 % 2)))
    return texts


def csv_of(pairs, header: str | None = "text,rating", sign: str = ",") -> str:
    """Lines with every text in quotes."""
    lines = [header] if header else []
    return "\n".join(lines + [f'"{text}"{sign}{label}' for text, label in pairs]) + "\n"


def saved(folder: Path, content: str | bytes, name: str = "texts.csv") -> Path:
    """The file."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path
