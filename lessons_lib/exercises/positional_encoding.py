"""The exercises of the chapter on positional encoding."""

import itertools
import math

import torch

from .engine.declare import CodeExercise, FindTheBug
from .engine.values import Choice, Number, ShapePuzzle

# --- recap -------------------------------------------------------------------------------------

heads_shape = ShapePuzzle(
    answer_name="heads_shape_answer",
    task="""
    A batch of 2 sentences of 7 tokens, 24 wide, goes through multi-head self-attention with 4
    heads. What is the shape of the *weights*?
    """,
    truth=lambda: torch.zeros(2, 4, 7, 6) @ torch.zeros(2, 4, 7, 6).mT,
    traps={
        (2, 7, 24): "That is the shape of the output, after the heads are joined again.",
        (2, 4, 7, 6): "That is one head's query, 24 / 4 = 6 wide; the width is summed away.",
        (2, 7, 7): "That would be one head; there are 4, each with a table of its own.",
        (4, 2, 7, 7): "The right numbers, but the batch comes first, then the heads.",
    },
    hints=("One table of queries by keys, for each head of each sentence.",),
    because="Each of the 2 sentences has 4 tables, one a head, of 7 queries by 7 keys.",
)

why_root = Choice(
    kind="Recap",
    answer_name="why_root_answer",
    task="Why are the scores divided by √D before the softmax?",
    options={
        "a": "So that each row of weights sums to 1.",
        "b": "So that the spread of the scores does not grow with the width D.",
        "c": "So that no score is negative.",
        "d": "So that the order of the keys plays no part.",
    },
    right="b",
    reasons={
        "a": "Softmax makes the sum 1, whatever it is given.",
        "b": "A dot product of D random terms varies like √D; unscaled, softmax picks one key.",
        "c": "Dividing by a positive number leaves the sign as it is.",
        "d": "The order plays no part anyway: that is the subject of this chapter.",
    },
    hints=("What happens to softmax when all scores get ten times as large?",),
)


# --- the sinusoidal table ----------------------------------------------------------------------

sinusoidal = CodeExercise(
    returns=("table",),
    task="""
    Write `my_sinusoidal(length, d_model)`: a float32 table of shape `(length, d_model)`. Columns
    2i and 2i + 1 are a pair: the sine and the cosine of `position / 10000^(2i / d_model)`.
    `d_model` is even. Once it passes, a model further down runs on *your* table.
    """,
    hints=(
        "Make the angles first, of shape `(length, d_model // 2)`: one column for each pair.",
        "`10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)` holds the pairs' rates.",
        "`torch.stack([angle.sin(), angle.cos()], dim=-1)` puts each pair side by side; "
        "`flatten(-2)` makes columns of it.",
    ),
    because="One angle for each position and pair; sine and cosine of it stand side by side.",
)


@sinusoidal.stub
def my_sinusoidal(length, d_model):
    """Return the (length, d_model) table of sines and cosines."""
    raise NotImplementedError


@sinusoidal.reference
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)  # (d_model / 2,)
    angle = torch.arange(length)[:, None] * rate  # (length, d_model / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


