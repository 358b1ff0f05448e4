"""Makes the project's tools importable in tests: `from tools_path import notebooks`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import constraints
import course
import drawings
import environment
import exercise_cards
import exercise_data
import gpu
import my_notebooks
import pages_extension
import readme
import results_page
import speed_page
import step

import book
import notebooks

__all__ = [
    "book",
    "constraints",
    "course",
    "drawings",
    "environment",
    "exercise_cards",
    "exercise_data",
    "gpu",
    "my_notebooks",
    "notebooks",
    "pages_extension",
    "readme",
    "results_page",
    "speed_page",
    "step",
]
