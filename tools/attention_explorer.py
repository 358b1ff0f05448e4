"""What the attention explorer shows: raw scores of real heads, and a heat map for want of scripts.

`python tools/attention_explorer.py` writes both into book/_static/explorer. The scores are kept
before softmax, because the reader scales and masks them in the page.
"""

import base64
import html
import json
from pathlib import Path

import torch
from torch import Tensor

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.pretrained import MINILM, checkpoint_sha256, load_encoder, load_tokenizer

FOLDER = Path(__file__).resolve().parent.parent / "book" / "_static" / "explorer"
SCORES = FOLDER / "scores.js"
HEAT_MAP = FOLDER / "heat_map.svg"
COMMAND = "python tools/attention_explorer.py"
STEP = 0.001  # of a stored score
LAYERS = (1, 6)  # the first and the last, counted from 1
# Each sentence, and the word that looks when it is opened.
SENTENCES = {
    "The trophy did not fit in the suitcase because it was too big.": "it",
    "The film was not good, but the music was.": "good",
    "Time flies like an arrow, fruit flies like a banana.": "flies",
    "The keys to the cabinet are on the table.": "are",
    "She read the book that her brother wrote.": "her",
}
FIRST_HEAD = 10  # of the last layer: what is seen first
_BEGIN = "window.attentionScores = "


def raw_scores(text: str) -> tuple[list[str], Tensor]:
    """A sentence's tokens, and the scores of all heads in the chosen layers before softmax.

    Returns:
        tokens: as the tokenizer names them, the two added ones included.
        scores: (layers, heads, L, L), query times key, divided by the square root of their width.
    """
    seen = []

    def attention(query, key, value, mask=None, **others):
        seen.append(query @ key.transpose(-2, -1) * query.size(-1) ** -0.5)  # (1, heads, L, L)
        return scaled_dot_product_attention(query, key, value, mask, **others)

    encoded = load_tokenizer().encode(text)
    with torch.inference_mode():
        load_encoder(attention=attention)(torch.tensor([encoded.ids]))
    return encoded.tokens, torch.cat([seen[layer - 1] for layer in LAYERS])


def packed(scores: Tensor) -> str:
    """Scores as base64 of whole steps, 16 bits each, the low byte first.

    Raises:
        ValueError: a score is too large for that.

    >>> packed(torch.tensor([0.001, -0.002]))
    'AQD+/w=='
    """
    largest = scores.abs().max().item()
    if largest >= STEP * 2**15:
        raise ValueError(f"scores should be below {STEP * 2**15}; one is {largest:.1f}")
    steps = (scores / STEP).round().to(torch.int16).numpy().astype("<i2")
    return base64.b64encode(steps.tobytes()).decode()


def unpacked(stored: str, shape: tuple[int, ...]) -> Tensor:
    """The scores that `packed` stored.

    >>> unpacked('AQD+/w==', (2,))
    tensor([ 0.0010, -0.0020])
    """
    steps = torch.frombuffer(bytearray(base64.b64decode(stored)), dtype=torch.int16)
    return (steps * STEP).reshape(shape)


def described() -> dict:
    """All that the explorer knows: where it comes from, and each sentence with its scores."""
    sentences = []
    for text, word in SENTENCES.items():
        tokens, scores = raw_scores(text)
        start = tokens.index(word)
        sentences.append({"text": text, "tokens": tokens, "start": start, "scores": packed(scores)})
    return {
        "made_by": COMMAND,
        "model": MINILM,
        "sha256": checkpoint_sha256(),
        "step": STEP,
        "layers": list(LAYERS),
        "heads": scores.size(1),
        "first_head": FIRST_HEAD,
        "sentences": sentences,
    }


def script_of(data: dict) -> str:
    """The data as a script, which a page may load from a file, where it may not fetch one."""
    told = f"// Made by {COMMAND} from {data['model']}; do not edit.\n"
    return told + _BEGIN + json.dumps(data, indent=1, ensure_ascii=False) + ";\n"


def read(script: str) -> dict:
    """The data that `script_of` wrote."""
    return json.loads(script.partition(_BEGIN)[2].rstrip().removesuffix(";"))


def first_view(data: dict) -> tuple[list[str], Tensor]:
    """Tokens and weights of what the explorer shows first: (L, L)."""
    sentence = data["sentences"][0]
    tokens = sentence["tokens"]
    shape = len(data["layers"]), data["heads"], len(tokens), len(tokens)
    scores = unpacked(sentence["scores"], shape)
    return tokens, scores[-1, data["first_head"]].softmax(dim=-1)


def heat_map(tokens: list[str], weights: Tensor) -> str:
    """The weights of one head as a drawing in the page's colours: a row looks, a column is seen."""
    left, top, side = 68, 64, 18
    parts = []
    for row, token in enumerate(tokens):
        middle = row * side + side / 2
        name = html.escape(token)
        parts += [
            f'<text x="{left - 6}" y="{top + middle + 4}" text-anchor="end">{name}</text>',
            f'<text transform="translate({left + middle + 4} {top - 6}) rotate(-90)">{name}</text>',
        ]
        for column, weight in enumerate(weights[row].tolist()):
            if weight >= 0.005:
                place = f'x="{left + column * side}" y="{top + row * side}"'
                size = f'width="{side - 1}" height="{side - 1}"'
                parts.append(f'<rect {place} {size} fill-opacity="{weight:.2f}"/>')
    width, height = left + len(tokens) * side, top + len(tokens) * side
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'aria-hidden="true">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def main() -> None:
    data = described()
    FOLDER.mkdir(exist_ok=True)
    SCORES.write_text(script_of(data), encoding="utf-8")
    HEAT_MAP.write_text(heat_map(*first_view(data)), encoding="utf-8")


if __name__ == "__main__":
    main()
