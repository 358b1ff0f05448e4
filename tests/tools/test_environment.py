"""Making the environment, and the faults from outside: each is really made, then removed."""

# A fixture is imported, then named as an argument.
# ruff: noqa: F401, F811
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import timeit
import zipfile
from pathlib import Path

import pytest
from tiny_project import (
    BIN,
    CONSTRAINTS,
    PYPROJECT,
    WINDOWS,
    assert_fault,
    assert_ready_at_once,
    assert_repaired,
    bare,
    finished,
    make_wheel,
    ready,
    wait_until,
    wheels,
)

# --- Making it -----------------------------------------------------------------------------------


def test_first_run_installs_the_extra_at_the_constraints_version(finished):
    project, _, result = finished
    assert result.stdout.splitlines() == [
        "Creating .venv.",
        "Installing 1 extra(s), one: this takes a minute or two.",
        ".venv is ready for: one.",
    ]
    assert project.imports("import small; print(small.version)") == "1.0"


def test_course_is_importable_from_any_folder(ready):
    there = ready.imports("import course_code; print(course_code.here)")
    assert Path(there) == ready.folder / "course_code.py"


def test_second_run_calls_no_pip(ready):
    assert_ready_at_once(ready, "one")


def test_pip_log_tells_a_call_of_pip(ready):
    ready.run("two")
    assert ready.pip_log.exists()


def test_second_run_takes_less_than_a_second(ready):
    assert min(timeit.repeat(lambda: ready.run("one"), repeat=3, number=1)) < 1


def test_extras_accumulate(ready):
    ready.run("two")
    assert_ready_at_once(ready, "one", "two")
    ready.imports("import small, bulky")


def test_extra_may_name_other_extras(ready):
    assert ready.run("all").returncode == 0
    ready.imports("import small, bulky")


def test_changed_constraints_change_the_versions(ready):
    (ready.folder / "constraints.txt").write_text(CONSTRAINTS.replace("small==1.0", "small==2.0"))
    assert ready.run("one").returncode == 0
    assert ready.imports("import small; print(small.version)") == "2.0"


def test_version_that_a_person_changed_is_put_back(ready):
    pip = [ready.folder / BIN / "python", "-m", "pip", "install", "-q", "small==2.0"]
    subprocess.run(pip, env=ready.environment(), check=True)
    assert_repaired(ready, "one")


def test_packages_seen_through_pythonpath_are_installed_all_the_same(ready, tmp_path):
    make_wheel(tmp_path, "bulky", {"bulky/__init__.py": b""})
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "elsewhere")
    ready.run("two", PYTHONPATH=str(tmp_path / "elsewhere"))
    ready.imports("import bulky.part1")


def test_unknown_extra_names_the_known_ones(bare):
    result = bare.run("one", "boko")
    assert_fault(result, "pyproject.toml has no extra boko: run the command again with one or more")
    assert "all, missing, one, two, vast." in result.stderr


def test_no_extra_names_the_known_ones(bare):
    assert_fault(bare.run(), "Say what the environment is for, one or more of all, missing, one")


# --- Faults from outside -------------------------------------------------------------------------


@contextlib.contextmanager
def no_network(project):
    """The project's package index is a port of this machine that nobody listens on."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{unheard.getsockname()[1]}/simple"
        # pip tells of a lost connection when it tries again.
        away = {"PIP_INDEX_URL": index, "PIP_RETRIES": "1"}
        settings, project.settings = project.settings, away
        try:
            yield
        finally:
            project.settings = settings


def test_no_network_says_so_and_the_next_run_finishes(ready):
    with no_network(ready):
        assert_fault(ready.run("two"), "the package index cannot be reached: check the internet")
        assert_fault(ready.run("two"), "then run the same command again.")
    assert_repaired(ready, "one", "two")


def test_package_that_fits_no_python_is_named(ready):
    assert_fault(ready.run("missing"), "pip found no nowhere that fits Python 3")


def test_unknown_pip_failure_shows_the_end_of_the_log_and_its_place(ready):
    conflict = 'two = ["small==2.0"]'
    pyproject = ready.folder / "pyproject.toml"
    pyproject.write_text(PYPROJECT.replace('two = ["bulky>=1"]', conflict))
    result = ready.run("two")
    assert result.returncode == 1
    assert f"all of it is in {ready.venv / 'install.log'}: remove the cause" in result.stderr
    assert "ResolutionImpossible" in result.stderr
    pyproject.write_text(PYPROJECT)
    assert_repaired(ready, "one", "two")


def test_ctrl_c_says_how_to_go_on(ready):
    process = ready.start("two")
    wait_until(lambda: (ready.packages() / "bulky").exists(), process)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert error == (
        "Stopped before the environment was ready: to finish it, run the same command again.\n"
    )
    assert_repaired(ready, "one", "two")


def in_own_mounts(script: str, project) -> subprocess.CompletedProcess:
    """Run a shell script that may mount file systems which nobody else sees."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"]).returncode:
        pytest.skip("a small disk needs `unshare -rm` (Linux with user namespaces)")
    command, environment = ["unshare", "-rm", "sh", "-euc", script], project.environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_small_disk_is_refused_beforehand_a_full_one_recognised_and_a_large_one_used(bare):
    done = in_own_mounts(
        f"""
        mkdir "{bare.venv}"
        mount -t tmpfs -o size=30m small-disk "{bare.venv}"
        run() {{ "{sys.executable}" "{bare.folder}/tools/environment.py" vast; }}
        run || echo "status $?"
        mount -o remount,size=70m "{bare.venv}"
        run || echo "status $?"
        mount -o remount,size=300m "{bare.venv}"
        run
        "{bare.venv}/bin/python" -c 'import vast'
        """,
        bare,
    )
    too_small, full = done.stderr.splitlines()
    assert "MB free, and vast needs about 50 MB: free some space, then run the same" in too_small
    assert full.startswith(f"The disk is full (the one of {bare.venv} or of the temporary folder)")
    assert done.stdout.count("status 1\n") == 2
    assert done.returncode == 0, done.stderr


