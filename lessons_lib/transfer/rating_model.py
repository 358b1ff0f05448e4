"""A published encoder with one linear layer on top, which rates a text; any part may be frozen.

Axes: B texts, L tokens.
"""

import contextlib
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lessons_lib.base.device import autocast, device_of
from lessons_lib.measure.metrics import column
from lessons_lib.model.bert import BertEncoder, mean_pool

Trained = str | int


class SentimentModel(nn.Module):
    """The rating of a text: the mean of its tokens' last states, dropout, one linear layer.

    Args:
        encoder: its layers are trained in place.
        trained: "head", the number of top layers that are trained with it, "all": every layer
            and the embeddings, or "inserted": what a technique puts into a frozen encoder.
        dropout_p: in front of the linear layer, in training.

    Raises:
        ValueError: there is no such choice of what is trained.

    >>> from lessons_lib.model.pretrained import load_encoder
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
        self.to(device_of(encoder))
        self.set_trained(trained)

    def set_trained(self, trained: Trained) -> None:
        """Choose what is trained from now on; everything else is frozen.

        With "inserted" nothing of the encoder as it is now is trained, but gradients go down
        through all its layers, to parameters that are put in after this call.

        An optimiser that was made before does not know of it.
        """
        num_layers = len(self.encoder.layers)
        counts = {"head": 0, "all": num_layers, "inserted": num_layers}
        counts |= {number: number for number in range(1, num_layers + 1)}
        if trained not in counts or isinstance(trained, bool):
            choices = f"'head', 'all', 'inserted' or 1 to {num_layers} layers"
            raise ValueError(f"trained should be {choices}, not {trained!r}")
        self.num_frozen = num_layers - counts[trained]
        self.embeddings_train = trained == "all"
        self.encoder.requires_grad_(self.embeddings_train)
        for layer in self.encoder.layers:
            layer.requires_grad_(False)
        for layer in self.encoder.layers[self.num_frozen :]:
            layer.requires_grad_(trained != "inserted")
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
            ValueError: they are no list (N,) of finite numbers, fewer than 2, or all alike.
        """
        column(ratings, "the list of ratings")
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
        return self.rate(self.pooled(inputs, mask))

    def states(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Ids (B, L), or states after the frozen part, to the last states (B, L, d_model)."""
        states = inputs
        if not inputs.is_floating_point():
            with contextlib.nullcontext() if self.embeddings_train else torch.no_grad():
                states = self.frozen_part(inputs, mask)
        for layer in self.encoder.layers[self.num_frozen :]:
            states = layer(states, mask)
        return states

    def pooled(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The mean of each text's last states, before dropout and head: (B, d_model), float32."""
        return self.pool(self.states(inputs, mask), mask)

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """The mean of last states (B, L, d_model) over each text: (B, d_model), float32."""
        with autocast("float32", states.device):
            return mean_pool(states.float(), mask)

    def rate(self, pooled: Tensor) -> Tensor:
        """Pooled states (B, d_model) to standardised ratings (B,)."""
        return self.read(pooled).squeeze(-1)

    def read(self, pooled: Tensor) -> Tensor:
        """Pooled states (B, d_model) to all that the head says: (B, outputs)."""
        with autocast("float32", pooled.device):  # 16 bits would round the rating
            return self.head(self.dropout(pooled))
