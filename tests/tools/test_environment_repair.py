"""Every way in which an environment is half-made or broken is made; the next run repairs it."""

# A fixture is imported, then named as an argument.
# ruff: noqa: F401, F811
import copy
import os
import shutil
import signal
import sys
import sysconfig
from pathlib import Path

import pytest
from tiny_project import (
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

# --- Half-made and broken environments -----------------------------------------------------------


def test_install_that_was_killed_is_finished(ready):
    process = ready.start("two")
    wait_until(lambda: (ready.packages() / "bulky").exists(), process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not ready.stamp.exists()
    assert_repaired(ready, "one", "two")
    ready.imports("import bulky.part999")


def test_environment_killed_while_python_makes_it_is_finished(bare):
    process = bare.start("one")
    wait_until((bare.venv / "bin").exists, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    result = bare.run("one")
    assert result.returncode == 0, result.stderr
    assert_ready_at_once(bare, "one")


def test_missing_stamp_is_made_again(ready):
    ready.stamp.unlink()
    assert_repaired(ready, "one")


def test_half_a_stamp_is_made_again(ready):
    ready.stamp.write_text(ready.stamp.read_text()[:20])
    assert_repaired(ready, "one")


def test_deleted_package_is_installed_again(ready):
    shutil.rmtree(ready.packages() / "small")
    assert_repaired(ready, "one")


def test_deleted_file_of_a_package_is_installed_again(ready):
    (ready.packages() / "small" / "part.py").unlink()
    assert_repaired(ready, "one")
    assert (ready.packages() / "small" / "part.py").exists()


def test_deleted_record_of_a_package_is_installed_again(ready):
    shutil.rmtree(ready.packages() / "small-1.0.dist-info")
    assert_repaired(ready, "one")


def test_deleted_link_to_the_course_is_written_again(ready):
    (ready.packages() / "course.pth").unlink()
    assert_repaired(ready, "one")
    ready.imports("import course_code")


def test_deleted_pip_makes_the_environment_anew(ready):
    shutil.rmtree(ready.packages() / "pip")
    assert_repaired(ready, "one", why="its pip is broken")


@pytest.mark.skipif(WINDOWS, reason="Python is no link there")
def test_python_that_has_gone_makes_the_environment_anew(ready):
    for python in ready.venv.glob("bin/python*"):
        python.unlink()
        python.symlink_to("/no/such/python")
    assert_repaired(ready, "one", why="its Python does not work")


@pytest.mark.skipif(WINDOWS, reason="the package folder's name has no version there")
def test_python_that_has_become_another_version_makes_the_environment_anew(ready):
    (ready.venv / "lib" / ready.packages().parent.name).rename(ready.venv / "lib" / "python3.1")
    assert_repaired(ready, "one", why="its Python has become another version")


def test_deleted_pyvenv_cfg_makes_the_environment_anew_and_spares_the_python_it_came_from(ready):
    outside = Path(sysconfig.get_path("purelib", vars={"base": sys.base_prefix}))
    before = sorted(outside.iterdir())
    (ready.venv / "pyvenv.cfg").unlink()
    assert_repaired(ready, "one", why="its Python does not work")
    assert sorted(outside.iterdir()) == before


def test_moved_environment_is_made_anew(ready):
    moved = ready.folder.with_name("the same course elsewhere")
    shutil.rmtree(moved, ignore_errors=True)
    ready.folder.rename(moved)
    there = copy.copy(ready)
    there.folder, there.venv = moved, moved / ".venv"
    assert_repaired(there, "one", why="it was made in another folder")


@pytest.mark.skipif(WINDOWS, reason="links need a right there")
def test_environment_may_be_a_link_to_another_disk(bare, tmp_path):
    (tmp_path / "other disk").mkdir()
    bare.venv.symlink_to(tmp_path / "other disk")
    assert_repaired(bare, "one")
    bare.imports("import course_code")


def test_own_folder_named_venv_is_refused_and_left_untouched(bare):
    bare.venv.mkdir()
    (bare.venv / "thesis.txt").write_text("years of work")
    assert_fault(
        bare.run("one"), "is there but is no virtual environment, so it was left untouched"
    )
    assert [path.name for path in bare.venv.iterdir()] == ["thesis.txt"]


def test_own_file_named_venv_is_refused_and_left_untouched(bare):
    bare.venv.write_text("a file")
    assert_fault(
        bare.run("one"), "is there but is no virtual environment, so it was left untouched"
    )
    assert bare.venv.read_text() == "a file"


def test_environment_that_a_person_made_is_completed_not_deleted(ready):
    for ours in ("environment.json", "environment.lock", "install.log"):
        (ready.venv / ours).unlink()
    (ready.venv / "notes.txt").write_text("mine")
    assert_repaired(ready, "one")
    assert (ready.venv / "notes.txt").exists()


# --- Two at once ---------------------------------------------------------------------------------


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


@pytest.mark.skipif(WINDOWS, reason="a lock is not handed on to pip there")
def test_run_waits_for_the_pip_that_a_killed_run_left_behind(ready):
    process = ready.start("two")
    wait_until(lambda: (ready.packages() / "bulky").exists(), process)
    process.kill()
    process.wait()
    result = ready.run("one", "two")
    assert "Another run is at work on .venv" in result.stdout
    assert_repaired(ready, "one", "two")
