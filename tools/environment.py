"""Make .venv hold the named extras of pyproject.toml, at constraints.txt's versions, or repair it.

    python3 tools/environment.py run lab test

Run it as often as you like: a ready environment is left as it is, a half-made one is finished.
Python 3.8 can read this file, since it is the one to say that a Python is too old.
"""

import contextlib
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

with contextlib.suppress(ImportError):
    import fcntl  # Windows has none: there, one run at a time is up to the person

OLDEST = (3, 11)
NEW_ENOUGH = ("python3.12", "python3.13", "python3.11", "python3.14")
WINDOWS = os.name == "nt"
ROOT = Path(__file__).resolve().parent.parent
PROJECT, CONSTRAINTS, VENV = ROOT / "pyproject.toml", ROOT / "constraints.txt", ROOT / ".venv"
LOCK, LOG, STAMP = (VENV / name for name in ("environment.lock", "install.log", "ready.json"))
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
# Settings that would make pip install elsewhere, or see packages that .venv does not hold.
MISLEADING = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX")
# Measured, with torch for the CPU, and a quarter more for what pip unpacks on the way.
EXTRA_MB = {"run": 1700, "book": 300, "lab": 150, "test": 400, "all": 2500}
SAY_SECONDS = 5
SEARCH_SECONDS = 15  # all versions are given, so that pip's search for others finds nothing

AGAIN = ", then run the same command again."
STOPPED = "Stopped before the environment was ready: to finish it, run the same command again."
UNSEEN = (
    "No matching distribution|ResolutionImpossible|requires a different Python|"
    "pip is looking at multiple versions"
)
# What a failed step prints, and the sentence for it: the first that fits speaks.
FAULTS = {
    r"No space left on device|not enough space on the disk|Disk quota exceeded": f"The disk of "
    f"{VENV} or of the temporary folder is full, so the environment is unfinished: free some space",
    r"Permission denied|Access is denied|Read-only file system": f"No permission to write {VENV}: "
    "close the programs that still use it, make it writable for your user or move the course",
    r"No module named '?(?:venv|ensurepip)": f"{sys.executable} cannot make virtual environments: "
    "install its venv and ensurepip (on Debian and Ubuntu: sudo apt install python3-venv)",
    r"Failed to establish a new connection|Max retries|Connect(?:ion)?Timeout|ReadTimeout|"
    r"[Tt]imed out|Connection (?:aborted|reset|refused|broken)|[Pp]roxy ?Error|name resolution|"
    r"getaddrinfo|Name or service not known|nodename nor servname|Network is unreachable|"
    r"certificate verify failed": f"The packages could not be downloaded because the package index "
    f"cannot be reached (details in {LOG}): check the internet connection or the proxy",
    UNSEEN: f"pip found no release of WHAT that fits Python {platform.python_version()} on "
    f"{platform.system()} {platform.machine()} and constraints.txt (details in {LOG}): install "
    "another Python (3.12 is a good choice) and run `make clean`, or resolve the versions anew "
    "with `make constraints`",
    "": f'Making the environment failed: "WHAT" (details in {LOG}): remove the cause',
}
CUDA_SIGNS = r"(?:Collecting |Processing \S+/)(?:nvidia|cuda)|torch-[\d.]+-\S+linux\S+ \([3-9]\d\d"
CUDA = f"""\
  pip takes the build of torch that carries CUDA: about 3 GB to download, 6 GB on the disk.
  To take the small CPU build instead: press Ctrl-C, set PIP_EXTRA_INDEX_URL to the address
  that pytorch.org's installation page gives for "CPU"{AGAIN}"""


class Fault(Exception):
    """A reason why the environment cannot be made; its text says it, and what to do first."""


def main(names):
    """Make .venv ready; give the exit status, after one sentence where that was impossible."""
    try:
        if sys.version_info[:2] < OLDEST:
            use_newer_python(names)
        provide(names)
        return 0
    except Fault as fault:
        sentence, status = f"{fault}{AGAIN}", 1
    except (ImportError, OSError) as error:
        sentence, status = f"{fault_of(str(error))}{AGAIN}", 1
    except KeyboardInterrupt:
        sentence, status = STOPPED, 130
    print(sentence, file=sys.stderr)
    return status


