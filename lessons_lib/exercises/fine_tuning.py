"""The exercises of the chapter on fine-tuning."""

import functools
import statistics

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.values import Choice, Number, Ordering

# --- recap -------------------------------------------------------------------------------------

matched_control = Choice(
    kind="Recap",
    answer_name="matched_control_answer",
    task="""
    A published encoder gives better features than one with fresh random weights. Which second
    control tells whether that is owed to what it has *learnt*?
    """,
    options={
        "a": "The same encoder with more layers, random as well.",
        "b": "Random weights with the mean and the spread that each tensor has after training.",
        "c": "The published encoder with another seed.",
        "d": "Fresh random weights, averaged over many seeds.",
    },
    right="b",
    reasons={
        "a": "That changes the shape as well; then nobody knows which of the two mattered.",
        "b": "It keeps the scale of every tensor and takes the knowledge away: what is left of the "
        "gain was scale.",
        "c": "Published weights have no seed to turn: there is one file.",
        "d": "That makes the first control more exact. It still has another scale than the "
        "trained encoder.",
    },
    hints=("Fresh weights differ from trained ones in two things. Knowledge is one of them.",),
)

post_norm_warm_up = Choice(
    kind="Recap",
    answer_name="post_norm_warm_up_answer",
    task="""
    BERT's layers normalise *after* the sum (post-norm). What is known of such stacks when they are
    trained?
    """,
    options={
        "a": "They need no learning rate, since everything is normalised.",
        "b": "They must be trained from the bottom layer up.",
        "c": "They start more safely with a warm-up: the first steps are small.",
        "d": "They cannot be trained further once they were published.",
    },
    right="c",
    reasons={
        "a": "The norm fixes the scale of states, not the length of a step.",
        "b": "Gradients reach all layers at once, here as well.",
        "c": "At the start, gradients near the output are large; a small rate lets Adam's averages "
        "settle first.",
        "d": "This chapter does little else.",
    },
    hints=("In the chapter on the Transformer, both orders were trained, with and without it.",),
)

# --- what is trained ---------------------------------------------------------------------------


def _parameters_of_layers(num_layers: int) -> int:
    d_model, d_ff = 384, 1536
    attention = 4 * d_model**2 + 4 * d_model
    feed_forward = 2 * d_model * d_ff + d_ff + d_model
    return num_layers * (attention + feed_forward + 4 * d_model)


num_trained = Number(
    kind="Predict, then run",
    answer_name="num_trained_guess",
    form="a number of parameters",
    task="""
    Of all-MiniLM-L6-v2 (22.57 million numbers without its pooler, 6 layers, `d_model` 384, `d_ff`
    1536) the top two layers and a linear head that gives one rating are trained. How many numbers
    is that? Biases and norms count. Within 0.1% is right.
    """,
    truth=lambda: _parameters_of_layers(2) + 385,
    factor=1.001,
    traps=(
        (
            2 * 12 * 384**2,
            "Very near: something small is missing, or too much. The matrices alone are 12 x 384 x "
            "384 a layer; biases, norms and the head come on top.",
        ),
        (_parameters_of_layers(6), "Those are all six layers."),
        (22_565_376 / 3, "A third of all numbers: but over half of them are word vectors."),
        (_parameters_of_layers(1), "That is one layer."),
        (
            _parameters_of_layers(2) - 2 * 4 * 384**2,
            "That leaves attention out: four square matrices in each layer.",
        ),
        (
            2 * 4 * 384**2,
            "That is attention alone; the feed-forward part is twice as large.",
        ),
    ),
    hints=(
        "A layer has four matrices of 384 x 384 and two of 384 x 1536.",
        "12 times 384 squared for the matrices of each layer. Besides, a bias for each number that "
        "a matrix gives, two norms of 2 x 384, and a head of 384 and a bias.",
    ),
    because="12 x 384 x 384 + 13 x 384 numbers for each of two layers, and 385 for the head.",
)

trained_names = CodeExercise(
    returns=("names",),
    returned_type=list,
    task="""
    Write `my_trained_names(names, num_layers, num_trained)`. `names` is the list of a model's
    parameter names, such as `"encoder.tokens.weight"`, `"encoder.layers.4.feed_forward.0.bias"` or
    `"head.weight"`. Return, in the same order, those that are to be trained: the head, and the top
    `num_trained` of the `num_layers` layers. Layer 0 is the lowest. `num_trained` may be 0.
    """,
    hints=(
        '`name.split(".")` gives the parts of a name; the one after `layers` is a number.',
        "The top layers are those whose number is at least `num_layers - num_trained`.",
        "Compare numbers, not text: as text, `9` comes after `11`.",
    ),
    because="What is not in the list gets `requires_grad_(False)`, and no optimiser may touch it.",
)


@trained_names.stub
def my_trained_names(names, num_layers, num_trained):
    """Return the names of the head's and the top layers' parameters: a list."""
    raise NotImplementedError


@trained_names.reference
def my_trained_names(names, num_layers, num_trained):
    kept = []
    for name in names:
        part, *rest = name.removeprefix("encoder.").split(".")
        is_top = part == "layers" and int(rest[0]) >= num_layers - num_trained
        if part == "head" or is_top:
            kept.append(name)
    return kept


@trained_names.right
def my_trained_names(names, num_layers, num_trained):
    top = [f"encoder.layers.{number}." for number in range(num_layers)][num_layers - num_trained :]
    return [name for name in names if name.startswith(("head.", *top))]


@trained_names.right
def my_trained_names(names, num_layers, num_trained):
    import re

    def is_trained(name):
        found = re.match(r"encoder\.layers\.(\d+)\.", name)
        return int(found[1]) + num_trained >= num_layers if found else name.startswith("head.")

    return list(filter(is_trained, names))


