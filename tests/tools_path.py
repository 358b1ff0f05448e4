"""Makes the project's tools importable in tests: `from tools_path import notebooks`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import attention_explorer
import chapter_grid
import constraints
import course
import drawings
import environment
import exercise_cards
import exercise_data
import figure_numbers
import glance
import glossary
import glossary_links
import gpu
import handout
import icons
import my_notebooks
import page_heads
import pages_extension
import readme
import results_page
import search_index
import solutions
import speed_page
import step
import teacher_notes
import told
import welcome_page
import which_page

import book
import notebooks

__all__ = [
    "attention_explorer",
    "book",
    "chapter_grid",
    "constraints",
    "course",
    "drawings",
    "environment",
    "exercise_cards",
    "exercise_data",
    "figure_numbers",
    "glance",
    "glossary",
    "glossary_links",
    "gpu",
    "handout",
    "icons",
    "my_notebooks",
    "notebooks",
    "page_heads",
    "pages_extension",
    "readme",
    "results_page",
    "search_index",
    "solutions",
    "speed_page",
    "step",
    "teacher_notes",
    "told",
    "welcome_page",
    "which_page",
]
