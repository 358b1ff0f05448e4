"""What can go wrong with the environment, each as a sentence: what happened, what to do."""

import errno
import platform
import re
import sys

AGAIN = "then run the same command again."

NO_VENV = (
    "This Python ({python}) cannot make virtual environments: its venv or ensurepip is missing "
    "(on Debian and Ubuntu: sudo apt install python3-venv). Install it, " + AGAIN
)
NOT_OURS = (
    "{folder} is there but is no virtual environment, so it was left untouched: "
    "move or rename it, " + AGAIN
)
NO_EXTRA = (
    "Say what the environment is for, one or more of {known}, "
    "as in: python3 tools/environment.py book"
)
UNKNOWN_EXTRA = (
    "pyproject.toml has no extra {unknown}: "
    "run the command again with one or more of those that it has, {known}."
)
TOO_LITTLE_SPACE = (
    "The disk of {folder} has {free} MB free, and {extras} needs about {need} MB: free some space, "
    + AGAIN
)
DISK_FULL = (
    "The disk is full (the one of {folder} or of the temporary folder), so the environment is "
    "unfinished: free some space, " + AGAIN
)
NOT_WRITABLE = (
    "No permission to write {folder}: close the programs that still use it, make it writable for "
    "your user or move the course to a folder of your own, " + AGAIN
)
NO_NETWORK = (
    "The packages could not be downloaded because the package index cannot be reached: "
    "check the internet connection (or the proxy), " + AGAIN
)
NO_SUCH_PACKAGE = (
    "pip found no {package} that fits Python {version} on {machine}: install another Python "
    "(3.12 is a good choice), remove the folder .venv, " + AGAIN
)
UNKNOWN = (
    "A step of making the environment failed; the end of what it said is below, all of it is in "
    "{log}: remove the cause, " + AGAIN + "\n\n{tail}"
)
STOPPED = "Stopped before the environment was ready: to finish it, run the same command again."

DISK_FULL_SIGNS = r"No space left on device|not enough space on the disk|Disk quota exceeded"
NOT_WRITABLE_SIGNS = r"Permission denied|Access is denied|Read-only file system"
NO_NETWORK_SIGNS = (
    r"Failed to establish a new connection|Max retries exceeded|ConnectTimeout|ReadTimeout|"
    r"Read timed out|Connection (?:aborted|reset|refused|broken)|ConnectionResetError|ProxyError|"
    r"Cannot connect to proxy|name resolution|getaddrinfo failed|Name or service not known|"
    r"nodename nor servname|Network is unreachable|certificate verify failed"
)
UNSEEN_SIGNS = r"No matching distribution|ResolutionImpossible"


class Fault(Exception):
    """A reason why the environment cannot be made; its text is the sentence for the person."""


def fault_of_output(output: str, folder, log) -> Fault:
    """Tell from what a failed step (pip, venv) printed which fault it was."""
    if re.search(DISK_FULL_SIGNS, output):
        return Fault(DISK_FULL.format(folder=folder))
    if re.search(NOT_WRITABLE_SIGNS, output):
        return Fault(NOT_WRITABLE.format(folder=folder))
    if "ensurepip is not available" in output:
        return Fault(NO_VENV.format(python=sys.executable))
    if is_network(output):
        return Fault(NO_NETWORK)
    missing = re.search(r"No matching distribution found for (\S+)", output)
    if missing:
        return Fault(no_such_package(missing[1]))
    return Fault(UNKNOWN.format(log=log, tail=last_lines(output)))


def is_network(output: str) -> bool:
    """Whether a lost connection ended pip: one that a retry mended shows in warnings only."""
    error = output[output.find("ERROR:") :]
    lost = re.search(NO_NETWORK_SIGNS, error)
    # pip reports an index that it could not reach as one that has no such package.
    unseen = re.search(UNSEEN_SIGNS, error) and re.search(NO_NETWORK_SIGNS, output)
    return bool(lost or unseen)


def no_such_package(package: str) -> str:
    """The sentence for a package that has no release for this Python and machine."""
    machine = f"{platform.system()} {platform.machine()}"
    version = ".".join(map(str, sys.version_info[:2]))
    return NO_SUCH_PACKAGE.format(package=package, version=version, machine=machine)


def fault_of_os_error(error: OSError, folder) -> Fault:
    """Tell which fault an error of the operating system is."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Fault(DISK_FULL.format(folder=folder))
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Fault(NOT_WRITABLE.format(folder=error.filename or folder))
    return Fault(f"The environment could not be made ({error}): remove the cause, {AGAIN}")


def last_lines(output: str, count: int = 12) -> str:
    """The end of a step's output, where the reason usually stands."""
    return "\n".join(output.rstrip().splitlines()[-count:])
