"""A language model that is asked: against one text at a time, written out."""

import pytest
import torch

from lessons_lib.model.llama import Llama, LlamaConfig
from lessons_lib.transfer.few_labels.prompting import BLANK, asked, blank_answer

WORDING, WORDS = "{} is", ("good", "bad")


class Letters:
    """A tokenizer: a number for each letter, none for spaces."""

    def encode(self, text):
        return [ord(letter) % 31 for letter in text.replace(" ", "")]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(31, d_model=16, num_heads=2, num_key_value_heads=1, num_layers=2, d_ff=24)
    return Llama(config).eval()


@torch.no_grad()
def one_by_one(texts, model, examples):
    first, second = (Letters().encode(f" {word}")[0] for word in WORDS)
    found = []
    for text in texts:
        ids = Letters().encode(examples + WORDING.format(text))
        scores = model(torch.tensor([ids]))[0, -1].log_softmax(dim=-1)
        found.append((scores[first] - scores[second]).item())
    return found


@pytest.mark.parametrize("examples", ["", "fine is good\n\n"])
def test_padding_batches_and_kept_examples_change_nothing(model, examples):
    texts = ["a film", "no", "the longest of all of these texts"]
    found = asked(texts, model, Letters(), examples, WORDING, WORDS, batch_size=2)
    assert found.tolist() == pytest.approx(one_by_one(texts, model, examples), abs=1e-5)
    swapped = asked(texts, model, Letters(), examples, WORDING, WORDS[::-1])
    assert torch.allclose(swapped, -found, atol=1e-5)
    assert len(asked([], model, Letters(), examples, WORDING, WORDS)) == 0


def test_the_blank_answer_is_the_mean_over_texts_that_say_nothing(model):
    wanted = one_by_one(BLANK, model, "fine is good\n\n")
    found = blank_answer(model, Letters(), "fine is good\n\n", WORDING, WORDS)
    assert found == pytest.approx(sum(wanted) / 3, abs=1e-5)
