"""What `encode_texts` keeps: a key of all that decides the vectors, and files that may fail."""

import contextlib
import functools
import hashlib
import sys
import sysconfig
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from lessons_lib.base.files import atomic_write, cache_folder

_PLAIN = (str, int, float, complex, type(None), type(...), range, torch.dtype, torch.device)
_INSTALLED = tuple(
    {str(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "purelib", "platlib")}
)
_NO_PART = {  # of a class: what Python makes of the rest by itself
    *("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__slots__"),
    *("__abstractmethods__", "_abc_impl", "__dataclass_fields__", "__dataclass_params__"),
}


class NoKey(TypeError):
    """It cannot be told whether a thing is the same in another run; the message names it."""


def key_of(*things) -> str:
    """A hash of what things are: code with all that it uses, tensors' numbers, objects' attributes.

    A function is its code, its defaults, the values that it captures and the globals that it
    names; what comes from an installed package is its name and the package's version. Whether a
    module is in training mode does not count.

    Raises:
        NoKey: something is not made of such parts, such as a random generator of torch's.

    >>> key_of(lambda x, k=1: x * k) == key_of(lambda x, k=100: x * k)
    False
    """
    reader = _Reader()
    try:
        reader.add(things)
    except RecursionError:
        raise NoKey("it is nested too deeply") from None
    return reader.digest.hexdigest()


class _Reader:
    """Goes through a thing and all it is made of, each part once, and hashes what it meets."""

    def __init__(self):
        self.digest = hashlib.sha256()
        self.seen: dict[int, tuple[int, object]] = {}  # holds the parts, so that ids stay theirs

    def write(self, kind: str, content: bytes | str = b"") -> None:
        content = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
        self.digest.update(f"{kind}:{len(content)}:".encode())
        self.digest.update(content)

    def add(self, thing) -> None:
        if type(thing) is bytes:
            self.write("bytes", thing)
        elif isinstance(thing, _PLAIN) and type(thing).__module__ in ("builtins", "torch"):
            self.write(type(thing).__name__, repr(thing))
        elif id(thing) in self.seen:
            self.write("again", str(self.seen[id(thing)][0]))
        else:
            self.seen[id(thing)] = len(self.seen), thing
            for part in _parts(thing):
                self.write(*part) if isinstance(part, _Said) else self.add(part)


class _Said(tuple):
    """A kind and its content, written as they stand."""


def _parts(thing) -> Iterator:
    """What a thing is made of; an installed function or class is its name alone."""
    if isinstance(thing, Tensor):
        yield from (str(thing.dtype), tuple(thing.shape), _bytes_of(thing))
    elif isinstance(thing, np.ndarray) and thing.dtype != object:
        yield from (str(thing.dtype), thing.shape, thing.tobytes())
    elif isinstance(thing, dict):
        yield _Said(("dict", str(len(thing))))
        for pair in thing.items():
            yield from pair
    elif isinstance(thing, set | frozenset):
        yield from (_Said(("set", str(len(thing)))), *sorted(map(key_of, thing)))
    elif isinstance(thing, list | tuple):
        yield from (_Said((type(thing).__name__, str(len(thing)))), *thing)
    elif isinstance(thing, types.CodeType):
        names = thing.co_names + thing.co_freevars + thing.co_varnames
        yield from (thing.co_code, names, thing.co_consts)
    elif isinstance(thing, types.ModuleType):
        yield from ("module", thing.__name__, str(getattr(thing, "__version__", "")))
    elif isinstance(thing, types.MethodType):
        yield from ("method", thing.__func__, thing.__self__)
    elif isinstance(thing, functools.partial):
        yield from ("partial", thing.func, thing.args, thing.keywords)
    elif isinstance(thing, staticmethod | classmethod | functools._lru_cache_wrapper):
        yield from (type(thing).__name__, thing.__wrapped__)
    elif isinstance(thing, property):
        yield from ("property", thing.fget)
    elif isinstance(thing, types.FunctionType | type):
        yield from _parts_of_code(thing)
    elif isinstance(thing, types.BuiltinFunctionType):
        yield from _name_of(thing)
        yield None if isinstance(thing.__self__, types.ModuleType) else thing.__self__
    elif callable(thing) and hasattr(thing, "__qualname__"):
        yield from _name_of(thing)
    else:
        yield from _parts_of_object(thing)


