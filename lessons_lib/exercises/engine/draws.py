"""Valid inputs drawn by number: sizes, numbers and words as different as a task allows.

An exercise's generator is given a `Draw` and returns the arguments of one call; it asks for the
sizes first. The first draws are planned: small ones, then each axis long in one of them, then large
numbers. Those after the planned ones are small, and may have large numbers.
"""

import random

import torch

PLANNED = 26  # an exercise is closed with these
_FIRST_LONG = 5
_LONG = 300
_LESS_LONG = 65, 17
_FEW = 5
_EVERY = 4  # one in so many wants gradients
_SAID_FIRST = "size", "dtype", "scale", "offset", "layout"


class Draw:
    """One valid input in the making; the same number gives the same input.

    Args:
        number: of the draw; 0 has the smallest sizes.

    Attributes:
        dtype: of the floating-point numbers.
        wants_gradient: should they record a gradient? Then they are neither large nor turned in
            memory: either would tell more of torch than of an answer.
        is_long, is_large: is an axis longer than usual, and are numbers larger?
    """

    def __init__(self, number: int):
        self.wants_gradient = number % _EVERY == 0
        self.is_long = self.is_large = False
        self._number = number
        self._may_be_large = number >= PLANNED and not self.wants_gradient
        self._rng = random.Random(number)
        self._torch_rng = torch.Generator().manual_seed(number)
        self.dtype = self.one_of(torch.float32, torch.float32, torch.float64)
        self._is_turned = self.chance(0.4)
        self._notes: dict[str, str] = {}

    @property
    def description(self) -> str:
        """What kind of input it is: "an input of 300 tokens, in float32, scaled by 100"."""
        notes = [self._notes[name] for name in _SAID_FIRST if name in self._notes]
        return "an input " + ", ".join(notes) if notes else "a small input"

    def sizes(self, **most: int | tuple[int, int]) -> list[int]:
        """A size for each axis: all small, but one that may be long.

        Args:
            most: by the axis's name, in the plural, how long it may be; or the least and the most.
        """
        bounds = {name: top if isinstance(top, tuple) else (1, top) for name, top in most.items()}
        if self._number == 0:
            self._notes["size"] = "of the smallest sizes"
            return [least for least, _ in bounds.values()]
        sizes = {name: self._few(*ends) for name, ends in bounds.items()}
        long = [(name, _LONG) for name in bounds]
        for length in _LESS_LONG:
            names = [name for name, (_, top) in bounds.items() if top >= length]
            long.append((self.one_of(*(names or bounds)), length))
        turn = self._number - _FIRST_LONG
        self._may_be_large = turn >= len(long) and not self.wants_gradient
        if 0 <= turn < len(long):
            name, length = long[turn]
            least, top = bounds[name]
            sizes[name] = max(least, min(top, length))
            self.is_long = True
            self._notes["size"] = f"of {sizes[name]} {name.replace('_', ' ')}"
        return list(sizes.values())

    def floats(self, *shape: int, scale: float = 1.0, offset: float = 0.0) -> torch.Tensor:
        """Normal numbers in the draw's dtype; in some draws not contiguous in memory."""
        drawn = torch.randn(shape, generator=self._torch_rng, dtype=torch.float64)
        drawn = (offset + scale * drawn).to(self.dtype)
        self._notes["dtype"] = f"in {str(self.dtype).removeprefix('torch.')}"
        if self._is_turned and drawn.dim() > 1 and not self.wants_gradient:
            drawn = drawn.mT.contiguous().mT
            if not drawn.is_contiguous():
                self._notes["layout"] = "not contiguous in memory"
        return drawn.requires_grad_(self.wants_gradient)

    def scale(self, *options: float) -> float:
        """How large numbers are to be; the first option is the usual one."""
        chosen = self._usual_or_other(options)
        if chosen != options[0]:
            self._notes["scale"] = f"scaled by {chosen:,g}"
        return chosen

    def offset(self, *options: float) -> float:
        """How far from zero the numbers are to lie; the first option is the usual one."""
        chosen = self._usual_or_other(options)
        if chosen != options[0]:
            self._notes["offset"] = f"moved by {chosen:,g}"
        return chosen

    def _usual_or_other(self, options: tuple) -> float:
        chosen = self.one_of(*options) if self._may_be_large else options[0]
        self.is_large |= chosen != options[0]
        return chosen

    def dtypes(self, *options: torch.dtype) -> None:
        """Choose the dtype anew, among those that the task allows."""
        self.dtype = self.one_of(*options)

    def wholes(self, low: int, high: int, *shape: int) -> torch.Tensor:
        """Whole numbers from `low` to `high`, both included."""
        return torch.randint(low, high + 1, shape, generator=self._torch_rng)

    def truths(self, share: float, *shape: int) -> torch.Tensor:
        """Truth values, about `share` of them True."""
        return torch.rand(shape, generator=self._torch_rng) < share

    def mask(self, *shape: int) -> torch.Tensor | None:
        """What may be looked at: None, or of any shape of two axes or more that broadcasts.

        Some rows may look at nothing.
        """
        if self.chance(0.2):
            return None
        kept = [size if self.chance(0.7) else 1 for size in shape]
        kept = kept[self.whole(0, len(shape) - 2) :]
        mask = self.truths(self.one_of(0.3, 0.7), *kept)
        if self.chance(0.3):
            mask[..., self.whole(0, kept[-2] - 1), :] = False
        return mask

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._rng.randint(low, high)

    def one_of(self, *options):
        """One of several things."""
        return self._rng.choice(options)

    def some_of(self, options: list, how_many: int) -> list:
        """So many of several things, each once, in any order."""
        return self._rng.sample(options, how_many)

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return self._rng.random() < probability

    def word(self, letters: str, length: int) -> str:
        """A word of some of these letters."""
        return "".join(self._rng.choice(letters) for _ in range(length))

    def _few(self, least: int, most: int) -> int:
        return self.whole(least, min(most, least + _FEW))
