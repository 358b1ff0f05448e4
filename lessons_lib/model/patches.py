"""Images for a Transformer: an image becomes a sequence of patches, a patch a token.

Axes: B images, L patches, P values a patch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lessons_lib.model.bert import mean_pool


def cut_into_patches(images: Tensor, size: int) -> Tensor:
    """Square patches, row by row from the top left: (B, H, W) -> (B, L, size x size).

    Raises:
        ValueError: images are not (B, H, W), or do not divide into such patches.

    Source: Dosovitskiy et al. 2021, section 3.1 (arXiv:2010.11929).

    >>> cut_into_patches(torch.arange(16.0).reshape(1, 4, 4), 2)[0, :2].tolist()
    [[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]
    """
    if images.dim() != 3 or images.size(1) % size or images.size(2) % size:
        shape = tuple(images.shape)
        raise ValueError(f"expected images (B, H, W) of whole patches of {size} x {size}: {shape}")
    rows = images.unflatten(1, (-1, size)).unflatten(3, (-1, size))  # (B, H/s, s, W/s, s)
    return rows.transpose(2, 3).flatten(3).flatten(1, 2)


class PatchEncoder(nn.Module):
    """Layers of a Transformer that read vectors of numbers in place of words.

    A linear layer makes a token of each patch, a learnt vector says where it stands.

    Args:
        layers: of any Transformer, each called as layer(x, mask); used as they are, not copied.
        d_model: their width.
        num_patches, patch_values: L and P.
        first_norm, last_norm: before the first and after the last layer; nothing if None.

    Source: Lu et al. 2021, section 2 (arXiv:2103.05247).
    """

    def __init__(
        self,
        layers: Sequence[nn.Module],
        d_model: int,
        num_patches: int,
        patch_values: int,
        first_norm: nn.Module | None = None,
        last_norm: nn.Module | None = None,
    ):
        super().__init__()
        self.project = nn.Linear(patch_values, d_model)
        self.places = nn.Parameter(0.3 * torch.randn(num_patches, d_model))
        self.first_norm = first_norm or nn.Identity()
        self.layers = nn.ModuleList(layers)
        self.last_norm = last_norm or nn.Identity()

    def embed(self, patches: Tensor) -> Tensor:
        """Patches (B, L, P) -> what the first layer reads (B, L, d_model).

        Raises:
            ValueError: there are not L patches of P values.
        """
        wanted = (len(self.places), self.project.in_features)
        if patches.dim() != 3 or patches.shape[1:] != wanted:
            raise ValueError(f"expected patches (B, {wanted[0]}, {wanted[1]}): {patches.shape}")
        return self.first_norm(self.project(patches) + self.places)

    def hidden(self, patches: Tensor, mask: Tensor | None = None) -> Tensor:
        """Patches (B, L, P) -> the last layer's output (B, L, d_model)."""
        x = self.embed(patches)
        for layer in self.layers:
            x = layer(x, mask)
        return self.last_norm(x)

    forward = hidden


class PatchClassifier(nn.Module):
    """Scores of classes from patches: the mean of the last states, one linear layer."""

    def __init__(self, encoder: PatchEncoder, num_classes: int):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.project.out_features, num_classes)

    def pooled(self, patches: Tensor, mask: Tensor | None = None) -> Tensor:
        """The mean of an image's last states: (B, L, P) -> (B, d_model), float32."""
        return mean_pool(self.encoder.hidden(patches, mask).float(), mask)

    def read(self, pooled: Tensor) -> Tensor:
        """Pooled states (B, d_model) -> scores (B, classes)."""
        return self.head(pooled)

    def forward(self, patches: Tensor, mask: Tensor | None = None) -> Tensor:
        """Patches (B, L, P) -> scores (B, classes)."""
        return self.read(self.pooled(patches, mask))
