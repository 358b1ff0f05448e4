"""The exercises of the chapter on sequences before attention."""

import functools
import math

import torch
from torch.nn import functional

from .engine.declare import CodeExercise, FindTheBug
from .engine.oracles import normal, other_dtype, wrong_gradient
from .engine.values import Choice, Number, Ordering, ShapePuzzle

_FIXED = "is a tensor made with a fixed dtype? `x.new_zeros(...)` takes that of `x`."
_BACK_IN_TIME = "the path back in time"

# --- recap -------------------------------------------------------------------------------------

shrinking = Choice(
    kind="Recap",
    answer_name="shrinking_answer",
    task="""
    A number is multiplied by 0.9, a hundred times over. About what share of it is left?
    """,
    options={"a": "a tenth", "b": "one part in a hundred", "c": "3 parts in 100,000", "d": "none"},
    right="c",
    reasons={
        "a": "The first step takes a tenth away, and ninety-nine follow.",
        "b": "`0.9^44` is about one in a hundred; 56 more steps follow.",
        "c": "`0.9^100 = 0.000027`. Shares that are multiplied shrink at a constant *rate*.",
        "d": "No product of positive numbers is 0, but float32 would call it so before long.",
    },
    hints=("Seven steps halve it: `0.9^7 = 0.48`. How many halvings are in a hundred steps?",),
)

answer_shape = ShapePuzzle(
    answer_name="answer_shape_answer",
    task="""
    `states` has shape `(4, 7, 32)`: 4 sequences, 7 steps, 32 numbers each. `w` has shape `(32, 5)`.
    What is the shape of `states[:, -1] @ w`?
    """,
    truth=lambda: torch.zeros(4, 7, 32)[:, -1] @ torch.zeros(32, 5),
    traps={
        (4, 7, 5): "That is `states @ w`. The index `-1` picks one step, and its axis goes.",
        (4, 1, 5): "An index takes its axis away; the slice `-1:` would have kept one of length 1.",
        (7, 5): "The first axis is kept whole by `:`; it is the second of which one is picked.",
        (4, 32): "That is `states[:, -1]`; the product with `w` turns 32 into 5.",
    },
    hints=("First `states[:, -1]`: which axes are left? Then multiply the last of them away.",),
    because="`states[:, -1]` is the last step of each sequence, (4, 32); times (32, 5): (4, 5).",
)


_CUT_OFF = "No gradient comes back: something in between leaves torch (`.item()`, `.detach()`)."

# --- a recurrent network -----------------------------------------------------------------------

recurrent = CodeExercise(
    returns=("states",),
    task="""
    Write `my_rnn(x, w_input, w_state, bias)`. Start from a state of zeros; at each step the new
    state is `tanh(token @ w_input + state @ w_state + bias)`. Return all states.
    Shapes: `x` `(B, n, D)`, `w_input` `(D, H)`, `w_state` `(H, H)`, `bias` `(H,)`; the states are
    `(B, n, H)`.
    """,
    hints=(
        "The example by hand above is one sequence. With a batch, a step takes `x[:, step]`, of "
        "shape `(B, D)`, and the state is `(B, H)`.",
        "Keep a Python list, append the state of each step, and `torch.stack` the list at the end.",
        "`torch.stack(states, dim=1)` puts the steps on axis 1: `(B, n, H)`.",
    ),
    because="The loop cannot be avoided: each step needs the state that the one before has made.",
)


@recurrent.stub
def my_rnn(x, w_input, w_state, bias):
    """Return the state after each token: (B, n, D) -> (B, n, H)."""
    raise NotImplementedError


@recurrent.reference
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))  # (B, H)
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
        states.append(state)
    return torch.stack(states, dim=1)  # (B, n, H)


@recurrent.right
def my_rnn(x, w_input, w_state, bias):
    arriving = x @ w_input + bias  # all tokens at once: this part needs no loop
    states = [torch.tanh(arriving[:, 0])]
    for token in arriving.unbind(dim=1)[1:]:
        states.append(torch.tanh(token + states[-1] @ w_state))
    return torch.stack(states, dim=1)


@recurrent.right
def my_rnn(x, w_input, w_state, bias):
    both = torch.cat([w_input, w_state])  # (D + H, H)
    state = torch.zeros_like(x[:, 0] @ w_input)
    states = []
    for token in x.transpose(0, 1):
        state = (torch.cat([token, state], dim=-1) @ both + bias).tanh()
        states.append(state[:, None])
    return torch.cat(states, dim=1)


@recurrent.right
def my_rnn(x, w_input, w_state, bias):
    sequences = []
    for sequence in x:
        states = []
        state = torch.zeros_like(bias)
        for token in sequence:
            state = torch.tanh(bias + w_input.T @ token + w_state.T @ state)
            states.append(state)
        sequences.append(torch.stack(states))
    return torch.stack(sequences)


_RNN_NAMES = "x", "w_input", "w_state", "bias"


