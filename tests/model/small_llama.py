"""A small model of Llama's kind with random weights, norms included, in float64."""

import torch
from torch import nn

from lessons_lib.model.llama import Llama, LlamaConfig, RMSNorm

SMALL = LlamaConfig(
    vocab_size=37, d_model=24, num_heads=6, num_key_value_heads=2, num_layers=3, d_ff=20
)


def small_llama() -> Llama:
    torch.manual_seed(0)
    model = Llama(SMALL).double().eval()
    for norm in (module for module in model.modules() if isinstance(module, RMSNorm)):
        nn.init.normal_(norm.weight, mean=1.0)
    return model