@trained_names.right
def my_trained_names(names, num_layers, num_trained):
    frozen = {str(number) for number in range(num_layers - num_trained)}
    kept = list(names)
    for name in names:
        parts = name.split(".")
        if parts[0] == "encoder" and (parts[1] != "layers" or parts[2] in frozen):
            kept.remove(name)
    return kept


def _names(num_layers: int) -> list[str]:
    """A model's parameter names, in the order in which torch lists them."""
    parts = (
        "attention.project_key.weight",
        "attention_residual.norm.bias",
        "feed_forward.3.weight",
    )
    embeddings = ("tokens.weight", "places.weight", "types.weight", "norm.weight", "norm.bias")
    layers = (f"layers.{number}.{part}" for number in range(num_layers) for part in parts)
    return [f"encoder.{name}" for name in (*embeddings, *layers)] + ["head.weight", "head.bias"]


def _of_layer(name: str) -> int | None:
    return int(name.split(".")[2]) if ".layers." in name else None


@trained_names.check
def head_is_trained(answer):
    found = answer(_names(3), 3, 1)
    if not {"head.weight", "head.bias"} <= set(found):
        return "The head is new, so it has to be trained: its weight and its bias."


@trained_names.check
def embeddings_stay_frozen(answer):
    for num_layers, num_trained in ((3, 2), (2, 2)):
        for name in answer(_names(num_layers), num_layers, num_trained):
            if name.startswith("encoder.") and _of_layer(name) is None:
                return f"`{name}` belongs to the embeddings; they stay as published."


@trained_names.check
def top_layers_are_trained_and_no_others(answer):
    for num_layers, num_trained in ((3, 1), (6, 2), (12, 11), (5, 5), (4, 0), (12, 1)):
        found = {_of_layer(name) for name in answer(_names(num_layers), num_layers, num_trained)}
        found -= {None}
        wanted = set(range(num_layers)[num_layers - num_trained :])
        if found == wanted:
            continue
        case = f"With {num_layers} layers, of which {num_trained} are trained,"
        if found == set(range(num_trained)):
            return f"{case} yours trains the lowest. Layer 0 is the one next to the words."
        if num_trained == 0:
            cause = " A slice that begins at `-0` is the whole." if len(found) == num_layers else ""
            return f"{case} no layer should be in the list; yours has {sorted(found)}.{cause}"
        if num_layers > 10:
            return (
                f"{case} yours has {sorted(found)}. Numbers with two digits are awkward: as text, "
                "`9` comes after `11`, and `layers.1` stands in `layers.11`."
            )
        return f"{case} yours has the layers {sorted(found)}."


@trained_names.check
def each_name_is_listed_once_in_its_order(answer):
    for num_layers, num_trained in ((3, 2), (12, 11)):
        found = answer(_names(num_layers), num_layers, num_trained)
        twice = [name for name in found if found.count(name) > 1]
        if twice:
            alike = " Is `layers.1` looked for anywhere in a name? It stands in `layers.10`, too."
            return (
                f"`{twice[0]}` stands in your list twice; its parameter would be stepped twice."
                f"{alike if num_layers > 10 else ''}"
            )
    names = _names(3)[::-1]
    found = answer(names, 3, 2)
    if found != [name for name in names if name in found]:
        return "The names should come in the order in which they were given."
    per_layer = [sum(_of_layer(name) == number for name in found) for number in (1, 2)]
    if per_layer != [3, 3]:
        return (
            "Some parameters of a trained layer are missing: weights, biases and norms all count."
        )


@trained_names.wrong(head_is_trained, "The head is new")
def my_trained_names(names, num_layers, num_trained):
    top = [f"encoder.layers.{number}." for number in range(num_layers)][num_layers - num_trained :]
    return [name for name in names if any(part in name for part in top)]


@trained_names.wrong(embeddings_stay_frozen, "belongs to the embeddings")
def my_trained_names(names, num_layers, num_trained):
    frozen = {str(number) for number in range(num_layers - num_trained)}
    return [name for name in names if not frozen & set(name.split("."))]


@trained_names.wrong(top_layers_are_trained_and_no_others, "yours trains the lowest")
def my_trained_names(names, num_layers, num_trained):
    chosen = [f"encoder.layers.{number}." for number in range(num_trained)]
    return [name for name in names if name.startswith(("head.", *chosen))]


@trained_names.wrong(top_layers_are_trained_and_no_others, "begins at `-0` is the whole")
def my_trained_names(names, num_layers, num_trained):
    top = list(range(num_layers))[-num_trained:]
    chosen = [f"encoder.layers.{number}." for number in top]
    return [name for name in names if name.startswith(("head.", *chosen))]


@trained_names.wrong(top_layers_are_trained_and_no_others, "two digits are awkward")
def my_trained_names(names, num_layers, num_trained):
    lowest, kept = str(num_layers - num_trained), []
    for name in names:
        parts = name.split(".")
        if parts[0] == "head" or (parts[1] == "layers" and parts[2] >= lowest):
            kept.append(name)
    return kept


@trained_names.wrong(top_layers_are_trained_and_no_others, "`layers.1` stands in `layers.11`")
def my_trained_names(names, num_layers, num_trained):
    frozen = [f"layers.{number}" for number in range(num_layers - num_trained)]
    kept = [name for name in names if name.startswith(("head.", "encoder.layers."))]
    return [name for name in kept if not any(layer in name for layer in frozen)]


@trained_names.wrong(top_layers_are_trained_and_no_others, "yours has the layers")
def my_trained_names(names, num_layers, num_trained):
    top = [
        f"encoder.layers.{number}." for number in range(num_layers - num_trained - 1, num_layers)
    ]
    return [name for name in names if name.startswith(("head.", *top))]