@sinusoidal.right
def my_sinusoidal(length, d_model):
    rows = []
    for position in range(length):
        row = []
        for column in range(d_model):
            angle = position / 10_000.0 ** (column // 2 * 2 / d_model)
            row.append(math.cos(angle) if column % 2 else math.sin(angle))
        rows.append(row)
    return torch.tensor(rows)


@sinusoidal.right
def my_sinusoidal(length, d_model):
    columns = torch.arange(d_model)
    angle = torch.arange(length)[:, None] / 10_000.0 ** ((columns - columns % 2) / d_model)
    return torch.where(columns % 2 == 0, angle.sin(), angle.cos())


@sinusoidal.right
def my_sinusoidal(length, d_model):
    pair = torch.arange(d_model // 2)
    rate = torch.exp(-math.log(10_000.0) * 2 * pair / d_model)
    angle = torch.outer(torch.arange(length), rate)
    return torch.view_as_real(torch.polar(torch.ones_like(angle), math.pi / 2 - angle)).flatten(1)


def _table_by_hand(length: int, d_model: int) -> torch.Tensor:
    """The oracle: each pair of columns is a clock hand that is turned on, step by step."""
    columns = []
    for pair in range(d_model // 2):
        step = complex(math.cos(10_000 ** (-2 * pair / d_model)), 0)
        step += 1j * math.sin(10_000 ** (-2 * pair / d_model))
        hand, hands = 1 + 0j, []
        for _ in range(length):
            hands.append(hand)
            hand *= step
        columns += [[hand.imag for hand in hands], [hand.real for hand in hands]]
    return torch.tensor(columns, dtype=torch.float64).T


@sinusoidal.check
def table_has_its_shape(answer):
    table = answer(5, 6)
    if table.shape != (5, 6):
        likely = {
            (6, 5): " Rows are positions: is it transposed?",
            (5, 3): " Each pair gives two columns, a sine and a cosine.",
            (5, 3, 2): " Join the last two axes, so that pairs stand side by side.",
            (5, 12): " There is one angle for each pair of columns, not for each column.",
        }
        return (
            f"For 5 positions of width 6 the table should have shape (5, 6); yours has "
            f"{tuple(table.shape)}.{likely.get(tuple(table.shape), '')}"
        )
    if table.dtype != torch.float32:
        return f"The table should be float32, as the vectors it is added to; it is {table.dtype}."


@sinusoidal.check
def position_zero_is_zero_and_one(answer):
    row = answer(5, 6)[0]
    if not torch.allclose(row, torch.tensor([0.0, 1.0] * 3), atol=1e-6):
        came = ", ".join(f"{number:.2g}" for number in row.tolist())
        return (
            f"Position 0 should read 0, 1, 0, 1, …, for the sine of 0 is 0 and its cosine 1; yours "
            f"reads {came}. Does the parity of the *column* choose, and does the count begin at 0?"
        )


@sinusoidal.check
def pairs_turn_at_their_own_rate(answer):
    for length, d_model in ((7, 6), (1, 2), (9, 10), (4, 4)):
        table, wanted = answer(length, d_model).double(), _table_by_hand(length, d_model)
        if table.shape != wanted.shape:
            return f"With length {length} and width {d_model} the shape is {tuple(table.shape)}."
        if torch.allclose(table, wanted, atol=1e-4):
            continue
        lengths = table[:, 0::2] ** 2 + table[:, 1::2] ** 2
        if not torch.allclose(lengths, torch.ones_like(lengths), atol=1e-4):
            return (
                "In a pair, sine² + cosine² should be 1, for both are taken of one angle; yours is "
                "not. Do the two columns of a pair share their exponent?"
            )
        return (
            f"With length {length} and width {d_model} the pairs turn at other rates than "
            f"1 / 10000^(2i / d_model), i counting pairs. Is something left out of the exponent?"
        )


@sinusoidal.check
def far_positions_are_right(answer):
    table, wanted = answer(800, 6).double(), _table_by_hand(800, 6)
    if table.shape != wanted.shape:
        return (
            f"For 800 positions the table should have shape (800, 6); yours has "
            f"{tuple(table.shape)}. Does it end at a number of your own? `length` says how many."
        )
    if not torch.allclose(table, wanted, atol=2e-3):
        return "Near positions are right, far ones are not: are the angles rounded on the way?"


@sinusoidal.wrong(table_has_its_shape, "Join the last two axes")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)
    angle = torch.arange(length)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1)


@sinusoidal.wrong(position_zero_is_zero_and_one, "parity of the *column*")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)
    angle = (torch.arange(length)[:, None] * rate).repeat_interleave(2, dim=1)
    return torch.where(torch.arange(length)[:, None] % 2 == 0, angle.sin(), angle.cos())


@sinusoidal.wrong(position_zero_is_zero_and_one, "does the count begin at 0")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)
    angle = torch.arange(1, length + 1)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


@sinusoidal.wrong(position_zero_is_zero_and_one, "0, 1, 0, 1")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)
    angle = torch.arange(length)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


@sinusoidal.wrong(pairs_turn_at_their_own_rate, "share their exponent")
def my_sinusoidal(length, d_model):
    columns = torch.arange(d_model)
    angle = torch.arange(length)[:, None] / 10_000.0 ** (2 * columns / d_model)
    return torch.where(columns % 2 == 0, angle.sin(), angle.cos())


