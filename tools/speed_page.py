"""Put what was measured into book/speed.md: one plot of it all, and tables folded below."""

import json
from math import exp, log
from pathlib import Path

import glance
import gpu
from marks import put_between

from bench import encoder, generation, real_job
from bench.candidates import OURS

PAGE = Path(__file__).resolve().parent.parent / "book" / "speed.md"
MARKS = "<!-- {}: made by `make bench` from bench/results; do not edit -->\n", "<!-- end of {} -->"
MISSING = "\nThere are no measurements yet: `make bench` makes them.\n\n"
IN_MS = (
    "A shape is batch × length. The last columns are milliseconds, the median over the rounds; "
    "the quickest peer's stand out."
)
COMPILED = (
    "*Relative speed* is here that of the compiled encoder beside the quickest peer, which is not "
    "compiled."
)
HOW_TO_READ = (
    "The line is the quickest of the others (of three; in fine-tuning and writing of one); to "
    "its right what you build is quicker, to its left slower. The bar is the 95\u00a0% interval; a "
    "dot is hollow where that leaves it open. Sizes are batch\u00a0×\u00a0length."
)
WORK = {"training": "Training", "forward": "Inference"}
IN_MIB = "In MiB, float32."
SHORT = {
    OURS: "ours",
    "torch.nn.TransformerEncoder": "torch",
    "transformers.BertModel": "BERT",
    "x_transformers.Encoder": "x-transformers",
    f"{OURS}, compiled": "ours, compiled",
}


def updated(page: str, part: str, text: str | None) -> str:
    """The page with one part made anew; `None` = nothing has been measured.

    Args:
        part: "plot", "encoder", "real job", "generation" or "gpu", between whose marks it is put.

    Raises:
        ValueError: the two marks are missing.
    """
    return put_between(page, *(mark.format(part) for mark in MARKS), text or MISSING)


def whole(page: str) -> str:
    """The page with all parts made anew from the stored results."""
    modules = encoder, real_job, generation, gpu
    encoders, jobs, texts, chapters = (_stored(module.RESULTS) for module in modules)
    all_there = encoders and jobs and texts
    page = updated(page, "plot", plot_section(encoders, jobs, texts) if all_there else None)
    for part, found, make in (
        ("encoder", encoders, section),
        ("real job", jobs, real_job.section),
        ("generation", texts, generation.section),
        ("gpu", chapters, gpu_section),
    ):
        page = updated(page, part, make(found) if found else None)
    return page


def _stored(path: Path) -> dict | None:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def plot_section(encoders: dict, jobs: dict, texts: dict) -> str:
    """What all measurements say together: a sentence for each kind, and one dot for each row."""
    whole_jobs = [{"words": job} | _ratio(found) for job, found in real_job.compared(jobs).items()]
    groups = {"Whole jobs, from text to result": whole_jobs}
    if texts["rows"]:
        groups["Writing, by the tokens read before"] = [
            {"words": f"{row['prompt']} tokens"} | _ratio(row) for row in texts["rows"]
        ]
    for is_compiled in (False, True):
        for work, name in WORK.items():
            for row in encoders["rows"]:
                if (row["work"], row["compiled"]) == (work, is_compiled):
                    told = f"{name}, {row['dtype']}{', through torch.compile' * is_compiled}"
                    groups.setdefault(told, []).append({"words": _shape(row)[0]} | _ratio(row))
    told = _told_of(encoders["rows"], whole_jobs)
    parts = [f"**{told}**", HOW_TO_READ, glance.dots(groups)]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _told_of(rows: list[dict], whole_jobs: list[dict]) -> str:
    """How quick ours is beside the quickest of the others, a number for each kind of work."""
    plain = [row for row in rows if not row["compiled"]]
    speeds = {
        name.lower(): geometric_mean([row for row in plain if row["work"] == work])
        for work, name in WORK.items()
    } | {job["words"]: job["value"] for job in whole_jobs}
    told = ", ".join(f"{speed:.2f} in {work}" for work, speed in speeds.items())
    return f"Beside the quickest of the others, at 1, the speed of what you build is {told}."


def _ratio(found: dict) -> dict:
    low, high = found["interval"]
    return {"value": found["relative_speed"], "low": low, "high": high}