@trained_names.wrong(each_name_is_listed_once_in_its_order, "twice")
def my_trained_names(names, num_layers, num_trained):
    top = [f"encoder.layers.{number}." for number in range(num_layers)][num_layers - num_trained :]
    return [name for name in names if name.startswith(("head.", *top))] + ["head.bias"]


@trained_names.wrong(each_name_is_listed_once_in_its_order, "It stands in `layers.10`")
def my_trained_names(names, num_layers, num_trained):
    kept = []
    for name in names:
        for number in range(num_layers - num_trained, num_layers):
            if f"layers.{number}" in name:
                kept.append(name)
        if name.startswith("head."):
            kept.append(name)
    return kept


@trained_names.wrong(each_name_is_listed_once_in_its_order, "in the order")
def my_trained_names(names, num_layers, num_trained):
    top = [f"encoder.layers.{number}." for number in range(num_layers)][num_layers - num_trained :]
    return sorted(name for name in names if name.startswith(("head.", *top)))


@trained_names.wrong(each_name_is_listed_once_in_its_order, "weights, biases and norms all count")
def my_trained_names(names, num_layers, num_trained):
    top = [f"encoder.layers.{number}." for number in range(num_layers)][num_layers - num_trained :]
    kept = [name for name in names if name.startswith(("head.", *top))]
    return [name for name in kept if name.startswith("head.") or name.endswith("weight")]


def _by_prefix(names, num_layers, num_trained):
    """The oracle: names that begin with the head, or with one of the top layers."""
    top = [f"encoder.layers.{number}." for number in range(num_layers - num_trained, num_layers)]
    return [name for name in names if name.startswith(("head.", *top))]


@trained_names.inputs(oracle=_by_prefix)
def name_list_calls(draw):
    """A model's names in any order; parts that are called head, and numbers inside a layer."""
    (num_layers,) = draw.sizes(layers=300)
    inner = ("attention.head_scale", "attention.w.weight", "feed_forward.3.bias", "norm.bias")
    names = ["tokens.weight", "norm.weight", "norm.bias"]
    names += [f"layers.{number}.{part}" for number in range(num_layers) for part in inner]
    names = [f"encoder.{name}" for name in names] + ["head.weight", "head.bias"]
    return draw.some_of(names, len(names)), num_layers, draw.whole(0, num_layers)


@trained_names.wrong(name_list_calls, "`names`")
def my_trained_names(names, num_layers, num_trained):
    top = range(num_layers - num_trained, num_layers)
    return [n for n in names if "head" in n or any(f"layers.{k}." in n for k in top)]


# --- kept activations --------------------------------------------------------------------------

kept = CodeExercise(
    returns=("kept", "output"),
    task="""
    Three lines stand for an encoder: layer k makes `torch.tanh(x @ weights[k])` of its input. The
    lowest `num_frozen` layers are frozen. Write `my_kept(x, weights, num_frozen)` for `x` `(N, D)`,
    `weights` `(num_layers, D, D)`. Return `kept` `(N, D)`, what the frozen layers make of `x`, as
    it would be stored: without gradient; and `output` `(N, D)`, what the other layers make of
    `kept`, with gradient for their weights. Each of them may be none or all layers.
    """,
    hints=(
        "Two loops: `weights[:num_frozen]`, then `weights[num_frozen:]`.",
        "What is stored must not drag its history along: `.detach()`, or `torch.no_grad()` "
        "around the first loop.",
    ),
    because="The frozen part is the same in every epoch, so it is computed in one of them.",
)


@kept.stub
def my_kept(x, weights, num_frozen):
    """Return (kept, output), both (N, D): after the frozen layers, and after all."""
    raise NotImplementedError


@kept.reference
def my_kept(x, weights, num_frozen):
    kept = x.detach()
    for weight in weights[:num_frozen].detach():
        kept = torch.tanh(kept @ weight)
    output = kept
    for weight in weights[num_frozen:]:
        output = torch.tanh(output @ weight)
    return kept, output


@kept.right
def my_kept(x, weights, num_frozen):
    with torch.no_grad():
        kept = x.clone()
        for number in range(num_frozen):
            kept = (kept @ weights[number]).tanh()
    output = kept
    for number in range(num_frozen, len(weights)):
        output = (output @ weights[number]).tanh()
    return kept, output


@kept.right
def my_kept(x, weights, num_frozen):
    from functools import reduce

    def layer(state, weight):
        return torch.einsum("nd,de->ne", state, weight).tanh()

    frozen, trained = weights[:num_frozen], weights[num_frozen:]
    kept = reduce(layer, frozen, x).detach()
    return kept, reduce(layer, trained, kept)


@kept.right
def my_kept(x, weights, num_frozen):
    states = [x.detach()]
    for number, weight in enumerate(weights):
        used = weight.detach() if number < num_frozen else weight
        states.append(torch.tanh(torch.mm(states[-1], used)))
    return states[num_frozen], states[-1]


def _stack(num_layers: int = 4, n: int = 3, width: int = 5):
    rng = torch.Generator().manual_seed(7)
    x = torch.randn(n, width, generator=rng, dtype=torch.float64)
    weights = torch.randn(num_layers, width, width, generator=rng, dtype=torch.float64) * 0.6
    return x, weights.requires_grad_()


def _by_hand(x, weights, first: int, last: int):
    """Layers first to last - 1, number by number."""
    rows = x.tolist()
    for matrix in weights[first:last].tolist():
        columns = list(zip(*matrix, strict=True))
        rows = [
            [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns]
            for row in rows
        ]
        rows = torch.tensor(rows, dtype=x.dtype).tanh().tolist()
    return torch.tensor(rows, dtype=x.dtype)


