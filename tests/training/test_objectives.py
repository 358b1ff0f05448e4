"""Raw text into questions and answers: masks, shifts, batches, and a loss in which tokens count."""

import math
import re

import pytest
import torch
from torch.nn import functional

from lessons_lib.model.layers import Config
from lessons_lib.model.transformer import LanguageModel
from lessons_lib.training.objectives import (
    IGNORED,
    MASK_ID,
    encode_text,
    hide_tokens,
    loss_over,
    mask_tokens,
    mean_hidden,
    perplexity,
    prediction_loss,
    shift_tokens,
    word_vocabulary,
)

VOCAB_SIZE = 24


def make_model(is_causal=False):
    torch.manual_seed(0)
    config = Config(d_model=16, num_heads=2, num_layers=1, d_ff=24, positions="rotary")
    return LanguageModel(VOCAB_SIZE, config, is_causal=is_causal).eval()


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_ids(*shape, first=0):
    return torch.randint(first, VOCAB_SIZE, shape, generator=generator(5))


# --- words and batches ---


def test_vocabulary_keeps_words_that_are_frequent_enough():
    vocabulary = word_vocabulary([["b", "a", "b"], ["a", "c", "b"]], min_count=2)
    assert vocabulary.symbols == ["<pad>", "<start>", "<unknown>", "<mask>", "a", "b"]
    assert encode_text(["c", "a", "b"], vocabulary) == [1, 2, 4, 5]


def test_long_text_is_cut():
    vocabulary = word_vocabulary([["a"]], min_count=1)
    assert encode_text(["a"] * 9, vocabulary, max_len=4) == [1, 4, 4, 4]


# --- masked ---


def test_masking_follows_the_rule_of_80_10_10():
    ids = random_ids(300, 200, first=4)
    inputs, labels = mask_tokens(ids, VOCAB_SIZE, generator=generator(1))
    chosen = labels != IGNORED
    assert torch.equal(labels[chosen], ids[chosen])
    assert torch.equal(inputs[~chosen], ids[~chosen])
    assert chosen.float().mean() == pytest.approx(0.15, abs=5 * (0.15 * 0.85 / 60_000) ** 0.5)
    is_mask = inputs[chosen] == MASK_ID
    is_kept = inputs[chosen] == ids[chosen]
    spread = 5 * (0.2 * 0.8 / 9_000) ** 0.5  # nine thousand were chosen
    assert is_mask.float().mean() == pytest.approx(0.8, abs=spread)
    # A random token is the same one by chance, once in twenty.
    assert is_kept.float().mean() == pytest.approx(0.1 + 0.1 / 20, abs=spread)
    assert set(inputs[chosen][~is_mask & ~is_kept].tolist()) == set(range(4, VOCAB_SIZE))


def test_special_tokens_are_never_chosen_and_the_texts_stay_as_they_are():
    ids = random_ids(50, 40)
    before = ids.clone()
    inputs, labels = mask_tokens(ids, VOCAB_SIZE, share=0.9, generator=generator())
    special = ids < 4
    assert (labels[special] == IGNORED).all()
    assert torch.equal(inputs[special], ids[special])
    assert torch.equal(ids, before)


def test_masking_uses_its_generator_only():
    ids, state = random_ids(6, 40), torch.get_rng_state()
    first, again, other = (
        mask_tokens(ids, VOCAB_SIZE, generator=generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first[0], again[0]) and not torch.equal(first[1], other[1])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_share_out_of_range_is_an_error(share):
    with pytest.raises(ValueError, match=f"between 0 and 1, not {re.escape(str(share))}"):
        mask_tokens(random_ids(2, 3), VOCAB_SIZE, share=share)


def test_vocabulary_without_ordinary_tokens_is_an_error():
    with pytest.raises(ValueError, match="vocab_size = 4 leaves no token after 4 special"):
        mask_tokens(random_ids(2, 3), 4)


def test_gaps_hide_every_chosen_token_the_same_way_each_time():
    ids = random_ids(40, 30)
    inputs, labels = hide_tokens(ids, share=0.3, seed=2)
    chosen = labels != IGNORED
    assert 0 < chosen.sum() < chosen.numel()
    assert (inputs[chosen] == MASK_ID).all() and (ids[chosen] >= 4).all()
    assert torch.equal(inputs[~chosen], ids[~chosen])
    assert torch.equal(labels, hide_tokens(ids, share=0.3, seed=2)[1])


# --- causal ---


def test_label_is_the_next_token_unless_that_is_special():
    inputs, labels = shift_tokens(torch.tensor([[1, 7, 2, 5, 0]]))
    assert inputs.tolist() == [[1, 7, 2, 5]]
    assert labels.tolist() == [[7, IGNORED, 5, IGNORED]]


# --- losses ---


def test_loss_is_that_of_all_scores_with_labels_left_out():
    model, ids = make_model(), random_ids(3, 7, first=4)
    batch = mask_tokens(ids, VOCAB_SIZE, share=0.4, generator=generator())
    logits = model(batch[0])
    wanted = functional.cross_entropy(logits.flatten(0, 1), batch[1].flatten())
    assert prediction_loss(model, batch).item() == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("is_causal", [False, True])
def test_padding_changes_no_loss(is_causal):
    model = make_model(is_causal)
    inputs, labels = random_ids(2, 5, first=4), random_ids(2, 5, first=4)
    longer = functional.pad(inputs, (0, 3)), functional.pad(labels, (0, 3), value=IGNORED)
    plain = prediction_loss(model, (inputs, labels)).item()
    assert prediction_loss(model, longer).item() == pytest.approx(plain, rel=1e-5)


def test_perplexity_counts_every_token_the_same():
    model, ids = make_model(), random_ids(4, 6, first=4)
    labels = ids.clone()
    labels[0, 2:] = IGNORED
    labels[3] = IGNORED
    apart = [(ids[row : row + 1], labels[row : row + 1]) for row in range(4)]
    together = loss_over(model, [(ids, labels)])
    assert loss_over(model, apart) == pytest.approx(together, rel=1e-5)  # one has no label
    assert perplexity(model, apart) == pytest.approx(math.exp(together), rel=1e-4)


def test_nothing_to_predict_is_an_error():
    ids = random_ids(2, 3)
    with pytest.raises(ValueError, match="at least one label"):
        loss_over(make_model(), [(ids, torch.full_like(ids, IGNORED))])


# --- features ---


def test_mean_hidden_is_the_mean_over_a_texts_own_tokens():
    model, texts = make_model(), [[1, 5, 9], [1, 7], [1, 8, 11, 12, 20]]
    rows = mean_hidden(model, texts, size=2)
    for row, text in zip(rows, texts, strict=True):
        alone = model.hidden(torch.tensor([text]))[0].mean(dim=0)
        assert torch.allclose(row, alone, atol=1e-5)
