"""Fine-tuning an encoder on rated texts: what is trained, at which rates, and from what is kept.

Axes: B texts, L tokens, N texts in all.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lessons_lib.attention import padding_mask
from lessons_lib.bert import BertEncoder, mean_pool
from lessons_lib.tokens import pad
from lessons_lib.train import History, Plan, train

ULMFIT_FACTOR = 2.6  # each layer's rate over that of the layer below (Howard and Ruder 2018)
Trained = str | int
Inputs = Sequence[Sequence[int]] | Sequence[Tensor]


class SentimentModel(nn.Module):
    """The rating of a text: the mean of its tokens' last states, dropout, one linear layer.

    Args:
        encoder: its layers are trained in place.
        trained: "head", the number of top layers that are trained with it, or "all": every
            layer and the embeddings.
        dropout_p: in front of the linear layer, in training.

    Raises:
        ValueError: there is no such choice of what is trained.

    >>> from lessons_lib.pretrained import load_encoder
    >>> model = SentimentModel(load_encoder(), trained=2)
    >>> model(torch.tensor([[101, 2307, 102]]), torch.ones(1, 1, 3, dtype=torch.bool)).shape
    torch.Size([1])
    """

    def __init__(self, encoder: BertEncoder, trained: Trained = "all", dropout_p: float = 0.1):
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout_p)
        self.head = nn.Linear(encoder.norm.weight.numel(), 1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("mean", torch.tensor(0.0))
        self.register_buffer("spread", torch.tensor(1.0))
        self.set_trained(trained)

    def set_trained(self, trained: Trained) -> None:
        """Choose what is trained from now on; everything else is frozen.

        An optimiser that was made before does not know of it.
        """
        num_layers = len(self.encoder.layers)
        counts = {"head": 0, "all": num_layers}
        counts |= {number: number for number in range(1, num_layers + 1)}
        if trained not in counts or isinstance(trained, bool):
            choices = f"'head', 'all' or 1 to {num_layers} layers"
            raise ValueError(f"trained should be {choices}, not {trained!r}")
        self.num_frozen = num_layers - counts[trained]
        self.embeddings_train = trained == "all"
        self.encoder.requires_grad_(self.embeddings_train)
        for layer in self.encoder.layers:
            layer.requires_grad_(False)
        for layer in self.encoder.layers[self.num_frozen :]:
            layer.requires_grad_(True)
        self.train(self.training)

    def train(self, mode: bool = True) -> "SentimentModel":
        """Training mode, but for what is frozen: its dropout would blur what it says."""
        super().train(mode)
        if not self.embeddings_train:
            self.encoder.eval()
            for layer in self.encoder.layers[self.num_frozen :]:
                layer.train(mode)
        return self

    def set_scale(self, ratings: Sequence[float]) -> None:
        """Take mean and spread of ratings (N,), by which targets are standardised.

        Raises:
            ValueError: there are fewer than 2, or all are alike.
        """
        ratings = torch.as_tensor(ratings, dtype=torch.float32)
        if ratings.numel() < 2 or ratings.std() == 0:
            raise ValueError(f"expected 2 different ratings at least, got {ratings.tolist()[:5]}")
        self.mean.copy_(ratings.mean())
        self.spread.copy_(ratings.std())

    def frozen_part(self, ids: Tensor, mask: Tensor) -> Tensor:
        """What the frozen layers make of ids (B, L), mask (B, 1, L): (B, L, d_model)."""
        states = self.encoder.embed(ids)
        for layer in self.encoder.layers[: self.num_frozen]:
            states = layer(states, mask)
        return states

    def forward(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Ids (B, L), or states (B, L, d_model) after the frozen part, to ratings (B,)."""
        return self.mean + self.spread * self.standardised(inputs, mask)

    def standardised(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """As `forward`, but with mean 0 and spread 1 over the texts of `set_scale`."""
        states = inputs
        if not inputs.is_floating_point():
            with contextlib.nullcontext() if self.embeddings_train else torch.no_grad():
                states = self.frozen_part(inputs, mask)
        for layer in self.encoder.layers[self.num_frozen :]:
            states = layer(states, mask)
        with torch.autocast(states.device.type, enabled=False):  # 16 bits would round the rating
            return self.head(self.dropout(mean_pool(states.float(), mask))).squeeze(-1)


def parameter_groups(
    model: SentimentModel, factor: float = ULMFIT_FACTOR, weight_decay: float = 0.01
) -> list[dict]:
    """One group for each trained layer: the head at the full rate, each layer below at less.

    Args:
        factor: the head's rate over the top layer's, the top layer's over that below, and so on.

    Returns:
        Groups for `lessons_lib.train.train`, from the head down, each with its `rate_factor`.

    Source: Howard and Ruder 2018, section 3.2 (arXiv:1801.06146), "discriminative fine-tuning".
    """
    layers = list(model.encoder.layers)[::-1]
    inside = {id(p) for layer in layers for p in layer.parameters()}
    embeddings = [p for p in model.encoder.parameters() if id(p) not in inside]
    blocks = [model.head.parameters()]
    blocks += [layer.parameters() for layer in layers] + [embeddings]
    groups = []
    for depth, block in enumerate(blocks):
        opened = [p for p in block if p.requires_grad]
        for is_matrix in (True, False):  # biases and norms do not decay
            group = {
                "params": [p for p in opened if (p.dim() > 1) == is_matrix],
                "weight_decay": weight_decay if is_matrix else 0.0,
                "rate_factor": factor**-depth,
                "fused": True,  # one pass over the memory at each step
            }
            groups += [group] if group["params"] else []
    return groups


@torch.no_grad()
def frozen_activations(
    model: SentimentModel,
    texts: Sequence[Sequence[int]],
    batch_size: int = 64,
    precision: str = "float32",
) -> list[Tensor]:
    """What the frozen part makes of each text, computed once: N tensors (L, d_model).

    `fit` and `predict` take them in place of the ids. They hold as long as the frozen part stays
    what it is, and are made without dropout.

    Args:
        texts: ids of each text.
    """
    found: list[Tensor] = [torch.empty(0)] * len(texts)
    was_training = model.training
    model.eval()
    for places in _by_length(texts, batch_size):
        ids, mask = _rectangle([texts[place] for place in places], _device(model))
        with autocast(precision, ids.device):
            states = model.frozen_part(ids, mask)
        for place, row in zip(places, states, strict=True):
            found[place] = row[: len(texts[place])].clone()
    model.train(was_training)
    return found


def fit(
    model: SentimentModel,
    inputs: Inputs,
    ratings: Sequence[float],
    *,
    steps: int,
    learning_rate: float,
    batch_size: int = 32,
    warmup_share: float = 0.1,
    factor: float = 1.0,
    precision: str = "float32",
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> History:
    """Train what is to be trained by squared error on standardised ratings.

    Args:
        inputs: for each of N texts its ids, or its `frozen_activations`.
        ratings: (N,).
        warmup_share: of the steps, over which the rate rises; after that it falls evenly to 0.
        factor: of `parameter_groups`; 1 = all layers at one rate.
        precision: "float32" or "bfloat16".
        seed: of the order of the texts; dropout follows torch's own.

    Raises:
        ValueError: ratings are fewer than 2 or all alike, or not as many as there are inputs.
    """
    if len(inputs) != len(ratings):
        raise ValueError(f"expected a rating for each of {len(inputs)} texts, got {len(ratings)}")
    model.set_scale(ratings)
    targets = (
        torch.as_tensor(ratings, dtype=torch.float32) - model.mean.cpu()
    ) / model.spread.cpu()

    def loss_of(model: SentimentModel, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        x, mask, target = batch
        with autocast(precision, x.device):
            found = model.standardised(x, mask)
        return functional.mse_loss(found.float(), target)

    warmup_steps = round(warmup_share * steps)
    plan = Plan(steps, learning_rate, warmup_steps=warmup_steps, check_every=steps)
    batches = _rated_batches(inputs, targets, batch_size, seed, _device(model))
    groups = parameter_groups(model, factor, plan.weight_decay)
    return train(model, batches, loss_of, plan, groups=groups, progress=progress)


@torch.no_grad()
def predict(
    model: SentimentModel, inputs: Inputs, batch_size: int = 64, precision: str = "float32"
) -> np.ndarray:
    """Ratings of N texts in the given order, from ids or `frozen_activations`: (N,)."""
    found = np.empty(len(inputs))
    model.eval()
    for places in _by_length(inputs, batch_size):
        x, mask = _rectangle([inputs[place] for place in places], _device(model))
        with autocast(precision, x.device):
            found[places] = model(x, mask).float().cpu().numpy()
    return found


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager:
    """Matrix products in `precision` inside a `with`; weights and sums stay float32.

    Raises:
        ValueError: it is neither "float32" nor "bfloat16".
    """
    if precision not in ("float32", "bfloat16"):
        raise ValueError(f"precision should be float32 or bfloat16, not {precision!r}")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")


def fast_precision(device: torch.device | None = None) -> str:
    """ "bfloat16" where this processor computes it by itself, else "float32"."""
    if device is not None and device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    known = torch.cpu.get_capabilities() if device is None or device.type == "cpu" else {}
    return "bfloat16" if known.get("avx512_bf16") or known.get("amx_bf16") else "float32"


def _rated_batches(inputs, targets: Tensor, batch_size: int, seed: int, device) -> Iterator[tuple]:
    """Endless; each pass in a new order, eight batches at a time sorted by length."""
    rng = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(len(inputs), generator=rng).tolist()
        for start in range(0, len(order), 8 * batch_size):
            pool = order[start : start + 8 * batch_size]
            groups = list(_by_length([inputs[place] for place in pool], batch_size))
            for number in torch.randperm(len(groups), generator=rng).tolist():
                places = [pool[place] for place in groups[number]]
                x, mask = _rectangle([inputs[place] for place in places], device)
                yield x, mask, targets[places].to(device)


def _by_length(inputs: Inputs, batch_size: int) -> Iterator[list[int]]:
    """Places of texts of like length, so that little is padding."""
    order = sorted(range(len(inputs)), key=lambda place: len(inputs[place]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def _rectangle(rows: list, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (B, L) or states (B, L, d_model), and their mask (B, 1, L)."""
    if isinstance(rows[0], Tensor):
        lengths = torch.tensor([len(row) for row in rows])
        x = nn.utils.rnn.pad_sequence(rows, batch_first=True).float()
    else:
        x, lengths = pad(rows)
    return x.to(device), padding_mask(lengths, x.size(1)).to(device)


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device
