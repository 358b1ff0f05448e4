"""The exercises of the chapter on multi-head attention."""

import functools

import torch
from torch.nn import functional

from lessons_lib.model.attention import scaled_dot_product_attention

from .engine.declare import CodeExercise, FindTheBug
from .engine.oracles import other_dtype
from .engine.values import Choice, Number, ShapePuzzle

_NOTHING_TO_COMPUTE = "only places change here, so no number should be converted."

# --- recap -------------------------------------------------------------------------------------

row_sums = Choice(
    kind="Recap",
    answer_name="row_sums_answer",
    task="The `weights` of one head have shape `(7, 9)`: 7 queries look at 9 keys. What sums to 1?",
    options={
        "a": "Each row: 7 sums, over 9 keys each.",
        "b": "Each column: 9 sums, over 7 queries each.",
        "c": "The whole table.",
        "d": "Nothing in particular: they are learnt.",
    },
    right="a",
    reasons={
        "a": "A query shares out one whole among the keys; softmax runs over the last axis.",
        "b": "That would be a softmax over the queries: a key would have to be looked at.",
        "c": "Then 7 queries would share one average among them; each should get its own.",
        "d": "The matrices behind the scores are learnt; softmax makes their sum 1 all the same.",
    },
    hints=("Each query wants an average of its own. What must the weights of an average do?",),
)

narrow_scale = Choice(
    kind="Recap",
    answer_name="narrow_scale_answer",
    task="""
    Queries and keys hold random numbers of variance 1 and are 64 wide. Now each is cut into two
    halves of width 32, and each half is compared by itself. By what should the new scores be
    divided?
    """,
    options={
        "a": "by √64 = 8, as before",
        "b": "by √32 = 5.7",
        "c": "by 2, for there are two halves",
        "d": "by nothing: short vectors have small scores",
    },
    right="b",
    reasons={
        "a": "A half's score adds up 32 products, so its variance is 32 and no longer 64.",
        "b": "A score that adds up 32 products of variance 1 has standard deviation √32.",
        "c": "The number of halves plays no part: each score is the sum of its own 32 products.",
        "d": "Shorter, but not small: a standard deviation of √32 still makes softmax too hard.",
    },
    hints=("How many products does the score of one half add up? What is its variance?",),
)

# --- one head for two needs --------------------------------------------------------------------

one_head = Number(
    kind="Predict, then run",
    answer_name="one_head_guess",
    form="a share between 0 and 1",
    task="""
    Suppose that the one head gives half its weight to the letter before and half to the first
    letter. Out comes the mean of the two values: which two letters they are can be told, which
    of them is which cannot. With 26 letters, how often are *both* answers right, at best?
    """,
    truth=lambda: _both_right_from_an_unordered_pair(),
    factor=1.1,
    traps=(
        (0.25, "The two guesses hang together: if one is right, so is the other."),
        (1 / 26, "That is blind guessing of one letter; here both letters are known."),
    ),
    reveal=True,
    hints=("The reader of the mean can toss a coin once: this order, or the other?",),
    because="A toss of a coin decides the order; now and then both letters are the same anyway.",
)


@functools.cache
def _both_right_from_an_unordered_pair(num_letters: int = 26) -> float:
    """All pairs of letters, each guessed in both orders: the share of guesses that are right."""
    letters = torch.arange(num_letters)
    pairs = torch.cartesian_prod(letters, letters)  # (676, 2)
    guesses = torch.stack([pairs, pairs.flip(-1)])  # (2, 676, 2)
    return (guesses == pairs).all(dim=-1).float().mean().item()


# --- splitting ---------------------------------------------------------------------------------

split = CodeExercise(
    returns=("heads",),
    task="""
    Write `my_split(x, num_heads)`: cut each token's vector into `num_heads` pieces of equal width,
    and give the heads an axis of their own, before the tokens: from `(B, L, d_model)` to
    `(B, H, L, d_head)`. Head 0 gets the first `d_head` numbers of every token.
    """,
    hints=(
        "Two steps: first cut the last axis in two, then move an axis.",
        "`x.view(B, L, num_heads, -1)` cuts the last axis; `transpose(1, 2)` swaps axes 1 and 2.",
    ),
    because="First the last axis is cut where it lies, then the axes change places.",
)


@split.stub
def my_split(x, num_heads):
    """(B, L, d_model) -> (B, num_heads, L, d_head)."""
    raise NotImplementedError


