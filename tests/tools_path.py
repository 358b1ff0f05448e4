"""Makes the project's tools importable in tests: `from tools_path import notebooks`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import course
import pages_extension
import readme
import results_page
import speed_page

import book
import notebooks

__all__ = [
    "book",
    "course",
    "notebooks",
    "pages_extension",
    "readme",
    "results_page",
    "speed_page",
]