def use_newer_python(names):
    """Go on with the first newer Python of the PATH that starts, or raise the fault of none."""
    for python in filter(None, map(shutil.which, NEW_ENOUGH)):
        if subprocess.run([python, "-c", "import tomllib"], capture_output=True).returncode == 0:
            os.execv(python, [python, os.path.abspath(__file__), *names])
    needed = "and the course needs Python 3.11 or newer: install one (3.12 is a good choice)"
    raise Fault(f"This is Python {platform.python_version()}, {needed}")


def provide(names):
    """Make .venv ready for these extras, unless it is."""
    known = extras()
    if not names or set(names) - set(known):
        given = ", ".join(sorted(set(names) - set(known))) or "''"
        raise Fault(f"pyproject.toml has no extra {given}: choose from {', '.join(sorted(known))}")
    if not is_ready(names):
        with lock():
            if not is_ready(names):  # another run may have done it all while this one waited
                make(sorted({*names, *read_stamp().get("extras", [])} & set(known)))
    print(f".venv is ready for: {', '.join(sorted(names))}.")


def extras():
    """The extras of pyproject.toml, each with its requirements; `all` names others in brackets."""
    import tomllib  # an old Python lacks it

    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    found = {name: set(lines) for name, lines in project["optional-dependencies"].items()}
    for name, lines in found.items():
        for line in [line for line in lines if line.startswith(project["name"] + "[")]:
            parts = line[line.index("[") + 1 : -1].split(",")
            found[name] = (found[name] - {line}).union(*(found[part] for part in parts))
    return found


def is_ready(names):
    """Whether .venv was finished for these extras, from today's files, and is whole."""
    stamp = read_stamp()
    wanted = set(names) <= set(stamp.get("extras", [])) and stamp.get("inputs") == inputs()
    return wanted and is_whole(stamp)


def is_whole(stamp):
    """Whether .venv was finished, in this folder (to which its scripts point), and is all there."""
    if stamp.get("folder") != str(VENV.resolve()):
        return False
    # Without pyvenv.cfg it is the system's Python, whose packages are not ours to touch.
    code = "import pip._internal, sys, tomllib; sys.exit(sys.prefix == sys.base_prefix)"
    with contextlib.suppress(OSError):
        works = subprocess.run([PYTHON, "-I", "-c", code], capture_output=True).returncode == 0
        return works and set(stamp["holds"]) <= set(os.listdir(packages()))
    return False


def read_stamp():
    """What the last finished run recorded; empty where none has finished."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(STAMP.read_text(encoding="utf-8"))
    return {}


def inputs():
    """A hash of the files that decide what an environment holds."""
    return hashlib.sha256(PROJECT.read_bytes() + CONSTRAINTS.read_bytes()).hexdigest()


def packages():
    """The environment's package folder."""
    return next(VENV.glob("Lib/site-packages" if WINDOWS else "lib/python3*/site-packages"))


@contextlib.contextmanager
def lock():
    """Hold .venv for this run alone; the operating system frees it however the run ends."""
    is_new = not os.path.lexists(VENV) or (VENV.is_dir() and not any(VENV.iterdir()))
    if not is_new and not LOCK.exists():
        raise Fault(f"{VENV} was not made by this command and is left untouched: move it away")
    VENV.mkdir(exist_ok=True)
    with open(LOCK, "ab") as file:
        os.set_inheritable(file.fileno(), True)  # pip may go on when this process is killed
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run is at work on .venv: waiting until it has finished.", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except (NameError, OSError):
            pass  # Windows, or a network folder that knows no locks
        yield


def make(names):
    """Bring .venv from whatever state to ready for exactly these extras."""
    stamp = read_stamp()
    check_space(set(names) - set(stamp.get("extras", [])))
    whole = is_whole(stamp)
    STAMP.unlink(missing_ok=True)
    LOG.write_bytes(b"")
    if not whole:
        create()
    print(f"Installing {', '.join(names)}:", flush=True)
    options = ["--disable-pip-version-check", "--no-input", "-c", CONSTRAINTS]
    wanted = set().union(*(extras()[name] for name in names))
    try:
        run([PYTHON, "-m", "pip", "install", *options, *sorted(wanted)])
    except BaseException:
        if whole and "Installing collected packages" not in LOG.read_text(errors="replace"):
            write_stamp(stamp)  # pip has changed nothing yet: what was ready still is
        raise
    (packages() / "course.pth").write_text(f"{ROOT}\n")  # in the encoding in which Python reads it
    holds = os.listdir(packages())
    place = str(VENV.resolve())
    write_stamp({"extras": names, "inputs": inputs(), "folder": place, "holds": holds})


