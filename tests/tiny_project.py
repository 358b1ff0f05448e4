"""A tiny course to try tools/environment.py on, and what its tests share.

Its packages are wheels made here, so that no test needs the network.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = """\
[project]
name = "tiny-course"

[project.optional-dependencies]
one = ["small>=1"]
two = ["bulky>=1"]
vast = ["vast"]
missing = ["nowhere"]
newer = ["small", "parent"]
all = ["tiny-course[one,two]"]
"""
CONSTRAINTS = "small==1.0\nbulky==1.0\nvast==1.0\nfuture==1.0\n"
WINDOWS = os.name == "nt"
BIN = Path(".venv", "Scripts" if WINDOWS else "bin")


def make_wheel(
    folder: Path, name: str, files: dict[str, bytes], version: str = "1.0", needs: str = ""
) -> None:
    """Write a wheel that pip installs, with these files and lines of what it needs."""
    dist_info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}".encode()
    tags = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {**files, f"{dist_info}/METADATA": metadata, f"{dist_info}/WHEEL": tags}
    record = "".join(f"{path},,{len(content)}\n" for path, content in files.items())
    files[f"{dist_info}/RECORD"] = f"{record}{dist_info}/RECORD,,\n".encode()
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(path, content)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """A folder with the tiny project's packages: small, of many files, and of 60 MB."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        code = f"version = {version!r}\n".encode()
        make_wheel(folder, "small", {"small/__init__.py": code, "small/part.py": b""}, version)
    many = {f"bulky/part{number}.py": b"value = 1\n" * 50 for number in range(1000)}
    make_wheel(folder, "bulky", {"bulky/__init__.py": b"", **many})
    make_wheel(folder, "parent", {"parent.py": b""}, needs="Requires-Dist: future\n")
    make_wheel(folder, "future", {"future.py": b""}, needs="Requires-Python: >=3.99\n")
    make_wheel(folder, "vast", {"vast/__init__.py": b"", "vast/data": bytes(60 * 2**20)})
    return folder


class Project:
    """A tiny course in a folder, and ways to run its tools/environment.py."""

    def __init__(self, folder: Path, wheels: Path):
        self.folder = folder
        self.venv = folder / ".venv"
        self.stamp = self.venv / "ready.json"
        self.pip_log = folder / "pip was called.log"
        self.settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": wheels.as_uri()}
        (folder / "tools").mkdir(parents=True)
        (folder / "course_code.py").write_text("here = __file__\n")
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (folder / "constraints.txt").write_text(CONSTRAINTS)
        shutil.copy(ROOT / "tools" / "environment.py", folder / "tools")

    def environment(self, **more) -> dict:
        """This process's environment less its pip settings, plus those of the tiny project."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_LOG": str(self.pip_log), "PIP_RETRIES": "0"}
        return {**kept, **pip, **self.settings, **more}

    def command(self, *extras) -> list[str]:
        """The command that a person would type."""
        return [sys.executable, str(self.folder / "tools" / "environment.py"), *extras]

    def run(self, *extras, **more):
        """Run the command to its end; what it printed is in .stdout and .stderr."""
        command, environment = self.command(*extras), self.environment(**more)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def start(self, *extras):
        """Start the command as its own process group that heeds Ctrl-C, as a shell does."""
        return subprocess.Popen(
            self.command(*extras),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=heed_ctrl_c,
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


def heed_ctrl_c() -> None:
    """Undo what this process may have inherited: a parent that ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def assert_fault(result, sentence: str) -> None:
    """A run ended in this one sentence, without a traceback."""
    assert result.returncode == 1, result.stderr
    assert sentence in result.stderr, result.stderr
    assert result.stderr.endswith("then run the same command again.\n")
    assert len(result.stderr.splitlines()) == 1, result.stderr


def assert_repaired(project, *extras, anew: bool) -> None:
    """The next run makes the environment whole, and says so if it makes it anew."""
    result = project.run(*extras)
    assert result.returncode == 0, result.stderr
    assert ("Making .venv anew" in result.stdout) == anew, result.stdout
    assert project.imports("import small; print(small.version)") == "1.0"
    assert_ready_at_once(project, *extras)


def assert_ready_at_once(project, *extras) -> None:
    """A further run finds nothing to do."""
    project.pip_log.unlink(missing_ok=True)
    result = project.run(*extras)
    assert result.stdout == f".venv is ready for: {', '.join(sorted(extras))}.\n"
    assert not project.pip_log.exists()


def wait_until(condition, process) -> None:
    """Wait for something that a running process does."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
