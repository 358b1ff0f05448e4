"""Random valid inputs for each exercise of code: what a reader's function may be called with.

Independent of the inputs that the checks use. Float inputs want a gradient, except where an answer
may cut it off.
"""

import random
from collections.abc import Callable

import torch

GENERATORS: dict[str, Callable[[random.Random], tuple]] = {}


def inputs_of(exercise: str) -> Callable:
    """Register a function as the generator of an exercise's inputs."""

    def keep(function: Callable) -> Callable:
        GENERATORS[exercise] = function
        return function

    return keep


@inputs_of("self_attention.soft_lookup")
def _soft_lookup(rng: random.Random) -> tuple:
    width, num_keys, value_width = rng.randint(1, 6), rng.randint(1, 7), rng.randint(1, 5)
    dtype = _dtype(rng)
    scale = _scale(rng, dtype)
    shapes = (width,), (num_keys, width), (num_keys, value_width)
    return tuple(_normal(rng, shape, scale, dtype) for shape in shapes)


@inputs_of("self_attention.attention")
def _attention(rng: random.Random) -> tuple:
    queries, keys = rng.randint(1, 5), rng.randint(1, 6)
    query, key, value = _queries_keys_values(rng, queries, keys)
    leading = query.shape[:-2]
    return query, key, value, _mask(rng, leading, queries, keys)


@inputs_of("self_attention.late_mask")
def _late_mask(rng: random.Random) -> tuple:
    """Scores stay moderate: sharing out anew after the softmax, a right repair, needs that."""
    seq_len = rng.randint(1, 6)
    return _queries_keys_values(rng, seq_len, seq_len, scale=rng.choice([0.1, 1.0]))


@inputs_of("self_attention.causal")
def _causal(rng: random.Random) -> tuple:
    return (rng.randint(1, 40),)


@inputs_of("self_attention.padding")
def _padding(rng: random.Random) -> tuple:
    seq_len = rng.randint(1, 12)
    lengths = [rng.randint(0, seq_len) for _ in range(rng.randint(1, 6))]
    return torch.tensor(lengths, dtype=rng.choice([torch.int64, torch.int32])), seq_len


@inputs_of("positional_encoding.sinusoidal")
def _sinusoidal(rng: random.Random) -> tuple:
    return rng.randint(1, 40), 2 * rng.randint(1, 6)


@inputs_of("positional_encoding.rotary")
def _rotary(rng: random.Random) -> tuple:
    leading = tuple(rng.randint(1, 3) for _ in range(rng.randint(0, 2)))
    length, width = rng.randint(1, 6), 2 * rng.randint(1, 4)
    vectors = _normal(rng, (*leading, length, width), 1.0, _dtype(rng))
    return vectors, torch.tensor([rng.randint(0, 5_000) for _ in range(length)])


@inputs_of("positional_encoding.alibi")
def _alibi(rng: random.Random) -> tuple:
    places = [torch.tensor([rng.randint(0, 60) for _ in range(rng.randint(1, 5))]) for _ in "qk"]
    return *places, rng.choice([1, 2, 4, 8])


@inputs_of("positional_encoding.left_padding")
def _left_padding(rng: random.Random) -> tuple:
    length = rng.randint(1, 9)
    tokens = [rng.randint(1, length) for _ in range(rng.randint(1, 4))]
    return (torch.tensor([[False] * (length - n) + [True] * n for n in tokens]),)


@inputs_of("sequences_before_attention.recurrent")
def _recurrent(rng: random.Random) -> tuple:
    batch, seq_len, d_in, width = (rng.randint(1, most) for most in (3, 5, 4, 6))
    dtype, scale = _dtype(rng), rng.choice([0.1, 1.0])
    shapes = (batch, seq_len, d_in), (d_in, width), (width, width), (width,)
    return tuple(_normal(rng, shape, scale, dtype) for shape in shapes)


@inputs_of("sequences_before_attention.carried_state")
def _carried_state(rng: random.Random) -> tuple:
    return _recurrent(rng)[:3]


@inputs_of("sequences_before_attention.convolution")
def _convolution(rng: random.Random) -> tuple:
    batch, seq_len, d_in, width, kernel = (rng.randint(1, most) for most in (3, 9, 4, 5, 4))
    dtype, scale = _dtype(rng), rng.choice([0.1, 1.0])
    shapes = (batch, seq_len, d_in), (kernel, d_in, width), (width,)
    return *(_normal(rng, shape, scale, dtype) for shape in shapes), rng.randint(1, 3)


