"""Releases of a few bytes, in a folder that is all that pip can see."""

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

from lessons_lib.base.archives import IndexArchive
from lessons_lib.base.verified import InstalledFile, RemoteFile

GOOD = b"the bytes of the release\n" * 40
ALTERED = GOOD.replace(b"bytes", b"bites")


def use_only(folder: Path, monkeypatch) -> Path:
    """Make a folder the whole package index; returns it."""
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def described(data: bytes = GOOD, name: str = "part.json", **sources) -> RemoteFile:
    return RemoteFile(name, sha256=sha256(data), size=len(data), **sources)


def make_wheel(index: Path, members: dict[str, bytes], name: str = "tinymodel") -> None:
    info = f"{name}-1.0.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    with zipfile.ZipFile(index / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, data in (members | metadata).items():
            wheel.writestr(path, data)


def make_sdist(index: Path, members: dict[str, bytes], ran: Path) -> str:
    """Write tinydata-1.0.tar.gz, whose build leaves the file `ran`; return its sha256."""
    project = (
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "tinydata"\nversion = "1.0"\n'
    )
    backend = (
        f"import os\nopen({str(ran)!r}, 'w').close()\n"
        "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
        "    os.makedirs(os.path.join(folder, 'tinydata-1.0.dist-info'))\n"
        "    with open(os.path.join(folder, 'tinydata-1.0.dist-info', 'METADATA'), 'w') as f:\n"
        "        f.write('Metadata-Version: 2.1\\nName: tinydata\\nVersion: 1.0\\n')\n"
        "    return 'tinydata-1.0.dist-info'\n"
        "def build_wheel(folder, settings=None, metadata=None):\n    raise SystemExit('no')\n"
    )
    extra = {
        "pyproject.toml": project.encode(),
        "backend.py": backend.encode(),
        "PKG-INFO": b"Metadata-Version: 2.1\nName: tinydata\nVersion: 1.0\n",
    }
    path = index / "tinydata-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as sdist:
        for name, data in (members | extra).items():
            entry = tarfile.TarInfo(f"tinydata-1.0/{name}")
            entry.size = len(data)
            sdist.addfile(entry, io.BytesIO(data))
    return sha256(path.read_bytes())


def tiny(member: str = "tinymodel/part.json") -> IndexArchive:
    return IndexArchive("tinymodel==1.0", member, size=1000)


def install(tmp_path, monkeypatch, package: str, data: bytes) -> InstalledFile:
    """Put a package on the path that must not be imported to be found."""
    folder = tmp_path / "site" / package / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("raise RuntimeError('was imported')\n")
    (folder / "part.json").write_bytes(data)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return InstalledFile(package, "model/part.json")
