"""BitFit: of a finished model, only the biases are trained."""

from torch import nn

from lessons_lib.transfer.inserting import frozen_layers


def open_biases(model: nn.Module) -> list[nn.Parameter]:
    """Freeze a model but for the biases of its layers, those of their norms included.

    The norm of the embeddings lies below all layers and stays as it is; the paper trains it, too.

    Args:
        model: changed in place, such as a BertEncoder.

    Returns:
        The biases.

    Raises:
        ValueError: the model has no such layers, or they have no bias, as in Llama.

    Source: Ben Zaken et al. 2022, section 3 (arXiv:2106.10199).
    """
    layers = frozen_layers(model)
    found = [p for name, p in layers.named_parameters() if name.rpartition(".")[2] == "bias"]
    if not found:
        raise ValueError(f"the layers of {type(model).__name__} have no bias to train")
    return [bias.requires_grad_(True) for bias in found]