def _rnn_inputs(batch: int = 3, seq_len: int = 5, dtype=torch.float64):
    """x (B, n, 4), w_input (4, 6), w_state (6, 6), bias (6,): all sizes differ."""
    shapes = (batch, seq_len, 4), (4, 6), (6, 6), (6,)
    return tuple(normal(*shape, seed=seed, dtype=dtype) for seed, shape in enumerate(shapes))


def _torch_rnn(x, w_input, w_state, bias) -> torch.Tensor:
    """The oracle: torch's own recurrent layer, which stores its weights transposed."""
    layer = torch.nn.RNN(w_input.size(0), w_input.size(1), batch_first=True, dtype=x.dtype)
    weights = {
        "weight_ih_l0": w_input.mT,
        "weight_hh_l0": w_state.mT,
        "bias_ih_l0": bias,
        "bias_hh_l0": torch.zeros_like(bias),
    }
    return torch.func.functional_call(layer, weights, (x,))[0]


@recurrent.check
def there_is_a_state_for_each_step(answer):
    states = answer(*_rnn_inputs())
    if states.shape == (5, 3, 6):
        return (
            "The states are (n, B, H) = (5, 3, 6): the steps were stacked in front. They belong on "
            "axis 1: (B, n, H) = (3, 5, 6)."
        )
    if states.shape == (3, 6):
        return (
            "Only one state comes back, (3, 6). Return the states of *all* steps, (B, n, H) = "
            "(3, 5, 6)."
        )
    if states.shape != (3, 5, 6):
        return f"The states should be (B, n, H) = (3, 5, 6); yours are {tuple(states.shape)}."
    return other_dtype("states", states, torch.float64, _FIXED)


@recurrent.check
def first_state_comes_from_the_first_token_alone(answer):
    x, w_input, w_state, bias = inputs = _rnn_inputs()
    states = answer(*inputs)
    first = states[:, 0]
    arriving = x[:, 0] @ w_input + bias
    if torch.allclose(first, torch.tanh(arriving), atol=1e-9):
        return None
    if torch.allclose(first, torch.tanh(arriving - bias), atol=1e-9):
        return "The bias is missing: it is added before `tanh`."
    if torch.allclose(first, torch.tanh(arriving + bias), atol=1e-9):
        return "The bias is added twice: once a step is enough, for token and state together."
    if torch.allclose(first, arriving, atol=1e-9):
        return "There is no `tanh` yet: without it the state can grow without bound."
    if torch.allclose(first, torch.sigmoid(arriving), atol=1e-9):
        return "That is a sigmoid. Here the new state goes through `tanh`, from -1 to 1."
    from_its_end = _torch_rnn(x.flip(1), w_input, w_state, bias)
    if any(torch.allclose(read, from_its_end, atol=1e-9) for read in (states, states.flip(1))):
        return "The sequence is read from its end: a state may know about its past only."
    if torch.allclose(states.flip(1), _torch_rnn(*inputs), atol=1e-9):
        return "The states come back in reverse: that of the first token should stand first."
    return "After the first token the state should be `tanh` of that token's part: it starts at 0."


@recurrent.check
def each_state_comes_from_token_and_state_before(answer):
    x, w_input, w_state, bias = inputs = _rnn_inputs()
    states = answer(*inputs)
    if torch.allclose(states, _torch_rnn(*inputs), atol=1e-9):
        return None
    if torch.allclose(states, torch.tanh(x @ w_input + bias), atol=1e-9):
        return "Every step starts from zeros again: the state of the step before is not used."
    if torch.allclose(states, _torch_rnn(x, w_input, w_state.mT, bias), atol=1e-9):
        return "`w_state` is used transposed: it should be state @ w_state, the state as a row."
    return (
        "The first state is right and later ones are not: what is added to the token's part should "
        "be (state before) @ w_state."
    )


@recurrent.check
def one_sequence_of_one_token_works(answer):
    for batch, seq_len in ((1, 1), (1, 4), (2, 1)):
        inputs = _rnn_inputs(batch, seq_len)
        states = answer(*inputs)
        if states.shape != (batch, seq_len, 6):
            return (
                f"For {batch} sequence(s) of {seq_len} token(s) the states should be "
                f"({batch}, {seq_len}, 6); yours are {tuple(states.shape)}. Does a `squeeze` drop "
                f"axes?"
            )
        if not torch.allclose(states, _torch_rnn(*inputs), atol=1e-9):
            return f"For {batch} sequence(s) of {seq_len} token(s) the states are wrong."


@recurrent.check
def gradient_goes_all_the_way_back(answer):
    ours = [tensor.requires_grad_() for tensor in _rnn_inputs()]
    oracle = [tensor.requires_grad_() for tensor in _rnn_inputs()]
    states = answer(*ours)
    if not states.requires_grad:
        return _CUT_OFF
    states.square().sum().backward()
    _torch_rnn(*oracle).square().sum().backward()
    return wrong_gradient(_RNN_NAMES, ours, oracle, _BACK_IN_TIME)


