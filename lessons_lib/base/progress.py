"""How far it is, for whoever waits: in a terminal, or in a notebook with a person before it."""

import sys

from tqdm import tqdm

SILENT_SECONDS = 3.0  # no bar for what is done by then


def progress_bar(total: int, unit: str, done: int = 0) -> tqdm:
    """A bar that appears after some seconds, and goes when it is closed.

    Nobody is there to see it where outputs are only stored; then nothing is shown.

    Args:
        total: how many there are in all.
        unit: what is counted, such as "texts".
        done: how many are done already.
    """
    return tqdm(
        total=total,
        initial=done,
        unit=f" {unit}",
        delay=SILENT_SECONDS,
        leave=False,
        disable=not is_watched(),
        file=sys.stderr,
    )


def is_watched() -> bool:
    """Whether somebody sees what is printed meanwhile."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    # A front end with a person at it takes input; a run that stores outputs does not.
    return getattr(getattr(shell, "kernel", None), "_allow_stdin", sys.stderr.isatty())
