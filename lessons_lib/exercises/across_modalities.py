"""The exercises of the chapter on other kinds of data."""

import math

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.oracles import other_dtype, told_apart
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

order_blind = Choice(
    kind="Recap",
    answer_name="order_blind_answer",
    task="""
    An encoder has no positions of any kind. Its tokens are put in another order, and the mean of
    its last states is taken. What happens to that mean?
    """,
    options={
        "a": "It changes a little, since neighbours attend to each other.",
        "b": "Nothing: it is the same, but for rounding.",
        "c": "It changes its sign.",
        "d": "It changes in the layers with softmax, and nowhere else.",
    },
    right="b",
    reasons={
        "a": "Attention knows no neighbours; it compares each token with all others alike.",
        "b": "The states are permuted as the tokens are, and a mean does not see an order.",
        "c": "Nothing in it turns a sign.",
        "d": "Softmax runs over all tokens; the order of its terms plays no part.",
    },
    hints=("What in the formula of attention depends on where a token stands?",),
)

control_for_knowledge = Choice(
    kind="Recap",
    answer_name="control_for_knowledge_answer",
    task="""
    An encoder with published weights does better than the same encoder with small random weights,
    normal with spread 0.02. What could be behind it? Give all.
    """,
    options={
        "a": "What the published weights have learnt.",
        "b": "That published weights are larger, so that attention is less even.",
        "c": "That the published encoder has more parameters.",
        "d": "That the rate was searched for the published one alone.",
    },
    right="abd",
    reasons={
        "a": "Perhaps; but two other differences are not excluded.",
        "b": "Size is no knowledge. Random weights of the same mean and spread have it, too.",
        "c": "Both have one shape.",
        "d": "Then the control was not tuned, and its loss says little.",
    },
    hints=("Ask of each: is it different between the two, and could it matter?",),
)

# --- patches -----------------------------------------------------------------------------------

patches = CodeExercise(
    returns=("patches",),
    task="""
    Write `my_patches(images, size)`: cut each image of `images` `(B, H, W)` into square patches of
    `size` x `size`, which divides H and W. Return `(B, L, size * size)`: the patches row by row
    from the top left, the numbers of a patch row by row as well.
    """,
    hints=(
        "`images.reshape(B, H // size, size, W // size, size)` has an axis for each of: row of "
        "patches, row in a patch, column of patches, column in a patch.",
        "A patch should hold its own rows and columns: bring these two axes to the end.",
        "`.transpose(2, 3)`, then `.reshape(B, -1, size * size)`.",
    ),
    because="A plain reshape would cut the image into strips; the two inner axes have to be "
    "brought together first.",
)


@patches.stub
def my_patches(images, size):
    """Square patches, row by row: (B, H, W) -> (B, L, size * size)."""
    raise NotImplementedError


@patches.reference
def my_patches(images, size):
    rows = images.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return rows.transpose(2, 3).flatten(3).flatten(1, 2)


@patches.right
def my_patches(images, size):
    return functional.unfold(images[:, None], size, stride=size).transpose(1, 2)