@recurrent.wrong(there_is_a_state_for_each_step, "stacked in front")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
        states.append(state)
    return torch.stack(states)


@recurrent.wrong(there_is_a_state_for_each_step, "Only one state")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
    return state


@recurrent.wrong(there_is_a_state_for_each_step, "is torch.float32")
def my_rnn(x, w_input, w_state, bias):
    state = torch.zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step].float() @ w_input.float() + state @ w_state.float())
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(first_state_comes_from_the_first_token_alone, "no `tanh` yet")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = x[:, step] @ w_input + state @ w_state + bias
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(first_state_comes_from_the_first_token_alone, "bias is missing")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state)
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(first_state_comes_from_the_first_token_alone, "starts at 0")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_ones(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(first_state_comes_from_the_first_token_alone, "The bias is added twice")
def my_rnn(x, w_input, w_state, bias):
    arriving = x @ w_input + bias
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(arriving[:, step] + state @ w_state + bias)
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(first_state_comes_from_the_first_token_alone, "read from its end")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in reversed(range(x.size(1))):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(first_state_comes_from_the_first_token_alone, "read from its end")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in reversed(range(x.size(1))):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
        states.insert(0, state)
    return torch.stack(states, dim=1)


@recurrent.wrong(first_state_comes_from_the_first_token_alone, "come back in reverse")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
        states.insert(0, state)
    return torch.stack(states, dim=1)


@recurrent.wrong(each_state_comes_from_token_and_state_before, "starts from zeros again")
def my_rnn(x, w_input, w_state, bias):
    return torch.tanh(x @ w_input + bias)


@recurrent.wrong(each_state_comes_from_token_and_state_before, "transposed")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state.T + bias)
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(one_sequence_of_one_token_works, "`squeeze`")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state @ w_state + bias)
        states.append(state)
    return torch.stack(states, dim=1).squeeze()


@recurrent.wrong(gradient_goes_all_the_way_back, "back in time")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        state = torch.tanh(x[:, step] @ w_input + state.detach() @ w_state + bias)
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.inputs(oracle=_torch_rnn)
def rnn_calls(draw):
    """States that forget slowly, so that rounding does not grow with the length."""
    batch, seq_len, d_in, width = draw.sizes(
        sequences=17, tokens=300, columns_of_x=65, columns_of_the_states=65
    )
    x = draw.floats(batch, seq_len, d_in, scale=draw.scale(1, 100, 1_000))
    w_input, w_state = draw.floats(d_in, width), draw.floats(width, width, scale=0.4 / width**0.5)
    return x, w_input, w_state, draw.floats(width)


@recurrent.wrong(rnn_calls, "Does something overflow")
def my_rnn(x, w_input, w_state, bias):
    state = x.new_zeros(x.size(0), w_state.size(0))
    states = []
    for step in range(x.size(1)):
        total = x[:, step] @ w_input + state @ w_state + bias
        state = (total.exp() - (-total).exp()) / (total.exp() + (-total).exp())
        states.append(state)
    return torch.stack(states, dim=1)


@recurrent.wrong(rnn_calls, "is a size fixed")
def my_rnn(x, w_input, w_state, bias):
    states = []
    for step in range(x.size(1)):
        state = states[-1] if step % 16 else x.new_zeros(x.size(0), w_state.size(0))
        states.append(torch.tanh(x[:, step] @ w_input + state @ w_state + bias))
    return torch.stack(states, dim=1)


# --- a causal convolution ----------------------------------------------------------------------

receptive_field = Number(
    kind="On paper",
    answer_name="receptive_field_answer",
    form="a whole number of tokens",
    task="""
    Four causal convolutions on top of each other, each with a kernel of 3 taps, with dilations
    1, 2, 4 and 8. How many tokens, itself included, does the last output depend on?
    """,
    truth=lambda: _tokens_seen(kernel=3, dilations=(1, 2, 4, 8)),
    factor=1.001,
    traps=(
        (
            12,
            "4 layers of 3 taps are 12 taps, but it is their *reaches* that add up.",
        ),
        (9, "That would be right without dilation: each layer then reaches 2 tokens further back."),
        (30, "That is how far *back* it reaches; the token itself counts, too."),
        (46, "The reach of a layer is (taps - 1) times its dilation: the nearest tap is no step."),
        (81, "3^4 would need dilations 1, 3, 9, 27: each as long as all before it have reached."),
        (16, "That is for a kernel of 2; here each layer reaches twice as far."),
    ),
    hints=(
        "How far back does *one* layer with 3 taps and dilation 8 look?",
        "Reaches add up over the layers: (3 - 1) · 1, then (3 - 1) · 2, and so on. Do not forget "
        "the token itself.",
    ),
    because="1 + 2 · (1 + 2 + 4 + 8) = 31. Each doubling of the dilation doubles the reach.",
)


