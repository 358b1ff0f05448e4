"""What is handed to an answer: left as it was, or found to be changed."""

import math
from collections.abc import Callable


def handed_over(value):
    """Lists, dicts and sets anew, in any depth: what an answer does to them stays with it.

    Tensors are handed over as they are, since gradients arrive in them.
    """
    return _rebuilt(value, lambda leaf: leaf)


def kept(value, of_tensor: Callable | None = None):
    """A copy: new lists, dicts, sets, and tensors without gradients.

    Args:
        of_tensor: what to make of the copy of each tensor; None: leave it.
    """

    def of_leaf(leaf):
        if not hasattr(leaf, "detach"):
            return leaf
        copy = leaf.detach().clone()
        return of_tensor(copy) if of_tensor else copy

    return _rebuilt(value, of_leaf)


def changed(before, after) -> bool:
    """Is `after` something else than the copy that `kept` took?"""
    import torch

    if isinstance(before, torch.Tensor):
        return not _same_tensor(before, after.detach())
    if type(before) is not type(after):
        return True
    if isinstance(before, dict):
        return list(before) != list(after) or changed(list(before.values()), list(after.values()))
    if isinstance(before, list | tuple):
        return len(before) != len(after) or any(map(changed, before, after))
    return before is not after and before != after and not _both_nan(before, after)


def _rebuilt(value, of_leaf):
    if type(value) in (list, tuple):
        return type(value)(_rebuilt(part, of_leaf) for part in value)
    if type(value) is dict:
        return {key: _rebuilt(part, of_leaf) for key, part in value.items()}
    if type(value) is set:
        return set(value)
    return of_leaf(value)


def _same_tensor(before, after) -> bool:
    import torch

    if before.shape != after.shape or before.dtype != after.dtype:
        return False
    if torch.equal(before, after):
        return True
    return before.is_floating_point() and torch.allclose(before, after, 0.0, 0.0, equal_nan=True)


def _both_nan(before, after) -> bool:
    return isinstance(before, float) and math.isnan(before) and math.isnan(after)