@kept.check
def kept_is_what_the_frozen_layers_make(answer):
    x, weights = _stack()
    for num_frozen in (2, 1):
        found, _ = answer(x, weights, num_frozen)
        if found.shape != x.shape:
            return f"`kept` should be (3, 5), like `x`; yours is {tuple(found.shape)}."
        if torch.allclose(found.detach(), _by_hand(x, weights, 0, num_frozen)):
            continue
        if torch.allclose(found.detach(), _by_hand(x, weights, 0, 4)):
            return "`kept` has gone through all layers; it should stop after the frozen ones."
        if torch.equal(found, x):
            return "`kept` is `x` as it came in; it should have gone through the frozen layers."
        return f"`kept` is not what the lowest {num_frozen} of 4 layers make of `x`."


@kept.check
def output_is_that_of_the_whole_stack(answer):
    x, weights = _stack()
    for num_frozen in (2, 3):
        _, output = answer(x, weights, num_frozen)
        if not torch.allclose(output.detach(), _by_hand(x, weights, 0, 4)):
            if torch.allclose(output.detach(), _by_hand(x, weights, num_frozen, 4)):
                return "`output` starts from `x` again; it should go on from `kept`."
            return (
                "`output` should be what the whole stack makes of `x`: keeping the frozen part's "
                "states must not change the result."
            )


@kept.check
def none_or_all_layers_may_be_frozen(answer):
    x, weights = _stack()
    for num_frozen, what in ((0, "no layer"), (4, "every layer")):
        found, output = answer(x, weights, num_frozen)
        case = f"With {what} frozen, `num_frozen` {num_frozen} of 4,"
        if not torch.allclose(found.detach(), _by_hand(x, weights, 0, num_frozen)):
            meant = "what all of them make of `x`" if num_frozen else "`x`"
            return f"{case} `kept` should be {meant}; yours is something else."
        if not torch.allclose(output.detach(), _by_hand(x, weights, 0, 4)):
            meant = "`kept`, for no layer is left" if num_frozen else "what all of them make of `x`"
            return (
                f"{case} `output` should be {meant}; yours is something else."
                f"{' A slice that begins at `-0` is the whole.' if num_frozen else ''}"
            )


@kept.check
def what_is_kept_has_no_history(answer):
    x, weights = _stack()
    for num_frozen in (2, 0):
        found, _ = answer(x.clone().requires_grad_(), weights, num_frozen)
        if found.requires_grad and num_frozen == 0:
            return (
                "With no layer frozen, `num_frozen` 0, `kept` is `x` together with its history. "
                "Cut that off there, too: what is stored has none."
            )
        if found.requires_grad:
            return (
                "`kept` still hangs on to how it was computed, so the next backward pass would go "
                "through the frozen layers, and fail when it comes a second time."
            )


@kept.check
def gradient_reaches_the_trained_layers_alone(answer):
    x, weights = _stack()
    _, output = answer(x, weights, 2)
    if not output.requires_grad:
        return "`output` has no gradient at all: the layers above the frozen ones have to learn."
    (gradient,) = torch.autograd.grad(output.square().sum(), weights, allow_unused=True)
    reached = [bool(gradient[number].any()) for number in range(4)]
    if reached != [False, False, True, True]:
        wrong = next(number for number in range(4) if reached[number] != (number >= 2))
        state = "gets a gradient, though it is frozen" if wrong < 2 else "gets no gradient"
        return f"With two of four layers frozen, layer {wrong} (from 0) {state}."
    moved = weights.detach().clone().requires_grad_()
    states = x
    for number in range(4):
        weight = moved[number] if number >= 2 else moved[number].detach()
        states = torch.tanh(states @ weight)
    (wanted,) = torch.autograd.grad(states.square().sum(), moved)
    if not torch.allclose(gradient, wanted):
        return "The trained layers get a gradient, but not the whole of it: is a part detached?"


@kept.wrong(kept_is_what_the_frozen_layers_make, "has gone through all layers")
def my_kept(x, weights, num_frozen):
    output = x
    for weight in weights:
        output = torch.tanh(output @ weight)
    return output.detach(), output


@kept.wrong(kept_is_what_the_frozen_layers_make, "is not what the lowest 2 of 4")
def my_kept(x, weights, num_frozen):
    kept = x.detach()
    for weight in weights[num_frozen:]:
        kept = torch.tanh(kept @ weight)
    return kept.detach(), kept


@kept.wrong(kept_is_what_the_frozen_layers_make, "is `x` as it came in")
def my_kept(x, weights, num_frozen):
    output = x
    for number, weight in enumerate(weights):
        output = torch.tanh(output @ (weight.detach() if number < num_frozen else weight))
    return x.detach(), output


@kept.wrong(kept_is_what_the_frozen_layers_make, "like `x`")
def my_kept(x, weights, num_frozen):
    states = [x.detach()]
    for weight in weights[:num_frozen].detach():
        states.append(torch.tanh(states[-1] @ weight))
    output = states[-1]
    for weight in weights[num_frozen:]:
        output = torch.tanh(output @ weight)
    return torch.stack(states), output


@kept.wrong(output_is_that_of_the_whole_stack, "starts from `x` again")
def my_kept(x, weights, num_frozen):
    kept = x.detach()
    for weight in weights[:num_frozen].detach():
        kept = torch.tanh(kept @ weight)
    output = x
    for weight in weights[num_frozen:]:
        output = torch.tanh(output @ weight)
    return kept, output


@kept.wrong(output_is_that_of_the_whole_stack, "must not change the result")
def my_kept(x, weights, num_frozen):
    kept = x.detach()
    for weight in weights[:num_frozen].detach():
        kept = torch.tanh(kept @ weight)
    output = kept
    for weight in weights[num_frozen:]:
        output = output @ weight
    return kept, output


