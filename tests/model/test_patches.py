"""Patches: against torch's own unfold; and the model around any layers."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from lessons_lib.model.layers import Config, EncoderLayer
from lessons_lib.model.patches import PatchClassifier, PatchEncoder, cut_into_patches


def small(num_layers=1, **norms) -> PatchEncoder:
    torch.manual_seed(0)
    config = Config(d_model=12, num_heads=3, d_ff=20)
    layers = [EncoderLayer(config) for _ in range(num_layers)]
    return PatchEncoder(layers, 12, num_patches=6, patch_values=4, **norms)


def test_patches_are_those_of_unfold():
    images = torch.rand(3, 4, 6)
    wanted = functional.unfold(images[:, None], 2, stride=2).transpose(1, 2)
    assert torch.equal(cut_into_patches(images, 2), wanted)


@pytest.mark.parametrize("shape", [(4, 6), (2, 4, 5), (2, 3, 6)])
def test_images_that_do_not_divide_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected images \(B, H, W\) of whole patches of 2 x 2"):
        cut_into_patches(torch.rand(shape), 2)


def test_a_token_is_the_patch_times_a_matrix_plus_its_place():
    encoder, patches = small(), torch.rand(2, 6, 4)
    wanted = patches[1, 3] @ encoder.project.weight.T + encoder.project.bias + encoder.places[3]
    assert torch.allclose(encoder.embed(patches)[1, 3], wanted, atol=1e-6)


def test_norms_stand_before_the_first_layer_and_after_the_last():
    encoder, patches = small(first_norm=nn.LayerNorm(12), last_norm=nn.LayerNorm(12)), None
    patches = torch.rand(2, 6, 4)
    assert torch.allclose(encoder.embed(patches).mean(dim=-1), torch.zeros(2, 6), atol=1e-5)
    wanted = encoder.last_norm(encoder.layers[0](encoder.embed(patches)))
    assert torch.equal(encoder(patches), wanted)


def test_without_places_the_order_of_the_patches_would_play_no_part():
    model, patches = PatchClassifier(small(2), 5).eval(), torch.rand(2, 6, 4)
    turned = patches[:, torch.tensor([5, 0, 2, 1, 4, 3])]
    assert not torch.allclose(model(patches), model(turned), atol=1e-4)
    with torch.no_grad():
        model.encoder.places.zero_()
    assert torch.allclose(model(patches), model(turned), atol=1e-5)


def test_the_wrong_number_of_patches_is_refused():
    with pytest.raises(ValueError, match=r"expected patches \(B, 6, 4\)"):
        small().embed(torch.rand(2, 5, 4))


def test_scores_are_read_from_the_mean_of_the_states():
    model, patches = PatchClassifier(small(), 5), torch.rand(3, 6, 4)
    states = model.encoder.hidden(patches)
    assert torch.allclose(model(patches), model.head(states.mean(dim=1)), atol=1e-6)