def write_stamp(stamp):
    """Record a finished run, whole or not at all."""
    unfinished = STAMP.with_suffix(".part")
    unfinished.write_text(json.dumps(stamp), encoding="utf-8")
    os.replace(unfinished, STAMP)


def check_space(names):
    """Raise the fault of too small a disk before a long download finds it."""
    need = 50 + sum(EXTRA_MB.get(name, 0) for name in names)
    free = shutil.disk_usage(VENV).free // 2**20
    if free < need:
        what = f"{free} MB free, and {', '.join(sorted(names))} needs about {need} MB"
        raise Fault(f"The disk of {VENV} has {what}: free some space")


def create():
    """Make an empty virtual environment, in place of one that is unfinished, damaged or moved."""
    import ensurepip  # noqa: F401  (so that a Python without it deletes nothing)

    old = [path for path in VENV.iterdir() if path not in (LOCK, LOG)]
    print("Making .venv anew: it is unfinished, damaged or moved." if old else "Making .venv.")
    for path in old:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    # A venv's own Python is deleted with it, so the one it was made from does the making; venv
    # refuses a link (to a larger disk, say), so it gets the folder itself.
    run([getattr(sys, "_base_executable", sys.executable), "-m", "venv", VENV.resolve()])


def run(command):
    """Run a step with its output going to the log; raise the fault that ended it, if any."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    kept["PIP_USER"] = "0"
    with open(LOG, "ab") as log:
        streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, **streams, close_fds=False, env=kept, cwd=ROOT)
    try:
        watch(process)
    except KeyboardInterrupt:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)  # pip has got the Ctrl-C too, and tidies up
        raise
    finally:
        process.kill()
    if process.returncode != 0:
        raise fault_of(LOG.read_text(encoding="utf-8", errors="replace"))


def watch(process):
    """Wait for a step; say every few seconds how far pip is, and end a search that is in vain."""
    began, told, searched = time.time(), {""}, 0
    for second in itertools.count(1):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=1)
        log = LOG.read_text(encoding="utf-8", errors="replace")
        searched += bool(re.search(UNSEEN, log))
        if searched > SEARCH_SECONDS:
            raise fault_of(log)
        cuda = CUDA if re.search(CUDA_SIGNS, log) else ""
        for line in (cuda, progress(log, began) if second % SAY_SECONDS == 0 else ""):
            if line not in told:
                print(line, flush=True)
                told.add(line)


def progress(log, began):
    """How far pip is, as far as its words and the packages that it has finished tell."""
    listed = re.search(r"^Installing collected packages: (.*)$", log, re.MULTILINE)
    if listed:
        done = [path.stat().st_mtime >= began for path in packages().glob("*.dist-info/INSTALLER")]
        return f"  {sum(done)} of {listed[1].count(',') + 1} packages installed"
    found = len(re.findall(r"^(?:Collecting|Processing) ", log, re.MULTILINE))
    sizes = re.findall(r"Downloading \S+ \(([\d.]+) ([kMG])B\)", log)
    size = sum(float(number) * {"k": 0.001, "M": 1, "G": 1000}[unit] for number, unit in sizes)
    return f"  {found} packages found, {size:.0f} MB to download so far" if found else ""


def fault_of(output):
    """The fault that ended a step, told from what the step printed."""
    error = output[max(output.find("ERROR:"), 0) :]
    # pip reports an index that it could not reach as one that has no such package; a connection
    # that a retry mended shows before the error only.
    seen = output if re.search(UNSEEN, error) else error
    sentence = next(words for signs, words in FAULTS.items() if re.search(signs, seen))
    named = (r"found for (\S+)", r"\(constraint\) (\S+)", r"Package '(\S+)'", r"versions of (\S+)")
    found = [what for words in (*named, "ERROR: (.+)") for what in re.findall(words, error)]
    return Fault(sentence.replace("WHAT", [*found, *error.splitlines()[-1:]][0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
