"""Run every check there is: style, unit tests, the book and its pages, then each notebook twice.

python tools/test.py                                       everything
python tools/test.py tests/model/test_attention.py -x      only this, with pytest's own options

The unit tests run in random order: their seed, which is printed, gives the same order again.
"""

import os
import random
import sys
import tempfile
import time
from pathlib import Path

import step

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
PYTEST = [PYTHON, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"]
READY = (
    "from lessons_lib.ready import is_everything_ready as ready; "
    "from lessons_lib.model.smollm import open_language_model; "
    "open_language_model(); raise SystemExit(not ready())"
)
NBVAL = [
    *("--nbval", "--nbval-current-env", "--nbval-cell-timeout", "300"),
    *("--nbval-sanitize-with", "tests/nbval_sanitize.cfg", "notebooks"),
]
CODE = ("lessons_lib", "studies", "bench", "tools", "tests")


def steps() -> dict[str, list[str]]:
    """Each check's name and command, in the order in which a failure is cheapest."""
    seed = random.randrange(2**32)
    return {
        "style": [PYTHON, "-m", "ruff", "check", "--quiet", *CODE],
        "layout of code": [PYTHON, "-m", "ruff", "format", "--check", "--quiet", *CODE],
        "the book, warnings as errors": [PYTHON, "tools/book.py"],
        "weights and texts": [PYTHON, "-c", READY],
        f"unit tests, pages, solved notebooks (--randomly-seed={seed})": [
            *PYTEST,
            f"--randomly-seed={seed}",
            "tests",
        ],
        "notebooks as shipped": [*PYTEST, *NBVAL],
    }


def run(name: str, command: list[str], environment: dict[str, str]) -> bool:
    started = time.perf_counter()
    print(f"\n=== {name}", flush=True)
    passed = step.run(command, cwd=ROOT, env=environment).returncode == 0
    print(
        f"=== {name}: {'passed' if passed else 'FAILED'}, {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    if not passed:
        step.refuse_damaged()
    return passed


def main() -> None:
    with tempfile.TemporaryDirectory() as fresh:
        # Two processes of two threads each on two cores would mostly wait for each other.
        environment = {"OMP_NUM_THREADS": "1", **os.environ, "LESSONS_PROGRESS": fresh}
        if sys.argv[1:]:
            sys.exit(not run("chosen tests", [PYTHON, "-m", "pytest", *sys.argv[1:]], environment))
        failed = [name for name, command in steps().items() if not run(name, command, environment)]
    if failed:
        sys.exit(f"\nFailed: {'; '.join(failed)}.")
    print("\nEverything passed.")


if __name__ == "__main__":
    step.until_ctrl_c(main)