def section(results: dict) -> str:
    """How it was measured, and folded a table for each precision and the operators of slow rows."""
    machine, rows = results["machine"], results["rows"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    cores = f"{machine['threads']} thread{'s' if machine['threads'] > 1 else ''}"
    parts = [f"Measured on: {machine['hardware']}, {cores}; {versions}.", verdict(rows)]
    dtypes = list(dict.fromkeys(row["dtype"] for row in rows))
    for dtype in dtypes:
        own = [row for row in rows if row["dtype"] == dtype and not row["compiled"]]
        parts.append(_folded(f"Speed in {dtype}", IN_MS, speed_table(own)))
    if "bfloat16" not in dtypes:
        parts.append("This processor does not multiply bfloat16 itself, so those rows are missing.")
    if compiled := [row for row in rows if row["compiled"]]:
        parts.append(_folded("Ours through torch.compile", COMPILED, compiled_table(compiled)))
    if remembered := [row for row in rows if row.get("peak_mib")]:
        parts.append(_folded("Memory", IN_MIB, memory_table(remembered)))
    if slow := [row for row in rows if "operators" in row]:
        parts += ["## Where ours is slower, and why", *map(operator_table, slow)]
    return "\n" + "\n\n".join(parts) + "\n\n"


def _folded(summary: str, *paragraphs: str) -> str:
    return glance.folded(summary, "\n\n".join(paragraphs))


def gpu_section(results: dict) -> str:
    """Each chapter on a GPU: the same numbers or not, seconds, memory, and the gain."""
    rows = results["chapters"]
    has_cores = all("seconds_on_two_cores" in row for row in rows)
    body = [[row["chapter"], *_gpu_cells(row, has_cores)] for row in rows]
    head = ["chapter", "numbers", "seconds"]
    head += ["on two cores", "times as fast"] if has_cores else []
    where = f"{results['gpu']}, torch {results['torch']}"
    parts = [
        f"Measured on: {where}; {results['side_by_side']} chapters side by side, two of that "
        f"machine's cores for each.{results.get('two_cores', '')}",
        f"{sum(row['differs'] is None for row in rows)} of {len(rows)} chapters give the book's "
        "numbers in all cells.",
        _folded("Chapter by chapter", _table([*head, "peak, MiB"], body)),
    ]
    differ = [row for row in rows if row["differs"]]
    if differ:
        listed = [f"- {row['chapter']}: `{row['differs']}`" for row in differ]
        parts.append("The first cell of each that differs:\n\n" + "\n".join(listed))
    return "\n" + "\n\n".join(parts) + "\n\n"


def _gpu_cells(row: dict, has_cores: bool) -> list:
    told = "as in the book" if row["differs"] is None else "differ"
    cells = [told, f"{row['seconds']:.0f}"]
    if has_cores:
        on_cores = row["seconds_on_two_cores"]
        cells += [f"{on_cores:.0f}", f"{on_cores / row['seconds']:.1f}"]
    return [*cells, row["peak_mib"]]


def verdict(rows: list[dict]) -> str:
    """One sentence that counts rows; what is within its interval of 1 is a draw."""
    plain = [row for row in rows if not row["compiled"]]
    quicker = sum(row["interval"][0] > 1 for row in plain)
    slower = sum(row["interval"][1] < 1 for row in plain)
    means = ", ".join(
        f"{geometric_mean([row for row in plain if row['work'] == work]):.2f} in {name}"
        for work, name in (("training", "training"), ("forward", "inference"))
        if any(row["work"] == work for row in plain)
    )
    return (
        f"Relative speed, geometric mean over the rows: {means}. In {quicker} of {len(plain)} rows "
        f"ours is quicker than the quickest peer, in {slower} it is slower, and in "
        f"{len(plain) - quicker - slower} the interval does not tell."
    )


def speed_table(rows: list[dict]) -> str:
    names = list(rows[0]["milliseconds"])
    head = ["shape", "work", "relative speed", "95\u00a0% interval", *(SHORT[n] for n in names)]
    return _table(head, [[*_shape(row), *_speed(row), *_times(row, names)] for row in rows])


def _speed(row: dict) -> list[str]:
    low, high = row["interval"]
    return [f"{row['relative_speed']:.2f}", f"{low:.2f}\u2060–\u2060{high:.2f}"]


def _times(row: dict, names: list[str]) -> list[str]:
    """Milliseconds, the quickest peer's in bold."""
    times = {name: _milliseconds(row["milliseconds"][name]) for name in names}
    return [f"**{times[n]}**" if n == row["fastest_peer"] else times[n] for n in names]


def geometric_mean(rows: list[dict]) -> float:
    """Of the relative speeds.

    >>> geometric_mean([{"relative_speed": 0.5}, {"relative_speed": 2.0}])
    1.0
    """
    return exp(sum(log(row["relative_speed"]) for row in rows) / len(rows))


def compiled_table(rows: list[dict]) -> str:
    head = ["shape", "work", "precision", "relative speed", "95\u00a0% interval"]
    head += ["ours", "ours, compiled", "quickest peer"]
    body = [
        [
            *(*_shape(row), row["dtype"], *_speed(row)),
            *(
                _milliseconds(row["milliseconds"][name])
                for name in (OURS, f"{OURS}, compiled", row["fastest_peer"])
            ),
        ]
        for row in rows
    ]
    return _table(head, body)


def memory_table(rows: list[dict]) -> str:
    names = list(rows[0]["peak_mib"])
    body = [[*_shape(row), *(_mib(row["peak_mib"][name]) for name in names)] for row in rows]
    return _table(["shape", "work", *(SHORT[name] for name in names)], body)


def operator_table(row: dict) -> str:
    """The costliest operators of ours and of the quickest peer, folded."""
    body = [
        [SHORT[name], f"`{operator['name']}`", operator["calls"], operator["milliseconds"]]
        for name in (OURS, row["fastest_peer"])
        for operator in row["operators"][name]
    ]
    shape, work = _shape(row)
    title = f"{shape}, {work}, {row['dtype']}: the costliest operators"
    return _folded(title, _table(["encoder", "operator", "calls", "ms"], body))


def _shape(row: dict) -> list[str]:
    return [f"{row['batch']}\u00a0×\u00a0{row['length']}", row["work"]]


def _milliseconds(number: float) -> str:
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"


def _mib(number: float | None) -> str:
    return "not measured" if number is None else f"{number:.0f}"


def _table(head: list[str], body: list[list]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def main() -> None:
    PAGE.write_text(whole(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