@patches.right
def my_patches(images, size):
    batch, height, width = images.shape
    parts = images.reshape(batch, height // size, size, width // size, size)
    return parts.permute(0, 1, 3, 2, 4).reshape(batch, -1, size * size)


@patches.right
def my_patches(images, size):
    found = []
    for top in range(0, images.size(1), size):
        for left in range(0, images.size(2), size):
            found.append(images[:, top : top + size, left : left + size].flatten(1))
    return torch.stack(found, dim=1)


def _numbered_images(batch=2, height=4, width=6):
    return torch.arange(batch * height * width, dtype=torch.float64).reshape(batch, height, width)


def _cut(images, size):
    """Number by number."""
    batch, height, width = images.shape
    down, across = height // size, width // size
    found = torch.zeros(batch, down * across, size * size, dtype=images.dtype)
    for row in range(down * size):
        for column in range(across * size):
            patch = row // size * across + column // size
            found[:, patch, row % size * size + column % size] = images[:, row, column]
    return found


@patches.check
def there_are_so_many_patches_of_so_many_numbers(answer):
    found = answer(_numbered_images(), 2)
    if found.shape != (2, 6, 4):
        return (
            f"Images (2, 4, 6) cut by 2 should give (2, 6, 4): 2 x 3 patches of 4 numbers; yours "
            f"is {tuple(found.shape)}."
        )


@patches.check
def a_patch_holds_a_square_in_the_order_of_reading(answer):
    images = _numbered_images()
    found, wanted = answer(images, 2), _cut(images, 2)
    if torch.equal(found, wanted):
        return None
    by_columns = wanted.unflatten(1, (2, 3)).transpose(1, 2).flatten(1, 2)
    slips = (
        (images.reshape(2, 6, 4), "A plain reshape cuts strips: the first patch holds 0, 1, 2, 3 "
         "of the first row; it should hold 0, 1 and, of the row below, 6, 7."),
        (by_columns, "The patches come column by column; they should come row by row."),
        (wanted.unflatten(2, (2, 2)).mT.flatten(2), "The numbers within a patch come column by "
         "column; they should come row by row."),
        (images.unflatten(1, (2, 2)).unflatten(3, (2, 3)).permute(0, 1, 4, 2, 3).reshape(2, 6, 4),
         "A patch holds columns that are not side by side."),
    )  # fmt: skip
    for slip, message in slips:
        if torch.equal(found, slip):
            return message
    image, patch = (found != wanted).any(dim=-1).nonzero()[0].tolist()
    right, told = wanted[image, patch].tolist(), found[image, patch].tolist()
    return (
        f"In images numbered along their rows patch {patch} of image {image} (counted from 0) "
        f"should be {right}; yours is {told}."
    )


@patches.check
def patches_of_other_sizes_work_too(answer):
    for size in (1, 3):
        images = _numbered_images(3, 6, 12)
        found, wanted = answer(images, size), _cut(images, size)
        if found.shape != wanted.shape or not torch.equal(found, wanted):
            return f"With patches of {size} x {size} the result is not right; with 2 x 2 it is."


@patches.wrong(there_are_so_many_patches_of_so_many_numbers, "should give (2, 6, 4)")
def my_patches(images, size):
    return images.unflatten(1, (-1, size)).unflatten(3, (-1, size)).transpose(2, 3).flatten(3)


@patches.wrong(a_patch_holds_a_square_in_the_order_of_reading, "A plain reshape cuts strips")
def my_patches(images, size):
    return images.reshape(len(images), -1, size * size)


@patches.wrong(a_patch_holds_a_square_in_the_order_of_reading, "The patches come column by column")
def my_patches(images, size):
    rows = images.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return rows.permute(0, 3, 1, 2, 4).flatten(3).flatten(1, 2)


@patches.wrong(a_patch_holds_a_square_in_the_order_of_reading, "The numbers within a patch")
def my_patches(images, size):
    rows = images.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return rows.permute(0, 1, 3, 4, 2).flatten(3).flatten(1, 2)


@patches.wrong(a_patch_holds_a_square_in_the_order_of_reading, "not side by side")
def my_patches(images, size):
    batch, height, width = images.shape
    parts = images.reshape(batch, height // size, size, size, width // size)
    return parts.permute(0, 1, 4, 2, 3).reshape(batch, -1, size * size)


@patches.wrong(
    a_patch_holds_a_square_in_the_order_of_reading, "numbered along their rows patch 0 of image 0"
)
def my_patches(images, size):
    rows = images.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    return rows.transpose(2, 3).flatten(3).flatten(1, 2).flip(1)


@patches.wrong(patches_of_other_sizes_work_too, "With patches of 1 x 1")
def my_patches(images, size):
    rows = images.unflatten(1, (-1, 2)).unflatten(3, (-1, 2))
    return rows.transpose(2, 3).flatten(3).flatten(1, 2)


@patches.inputs(oracle=_cut)
def patch_calls(draw):
    batch, down, across, size = draw.sizes(
        images=65, rows_of_patches=17, columns_of_patches=17, rows_in_a_patch=9
    )
    scale = draw.scale(1, 100)
    return draw.floats(batch, down * size, across * size, scale=scale), size


@patches.wrong(patch_calls, "`patches` at [")
def my_patches(images, size):
    rows = images.unflatten(1, (-1, size)).unflatten(3, (-1, size))
    found = rows.transpose(2, 3).flatten(3).flatten(1, 2)
    return torch.where(torch.arange(len(found))[:, None, None] < 16, found, 0.0)


four_times_finer = Number(
    kind="Estimate the budget",
    answer_name="four_times_finer_answer",
    form="a number, such as 3",
    task="""
    An image of 28 x 28 is cut into patches of 4 x 4, then into patches of 2 x 2 instead. How many
    times as many scores does one head of attention compute?
    """,
    truth=lambda: ((28 // 2) ** 2 / (28 // 4) ** 2) ** 2,
    factor=1.001,
    traps=(
        (2.0, "Half the side gives four times the patches, not twice; and scores are for pairs."),
        (4.0, "That is how many times more patches there are. Scores are for pairs of patches."),
        (
            8.0,
            "Twice as many rows and columns give 4 times the patches, and 4 x 4 times the pairs.",
        ),
        (15.0, "That is how many more; how many times as many?"),
        (1 / 16, "Turn it round: how many times as many?"),
    ),
    hints=("49 patches, then 196.", "A score for each pair: 49 x 49, then 196 x 196."),
    because="Patches grow with the square of fineness, pairs with its fourth power.",
)

# --- positions in two dimensions ---------------------------------------------------------------

grid_places = CodeExercise(
    returns=("places",),
    task="""
    Write `my_grid_places(rows, columns)`: positions in two dimensions. `rows` `(R, d_model)` has a
    vector for each row of patches, `columns` `(C, d_model)` one for each column. A patch's position
    is the sum of its row's and its column's vector. Return `(R * C, d_model)`, in the order of the
    patches: row by row.
    """,
    hints=(
        "`rows[:, None] + columns[None]` is `(R, C, d_model)`.",
        "Then flatten the first two axes.",
    ),
    because="R + C vectors in place of R x C, and two patches of one row have something in common.",
)


@grid_places.stub
def my_grid_places(rows, columns):
    """A position for each patch, row by row: (R * C, d_model)."""
    raise NotImplementedError


@grid_places.reference
def my_grid_places(rows, columns):
    return (rows[:, None] + columns[None]).flatten(0, 1)


@grid_places.right
def my_grid_places(rows, columns):
    return rows.repeat_interleave(len(columns), dim=0) + columns.repeat(len(rows), 1)


@grid_places.right
def my_grid_places(rows, columns):
    down, across = torch.meshgrid(
        torch.arange(len(rows)), torch.arange(len(columns)), indexing="ij"
    )
    return rows[down.flatten()] + columns[across.flatten()]


@grid_places.right
def my_grid_places(rows, columns):
    return torch.stack([row + column for row in rows for column in columns])


def _row_and_column_vectors():
    rng = torch.Generator().manual_seed(53)
    return [torch.randn(n, 4, generator=rng, dtype=torch.float64) for n in (2, 3)]


def _summed(rows, columns):
    found = [
        [a + b for a, b in zip(row, column, strict=True)]
        for row in rows.tolist()
        for column in columns.tolist()
    ]
    return torch.tensor(found, dtype=rows.dtype)


@grid_places.check
def there_is_a_vector_for_each_patch(answer):
    rows, columns = _row_and_column_vectors()
    found = answer(rows, columns)
    if found.shape == (6, 8):
        return "The two vectors stand side by side; they should be added up."
    if found.shape != (6, 4):
        return (
            f"2 rows, 3 columns and a width of 4 should give (6, 4); yours is {tuple(found.shape)}."
        )


@grid_places.check
def a_position_is_the_sum_in_the_order_of_the_patches(answer):
    rows, columns = _row_and_column_vectors()
    found, wanted = answer(rows, columns).double(), _summed(rows, columns)
    if torch.allclose(found, wanted):
        return None
    slips = (
        (wanted.unflatten(0, (2, 3)).transpose(0, 1).flatten(0, 1), "They come column by column; "
         "the patches come row by row."),
        (wanted / 2, "That is the mean of the two vectors; their sum was asked for."),
        (2 * rows.repeat_interleave(3, 0) - wanted + columns.repeat(2, 1), "The columns' vectors "
         "play no part."),
        (rows.repeat(3, 1) + columns.repeat_interleave(2, 0), "Rows and columns are numbered the "
         "other way round: patch 1 is in row 0 and column 1."),
        (rows.repeat(3, 1) + columns.repeat(2, 1), "The place counts through rows and columns at "
         "once; a row should stay the same for all of its columns."),
    )  # fmt: skip
    for slip, message in slips:
        if torch.allclose(found, slip):
            return message
    return "Patch 1 should have the vector of row 0 plus that of column 1, and so on."


@grid_places.check
def both_tables_learn(answer):
    rows, columns = (tensor.requires_grad_() for tensor in _row_and_column_vectors())
    found = answer(rows, columns)
    if not found.requires_grad:
        return "No gradient reaches the two tables."
    gradients = torch.autograd.grad(found.sum(), (rows, columns), allow_unused=True)
    for name, gradient, times in zip(("rows", "columns"), gradients, (3, 2), strict=True):
        if gradient is None or not torch.equal(gradient, torch.full_like(gradient, times)):
            return f"Each vector of `{name}` stands in {times} patches, and should learn from all."


@grid_places.wrong(there_is_a_vector_for_each_patch, "stand side by side")
def my_grid_places(rows, columns):
    down = rows.repeat_interleave(len(columns), dim=0)
    return torch.cat([down, columns.repeat(len(rows), 1)], dim=1)


@grid_places.wrong(there_is_a_vector_for_each_patch, "should give (6, 4)")
def my_grid_places(rows, columns):
    return rows[:, None] + columns[None]


@grid_places.wrong(a_position_is_the_sum_in_the_order_of_the_patches, "They come column by column")
def my_grid_places(rows, columns):
    return (rows[None] + columns[:, None]).flatten(0, 1)


@grid_places.wrong(a_position_is_the_sum_in_the_order_of_the_patches, "the mean of the two")
def my_grid_places(rows, columns):
    return (rows[:, None] + columns[None]).flatten(0, 1) / 2


@grid_places.wrong(a_position_is_the_sum_in_the_order_of_the_patches, "play no part")
def my_grid_places(rows, columns):
    return rows.repeat_interleave(len(columns), dim=0)


@grid_places.wrong(a_position_is_the_sum_in_the_order_of_the_patches, "at once")
def my_grid_places(rows, columns):
    return rows.repeat(len(columns), 1) + columns.repeat(len(rows), 1)


@grid_places.wrong(a_position_is_the_sum_in_the_order_of_the_patches, "Patch 1 should have")
def my_grid_places(rows, columns):
    return (rows[:, None] * columns[None]).flatten(0, 1)


@grid_places.wrong(both_tables_learn, "No gradient reaches")
def my_grid_places(rows, columns):
    return (rows[:, None] + columns[None]).flatten(0, 1).detach()


@grid_places.wrong(both_tables_learn, "Each vector of `columns`")
def my_grid_places(rows, columns):
    return (rows[:, None] + columns.detach()[None]).flatten(0, 1)


@grid_places.inputs(oracle=lambda rows, columns: torch.cat([row + columns for row in rows]))
def grid_calls(draw):
    down, across, d_model = draw.sizes(rows=65, columns=65, numbers=65)
    scale = draw.scale(1, 100)
    return tuple(draw.floats(count, d_model, scale=scale) for count in (down, across))


@grid_places.wrong(grid_calls, "should have shape (")
def my_grid_places(rows, columns):
    return (rows[:, None] + columns[None, :32]).flatten(0, 1)


# --- what is open ------------------------------------------------------------------------------

num_open = Number(
    kind="Estimate the budget",
    answer_name="num_open_answer",
    form="a whole number",
    task="""
    A body of three post-norm layers of width 384 is frozen, but for its norms. Open are: the linear
    layer that makes a token of a patch of 4 numbers, a position for each of 16 patches, the norm in
    front of the first layer, two norms in each layer, and the head for 10 classes. How many numbers
    are open? (A norm has a weight and a bias for each column.)
    """,
    truth=lambda: 4 * 384 + 384 + 16 * 384 + 7 * 2 * 384 + 384 * 10 + 10,
    factor=1.0001,
    traps=(
        (4 * 384 + 384 + 16 * 384 + 6 * 2 * 384 + 3850, "The norm in front is missing."),
        (4 * 384 + 384 + 16 * 384 + 7 * 384 + 3850, "A norm has a weight and a bias."),
        (4 * 384 + 384 + 16 * 384 + 3850, "The norms are open as well."),
        (4 * 384 + 16 * 384 + 14 * 384 + 3840, "The two linear layers have biases, too."),
        (4 * 384 + 384 + 14 * 384 + 3850, "The positions are missing."),
        (4 * 384 + 384 + 16 * 384 + 14 * 384, "The head is missing."),
        (4 * 384 + 384 + 16 * 384 + 14 * 384 + 3840, "The head has a bias for each class, too."),
    ),
    hints=(
        "1,536 + 384 for the beginning, 6,144 for the positions.",
        "Seven norms of 768, and 3,850 for the head.",
    ),
    because="17,290 of 5.3 million: about a third of a percent. The rest is what it has brought.",
)

frozen_pass = FindTheBug(
    harm="the beginning never learns",
    returns=("scores",),
    task="""
    A frozen matrix `body` `(D, D)` stands between a beginning that is to learn, `start` `(P, D)`,
    and an end that is to learn, `head` `(D, C)`. `my_scores(x, start, body, head)` takes `x`
    `(B, P)` through all three, with a tanh after the body. Somebody has frozen the body in a way
    that freezes the beginning, too. Repair it: `start` and `head` should get their gradients,
    `body` none.
    """,
    hints=(
        "Inside `torch.no_grad()` nothing is recorded: what stands before gets no gradient either.",
        "`body.detach()` takes the matrix's numbers and lets the gradient of x pass.",
    ),
    because="Frozen means that the body's own numbers do not move. The gradient has to pass "
    "through it, or nothing before it ever learns.",
)


@frozen_pass.stub
def my_scores(x, start, body, head):
    """x through beginning, frozen body and end: (B, P) -> (B, C)."""
    with torch.no_grad():
        hidden = torch.tanh(x @ start @ body)
    return hidden @ head


@frozen_pass.reference
def my_scores(x, start, body, head):
    return torch.tanh(x @ start @ body.detach()) @ head


@frozen_pass.right
def my_scores(x, start, body, head):
    frozen = body.clone().detach()
    hidden = torch.einsum("bp,pd,de->be", x, start, frozen).tanh()
    return torch.matmul(hidden, head)


@frozen_pass.right
def my_scores(x, start, body, head):
    begun = functional.linear(x, start.T)
    return functional.linear(functional.linear(begun, body.data.T).tanh(), head.T)


@frozen_pass.right
def my_scores(x, start, body, head):
    with torch.no_grad():
        frozen = body * 1
    rows = [torch.tanh(frozen.T @ (start.T @ row)) @ head for row in x]
    return torch.stack(rows)


def _three_parts():
    rng = torch.Generator().manual_seed(59)
    shapes = ((5, 3), (3, 4), (4, 4), (4, 2))
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


@frozen_pass.check
def scores_are_those_of_the_three_parts(answer):
    x, start, body, head = _three_parts()
    found = answer(x, start, body, head)
    if found.shape != (5, 2):
        return f"Five inputs and two classes should give (5, 2); yours is {tuple(found.shape)}."
    message = other_dtype("scores", found, x.dtype, "is a part made of another dtype on the way?")
    if message:
        return message
    for row in range(5):
        begun = [sum(x[row, p].item() * start[p, d].item() for p in range(3)) for d in range(4)]
        hidden = [math.tanh(sum(begun[d] * body[d, e].item() for d in range(4))) for e in range(4)]
        for c in range(2):
            wanted = sum(hidden[e] * head[e, c].item() for e in range(4))
            if not math.isclose(found[row, c].item(), wanted, rel_tol=1e-9, abs_tol=1e-9):
                mine, right = told_apart(found[row, c].item(), wanted)
                return (
                    f"A score should be {right} and is {mine}: the scores were right before; only "
                    "the gradients were not."
                )


@frozen_pass.check
def the_beginning_learns(answer):
    x, *parts = _three_parts()
    start, body, head = (part.requires_grad_() for part in parts)
    scores = answer(x, start, body, head)
    if not (start.requires_grad and body.requires_grad and head.requires_grad):
        return (
            "Your function switches `requires_grad` off in a matrix of its caller's, for all that "
            "comes after. Freeze it in this computation alone: `body.detach()`."
        )
    if not scores.requires_grad:
        return "Nothing learns at all: the scores have no gradient."
    found = torch.autograd.grad(scores.sum(), (start, body, head), allow_unused=True)
    if found[0] is None or not found[0].any():
        return "`start` gets no gradient: the beginning never learns."
    if found[1] is not None and found[1].any():
        return "`body` gets a gradient; it should be frozen."
    if found[2] is None or not found[2].any():
        return "`head` gets no gradient: the end never learns."
    hidden = torch.tanh(x @ start @ body).detach()
    slope = (1 - hidden**2) * head.detach().sum(dim=1)
    if not torch.allclose(found[0], x.T @ slope @ body.detach().T):
        return "The gradient of `start` is not the one that comes through body and tanh."
    if not torch.allclose(found[2], hidden.sum(dim=0)[:, None].expand(4, 2)):
        return "The gradient of `head` is not the one that the hidden states give."


@frozen_pass.wrong(scores_are_those_of_the_three_parts, "should give (5, 2)")
def my_scores(x, start, body, head):
    return torch.tanh(x @ start @ body.detach())


@frozen_pass.wrong(scores_are_those_of_the_three_parts, "the scores were right before")
def my_scores(x, start, body, head):
    return x @ start @ body.detach() @ head


@frozen_pass.wrong(scores_are_those_of_the_three_parts, "`scores` is torch.float32")
def my_scores(x, start, body, head):
    return torch.tanh(x.float() @ start.float() @ body.detach().float()) @ head.float()


@frozen_pass.wrong(scores_are_those_of_the_three_parts, "should be -2.176")
def my_scores(x, start, body, head):
    hidden = torch.tanh(x @ start @ body.detach())
    return (hidden.float() @ head.float()).double()


@frozen_pass.wrong(the_beginning_learns, "Nothing learns at all")
def my_scores(x, start, body, head):
    with torch.no_grad():
        return torch.tanh(x @ start @ body) @ head


@frozen_pass.wrong(the_beginning_learns, "switches `requires_grad` off")
def my_scores(x, start, body, head):
    return torch.tanh(x @ start @ body.requires_grad_(False)) @ head


@frozen_pass.wrong(the_beginning_learns, "`body` gets a gradient")
def my_scores(x, start, body, head):
    return torch.tanh(x @ start @ body) @ head


@frozen_pass.wrong(the_beginning_learns, "`head` gets no gradient")
def my_scores(x, start, body, head):
    return torch.tanh(x @ start @ body.detach()) @ head.detach()


@frozen_pass.wrong(the_beginning_learns, "comes through body and tanh")
def my_scores(x, start, body, head):
    begun = x @ start
    hidden = torch.tanh(begun.detach() @ body.detach())
    return (hidden + begun - begun.detach()) @ head


@frozen_pass.wrong(the_beginning_learns, "the hidden states give")
def my_scores(x, start, body, head):
    scores = torch.tanh(x @ start @ body.detach()) @ head
    return scores + (head - head.detach()).sum()


def _scores_at_once(x, start, body, head):
    """The oracle: parts in another order, the body a plain copy."""
    frozen = torch.empty_like(body.detach()).copy_(body.detach())
    begun = torch.nn.functional.linear(x, start.mT)
    return (
        torch.nn.functional.linear(begun @ frozen, torch.eye(len(body), dtype=x.dtype)).tanh()
        @ head
    )


@frozen_pass.inputs(oracle=_scores_at_once)
def frozen_calls(draw):
    batch, values, width, classes = draw.sizes(inputs=65, values=65, columns=65, classes=65)
    shapes = ((batch, values), (values, width), (width, width), (width, classes))
    large = draw.scale(1, 100)
    x, start, body, head = (
        draw.floats(*shape, scale=shape[0] ** -0.5 if number else large)
        for number, shape in enumerate(shapes)
    )
    return x, start, body, head


@frozen_pass.wrong(frozen_calls, "`scores` at [")
def my_scores(x, start, body, head):
    scores = torch.tanh(x @ start @ body.detach()) @ head
    return torch.where(torch.arange(len(x))[:, None] < 32, scores, 0.0)


# --- controls ----------------------------------------------------------------------------------

shuffled = CodeExercise(
    returns=("shuffled",),
    task="""
    Write `my_shuffled(matrix, order)`: the control that keeps every number of `matrix` `(R, C)` and
    nothing of its arrangement. Read the numbers row by row; the new matrix, filled row by row as
    well, has at its first place the number of place `order[0]`, at its second that of `order[1]`,
    and so on. `order` `(R * C,)` holds each whole number from 0 once. The matrix itself stays as it
    is.
    """,
    hints=(
        "`matrix.flatten()` is the row of all numbers.",
        "Index it by `order`, then give it the matrix's shape again.",
    ),
    because="Mean, spread and every other statistic of single numbers are kept exactly. What is "
    "gone is which number stands beside which.",
)


@shuffled.stub
def my_shuffled(matrix, order):
    """The same numbers, in another order: (R, C)."""
    raise NotImplementedError


@shuffled.reference
def my_shuffled(matrix, order):
    return matrix.flatten()[order].view_as(matrix)


@shuffled.right
def my_shuffled(matrix, order):
    return matrix.reshape(-1).gather(0, order).reshape(matrix.shape)


@shuffled.right
def my_shuffled(matrix, order):
    return matrix[order // matrix.size(1), order % matrix.size(1)].unflatten(0, matrix.shape)


@shuffled.right
def my_shuffled(matrix, order):
    return torch.take(matrix, order.view(matrix.shape))


def _matrix_and_order():
    matrix = torch.arange(10.0, 70.0, 10.0, dtype=torch.float64).reshape(2, 3)
    return matrix, torch.tensor([4, 1, 5, 0, 3, 2])


@shuffled.check
def every_number_is_there_once(answer):
    matrix, order = _matrix_and_order()
    found = answer(matrix, order)
    if found.shape != (2, 3):
        return f"A matrix (2, 3) should stay (2, 3); yours is {tuple(found.shape)}."
    if sorted(found.flatten().tolist()) != sorted(matrix.flatten().tolist()):
        return "The numbers are no longer those of the matrix, each of them once."


@shuffled.check
def numbers_stand_in_the_given_order(answer):
    matrix, order = _matrix_and_order()
    found = answer(matrix, order).flatten().tolist()
    numbers = matrix.flatten().tolist()
    wanted = [numbers[place] for place in order.tolist()]
    if found == wanted:
        return None
    turned = [0.0] * 6
    for number, place in zip(numbers, order.tolist(), strict=True):
        turned[place] = number
    slips = (
        (turned, "The number of place i went to `order[i]`; at place i should stand that of "
         "`order[i]`."),
        (numbers, "Nothing has moved."),
        (matrix[order[order < 2]].flatten().tolist(), "Whole rows were moved: within a row all is "
         "as it was, and much of the arrangement is kept."),
        (matrix[:, order[order < 3]].flatten().tolist(), "Whole columns were moved: within a "
         "column all is as it was."),
        (matrix.T.flatten()[order].tolist(), "The matrix was read column by column; it should be "
         "read row by row."),
    )  # fmt: skip
    for slip, message in slips:
        if found == slip:
            return message
    return f"Row by row it should be {wanted}; yours is {found}."


@shuffled.wrong(every_number_is_there_once, "should stay (2, 3)")
def my_shuffled(matrix, order):
    return matrix.flatten()[order]


@shuffled.wrong(every_number_is_there_once, "no longer those of the matrix")
def my_shuffled(matrix, order):
    rng = torch.Generator().manual_seed(int(order[0]))
    drawn = torch.randn(matrix.shape, generator=rng, dtype=matrix.dtype)
    return matrix.mean() + matrix.std() * drawn


@shuffled.wrong(numbers_stand_in_the_given_order, "went to `order[i]`")
def my_shuffled(matrix, order):
    return torch.zeros_like(matrix).flatten().scatter(0, order, matrix.flatten()).view_as(matrix)


@shuffled.wrong(numbers_stand_in_the_given_order, "Nothing has moved")
def my_shuffled(matrix, order):
    return matrix.clone()


@shuffled.wrong(numbers_stand_in_the_given_order, "Whole rows were moved")
def my_shuffled(matrix, order):
    return matrix[order[order < len(matrix)]]


@shuffled.wrong(numbers_stand_in_the_given_order, "Whole columns were moved")
def my_shuffled(matrix, order):
    return matrix[:, order[order < matrix.size(1)]]


@shuffled.wrong(numbers_stand_in_the_given_order, "read column by column")
def my_shuffled(matrix, order):
    return matrix.T.flatten()[order].view_as(matrix)


@shuffled.wrong(numbers_stand_in_the_given_order, "Row by row it should be")
def my_shuffled(matrix, order):
    return matrix.flatten()[order.flip(0)].view_as(matrix)


@shuffled.inputs(
    oracle=lambda matrix, order: torch.stack(
        [matrix[place // matrix.size(1), place % matrix.size(1)] for place in order.tolist()]
    ).reshape(matrix.shape)
)
def shuffled_calls(draw):
    rows, columns = draw.sizes(rows=65, columns=65)
    matrix = draw.floats(rows, columns, scale=draw.scale(1, 100)).detach()
    places = list(range(rows * columns))
    return matrix, torch.tensor(draw.some_of(places, len(places)))


@shuffled.wrong(shuffled_calls, "`shuffled` at [")
def my_shuffled(matrix, order):
    kept = torch.arange(len(order))
    return matrix.flatten()[torch.where(kept < 64, order, kept)].view_as(matrix)


# --- a rate for each ---------------------------------------------------------------------------

chosen = CodeExercise(
    returns=("best", "lowest", "at_edge"),
    task="""
    Write `my_choice(losses)`: `losses` `(V, R)` are validation losses of V variants, each trained
    at R rates that rise from left to right; NaN where a training broke. Every variant chooses for
    itself. Return `best` `(V,)`, whole numbers: the place of its lowest loss (the first of them,
    where two are equal), `lowest` `(V,)`, that loss, and `at_edge` `(V,)`, bool: is that the first
    or the last of the R rates, so that its search has to go on? At least one loss of each variant
    is a number.
    """,
    hints=(
        "`losses.nan_to_num(nan=torch.inf)`: what broke is never the best.",
        "`argmin(dim=1)` goes along the rates.",
        "`(best == 0) | (best == R - 1)`.",
    ),
    because="One rate for all makes a contest of who happens to like that rate.",
)


@chosen.stub
def my_choice(losses):
    """Return (best, lowest, at_edge), (V,) each."""
    raise NotImplementedError


@chosen.reference
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


@chosen.right
def my_choice(losses):
    known = torch.where(losses.isnan(), math.inf, losses)
    best = known.sort(dim=1, stable=True).indices[:, 0]
    edges = torch.tensor([0, losses.shape[1] - 1])
    return best, losses.gather(1, best[:, None])[:, 0], torch.isin(best, edges)


@chosen.right
def my_choice(losses):
    best = []
    for row in losses.tolist():
        known = [(loss, place) for place, loss in enumerate(row) if loss == loss]
        best.append(min(known)[1])
    last = losses.size(1) - 1
    best = torch.tensor(best)
    lowest = torch.stack([row[place] for row, place in zip(losses, best, strict=True)])
    return best, lowest, (best == 0) + (best == last)


@chosen.right
def my_choice(losses):
    filled = losses.masked_fill(losses.isnan(), torch.inf)
    lowest = filled.min(dim=1, keepdim=True).values
    places = torch.arange(losses.size(1)).expand_as(losses)
    best = places.masked_fill(filled != lowest, losses.size(1)).min(dim=1).values
    return best, losses.gather(1, best[:, None])[:, 0], best * (losses.size(1) - 1 - best) == 0


LOSSES = (
    ((2.0, 1.0, 3.0, 4.0), 1),
    ((0.5, 0.9, 1.4, 2.0), 0),
    ((2.2, 2.0, 1.9, 0.75), 3),
    ((3.0, 2.0, 1.0, 5.0), 2),
    ((4.0, 3.0, 2.0, 1.5), 3),
)


@chosen.check
def there_is_one_choice_for_each_variant(answer):
    losses = torch.tensor([row for row, _ in LOSSES[:3]], dtype=torch.float64)
    best, lowest, at_edge = answer(losses)
    if not best.shape == lowest.shape == at_edge.shape == (3,):
        if best.numel() == 1:
            return "There is one rate for all; every variant should choose for itself."
        return (
            f"Three variants should give (3,) three times; yours are {tuple(best.shape)}, "
            f"{tuple(lowest.shape)} and {tuple(at_edge.shape)}."
        )
    if best.is_floating_point():
        return f"`best` are places, whole numbers; yours are {best.dtype}."
    if at_edge.dtype != torch.bool:
        return f"`at_edge` should be bool; yours is {at_edge.dtype}."


@chosen.check
def each_takes_its_own_lowest_loss(answer):
    losses = torch.tensor([row for row, _ in LOSSES], dtype=torch.float64)
    best, _, _ = answer(losses)
    wanted = [place for _, place in LOSSES]
    found = best.tolist()
    if found == wanted:
        return None
    together = losses.mean(dim=0).argmin().item()
    if found == [together] * len(LOSSES):
        return "All have the rate that is best on average; every variant should choose for itself."
    if found == losses.argmax(dim=1).tolist():
        return "Those are the highest losses."
    if found == [place + 1 for place in wanted]:
        return "The places are counted from 1; the first is 0."
    if found == losses.argmin(dim=0).tolist():
        return (
            "That is the best variant for each rate; the best rate for each variant was asked for."
        )
    return f"The best places should be {wanted}; yours are {found}."


@chosen.check
def lowest_is_the_loss_at_that_place(answer):
    losses = torch.tensor([row for row, _ in LOSSES], dtype=torch.float64)
    _, lowest, _ = answer(losses)
    wanted = [row[place] for row, place in LOSSES]
    if lowest.tolist() == [wanted[0]] * len(LOSSES):
        return "`lowest` is that of the first variant for all of them."
    if lowest.tolist() != wanted:
        return f"`lowest` should be {wanted}; yours is {lowest.tolist()}."


@chosen.check
def trainings_that_broke_are_never_chosen(answer):
    nan = math.nan
    losses = torch.tensor([[nan, 2.0, 1.0, nan], [3.0, nan, 4.0, 5.0]], dtype=torch.float64)
    best, lowest, _ = answer(losses)
    if best.tolist() == [0, 1]:
        return "A training that broke was chosen: for `argmin` NaN is the lowest number there is."
    if best.tolist() != [2, 0]:
        return (
            f"With NaN among the losses the best places should be [2, 0]; yours: {best.tolist()}."
        )
    if lowest.isnan().any():
        return "`lowest` is NaN where a training broke; it should be the loss at the best place."


@chosen.check
def edges_are_the_first_and_the_last_rate(answer):
    losses = torch.tensor([row for row, _ in LOSSES], dtype=torch.float64)
    _, _, at_edge = answer(losses)
    wanted = [False, True, True, False, True]
    if at_edge.tolist() == wanted:
        return None
    slips = (
        ([True, False, False, True, False], "`at_edge` is turned round."),
        ([False, True, False, False, False], "The last rate is an edge, too."),
        ([False, False, True, False, True], "The first rate is an edge, too."),
    )
    for slip, message in slips:
        if at_edge.tolist() == slip:
            return message
    return f"`at_edge` should be {wanted}; yours is {at_edge.tolist()}."


@chosen.check
def the_first_of_equal_losses_is_taken(answer):
    losses = torch.tensor([[2.0, 1.0, 1.0, 3.0]], dtype=torch.float64)
    best, _, _ = answer(losses)
    if best.item() != 1:
        return f"Of two equal losses the first should be taken, place 1; yours is {best.item()}."


@chosen.wrong(there_is_one_choice_for_each_variant, "There is one rate for all")
def my_choice(losses):
    best = losses.nanmean(dim=0).argmin()
    return best, losses[:, best], (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(there_is_one_choice_for_each_variant, "should give (3,) three times")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=0)
    return (
        best,
        losses.nan_to_num(nan=torch.inf).amin(dim=0),
        (best == 0) | (best == losses.size(1) - 1),
    )


@chosen.wrong(there_is_one_choice_for_each_variant, "places, whole numbers")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    lowest = losses.nan_to_num(nan=torch.inf).amin(dim=1)
    return lowest, lowest, (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(there_is_one_choice_for_each_variant, "should be bool")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return (
        best,
        losses.gather(1, best[:, None])[:, 0],
        ((best == 0) | (best == losses.size(1) - 1)).long(),
    )


@chosen.wrong(each_takes_its_own_lowest_loss, "best on average")
def my_choice(losses):
    best = losses.nanmean(dim=0).argmin().expand(len(losses))
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(each_takes_its_own_lowest_loss, "the highest losses")
def my_choice(losses):
    best = losses.nan_to_num(nan=-torch.inf).argmax(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(each_takes_its_own_lowest_loss, "counted from 1")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1) + 1
    return best, losses.gather(1, best[:, None] - 1)[:, 0], (best == 1) | (best == losses.size(1))


@chosen.wrong(each_takes_its_own_lowest_loss, "the best places should be".capitalize())
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argsort(dim=1)[:, 1 if losses.size(1) > 1 else 0]
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(lowest_is_the_loss_at_that_place, "`lowest` should be")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.nanmean(dim=1), (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(lowest_is_the_loss_at_that_place, "of the first variant for all")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    lowest = losses[0, best[0]].expand(len(losses))
    return best, lowest, (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(trainings_that_broke_are_never_chosen, "`lowest` is NaN")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.amin(dim=1), (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(trainings_that_broke_are_never_chosen, "A training that broke was chosen")
def my_choice(losses):
    best = losses.argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(trainings_that_broke_are_never_chosen, "With NaN among the losses")
def my_choice(losses):
    known = losses[:, ~losses.isnan().any(dim=0)] if losses.isnan().any() else losses
    best = known.argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


@chosen.wrong(edges_are_the_first_and_the_last_rate, "turned round")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], (best > 0) & (best < losses.size(1) - 1)


@chosen.wrong(edges_are_the_first_and_the_last_rate, "The last rate is an edge")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], best == 0


@chosen.wrong(edges_are_the_first_and_the_last_rate, "The first rate is an edge")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], best == losses.size(1) - 1


@chosen.wrong(edges_are_the_first_and_the_last_rate, "`at_edge` should be")
def my_choice(losses):
    best = losses.nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], torch.ones_like(best, dtype=torch.bool)


@chosen.wrong(the_first_of_equal_losses_is_taken, "the first should be taken")
def my_choice(losses):
    turned = losses.nan_to_num(nan=torch.inf).flip(1).argmin(dim=1)
    best = losses.size(1) - 1 - turned
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


def _chosen_one_by_one(losses):
    """The oracle, in plain Python."""
    best = []
    for row in losses.tolist():
        place = None
        for at, loss in enumerate(row):
            if not math.isnan(loss) and (place is None or loss < row[place]):
                place = at
        best.append(place)
    edges = {0, losses.size(1) - 1}
    lowest = torch.stack([row[place] for row, place in zip(losses, best, strict=True)])
    return torch.tensor(best), lowest, torch.tensor([place in edges for place in best])


@chosen.inputs(oracle=_chosen_one_by_one)
def choice_calls(draw):
    variants, rates = draw.sizes(variants=300, rates=300)
    losses = draw.floats(variants, rates, scale=draw.scale(1, 100)).detach().abs()
    broken = draw.truths(draw.one_of(0.0, 0.3), variants, rates)
    broken[torch.arange(variants), draw.wholes(0, rates - 1, variants)] = False
    losses[broken] = math.nan
    return (losses,)


@chosen.wrong(choice_calls, "`best`")
def my_choice(losses):
    best = losses[:, :64].nan_to_num(nan=torch.inf).argmin(dim=1)
    return best, losses.gather(1, best[:, None])[:, 0], (best == 0) | (best == losses.size(1) - 1)


# --- what came out -----------------------------------------------------------------------------

who_reads_best = Ordering(
    kind="Predict",
    answer_name="who_reads_best_answer",
    task="""
    Scanned digits, 300 labels, 150 steps, each at the rate that was best for it. Put these in order
    by the share of test digits that they read rightly, the lowest first.
    """,
    items={
        "a": "three published layers of the text encoder, frozen, ends open",
        "b": "two convolutions and a linear layer, everything trained",
        "c": "three random layers of spread 0.02, frozen, ends open",
        "d": "three random layers, each tensor with the published one's mean and spread, frozen, "
        "ends open",
        "e": "a Transformer of two layers, 32 wide, from random weights, everything trained",
    },
    right="ceadb",
    rule="Each step is .02 at least. What do layers need to be useful when they cannot change? And "
    "which of those that learn everything is slow to?",
    hints=(
        "Layers of spread 0.02 hardly change what passes through them.",
        "A small Transformer learns slowly; 150 steps are few. Convolutions know about squares.",
    ),
    because="So it came out: what a frozen body needs is weights of a useful size. That they had "
    "read text did not help; shuffled, the same numbers did better.",
)

overclaimed = Choice(
    kind="Criticise a claim",
    answer_name="overclaimed_answer",
    task="""
    "A language model's layers, frozen, reach .84 on images of digits with 300 labels; the same
    layers with random weights of spread 0.02, frozen, reach .30. All were trained at a rate of
    0.001. So language models learn a universal way of computing that carries over to vision." What
    is missing? Give all.
    """,
    options={
        "a": "Random layers whose weights are as large as the published ones.",
        "b": "A rate of its own for each side.",
        "c": "The language model's loss on text.",
        "d": "What a small network without any such body reaches with as many labels.",
    },
    right="abd",
    reasons={
        "a": "With spread 0.02 the layers hardly do anything. Size may be the cause, not learning.",
        "b": "0.001 may be good for the one and far too low for the other.",
        "c": "How good it is at text does not say what carries over.",
        "d": "If it reaches more, the body may carry something over, and it does not pay.",
    },
    hints=("What differs between the two sides beside what has been learnt?",),
)
