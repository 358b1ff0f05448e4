"""What the studies have found, and what their authors had expected: the stored files, read.

The studies themselves stand beside the library; only their results come with it, so that a page
draws them wherever it runs.
"""

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lessons_lib.measure.metrics import column

HOME = Path(__file__).resolve().parent.parent / "results"
Variant = str | tuple[str, ...]
_LEAST_SPREAD = 0.1  # below it hundredths would cost a hundredth of r
_EXACT = "f4:"


def load_results(name: str) -> dict:
    """A study's results: what it is, and under "runs" what came out, as far as it has been run.

    Runs of a configuration that was changed later are left out; the changes stand under "changes",
    and the opening of the sealed texts, once it has happened, under "sealed".

    Raises:
        FileNotFoundError: it has not been run.
    """
    return read_lines(HOME / f"{name}.jsonl")


def read_lines(path: Path) -> dict:
    """The lines that a study has written, as one dictionary."""
    results: dict = {"runs": [], "changes": []}
    for line in path.read_text(encoding="utf-8").splitlines():
        content = json.loads(line)
        kind = content.pop("kind")
        if kind == "study":
            results |= content
        elif kind == "run":
            results["runs"].append(content)
        elif kind == "change":
            results["changes"].append(content)
            results |= content["now"]
            if "configuration" in content["what"]:
                results["runs"] = []
        else:  # "prepared", "check", "sealed"
            results[kind] = content
    return results


def load_forecast(name: str) -> dict:
    """What the authors expected before the study was run."""
    return json.loads((HOME / "forecasts" / f"{name}.json").read_text(encoding="utf-8"))


def final_runs(results: dict, variant: Variant) -> list[dict]:
    """A variant's final runs so far, by seed; runs that have failed are left out.

    Where a search that went on has found better settings since, only the runs at these.

    >>> runs = [{"variant": ["a", "b"], "stage": "final", "seed": 0}]
    >>> len(final_runs({"runs": runs}, ("a", "b")))
    1
    """
    finals = [run for run in runs_of(results, variant, "final") if "failed" not in run]
    finals = [run for run in finals if run.get("settings") == finals[-1].get("settings")]
    return sorted(finals, key=lambda run: run["seed"])


def runs_of(results: dict, variant: Variant, stage: str) -> list[dict]:
    """A variant's runs of one stage, "search" or "final"."""
    runs = [run for run in results["runs"] if run["stage"] == stage]
    return [run for run in runs if as_variant(run["variant"]) == as_variant(variant)]


def as_variant(stored: str | list[str]) -> Variant:
    """A variant as a study has it: JSON turns tuples into lists."""
    return stored if isinstance(stored, str) else tuple(stored)


def pack(predictions: Sequence[float]) -> str:
    """Predictions (N,) as text: hundredths in 16 bits, base64; a third of what digits would take.

    Where they differ by so little that hundredths would make them alike, as float32, with "f4:".

    Raises:
        ValueError: they are no list (N,), one is not finite, or beyond 327.67.

    >>> unpack(pack([1.234, -4.0])).tolist()
    [1.23, -4.0]
    """
    values = column(predictions, "the list of predictions")
    if not (np.abs(values) < 327.67).all():
        raise ValueError("pack takes finite numbers from -327.67 to 327.67")
    if np.std(values) < _LEAST_SPREAD:
        return _EXACT + base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")
    hundredths = np.rint(100 * values).astype("<i2")
    return base64.b64encode(hundredths.tobytes()).decode("ascii")


def unpack(text: str) -> np.ndarray:
    """The predictions (N,) that `pack` has written."""
    if text.startswith(_EXACT):
        return np.frombuffer(base64.b64decode(text.removeprefix(_EXACT)), "<f4").astype(float)
    return np.frombuffer(base64.b64decode(text), dtype="<i2") / 100