@split.reference
def my_split(x, num_heads):
    batch, seq_len, d_model = x.shape
    pieces = x.reshape(batch, seq_len, num_heads, d_model // num_heads)
    return pieces.transpose(1, 2)  # (B, L, H, D) -> (B, H, L, D)


@split.right
def my_split(x, num_heads):
    return torch.stack(x.chunk(num_heads, dim=-1), dim=1)


@split.right
def my_split(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).permute(0, 2, 1, 3)


@split.right
def my_split(x, num_heads):
    width = x.size(-1) // num_heads
    heads = [x[..., width * head : width * (head + 1)] for head in range(num_heads)]
    return torch.stack(heads, dim=1)


def _tokens(batch: int = 2, seq_len: int = 5, d_model: int = 12, dtype=torch.float64):
    rng = torch.Generator().manual_seed(5)
    return torch.randn(batch, seq_len, d_model, generator=rng, dtype=dtype)


def _pieces_one_by_one(x, num_heads: int):
    """The oracle: each head's numbers picked by their place, one token at a time."""
    batch, seq_len, d_model = x.shape
    width = d_model // num_heads
    heads = x.new_empty(batch, num_heads, seq_len, width)
    for head in range(num_heads):
        for token in range(seq_len):
            heads[:, head, token] = x[:, token, head * width : head * width + width]
    return heads


@split.check
def heads_have_their_axis(answer):
    heads = answer(_tokens(), 3)
    if heads.shape == (2, 3, 5, 4):
        return other_dtype("heads", heads, torch.float64, _NOTHING_TO_COMPUTE)
    if heads.shape == (2, 5, 3, 4):
        return (
            "Yours is (B, L, H, d_head) = (2, 5, 3, 4): the cut is right, but the heads still "
            "stand after the tokens. Attention works on the last two axes, so these should be L "
            "and d_head."
        )
    if heads.shape == (2, 4, 5, 3):
        return "Yours has 4 heads of width 3; asked for are 3 heads of width 4."
    return (
        f"12 numbers a token, 3 heads: the shape should be (B, H, L, d_head) = (2, 3, 5, 4); yours "
        f"is {tuple(heads.shape)}."
    )


@split.check
def each_head_gets_its_own_numbers_of_every_token(answer):
    x = _tokens()
    heads = answer(x, 3)
    if torch.equal(heads, _pieces_one_by_one(x, 3)):
        return None
    if torch.equal(heads, x.reshape(2, 3, 5, 4)):
        return (
            "The shape is right, but tokens are cut apart: head 0 holds all of the first token and "
            "a piece of the second. Cut the last axis only, then move the axis of the heads."
        )
    if torch.equal(heads, x.reshape(2, 5, 4, 3).permute(0, 3, 1, 2)):
        return (
            "Head 0 gets every third number; it should get the first 4 of each token, in one piece."
        )
    return "Head 0 should hold the first 4 numbers of each token, head 1 the next 4, and so on."


@split.check
def any_sizes_will_do(answer):
    for batch, seq_len, d_model, num_heads in ((1, 1, 6, 1), (3, 1, 8, 8), (1, 7, 6, 2)):
        x = _tokens(batch, seq_len, d_model)
        heads = answer(x, num_heads)
        wanted = _pieces_one_by_one(x, num_heads)
        if heads.shape != wanted.shape or not torch.equal(heads, wanted):
            return (
                f"For x of shape {tuple(x.shape)} and {num_heads} heads the shape should be "
                f"{tuple(wanted.shape)}, each head with its own piece; yours has "
                f"{tuple(heads.shape)}. Is a size written as a number, or squeezed away?"
            )


@split.check
def gradient_returns_through_the_split(answer):
    x = _tokens().requires_grad_()
    heads = answer(x, 3)
    if not heads.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.detach()`, a copy)."
    heads.square().sum().backward()
    if not torch.allclose(x.grad, 2 * x.detach()):
        return "Only a part of the gradient comes back: is one piece cut off by `.detach()`?"


@split.wrong(heads_have_their_axis, "stand after the tokens")
def my_split(x, num_heads):
    return x.unflatten(-1, (num_heads, -1))


@split.wrong(heads_have_their_axis, "4 heads of width 3")
def my_split(x, num_heads):
    return x.unflatten(-1, (-1, num_heads)).transpose(1, 2)


@split.wrong(heads_have_their_axis, "yours is (6, 5, 4)")
def my_split(x, num_heads):
    return torch.cat(x.chunk(num_heads, dim=-1))


@split.wrong(heads_have_their_axis, "`heads` is torch.float32: only places change")
def my_split(x, num_heads):
    return x.float().unflatten(-1, (num_heads, -1)).transpose(1, 2)


@split.wrong(each_head_gets_its_own_numbers_of_every_token, "tokens are cut apart")
def my_split(x, num_heads):
    return x.reshape(x.size(0), num_heads, x.size(1), -1)


@split.wrong(each_head_gets_its_own_numbers_of_every_token, "every third number")
def my_split(x, num_heads):
    return x.unflatten(-1, (-1, num_heads)).permute(0, 3, 1, 2)


@split.wrong(each_head_gets_its_own_numbers_of_every_token, "head 1 the next 4")
def my_split(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2).flip(1)


@split.wrong(any_sizes_will_do, "stopped")
def my_split(x, num_heads):
    return torch.stack(x.split(4, dim=-1), dim=1)


@split.wrong(any_sizes_will_do, "squeezed away")
def my_split(x, num_heads):
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2).squeeze()


@split.wrong(gradient_returns_through_the_split, "No gradient comes back")
def my_split(x, num_heads):
    return x.detach().unflatten(-1, (num_heads, -1)).transpose(1, 2)


@split.wrong(gradient_returns_through_the_split, "Only a part")
def my_split(x, num_heads):
    first, *rest = x.chunk(num_heads, dim=-1)
    return torch.stack([first, *(piece.detach() for piece in rest)], dim=1)


@split.inputs(oracle=lambda x, num_heads: torch.stack(x.chunk(num_heads, dim=-1), dim=1))
def split_calls(draw):
    batch, seq_len, num_heads, width = draw.sizes(
        sequences=65, tokens=300, heads=65, columns_of_a_head=65
    )
    return draw.floats(batch, seq_len, num_heads * width, scale=draw.scale(1, 1_000)), num_heads


@split.wrong(split_calls, "is a size fixed")
def my_split(x, num_heads):
    batch, seq_len, d_model = x.shape
    heads = x.new_zeros(batch, num_heads, seq_len, d_model // num_heads)
    for head, piece in enumerate(x.chunk(num_heads, dim=-1)[:16]):
        heads[:, head] = piece
    return heads


split_shape = ShapePuzzle(
    answer_name="split_shape_answer",
    task="""
    `x` has shape `(4, 10, 512)`. After the projection, query and key are each split into 8 heads.
    What is the shape of the `weights`?
    """,
    truth=lambda: torch.zeros(4, 8, 10, 64) @ torch.zeros(4, 8, 10, 64).mT,
    traps={
        (4, 8, 10, 64): "That is a query after the split. Its width is summed away in the scores.",
        (4, 10, 8, 8): "These would be weights from head to head within a token: the transpose is "
        "missing, and no token looks at another.",
        (4, 10, 10): "That is one table for all heads; each head has its own.",
        (4, 8, 64, 64): "That compares columns with columns; queries should meet keys.",
    },
    hints=("One weight for each pair of a query and a key, in each head of each sequence.",),
    because="A table of 10 queries by 10 keys, for each of 8 heads, in each of 4 sequences.",
)

# --- merging -----------------------------------------------------------------------------------

merge = FindTheBug(
    returns=("merged",),
    harm="mixed across positions",
    task="""
    This function should undo the split: lay each token's pieces side by side again. It runs, its
    shape is right, and a model that is built with it trains. Repair it.
    """,
    hints=(
        "Give it heads that hold 0, 1, 2, ... and look where the numbers of token 0 end up.",
        "`reshape` reads numbers in the order in which the axes stand. Which axis should come "
        "last but one?",
    ),
    because="`reshape` never moves a number, it only cuts the row of numbers anew. So the heads' "
    "axis has to be moved beside the width first.",
)


@merge.stub
def merge_heads(heads):
    """(B, H, L, d_head) -> (B, L, H * d_head)."""
    batch, num_heads, seq_len, d_head = heads.shape
    return heads.reshape(batch, seq_len, num_heads * d_head)


@merge.reference
def merge_heads(heads):
    batch, num_heads, seq_len, d_head = heads.shape
    return heads.transpose(1, 2).reshape(batch, seq_len, num_heads * d_head)


@merge.right
def merge_heads(heads):
    return heads.permute(0, 2, 1, 3).flatten(start_dim=2)


@merge.right
def merge_heads(heads):
    return torch.cat(heads.unbind(dim=1), dim=-1)


@merge.right
def merge_heads(heads):
    together = heads.transpose(1, 2).contiguous()  # (B, L, H, D)
    return together.view(*together.shape[:2], -1)


def _heads(batch: int = 2, num_heads: int = 3, seq_len: int = 5, d_head: int = 4):
    rng = torch.Generator().manual_seed(6)
    return torch.randn(batch, num_heads, seq_len, d_head, generator=rng, dtype=torch.float64)


@merge.check
def merged_has_its_shape(answer):
    merged = answer(_heads())
    if merged.shape != (2, 5, 12):
        return (
            f"Heads of shape (2, 3, 5, 4) should merge to (B, L, d_model) = (2, 5, 12); yours has "
            f"{tuple(merged.shape)}."
        )
    return other_dtype("merged", merged, torch.float64, _NOTHING_TO_COMPUTE)


@merge.check
def tokens_stay_apart(answer):
    heads = _heads()
    other = heads.clone()
    other[:, :, 2] += 1.0  # token 2, in every head
    moved = (answer(other) != answer(heads)).any(dim=-1).any(dim=0)
    rows = moved.nonzero().flatten().tolist()
    if rows != [2]:
        return (
            f"Changing token 2 moves the rows {rows}; only row 2 should move. The tokens are mixed "
            f"across positions."
        )


@merge.check
def pieces_stand_in_the_order_of_the_heads(answer):
    heads = _heads()
    merged = answer(heads)
    for head in range(3):
        if not torch.equal(merged[..., 4 * head : 4 * head + 4], heads[:, head]):
            return (
                "Tokens stay apart, but within a token the pieces are out of order: first the 4 "
                "numbers of head 0, then the 4 of head 1, and so on, unchanged."
            )


@merge.check
def other_sizes_merge_too(answer):
    for sizes in ((1, 1, 1, 6), (3, 2, 1, 1), (1, 4, 7, 2)):
        heads = _heads(*sizes)
        batch, num_heads, seq_len, d_head = sizes
        merged = answer(heads)
        wanted = torch.cat([heads[:, head] for head in range(num_heads)], dim=2)
        if merged.shape != wanted.shape or not torch.equal(merged, wanted):
            return (
                f"Heads of shape {sizes} should merge to {(batch, seq_len, num_heads * d_head)}, "
                f"piece by piece; is a size written as a number, or squeezed away?"
            )


@merge.check
def gradient_returns_through_the_merge(answer):
    heads = _heads().requires_grad_()
    merged = answer(heads)
    if not merged.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.detach()`, a copy)."


