"""Run the commands that do a tool's work: Ctrl-C and a damaged package end in a sentence."""

import csv
import signal
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions


def until_ctrl_c(main) -> None:
    """Call a tool's main function; on Ctrl-C end with one sentence and a shell's status for it."""
    try:
        main()
    except KeyboardInterrupt:
        print("\nStopped: run the same command again when you like.", file=sys.stderr)
        sys.exit(130)


def run(command: list, **options) -> subprocess.CompletedProcess:
    """Run a command to its end, on Ctrl-C as well, which it has got too."""
    process = subprocess.Popen(command, **options)
    try:
        out, err = process.communicate()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one changes nothing
        end(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def end(process: subprocess.Popen) -> None:
    """Let a command end by itself, or end it after ten seconds."""
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def refuse_damaged(packages: str | None = None) -> None:
    """After a command failed: exit with a sentence where a damaged package is the likely cause."""
    damaged = damaged_packages(packages or sysconfig.get_path("purelib"))
    if damaged:
        sys.exit(
            f"Files of {', '.join(damaged)} in the environment are damaged: delete it with "
            "`make clean` (or make it anew with conda), then run the same command again."
        )


def damaged_packages(folder: str) -> list[str]:
    """The installed packages of which a file is missing or has not the size that pip recorded."""
    return sorted({each.name for each in distributions(path=[folder]) if is_damaged(each)})


def is_damaged(package) -> bool:
    """Whether a file of an installed package is missing or has another size than recorded."""
    record = csv.reader((package.read_text("RECORD") or "").splitlines())
    files = [(package.locate_file(name), int(size)) for name, _, size in record if size]
    return any(not path.exists() or path.stat().st_size != size for path, size in files)
