"""What the studies have computed once and keep in the cache folder."""

import hashlib
import json
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from lessons_lib.base.files import atomic_write, cache_folder


def hash_of(what) -> str:
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def folder() -> Path:
    folder = cache_folder() / "studies"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write(path: Path, tensors: dict[str, Tensor]) -> None:
    with atomic_write(path) as out:
        out.write(save(tensors))
