"""Make .venv hold the named extras of pyproject.toml, at constraints.txt's versions, or repair it.

    python3 tools/environment.py book
    python3 tools/environment.py run lab test

Run it as often as you like: a ready environment is left as it is, a half-made one is finished.

Every Python can read this file, 2.7 too, since it is the one to say that a Python is too old.
The work itself is in environment_make.py.
"""

# A starred list is no Python 2.7.
# ruff: noqa: RUF005

import os
import subprocess
import sys

OLDEST = (3, 11)
NEW_ENOUGH = [["python3.12"], ["python3.13"], ["python3.11"], ["python3.14"], ["py", "-3"]]
TOO_OLD = (
    "This is Python {0}.{1}, and the course needs Python 3.11 or newer: install one "
    "(3.12 is a good choice), then run the same command again.\n"
)


def main():
    """Do the work with this Python, with a newer one from the PATH, or say that neither will do."""
    if tuple(sys.version_info[:2]) >= OLDEST:
        import environment_make

        return environment_make.main(sys.argv[1:])
    newer = find_newer()
    if newer is None:
        sys.stderr.write(TOO_OLD.format(*sys.version_info))
        return 1
    return run(newer + [os.path.abspath(__file__)] + sys.argv[1:])


def find_newer():
    """The first command of NEW_ENOUGH that really starts a Python 3.11 or newer, or None."""
    test = "import sys; sys.exit(sys.version_info[:2] < (3, 11))"
    for command in NEW_ENOUGH:
        if run(command + ["-c", test], stdout=subprocess.PIPE, stderr=subprocess.PIPE) == 0:
            return command
    return None


def run(command, **streams):
    """Run a command and give its exit status; 127, as a shell does, where there is no such one."""
    try:
        process = subprocess.Popen(command, **streams)
    except OSError:
        return 127
    while True:
        try:
            process.communicate()
            return process.returncode
        except KeyboardInterrupt:
            # The command has got the Ctrl-C too, and ends with its own sentence.
            continue


if __name__ == "__main__":
    sys.exit(main())