def _parts_of_code(thing) -> Iterator:
    """Of a function or class: its name, and all of it where no package's version tells."""
    yield from _name_of(thing)
    if isinstance(thing, type):
        if not _is_installed(thing):
            members = {name: part for name, part in vars(thing).items() if name not in _NO_PART}
            yield from (thing.__bases__, dict(sorted(members.items())))
        return
    for cell in thing.__closure__ or ():  # a decorator of a package holds what it decorates
        with contextlib.suppress(ValueError):  # nothing is in it yet
            yield cell.cell_contents
    if not _is_installed(thing):
        yield from (thing.__code__, thing.__defaults__, thing.__kwdefaults__)
        yield {name: part for name, part in vars(thing).items() if name != "__wrapped__"}
        yield from _globals_of(thing)


def _globals_of(thing: types.FunctionType) -> Iterator:
    """The globals that a function names, and what it takes from modules of the reader's."""
    names = sorted(_names_in(thing.__code__))
    for name in names:
        if name in thing.__globals__:
            value = thing.__globals__[name]
            yield from (name, value)
            if isinstance(value, types.ModuleType) and not _is_installed(value):
                used = {part: vars(value)[part] for part in names if part in vars(value)}
                yield used


def _names_in(code: types.CodeType) -> set[str]:
    """Names that a function and those inside it look up, globals and attributes alike."""
    inner = (part for part in code.co_consts if isinstance(part, types.CodeType))
    return set(code.co_names).union(*map(_names_in, inner))


def _parts_of_object(thing) -> Iterator:
    """Its class and what it holds, as pickle would take it apart."""
    try:
        parts = thing.__reduce_ex__(4)
    except Exception:
        raise NoKey(f"what {thing!r} is cannot be told") from None
    if isinstance(parts, str):  # a name of its module's
        yield from (type(thing), parts)
        return
    make, arguments, state, *more = *parts, *[None] * (3 - len(parts))
    if isinstance(thing, nn.Module) and isinstance(state, dict):
        state = {name: part for name, part in state.items() if name != "training"}
    yield from (make, arguments, state, *(list(part or ()) for part in more[:2]))


def _bytes_of(tensor: Tensor) -> bytes:
    try:
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        return flat.view(torch.uint8).numpy().tobytes()
    except (RuntimeError, NotImplementedError):  # sparse, quantised, on no device
        raise NoKey(f"the numbers of a tensor of {tensor.layout} cannot be read") from None


def _is_installed(thing) -> bool:
    """Whether it comes from Python or an installed package, which has a version."""
    if isinstance(thing, types.FunctionType):
        name = thing.__globals__.get("__name__")
    else:
        name = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__
    module = sys.modules.get(name)
    if module is None or name == "__main__":
        return False
    file = getattr(module, "__file__", None)
    return file is None or str(Path(file).resolve()).startswith(_INSTALLED)


def _name_of(thing) -> tuple[str, str, str]:
    module = str(thing.__module__)
    package = sys.modules.get(module.partition(".")[0])
    return module, thing.__qualname__, str(getattr(package, "__version__", ""))


def path_of(*things) -> Path | None:
    """Where the vectors that these things decide are kept; None where they cannot be."""
    try:
        return cache_folder() / "features" / f"{key_of(*things)[:24]}.safetensors"
    except NoKey:
        return None  # computed anew each time, which is never wrong
    except OSError as error:
        _warn(error)
        return None


def load(path: Path | None) -> dict[str, Tensor]:
    """What is kept there; nothing where there is no file, or a damaged one."""
    if path is not None:
        with contextlib.suppress(OSError, SafetensorError):
            return load_file(path)
    return {}


def keep(path: Path | None, **tensors: Tensor) -> None:
    """Keep tensors there; where nothing can be written, warn and go on."""
    if path is None:
        return
    try:
        with atomic_write(path) as out:
            out.write(save(tensors))
    except OSError as error:
        _warn(error)


def remove(path: Path | None) -> None:
    """Remove what was kept there, if anything was."""
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _warn(error: OSError) -> None:
    warnings.warn(f"The vectors are not kept for the next time: {error}", stacklevel=4)
