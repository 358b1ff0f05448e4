"""One run of a study, and many of them at once: over this machine's cores, or a Dask cluster."""

import math
import os
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lessons_lib.training.loop import TrainingFault


@dataclass(frozen=True)
class Outcome:
    """What a run gives back.

    Attributes:
        numbers: named numbers, among them `validation`, by which settings are chosen.
        predictions: by name, each as `pack` writes it; kept with the run.
        training_seconds, evaluation_seconds: measured apart.
        labels_read: what the ratings of which domains were used for: "training", "selection".
        no_labels_of: domains whose ratings the run claims to have done without.
    """

    numbers: dict[str, float]
    predictions: dict[str, str] = field(default_factory=dict)
    training_seconds: float | None = None
    evaluation_seconds: float | None = None
    labels_read: dict[str, list[str]] = field(default_factory=dict)
    no_labels_of: Sequence[str] = ()

    @classmethod
    def of(cls, returned: "dict[str, float] | Outcome") -> "Outcome":
        """An outcome as it is; named numbers made into one."""
        return returned if isinstance(returned, cls) else cls(returned)

    def record(self) -> dict:
        """For the results file; what a run does not tell is left out."""
        told = {
            "numbers": self.numbers,
            "training_seconds": _tenths(self.training_seconds),
            "evaluation_seconds": _tenths(self.evaluation_seconds),
            "labels_read": self.labels_read,
            "no_labels_of": list(self.no_labels_of),
            "predictions": self.predictions,
        }
        return {name: value for name, value in told.items() if value not in (None, {}, [])}


@dataclass(frozen=True)
class Task:
    """A run to be done: `stage` is "search" or "final"."""

    variant: str | tuple[str, ...]
    settings: dict
    seed: int
    stage: str

    def key(self) -> dict:
        variant = self.variant if isinstance(self.variant, str) else list(self.variant)
        return {
            "variant": variant,
            "settings": self.settings,
            "seed": self.seed,
            "stage": self.stage,
        }

    def is_in(self, runs: list[dict]) -> bool:
        return any(self.key().items() <= run.items() for run in runs)


def run_tasks(
    study, tasks: list[Task], jobs: int = 1, dask: str | None = None, deadline: float = math.inf
) -> Iterator[dict]:
    """Carry out tasks; the record of each is handed over as it ends, in any order.

    What a training breaks off with is kept as a run that has failed.

    A bar shows how many are done, and how long the rest will take at that speed.

    Args:
        study: a `studies.engine.Study`.
        jobs: processes on this machine; 1 = no other process, -1 = one for each core.
        dask: the address of a Dask scheduler; its workers need this repository and its packages.
        deadline: no task begins after this time of `time.monotonic`.
    """
    if not tasks:
        return
    in_time = (task for task in tasks if time.monotonic() < deadline)
    ways = _on_dask(study, tasks, dask) if dask else _on_cores(study, in_time, jobs)
    title = f"{study.name}, {tasks[0].stage}"
    yield from tqdm(ways, total=len(tasks), desc=title, unit="run", smoothing=0)


def _on_cores(study, tasks: Iterable[Task], jobs: int) -> Iterator[dict]:
    from joblib import Parallel, delayed

    if jobs == 1:
        yield from (carry_out(study, task) for task in tasks)
        return
    # Tasks are taken as processes become free, so that a deadline is kept.
    parallel = Parallel(
        n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs"
    )
    yield from parallel(delayed(carry_out)(study, task) for task in tasks)


def _on_dask(study, tasks: list[Task], address: str) -> Iterator[dict]:
    from distributed import Client, as_completed

    with Client(address) as client:
        futures = [client.submit(carry_out, study, task, pure=False) for task in tasks]
        for future in as_completed(futures):
            yield future.result()


def carry_out(study, task: Task) -> dict:
    """Run one task in this process, on one thread, so that results do not depend on the cores."""
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # for `working`, which else would take all cores
    run = study.trial if task.stage == "search" and study.trial else study.run
    started = time.perf_counter()
    try:
        outcome = run(task.variant, task.settings, task.seed, study.configuration)
        found = Outcome.of(outcome).record()
    except (TrainingFault, FloatingPointError) as fault:  # a result too: this setting breaks
        found = {"failed": str(fault)}
    seconds = round(time.perf_counter() - started, 1)
    told = {"seconds": seconds, "hardware": machine()["hardware"]}
    return task.key() | found | told


def machine() -> dict:
    """The kind of hardware, threads and versions that numbers were measured with."""
    import torch

    kind = torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    return {
        "hardware": kind,
        "threads": torch.get_num_threads(),
        "versions": versions | {"torch": torch.__version__.split("+")[0]},
    }


def _processor() -> str:
    """The processor's kind, without what would tell one machine from another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
