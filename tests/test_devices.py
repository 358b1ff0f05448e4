"""Every function that makes a tensor makes it where its inputs are.

On "meta" tensors have shapes and no numbers, and a mixture of two devices is an error as on a GPU.
Functions that must see numbers are tried on a real GPU, by `make gpu`.
"""

import pytest
import torch

from lessons_lib.data.batches import rectangle
from lessons_lib.model.attention import causal_mask, padding_mask, scaled_dot_product_attention
from lessons_lib.model.bert import BertEncoder, mean_pool
from lessons_lib.model.generate import choose, generate
from lessons_lib.model.layers import Config
from lessons_lib.model.patches import PatchClassifier, PatchEncoder, cut_into_patches
from lessons_lib.model.positions import SCHEMES
from lessons_lib.model.random_weights import default_weights, matched_weights, shuffled_weights
from lessons_lib.model.transformer import LanguageModel, Seq2Seq
from lessons_lib.training.loop import train
from lessons_lib.training.objectives import (
    hide_tokens,
    looks_at,
    mask_tokens,
    shift_tokens,
)
from lessons_lib.training.plan import Plan
from lessons_lib.transfer.rating_model import SentimentModel

META = torch.device("meta")
CONFIG = Config(d_model=24, num_heads=4, num_layers=2, d_ff=20, max_len=9)


def ids(*shape, device=META):
    return torch.ones(shape, dtype=torch.long, device=device)


def devices_of(found) -> set[str]:
    if isinstance(found, torch.Tensor):
        return {found.device.type}
    return set().union(*(devices_of(part) for part in found if part is not None))


FUNCTIONS = {
    "causal_mask": lambda: causal_mask(3, META),
    "padding_mask": lambda: padding_mask(ids(2), seq_len=3),
    "attention": lambda: scaled_dot_product_attention(
        *[torch.ones(2, 3, 4, device=META)] * 3, causal_mask(3, META)
    ),
    "rectangle": lambda: rectangle([torch.ones(2, 4, device=META), torch.ones(3, 4, device=META)]),
    "mean_pool": lambda: mean_pool(torch.ones(2, 3, 4, device=META), padding_mask(ids(2), 3)),
    "mask_tokens": lambda: mask_tokens(
        ids(2, 3), vocab_size=9, generator=torch.Generator().manual_seed(0)
    ),
    "hide_tokens": lambda: hide_tokens(ids(2, 3), share=0.5, seed=0),
    "shift_tokens": lambda: shift_tokens(ids(2, 3)),
    "choose": lambda: choose(torch.ones(2, 5, device=META), top_k=3, top_p=0.9),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_are_where_the_inputs_are(name):
    assert devices_of(FUNCTIONS[name]()) == {"meta"}


@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_language_models_of_every_position_scheme_work_where_they_are(scheme, is_causal):
    config = Config(**{**vars(CONFIG), "positions": scheme})
    model = LanguageModel(11, config, is_causal).to(META)
    mask = looks_at(model, ids(2, 5))
    assert devices_of(model(ids(2, 5), mask)) == {"meta"}
    if is_causal:
        caches = model.new_caches()
        model(ids(2, 5), caches=caches)
        assert devices_of(model(ids(2, 1), caches=caches)) == {"meta"}


def test_encoder_decoder_works_where_it_is():
    model = Seq2Seq(7, 11, CONFIG).to(META)
    assert devices_of(model(ids(2, 5), ids(2, 3), padding_mask(ids(2), 5))) == {"meta"}


def test_published_encoder_and_rating_model_work_where_they_are():
    encoder = BertEncoder(CONFIG, vocab_size=11).to(META)
    mask = padding_mask(ids(2), 5)
    assert devices_of(encoder.hidden_states(ids(2, 5), mask)) == {"meta"}
    assert devices_of(encoder.logits(encoder.hidden(ids(2, 5)))) == {"meta"}
    assert devices_of(SentimentModel(encoder, trained=1)(ids(2, 5), mask)) == {"meta"}


@pytest.mark.parametrize("make", [default_weights, matched_weights, shuffled_weights])
def test_random_controls_are_where_the_encoder_is(make):
    assert devices_of(make(BertEncoder(CONFIG, 11).to(META)).parameters()) == {"meta"}


def test_patches_are_read_where_they_are():
    layers = BertEncoder(CONFIG, vocab_size=11).layers
    model = PatchClassifier(PatchEncoder(layers, 24, num_patches=4, patch_values=4), 5).to(META)
    patches = cut_into_patches(torch.ones(2, 4, 4, device=META), 2)
    assert devices_of([patches, model(patches)]) == {"meta"}


def test_training_brings_the_batches_to_the_model():
    model, seen = LanguageModel(11, CONFIG).to(META), []

    class Enough(Exception):
        pass

    def loss_of(model, batch):
        seen.extend([*devices_of(batch), *devices_of(model.parameters())])
        raise Enough

    with pytest.raises(Enough):
        train(model, [(ids(2, 3, device="cpu"),) * 2], loss_of, Plan(steps=1))
    assert seen == ["meta", "meta"]


def test_generation_stays_on_the_device_of_its_start():
    model = LanguageModel(11, CONFIG).to(META)
    written = generate(
        lambda new, caches: model(new, caches=caches), model.new_caches(), ids(2, 3), 2
    )
    assert devices_of([written]) == {"meta"} and written.shape == (2, 5)