@merge.wrong(merged_has_its_shape, "yours has (2, 3, 20)")
def merge_heads(heads):
    return heads.flatten(start_dim=2)


@merge.wrong(merged_has_its_shape, "`merged` is torch.float32: only places change")
def merge_heads(heads):
    return heads.float().transpose(1, 2).flatten(start_dim=2)


@merge.wrong(tokens_stay_apart, "mixed across positions")
def merge_heads(heads):
    batch, num_heads, seq_len, d_head = heads.shape
    return heads.transpose(2, 3).reshape(batch, seq_len, num_heads * d_head)


@merge.wrong(pieces_stand_in_the_order_of_the_heads, "out of order")
def merge_heads(heads):
    batch, num_heads, seq_len, d_head = heads.shape
    return heads.permute(0, 2, 3, 1).reshape(batch, seq_len, num_heads * d_head)


@merge.wrong(other_sizes_merge_too, "squeezed away")
def merge_heads(heads):
    return heads.transpose(1, 2).flatten(start_dim=2).squeeze()


@merge.wrong(other_sizes_merge_too, "stopped")
def merge_heads(heads):
    return torch.cat([heads[:, 0], heads[:, 1], heads[:, 2]], dim=-1)


@merge.wrong(gradient_returns_through_the_merge, "No gradient comes back")
def merge_heads(heads):
    return heads.detach().transpose(1, 2).flatten(start_dim=2)


