"""The straight line between two sets of weights: a choice after training, and a look at the land.

Both ends should come from one start. Two networks trained from different random weights can lie far
apart though they do the same.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

State = Mapping[str, Tensor]


def interpolated(start: State, end: State, weight: float) -> dict[str, Tensor]:
    """(1 - weight) x start + weight x end, for each tensor; 0 and 1 give the ends, exactly.

    Args:
        start, end: two `state_dict`s of one architecture.
        weight: of the end; WiSE-FT takes it from 0 to 1.

    Returns:
        For `load_state_dict`.

    Raises:
        ValueError: the states differ in names or shapes, or in a tensor of whole numbers, which
            has no middle.

    Source: Wortsman et al. 2022, section 3 (arXiv:2109.01903), "WiSE-FT".

    >>> import torch
    >>> interpolated({"w": torch.zeros(2)}, {"w": torch.tensor([4.0, 8.0])}, 0.25)["w"]
    tensor([1., 2.])
    """
    shapes = [{name: tuple(t.shape) for name, t in state.items()} for state in (start, end)]
    for name in shapes[0] | shapes[1]:
        first, second = (shape.get(name) for shape in shapes)
        if first != second:
            raise ValueError(f"no line between these: {name} is {first} here and {second} there")
    return {name: _between(name, start[name], end[name], weight) for name in start}


def barrier(losses: Sequence[float]) -> float:
    """How far the losses on a line rise above an even slope from one end's loss to the other's.

    At 0 the ends are linearly connected: no hill lies between them.

    Args:
        losses: at even steps along the line, from the first end to the second, both included.

    Raises:
        ValueError: there are fewer than three.

    Source: Frankle et al. 2020, section 2 (arXiv:1912.05671), "linear mode connectivity"; with
    ends of unlike height: Entezari et al. 2022 (arXiv:2110.06296).

    >>> barrier([1.0, 4.0, 2.0])
    2.5
    """
    if len(losses) < 3:
        raise ValueError(f"expected both ends and a point between them, got {len(losses)} losses")
    first, last, steps = losses[0], losses[-1], len(losses) - 1
    slope = [first + (last - first) * place / steps for place in range(len(losses))]
    return max(0.0, *(loss - even for loss, even in zip(losses, slope, strict=True)))


def _between(name: str, start: Tensor, end: Tensor, weight: float) -> Tensor:
    if start.is_floating_point():
        return (1 - weight) * start + weight * end
    if not start.equal(end):
        raise ValueError(f"{name} holds whole numbers, which differ and have no middle")
    return start.clone()
