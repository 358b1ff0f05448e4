"""LoRA: what training adds to a matrix is the product of a narrow and a wide one.

Axes: I inputs and O outputs of a linear layer, R the rank.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.base.device import autocast

SCALINGS = {"alpha / rank": lambda rank: rank, "alpha / sqrt(rank)": math.sqrt}


class LoRALinear(nn.Module):
    """A frozen linear layer, and a change of low rank beside it: x W^T + b + scale x A^T B^T.

    A (`down`, (R, I)) starts as a linear layer does, B (`up`, (O, R)) at zero: at first nothing is
    changed.

    Args:
        linear: I to O; it is frozen, and its weights stay where they are.
        rank: R.
        alpha: the change's weight, before it is divided.
        scaling: by what it is divided: "alpha / rank" as in LoRA, or "alpha / sqrt(rank)", by
            which a high rank learns as quickly as a low one.
        dropout_p: share of the inputs to A dropped in training.

    Raises:
        TypeError: `linear` is no linear layer.
        ValueError: the rank is not a whole number from 1 on, or there is no such scaling.

    Source: Hu et al. 2021, section 4.1 (arXiv:2106.09685); the root: Kalajdzievski 2023
    (arXiv:2312.03732).

    >>> layer = LoRALinear(nn.Linear(6, 4), rank=2, alpha=4)
    >>> layer(torch.zeros(3, 6)).shape, layer.scale, layer.up.shape
    (torch.Size([3, 4]), 2.0, torch.Size([4, 2]))
    """

    def __init__(
        self,
        linear: nn.Linear,
        rank: int = 8,
        alpha: float = 16,
        scaling: str = "alpha / rank",
        dropout_p: float = 0.0,
    ):
        super().__init__()
        if not isinstance(linear, nn.Linear):
            raise TypeError(f"LoRA changes an nn.Linear, not a {type(linear).__name__}")
        if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
            raise ValueError(f"rank should be a whole number of at least 1, not {rank!r}")
        if scaling not in SCALINGS:
            raise ValueError(f"scaling should be one of {', '.join(SCALINGS)}, not {scaling!r}")
        self.linear = linear.requires_grad_(False)
        self.scale = alpha / SCALINGS[scaling](rank)
        self.dropout = nn.Dropout(dropout_p)
        self.down = nn.Parameter(linear.weight.new_empty(rank, linear.in_features))
        self.up = nn.Parameter(linear.weight.new_zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))  # what nn.Linear draws
        self.is_merged = False

    def change(self) -> Tensor:
        """What is added to the frozen matrix: (O, I)."""
        return self.scale * (self.up @ self.down)

    def beside(self, x: Tensor) -> Tensor:
        """What is added to the frozen layer's output: (..., I) -> (..., O)."""
        narrow = functional.linear(self.dropout(x), self.down)
        return self.scale * functional.linear(narrow, self.up)

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        return self.linear(x) if self.is_merged else self.linear(x) + self.beside(x)

    @torch.no_grad()
    def merge(self) -> None:
        """Add the change to the frozen matrix, so that it costs nothing any more.

        Raises:
            ValueError: it is merged already: the change would count twice.
        """
        if self.is_merged:
            raise ValueError("already merged: merging again would add the change twice")
        self.linear.weight.copy_(self._with_change(self.linear.weight))
        self.is_merged = True

    @torch.no_grad()
    def unmerge(self) -> None:
        """Take the change out of the matrix again, but for rounding.

        Raises:
            ValueError: it is not merged.
        """
        if not self.is_merged:
            raise ValueError("not merged: there is no change to take out")
        self.linear.weight.copy_(self._without_change(self.linear.weight))
        self.is_merged = False

    def _with_change(self, weight: Tensor) -> Tensor:
        return weight + self.change()

    def _without_change(self, weight: Tensor) -> Tensor:
        return weight - self.change()

    def extra_repr(self) -> str:
        return f"rank={len(self.down)}, scale={self.scale:g}, merged={self.is_merged}"