@inputs_of("multi_head_attention.split")
def _split(rng: random.Random) -> tuple:
    num_heads, width = rng.randint(1, 4), rng.randint(1, 4)
    shape = rng.randint(1, 3), rng.randint(1, 6), num_heads * width
    return _normal(rng, shape, 1.0, _dtype(rng)), num_heads


@inputs_of("multi_head_attention.merge")
def _merge(rng: random.Random) -> tuple:
    shape = tuple(rng.randint(1, 5) for _ in range(4))
    return (_normal(rng, shape, 1.0, _dtype(rng)),)


@inputs_of("multi_head_attention.multi_head")
def _multi_head(rng: random.Random) -> tuple:
    """Every query sees a key at least; moderate numbers, as in a layer."""
    num_heads, dtype = rng.randint(1, 3), _dtype(rng)
    batch, seq_len, d_model = rng.randint(1, 3), rng.randint(1, 5), num_heads * rng.randint(1, 3)
    shapes = (3 * d_model, d_model), (3 * d_model,), (d_model, d_model), (d_model,)
    x = _normal(rng, (batch, seq_len, d_model), 1.0, dtype)
    mask = _mask(rng, (batch, num_heads), seq_len, seq_len)
    if mask is not None:
        mask[..., 0] = True
    weights = (_normal(rng, shape, 0.5, dtype) for shape in shapes)
    return x, *weights, num_heads, mask


@inputs_of("transformer.wordpiece")
def _wordpiece(rng: random.Random) -> tuple:
    """Few letters, so that pieces meet; now and then one that no piece holds."""

    def letters(longest: int, alphabet: str = "ab") -> str:
        return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, longest)))

    pieces = ["##" * rng.randint(0, 1) + letters(3) for _ in range(rng.randint(1, 12))]
    vocabulary = {piece: number for number, piece in enumerate(["[UNK]", *pieces])}
    return letters(8, rng.choice(["ab", "ab", "abc"])), vocabulary


@inputs_of("transformer.layer_norm")
def _layer_norm(rng: random.Random) -> tuple:
    width, dtype = rng.randint(2, 6), _dtype(rng)
    leading = tuple(rng.randint(1, 4) for _ in range(rng.randint(0, 3)))
    x = _normal(rng, (*leading, width), rng.choice([0.1, 1.0]), dtype)
    scale, shift = (_normal(rng, (width,), 1.0, dtype) for _ in range(2))
    return (x, scale, shift) if rng.random() < 0.3 else (x, scale, shift, rng.choice([1e-3, 0.5]))


@inputs_of("transformer.residual")
def _residual(rng: random.Random) -> tuple:
    shape = tuple(rng.randint(1, 4) for _ in range(3))
    sublayer = rng.choice([lambda h: h.square() + 2, lambda h: 3 * h - 1, torch.sin])
    norm = rng.choice([lambda h: h.tanh() - 0.25, lambda h: h / (h.abs() + 1)])
    return _normal(rng, shape, 1.0, _dtype(rng)), sublayer, norm, rng.choice([True, False])


@inputs_of("transformer.shift")
def _shift(rng: random.Random) -> tuple:
    torch_rng = torch.Generator().manual_seed(rng.getrandbits(30))
    shape = rng.randint(1, 5), rng.randint(2, 9)
    return (torch.randint(1000, shape, generator=torch_rng),)


@inputs_of("pretraining.perplexity")
def _perplexity(rng: random.Random) -> tuple:
    """Losses in nats as they occur; some batches without a token, but never all."""
    batches, dtype = rng.randint(1, 6), _dtype(rng)
    counts = [rng.choice([0, 1, 5, 90]) for _ in range(batches)]
    counts[rng.randrange(batches)] = rng.randint(1, 9)
    losses = torch.tensor([rng.uniform(0.0, 5.0) for _ in counts], dtype=dtype)
    return losses.requires_grad_(), torch.tensor(counts)


@inputs_of("pretraining.mask_rule")
def _mask_rule(rng: random.Random) -> tuple:
    shape, vocab_size = (rng.randint(1, 5), rng.randint(1, 12)), rng.randint(5, 30)
    torch_rng = torch.Generator().manual_seed(rng.getrandbits(30))
    bounds = (0, vocab_size), (0, rng.choice([20, 100])), (0, 10), (4, vocab_size)
    return tuple(torch.randint(*bound, shape, generator=torch_rng) for bound in bounds)