def _tokens_seen(kernel: int, dilations: tuple[int, ...]) -> float:
    """Count the tokens that move the last output, by gradient."""
    x = torch.ones(1, 1, 64, requires_grad=True)
    output = x
    for dilation in dilations:
        padded = functional.pad(output, ((kernel - 1) * dilation, 0))
        output = functional.conv1d(padded, torch.ones(1, 1, kernel), dilation=dilation)
    (gradient,) = torch.autograd.grad(output[0, 0, -1], x)
    return float((gradient != 0).sum())


convolution = CodeExercise(
    returns=("output",),
    task="""
    Write `my_causal_convolution(x, weight, bias, dilation=1)`. Shapes: `x` `(B, n, D)`, `weight`
    `(kernel, D, H)`, `bias` `(H,)`; the output is `(B, n, H)`. `weight[0]` belongs to the token
    itself, `weight[1]` to the one `dilation` steps before it, `weight[2]` to the one twice as far
    back. Before the first token there are zeros. Once it passes, the network in the experiment
    below runs through *your* function.
    """,
    hints=(
        "Put `(kernel - 1) * dilation` rows of zeros in front of the sequence: "
        "`functional.pad(x, (0, 0, rows, 0))` pads the axis before the last at its start.",
        "Loop over the taps, not over the tokens: each tap is a shifted copy of the sequence, "
        "times its matrix; add them up.",
        "In the padded sequence the copy for tap `back` starts at row "
        "`(kernel - 1 - back) * dilation` and is `n` rows long.",
    ),
    because="A loop over the few taps; within each, all tokens at once. That is why it is quick.",
)


@convolution.stub
def my_causal_convolution(x, weight, bias, dilation=1):
    """Return a window's weighted sum for each token: (B, n, D) -> (B, n, H)."""
    raise NotImplementedError


@convolution.reference
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (weight.size(0) - 1) * dilation
    padded = functional.pad(x, (0, 0, rows, 0))  # (B, rows + n, D)
    output = bias
    for back in range(weight.size(0)):
        first = rows - back * dilation
        output = output + padded[:, first : first + x.size(1)] @ weight[back]
    return output  # (B, n, H)


@convolution.right
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (len(weight) - 1) * dilation
    kernel = weight.flip(0).permute(2, 1, 0)  # torch's order: (H, D, kernel), oldest first
    padded = functional.pad(x.mT, (rows, 0))
    return functional.conv1d(padded, kernel, bias, dilation=dilation).mT


@convolution.right
def my_causal_convolution(x, weight, bias, dilation=1):
    outputs = []
    for place in range(x.shape[1]):
        total = bias + x[:, place] @ weight[0]
        for back in range(1, len(weight)):
            source = place - back * dilation
            if source >= 0:
                total = total + x[:, source] @ weight[back]
        outputs.append(total)
    return torch.stack(outputs, dim=1)


@convolution.right
def my_causal_convolution(x, weight, bias, dilation=1):
    shifted, copies = x, []
    for _ in weight:
        copies.append(shifted)
        nothing = torch.zeros_like(x[:, :1]).repeat(1, dilation, 1)
        shifted = torch.cat([nothing, shifted], dim=1)[:, : x.size(1)]
    return torch.einsum("kbnd,kdh->bnh", torch.stack(copies), weight) + bias


_CONVOLUTION_NAMES = "x", "weight", "bias"


def _convolution_inputs(batch: int = 2, seq_len: int = 9, kernel: int = 3, dtype=torch.float64):
    """x (B, n, 4), weight (kernel, 4, 5), bias (5,): all sizes differ."""
    shapes = (batch, seq_len, 4), (kernel, 4, 5), (5,)
    return tuple(normal(*shape, seed=seed, dtype=dtype) for seed, shape in enumerate(shapes, 7))


def _torch_convolution(x, weight, bias, dilation: int = 1) -> torch.Tensor:
    """The oracle: torch's convolution, padded on both sides and cut; its taps run oldest first."""
    padding = (weight.size(0) - 1) * dilation
    layout = weight.flip(0).permute(2, 1, 0).contiguous()
    both = functional.conv1d(x.mT, layout, bias, padding=padding, dilation=dilation)
    return both[..., : x.size(1)].mT


@convolution.check
def output_is_as_long_as_the_input(answer):
    output = answer(*_convolution_inputs())
    if output.shape == (2, 7, 5):
        return (
            "The output is 2 tokens shorter than the input. Put zeros in front, so that the first "
            "tokens have a window, too: (B, n, H) = (2, 9, 5)."
        )
    if output.shape != (2, 9, 5):
        return f"The output should be (B, n, H) = (2, 9, 5); yours is {tuple(output.shape)}."
    return other_dtype("output", output, torch.float64, _FIXED)


@convolution.check
def future_moves_nothing(answer):
    x, weight, bias = _convolution_inputs()
    before = answer(x, weight, bias)
    other = x.clone()
    other[:, -1] += 1.0
    moved = (answer(other, weight, bias) - before)[:, :-1].abs().max()
    if moved > 1e-9:
        rolled = sum(x.roll(back, dims=1) @ tap for back, tap in enumerate(weight)) + bias
        if torch.allclose(before, rolled, atol=1e-9):
            return (
                "`roll` brings what falls off at the end back in at the start, so the first tokens "
                "see the last ones. Before the first token there should be zeros."
            )
        return (
            f"Changing the last token moves earlier outputs by {moved:.2g}: the window looks into "
            f"the future. Do all the zeros stand *in front*, none behind?"
        )