class DoRALinear(LoRALinear):
    """As LoRA, but each row of the changed matrix is given a length of its own, which is trained.

    The row's direction is learnt by LoRA, its length (`magnitude`, (O,)) apart; at first it is that
    of the frozen matrix. No gradient flows through the length that is divided by (section 4.3).

    Source: Liu et al. 2024, equations 5 and 11 (arXiv:2402.09353).

    >>> sorted(lora_state(DoRALinear(nn.Linear(6, 4), rank=2)))
    ['down', 'magnitude', 'up']
    """

    def __init__(self, linear: nn.Linear, rank: int = 8, alpha: float = 16, **others):
        super().__init__(linear, rank, alpha, **others)
        self.magnitude = nn.Parameter(linear.weight.norm(dim=1).detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """(..., I) -> (..., O)."""
        if self.is_merged:
            return self.linear(x)
        output = functional.linear(x, self.linear.weight) + self.beside(x)
        output = self._stretch(self.linear.weight).to(output.dtype) * output
        return output if self.linear.bias is None else output + self.linear.bias.to(output.dtype)

    def _stretch(self, weight: Tensor) -> Tensor:
        """How much longer each row becomes: (O,)."""
        with autocast("float32", weight.device), torch.no_grad():
            length = (weight + self.change()).norm(dim=1)
        return self.magnitude / length

    def _with_change(self, weight: Tensor) -> Tensor:
        self._stretched = self._stretch(weight)
        return self._stretched[:, None] * (weight + self.change())

    def _without_change(self, weight: Tensor) -> Tensor:
        return weight / self._stretched[:, None] - self.change()


def add_lora(
    module: nn.Module,
    rank: int = 8,
    alpha: float = 16,
    targets: Sequence[str] = ("query", "value"),
    kind: type[LoRALinear] = LoRALinear,
    **settings,
) -> list[LoRALinear]:
    """Freeze a module, and put LoRA beside its linear layers of these names.

    Args:
        module: changed in place, such as a BertEncoder or a Llama. Of a SentimentModel give the
            encoder: its head would be frozen, too.
        targets: ends of the layers' names: "query", "key", "value", "out" of the attention; of the
            feed-forward layer "feed_forward.0" and ".3" in BERT, "gate", "up" and "down" in Llama.
        kind: `LoRALinear` or `DoRALinear`.
        settings: `scaling` and `dropout_p` of LoRALinear.

    Returns:
        What was put in, from the first layer to the last.

    Raises:
        ValueError: no linear layer is named so, or the module holds LoRA already.
    """
    if any(isinstance(part, LoRALinear) for part in module.modules()):
        raise ValueError("it holds LoRA already: name all targets at once, or merge and remove it")
    found = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear)}
    chosen = {end: [name for name in found if _ends_so(name, end)] for end in targets}
    if missing := [end for end, names in chosen.items() if not names]:
        names = ", ".join(map(repr, missing))
        raise ValueError(f"{type(module).__name__} has no nn.Linear named {names}")
    places = [name for name in found if any(name in names for names in chosen.values())]
    module.requires_grad_(False)
    return [_put(module, place, kind(found[place], rank, alpha, **settings)) for place in places]


def loras_of(module: nn.Module) -> list[LoRALinear]:
    """Every LoRA inside a module.

    Raises:
        ValueError: there is none.
    """
    found = [part for part in module.modules() if isinstance(part, LoRALinear)]
    if not found:
        raise ValueError(f"{type(module).__name__} holds no LoRA: add_lora puts it in")
    return found


def merge_lora(module: nn.Module, remove: bool = False) -> None:
    """Merge every LoRA of a module into its matrix.

    Args:
        remove: put the plain linear layers back, with the change in them for good.

    Raises:
        ValueError: there is none, or one is merged already; nothing is changed then.
    """
    found = loras_of(module)
    if any(lora.is_merged for lora in found):
        raise ValueError("already merged: merging again would add the change twice")
    for lora in found:
        lora.merge()
    for name, part in list(module.named_modules()):
        if remove and isinstance(part, LoRALinear):
            _put(module, name, part.linear)


def unmerge_lora(module: nn.Module) -> None:
    """Take every LoRA of a module out of its matrix again.

    Raises:
        ValueError: there is none, or one is not merged; nothing is changed then.
    """
    found = loras_of(module)
    if not all(lora.is_merged for lora in found):
        raise ValueError("not merged: there is no change to take out")
    for lora in found:
        lora.unmerge()


def lora_state(module: nn.Module) -> dict[str, Tensor]:
    """A copy of what the LoRAs of a module have learnt, by name: all that must be kept."""
    loras_of(module)
    return {
        f"{place}.{name}".lstrip("."): tensor.detach().clone()
        for place, part in module.named_modules()
        if isinstance(part, LoRALinear)
        for name, tensor in part.named_parameters(recurse=False)
    }


@torch.no_grad()
def set_lora_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what `lora_state` has kept: another LoRA of the same shape on the same base.

    Raises:
        ValueError: the names or shapes are others, or a LoRA is merged; nothing is changed then.
    """
    if any(lora.is_merged for lora in loras_of(module)):
        raise ValueError("merged: unmerge_lora first, or the old change stays in the matrix")
    here = {name: tuple(tensor.shape) for name, tensor in lora_state(module).items()}
    there = {name: tuple(tensor.shape) for name, tensor in state.items()}
    for name in here | there:
        if here.get(name) != there.get(name):
            differ = f"{name} is {there.get(name)} there and {here.get(name)} here"
            raise ValueError(f"this state is of another LoRA: {differ}")
    for name, tensor in state.items():
        module.get_parameter(name).copy_(tensor)


def _ends_so(name: str, end: str) -> bool:
    return f".{name}".endswith((f".{end}", f".project_{end}"))


def _put(module: nn.Module, place: str, new: nn.Module) -> nn.Module:
    before, _, name = place.rpartition(".")
    setattr(module.get_submodule(before), name, new.train(module.training))
    return new