@inputs_of("pretraining.masked_loss")
def _masked_loss(rng: random.Random) -> tuple:
    batch, seq_len, vocab_size = rng.randint(1, 4), rng.randint(1, 7), rng.randint(2, 8)
    logits = _normal(rng, (batch, seq_len, vocab_size), 1.0, _dtype(rng))
    torch_rng = torch.Generator().manual_seed(rng.getrandbits(30))
    ids = torch.randint(vocab_size, (batch, seq_len), generator=torch_rng)
    chosen = torch.rand(batch, seq_len, generator=torch_rng) < 0.3
    chosen[rng.randrange(batch), rng.randrange(seq_len)] = True
    return logits, ids, chosen


@inputs_of("pretraining.shift")
def _shift(rng: random.Random) -> tuple:
    """Padded texts of two places at least."""
    batch, seq_len = rng.randint(1, 4), rng.randint(2, 9)
    texts = [[rng.randint(1, 9) for _ in range(rng.randint(1, seq_len))] for _ in range(batch)]
    return (torch.tensor([text + [0] * (seq_len - len(text)) for text in texts]),)


@inputs_of("domains_and_transfer.grouped_split")
def _grouped_split(rng: random.Random) -> tuple:
    names = [f"review {number}" for number in range(rng.randint(1, 9))]
    groups = [rng.choice(names) for _ in range(rng.randint(1, 30))]
    return groups, rng.choice([0.1, 0.2, 0.25, 0.5, 0.75]), rng.randint(0, 999)


@inputs_of("domains_and_transfer.human")
def _human(rng: random.Random) -> tuple:
    """Three raters and three texts at least, so that no side is constant."""
    return (_normal(rng, (rng.randint(3, 9), rng.randint(3, 6)), 1.0, torch.float64),)


@inputs_of("domains_and_transfer.paired")
def _paired(rng: random.Random) -> tuple:
    """Each resample holds three different texts at least, so that r is defined."""
    num_texts, num_draws = rng.randint(4, 9), rng.randint(1, 5)
    columns = [_normal(rng, (num_texts,), 1.0, torch.float64) for _ in range(3)]
    rows = []
    for _ in range(num_draws):
        some = rng.sample(range(num_texts), 3)
        rows.append(some + [rng.randrange(num_texts) for _ in range(num_texts - 3)])
    return *columns, torch.tensor(rows)


def _queries_keys_values(rng, queries: int, keys: int, scale: float | None = None) -> tuple:
    leading = tuple(rng.randint(1, 3) for _ in range(rng.randint(0, 3)))
    width, value_width = rng.randint(1, 6), rng.randint(1, 5)
    dtype = _dtype(rng)
    scale = scale or _scale(rng, dtype)
    shapes = (*leading, queries, width), (*leading, keys, width), (*leading, keys, value_width)
    return tuple(_normal(rng, shape, scale, dtype) for shape in shapes)


def _mask(rng: random.Random, leading: tuple, queries: int, keys: int) -> torch.Tensor | None:
    """None, or of any shape that broadcasts; some rows may look at nothing."""
    if rng.random() < 0.25:
        return None
    shape = [size if rng.random() < 0.7 else 1 for size in (*leading, queries, keys)]
    shape = shape[rng.randint(0, len(leading)) :]  # a mask of two axes at least
    torch_rng = torch.Generator().manual_seed(rng.getrandbits(30))
    mask = torch.rand(shape, generator=torch_rng) < rng.choice([0.3, 0.7])
    if rng.random() < 0.3:
        mask[..., rng.randrange(shape[-2]), :] = False
    return mask


def _normal(rng, shape: tuple, scale: float, dtype) -> torch.Tensor:
    torch_rng = torch.Generator().manual_seed(rng.getrandbits(30))
    return (scale * torch.randn(shape, generator=torch_rng, dtype=dtype)).requires_grad_()


def _scale(rng: random.Random, dtype: torch.dtype) -> float:
    """In float32 not so large that two right orders of adding differ by more than a little."""
    return rng.choice([0.1, 1.0, 30.0 if dtype == torch.float64 else 5.0])


def _dtype(rng: random.Random) -> torch.dtype:
    return rng.choice([torch.float32, torch.float64])


@inputs_of("start_here.step_down")
def _step_down(rng: random.Random) -> tuple:
    shape = rng.choice([(1,), (3,), (2, 4), (2, 1, 3)])
    dtype = _dtype(rng)
    weight, gradient = (_normal(rng, shape, 1.0, dtype).detach() for _ in range(2))
    return weight, gradient, rng.choice([0.01, 0.1, 0.5, 1.0])