@convolution.check
def window_is_summed_tap_by_tap(answer):
    x, weight, bias = inputs = _convolution_inputs()
    output = answer(*inputs)
    if torch.allclose(output, _torch_convolution(*inputs), atol=1e-9):
        return None
    if torch.allclose(output, _torch_convolution(x, weight.flip(0), bias), atol=1e-9):
        return (
            "The taps are in reverse: `weight[0]` meets the oldest token of the window. It belongs "
            "to the token itself."
        )
    if torch.allclose(output, _torch_convolution(x, weight, 0 * bias), atol=1e-9):
        return "Only the bias is missing: add it once to every output."
    if torch.allclose(output, _torch_convolution(x, weight, len(weight) * bias), atol=1e-9):
        return "The bias is added once for each tap; it should be added once in all."
    if torch.allclose(output, x @ weight[0] + bias, atol=1e-9):
        return "Only the token itself is used: the other taps look at the tokens before it."
    return "The output is not the sum, over the taps, of the token that far back times its matrix."


@convolution.check
def dilation_spreads_the_taps(answer):
    for dilation in (2, 3):
        inputs = _convolution_inputs()
        output = answer(*inputs, dilation)
        if output.shape == (2, 9, 5) and torch.allclose(
            output, _torch_convolution(*inputs, dilation), atol=1e-9
        ):
            continue
        if torch.equal(output, answer(*inputs)):
            return f"With dilation {dilation} nothing changes: is `dilation` used?"
        return (
            f"With dilation 1 all is right, with dilation {dilation} not: both the zeros in front "
            f"and the shift of each tap grow with it."
        )


@convolution.check
def sequence_may_be_shorter_than_the_window(answer):
    for seq_len, kernel, dilation in ((1, 3, 1), (2, 3, 4), (4, 1, 2), (5, 4, 1), (7, 6, 1)):
        inputs = _convolution_inputs(batch=1, seq_len=seq_len, kernel=kernel)
        output = answer(*inputs, dilation)
        sizes = f"{seq_len} token(s), {kernel} tap(s) and dilation {dilation}"
        if output.shape != (1, seq_len, 5):
            return (
                f"For one sequence of {sizes} the output should be (1, {seq_len}, 5); yours is "
                f"{tuple(output.shape)}. Is the axis of the tokens kept as it was?"
            )
        if not torch.allclose(output, _torch_convolution(*inputs, dilation), atol=1e-9):
            return (
                f"For {sizes} the output is wrong. Where the window reaches back beyond the first "
                f"token, it meets zeros; and the number of taps is the first axis of `weight`."
            )


@convolution.check
def gradients_are_right(answer):
    ours = [tensor.requires_grad_() for tensor in _convolution_inputs()]
    oracle = [tensor.requires_grad_() for tensor in _convolution_inputs()]
    output = answer(*ours, 2)
    if not output.requires_grad:
        return _CUT_OFF
    output.square().sum().backward()
    _torch_convolution(*oracle, 2).square().sum().backward()
    return wrong_gradient(_CONVOLUTION_NAMES, ours, oracle, _BACK_IN_TIME)


@convolution.wrong(output_is_as_long_as_the_input, "2 tokens shorter")
def my_causal_convolution(x, weight, bias, dilation=1):
    kernel = weight.flip(0).permute(2, 1, 0)
    return functional.conv1d(x.mT, kernel, bias, dilation=dilation).mT


@convolution.wrong(output_is_as_long_as_the_input, "should be (B, n, H)")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (len(weight) - 1) * dilation
    kernel = weight.flip(0).permute(2, 1, 0)
    return functional.conv1d(x.mT, kernel, bias, padding=rows, dilation=dilation).mT


@convolution.wrong(future_moves_nothing, "looks into the future")
def my_causal_convolution(x, weight, bias, dilation=1):
    kernel = weight.flip(0).permute(2, 1, 0)
    return functional.conv1d(x.mT, kernel, bias, padding="same", dilation=dilation).mT


@convolution.wrong(future_moves_nothing, "back in at the start")
def my_causal_convolution(x, weight, bias, dilation=1):
    output = bias
    for back in range(len(weight)):
        output = output + x.roll(back * dilation, dims=1) @ weight[back]
    return output


@convolution.wrong(window_is_summed_tap_by_tap, "in reverse")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (len(weight) - 1) * dilation
    kernel = weight.permute(2, 1, 0)
    padded = functional.pad(x.mT, (rows, 0))
    return functional.conv1d(padded, kernel, bias, dilation=dilation).mT


