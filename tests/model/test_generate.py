"""Writing tokens: greedy against a loop, sampling by its shares, beam search by enumeration."""

import math
from itertools import product

import pytest
import torch

from lessons_lib.model.generate import beam_search, choose, generate
from lessons_lib.model.layers import Config
from lessons_lib.model.transformer import LanguageModel, Seq2Seq

SHARES = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05])


def tiny_model(vocab_size=5, seed=0, spread=3.0):
    """A language model whose next token depends on the whole past, and is far from certain."""
    torch.manual_seed(seed)
    config = Config(d_model=8, num_heads=2, num_layers=1, d_ff=16, positions="rotary")
    model = LanguageModel(vocab_size, config).double().eval()
    with torch.no_grad():
        model.embedding.weight.mul_(spread)
    return model


def step_of(model):
    return lambda ids, caches: model(ids, caches=caches)


def frequencies(num_draws=20_000, seed=0, **choice):
    logits = SHARES.log().expand(num_draws, -1)
    drawn = choose(logits, generator=torch.Generator().manual_seed(seed), **choice)
    return torch.bincount(drawn, minlength=5) / num_draws


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({}, SHARES),
        ({"temperature": 0.5}, SHARES**2 / (SHARES**2).sum()),
        ({"temperature": 2.0}, SHARES.sqrt() / SHARES.sqrt().sum()),
        ({"top_k": 2}, torch.tensor([4 / 7, 3 / 7, 0, 0, 0])),
        ({"top_k": 99}, SHARES),
        ({"top_p": 1.0}, SHARES),
        (
            {"top_p": 0.75},
            torch.tensor([0.4, 0.3, 0.15, 0, 0]) / 0.85,
        ),  # the one that crosses stays
        ({"top_p": 0.01}, torch.tensor([1.0, 0, 0, 0, 0])),
        ({"top_k": 3, "top_p": 0.5}, torch.tensor([4 / 7, 3 / 7, 0, 0, 0])),  # 0.47 of 0.85 before
        ({"temperature": 0.0}, torch.tensor([1.0, 0, 0, 0, 0])),
    ],
    ids=str,
)
def test_tokens_are_drawn_as_often_as_their_share_says(choice, wanted):
    seen = frequencies(**choice)
    sampling_error = (wanted * (1 - wanted) / 20_000).sqrt()
    assert ((seen - wanted).abs() <= 4.5 * sampling_error).all()
    assert (seen[wanted == 0] == 0).all()


def test_order_of_the_vocabulary_and_of_the_batch_does_not_matter():
    order = torch.tensor([3, 0, 4, 2, 1])
    logits = torch.stack([SHARES.log(), SHARES[order].log()]).repeat_interleave(5_000, dim=0)
    drawn = choose(logits, top_p=0.6, generator=torch.Generator().manual_seed(0))
    assert set(drawn[:5_000].tolist()) == {0, 1}
    assert {int(order[token]) for token in drawn[5_000:]} == {0, 1}


def test_equal_logits_do_not_let_more_than_k_through():
    drawn = choose(torch.zeros(500, 7), top_k=2, generator=torch.Generator().manual_seed(0))
    assert len(set(drawn.tolist())) == 2


def test_same_seed_same_tokens_and_logits_are_left_alone():
    logits = torch.randn(50, 9, generator=torch.Generator().manual_seed(1))
    before = logits.clone()
    one, same = (
        choose(logits, 1.5, top_k=4, generator=torch.Generator().manual_seed(2)) for _ in range(2)
    )
    other = choose(logits, 1.5, top_k=4, generator=torch.Generator().manual_seed(3))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(logits, before)