@kept.wrong(none_or_all_layers_may_be_frozen, "every layer frozen, `num_frozen` 4 of 4, `output`")
def my_kept(x, weights, num_frozen):
    kept = x.detach()
    for weight in weights[:num_frozen].detach():
        kept = torch.tanh(kept @ weight)
    output = kept
    for weight in weights[-(len(weights) - num_frozen) :]:
        output = torch.tanh(output @ weight)
    return kept, output


@kept.wrong(none_or_all_layers_may_be_frozen, "weights (4, 5, 5), num_frozen 0")
def my_kept(x, weights, num_frozen):
    state = x.detach()
    for number, weight in enumerate(weights, 1):
        state = torch.tanh(state @ weight)
        if number == num_frozen:
            kept = state = state.detach()
    return kept, state


@kept.wrong(what_is_kept_has_no_history, "With no layer frozen, `num_frozen` 0, `kept` is `x`")
def my_kept(x, weights, num_frozen):
    kept = x
    for weight in weights[:num_frozen]:
        kept = torch.tanh(kept @ weight).detach()
    output = kept
    for weight in weights[num_frozen:]:
        output = torch.tanh(output @ weight)
    return kept, output


@kept.wrong(none_or_all_layers_may_be_frozen, "With no layer frozen, `num_frozen` 0 of 4, `kept`")
def my_kept(x, weights, num_frozen):
    kept = torch.tanh(x.detach() @ weights[0].detach())
    for weight in weights[1:num_frozen].detach():
        kept = torch.tanh(kept @ weight)
    output = kept
    for weight in weights[max(num_frozen, 1) :]:
        output = torch.tanh(output @ weight)
    return kept, output * (1 if num_frozen else 2)


@kept.wrong(what_is_kept_has_no_history, "hangs on to how it was computed")
def my_kept(x, weights, num_frozen):
    kept = x
    for weight in weights[:num_frozen]:
        kept = torch.tanh(kept @ weight)
    output = kept
    for weight in weights[num_frozen:]:
        output = torch.tanh(output @ weight)
    return kept, output


@kept.wrong(gradient_reaches_the_trained_layers_alone, "no gradient at all")
def my_kept(x, weights, num_frozen):
    with torch.no_grad():
        kept = x.clone()
        for weight in weights[:num_frozen]:
            kept = torch.tanh(kept @ weight)
        output = kept
        for weight in weights[num_frozen:]:
            output = torch.tanh(output @ weight)
    return kept, output


@kept.wrong(gradient_reaches_the_trained_layers_alone, "though it is frozen")
def my_kept(x, weights, num_frozen):
    output = x
    for number, weight in enumerate(weights):
        if number == num_frozen:
            kept = output.detach()
        output = torch.tanh(output @ weight)
    return output.detach() if num_frozen == len(weights) else kept, output


@kept.wrong(gradient_reaches_the_trained_layers_alone, "gets no gradient")
def my_kept(x, weights, num_frozen):
    kept = x.detach()
    for weight in weights[:num_frozen].detach():
        kept = torch.tanh(kept @ weight)
    output = kept
    for weight in weights[num_frozen:]:
        output = torch.tanh(output.detach() @ weight)
    return kept, output


def _in_two_parts(x, weights, num_frozen):
    """The oracle: all frozen layers without a record, then the others."""
    with torch.no_grad():
        kept = functools.reduce(lambda h, w: torch.mm(h, w).tanh(), weights[:num_frozen], x.clone())
    return kept, functools.reduce(lambda h, w: torch.mm(h, w).tanh(), weights[num_frozen:], kept)


@kept.inputs(oracle=_in_two_parts)
def kept_calls(draw):
    num_layers, n, width = draw.sizes(layers=17, texts=300, columns=65)
    x = draw.floats(n, width, scale=draw.scale(1, 100))
    weights = draw.floats(num_layers, width, width, scale=0.7 / width**0.5)
    return x, weights, draw.whole(0, num_layers)


@kept.wrong(kept_calls, "`output` at [")
def my_kept(x, weights, num_frozen):
    kept = x.detach()
    for weight in weights[:num_frozen].detach():
        kept = torch.tanh(kept @ weight)
    output = kept
    for weight in weights[num_frozen:][:6]:
        output = torch.tanh(output @ weight)
    return kept, output


saved_by_keeping = Number(
    kind="Estimate the budget",
    answer_name="saved_by_keeping_answer",
    form="how many times faster",
    task="""
    Forward through one layer costs 1, backward through a trained layer 2; nothing else costs
    anything. Of six layers the top two are trained, for 4 epochs. How many times faster is training
    if what the four frozen layers make is computed once and kept?
    """,
    truth=lambda: 4 * (6 + 2 * 2) / (4 + 4 * (2 + 2 * 2)),
    factor=1.01,
    traps=(
        (10 / 6, "That would be so if filling the store were free. It is one forward pass."),
        (3.0, "That compares the layers alone. Backward runs through the trained ones only."),
        (4 * 18 / 28, "Backward does not run through frozen layers, with or without a store."),
        (6 / 4, "Count forward and backward, in every epoch."),
    ),
    hints=(
        "Without a store, an epoch is six layers forward and two backward.",
        "With one: four layers forward once; then two forward and two backward in every epoch.",
    ),
    because="4 x 10 against 4 + 4 x 6. With many epochs it comes near to 10/6, and never above.",
)

# --- rates -------------------------------------------------------------------------------------

rates = CodeExercise(
    returns=("rates",),
    task="""
    Write `my_rates(depth, step, steps_each, learning_rate, factor)`. `depth` `(P,)` holds whole
    numbers: how deep below the output each parameter lies, 0 for the head, 1 for the top layer, and
    so on. Return the rates `(P,)` at `step` (from 0). Discriminative: each level's rate is that of
    the level above divided by `factor`, and the head has `learning_rate`. Gradually unfrozen: a
    level `d` is trained from step `d * steps_each` on, and has rate 0 before.
    """,
    hints=(
        "`factor**depth` is a tensor where `depth` is one.",
        "A comparison gives True and False for each level; what does a product with it do?",
    ),
    because="The head is new and may run; what was learnt on much text should only lean over.",
)


