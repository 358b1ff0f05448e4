"""The published language model: the same ids and logits as the reference libraries give."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from lessons_lib.data.reviews import DOMAINS, load_domain
from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.generate import generate
from lessons_lib.model.reference_llama import reference_of
from lessons_lib.model.smollm import (
    load_language_model,
    load_language_tokenizer,
    open_language_model,
)
from lessons_lib.model.transformer import count_parameters


@pytest.fixture(scope="module")
def model():
    return load_language_model()


@pytest.fixture(scope="module")
def tokenizer():
    return load_language_tokenizer()


def real_texts(tokenizer, lengths):
    """Texts of the four domains, one after another, cut to these numbers of tokens."""
    texts = [domain_text.text for name in DOMAINS for domain_text in load_domain(name)[:150]]
    ids = tokenizer.encode("\n".join(texts))
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    assert starts[-1] <= len(ids)
    return [ids[start : start + n] for start, n in zip(starts, lengths, strict=False)]


def test_every_text_of_the_domains_is_cut_as_the_library_cuts_it(tokenizer):
    file = open_language_model()
    pieces = file.list_of("tokenizer.ggml.tokens")
    merges = [tuple(pair.split(" ")) for pair in file.list_of("tokenizer.ggml.merges")]
    library = Tokenizer(
        models.BPE({p: n for n, p in enumerate(pieces)}, merges, unk_token=pieces[0])
    )
    digits = pre_tokenizers.Digits(individual_digits=True)
    cuts = [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    library.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    library.add_special_tokens(tokenizer.special)
    texts = [snippet.text for name in DOMAINS for snippet in load_domain(name)]
    theirs = [encoding.ids for encoding in library.encode_batch(texts)]
    assert len(texts) > 23_000
    assert [tokenizer.encode(text) for text in texts] == theirs
    assert [tokenizer.decode(ids) for ids in theirs[:2_000]] == texts[:2_000]


def test_logits_of_200_real_texts_are_the_reference_librarys(model, tokenizer):
    lengths = [1, 2, 3, 512, *(4 + place % 45 for place in range(196))]
    reference = reference_of(model)
    worst = 0.0
    with torch.inference_mode():
        for ids in real_texts(tokenizer, lengths):
            row = torch.tensor([ids])
            ours, theirs = model.hidden(row), reference.model(row).last_hidden_state
            some = [0, len(ids) // 2, -1]  # of the 49,152 scores at each token, at three tokens
            gap = (model.logits(ours[:, some]) - reference.lm_head(theirs[:, some])).abs().max()
            worst = max(worst, gap.item(), (ours - theirs).abs().max().item())
    assert worst < 1e-3  # of numbers up to some 40; rounding alone


def test_sizes_are_the_published_ones(model):
    assert count_parameters(model) == 134_515_008
    assert not model.training


def test_cache_writes_the_same_tokens(model, tokenizer):
    start = torch.tensor([tokenizer.encode("The capital of France is")])
    with torch.inference_mode():
        quick = generate(
            lambda ids, caches: model(ids, caches=caches), model.new_caches(), start, 8
        )
        seen = [start]

        def anew(ids, caches):
            seen.append(ids)
            return model(torch.cat(seen[1:], dim=1))

        assert torch.equal(generate(anew, [], start, 8), quick)
    assert tokenizer.decode(quick[0].tolist()).startswith("The capital of France is Paris")


def test_attention_of_the_readers_own_gives_the_same(model, tokenizer):
    ids = torch.tensor([tokenizer.encode("It rained for twelve days.")])
    own = load_language_model(attention=scaled_dot_product_attention)
    with torch.inference_mode():
        torch.testing.assert_close(own(ids), model(ids), atol=1e-3, rtol=1e-4)