@pytest.mark.parametrize(
    "choice", [{"temperature": -0.1}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}], ids=str
)
def test_settings_out_of_range_are_refused(choice):
    with pytest.raises(ValueError) as raised:
        choose(torch.zeros(1, 3), **choice)
    told = {"temperature": 1.0, "top_k": None, "top_p": None} | choice
    assert str(raised.value) == (
        "temperature should be at least 0, top_k at least 1, top_p above 0 and at most 1; "
        f"got {told['temperature']}, {told['top_k']}, {told['top_p']}"
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("choice", [{"temperature": 0.0}, {}, {"top_k": 1}, {"top_p": 0.5}])
def test_logits_that_are_no_numbers_are_refused(bad, choice):
    logits = torch.tensor([[0.0, 1.0], [1.0, bad]])
    with pytest.raises(ValueError, match="logits of sequence 1 have no best one"):
        choose(logits, **choice)
    with pytest.raises(ValueError, match="no best one: the largest is -inf"):
        choose(torch.full((1, 3), -math.inf), **choice)


def test_writing_stops_at_logits_that_are_no_numbers():
    def step(ids, caches):
        return torch.full((len(ids), 1, 4), math.nan)

    for write in (generate, lambda *args: beam_search(*args, end_id=0)):
        with pytest.raises(ValueError, match="no best one: the largest is nan"):
            write(step, [], torch.tensor([[1]]), 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("temperature", [1e-3, 1e-40])
def test_a_low_temperature_takes_the_best_in_any_precision(dtype, temperature):
    logits = torch.tensor([[100.0, 80.0, -math.inf]] * 50, dtype=dtype)
    assert choose(logits, temperature).tolist() == [0] * 50


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
def test_two_shares_that_make_up_top_p_are_enough(dtype):
    logits = torch.tensor([0.3, 0.1, 0.1, 0.5]).log().to(dtype).expand(2_000, -1)
    drawn = choose(logits, top_p=0.8, generator=torch.Generator().manual_seed(0))
    assert set(drawn.tolist()) == {0, 3}


@pytest.mark.parametrize("choice", [{"temperature": math.inf}, {"top_k": 1.5}], ids=str)
def test_settings_that_are_no_such_numbers_are_refused(choice):
    with pytest.raises(ValueError, match="temperature should be at least 0, top_k at least 1"):
        choose(torch.zeros(1, 3), **choice)


def test_a_start_without_a_batch_is_refused():
    for write in (generate, lambda *args: beam_search(*args, end_id=0)):
        with pytest.raises(ValueError, match=r"start should be \(B, L\), L at least 1, not \(1,\)"):
            write(None, [], torch.tensor([1]), 3)


@pytest.mark.parametrize("start", [[[3]], [[1, 2, 0], [4, 4, 1]]])
def test_greedy_equals_a_loop_without_cache(start):
    model, written = tiny_model(), torch.tensor(start)
    wanted = written
    for _ in range(7):
        best = [int(row[-1].argmax()) for row in model(wanted)]
        wanted = torch.cat([wanted, torch.tensor(best)[:, None]], dim=1)
    assert torch.equal(generate(step_of(model), model.new_caches(), written, 7), wanted)
    assert torch.equal(
        generate(step_of(model), model.new_caches(), written, 7, temperature=0.0), wanted
    )


def test_settings_of_choose_are_used():
    model, start = tiny_model(spread=1.0), torch.tensor([[1]] * 40)
    how = {"top_k": 3, "generator": torch.Generator().manual_seed(0)}
    written = generate(step_of(model), model.new_caches(), start, 6, **how)
    assert len({tuple(row) for row in written.tolist()}) > 10
    cold = generate(step_of(model), model.new_caches(), start, 6)
    assert len({tuple(row) for row in cold.tolist()}) == 1


def scripted(rows, vocab_size=6):
    """A step that makes each sequence write its row, whatever it has seen."""
    turn = iter(range(len(rows[0])))

    def step(ids, caches):
        tokens = torch.tensor(rows)[:, next(turn)]
        return torch.nn.functional.one_hot(tokens, vocab_size)[:, None].float()

    return step


def test_end_stops_a_sequence_and_fills_it_up():
    rows = [[3, 5, 1, 2, 4], [3, 3, 2, 5, 4], [5, 1, 1, 1, 1]]
    written = generate(scripted(rows), [], torch.tensor([[0]] * 3), 5, end_id=5)
    assert written.tolist() == [[0, 3, 5, 5, 5], [0, 3, 3, 2, 5], [0, 5, 5, 5, 5]]  # all at an end
    without = generate(scripted(rows), [], torch.tensor([[0]] * 3), 5)
    assert without[:, 1:].tolist() == rows


def test_nothing_new_is_the_start_and_no_graph_is_kept():
    model, start = tiny_model(), torch.tensor([[1, 2]])
    assert torch.equal(generate(step_of(model), model.new_caches(), start, 0), start)
    caches = model.new_caches()
    generate(step_of(model), caches, start, 2)
    assert not caches[0].key.requires_grad


def test_seq2seq_writes_from_its_memory():
    torch.manual_seed(0)
    config = Config(d_model=8, num_heads=2, num_layers=1, d_ff=16)
    model = Seq2Seq(7, 5, config).double().eval()
    source = torch.tensor([[1, 2, 3], [4, 5, 6]])
    memory, target = model.encode(source), torch.tensor([[0], [0]])
    written = generate(
        lambda ids, caches: model.decode(ids, memory, caches=caches), model.new_caches(), target, 4
    )
    for _ in range(4):
        best = model(source, target)[:, -1].argmax(dim=-1)
        target = torch.cat([target, best[:, None]], dim=1)
    assert torch.equal(written, target)


# --- beam search ---


def log_p(model, start, tokens):
    """The log-probability of the tokens after the start, without cache or beams."""
    ids = torch.tensor([[*start, *tokens]])
    with torch.no_grad():
        table = model(ids).log_softmax(dim=-1)[0]
    return sum(table[len(start) - 1 + i, token].item() for i, token in enumerate(tokens))


def best_of_all(model, start, end_id, max_new, length_penalty, vocab_size):
    """Every sequence that ends, or has `max_new` tokens, scored one by one."""
    others = [token for token in range(vocab_size) if token != end_id]
    bodies = [body for length in range(max_new) for body in product(others, repeat=length)]
    finished = [(*body, end_id) for body in bodies] + list(product(others, repeat=max_new))
    scores = {s: log_p(model, start, s) / len(s) ** length_penalty for s in finished}
    return list(max(scores, key=scores.get))


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("vocab_size", "max_new"), [(4, 3), (3, 4), (5, 2)])
def test_beam_search_that_drops_nothing_finds_the_best_of_all(
    vocab_size, max_new, seed, length_penalty
):
    model, start, end_id = tiny_model(vocab_size, seed), [1, 0], 2
    wanted = best_of_all(model, start, end_id, max_new, length_penalty, vocab_size)
    written = beam_search(
        step_of(model),
        model.new_caches(),
        torch.tensor([start]),
        max_new,
        end_id,
        num_beams=vocab_size**max_new,
        length_penalty=length_penalty,
    )
    assert written.tolist() == [[*start, *wanted]]


@pytest.mark.parametrize("seed", range(8))
def test_as_many_beams_as_tokens_find_the_best_of_all_two_token_sequences(seed):
    model, start = tiny_model(6, seed), [3]
    wanted = best_of_all(model, start, 2, 2, 1.0, 6)
    written = beam_search(
        step_of(model), model.new_caches(), torch.tensor([start]), 2, 2, num_beams=6
    )
    assert written.tolist() == [[*start, *wanted]]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("start", [[3], [1, 4, 0]])
def test_one_beam_is_greedy(seed, start):
    model, start = tiny_model(seed=seed, spread=1.0), torch.tensor([start])
    beam = beam_search(step_of(model), model.new_caches(), start, 6, end_id=2, num_beams=1)
    greedy = generate(step_of(model), model.new_caches(), start, 6, end_id=2)
    assert torch.equal(beam, greedy)


def search_by_table(after, num_beams):
    """Two new tokens after a 3, by a table: what was written to the shares of what may follow."""
    seen = torch.empty(1, 0, dtype=torch.long)

    class Past:  # what a cache does, with the tokens themselves
        def reorder(self, rows):
            nonlocal seen
            seen = seen[rows]

    def step(ids, caches):
        nonlocal seen
        seen = torch.cat([seen, ids], dim=1)
        shares = [after[tuple(row)] for row in seen.tolist()]
        return torch.tensor(shares).log()[:, None]

    return beam_search(step, [Past()], torch.tensor([[3]]), 2, 0, num_beams).tolist()


def test_more_beams_find_what_greedy_misses():
    """The classical trap: 0.6 then at best 0.4, against 0.4 then 0.9; token 0 ends."""
    after = {
        (3,): [0.0, 0.6, 0.4, 0.0],
        (3, 1): [0.4, 0.3, 0.3, 0.0],
        (3, 2): [0.9, 0.1, 0.0, 0.0],
    }
    assert search_by_table(after, num_beams=1) == [[3, 1, 0]]
    assert search_by_table(after, num_beams=2) == [[3, 2, 0]]


def test_search_goes_on_while_a_longer_sequence_could_win():
    """0.45 at once is beaten by 0.40 x 0.97, the two of which have a higher mean."""
    after = {(3,): [0.45, 0.40, 0.15, 0.0], (3, 1): [0.97, 0.01, 0.01, 0.01]}
    assert search_by_table(after, num_beams=2) == [[3, 1, 0]]


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"start": torch.tensor([[1], [2]])}, "2, 4, 3, 1.0"),
        ({"num_beams": 0}, "1, 0, 3, 1.0"),
        ({"max_new_tokens": 0}, "1, 4, 0, 1.0"),
        ({"length_penalty": -1.0}, "1, 4, 3, -1.0"),
    ],
    ids=str,
)
def test_beam_search_refuses_what_it_cannot_do(changed, got):
    model = tiny_model()
    right = {"start": torch.tensor([[1]]), "max_new_tokens": 3, "end_id": 2}
    with pytest.raises(ValueError) as raised:
        beam_search(step_of(model), model.new_caches(), **(right | changed))
    assert str(raised.value) == (
        "start should be one sequence, num_beams and max_new_tokens at least 1, "
        f"length_penalty at least 0; got {got}"
    )


def test_log_probabilities_of_all_ends_and_continuations_sum_to_one():
    """The oracle itself: all sequences of two tokens share a probability of 1."""
    model = tiny_model(4)
    total = sum(math.exp(log_p(model, [1], body)) for body in product(range(4), repeat=2))
    assert total == pytest.approx(1.0)