@sinusoidal.wrong(pairs_turn_at_their_own_rate, "other rates")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-torch.arange(d_model // 2) / d_model)
    angle = torch.arange(length)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


@sinusoidal.wrong(far_positions_are_right, "yours has (512, 6)")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)
    angle = torch.arange(512)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)[:length]


@sinusoidal.wrong(far_positions_are_right, "rounded")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)
    near = torch.arange(length)[:, None] * rate
    angle = torch.where(near < 64, near, near.bfloat16().float())
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


@sinusoidal.inputs(oracle=_table_by_hand, room=5e-4)
def table_calls(draw):
    length, num_pairs = draw.sizes(positions=300, pairs=65)
    return length, 2 * num_pairs


@sinusoidal.wrong(table_calls, "is a size fixed")
def my_sinusoidal(length, d_model):
    rate = 10_000.0 ** (-2 * torch.arange(d_model // 2) / d_model)
    rate[32:] = 0.0
    angle = torch.arange(length)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(-2)


# --- the rotary turn ---------------------------------------------------------------------------

rotary = CodeExercise(
    returns=("turned",),
    task="""
    Write `my_rotary(vectors, positions)`: turn each pair of neighbouring columns (2i, 2i + 1) of
    `vectors` `(..., L, D)` by the angle `position / 10000^(2i / D)`. A pair (a, b) turned by an
    angle t is (a cos t − b sin t, a sin t + b cos t). `positions` `(L,)` are whole numbers. Make
    the angles in float64; what comes back has the vectors' shape and dtype.
    """,
    hints=(
        "The angles are of shape `(L, D // 2)`, as in the table; no sum with the vectors now.",
        "`even, odd = vectors[..., 0::2], vectors[..., 1::2]` are all first and all second "
        "entries of the pairs.",
        "Put `torch.arange(D // 2, dtype=torch.float64)` into the exponent, and end with "
        "`.to(vectors.dtype)` on cosine and sine.",
    ),
    because="Queries and keys are turned, not moved: lengths stay, and only differences count.",
)


@rotary.stub
def my_rotary(vectors, positions):
    """Turn each pair of columns by an angle that grows with the position."""
    raise NotImplementedError


@rotary.reference
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)  # (L, D / 2)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


@rotary.right
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] / 10_000.0 ** (2 * pair / width)
    pairs = torch.complex(vectors[..., 0::2], vectors[..., 1::2])
    turn = torch.polar(torch.ones_like(angle), angle).to(pairs.dtype)
    return torch.view_as_real(pairs * turn).flatten(-2)


@rotary.right
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    columns = []
    for pair in range(width // 2):
        angle = positions.double() * 10_000.0 ** (-2 * pair / width)
        cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
        one, other = vectors[..., 2 * pair], vectors[..., 2 * pair + 1]
        columns += [one * cos - other * sin, one * sin + other * cos]
    return torch.stack(columns, dim=-1)


@rotary.right
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width, dtype=torch.float64) // 2
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)
    partner = torch.stack([-vectors[..., 1::2], vectors[..., 0::2]], dim=-1).flatten(-2)
    return vectors * angle.cos().to(vectors.dtype) + partner * angle.sin().to(vectors.dtype)


def _turn_inputs(leading=(2, 3), length=5, width=8, dtype=torch.float64, first=0):
    rng = torch.Generator().manual_seed(3)
    vectors = torch.randn((*leading, length, width), generator=rng, dtype=dtype)
    return vectors, torch.arange(first, first + length) * 3