@convolution.wrong(window_is_summed_tap_by_tap, "bias is missing")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (len(weight) - 1) * dilation
    kernel = weight.flip(0).permute(2, 1, 0)
    padded = functional.pad(x.mT, (rows, 0))
    return functional.conv1d(padded, kernel, dilation=dilation).mT


@convolution.wrong(window_is_summed_tap_by_tap, "once for each tap")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (weight.size(0) - 1) * dilation
    padded = functional.pad(x, (0, 0, rows, 0))
    output = 0
    for back in range(weight.size(0)):
        first = rows - back * dilation
        output = output + padded[:, first : first + x.size(1)] @ weight[back] + bias
    return output


@convolution.wrong(dilation_spreads_the_taps, "is `dilation` used")
def my_causal_convolution(x, weight, bias, dilation=1):
    kernel = weight.flip(0).permute(2, 1, 0)
    padded = functional.pad(x.mT, (len(weight) - 1, 0))
    return functional.conv1d(padded, kernel, bias).mT


@convolution.wrong(dilation_spreads_the_taps, "grow with it")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = len(weight) - 1
    padded = functional.pad(x, (0, 0, rows * dilation, 0))
    output = bias
    for back in range(len(weight)):
        output = output + padded[:, rows - back : rows - back + x.size(1)] @ weight[back]
    return output


@convolution.wrong(sequence_may_be_shorter_than_the_window, "yours is (1, 2, 5)")
def my_causal_convolution(x, weight, bias, dilation=1):
    output = x @ weight[0] + bias
    for back in range(1, len(weight)):
        shift = back * dilation
        zeros = x.new_zeros(x.size(0), shift, x.size(2))
        output = output + torch.cat([zeros, x[:, : x.size(1) - shift]], dim=1) @ weight[back]
    return output


@convolution.wrong(sequence_may_be_shorter_than_the_window, "axis of the tokens")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (len(weight) - 1) * dilation
    kernel = weight.flip(0).permute(2, 1, 0)
    padded = functional.pad(x.mT, (rows, 0))
    return functional.conv1d(padded, kernel, bias, dilation=dilation).mT.squeeze()


@convolution.wrong(sequence_may_be_shorter_than_the_window, "beyond the first token")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (x.size(2) - 1) * dilation
    padded = functional.pad(x, (0, 0, rows, 0))
    output = bias
    for back in range(min(len(weight), x.size(2))):
        first = rows - back * dilation
        output = output + padded[:, first : first + x.size(1)] @ weight[back]
    return output


@convolution.wrong(gradients_are_right, "The gradient of `x` is wrong")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (len(weight) - 1) * dilation
    padded = functional.pad(x, (0, 0, rows, 0))
    output = x @ weight[0] + bias
    for back in range(1, len(weight)):
        first = rows - back * dilation
        output = output + padded[:, first : first + x.size(1)].detach() @ weight[back]
    return output


@convolution.inputs(oracle=_torch_convolution)
def convolution_calls(draw):
    batch, seq_len, d_in, width, kernel = draw.sizes(
        sequences=17, tokens=300, columns_of_x=65, columns_of_the_output=65, taps=17
    )
    seq_len = seq_len if kernel < 8 else 3 * kernel  # so that its taps meet tokens
    d_in, width = max(d_in, 2), max(width, 2)  # of one column torch's conv1d has no gradient
    x = draw.floats(batch, seq_len, d_in, scale=draw.scale(1, 1_000))
    weight, bias = draw.floats(kernel, d_in, width), draw.floats(width)
    dilation = draw.whole(1, 3)
    return (x, weight, bias) if draw.chance(0.2) else (x, weight, bias, dilation)


@convolution.wrong(convolution_calls, "is a size fixed")
def my_causal_convolution(x, weight, bias, dilation=1):
    rows = (weight.size(0) - 1) * dilation
    padded = functional.pad(x, (0, 0, rows, 0))
    output = bias
    for back in range(min(8, weight.size(0))):
        first = rows - back * dilation
        output = output + padded[:, first : first + x.size(1)] @ weight[back]
    return output


# --- predictions, costs, claims ----------------------------------------------------------------

gradient_reach = Number(
    kind="Predict, then run",
    answer_name="gradient_reach_guess",
    form="a power of ten: 3 if you think a thousand times weaker",
    factor=1.3,
    reveal=True,
    task="""
    A recurrent network of 32 numbers, as torch starts it, reads 32 random tokens. Take the gradient
    of its last state with respect to the last token, and with respect to the first. By how many
    powers of ten is the second one weaker? Guess before you run the next cell.
    """,
    truth=lambda: _powers_of_ten_lost(seq_len=32, width=32),
    hints=(
        "Each step back multiplies the gradient by `w_state` and by the slope of `tanh`.",
        "If a step keeps about half of it, 31 steps keep 2^-31. How many powers of ten is that?",
    ),
    because="Each step back keeps about half of the gradient, and halves multiply.",
)