@merge.inputs(oracle=lambda heads: torch.cat(heads.unbind(dim=1), dim=-1))
def merge_calls(draw):
    shape = draw.sizes(sequences=65, heads=65, tokens=300, columns_of_a_head=65)
    return (draw.floats(*shape, scale=draw.scale(1, 1_000)),)


@merge.wrong(merge_calls, "gradient of `heads`")
def merge_heads(heads):
    merged = heads.transpose(1, 2).flatten(start_dim=2)
    return merged / 2 + merged.detach() / 2


# --- the whole ---------------------------------------------------------------------------------

multi_head = CodeExercise(
    returns=("output",),
    task="""
    Write `my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None)` and return the output,
    `(B, L, d_model)`. `w_in` is `(3 * d_model, d_model)`: first the rows for queries, then keys,
    then values; `w_out` is `(d_model, d_model)`. Both are stored as torch stores them, so
    `functional.linear(x, w_in, b_in)` projects. `mask` is bool, broadcastable to `(B, H, L, L)`,
    True = may look, and leaves each query a key at least. Use `scaled_dot_product_attention` from
    the last chapter, or your own. Once it passes, the real layer runs through *your* function.
    """,
    hints=(
        "Five steps: project, split, attend, merge, project. Write each shape beside its line.",
        "`functional.linear(x, w_in, b_in).chunk(3, dim=-1)` gives query, key and value, each "
        "`(B, L, d_model)`. Split each as above.",
        "`scaled_dot_product_attention` takes any leading axes, so it does all heads at once; it "
        "returns output and weights.",
        "Merge with transpose, then reshape; then `functional.linear(merged, w_out, b_out)`.",
    ),
    because="All heads are computed at once: they are just one more leading axis.",
)