def _turned_by_hand(vectors: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """The oracle: a block-diagonal matrix of 2 x 2 rotations for each position."""
    width, rows = vectors.shape[-1], []
    for place, position in enumerate(positions.tolist()):
        matrix = torch.zeros(width, width, dtype=torch.float64)
        for start in range(0, width, 2):
            t = position / 10_000 ** (start / width)
            block = [[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]]
            matrix[start : start + 2, start : start + 2] = torch.tensor(block, dtype=torch.float64)
        rows.append(vectors[..., place, :].double() @ matrix.T)
    return torch.stack(rows, dim=-2)


@rotary.check
def turned_keeps_shape_and_dtype(answer):
    for dtype in (torch.float64, torch.float32):
        vectors, positions = _turn_inputs(dtype=dtype)
        turned = answer(vectors, positions)
        if turned.shape != vectors.shape:
            return (
                f"What comes back should have the vectors' shape {tuple(vectors.shape)}; yours has "
                f"{tuple(turned.shape)}. Are the pairs put together again?"
            )
        if turned.dtype != dtype:
            return (
                f"Given {dtype}, `turned` is {turned.dtype}: is the conversion of cosine and sine "
                f"missing?"
            )


@rotary.check
def lengths_stay(answer):
    vectors, positions = _turn_inputs()
    turned = answer(vectors, positions)
    if not torch.allclose(turned.norm(dim=-1), vectors.norm(dim=-1), atol=1e-5):
        return "A turn keeps a vector's length; yours does not. Check the signs: one is a minus."
    if not torch.allclose(turned[..., 0, :], vectors[..., 0, :], atol=1e-6):
        return "At position 0 the angle is 0, so nothing should turn; yours moves."


@rotary.check
def pairs_turn_by_their_angles(answer):
    for inputs in (_turn_inputs(), _turn_inputs((), 1, 2, first=4), _turn_inputs((4,), 3, 6)):
        vectors, positions = inputs
        turned, wanted = answer(vectors, positions), _turned_by_hand(vectors, positions)
        if turned.shape != wanted.shape:
            return f"With vectors {tuple(vectors.shape)} the shape becomes {tuple(turned.shape)}."
        if torch.allclose(turned, wanted, atol=1e-5):
            continue
        if torch.allclose(turned, _turned_by_hand(vectors, -positions), atol=1e-5):
            return "The pairs turn the other way round: the minus belongs to the first entry."
        if torch.allclose(turned, _turned_by_hand(vectors, torch.arange(len(positions)))):
            return (
                "The pairs turn by the number of their row. The angle should come from "
                "`positions`, which need not count 0, 1, 2, and so on."
            )
        return (
            "The pairs do not turn by `position / 10000^(2i / D)`. Are neighbours a pair, columns "
            "0 and 1, then 2 and 3, and does i count pairs?"
        )


@rotary.check
def far_turns_are_exact(answer):
    vectors, _ = _turn_inputs(length=3)
    positions = torch.tensor([5_000, 7, 123_456])
    turned, wanted = answer(vectors, positions), _turned_by_hand(vectors, positions)
    if not torch.allclose(turned, wanted, atol=1e-8):
        return (
            "Far positions are turned a little wrong: an angle of 100,000 leaves float32 two "
            "digits behind the point. Make the angles in float64."
        )


@rotary.check
def gradient_turns_back(answer):
    vectors, positions = _turn_inputs()
    pull = torch.linspace(-1, 1, vectors.numel(), dtype=torch.float64).reshape(vectors.shape)
    vectors.requires_grad_()
    turned = answer(vectors, positions)
    if not turned.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.item()`, `.detach()`)."
    (turned * pull).sum().backward()
    if not torch.allclose(vectors.grad, _turned_by_hand(pull, -positions), atol=1e-8):
        return "The gradient of `vectors` is wrong: is a part of the path cut off by `.detach()`?"


@rotary.wrong(turned_keeps_shape_and_dtype, "put together again")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)


@rotary.wrong(turned_keeps_shape_and_dtype, "is the conversion")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    one, other = even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()
    return torch.stack([one, other], dim=-1).flatten(-2)


@rotary.wrong(lengths_stay, "Check the signs")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([even * cos + odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


@rotary.wrong(pairs_turn_by_their_angles, "the other way round")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([even * cos + odd * sin, odd * cos - even * sin], dim=-1).flatten(-2)


@rotary.wrong(pairs_turn_by_their_angles, "by the number of their row")
def my_rotary(vectors, positions):
    length, width = vectors.shape[-2:]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = torch.arange(length)[:, None] * 10_000.0 ** (-2 * pair / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


@rotary.wrong(pairs_turn_by_their_angles, "Are neighbours a pair")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    one, other = vectors.chunk(2, dim=-1)
    return torch.cat([one * cos - other * sin, one * sin + other * cos], dim=-1)


@rotary.wrong(far_turns_are_exact, "float64")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    angle = positions[:, None] * 10_000.0 ** (-2 * torch.arange(width // 2) / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


@rotary.wrong(gradient_turns_back, "cut off by `.detach()`")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None] * 10_000.0 ** (-2 * pair / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2].detach()
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


def _turned_as_complex(vectors, positions):
    """The oracle for all sizes: each pair is a complex number, and a turn is a product."""
    pairs = torch.complex(vectors[..., 0::2], vectors[..., 1::2])
    exponent = torch.linspace(0.0, 1.0, pairs.size(-1) + 1, dtype=torch.float64)[:-1]
    turns = torch.exp(1j * torch.outer(positions.double(), 10_000.0**-exponent))
    return torch.view_as_real(pairs * turns).flatten(-2)


@rotary.inputs(oracle=_turned_as_complex)
def rotary_calls(draw):
    """Positions in any order; bfloat16, in which whole numbers above 256 are not all there."""
    draw.dtypes(torch.float64, torch.float32, torch.bfloat16)
    seq_len, num_pairs, batch = draw.sizes(tokens=300, pairs=65, sequences=65)
    leading = draw.one_of((), (batch,), (batch, draw.whole(1, 3)))
    vectors = draw.floats(*leading, seq_len, 2 * num_pairs, scale=draw.scale(1, 100))
    return vectors, draw.wholes(0, draw.one_of(300, 5_000), seq_len)


@rotary.wrong(rotary_calls, "in bfloat16")
def my_rotary(vectors, positions):
    width = vectors.shape[-1]
    pair = torch.arange(width // 2, dtype=torch.float64)
    angle = positions[:, None].to(vectors.dtype) * 10_000.0 ** (-2 * pair / width)
    cos, sin = angle.cos().to(vectors.dtype), angle.sin().to(vectors.dtype)
    even, odd = vectors[..., 0::2], vectors[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


# --- ALiBi -------------------------------------------------------------------------------------

alibi = CodeExercise(
    returns=("bias",),
    task="""
    Write `my_alibi(query_at, key_at, num_heads)`: what ALiBi adds to the scores, float32, of shape
    `(num_heads, Q, K)`. Head h, counted from 1, has the slope `2^(-8h / num_heads)`; the bias is
    minus the slope times the distance, without its sign, of query and key. `query_at` `(Q,)` and
    `key_at` `(K,)` are whole numbers; `num_heads` is a power of two.
    """,
    hints=(
        "A table of distances `(Q, K)` first; then one slope for each head.",
        "`slope[:, None, None]` has the shape `(num_heads, 1, 1)`, which meets every distance.",
    ),
    because="Nothing is learnt: each head forgets at a rate of its own.",
)


@alibi.stub
def my_alibi(query_at, key_at, num_heads):
    """Return the bias (num_heads, Q, K) that ALiBi adds to the scores."""
    raise NotImplementedError


@alibi.reference
def my_alibi(query_at, key_at, num_heads):
    slope = 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)  # (H,)
    distance = (key_at[None, :] - query_at[:, None]).abs()  # (Q, K)
    return -slope[:, None, None] * distance


@alibi.right
def my_alibi(query_at, key_at, num_heads):
    ratio = 2.0 ** (-8 / num_heads)
    distance = (key_at - query_at.unsqueeze(1)).abs()
    return torch.stack([-(ratio**head) * distance for head in range(1, num_heads + 1)])


@alibi.right
def my_alibi(query_at, key_at, num_heads):
    slope = torch.exp2(-8 * (torch.arange(num_heads) + 1) / num_heads)
    distance = (query_at[:, None] - key_at).abs().float()
    return torch.einsum("h,qk->hqk", -slope, distance)


@alibi.right
def my_alibi(query_at, key_at, num_heads):
    distance = torch.maximum(query_at[:, None] - key_at, key_at - query_at[:, None])
    slope = torch.tensor([2.0 ** (-8 * head / num_heads) for head in range(1, num_heads + 1)])
    return torch.outer(-slope, distance.flatten()).reshape(num_heads, *distance.shape)


@alibi.check
def bias_has_its_shape(answer):
    bias = answer(torch.arange(3), torch.arange(5), 4)
    if bias.shape != (4, 3, 5):
        return (
            f"With 4 heads, 3 queries and 5 keys the bias should have shape (4, 3, 5); yours has "
            f"{tuple(bias.shape)}."
        )
    if bias.dtype != torch.float32:
        return f"The bias should be float32; yours is {bias.dtype}."


@alibi.check
def nobody_is_lifted(answer):
    bias = answer(torch.arange(4), torch.arange(4), 2)
    if (bias > 0).any():
        return "Some scores are lifted: the bias is never above 0, and 0 at distance 0."
    if bias.diagonal(dim1=-2, dim2=-1).abs().max() > 0:
        return "A token at distance 0 should be left alone; yours gets a bias."


@alibi.check
def each_head_has_its_slope(answer):
    for query_at, key_at, num_heads in (
        (torch.tensor([4, 9]), torch.tensor([0, 6, 11]), 4),
        (torch.tensor([7]), torch.tensor([7, 2]), 1),
        (torch.tensor([0, 5, 2]), torch.tensor([3]), 8),
    ):
        bias = answer(query_at, key_at, num_heads)
        if bias.shape != (num_heads, len(query_at), len(key_at)):
            return f"With {num_heads} heads the shape becomes {tuple(bias.shape)}."
        if torch.allclose(bias, _alibi_by_row_and_column(*bias.shape), rtol=1e-4):
            return (
                "The distances are those of row and column. They should be those of the positions "
                "in `query_at` and `key_at`, which need not count 0, 1, 2, and so on."
            )
        for head in range(num_heads):
            for q, one in enumerate(query_at.tolist()):
                for k, other in enumerate(key_at.tolist()):
                    wanted = -(max(one, other) - min(one, other)) / 256 ** ((head + 1) / num_heads)
                    if not math.isclose(bias[head, q, k].item(), wanted, rel_tol=1e-4):
                        return (
                            f"Of {num_heads} heads, head {head + 1} gives a query at {one} and a "
                            f"key at {other} a bias of {bias[head, q, k]:.3g}, which is not minus "
                            f"slope times distance. Do heads count from 1, and is 8 in the "
                            f"exponent?"
                        )


def _alibi_by_row_and_column(num_heads: int, num_queries: int, num_keys: int) -> torch.Tensor:
    """A slip: the places in the table taken for the positions."""
    bias = torch.zeros(num_heads, num_queries, num_keys)
    for head, row, column in itertools.product(*map(range, bias.shape)):
        bias[head, row, column] = -abs(row - column) / 256 ** ((head + 1) / num_heads)
    return bias


@alibi.wrong(bias_has_its_shape, "should have shape")
def my_alibi(query_at, key_at, num_heads):
    slope = 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)
    return -slope[:, None, None] * (key_at[:, None] - query_at[None, :]).abs()


@alibi.wrong(nobody_is_lifted, "lifted")
def my_alibi(query_at, key_at, num_heads):
    slope = 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)
    return slope[:, None, None] * (key_at[None, :] - query_at[:, None]).abs()


@alibi.wrong(nobody_is_lifted, "lifted")
def my_alibi(query_at, key_at, num_heads):
    slope = 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)
    return slope[:, None, None] * (key_at[None, :] - query_at[:, None])


@alibi.wrong(each_head_has_its_slope, "those of row and column")
def my_alibi(query_at, key_at, num_heads):
    slope = 2.0 ** (-8 * torch.arange(1, num_heads + 1) / num_heads)
    row, column = torch.arange(len(query_at)), torch.arange(len(key_at))
    return -slope[:, None, None] * (column[None, :] - row[:, None]).abs()


@alibi.wrong(each_head_has_its_slope, "Do heads count from 1")
def my_alibi(query_at, key_at, num_heads):
    slope = 2.0 ** (-8 * torch.arange(num_heads) / num_heads)
    return -slope[:, None, None] * (key_at[None, :] - query_at[:, None]).abs()


def _bias_by_hand(query_at, key_at, num_heads):
    """The oracle: in float64, head after head."""
    distance = (query_at[:, None] - key_at[None, :]).abs().double()
    heads = range(1, num_heads + 1)
    return torch.stack([-distance / 2.0 ** (8 * head / num_heads) for head in heads])


@alibi.inputs(oracle=_bias_by_hand)
def alibi_calls(draw):
    num_queries, num_keys, doublings = draw.sizes(queries=300, keys=300, doublings_of_heads=(0, 5))
    query_at, key_at = draw.wholes(0, 300, num_queries), draw.wholes(0, 300, num_keys)
    return query_at, key_at, 2**doublings


@alibi.wrong(alibi_calls, "`bias` at [")
def my_alibi(query_at, key_at, num_heads):
    slope = 2.0 ** -(8 * torch.arange(1, num_heads + 1) // num_heads)
    return -slope[:, None, None] * (key_at[None, :] - query_at[:, None]).abs()


# --- a bug, predictions, a claim ---------------------------------------------------------------

left_padding = FindTheBug(
    returns=("positions",),
    harm="counts the padding",
    task="""
    Short sentences of a batch are padded on the *left*, as one does when generating. This function
    is meant to give each token its position, from 0 at the sentence's first token. It runs, and
    for the longest sentence it is right. Repair it: `is_token` is bool, `(B, L)`, False where
    there is padding; return whole numbers `(B, L)`, with 0 at the padding.
    """,
    hints=(
        "What should the positions of `[False, False, True, True]` be?",
        "`cumsum(dim=-1)` of truth values counts the True ones so far.",
    ),
    because="Counting tokens, not places: then padding moves nobody.",
)


@left_padding.stub
def token_positions(is_token):
    """Return each token's position in its own sentence: (B, L)."""
    return torch.arange(is_token.shape[-1]).repeat(is_token.shape[0], 1)


@left_padding.reference
def token_positions(is_token):
    return (is_token.cumsum(dim=-1) - 1).clamp(min=0)


@left_padding.right
def token_positions(is_token):
    place = torch.arange(is_token.shape[-1])
    padding = (~is_token).sum(dim=-1, keepdim=True)
    return (place - padding).clamp(min=0)


@left_padding.right
def token_positions(is_token):
    return torch.where(is_token, is_token.cumsum(-1) - 1, 0)


@left_padding.right
def token_positions(is_token):
    length = is_token.shape[-1]
    rows = [
        [max(0, place - row.count(False)) for place in range(length)] for row in is_token.tolist()
    ]
    return torch.tensor(rows)


@left_padding.check
def sentence_starts_at_zero(answer):
    is_token = torch.tensor([[True] * 5, [False] * 2 + [True] * 3])
    positions = answer(is_token)
    if positions.shape != (2, 5):
        return (
            f"The positions should have the shape (2, 5) of `is_token`; yours have "
            f"{tuple(positions.shape)}."
        )
    if positions.is_floating_point() or positions.dtype == torch.bool:
        return f"Positions are whole numbers, such as int64; yours are {positions.dtype}."
    if positions[1, 2] != 0:
        return (
            f"Two places of padding and three tokens get the positions {positions[1].tolist()} in "
            f"yours: something counts the padding. The first token should be at 0."
        )


@left_padding.check
def tokens_count_on(answer):
    for length, tokens in ((5, (5, 3, 1)), (1, (1,)), (7, (2, 6, 7, 4))):
        wanted = torch.tensor([[0] * (length - n) + list(range(n)) for n in tokens])
        is_token = torch.tensor([[False] * (length - n) + [True] * n for n in tokens])
        positions = answer(is_token)
        if positions.shape != wanted.shape:
            return (
                f"For `is_token` of shape {tuple(wanted.shape)} the positions have shape "
                f"{tuple(positions.shape)} in yours."
            )
        for n, mine, row in zip(tokens, positions.tolist(), wanted.tolist(), strict=True):
            if mine != row:
                return (
                    f"{n} tokens after {length - n} places of padding get the positions {mine} in "
                    f"yours. They should count 0, 1, 2, … from the first token, and be 0 at the "
                    f"padding."
                )


@left_padding.wrong(tokens_count_on, "get the positions [-1, -1, 0, 1, 2]")
def token_positions(is_token):
    return is_token.cumsum(dim=-1) - 1


@left_padding.wrong(sentence_starts_at_zero, "get the positions [0, 0, 1, 2, 3]")
def token_positions(is_token):
    return is_token.cumsum(dim=-1)


@left_padding.wrong(sentence_starts_at_zero, "such as int64; yours are torch.float32")
def token_positions(is_token):
    return (is_token.float().cumsum(dim=-1) - 1).clamp(min=0)


@left_padding.wrong(tokens_count_on, "have shape (1,)")
def token_positions(is_token):
    return (is_token.cumsum(dim=-1) - 1).clamp(min=0).squeeze(1)


def _counted(is_token):
    """The oracle: each sentence by itself."""
    length = is_token.shape[1]
    rows = [[0] * (length - n) + list(range(n)) for n in is_token.sum(dim=1).tolist()]
    return torch.tensor(rows)


@left_padding.inputs(oracle=_counted)
def position_calls(draw):
    batch, length = draw.sizes(sentences=300, places=300)
    num_tokens = draw.wholes(1, length, batch)
    return (torch.arange(length) >= length - num_tokens[:, None],)


@left_padding.wrong(position_calls, "is a size fixed")
def token_positions(is_token):
    return (is_token.cumsum(dim=-1) - 1).clamp(min=0, max=63)


def _open_hands() -> float:
    """Pairs of a 64-wide table that make less than one full turn over 512 positions."""
    table = torch.arange(32, dtype=torch.float64)
    return float((512 * 10_000.0 ** (-2 * table / 64) < 2 * math.pi).sum())


open_hands = Number(
    kind="Predict",
    answer_name="open_hands_answer",
    form="a whole number from 0 to 32",
    task="""
    A sinusoidal table is 64 wide, so it has 32 clock hands. How many of them do *not* complete a
    single turn over 512 positions? Guess before you compute; within a factor of 1.3 counts.
    """,
    truth=_open_hands,
    factor=1.3,
    reveal=True,
    traps=((32, "The first hand turns once in 2π positions, more than 80 times over 512."),),
    hints=(
        "Hand i makes 512 · 10000^(−2i / 64) / 2π turns.",
        "512 / 2π is about 81. When has 10000^(2i / 64) grown to 81? Take logarithms.",
    ),
    because="Hand i makes 512 · 10000^(−2i / 64) / 2π turns, which is below 1 from hand 16 on; in "
    "a longer text these slow hands reach where they have never been.",
)


def _sinusoidal_change() -> float:
    from lessons_lib.measure.results import load_results

    runs = load_results("length_extrapolation")["runs"]
    final = [r["numbers"] for r in runs if (r["variant"], r["stage"]) == ("sinusoidal", "final")]
    return sum(numbers["loss_512"] - numbers["loss_32"] for numbers in final) / len(final)


sinusoidal_forecast = Number(
    kind="Predict",
    answer_name="sinusoidal_forecast_answer",
    form="a number of nats per character",
    task="""
    A small model with sinusoidal positions was trained on 32 characters at a time and reads with a
    loss of about 2 nats per character there. Then it gets 512. By how much does its loss change,
    in nats? Positive is worse. Your guess will be drawn beside the authors' forecast; within a
    factor of 1.5 counts.
    """,
    truth=_sinusoidal_change,
    factor=1.5,
    reveal=True,
    hints=("A model that knows nothing but how frequent each letter is loses about 3 nats.",),
    because="Beyond character 32 every sum of word and position is new to the model; at 512 it "
    "reads about as badly as one that knows only how frequent each letter is.",
)

reads_on = Choice(
    kind="Criticise a claim",
    answer_name="reads_on_answer",
    task="""
    "Our model uses sinusoidal positions. The formula goes on for ever, so the model reads texts of
    any length." Which of these hold? Give all of them.
    """,
    options={
        "a": "The formula gives a different vector for every position that matters here.",
        "b": "The claim follows, for the table needs no training.",
        "c": "What was trained has only met the vectors of the lengths it was trained on.",
        "d": "Measuring the loss of the same targets with more text in front would test the claim.",
    },
    right="acd",
    reasons={
        "a": "True: the slow hands tell far positions apart. Being defined is not the trouble.",
        "b": "The table needs none, but the matrices that read it were trained on a part of it.",
        "c": "True: queries, keys and all that follows were fitted to sums that occurred.",
        "d": "True: that is what the study does. The same targets, so that only length differs.",
    },
    hints=("Who has to make sense of the table's new rows?",),
)