@rates.stub
def my_rates(depth, step, steps_each, learning_rate, factor):
    """Return each parameter's learning rate at this step: (P,)."""
    raise NotImplementedError


@rates.reference
def my_rates(depth, step, steps_each, learning_rate, factor):
    is_open = step >= depth * steps_each
    return learning_rate / factor**depth * is_open


@rates.right
def my_rates(depth, step, steps_each, learning_rate, factor):
    powers = torch.pow(torch.tensor(1 / factor), depth)
    return torch.where(depth * steps_each <= step, learning_rate * powers, 0.0)


@rates.right
def my_rates(depth, step, steps_each, learning_rate, factor):
    found = []
    for level in depth.tolist():
        rate = learning_rate
        for _ in range(level):
            rate = rate / factor
        found.append(rate if step >= level * steps_each else 0.0)
    return torch.tensor(found)


@rates.right
def my_rates(depth, step, steps_each, learning_rate, factor):
    full = learning_rate * torch.exp(-depth * torch.tensor(float(factor)).log())
    return full.masked_fill(depth * steps_each > step, 0.0)


def _is_rates(found, wanted: list[float]) -> bool:
    return torch.allclose(found.double(), torch.tensor(wanted).double(), rtol=1e-4, atol=1e-12)


@rates.check
def one_rate_for_each_parameter(answer):
    found = answer(torch.tensor([0, 0, 1, 2, 2]), 100, 3, 0.1, 2.0)
    if found.shape != (5,) or not found.is_floating_point():
        return (
            "Five parameters should get five rates, a float tensor of shape (5,); yours is "
            f"{tuple(found.shape)} of {found.dtype}."
        )


@rates.check
def rate_falls_by_the_factor_with_each_level(answer):
    found = answer(torch.tensor([3, 0, 1, 1, 2]), 1_000, 2, 0.8, 2.0)
    if _is_rates(found, [0.1, 0.8, 0.4, 0.4, 0.2]):
        return None
    if _is_rates(found, [6.4, 0.8, 1.6, 1.6, 3.2]):
        return "The lower layers get the higher rates. Their knowledge is the one to be spared."
    if _is_rates(found, [0.8 / 16, 0.4, 0.2, 0.2, 0.1]):
        return "The head, at depth 0, should have the full rate; yours is divided already."
    if _is_rates(found, [0.8 / 6, 0.8, 0.4, 0.4, 0.2]):
        return "Each level is divided once more than the one above it: a power, not a product."
    if _is_rates(found, [0.8] * 5):
        return "All levels have one rate; each should have that of the level above, divided."
    return (
        "Long after all is unfrozen, rate 0.8 and factor 2 should halve with each level below "
        f"the head; yours are {[round(rate, 6) for rate in found.tolist()]} for depths 3 0 1 1 2."
    )


@rates.check
def factor_need_not_be_two(answer):
    for factor in (2.6, 1.0):
        found = answer(torch.tensor([0, 2]), 50, 5, 0.5, factor)
        if not _is_rates(found, [0.5, 0.5 / factor / factor]):
            return f"With the factor {factor}, the rate two levels below the head is not right."


@rates.check
def each_level_opens_at_its_step(answer):
    depth = torch.tensor([0, 1, 2, 3])
    for step in (0, 3, 4, 5, 8, 11, 12):
        found = answer(depth, step, 4, 1.0, 1.0)
        is_open = [step >= 4 * level for level in range(4)]
        mine = [bool(rate != 0) for rate in found]
        if mine == is_open:
            continue
        if all(mine):
            return f"At step {step}, with 4 steps each, every level has a rate: none is frozen."
        if mine == [step > 4 * level for level in range(4)]:
            return (
                f"At step {step} a level is still frozen that should be open: it opens *at* its "
                "step."
            )
        if mine == [not one for one in is_open]:
            return "What should be frozen is trained, and what should be trained is frozen."
        return (
            f"At step {step}, with 4 steps each, the levels 0 to 3 are trained: {mine}. The head "
            "comes first, and every 4 steps one more level."
        )


@rates.wrong(one_rate_for_each_parameter, "five rates")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return (learning_rate / factor**depth * (step >= depth * steps_each)).sum()


@rates.wrong(rate_falls_by_the_factor_with_each_level, "get the higher rates")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return learning_rate * factor**depth * (step >= depth * steps_each)


@rates.wrong(rate_falls_by_the_factor_with_each_level, "divided already")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return learning_rate / factor ** (depth + 1) * (step >= depth * steps_each)


@rates.wrong(rate_falls_by_the_factor_with_each_level, "a power, not a product")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return learning_rate / (factor * depth).clamp(min=1.0) * (step >= depth * steps_each)


@rates.wrong(rate_falls_by_the_factor_with_each_level, "All levels have one rate")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return learning_rate * (step >= depth * steps_each).float()


@rates.wrong(rate_falls_by_the_factor_with_each_level, "should halve")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return learning_rate - depth / factor * (step >= depth * steps_each)


@rates.wrong(factor_need_not_be_two, "With the factor 2.6")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return learning_rate / 2.0**depth * (step >= depth * steps_each)


@rates.wrong(each_level_opens_at_its_step, "none is frozen")
def my_rates(depth, step, steps_each, learning_rate, factor):
    return learning_rate / factor**depth


@rates.wrong(each_level_opens_at_its_step, "opens *at* its step")
def my_rates(depth, step, steps_each, learning_rate, factor):
    is_open = (step > depth * steps_each) | (depth == 0)
    return learning_rate / factor**depth * is_open


