"""Six ways to tell attention where a token stands, behind one small interface."""

import math

import torch
from torch import Tensor, nn


class Positions(nn.Module):
    """No position information: what every scheme starts from, and a baseline of its own.

    Attention asks a scheme four things; each overrides those that it is about. Positions are whole
    numbers from 0, on the CPU; `first` is that of the first token of `x`.

    Axes: B batch, L tokens, H heads, Q queries, K keys, D width of a head.
    """

    needs_weights = False  # True: `value_bias` must see the weights, so they cannot stay fused

    def add_to(self, x: Tensor, first: int = 0) -> Tensor:
        """Change the token vectors once, before the first layer: (B, L, d_model), same shape."""
        return x

    def turn(self, vectors: Tensor, positions: Tensor) -> Tensor:
        """Change queries or keys: (B, H, L, D) at `positions` (L,), same shape."""
        return vectors

    def score_bias(self, query: Tensor, query_at: Tensor, key_at: Tensor) -> Tensor | None:
        """What to add to the scaled scores of `query` (B, H, Q, D): (B, H, Q, K) or None = nothing.

        `query_at` (Q,) and `key_at` (K,) are the positions; axes of size 1 may be left out.
        """
        return None

    def value_bias(self, weights: Tensor, query_at: Tensor, key_at: Tensor) -> Tensor | None:
        """What to add to each head's output for `weights` (B, H, Q, K): (B, H, Q, D) or None."""
        return None


class Sinusoidal(Positions):
    """Add sines and cosines of falling frequency: each pair of columns is a clock hand.

    Raises:
        ValueError: `d_model` is odd.

    Source: Vaswani et al. 2017, section 3.5 (arXiv:1706.03762).

    >>> Sinusoidal(4).table(2)[0]
    tensor([0., 1., 0., 1.])
    """

    def __init__(self, d_model: int):
        super().__init__()
        if d_model % 2:
            raise ValueError(f"d_model should be even, a sine and a cosine for each; got {d_model}")
        self.d_model = d_model

    def table(self, length: int, first: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """The vectors of positions `first` to `first + length - 1`: (length, d_model)."""
        angle = _angles(torch.arange(first, first + length), self.d_model)  # (length, d_model / 2)
        return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2).to(dtype)

    def add_to(self, x: Tensor, first: int = 0) -> Tensor:
        return x + self.table(x.size(-2), first, x.dtype).to(x.device)


class Learned(Positions):
    """Add a vector for each position, learnt like a word's; there are only `max_len` of them.

    Source: Gehring et al. 2017, section 3.1 (arXiv:1705.03122); BERT and GPT-2 do the same.
    """

    def __init__(self, d_model: int, max_len: int):
        super().__init__()
        self.embedding = nn.Embedding(max_len, d_model)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def add_to(self, x: Tensor, first: int = 0) -> Tensor:
        """Raises ValueError where a sequence is longer than what was learnt."""
        last, known = first + x.size(-2), self.embedding.num_embeddings
        if last > known:
            raise ValueError(f"{last} tokens are more than the {known} positions that were learnt")
        return x + self.embedding.weight[first:last]


class Shaw(Positions):
    """A learnt vector for each distance, beside the key and beside the value.

    Distances beyond `max_distance` share the vector of that distance. All heads, and here all
    layers, share the vectors; in the paper each layer has its own. No dropout falls on these.

    Source: Shaw et al. 2018, equations 3 and 4 (arXiv:1803.02155).
    """

    needs_weights = True

    def __init__(self, d_head: int, max_distance: int = 16):
        super().__init__()
        self.max_distance = max_distance
        self.key_table = nn.Parameter(torch.empty(2 * max_distance + 1, d_head))
        self.value_table = nn.Parameter(torch.empty(2 * max_distance + 1, d_head))
        nn.init.xavier_uniform_(self.key_table)
        nn.init.xavier_uniform_(self.value_table)

    def _row(self, query_at: Tensor, key_at: Tensor) -> Tensor:
        distance = key_at[None, :] - query_at[:, None]  # (Q, K)
        return distance.clamp(-self.max_distance, self.max_distance) + self.max_distance

    def score_bias(self, query: Tensor, query_at: Tensor, key_at: Tensor) -> Tensor:
        near = self.key_table[self._row(query_at, key_at)]  # (Q, K, D)
        return torch.einsum("bhqd,qkd->bhqk", query, near) / math.sqrt(query.size(-1))

    def value_bias(self, weights: Tensor, query_at: Tensor, key_at: Tensor) -> Tensor:
        near = self.value_table[self._row(query_at, key_at)]  # (Q, K, D)
        return torch.einsum("bhqk,qkd->bhqd", weights, near)


class T5Bias(Positions):
    """A learnt number for each head and each bucket of distances; far buckets are wide.

    Args:
        num_heads: heads.
        num_buckets: buckets in all, at least 4; half for each direction where both are seen.
        max_distance: from here on one bucket serves all.
        is_causal: nobody looks ahead, so all buckets serve the past.

    Source: Raffel et al. 2020, section 2.1 (arXiv:1910.10683), as in its published code.

    >>> T5Bias(num_heads=1, num_buckets=8).bucket(torch.tensor([-500, -1, 0, 1, 2, 500])).tolist()
    [3, 1, 0, 5, 6, 7]
    """

    def __init__(
        self,
        num_heads: int,
        num_buckets: int = 32,
        max_distance: int = 128,
        is_causal: bool = False,
    ):
        super().__init__()
        self.num_buckets, self.max_distance, self.is_causal = num_buckets, max_distance, is_causal
        self.bias = nn.Embedding(num_buckets, num_heads)
        nn.init.normal_(self.bias.weight, std=0.02)

    def bucket(self, distance: Tensor) -> Tensor:
        """The bucket of each distance, key minus query; same shape, from 0 to num_buckets - 1."""
        count, start = self.num_buckets, torch.zeros_like(distance)
        if self.is_causal:
            distance = (-distance).clamp(min=0)
        else:
            count //= 2
            start = (distance > 0) * count
            distance = distance.abs()
        exact = count // 2  # the first half of the buckets holds one distance each
        share = (distance.clamp(min=1) / exact).log() / math.log(self.max_distance / exact)
        wide = exact + (share * (count - exact)).long()
        return start + torch.where(distance < exact, distance, wide.clamp(max=count - 1))

    def score_bias(self, query: Tensor, query_at: Tensor, key_at: Tensor) -> Tensor:
        bucket = self.bucket(key_at[None, :] - query_at[:, None])  # (Q, K)
        return self.bias.weight[bucket].permute(2, 0, 1)  # (H, Q, K)


