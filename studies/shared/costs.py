"""What a technique costs: what is stored, what a step keeps in memory, how long a step takes.

Memory is counted, not measured, so that it is the same on every machine: what the forward pass
keeps for the backward pass, the gradients, and Adam's two numbers for each trained parameter. The
weights themselves, which all techniques need, are left out, and so is what lives for a moment only.
"""

import copy
import statistics
import time

import torch
from torch import Tensor, nn

from lessons_lib.base.device import autocast, device_of
from lessons_lib.transfer.fine_tuning import parameter_groups, rating_loss
from lessons_lib.transfer.rating_model import SentimentModel
from lessons_lib.transfer.saved_adapter import adapter_bytes

NUM_TEXTS, NUM_TOKENS, NUM_STEPS = 16, 32, 5


def costs_of(model: SentimentModel, precision: str, timed: bool = True) -> dict[str, float]:
    """The costs of training a model as it stands, on 16 texts of 32 tokens; it is left as it is.

    Returns:
        "trained_parameters"; "stored_bytes", of a file with what is trained; "extra_bytes", of a
        training step beside the weights; "step_seconds", of the processor, where `timed`.
    """
    model = copy.deepcopy(model).train()
    vocab_size = model.encoder.tokens.num_embeddings
    rng = torch.Generator().manual_seed(0)
    ids = torch.randint(vocab_size, (NUM_TEXTS, NUM_TOKENS), generator=rng)
    mask = torch.ones(NUM_TEXTS, 1, NUM_TOKENS, dtype=torch.bool)
    batch = tuple(part.to(device_of(model)) for part in (ids, mask, torch.zeros(NUM_TEXTS)))
    trained = [p for p in model.parameters() if p.requires_grad]
    own = sum(p.nbytes for p in trained)
    found = {
        "trained_parameters": sum(p.numel() for p in trained),
        "stored_bytes": len(adapter_bytes(model)),
        "extra_bytes": kept_bytes(model, batch, precision) + 3 * own,
    }
    if timed:
        found["step_seconds"] = round(step_seconds(model, batch, precision), 4)
    return found


def kept_bytes(model: nn.Module, batch: tuple[Tensor, ...], precision: str = "float32") -> int:
    """Bytes that a forward pass keeps for the backward pass, parameters and buffers left out."""
    known = {
        t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers(), *batch)
    }
    kept: dict[int, Tensor] = {}  # the tensors are held, so that no memory is used twice

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.detach()
        return tensor

    with (
        autocast(precision, device_of(model)),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        loss = rating_loss(model, batch)
    found = sum(t.untyped_storage().nbytes() for at, t in kept.items() if at not in known)
    del loss
    return found


def step_seconds(model: SentimentModel, batch: tuple[Tensor, ...], precision: str) -> float:
    """The median of a step's processor seconds: forward, backward, Adam, after one to warm up.

    Others that work on the same machine do not change them; of a GPU's time they say nothing.
    """
    optimiser = torch.optim.AdamW(parameter_groups(model, 1.0), lr=0.0)
    taken = []
    for _ in range(1 + NUM_STEPS):
        started = time.process_time()
        optimiser.zero_grad()
        with autocast(precision, device_of(model)):
            loss = rating_loss(model, batch)
        loss.backward()
        optimiser.step()
        loss.item()
        taken.append(time.process_time() - started)
    return statistics.median(taken[1:])
