"""Prompt tuning: at first it is the same as writing the words before the text."""

import pytest
import torch
from small_model import close, moved_by_training, new_model, small_llama

from lessons_lib.transfer.prompt import add_prompt

WORDS = [5, 9, 2, 6]


def test_at_first_it_is_the_words_before_the_text():
    encoder = new_model("inserted").encoder.eval()
    with torch.no_grad():
        encoder.places.weight.zero_()  # else the text stands four places further on
    texts = torch.tensor([[3, 1, 4], [2, 7, 1]])
    wanted = encoder(torch.cat([torch.tensor([WORDS, WORDS]), texts], dim=1))[:, 4:]
    add_prompt(encoder, WORDS)
    assert close(encoder(texts), wanted)


def test_padding_is_still_hidden():
    encoder = new_model("inserted").encoder.eval()
    add_prompt(encoder, WORDS)
    short, padded = torch.tensor([[3, 1, 4]]), torch.tensor([[3, 1, 4, 8, 8]])
    mask = torch.tensor([[[True, True, True, False, False]]])
    assert close(encoder(padded, mask)[:, :3], encoder(short))


def test_only_its_own_parameters_are_trained():
    model = new_model("inserted")
    add_prompt(model.encoder, WORDS)
    assert moved_by_training(model) == {"encoder.layers.0.prompt", "head.weight", "head.bias"}


def test_errors_say_what_came():
    with pytest.raises(ValueError, match="1 token at least"):
        add_prompt(new_model("inserted").encoder, [])
    with pytest.raises(ValueError, match="expected a BertEncoder, not a Llama"):
        add_prompt(small_llama(), WORDS)