class Rotary(Positions):
    """Turn each pair of columns of queries and keys by an angle that grows with the position.

    A dot product then depends on the difference of two positions only.

    Args:
        d_head: width of a head, even.
        base: the slowest pair turns by about 1 / base a token; larger for longer texts.
        layout: which columns form a pair: "neighbours" (0 and 1, 2 and 3, ...) as in the paper, or
            "halves" (0 and D / 2, 1 and D / 2 + 1, ...) as in most published code. The two are the
            same function of reordered columns, so weights trained with one fail with the other.

    Raises:
        ValueError: `d_head` is odd, or there is no such layout.

    Source: Su et al. 2021, section 3.2 and equation 34 (arXiv:2104.09864).

    >>> Rotary(2).turn(torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([0]))
    tensor([[[[1., 0.]]]])
    """

    LAYOUTS = ("neighbours", "halves")

    def __init__(self, d_head: int, base: float = 10_000.0, layout: str = "neighbours"):
        super().__init__()
        if d_head % 2:
            raise ValueError(f"d_head should be even, for its columns turn in pairs; got {d_head}")
        if layout not in self.LAYOUTS:
            raise ValueError(f"layout should be {' or '.join(self.LAYOUTS)}, not {layout!r}")
        self.d_head, self.base, self.layout = d_head, base, layout
        self._last = None  # the newest positions' cosines and sines: every layer asks for the same

    def turn(self, vectors: Tensor, positions: Tensor) -> Tensor:
        cos, sin = self._clock(positions, vectors)  # (L, D / 2) each
        if self.layout == "halves":
            first, second = vectors.chunk(2, dim=-1)
            return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
        even, odd = vectors[..., 0::2], vectors[..., 1::2]
        turned = even * cos - odd * sin, even * sin + odd * cos
        return torch.stack(turned, dim=-1).flatten(-2)

    def _clock(self, positions: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
        kind = vectors.dtype, vectors.device, self.base
        if self._last is None or self._last[1] != kind or not torch.equal(self._last[0], positions):
            with torch.inference_mode(False):  # what is kept may serve training, too
                angle = _angles(positions, self.d_head, self.base)
                self._last = positions, kind, angle.cos().to(vectors), angle.sin().to(vectors)
        return self._last[2:]


class ALiBi(Positions):
    """Subtract from each score in proportion to the distance; each head at a slope of its own.

    Nothing is learnt. Looking both ways, the distance is taken without its sign.

    Source: Press et al. 2022, section 3 (arXiv:2108.12409), slopes as in its published code.

    >>> ALiBi(num_heads=4).slopes
    [0.25, 0.0625, 0.015625, 0.00390625]
    """

    def __init__(self, num_heads: int):
        super().__init__()
        self.slopes = _slopes(num_heads)

    def score_bias(self, query: Tensor, query_at: Tensor, key_at: Tensor) -> Tensor:
        distance = (key_at[None, :] - query_at[:, None]).abs()  # (Q, K)
        return -query.new_tensor(self.slopes)[:, None, None] * distance.to(query)  # (H, Q, K)


SCHEMES = ("none", "sinusoidal", "learned", "shaw", "t5", "rotary", "alibi")


def make_positions(
    scheme: str, d_model: int, num_heads: int, max_len: int = 512, is_causal: bool = False
) -> Positions:
    """The scheme of that name, fitted to a model's sizes.

    Raises:
        ValueError: no scheme has that name.
    """
    d_head = d_model // num_heads
    makers = {
        "none": Positions,
        "sinusoidal": lambda: Sinusoidal(d_model),
        "learned": lambda: Learned(d_model, max_len),
        "shaw": lambda: Shaw(d_head),
        "t5": lambda: T5Bias(num_heads, is_causal=is_causal),
        "rotary": lambda: Rotary(d_head),
        "alibi": lambda: ALiBi(num_heads),
    }
    if scheme not in makers:
        raise ValueError(f"positions should be one of {', '.join(SCHEMES)}, not {scheme!r}")
    return makers[scheme]()


def _angles(positions: Tensor, width: int, base: float = 10_000.0) -> Tensor:
    """Position times base^(-2i / width), for each pair of columns i: (L, width / 2), float64."""
    # float32 would err in the fourth digit at position 5,000; float64 exists on every CPU.
    pair = torch.arange(width // 2, dtype=torch.float64)
    return positions.cpu()[:, None] * base ** (-2 * pair / width)


def _slopes(num_heads: int) -> list[float]:
    """1/2, 1/4 … for 8 heads; a power of two gives a geometric row, others borrow in between."""
    whole = 2 ** (num_heads.bit_length() - 1)  # the largest power of two that is not above
    row = [2 ** (-8 * (head + 1) / whole) for head in range(whole)]
    between = [2 ** (-4 * (head + 1) / whole) for head in range(0, 2 * whole, 2)]
    return row + between[: num_heads - whole]
