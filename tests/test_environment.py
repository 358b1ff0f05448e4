"""Each fault of the environment is really made, in a tiny project, and repaired by a second run.

The tiny project's packages are wheels made here, so that no test needs the network.
"""

import contextlib
import copy
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import zipfile
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
TOOLS = [f"environment{part}.py" for part in ("", "_faults", "_make", "_state")]
PYPROJECT = """\
[project]
name = "tiny-course"

[project.optional-dependencies]
one = ["small>=1"]
two = ["bulky>=1"]
vast = ["vast"]
missing = ["nowhere"]
all = ["tiny-course[one,two]"]
"""
CONSTRAINTS = "small==1.0\nbulky==1.0\nvast==1.0\n"
WINDOWS = os.name == "nt"
BIN = Path(".venv", "Scripts" if WINDOWS else "bin")

# --- The tiny project ----------------------------------------------------------------------------


def make_wheel(folder: Path, name: str, files: dict[str, bytes], version: str = "1.0") -> None:
    """Write a wheel that pip installs, with these files."""
    dist_info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {**files, f"{dist_info}/METADATA": metadata, f"{dist_info}/WHEEL": tags}
    record = "".join(record_line(path, content) for path, content in files.items())
    files[f"{dist_info}/RECORD"] = f"{record}{dist_info}/RECORD,,\n".encode()
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)


def record_line(path: str, content: bytes) -> str:
    """A line of a wheel's RECORD."""
    digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """A folder with the tiny project's packages: small, of many files, and of 60 MB."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        code = f"version = {version!r}\n".encode()
        make_wheel(folder, "small", {"small/__init__.py": code, "small/part.py": b""}, version)
    many = {f"bulky/part{number}.py": b"value = 1\n" * 50 for number in range(1000)}
    make_wheel(folder, "bulky", {"bulky/__init__.py": b"", **many})
    make_wheel(folder, "vast", {"vast/__init__.py": b"", "vast/data": bytes(60 * 2**20)})
    return folder


class Project:
    """A tiny course in a folder, and ways to run its tools/environment.py."""

    def __init__(self, folder: Path, wheels: Path):
        self.folder = folder
        self.venv = folder / ".venv"
        self.stamp = self.venv / "environment.json"
        self.pip_log = folder / "pip was called.log"
        self.settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.as_uri()}
        (folder / "tools").mkdir(parents=True)
        (folder / "course_code.py").write_text("here = __file__\n")
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "constraints.txt").write_text(CONSTRAINTS)
        for name in TOOLS:
            shutil.copy(ROOT / "tools" / name, folder / "tools")

    def environment(self, **more) -> dict:
        """This process's environment less its pip settings, plus those of the tiny project."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_LOG": str(self.pip_log), "PIP_RETRIES": "0"}
        return {**kept, **pip, **self.settings, **more}

    def command(self, *extras, python=sys.executable) -> list[str]:
        """The command that a person would type."""
        return [str(python), str(self.folder / "tools" / "environment.py"), *extras]

    def run(self, *extras, python=sys.executable, **more):
        """Run the command to its end; what it printed is in .stdout and .stderr."""
        command, environment = self.command(*extras, python=python), self.environment(**more)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def start(self, *extras):
        """Start the command as its own process group, as a shell does."""
        return subprocess.Popen(
            self.command(*extras),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def packages(self) -> Path:
        """The environment's package folder."""
        folders = ["Lib/site-packages"] if WINDOWS else self.venv.glob("lib/*/site-packages")
        return self.venv / next(iter(folders))

    def imports(self, code: str) -> str:
        """What the environment's Python prints for `code`, started in another folder."""
        command = [self.folder / BIN / "python", "-c", code]
        return subprocess.run(
            command, cwd=self.folder.parent, capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture
def bare(tmp_path, wheels):
    """A tiny project without an environment."""
    return Project(tmp_path / "the course", wheels)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, wheels):
    """A project whose environment was made once, and a copy of it to go back to."""
    folder = tmp_path_factory.mktemp("finished")
    project = Project(folder / "the course", wheels)
    result = project.run("one")
    assert result.returncode == 0, result.stderr
    kept = folder / "as the first run left it"
    shutil.copytree(project.folder, kept, symlinks=True)
    return project, kept, result


@pytest.fixture
def ready(finished):
    """The project as its first run left it, in the same folder (an environment cannot be moved)."""
    project, kept, _ = finished
    shutil.rmtree(project.folder, ignore_errors=True)
    shutil.copytree(kept, project.folder, symlinks=True, copy_function=link_large_part)
    project.pip_log.unlink(missing_ok=True)
    return project


def link_large_part(source: str, target: str) -> None:
    """Copy a file, or link it where it is a package's: pip and the tests replace those whole."""
    if "site-packages" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def assert_fault(result, sentence: str) -> None:
    """A run ended in this one sentence, with no traceback."""
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def assert_repaired(project, *extras, why: str | None = None) -> None:
    """The next run makes the environment whole, and says so if it had to make it anew."""
    result = project.run(*extras)
    assert result.returncode == 0, result.stderr
    assert ("cannot be repaired" in result.stdout) == (why is not None)
    assert (why or "") in result.stdout
    assert project.imports("import small; print(small.version)") == "1.0"
    assert_ready_at_once(project, *extras)


def assert_ready_at_once(project, *extras) -> None:
    """A further run finds nothing to do."""
    project.pip_log.unlink(missing_ok=True)
    result = project.run(*extras)
    assert result.stdout == f".venv is ready for: {', '.join(sorted(extras))}.\n"
    assert not project.pip_log.exists()


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
    start = time.perf_counter()
    ready.run("one")
    assert time.perf_counter() - start < 1


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


def wait_until(condition, process) -> None:
    """Wait for something that a running process does."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


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


# --- conda and the real lists --------------------------------------------------------------------


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