@multi_head.stub
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    """Multi-head self-attention: (B, L, d_model) -> (B, L, d_model)."""
    raise NotImplementedError


@multi_head.reference
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    projected = functional.linear(x, w_in, b_in)  # (B, L, 3 * d_model)
    parts = projected.unflatten(-1, (3, num_heads, -1))  # (B, L, 3, H, D)
    query, key, value = parts.permute(2, 0, 3, 1, 4)  # each (B, H, L, D)
    heads, _ = scaled_dot_product_attention(query, key, value, mask)
    merged = heads.transpose(1, 2).flatten(-2)  # (B, L, H, D) -> (B, L, d_model)
    return functional.linear(merged, w_out, b_out)


@multi_head.right
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    batch, seq_len, d_model = x.shape
    width = d_model // num_heads
    query, key, value = (x @ w_in.T + b_in).chunk(3, dim=-1)
    heads = []
    for first in range(0, d_model, width):
        own = slice(first, first + width)
        seen = None
        if mask is not None:
            seen = mask.expand(batch, num_heads, seq_len, seq_len)[:, first // width]
        output, _ = scaled_dot_product_attention(
            query[..., own], key[..., own], value[..., own], seen
        )
        heads.append(output)
    return torch.cat(heads, dim=-1) @ w_out.T + b_out


@multi_head.right
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    weight = w_in.unflatten(0, (3, num_heads, -1))  # (3, H, D, d_model)
    bias = b_in.view(3, 1, num_heads, 1, -1)
    query, key, value = torch.einsum("ble,rhde->rbhld", x, weight) + bias
    heads = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    out = w_out.unflatten(1, (num_heads, -1))  # (d_model, H, D)
    return torch.einsum("bhld,ehd->ble", heads, out) + b_out


@multi_head.right
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    batch, seq_len, d_model = x.shape
    parts = []
    for role in range(3):
        part = x @ w_in.chunk(3)[role].T + b_in.chunk(3)[role]
        parts.append(part.view(batch, seq_len, num_heads, -1).transpose(1, 2))
    query, key, value = parts
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    heads = scores.softmax(dim=-1) @ value
    return heads.transpose(1, 2).reshape(batch, seq_len, d_model) @ w_out.T + b_out


def _layer_inputs(batch: int = 2, seq_len: int = 5, d_model: int = 12, dtype=torch.float64):
    """x, then the weights and biases of a layer; no two of the sizes are the same."""
    rng = torch.Generator().manual_seed(7)
    shapes = (3 * d_model, d_model), (3 * d_model,), (d_model, d_model), (d_model,)
    weights = [0.5 * torch.randn(shape, generator=rng, dtype=dtype) for shape in shapes]
    return [_tokens(batch, seq_len, d_model, dtype), *weights]


def _torch_layer(x, w_in, b_in, w_out, b_out, num_heads: int, mask=None):
    """The oracle: what `torch.nn.MultiheadAttention` calls; its masks say True = may not look."""
    batch, seq_len, d_model = x.shape
    hidden = None
    if mask is not None:
        hidden = ~mask.expand(batch, num_heads, seq_len, seq_len).flatten(0, 1)
    x = x.transpose(0, 1)
    output, _ = functional.multi_head_attention_forward(
        *(x, x, x, d_model, num_heads, w_in, b_in, None, None, False, 0.0, w_out, b_out),
        need_weights=False,
        attn_mask=hidden,
    )
    return output.transpose(0, 1)


def _by_slips(x, w_in, b_in, w_out, b_out, num_heads, slip: str):
    """The same layer with one famous slip, to recognise it in what a reader's function returns."""
    batch, seq_len, d_model = x.shape
    query, key, value = functional.linear(x, w_in, None if slip == "b_in" else b_in).chunk(3, -1)
    if slip == "order":
        query, key = key, query

    def cut(part):
        if slip == "split":
            return part.reshape(batch, num_heads, seq_len, -1)
        if slip == "axis":
            return part.unflatten(-1, (num_heads, -1))
        return part.unflatten(-1, (num_heads, -1)).transpose(1, 2)

    scale = {"scale": 1.0, "wide": d_model**-0.5}.get(slip)
    heads = functional.scaled_dot_product_attention(*map(cut, (query, key, value)), scale=scale)
    if slip in ("merge", "axis"):
        merged = heads.reshape(batch, seq_len, d_model)
    else:
        merged = heads.transpose(1, 2).reshape(batch, seq_len, d_model)
    if slip == "out":
        return merged
    return functional.linear(merged, w_out.T if slip == "w_out" else w_out, b_out)


_SLIPS = {
    "split": "The split cuts tokens apart: cut the last axis first (to B, L, H, d_head), then "
    "swap the axes of tokens and heads.",
    "axis": "Heads look at heads within one token: swap the axes of tokens and heads before the "
    "attention, so that its last two axes are L and d_head.",
    "merge": "The merge mixes tokens: swap the axes of heads and tokens back before the reshape.",
    "scale": "The scores are not scaled: divide them by the root of the width of a head.",
    "wide": "The scores are divided by √d_model; a head's score adds up only d_head products.",
    "out": "The output projection is missing: the heads' pieces only stand side by side.",
    "w_out": "`w_out` is used the wrong way round: torch stores (out, in), as `functional.linear` "
    "expects.",
    "b_in": "`b_in` is not used: query, key and value have biases too.",
    "order": "Query and key have changed places: the first third of the rows makes queries.",
}


@multi_head.check
def output_has_its_shape(answer):
    inputs = _layer_inputs()
    output = answer(*inputs, 3)
    if output.shape != (2, 5, 12):
        return (
            f"For x of shape (2, 5, 12) the output should have the same shape; yours has "
            f"{tuple(output.shape)}."
        )
    if output.dtype != torch.float64:
        return f"Given torch.float64, `output` is {output.dtype}: is a dtype fixed somewhere?"


@multi_head.check
def output_is_that_of_torch(answer):
    inputs = _layer_inputs()
    output = answer(*inputs, 3)
    if torch.allclose(output, _torch_layer(*inputs, 3), atol=1e-9):
        return None
    for slip, message in _SLIPS.items():
        if torch.allclose(output, _by_slips(*inputs, 3, slip), atol=1e-9):
            return message
    if torch.allclose(output + inputs[4], _torch_layer(*inputs, 3), atol=1e-9):
        return "`b_out` is not added at the end."
    if torch.allclose(output, _torch_layer(*inputs, 1), atol=1e-9):
        return "This is one head of full width: is `num_heads` used?"
    return (
        "The output differs from torch's own layer. Compare step by step: project, split, attend, "
        "merge, project."
    )


@multi_head.check
def mask_reaches_every_head(answer):
    inputs = _layer_inputs()
    rng = torch.Generator().manual_seed(8)
    for shape in ((5, 5), (2, 1, 1, 5), (3, 5, 5), (1, 5, 5), (2, 1, 5, 5), (2, 3, 5, 5)):
        mask = torch.rand(shape, generator=rng) < 0.5
        mask[..., 0], mask[..., 4] = True, False  # every query sees something, but not all
        output = answer(*inputs, 3, mask)
        if torch.allclose(output, _torch_layer(*inputs, 3, mask), atol=1e-9):
            continue
        if torch.allclose(output, _torch_layer(*inputs, 3), atol=1e-9):
            return "With a mask the output stays the same: is `mask` passed on to the attention?"
        if torch.allclose(output, _torch_layer(*inputs, 3, ~mask), atol=1e-9):
            return "The mask is the wrong way round: True means that a query *may* look."
        return (
            f"With a mask of shape {tuple(mask.shape)} the output is wrong. It is broadcast to "
            f"(B, H, L, L) = (2, 3, 5, 5), and True means that a query may look."
        )


@multi_head.check
def any_number_of_heads_and_tokens(answer):
    for batch, seq_len, d_model, num_heads in ((1, 4, 6, 1), (3, 1, 8, 4), (1, 7, 6, 6)):
        inputs = _layer_inputs(batch, seq_len, d_model)
        output = answer(*inputs, num_heads)
        wanted = _torch_layer(*inputs, num_heads)
        if output.shape != wanted.shape or not torch.allclose(output, wanted, atol=1e-9):
            return (
                f"For x of shape {(batch, seq_len, d_model)} and {num_heads} heads the output is "
                f"wrong: is a size written as a number, or squeezed away?"
            )


@multi_head.check
def single_precision_stays_single(answer):
    output = answer(*_layer_inputs(dtype=torch.float32), 3)
    if output.dtype != torch.float32:
        return f"Given torch.float32, `output` is {output.dtype}: is a part computed in another?"


@multi_head.check
def gradients_reach_every_weight(answer):
    names = "x", "w_in", "b_in", "w_out", "b_out"
    ours = [tensor.requires_grad_() for tensor in _layer_inputs()]
    oracle = [tensor.requires_grad_() for tensor in _layer_inputs()]
    mask = torch.ones(5, 5, dtype=torch.bool).tril()
    output = answer(*ours, 3, mask)
    if not output.requires_grad:
        return "No gradient comes back: something in between leaves torch (`.item()`, `.detach()`)."
    output.square().sum().backward()
    _torch_layer(*oracle, 3, mask).square().sum().backward()
    for name, mine, wanted in zip(names, ours, oracle, strict=True):
        if mine.grad is None or not torch.allclose(mine.grad, wanted.grad, atol=1e-8):
            return f"The gradient of `{name}` is wrong: is a path cut off by `.detach()`?"


@multi_head.wrong(output_has_its_shape, "should have the same shape")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return heads


@multi_head.wrong(output_has_its_shape, "Given torch.float64")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1)).float()
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out.float(), b_out.float())