def test_file_system_that_is_read_only_is_named(bare):
    done = in_own_mounts(
        f"""
        mount --bind "{bare.folder}" "{bare.folder}"
        mount -o remount,bind,ro "{bare.folder}"
        "{sys.executable}" "{bare.folder}/tools/environment.py" one
        """,
        bare,
    )
    assert_fault(done, f"No permission to write {bare.venv}: close the programs")


@pytest.mark.skipif(WINDOWS or os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_write_permission_is_named(bare):
    bare.folder.chmod(0o555)
    assert_fault(bare.run("one"), f"No permission to write {bare.venv}: close the programs")
    bare.folder.chmod(0o755)
    assert_repaired(bare, "one")


# --- The wrong Python ----------------------------------------------------------------------------


def old_pythons() -> list[Path]:
    """Interpreters older than 3.11 on this machine."""
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep)]
    places += Path.home().glob(".pyenv/versions/*/bin")
    names = ["python2.7", *(f"python3.{minor}" for minor in range(6, 11))]
    found = {name: place / name for name in names for place in places if starts(place / name)}
    return list(found.values())


def starts(python: Path) -> bool:
    """Whether this is an interpreter that runs (a shim of pyenv may not)."""
    return (
        python.exists() and not subprocess.run([python, "-c", ""], capture_output=True).returncode
    )


def test_old_python_is_told_in_one_sentence(bare, tmp_path):
    old = old_pythons()
    if not old:
        pytest.skip("there is no Python older than 3.11 on this machine")
    for python in old:
        version = python.name.removeprefix("python")
        result = bare.run("one", python=python, PATH=str(tmp_path))
        assert_fault(result, f"This is Python {version}, and the course needs Python 3.11 or newer")
        assert result.stderr.endswith("then run the same command again.\n")


def test_version_of_python_is_what_decides(bare, tmp_path):
    front = bare.folder / "tools" / "environment.py"
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 1, 'final', 0); "
        f"runpy.run_path({str(front)!r}, run_name='__main__')"
    )
    environment = bare.environment(PATH=str(tmp_path))
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert_fault(result, "This is Python 3.9, and the course needs Python 3.11 or newer: install")


@pytest.mark.skipif(WINDOWS, reason="the stand-ins for python3.x are shell scripts")
def test_old_python_quietly_uses_a_newer_one_on_the_path(ready, tmp_path):
    old = old_pythons()
    if not old:
        pytest.skip("there is no Python older than 3.11 on this machine")
    write_script(tmp_path / "python3.12", "exit 127")
    write_script(tmp_path / "python3.13", f'exec "{sys.executable}" "$@"')
    result = ready.run("one", python=old[0], PATH=str(tmp_path))
    assert (result.stdout, result.stderr) == (".venv is ready for: one.\n", "")


def write_script(path: Path, line: str) -> None:
    """Write a shell script of one line."""
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


def test_python_without_ensurepip_says_what_to_install(bare, tmp_path):
    lacking = tmp_path / "lacking" / "ensurepip"
    lacking.mkdir(parents=True)
    (lacking / "__init__.py").write_text("raise ImportError('not installed')")
    result = bare.run("one", PYTHONPATH=str(lacking.parent))
    assert_fault(result, "its venv or ensurepip is missing (on Debian and Ubuntu: sudo apt install")
    assert sorted(os.listdir(bare.venv)) == ["environment.lock", "install.log"]
