"""The reader of dates: its answers, its loss, and that it can learn."""

import math

import pytest
import torch

from lessons_lib.data.batches import rectangle
from lessons_lib.data.dates import DateExample, score
from lessons_lib.data.many_dates import read_dates, signs
from lessons_lib.data.tokens import Vocabulary
from lessons_lib.model.date_reader import (
    ANSWERS,
    QUESTIONS,
    DateReader,
    answers_of,
    question_ids,
    read,
    reading_loss,
)
from lessons_lib.model.layers import Config

TINY = Config(d_model=16, num_heads=2, num_layers=1, d_ff=32)


def test_loss_of_even_scores_is_the_logarithm_of_all_answers():
    examples = read_dates("de", 7)
    scores = [torch.zeros(7, size) for size in ANSWERS.values()]
    wanted = sum(math.log(size) for size in ANSWERS.values())
    assert reading_loss(scores, answers_of(examples)).item() == pytest.approx(wanted)


def test_right_scores_are_read_as_the_same_dates():
    examples = read_dates("fi", 40)

    class Knows(torch.nn.Module):
        def forward(self, ids, mask):
            sizes = ANSWERS.values()
            return [torch.eye(n)[a] for n, a in zip(sizes, answers_of(examples).T, strict=True)]

    rows = [[0]] * 40
    assert read(Knows(), rows, batch_size=40) == [one.iso for one in examples]


def test_padding_changes_nothing():
    vocabulary = Vocabulary(signs(), special=QUESTIONS)
    torch.manual_seed(0)
    model = DateReader(len(vocabulary), TINY).eval()
    rows = question_ids(read_dates("hu", 2), vocabulary)
    rows.append(rows[0] + rows[1][5:])
    x, mask = rectangle(rows)
    alone = model(*rectangle(rows[:1]))
    for one, together in zip(alone, model(x, mask), strict=True):
        assert torch.allclose(one[0], together[0], atol=1e-5)


def test_reader_learns_the_years_of_a_few_dates():
    examples = [
        DateExample("en", "yMMMd", f"Mar 3, {year}", f"{year}-03-03") for year in range(1950, 1990)
    ]
    vocabulary = Vocabulary(signs(("en",)), special=QUESTIONS)
    torch.manual_seed(0)
    model = DateReader(len(vocabulary), Config(d_model=32, num_heads=4, num_layers=2, d_ff=64))
    batch = rectangle(question_ids(examples, vocabulary))
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(250):
        loss = reading_loss(model(*batch), answers_of(examples))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = score(read(model, question_ids(examples, vocabulary)), examples)
    assert found["day"] == found["month"] == 1.0 and found["year"] > 0.9