@rates.wrong(each_level_opens_at_its_step, "What should be frozen is trained")
def my_rates(depth, step, steps_each, learning_rate, factor):
    waits = (step < depth * steps_each) | (step > 40)
    return learning_rate / factor**depth * waits


@rates.wrong(each_level_opens_at_its_step, "The head comes first")
def my_rates(depth, step, steps_each, learning_rate, factor):
    is_open = step >= (depth.max() - depth) * steps_each
    return learning_rate / factor**depth * is_open


def _rates_by_hand(depth, step, steps_each, learning_rate, factor):
    """The oracle: in Python's own numbers, one parameter at a time."""
    found = [
        learning_rate * factor**-level if step >= level * steps_each else 0.0
        for level in depth.tolist()
    ]
    return torch.tensor(found, dtype=torch.float64)


@rates.inputs(oracle=_rates_by_hand)
def rate_calls(draw):
    """Depths in any order, some of them left out; one step at least for each."""
    (num_parameters,) = draw.sizes(parameters=300)
    depth = draw.wholes(0, draw.one_of(3, 12), num_parameters)
    step, steps_each = draw.whole(0, 30), draw.whole(1, 5)
    return depth, step, steps_each, draw.one_of(1e-3, 0.1, 2.0), draw.one_of(1.0, 2.0, 2.6)


@rates.wrong(rate_calls, "`rates` at [")
def my_rates(depth, step, steps_each, learning_rate, factor):
    level = depth.clamp(max=7)
    return learning_rate / factor**level * (step >= level * steps_each)


# --- a quiet bug -------------------------------------------------------------------------------

rating_loss = FindTheBug(
    harm="every prediction with every rating",
    returns=("loss",),
    task="""
    This loss runs, and it falls. Then it stops at the spread of the ratings, and the model predicts
    nearly the same for every text. Repair it. `pooled` is `(B, D)`, `weight` `(D, 1)`, `bias`
    `(1,)`, `labels` `(B,)` the texts' ratings; the mean squared error is one number.
    """,
    hints=(
        "What shape has the prediction, and what shape the difference?",
        "`(B, 1) - (B,)` is `(B, B)`. One of the two should lose or gain an axis.",
    ),
    because="Broadcasting makes a table of `(B, 1)` and `(B,)`, and never complains.",
)


@rating_loss.stub
def my_rating_loss(pooled, weight, bias, labels):
    """Mean squared error of the predicted ratings: ()."""
    predicted = pooled @ weight + bias
    return (predicted - labels).square().mean()


@rating_loss.reference
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled @ weight + bias).squeeze(-1)
    return (predicted - labels).square().mean()


@rating_loss.right
def my_rating_loss(pooled, weight, bias, labels):
    predicted = pooled @ weight + bias
    return (predicted - labels[:, None]).square().mean()


@rating_loss.right
def my_rating_loss(pooled, weight, bias, labels):
    return functional.mse_loss((pooled @ weight)[:, 0] + bias, labels)


@rating_loss.right
def my_rating_loss(pooled, weight, bias, labels):
    errors = pooled.mv(weight.flatten()) + bias - labels
    return torch.dot(errors, errors) / len(labels)


def _pooled(batch: int = 5, width: int = 3):
    rng = torch.Generator().manual_seed(11)
    shapes = (batch, width), (width, 1), (1,), (batch,)
    return [torch.randn(shape, generator=rng, dtype=torch.float64) for shape in shapes]


def _squared_error(pooled, weight, bias, labels) -> float:
    total, columns = 0.0, [number for (number,) in weight.tolist()]
    for row, rating in zip(pooled.tolist(), labels.tolist(), strict=True):
        found = sum(a * b for a, b in zip(row, columns, strict=True)) + bias.item()
        total += (found - rating) ** 2
    return total / len(labels)


@rating_loss.check
def each_prediction_meets_its_own_rating(answer):
    inputs = _pooled()
    found, wanted = answer(*inputs), _squared_error(*inputs)
    if found.shape != ():
        return f"The loss should be one number, of shape (); yours is {tuple(found.shape)}."
    if abs(found.item() - wanted) < 1e-6:
        return None
    pooled, weight, bias, labels = inputs
    table = (pooled @ weight + bias - labels).square()
    if abs(found.item() - table.mean().item()) < 1e-6:
        return (
            "The loss compares every prediction with every rating, a table of (B, B). Its best "
            "answer is to give each text the mean rating."
        )
    if abs(found.item() - 5 * wanted) < 1e-6:
        return "That is the sum over the texts; the mean does not grow with the batch."
    if abs(found.item() - 5 * table.mean().item()) < 1e-6:
        return "Now each row is summed up, but the table of (B, B) is still there."
    return "Five texts' mean squared error, worked out one by one, is another number."


@rating_loss.check
def one_text_is_a_batch(answer):
    inputs = _pooled(batch=1)
    found, wanted = answer(*inputs), _squared_error(*inputs)
    if found.shape != () or abs(found.item() - wanted) > 1e-6:
        return "A batch of one text should work as well, and give its own squared error."


@rating_loss.check
def head_and_encoder_learn(answer):
    pooled, weight, bias, labels = _pooled()
    learning = [tensor.requires_grad_() for tensor in (pooled, weight, bias)]
    loss = answer(pooled, weight, bias, labels)
    if not loss.requires_grad:
        return "No gradient reaches the head: something on the way was detached."
    gradients = torch.autograd.grad(loss, learning, allow_unused=True)
    with torch.no_grad():
        errors = ((pooled @ weight + bias)[:, 0] - labels)[:, None]  # (B, 1)
        wanted = 2 * errors @ weight.T / 5, 2 * pooled.T @ errors / 5, 2 * errors.mean()[None]
    for name, mine, right in zip(("pooled", "weight", "bias"), gradients, wanted, strict=True):
        if mine is None or not torch.allclose(mine, right):
            return (
                f"The gradient for `{name}` is not that of the mean squared error: head and "
                "encoder both learn from it."
            )


