"""Fine-tuning an encoder on rated texts: what is trained, at which rates, and from what is kept.

Axes: B texts, L tokens, N texts in all.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from lessons_lib.base.device import autocast, move, working
from lessons_lib.data.batches import by_length, mixed_by_length, rectangle
from lessons_lib.training.loop import train
from lessons_lib.training.plan import History, Plan
from lessons_lib.transfer.rating_model import SentimentModel

ULMFIT_FACTOR = 2.6  # each layer's rate over that of the layer below (Howard and Ruder 2018)
Inputs = Sequence[Sequence[int]] | Sequence[Tensor]


def parameter_groups(
    model: SentimentModel, factor: float = ULMFIT_FACTOR, weight_decay: float = 0.01
) -> list[dict]:
    """One group for each trained layer: the head at the full rate, each layer below at less.

    Args:
        factor: the head's rate over the top layer's, the top layer's over that below, and so on.

    Returns:
        Groups for `train`, from the head down, each with its `rate_factor`.

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
    with working(model) as device:
        for places in by_length([len(text) for text in texts], batch_size):
            ids, mask = move(rectangle([texts[place] for place in places]), device)
            with autocast(precision, device):
                states = model.frozen_part(ids, mask).cpu()
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
        ValueError: ratings are no list (N,) of finite numbers, fewer than 2 or all alike, or not
            as many as there are inputs.
    """
    if len(inputs) != len(ratings):
        raise ValueError(f"expected a rating for each of {len(inputs)} texts, got {len(ratings)}")
    model.set_scale(ratings)
    targets = (
        torch.as_tensor(ratings, dtype=torch.float32) - model.mean.cpu()
    ) / model.spread.cpu()

    plan = Plan(
        steps,
        learning_rate,
        warmup_steps=round(warmup_share * steps),
        check_every=steps,
        precision=precision,
    )
    batches = rated_batches(inputs, targets, batch_size, seed)
    groups = parameter_groups(model, factor, plan.weight_decay)
    return train(model, batches, rating_loss, plan, groups=groups, progress=progress)


@torch.no_grad()
def predict(
    model: SentimentModel, inputs: Inputs, batch_size: int = 64, precision: str = "float32"
) -> np.ndarray:
    """Ratings of N texts in the given order, from ids or `frozen_activations`: (N,)."""
    found = np.empty(len(inputs))
    for places, said in _in_batches(model, model, inputs, batch_size, precision):
        found[places] = said.numpy()
    return found


@torch.no_grad()
def pooled_features(
    model: SentimentModel, inputs: Inputs, batch_size: int = 64, precision: str = "float32"
) -> Tensor:
    """What the head reads of N texts, in the given order: (N, d_model)."""
    found = torch.empty(len(inputs), model.head.in_features)
    for places, features in _in_batches(model, model.pooled, inputs, batch_size, precision):
        found[places] = features
    return found


def _in_batches(model, read: Callable, inputs: Inputs, batch_size: int, precision: str) -> Iterator:
    """Places of texts of like length, and what `read` makes of them, as float32 on the CPU."""
    model.eval()
    with working(model) as device:
        for places in by_length([len(one) for one in inputs], batch_size):
            x, mask = move(rectangle([inputs[place] for place in places]), device)
            with autocast(precision, device):
                said = read(x, mask)
            yield places, said.float().cpu()


def rating_loss(model: SentimentModel, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Mean squared error of standardised ratings; a batch is inputs, their mask, targets (B,)."""
    x, mask, target = batch
    return functional.mse_loss(model.standardised(x, mask).float(), target)


def rated_batches(
    inputs: Inputs, targets: Tensor, batch_size: int, seed: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Endless; each pass in a new order, texts of like length together.

    Args:
        inputs: for each of N texts its ids, or its `frozen_activations`.
        targets: (N,), standardised.

    Yields:
        inputs (B, L) or (B, L, d_model), mask (B, 1, L), targets (B,).
    """
    rng, lengths = torch.Generator().manual_seed(seed), [len(one) for one in inputs]
    while True:
        order = torch.randperm(len(inputs), generator=rng).tolist()
        for places in mixed_by_length(order, lengths, batch_size, rng):
            yield *rectangle([inputs[place] for place in places]), targets[places]