@multi_head.wrong(output_is_that_of_torch, "The split cuts tokens apart")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    query, key, value = (
        part.reshape(x.size(0), num_heads, x.size(1), -1)
        for part in functional.linear(x, w_in, b_in).chunk(3, dim=-1)
    )
    heads, _ = scaled_dot_product_attention(query, key, value, mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "Heads look at heads")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.unbind(2), mask)
    return functional.linear(heads.flatten(-2), w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "The merge mixes tokens")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.reshape(x.shape), w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "not scaled")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    heads = torch.softmax(query @ key.mT, dim=-1) @ value
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "only d_head products")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    heads = torch.softmax(query @ key.mT / x.size(-1) ** 0.5, dim=-1) @ value
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "output projection is missing")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return heads.transpose(1, 2).flatten(-2)


@multi_head.wrong(output_is_that_of_torch, "wrong way round")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return heads.transpose(1, 2).flatten(-2) @ w_out + b_out


@multi_head.wrong(output_is_that_of_torch, "`b_in` is not used")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "`b_out` is not added")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out)


@multi_head.wrong(output_is_that_of_torch, "have changed places")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    key, query, value = parts.permute(2, 0, 3, 1, 4)
    heads, _ = scaled_dot_product_attention(query, key, value, mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "is `num_heads` used")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    query, key, value = functional.linear(x, w_in, b_in).chunk(3, dim=-1)
    output, _ = scaled_dot_product_attention(query, key, value, mask)
    return functional.linear(output, w_out, b_out)


