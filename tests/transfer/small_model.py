"""A small rating model and rated texts, for the tests of transfer."""

import numpy as np
import torch

from lessons_lib.model.bert import BertEncoder
from lessons_lib.model.layers import Config
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
