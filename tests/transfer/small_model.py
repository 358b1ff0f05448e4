"""A small rating model and rated texts, for the tests of transfer."""

import numpy as np
import torch

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.layers import Config
from lessons_lib.model.llama import Llama, LlamaConfig
from lessons_lib.transfer.fine_tuning import fit
from lessons_lib.transfer.rating_model import SentimentModel

NUM_LAYERS, D_MODEL, VOCAB = 3, 12, 40


def new_model(trained=2, dropout_p=0.1, inner_dropout_p=0.0) -> SentimentModel:
    torch.manual_seed(0)
    config = Config(
        d_model=D_MODEL,
        num_heads=3,
        num_layers=NUM_LAYERS,
        d_ff=20,
        dropout_p=inner_dropout_p,
        pre_norm=False,
        max_len=16,
    )
    return SentimentModel(BertEncoder(config, VOCAB), trained, dropout_p)


def rated_texts(count=37) -> tuple[list[list[int]], list[float]]:
    """Texts of 2 to 9 tokens; the rating is the share of tokens above 20, so it can be learnt."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(1, VOCAB, rng.integers(2, 10)).tolist() for _ in range(count)]
    return texts, [4 * float(np.mean(np.array(text) > 20)) for text in texts]


def small_llama() -> Llama:
    """Two layers, whose two heads of keys and values serve four of queries."""
    torch.manual_seed(0)
    return Llama(LlamaConfig(11, 8, num_heads=4, num_key_value_heads=2, num_layers=2, d_ff=6))


def moved_by_training(model: SentimentModel) -> set[str]:
    """The names of the parameters that a few steps change."""
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    fit(model, *rated_texts(), steps=3, learning_rate=0.05)
    return {name for name, tensor in model.named_parameters() if not tensor.equal(before[name])}


def in_each_layer(*parts: str) -> set[str]:
    """Parameters' names, in each of the encoder's layers, and the head's."""
    inside = {f"encoder.layers.{layer}.{part}" for layer in range(NUM_LAYERS) for part in parts}
    return inside | {"head.weight", "head.bias"}


def close(first: torch.Tensor, second: torch.Tensor, tolerance: float = 1e-6) -> bool:
    return torch.allclose(first, second, rtol=0, atol=tolerance)