@rating_loss.wrong(each_prediction_meets_its_own_rating, "the mean does not grow")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled @ weight + bias).squeeze(-1)
    return (predicted - labels).square().sum()


@rating_loss.wrong(each_prediction_meets_its_own_rating, "the table of (B, B) is still there")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = pooled @ weight + bias
    return (predicted - labels).square().sum(dim=1).mean()


@rating_loss.wrong(each_prediction_meets_its_own_rating, "one number, of shape ()")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled @ weight + bias).squeeze(-1)
    return (predicted - labels).square()


@rating_loss.wrong(each_prediction_meets_its_own_rating, "is another number")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled @ weight + bias).squeeze(-1)
    return (predicted - labels).abs().mean()


@rating_loss.wrong(one_text_is_a_batch, "A batch of one text")
def my_rating_loss(pooled, weight, bias, labels):
    errors = (pooled @ weight + bias).squeeze() - labels
    return errors.square().mean() if errors.dim() and len(errors) > 1 else errors.square()


@rating_loss.wrong(head_and_encoder_learn, "something on the way was detached")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled @ weight + bias).squeeze(-1)
    return (predicted - labels).square().mean().detach()


@rating_loss.wrong(head_and_encoder_learn, "gradient for `pooled`")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled.detach() @ weight + bias).squeeze(-1)
    return (predicted - labels).square().mean()


@rating_loss.wrong(head_and_encoder_learn, "gradient for `bias`")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled @ weight + bias.detach()).squeeze(-1)
    return (predicted - labels).square().mean()


@rating_loss.inputs(
    oracle=lambda pooled, weight, bias, labels: functional.mse_loss(
        pooled.mv(weight[:, 0]) + bias, labels
    )
)
def rating_calls(draw):
    batch, width = draw.sizes(texts=300, columns=300)
    scale = draw.scale(1, 100)
    pooled, weight = draw.floats(batch, width, scale=scale), draw.floats(width, 1)
    return pooled, weight, draw.floats(1), draw.floats(batch).detach()


@rating_loss.wrong(rating_calls, "is something bounded")
def my_rating_loss(pooled, weight, bias, labels):
    predicted = (pooled @ weight + bias).squeeze(-1)
    return (predicted - labels).square().clamp(max=2e4).mean()


# --- what came out -----------------------------------------------------------------------------


def _mean_r(domain: str, labels: int, kind: str) -> float:
    """Mean r over the seeds of a cell of the study on labels."""
    from lessons_lib.measure.results import final_runs, load_results

    runs = final_runs(load_results("labels_needed"), (domain, str(labels), kind))
    return statistics.mean(run["numbers"][f"r_{domain}"] for run in runs)


with_64_labels = Number(
    kind="Predict, then run",
    answer_name="with_64_labels_answer",
    form="a correlation r",
    task="""
    Film snippets. VADER, which needs no label, reaches r = 0.44. Counted words and ridge regression
    reach 0.12 with 64 labels. What does the published encoder reach with the same 64, sixteen of
    which only choose the setting? Within a factor of 1.15 counts.
    """,
    truth=lambda: _mean_r("movies", 64, "pretrained"),
    factor=1.15,
    reveal=True,
    hints=("Frozen features and 500 labels gave about 0.6 in the chapter before.",),
    traps=(
        (0.88, "That is where one human rater stands. No label is worth that much."),
        (0.12, "That is what counted words reach, which begin with no meaning at all."),
    ),
    because="It is the mean of five draws of 64 texts, and near what VADER reaches with none.",
)

who_is_first = Ordering(
    kind="Predict",
    answer_name="who_is_first_answer",
    task="""
    Film snippets. Put these in order by the r that they reach on test texts, the lowest first.
    """,
    items={
        "a": "an encoder of the published shape from random weights, everything open, with 2,000 "
        "labels and as many steps as it wants",
        "b": "the published encoder with 256 labels",
        "c": "the published encoder with 64 labels",
        "d": "weighted counts of words and word pairs, with ridge regression, and 64 labels",
    },
    right="dcab",
    rule="They lie more than .05 apart. How many labels may knowledge of the language be worth?",
    hints=("Random weights with 2,000 labels come to where counted words with 2,000 are.",),
    because="Thirty times the labels bring random weights past the published encoder with 64, and "
    "eight times are too few to catch up with it at 256.",
)

unfair_claim = Choice(
    kind="Criticise a claim",
    answer_name="unfair_claim_answer",
    task="""
    "Fine-tuning all layers beats frozen features: r = 0.74 against 0.70 on the test texts. We tried
    twelve learning rates, and kept the best on those texts; for the frozen features we used the
    penalty from our last project. One seed." What makes this comparison unfair? Give all.
    """,
    options={
        "a": "Twelve settings were tried for one, and one for the other.",
        "b": "The setting was chosen on the texts that it is then tested on.",
        "c": "One seed: nobody knows how far 0.74 moves by itself.",
        "d": "Fine-tuning all layers takes more time, so it may not be compared.",
    },
    right="abc",
    reasons={
        "a": "The best of twelve draws is higher than one draw, even where all are equally good.",
        "b": "That is peeking: the number is the best case on these texts, not what new ones get.",
        "c": "Without a spread, 0.04 may be luck. Several seeds, and intervals over the texts.",
        "d": "Different costs may well be compared, if they are told. Time is no unfairness to r.",
    },
    hints=("Ask of both sides: how often tried, on what chosen, how often repeated?",),
)
