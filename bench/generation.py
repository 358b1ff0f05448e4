"""Write with the published language model: ours beside `transformers`' generate, the same tokens.

Greedy, float32, one text, keys and values cached by both. Reading the prompt counts, too.
How times are compared stands in bench/timing.py; each row is saved as it ends.

python -m bench.generation          about four minutes on two quiet cores
python -m bench.generation --quick  a taste, into no file
"""

import argparse
import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from bench.timing import compare, operators, time_rounds
from lessons_lib.data.reviews import load_domain
from lessons_lib.model.generate import generate
from lessons_lib.model.reference_llama import reference_of
from lessons_lib.model.smollm import load_language_model, load_language_tokenizer
from studies.engine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "generation.json"
OURS, PEER = "lessons_lib", "transformers.generate"


@dataclass(frozen=True)
class Row:
    """How many tokens are read, and how many are written."""

    prompt: int
    new: int


ROWS = [Row(8, 64), Row(256, 64)]


def prompt_of(length: int) -> Tensor:
    """So many tokens of real editorials: (1, length)."""
    texts = " ".join(snippet.text for snippet in load_domain("editorials")[:40])
    return torch.tensor([load_language_tokenizer().encode(texts)[:length]])


def measure(rows: list[Row], seconds: float = 60.0, results_file: Path | None = None) -> dict:
    """Each row's medians, relative speed, interval, and the costliest operators of both.

    Raises:
        AssertionError: the two write different tokens: not the same work.
    """
    model = load_language_model()
    reference = reference_of(model)
    versions = {name: version(name).split("+")[0] for name in ("torch", "transformers")}
    results = {"machine": machine() | {"versions": versions}, "rows": []}
    for row in rows:
        results["rows"].append(asdict(row) | _measure_row(model, reference, row, seconds))
        print(results["rows"][-1], flush=True)
        if results_file:
            results_file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return results


@torch.inference_mode()
def _measure_row(model, reference, row: Row, seconds: float) -> dict:
    start = prompt_of(row.prompt)
    calls = {
        OURS: lambda: generate(
            lambda ids, caches: model(ids, caches=caches), model.new_caches(), start, row.new
        ),
        PEER: lambda: reference.generate(
            start,
            attention_mask=torch.ones_like(start),
            max_new_tokens=row.new,
            do_sample=False,
            pad_token_id=0,
        ),
    }
    if not torch.equal(calls[OURS](), calls[PEER]()):
        raise AssertionError("ours and the peer write different tokens: not the same work")
    result = compare(time_rounds(calls, seconds), OURS)
    shares = {name: operators(call, count=4) for name, call in calls.items()}
    return result | {"operators": shares}


def section(results: dict) -> str:
    """The page's part: what was written, a sentence, and the table."""
    lines = [
        "| read | written | relative speed | 95\u00a0% interval | ours | peer | of it products |",
        "| --- " * 7 + "|",
    ]
    for row in results["rows"]:
        low, high = row["interval"]
        ours, peer = (row["milliseconds"][name] / row["new"] for name in (OURS, PEER))
        product = row["operators"][OURS][0]
        lines.append(
            f"| {row['prompt']} tokens | {row['new']} tokens | {row['relative_speed']:.2f} "
            f"| {low:.2f}\u2060–\u2060{high:.2f} | {ours:.0f} ms | {peer:.0f} ms "
            f"| {product['milliseconds'] / row['new']:.0f} ms |"
        )
    quickest = ", ".join(
        f"{row['relative_speed']:.2f} after {row['prompt']} tokens" for row in results["rows"]
    )
    return (
        f"\nBeside the peer, at 1, its speed is {quickest}. Greedy, float32, with the cache of "
        "keys and values; the tokens are the same. Most of the time goes into products, for which "
        "all weights (0.5 GB) pass through the processor once a token.\n\n"
        "<details><summary>Milliseconds for a new token</summary>\n\n"
        + "\n".join(lines)
        + "\n\n</details>\n\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a taste, into no file")
    arguments = parser.parse_args()
    if arguments.quick:
        print(section(measure([Row(8, 4)], seconds=2.0)))
    else:
        measure(ROWS, results_file=RESULTS)


if __name__ == "__main__":
    main()
