"""The explorer's data: what is stored is what the published weights give."""

import math

import pytest
import torch
from tools_path import attention_explorer as explorer

from lessons_lib.model.attention import scaled_dot_product_attention
from lessons_lib.model.pretrained import load_encoder, load_tensors, load_tokenizer

ROUNDED = 0.6 * explorer.STEP  # half a step, and what machines differ by
STORED = explorer.read(explorer.SCORES.read_text(encoding="utf-8"))


def stored_scores(text: str) -> torch.Tensor:
    sentence = next(one for one in STORED["sentences"] if one["text"] == text)
    length = len(sentence["tokens"])
    shape = len(STORED["layers"]), STORED["heads"], length, length
    return explorer.unpacked(sentence["scores"], shape)


def weights_of(word: str, layer: int, head: int) -> dict[str, float]:
    """What a word of the first sentence that has it gives to each other word."""
    sentence = next(one for one in STORED["sentences"] if word in one["tokens"])
    row = stored_scores(sentence["text"])[layer, head, sentence["tokens"].index(word)]
    weights = row.softmax(dim=-1).tolist()
    return dict(zip(sentence["tokens"], weights, strict=True))


def test_the_file_says_where_it_comes_from():
    assert STORED["made_by"] == "python tools/attention_explorer.py"
    assert STORED["sha256"] == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert STORED["model"] == "all-MiniLM-L6-v2"
    assert (STORED["layers"], STORED["heads"], STORED["step"]) == ([1, 6], 12, explorer.STEP)


def test_the_sentences_are_those_of_the_tool_and_their_tokens_those_of_the_tokenizer():
    told = [(one["text"], one["tokens"][one["start"]]) for one in STORED["sentences"]]
    assert told == list(explorer.SENTENCES.items()) and len(told) == 5
    for one in STORED["sentences"]:
        assert one["tokens"] == load_tokenizer().encode(one["text"]).tokens


@pytest.mark.parametrize("text", explorer.SENTENCES)
def test_softmax_of_the_stored_scores_is_what_the_encoder_weighs_with(text):
    used = []

    def attention(*tensors, **options):
        output, weights = scaled_dot_product_attention(*tensors, **options)
        used.append(weights[0])
        return output, weights

    ids = torch.tensor([load_tokenizer().encode(text).ids])
    with torch.inference_mode():
        load_encoder(attention=attention)(ids)
    wanted = torch.stack([used[0], used[-1]])
    found = stored_scores(text).softmax(dim=-1)
    torch.testing.assert_close(found, wanted, rtol=2 * ROUNDED, atol=1e-5)


def test_stored_scores_of_the_first_layer_are_those_of_the_published_tensors():
    text = next(iter(explorer.SENTENCES))
    ids = load_tokenizer().encode(text).ids
    tensors = load_tensors()
    embedding = {k.removeprefix("embeddings."): t for k, t in tensors.items() if "embeddings" in k}
    x = embedding["word_embeddings.weight"][ids] + embedding["token_type_embeddings.weight"][0]
    x = x + embedding["position_embeddings.weight"][: len(ids)]
    centred = x - x.mean(dim=-1, keepdim=True)
    x = centred / (centred.square().mean(dim=-1, keepdim=True) + 1e-12).sqrt()
    x = x * embedding["LayerNorm.weight"] + embedding["LayerNorm.bias"]
    own = "encoder.layer.0.attention.self."
    query, key = (
        (x @ tensors[f"{own}{role}.weight"].T + tensors[f"{own}{role}.bias"]).reshape(-1, 12, 32)
        for role in ("query", "key")
    )
    wanted = torch.einsum("qhd,khd->hqk", query, key) / math.sqrt(32)
    torch.testing.assert_close(stored_scores(text)[0], wanted, rtol=0, atol=ROUNDED)


def test_packing_keeps_half_a_step():
    scores = torch.empty(3, 5).uniform_(-30, 30, generator=torch.Generator().manual_seed(1))
    kept = explorer.unpacked(explorer.packed(scores), (3, 5))
    torch.testing.assert_close(kept, scores, rtol=0, atol=ROUNDED)


def test_a_score_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"should be below 32\.768; one is 33\.0"):
        explorer.packed(torch.tensor([1.0, -33.0]))


def test_the_heat_map_is_that_of_the_first_view():
    tokens, weights = explorer.first_view(STORED)
    drawn = explorer.heat_map(tokens, weights)
    assert drawn == explorer.HEAT_MAP.read_text(encoding="utf-8")
    assert drawn.count("<rect") == int((weights >= 0.005).sum())
    assert drawn.count("<text") == 2 * len(tokens)


# What the welcome page says of the heads


def test_heads_of_the_last_layer_disagree_about_it():
    best = [weights_of("it", -1, head) for head in range(12)]
    words = {max(one, key=one.get) for one in best}
    assert {"trophy", "suitcase"} <= words


def test_head_2_of_the_first_layer_looks_one_back():
    for text in explorer.SENTENCES:
        back = stored_scores(text)[0, 2].softmax(dim=-1).diagonal(offset=-1)
        assert back.min() > 0.9, text


def test_a_larger_factor_lets_the_strongest_mostly_take_nearly_all():
    for factor, least, most in ((0, 0.05, 0.1), (1, 0.3, 0.5), (4, 0.9, 1)):
        rows = [
            (factor * stored_scores(text)).softmax(dim=-1).amax(dim=-1).flatten()
            for text in explorer.SENTENCES
        ]
        assert least < torch.cat(rows).median() < most


def test_what_is_seen_first_is_it_looking_at_the_trophy():
    found = weights_of("it", -1, explorer.FIRST_HEAD)
    assert sorted(found, key=found.get)[-2:] == ["suitcase", "trophy"]
