"""The lists of what to install: conda's, the pinned versions, and the citation."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from tools_path import constraints

ROOT = Path(__file__).resolve().parents[2]
OLDEST = {"python_version": "3.11", "python_full_version": "3.11.0"}


def pins() -> list[Requirement]:
    """Each line of constraints.txt that is no comment."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def conda() -> list:
    """What environment.yml asks for."""
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]


def test_conda_lines_are_accepted_by_pip(tmp_path):
    lines = next(entry["pip"] for entry in conda() if isinstance(entry, dict))
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
    python = next(entry for entry in conda() if str(entry).startswith("python="))
    assert tuple(map(int, python.removeprefix("python=").split("."))) >= (3, 11)


def test_constraints_are_exact_versions_without_build_labels_once_for_each_system():
    lines = [str(pin) for pin in pins()]
    assert all(re.fullmatch(r"[^=]+==[^+=]+?(?:; .+)?", line) for line in lines)
    for system, platform in (("linux", "Linux"), ("darwin", "Darwin"), ("win32", "Windows")):
        here = {**OLDEST, "sys_platform": system, "platform_system": platform}
        named = [pin.name for pin in pins() if pin.marker is None or pin.marker.evaluate(here)]
        assert len(named) == len(set(named))
        assert {"torch", "jupyter-book", "numpy"} <= set(named)
        assert ("colorama" in named) == (system == "win32")


def test_constraints_were_resolved_for_the_oldest_python_that_the_readme_names():
    assert constraints.PYTHON == "3.11.0"
    assert (ROOT / "constraints.txt").read_text(encoding="utf-8").startswith(constraints.HEADER)
    assert "Python 3.11 or newer" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_installed_packages_that_are_pinned_for_the_oldest_python_run_on_it():
    pinned = {
        (canonicalize_name(pin.name), str(pin.specifier).removeprefix("=="))
        for pin in pins()
        if pin.marker is None or pin.marker.evaluate(OLDEST)
    }
    too_new = [
        installed.name
        for installed in distributions()
        if (canonicalize_name(installed.name), installed.version.partition("+")[0]) in pinned
        and "3.11.0" not in SpecifierSet(installed.metadata["Requires-Python"] or "")
    ]
    assert too_new == []


def test_what_is_held_is_held():
    held = {str(pin) for pin in pins()}
    assert held >= set(constraints.HELD)


def test_builds_for_one_cuda_are_not_pinned_and_others_are():
    text = (
        "cuda-toolkit==13.0 ; sys_platform == 'linux'\nnvidia-nvtx==1\ntriton==3.7\ntritonic==1\n"
    )
    assert re.sub(constraints.CUDA, "", text, flags=re.MULTILINE) == "tritonic==1\n"


def test_citation_is_of_the_version_and_licences_that_pyproject_names():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["version"] == project["version"]
    assert " AND ".join(cited["license"]) == project["license"]