@multi_head.wrong(output_is_that_of_torch, "step by step")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    query, key, _ = parts.permute(2, 0, 3, 1, 4)
    heads, _ = scaled_dot_product_attention(query, key, key, mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(mask_reaches_every_head, "stays the same")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4))
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(mask_reaches_every_head, "It is broadcast to")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    mask = None if mask is None else mask.mT if mask.size(-2) == mask.size(-1) else mask
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(mask_reaches_every_head, "The mask is the wrong way round")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores.masked_fill(mask, -torch.inf)
    heads = torch.softmax(scores, dim=-1) @ value
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(any_number_of_heads_and_tokens, "squeezed away")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out).squeeze()


@multi_head.wrong(any_number_of_heads_and_tokens, "stopped")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    query, key, value = parts.permute(2, 0, 3, 1, 4).squeeze()
    heads, _ = scaled_dot_product_attention(query, key, value, mask)
    merged = heads.transpose(-3, -2).flatten(-2)
    return functional.linear(merged, w_out, b_out)


@multi_head.wrong(single_precision_stays_single, "Given torch.float32")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1)).double()
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out.double(), b_out.double())


@multi_head.wrong(gradients_reach_every_weight, "gradient of `x` is wrong")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    heads, _ = scaled_dot_product_attention(query.detach(), key, value, mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


@multi_head.wrong(gradients_reach_every_weight, "gradient of `w_out` is wrong")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    heads, _ = scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4), mask)
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out.detach(), b_out)