@functools.cache  # the same every time
def _powers_of_ten_lost(seq_len: int, width: int, num_seeds: int = 9) -> float:
    lost = []
    for seed in range(num_seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layer = torch.nn.RNN(width, width, batch_first=True)
            x = torch.randn(8, seq_len, width, requires_grad=True)
        layer(x)[0][:, -1].sum().backward()
        sizes = x.grad.norm(dim=-1).mean(dim=0)  # (seq_len,)
        lost.append(math.log10(sizes[-1] / sizes[0]))
    return sorted(lost)[num_seeds // 2]


order_of_paths = Ordering(
    kind="Order",
    answer_name="order_of_paths_answer",
    task="""
    A token should hear of another one 1,000 tokens back. Order these by how many steps the message
    takes, the fewest first.
    """,
    items={
        "a": "convolutions with 4 taps, all with dilation 1",
        "b": "attention",
        "c": "a recurrent network",
        "d": "convolutions with 4 taps, dilations 1, 4, 16, 64, 256",
    },
    right="bdac",
    rule="Work out, for each, how many tokens one step bridges, and if later steps bridge more.",
    hints=("A layer with 4 taps reaches 3 · dilation back. How many layers make 1,000?",),
    because="1 look-up; 5 layers, reaching 3 · (1 + 4 + 16 + 64 + 256) = 1,023; 334 layers of 3 "
    "each; 1,000 steps.",
)

generation_memory = Number(
    kind="Estimate the budget",
    answer_name="generation_memory_answer",
    form="a number of MiB (2^20 bytes)",
    task="""
    A text generator with 6 layers of width 384 has read 16,384 tokens. With attention each layer
    keeps one key and one value of that width for every token, in float32. How much is that in all?
    In MiB, within 3 %.
    """,
    truth=lambda: 6 * 2 * 16_384 * 384 * 4 / 2**20,
    factor=1.03,
    traps=(
        (144, "That is the keys alone, or the values alone; both are kept."),
        (48, "That is one layer; there are 6."),
        (72, "That is how many million numbers there are; each takes 4 bytes."),
        (302, "Nearly: that is in millions of bytes; one MiB is 2^20 bytes."),
        (24, "One layer's keys are not all: there are 6 layers, and values beside the keys."),
    ),
    hints=(
        "Numbers: layers · (key and value) · tokens · width. Bytes: 4 for each.",
        "16,384 = 2^14, so one layer's keys are 384 · 2^14 · 4 bytes = 384 · 2^16 bytes = 24 MiB.",
    ),
    because="6 · 2 · 16,384 · 384 numbers of 4 bytes are 288 MiB, and each further token adds "
    "18 KiB. A recurrent network of the same shape keeps 6 · 384 numbers: 9 KiB, however long the "
    "text.",
)

long_claim = Choice(
    kind="Criticise a claim",
    answer_name="long_claim_answer",
    task="""
    "At distance 128 the attention model found the fact in every test and the LSTM guessed. All had
    about the same number of parameters, and there were three seeds. So an LSTM cannot remember over
    128 steps." Which of these objections hold, by what this chapter measured? Give all of them.
    """,
    options={
        "a": "The LSTM was not led from short distances to long ones; when it was, it remembered.",
        "b": "With another seed the same training might have found the fact.",
        "c": "That training did not find a solution does not show that there is none.",
        "d": "The models differed too much in size.",
    },
    right="abc",
    reasons={
        "a": "Led from short to long it found even one of two facts at distance 128.",
        "b": "Three failures of three only say that success is rarer than 63% (0.37 cubed is 5%).",
        "c": "What is shown is that *this* training did not get there, which says less.",
        "d": "The counts were printed: they lie within a few per cent of each other.",
    },
    hints=("Which cells of this chapter trained an LSTM, and what did each of them find?",),
)

carried_state = FindTheBug(
    returns=("finals",),
    harm="the sequence before it",
    task="""
    This function should return the last state of each sequence of a batch. It runs, its shape is
    right, and for a single sequence so is its result. Yet the second sequence's state depends on
    the first one's words. Repair it.
    """,
    hints=(
        "Follow `state` on paper for two sequences of one token each.",
        "With what should the second sequence start?",
    ),
    because="A state is memory. What should not be remembered has to be cleared: each sequence "
    "starts from zeros.",
)


@carried_state.stub
def last_states(x, w_input, w_state):
    """Return the last state of each sequence: (B, n, D) -> (B, H)."""
    state = x.new_zeros(w_state.size(0))
    finals = []
    for sequence in x:
        for token in sequence:
            state = torch.tanh(token @ w_input + state @ w_state)
        finals.append(state)
    return torch.stack(finals)


@carried_state.reference
def last_states(x, w_input, w_state):
    finals = []
    for sequence in x:
        state = x.new_zeros(w_state.size(0))
        for token in sequence:
            state = torch.tanh(token @ w_input + state @ w_state)
        finals.append(state)
    return torch.stack(finals)


@carried_state.right
def last_states(x, w_input, w_state):
    state = x.new_zeros(x.size(0), w_state.size(0))
    for token in x.unbind(dim=1):
        state = torch.tanh(token @ w_input + state @ w_state)
    return state


@carried_state.right
def last_states(x, w_input, w_state):
    def read(sequence):
        state = torch.tanh(sequence[0] @ w_input)
        for token in sequence[1:]:
            state = torch.tanh(token @ w_input + state @ w_state)
        return state

    return torch.stack([read(sequence) for sequence in x])


@carried_state.right
def last_states(x, w_input, w_state):
    state = torch.zeros_like(x[:, 0] @ w_input)
    arriving = torch.einsum("bnd,dh->nbh", x, w_input)
    for token in arriving:
        state = torch.tanh(token + torch.einsum("bh,hk->bk", state, w_state))
    return state


def _sequences(batch: int = 3, seq_len: int = 5):
    x, w_input, w_state, _ = _rnn_inputs(batch, seq_len)
    return x, w_input, w_state


def _torch_last(x, w_input, w_state) -> torch.Tensor:
    return _torch_rnn(x, w_input, w_state, w_state.new_zeros(w_state.size(0)))[:, -1]


@carried_state.check
def there_is_one_state_for_each_sequence(answer):
    finals = answer(*_sequences())
    if finals.shape != (3, 6):
        return (
            f"There should be one state for each sequence, (B, H) = (3, 6); yours has shape "
            f"{tuple(finals.shape)}."
        )
    return other_dtype("finals", finals, torch.float64, _FIXED)


@carried_state.check
def sequences_do_not_know_of_each_other(answer):
    x, w_input, w_state = _sequences()
    before = answer(x, w_input, w_state)
    other = x.clone()
    other[0] += 1.0
    moved = (answer(other, w_input, w_state) - before)[1:].abs().max()
    if moved > 1e-9:
        return (
            f"Changing the first sequence moves the states of the others by {moved:.2g}: a "
            f"sequence still remembers the sequence before it."
        )


@carried_state.check
def each_sequence_is_read_to_its_end(answer):
    for batch, seq_len in ((3, 5), (1, 1), (1, 4), (4, 1)):
        inputs = _sequences(batch, seq_len)
        finals = answer(*inputs)
        if finals.shape != (batch, 6) or not torch.allclose(
            finals, _torch_last(*inputs), atol=1e-9
        ):
            return (
                f"No sequence knows of another, but for {batch} sequence(s) of {seq_len} token(s) "
                f"the last state is wrong: change no more than the fault needs."
            )


@carried_state.check
def gradient_is_right(answer):
    ours = [tensor.requires_grad_() for tensor in _sequences()]
    oracle = [tensor.requires_grad_() for tensor in _sequences()]
    finals = answer(*ours)
    if not finals.requires_grad:
        return _CUT_OFF
    finals.square().sum().backward()
    _torch_last(*oracle).square().sum().backward()
    return wrong_gradient(("x", "w_input", "w_state"), ours, oracle, _BACK_IN_TIME)


@carried_state.wrong(there_is_one_state_for_each_sequence, "one state for each sequence")
def last_states(x, w_input, w_state):
    state = x.new_zeros(w_state.size(0))
    for sequence in x:
        state = x.new_zeros(w_state.size(0))
        for token in sequence:
            state = torch.tanh(token @ w_input + state @ w_state)
    return state


@carried_state.wrong(sequences_do_not_know_of_each_other, "the sequence before it")
def last_states(x, w_input, w_state):
    state = x.new_zeros(w_state.size(0))
    finals = []
    for sequence in x:
        for token in sequence:
            state = torch.tanh(token @ w_input + state.detach() @ w_state)
        finals.append(state)
    return torch.stack(finals)


@carried_state.wrong(each_sequence_is_read_to_its_end, "change no more")
def last_states(x, w_input, w_state):
    finals = []
    for sequence in x:
        for token in sequence:
            state = x.new_zeros(w_state.size(0))
            state = torch.tanh(token @ w_input + state @ w_state)
        finals.append(state)
    return torch.stack(finals)


@carried_state.wrong(gradient_is_right, "back in time")
def last_states(x, w_input, w_state):
    finals = []
    for sequence in x:
        state = x.new_zeros(w_state.size(0))
        for token in sequence:
            state = torch.tanh(token @ w_input + state.detach() @ w_state)
        finals.append(state)
    return torch.stack(finals)


@carried_state.inputs(oracle=_torch_last)
def last_state_calls(draw):
    batch, seq_len, d_in, width = draw.sizes(
        sequences=17, tokens=300, columns_of_x=65, columns_of_the_states=65
    )
    x = draw.floats(batch, seq_len, d_in, scale=draw.scale(1, 100, 1_000))
    return x, draw.floats(d_in, width), draw.floats(width, width, scale=0.4 / width**0.5)


@carried_state.wrong(last_state_calls, "is a size fixed")
def last_states(x, w_input, w_state):
    state = x.new_zeros(x.size(0), w_state.size(0))
    for token in x[:, :64].unbind(dim=1):
        state = torch.tanh(token @ w_input + state @ w_state)
    return state