@inputs_of("real_weights.tokenize")
def _tokenize(rng: random.Random) -> tuple:
    """Texts of few letters, so that pieces meet; accents, signs, and now and then a long text."""
    letters = ["a", "b", "ab", "##a", "##b", "##ba", "e", "##e", ",", "$", "“"]
    pieces = rng.sample(letters, rng.randint(3, len(letters)))
    vocabulary = {name: n for n, name in enumerate(["[UNK]", "[CLS]", "[SEP]", *pieces])}
    length = rng.choice([0, 3, 10, 30, 30, 1100])
    return "".join(rng.choice("aAbBbéc ,$“_  \n") for _ in range(length)), vocabulary


@inputs_of("real_weights.names")
def _names(rng: random.Random) -> tuple:
    """Any tensor of an encoder of up to 120 layers."""
    embeddings = ("word_embeddings", "position_embeddings", "token_type_embeddings")
    parts = (
        *(f"attention.self.{role}" for role in ("query", "key", "value")),
        *("attention.output.dense", "attention.output.LayerNorm", "intermediate.dense"),
        *("output.dense", "output.LayerNorm"),
    )
    kind = rng.choice(["weight", "bias"])
    if rng.random() < 0.3:
        norm = f"embeddings.LayerNorm.{kind}"
        return (rng.choice([norm, *(f"embeddings.{name}.weight" for name in embeddings)]),)
    return (f"encoder.layer.{rng.randint(0, 120)}.{rng.choice(parts)}.{kind}",)


@inputs_of("real_weights.pooling")
def _pooling(rng: random.Random) -> tuple:
    """Real tokens anywhere, one at least in each text."""
    batch, length, width = rng.randint(1, 4), rng.randint(1, 6), rng.randint(1, 5)
    hidden = _normal(rng, (batch, length, width), 1.0, _dtype(rng))
    torch_rng = torch.Generator().manual_seed(rng.getrandbits(30))
    mask = torch.rand(batch, 1, length, generator=torch_rng) < 0.5
    mask[:, :, rng.randrange(length)] = True
    if rng.random() < 0.3:  # what stands at padding may be anything
        hidden = hidden.detach().masked_fill(~mask.transpose(1, 2), torch.inf).requires_grad_()
    return hidden, mask


@inputs_of("real_weights.kernels")
def _kernels(rng: random.Random) -> tuple:
    num_in, num_out = rng.choice([(3, 3), (1, 4), (5, 2), (6, 6)])
    kernel = _normal(rng, (num_in, num_out), 1.0, _dtype(rng)).detach()  # as read from a file
    return kernel, torch.Size([num_out, num_in])


@inputs_of("fine_tuning.trained_names")
def _trained_names(rng: random.Random) -> tuple:
    """A model's names in any order; any number of layers, with two digits as well."""
    num_layers = rng.choice([1, 2, 3, 9, 10, 11, 12, 24])
    layers = [f"layers.{number}" for number in range(num_layers)]
    parts = [f"{layer}.{part}" for layer in layers for part in ("attention.w.weight", "norm.bias")]
    names = [f"encoder.{part}" for part in ("tokens.weight", "norm.weight", "norm.bias", *parts)]
    names += ["head.weight", "head.bias"]
    rng.shuffle(names)
    return names, num_layers, rng.randint(0, num_layers)


@inputs_of("fine_tuning.kept")
def _kept(rng: random.Random) -> tuple:
    num_layers, n, width = (rng.randint(1, most) for most in (5, 4, 5))
    dtype = _dtype(rng)
    x, weights = (_normal(rng, s, 0.7, dtype) for s in ((n, width), (num_layers, width, width)))
    return x, weights, rng.randint(0, num_layers)


@inputs_of("fine_tuning.rates")
def _rates(rng: random.Random) -> tuple:
    depth = torch.tensor([rng.randint(0, 7) for _ in range(rng.randint(1, 9))])
    step, steps_each = rng.randint(0, 30), rng.randint(0, 5)
    return depth, step, steps_each, rng.choice([1e-3, 0.1, 2.0]), rng.choice([1.0, 2.0, 2.6])


@inputs_of("fine_tuning.rating_loss")
def _rating_loss(rng: random.Random) -> tuple:
    batch, width = rng.randint(1, 6), rng.randint(1, 5)
    dtype = _dtype(rng)
    shapes = (batch, width), (width, 1), (1,), (batch,)
    *trained, labels = (_normal(rng, shape, 1.0, dtype) for shape in shapes)
    return *trained, labels.detach()
