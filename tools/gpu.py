"""Run every notebook on this machine's GPU, and say how the numbers and the seconds compare.

    python tools/gpu.py                      every chapter
    python tools/gpu.py 06_transformer       one

Each chapter runs twice, each time on two cores: with the GPU, and without it. Several run side by
side where there are more cores. A cell differs where its text does, or one of its numbers by more
than one unit of the last printed digit. The result is kept for the page on speed.
"""

import argparse
import json
import os
import queue
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
RESULTS = ROOT / "bench" / "results" / "gpu.json"
CORES_EACH = 2
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")
UNSTABLE = {"nbval-ignore-output"}
PEAK = (
    "import torch; "
    "print(torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0)"
)


def run(name: str, device: str, cores: list[int]) -> tuple[list, float, float]:
    """One chapter's cells with their outputs; seconds; peak memory of the GPU in MiB.

    A cell that fails keeps its error as an output, and the chapter goes on.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    notebook.cells.append(new_code_cell(PEAK))
    with tempfile.TemporaryDirectory() as fresh:
        environment = {**os.environ, "LESSONS_PROGRESS": fresh, "LESSONS_DEVICE": device}
        environment |= {"OMP_NUM_THREADS": str(CORES_EACH), "COURSE_CORES": json.dumps(cores)}
        pinned = "import os, json\nos.sched_setaffinity(0, json.loads(os.environ['COURSE_CORES']))"
        if hasattr(os, "sched_setaffinity"):
            notebook.cells.insert(0, new_code_cell(pinned))
        client = NotebookClient(
            notebook,
            timeout=600,
            allow_errors=True,
            kernel_name="python3",
            coalesce_streams=True,
            resources={"metadata": {"path": str(NOTEBOOKS)}},
        )
        started = time.perf_counter()
        client.execute(env=environment)
    seconds = time.perf_counter() - started
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    peak = float(text_of(cells.pop()) or 0)
    return (cells[1:] if hasattr(os, "sched_setaffinity") else cells), seconds, peak


def text_of(cell) -> str:
    """What a cell printed, returned or raised; figures by their descriptions."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream" and output.name == "stdout":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}")
        elif "data" in output:
            parts.append("".join(output.data.get("text/plain", "")))
    return "\n".join(parts).strip()


def first_difference(stored: list, found: list) -> str | None:
    """The first cell whose text or numbers differ, as "cell 12: line before -> line now"."""
    for number, (before, now) in enumerate(zip(stored, found, strict=True), start=1):
        if UNSTABLE & set(before.metadata.get("tags", [])) or number == 1:
            continue  # the first says which device there is
        if any(output.output_type == "error" for output in now.outputs):
            return f"cell {number}: {text_of(now)[:200]}"
        old, new = text_of(before).splitlines(), text_of(now).splitlines()
        for one, other in zip(old, new, strict=False):
            if not same(one, other):
                return f"cell {number}: {one.strip()[:90]} -> {other.strip()[:90]}"
        if len(old) != len(new):
            return f"cell {number}: {len(old)} lines -> {len(new)} lines"
    return None


def same(one: str, other: str) -> bool:
    """Whether two lines agree: their words exactly, their numbers in all digits but the last.

    >>> same("r = 0.71, 3 seeds", "r = 0.72, 3 seeds"), same("r = 0.71", "r = 0.75")
    (True, False)
    """
    if NUMBER.sub("#", one) != NUMBER.sub("#", other):
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(a == b or abs(_value(a) - _value(b)) <= 1.01 * _unit(a) for a, b in pairs)


def _value(text: str) -> float:
    return float(text.replace(",", ""))


def _unit(text: str) -> float:
    """One unit of the last printed digit; whole numbers have to agree."""
    digits, _, power = text.partition("e")
    places = len(digits.partition(".")[2])
    return 10.0 ** (int(power or 0) - places) if places or power else 0.0


def compare(name: str, cores: list[int], with_cpu: bool) -> dict:
    """A chapter on the GPU beside its stored outputs, and beside two cores of this machine."""
    stored = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    stored = [cell for cell in stored if cell.cell_type == "code"]
    found, seconds, peak = run(name, "cuda", cores)
    row = {
        "chapter": name,
        "differs": first_difference(stored, found),
        "seconds": round(seconds, 1),
        "peak_mib": round(peak),
    }
    if with_cpu:
        _, on_cores, _ = run(name, "cpu", cores)
        row["seconds_on_two_cores"] = round(on_cores, 1)
    return row


def usable_places() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description="Run the notebooks on this machine's GPU.")
    parser.add_argument("chapters", nargs="*", help="such as 06_transformer; all if none")
    parser.add_argument("--no-cpu", action="store_true", help="leave out the runs on two cores")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("There is no GPU here that torch can use (torch.cuda.is_available() is False).")
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for name in arguments.chapters or sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")):
        waiting.put(name)
    rows, all_cores = [], usable_places()

    def work(cores: list[int]) -> None:
        while True:
            try:
                name = waiting.get_nowait()
            except queue.Empty:
                return
            row = compare(name, cores, not arguments.no_cpu)
            rows.append(row)
            times = row.get("seconds_on_two_cores", 0) / row["seconds"]
            print(
                f"{row['chapter']:32} {row['seconds']:6.1f} s, {row['peak_mib']:6} MiB, "
                f"{times:.1f} times two cores' speed: {row['differs'] or 'passed'}",
                flush=True,
            )

    places = range(0, max(1, len(all_cores) - CORES_EACH + 1), CORES_EACH)
    parts = [all_cores[at : at + CORES_EACH] for at in places]
    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__.partition("+")[0]}
    told |= {"side_by_side": min(len(threads), len(rows))}
    rows.sort(key=lambda row: row["chapter"])
    RESULTS.write_text(json.dumps(told | {"chapters": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
