"""The environment: made, made ready for more, half-made and finished; each fault is really made."""

# A fixture is imported, then named as an argument.
# ruff: noqa: F401, F811
import ast
import copy
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import timeit
from pathlib import Path

import pytest
from tiny_project import (
    CONSTRAINTS,
    PYPROJECT,
    WINDOWS,
    assert_fault,
    assert_ready_at_once,
    assert_repaired,
    bare,
    finished,
    ready,
    wait_until,
    wheels,
)
from tools_path import environment

# --- Making it -----------------------------------------------------------------------------------


def test_first_run_installs_the_extra_at_the_constraints_version(finished, ready):
    assert finished[-1].stdout.splitlines() == [
        "Making .venv.",
        "Installing one:",
        ".venv is ready for: one.",
    ]
    assert ready.imports("import small; print(small.version)") == "1.0"


def test_course_is_importable_from_any_folder(ready):
    there = ready.imports("import course_code; print(course_code.here)")
    assert Path(there) == ready.folder / "course_code.py"


def test_second_run_calls_no_pip_and_takes_less_than_a_second(ready):
    assert_ready_at_once(ready, "one")
    assert min(timeit.repeat(lambda: ready.run("one"), repeat=3, number=1)) < 1


def test_extras_accumulate(ready):
    ready.run("two")
    assert ready.pip_log.exists()
    assert_ready_at_once(ready, "one", "two")
    ready.imports("import small, bulky")


def test_extra_may_name_other_extras(ready):
    assert ready.run("all").returncode == 0
    ready.imports("import small, bulky")


def test_changed_constraints_change_the_versions(ready):
    (ready.folder / "constraints.txt").write_text(CONSTRAINTS.replace("small==1.0", "small==2.0"))
    result = ready.run("one")
    assert "anew" not in result.stdout
    assert ready.imports("import small; print(small.version)") == "2.0"


def test_settings_that_would_lead_pip_elsewhere_are_set_aside(bare, tmp_path):
    elsewhere = {"PIP_TARGET": str(tmp_path / "target"), "PIP_USER": "1"}
    assert bare.run("one", PYTHONPATH=str(tmp_path), **elsewhere).returncode == 0
    bare.imports("import small")


@pytest.mark.parametrize("names", [["one", "boko"], []])
def test_unknown_extra_names_the_known_ones(bare, names):
    wrong = "boko" if names else "''"
    known = "all, missing, newer, one, two, vast"
    assert_fault(bare.run(*names), f"pyproject.toml has no extra {wrong}: choose from {known}")


def test_environment_may_be_a_link_to_another_disk(bare, tmp_path):
    (tmp_path / "other disk").mkdir()
    bare.venv.symlink_to(tmp_path / "other disk")
    assert_repaired(bare, "one", anew=False)
    bare.imports("import course_code")


# --- What it says on the way: the lines are pip's own --------------------------------------------


def test_progress_tells_packages_and_megabytes_while_pip_collects():
    log = (
        "Collecting sphinx>=7.0 (from -r x)\n  Downloading sphinx-7.4.7-py3-none-any.whl (3.4 MB)\n"
        "Processing /opt/files/Babel-2.18.0-py3-none-any.whl (from sphinx)\n"
        "Collecting click\n  Downloading click-8.5.1-py3-none-any.whl.metadata (2.6 kB)\n"
        "Downloading click-8.5.1-py3-none-any.whl (600 kB)\n"
    )
    assert environment.progress(log, 0) == "  3 packages found, 4 MB to download so far"


def test_progress_counts_what_is_installed_of_what_will_be(ready, seen):
    made = (ready.packages() / "small-1.0.dist-info" / "INSTALLER").stat().st_mtime
    log = "Installing collected packages: small, bulky, vast\n"
    assert environment.progress(log, made) == "  1 of 3 packages installed"
    assert environment.progress(log, made + 1) == "  0 of 3 packages installed"


LINUX = "  Downloading torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl"
CUDA_BUILD = [
    "Collecting nvidia-cublas==13.1.1.3 (from torch)",
    "Collecting cuda-toolkit[cublas,cudart]==13.0.3.0 (from torch)",
    "Processing /wheels/nvidia_nccl_cu13-2.29.7-py3-none-manylinux_2_18_x86_64.whl (from torch)",
    f"{LINUX} (526.5 MB)",
]
OTHER_BUILDS = [
    f"{LINUX.replace('2.13.0', '2.13.0%2Bcpu')} (391.8 MB)",
    f"{LINUX.replace('x86_64', 'aarch64')} (147.1 MB)",
    f"{LINUX}.metadata (30 kB)",
    "  Downloading torch-2.13.0-cp312-cp312-win_amd64.whl (321.0 MB)",
    "Processing /wheels/torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",
]


def slow_step(line: str, seconds: float) -> list[str]:
    """A command that prints a line, then takes its time."""
    code = f"import time; print({line!r}, flush=True); time.sleep({seconds})"
    return [sys.executable, "-c", code]


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "LOG", tmp_path / "install.log")


