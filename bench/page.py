"""Put the measured table into book/speed.md, between its marks."""

import json
from pathlib import Path

from bench.candidates import OURS
from bench.encoder import RESULTS

PAGE = Path(__file__).resolve().parent.parent / "book" / "speed.md"
BEGIN = "<!-- results: made by `make bench` from bench/results/encoder.json; do not edit -->\n"
END = "<!-- end of results -->"
MISSING = "\nThere are no measurements yet: `make bench` makes them.\n\n"
SHORT = {
    OURS: "ours",
    "torch.nn.TransformerEncoder": "torch",
    "transformers.BertModel": "BERT",
    "x_transformers.Encoder": "x-transformers",
    f"{OURS}, compiled": "ours, compiled",
}


def updated(page: str, results: dict | None) -> str:
    """The page's text with its results made anew; `None` = nothing has been measured.

    Raises:
        ValueError: the two marks between which the results stand are missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page should hold the marks {BEGIN.strip()!r} and {END!r}")
    return before + begin + (MISSING if results is None else section(results)) + end + after


def section(results: dict) -> str:
    """How it was measured, a table for each precision, and the operators of slow rows."""
    machine, rows = results["machine"], results["rows"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    cores = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
    parts = [f"Measured on: {machine['hardware']}, {cores}; {versions}.", verdict(rows)]
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    for dtype in dtypes:
        own = [row for row in rows if row["dtype"] == dtype and not row["compiled"]]
        parts += [f"## Speed in {dtype}", speed_table(own)]
    if "bfloat16" not in dtypes:
        parts.append("This processor does not multiply bfloat16 itself, so those rows are missing.")
    if compiled := [row for row in rows if row["compiled"]]:
        parts += ["## Ours through torch.compile", compiled_table(compiled)]
    if remembered := [row for row in rows if row.get("peak_mib")]:
        parts += ["## Memory", memory_table(remembered)]
    if slow := [row for row in rows if "operators" in row]:
        parts += ["## Where ours is slower, and why", *map(operator_tables, slow)]
    return "\n" + "\n\n".join(parts) + "\n\n"


def verdict(rows: list[dict]) -> str:
    """One sentence that counts rows; what is within its interval of 1 is a draw."""
    plain = [row for row in rows if not row["compiled"]]
    quicker = sum(row["interval"][0] > 1 for row in plain)
    slower = sum(row["interval"][1] < 1 for row in plain)
    return (
        f"In {quicker} of {len(plain)} rows ours is quicker than the quickest peer, in {slower} it "
        f"is slower, and in {len(plain) - quicker - slower} the interval does not tell."
    )


def speed_table(rows: list[dict]) -> str:
    names = list(rows[0]["milliseconds"])
    head = ["batch", "length", "work", "relative speed", "95 % interval", "quickest peer"]
    body = [
        [
            *_shape(row),
            f"{row['relative_speed']:.2f}",
            f"{row['interval'][0]:.2f} to {row['interval'][1]:.2f}",
            SHORT[row["fastest_peer"]],
            *(_milliseconds(row["milliseconds"][name]) for name in names),
        ]
        for row in rows
    ]
    return _table([*head, *(f"{SHORT[name]} (ms)" for name in names)], body)


def compiled_table(rows: list[dict]) -> str:
    names = [OURS, f"{OURS}, compiled"]
    body = [[*_shape(row), *(_milliseconds(row["milliseconds"][n]) for n in names)] for row in rows]
    return _table(["batch", "length", "work", *(f"{SHORT[name]} (ms)" for name in names)], body)


def memory_table(rows: list[dict]) -> str:
    names = list(rows[0]["peak_mib"])
    body = [[*_shape(row), *(_mib(row["peak_mib"][name]) for name in names)] for row in rows]
    return _table(["batch", "length", "work", *(f"{SHORT[name]} (MiB)" for name in names)], body)


def operator_tables(row: dict) -> str:
    """Both encoders' costliest operators, side by side, folded."""
    ours, theirs = row["operators"][OURS], row["operators"][row["fastest_peer"]]
    body = [
        [part for op in pair for part in (f"`{op['name']}`", op["calls"], op["milliseconds"])]
        for pair in zip(ours, theirs, strict=True)
    ]
    peer = SHORT[row["fastest_peer"]]
    head = [f"{who}{what}" for who in ("ours", peer) for what in (": operator", ", calls", ", ms")]
    batch, length, work = _shape(row)
    title = f"Batch {batch}, length {length}, {work}, {row['dtype']}: the costliest operators"
    table = _table(head, body)
    return f"<details>\n<summary>{title}</summary>\n\n{table}\n\n</details>"


def _shape(row: dict) -> list[str]:
    return [str(row["batch"]), str(row["length"]), row["work"]]


def _milliseconds(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"


def _mib(number: float | None) -> str:
    return "not measured" if number is None else f"{number:.0f}"


def _table(head: list[str], body: list[list]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main() -> None:
    stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else None
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8"), stored), encoding="utf-8")


if __name__ == "__main__":
    main()
