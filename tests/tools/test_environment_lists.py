"""The lists of what to install: conda's and the pinned versions."""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_conda_lines_are_accepted_by_pip(tmp_path):
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    lines = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    (tmp_path / "conda.txt").write_text("\n".join(lines))
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("README.md", "LICENSE"):
        (tmp_path / name).write_text("Named by pyproject.toml.")
    options = ["--dry-run", "--no-deps", "--no-index", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "install", *options, "-r", "conda.txt"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Would install transformer-transfer-0.1.0" in done.stdout


def test_conda_python_is_one_that_the_course_accepts():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python = next(entry for entry in conda["dependencies"] if str(entry).startswith("python="))
    assert tuple(map(int, python.removeprefix("python=").split("."))) >= (3, 11)


def test_constraints_are_exact_versions_in_order_without_build_labels():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins == sorted(pins, key=str.lower)
    assert all(line.count("==") == 1 and "+" not in line for line in pins)
