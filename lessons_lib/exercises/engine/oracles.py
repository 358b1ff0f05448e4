"""What the checks of several chapters share: random inputs, and comparisons with an oracle."""

import torch


def normal(*shape: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Normal numbers that depend on the seed alone."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=rng, dtype=dtype)


def other_dtype(name: str, tensor: torch.Tensor, wanted: torch.dtype, advice: str) -> str | None:
    """A sentence where `tensor` is not of the dtype of the inputs.

    Args:
        name: what the tensor is called in the task.
        advice: the likely cause, after a colon, with its full stop or question mark.
    """
    if tensor.dtype == wanted:
        return None
    return f"Given {wanted}, `{name}` is {tensor.dtype}: {advice}"


def told_apart(mine: float, wanted: float) -> tuple[str, str]:
    """Two numbers with three digits, or as many more as it takes to see that they differ."""
    for digits in range(3, 18):
        written = f"{mine:.{digits}g}", f"{wanted:.{digits}g}"
        if written[0] != written[1]:
            break
    return written


def wrong_gradient(names, ours, oracle, where: str = "the path") -> str | None:
    """A sentence on the first input whose gradient, left in `grad`, is missing or another.

    Args:
        names: of the inputs, as the task calls them.
        ours, oracle: the same inputs, after a backward pass of each.
        where: what may have been cut off.
    """
    for name, mine, wanted in zip(names, ours, oracle, strict=True):
        if mine.grad is None or not mine.grad.abs().sum() > 0:
            return f"No gradient reaches `{name}`: is it cut off by `.item()` or `.detach()`?"
        if not torch.allclose(mine.grad, wanted.grad, atol=1e-8):
            return (
                f"The gradient of `{name}` is wrong: is a part of {where} cut off by `.detach()`?"
            )
    return None
