"""A git repository at a loopback address, served as GitHub does: by git's own backend."""

import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

_AUTHOR = {
    "GIT_AUTHOR_NAME": "A test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "A test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def backend() -> str | None:
    """The path of `git http-backend`; None where git, or this part of it, is missing."""
    if shutil.which("git") is None:
        return None
    home = subprocess.run(["git", "--exec-path"], capture_output=True, text=True).stdout.strip()
    return shutil.which("git-http-backend", path=home)


def snapshot(checkout: Path, folder: Path) -> Path:
    """A bare repository with one commit: the checkout as it stands, uncommitted files included."""
    tree, bare = folder / "tree", folder / "served.git"
    for name in _files(checkout):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout / name, tree / name)
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "-A", "-f"],
        ["commit", "-q", "-m", "As it stands"],
        ["clone", "-q", "--bare", ".", str(bare)],
    ):
        _git(command, tree)
    return bare


def _files(checkout: Path) -> list[str]:
    listed = _git(["ls-files", "-z", "--cached", "--others", "--exclude-standard"], checkout)
    names = listed.decode().split("\0")
    return [name for name in names if name and (checkout / name).is_file()]


def _git(arguments: list[str], folder: Path) -> bytes:
    environment = {**os.environ, **_AUTHOR}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True
    ).stdout


@contextmanager
def served(bare: Path):
    """Serve the repository on a free loopback port while the block runs; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(bare))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/{bare.name}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def redirected(public: str, local: str) -> dict[str, str]:
    """The environment in which git goes to `local` where it is told `public`, and nowhere else."""
    return {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": f"url.{local}.insteadOf",
        "GIT_CONFIG_VALUE_0": public,
        "GIT_CONFIG_KEY_1": f"http.{local}.proxy",
        "GIT_CONFIG_VALUE_1": "",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _handler(bare: Path):
    class Handler(BaseHTTPRequestHandler):
        """One request to git's backend by its CGI protocol (RFC 3875)."""

        timeout = 60

        def do_GET(self):
            self._answer(b"")

        def do_POST(self):
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _answer(self, body: bytes) -> None:
            done = subprocess.run(
                [backend()],
                input=body,
                env={**os.environ, **self._request(len(body))},
                capture_output=True,
                timeout=60,
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = [line.split(": ", 1) for line in head.decode().splitlines()]
            status = next((value for name, value in headers if name == "Status"), "200")
            self.send_response(int(status.split()[0]))
            for name, value in headers:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _request(self, length: int) -> dict[str, str]:
            address = urlsplit(self.path)
            return {
                "GIT_PROJECT_ROOT": str(bare.parent),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REQUEST_METHOD": self.command,
                "PATH_INFO": address.path,
                "QUERY_STRING": address.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(length),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }

        def log_message(self, *_):
            """Say nothing: what a test prints is for its failures."""

    return Handler