@pytest.mark.parametrize("line", CUDA_BUILD)
def test_build_with_cuda_is_announced_once_with_the_way_out(log, line, capsys):
    environment.run(slow_step(line, 2.5))
    said = capsys.readouterr().out
    assert said.count("pip takes the build of torch that carries CUDA: about 3 GB") == 1
    assert "PIP_EXTRA_INDEX_URL" in said


def test_other_builds_are_not_announced(log, capsys):
    environment.run(slow_step("\n".join(OTHER_BUILDS), 1.5))
    assert capsys.readouterr().out == ""


def test_search_for_other_versions_is_ended(log, monkeypatch):
    monkeypatch.setattr(environment, "SEARCH_SECONDS", 1)
    line = "INFO: pip is looking at multiple versions of requests to determine which version is"
    started = time.monotonic()
    with pytest.raises(environment.Fault, match="pip found no release of requests that fits"):
        environment.run(slow_step(line, 60))
    assert time.monotonic() - started < 10


# --- Faults from outside -------------------------------------------------------------------------


@pytest.fixture
def nobody():
    """The address of a package index on a port of this machine that nobody listens on."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unheard.getsockname()[1]}/simple"


def test_no_network_says_so_and_spares_what_was_ready(ready, nobody):
    # pip tells of a lost connection when it tries again.
    away = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": nobody, "PIP_RETRIES": "1"}
    assert_fault(ready.run("two", **away), f"cannot be reached (details in {ready.venv}")
    assert_ready_at_once(ready, "one")
    assert_repaired(ready, "one", "two", anew=False)


def test_package_that_nobody_has_is_named(ready):
    assert_fault(ready.run("missing"), "pip found no release of nowhere that fits Python 3")


@pytest.mark.parametrize("hidden", [True, False])
def test_pin_that_needs_a_newer_python_is_named(ready, wheels, tmp_path, hidden):
    """An index hides what needs a newer Python; a folder shows it, and pip refuses it."""
    if hidden:
        for name in ("small", "parent", "future"):
            page = tmp_path / name / "index.html"
            page.parent.mkdir()
            needs = ' data-requires-python="&gt;=3.99"' if name == "future" else ""
            wheel = f"{name}-1.0-py3-none-any.whl"
            page.write_text(f'<a href="{(wheels / wheel).as_uri()}"{needs}>{wheel}</a>')
    index = {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": tmp_path.as_uri()}
    named = "future==1.0" if hidden else "future"
    result = ready.run("newer", **(index if hidden else {}))
    assert_fault(result, f"pip found no release of {named} that fits Python 3")


def test_any_other_failure_of_pip_shows_its_reason_and_the_log(ready):
    with open(ready.folder / "constraints.txt", "a") as constraints:
        constraints.write("not a line of constraints\n")
    result = ready.run("one")
    assert_fault(result, 'Making the environment failed: "Invalid requirement: ')
    assert f"(details in {ready.venv / 'install.log'}): remove the cause" in result.stderr


@pytest.mark.skipif(WINDOWS, reason="a process group gets a signal")
def test_ctrl_c_says_how_to_go_on(ready):
    process = ready.start("two")
    wait_until(lambda: (ready.packages() / "bulky").exists(), process)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert error == f"{environment.STOPPED}\n"
    assert process.returncode == 130
    assert_repaired(ready, "one", "two", anew=True)


def in_own_mounts(script: str, project) -> subprocess.CompletedProcess:
    """Run a shell script that may mount file systems which nobody else sees."""
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"]).returncode:
        pytest.skip("a small disk needs `unshare -rm` (Linux with user namespaces)")
    command, settings = ["unshare", "-rm", "sh", "-euc", script], project.environment()
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120)


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
    assert full.startswith(f"The disk of {bare.venv} or of the temporary folder is full")
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


# --- The wrong Python ----------------------------------------------------------------------------


def run_as_python_3_9(project, **settings):
    """Run the command with a Python that says it is 3.9."""
    front = project.folder / "tools" / "environment.py"
    code = (
        "import runpy, sys; sys.version_info = (3, 9, 1, 'final', 0); "
        f"sys.argv = ['', 'one']; runpy.run_path({str(front)!r}, run_name='__main__')"
    )
    settings = {"env": project.environment(**settings), "capture_output": True, "text": True}
    return subprocess.run([sys.executable, "-c", code], **settings)


def test_old_python_can_read_the_file():
    ast.parse(Path(environment.__file__).read_text(encoding="utf-8"), feature_version=(3, 8))


def test_old_python_is_told_in_one_sentence(bare, tmp_path):
    result = run_as_python_3_9(bare, PATH=str(tmp_path))
    assert_fault(result, "and the course needs Python 3.11 or newer: install one")


@pytest.mark.skipif(WINDOWS, reason="the stand-ins for python3.x are shell scripts")
def test_old_python_quietly_uses_a_newer_one_on_the_path(ready, tmp_path):
    for name, line in (("python3.12", "exit 127"), ("python3.13", f'exec "{sys.executable}" "$@"')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    result = run_as_python_3_9(ready, PATH=str(tmp_path))
    assert (result.stdout, result.stderr) == (".venv is ready for: one.\n", "")


def test_python_without_ensurepip_says_what_to_install(bare, tmp_path):
    (tmp_path / "ensurepip.py").write_text("raise ImportError(\"No module named 'ensurepip'\")")
    result = bare.run("one", PYTHONPATH=str(tmp_path))
    assert_fault(result, "its venv and ensurepip (on Debian and Ubuntu: sudo apt install python3-")
    assert sorted(os.listdir(bare.venv)) == ["environment.lock", "install.log"]


# --- Half-made and broken environments -----------------------------------------------------------


@pytest.mark.skipif(WINDOWS, reason="a process group gets a signal")
@pytest.mark.parametrize("reached", ["bin", "lib/*/site-packages/bulky"])
def test_environment_killed_on_the_way_is_finished(bare, reached):
    process = bare.start("two")
    wait_until(lambda: any(bare.venv.glob(reached)), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not bare.stamp.exists()
    assert_repaired(bare, "one", "two", anew=True)
    bare.imports("import bulky.part999")


def no_package(project):
    shutil.rmtree(project.packages() / "small")


def other_version(project):
    (project.packages() / "small-1.0.dist-info").rename(project.packages() / "small-2.dist-info")


def no_link_to_the_course(project):
    (project.packages() / "course.pth").unlink()


def half_a_stamp(project):
    project.stamp.write_text(project.stamp.read_text()[:20])


def no_pip(project):
    shutil.rmtree(project.packages() / "pip")


def no_python(project):
    for python in project.venv.glob("bin/python*"):
        python.unlink()
        python.symlink_to("/no/such/python")


def another_version_of_python(project):
    project.packages().parent.rename(project.venv / "lib" / "python3.1")


@pytest.fixture
def seen(ready, monkeypatch):
    """The module at work on the ready project, in this process."""
    for name in ("PROJECT", "CONSTRAINTS", "VENV", "STAMP", "PYTHON"):
        inside = getattr(environment, name).relative_to(environment.ROOT)
        monkeypatch.setattr(environment, name, ready.folder / inside)
    return environment


BREAKS = [no_package, other_version, no_link_to_the_course, half_a_stamp, no_pip]
BREAKS += [] if WINDOWS else [no_python, another_version_of_python]


@pytest.mark.parametrize("damage", BREAKS, ids=lambda damage: damage.__name__)
def test_damage_is_noticed(ready, seen, damage):
    assert seen.is_ready(["one"])
    damage(ready)
    assert not seen.is_ready(["one"])


def test_damaged_environment_is_made_anew(ready):
    no_package(ready)
    assert_repaired(ready, "one", anew=True)
    ready.imports("import course_code")


def test_deleted_pyvenv_cfg_spares_the_python_that_it_came_from(ready):
    outside = Path(sysconfig.get_path("purelib", vars={"base": sys.base_prefix}))
    before = sorted(outside.iterdir())
    (ready.venv / "pyvenv.cfg").unlink()
    assert_repaired(ready, "one", anew=True)
    assert sorted(outside.iterdir()) == before


def test_moved_environment_is_made_anew(ready):
    moved = ready.folder.with_name("the same course elsewhere")
    shutil.rmtree(moved, ignore_errors=True)
    ready.folder.rename(moved)
    there = copy.copy(ready)
    there.folder, there.venv = moved, moved / ".venv"
    assert_repaired(there, "one", anew=True)


@pytest.mark.parametrize("where", [".venv", ".venv/pyvenv.cfg"])
def test_file_or_environment_of_a_person_is_refused_and_left_untouched(bare, where):
    (bare.folder / where).parent.mkdir(exist_ok=True)
    (bare.folder / where).write_text("years of work")
    assert_fault(bare.run("one"), "was not made by this command and is left untouched: move it")
    assert (bare.folder / where).read_text() == "years of work"
    assert not (bare.venv / "environment.lock").exists()


# --- Two at once ---------------------------------------------------------------------------------


@pytest.mark.skipif(WINDOWS, reason="there is no lock there")
def test_second_of_two_at_once_waits_and_finds_the_work_done(ready):
    first = ready.start("two")
    wait_until(lambda: "bulky" in (ready.venv / "install.log").read_text(), first)
    second = ready.run("two")
    assert first.wait(timeout=60) == 0
    assert second.stdout.splitlines() == [
        "Another run is at work on .venv: waiting until it has finished.",
        ".venv is ready for: two.",
    ]
    assert_ready_at_once(ready, "one", "two")


@pytest.mark.skipif(WINDOWS, reason="there is no lock there")
def test_run_waits_for_the_pip_that_a_killed_run_left_behind(ready):
    process = ready.start("two")
    wait_until(lambda: (ready.packages() / "bulky").exists(), process)
    process.kill()
    process.wait()
    result = ready.run("one", "two")
    assert "Another run is at work on .venv" in result.stdout
    assert_ready_at_once(ready, "one", "two")