@multi_head.inputs(oracle=_torch_layer)
def layer_calls(draw):
    batch, seq_len, num_heads, width = draw.sizes(
        sequences=17, tokens=65, heads=17, columns_of_a_head=17
    )
    d_model = num_heads * width
    x = draw.floats(batch, seq_len, d_model, scale=draw.scale(1, 30))
    w_in, w_out = (draw.floats(n * d_model, d_model, scale=d_model**-0.5) for n in (3, 1))
    b_in, b_out = (draw.floats(n * d_model) for n in (3, 1))
    mask = draw.mask(batch, num_heads, seq_len, seq_len)
    if mask is None:
        return x, w_in, b_in, w_out, b_out, num_heads
    mask[..., draw.whole(0, mask.size(-1) - 1)] = True  # a key at least for each query
    return x, w_in, b_in, w_out, b_out, num_heads, mask


@multi_head.wrong(layer_calls, "Smaller numbers come out right")
def my_multi_head(x, w_in, b_in, w_out, b_out, num_heads, mask=None):
    parts = functional.linear(x, w_in, b_in).unflatten(-1, (3, num_heads, -1))
    query, key, value = parts.permute(2, 0, 3, 1, 4)
    scores = query @ key.mT / query.size(-1) ** 0.5
    if mask is not None:
        scores = scores - 100 * ~mask
    heads = scores.softmax(dim=-1) @ value
    return functional.linear(heads.transpose(1, 2).flatten(-2), w_out, b_out)


# --- costs and claims --------------------------------------------------------------------------

cache_memory = Number(
    kind="Estimate the budget",
    answer_name="cache_memory_answer",
    form="a number of GiB (2^30 bytes)",
    task="""
    A model has 32 layers, each with 32 query heads of width 128, in groups that share 8 heads of
    keys and values. It has read 8,192 tokens. How much memory does its cache of keys and values
    take, at 2 bytes a number, for one sequence? In GiB, within 5%.
    """,
    truth=lambda: 2 * 32 * 8 * 8192 * 128 * 2 / 2**30,
    factor=1.05,
    traps=(
        (1.074, "Nearly: that is in GB, thousands of millions of bytes; one GiB is 2^30 bytes."),
        (4.0, "That would be 32 heads of keys and values in each layer; there are 8."),
        (0.5, "Keys *and* values are kept: twice as much."),
        (2.0, "That is 4 bytes a number, as in float32; here it is 2."),
        (0.125, "That is a single head of keys and values; there are 8."),
        (0.03125, "That is one layer; there are 32."),
    ),
    hints=(
        "Two tensors (keys, values) for each layer, each of 8 × 8,192 × 128 numbers.",
        "8 · 8192 · 128 = 2²³ numbers of 2 bytes are 16 MiB.",
    ),
    because="2 tensors · 32 layers · 8 heads · 8192 tokens · 128 numbers · 2 bytes are 2³⁰ bytes: "
    "1 GiB.",
)

pruning_claim = Choice(
    kind="Criticise a claim",
    answer_name="pruning_claim_answer",
    task="""
    "We removed each of the layer's 16 heads in turn. Not once did accuracy on our test set fall by
    more than 0.1%. So the layer's heads are superfluous." Which of these hold? Give all of them.
    """,
    options={
        "a": "Two heads that do the same job can each be missed, but not both.",
        "b": "The test set may not ask for what a head is good at.",
        "c": "Training with one head would have given the same model.",
        "d": "Removing several heads at once should be tried, and measured.",
    },
    right="abd",
    reasons={
        "a": "One at a time, each head has 15 others to stand in for it.",
        "b": "A head matters where its job comes up; elsewhere nobody misses it.",
        "c": "What can be removed after training need not be superfluous in training: they are two "
        "questions.",
        "d": "That is the experiment the claim is about; it was not made.",
    },
    hints=("What was removed in each experiment, and what does the conclusion speak of?",),
)
