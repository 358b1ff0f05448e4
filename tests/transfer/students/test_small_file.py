"""A byte a weight: how far rounding goes, and that a file brings all that reading needs."""

import pytest
import torch

from lessons_lib.model.encode import tokenize
from lessons_lib.model.pretrained import load_encoder, load_tokenizer
from lessons_lib.transfer.fine_tuning import predict
from lessons_lib.transfer.students.histogram_model import HistogramModel
from lessons_lib.transfer.students.shrink import shrunk
from lessons_lib.transfer.students.small_file import (
    from_int8,
    load_student,
    student_bytes,
    to_int8,
)
from lessons_lib.transfer.students.trimmed_vocabulary import (
    pieces_to_keep,
    trimmed,
    trimmed_tokenizer,
)

TEXTS = ["A good film, a really good one.", "Dull.", "Not that bad, after all."]


@pytest.fixture(scope="module")
def small():
    """Two layers of the published encoder, 400 pieces, a head; and the tokenizer."""
    pieces = pieces_to_keep(TEXTS, load_tokenizer(), 400)
    encoder = trimmed(shrunk(load_encoder(), [2, 5]), load_tokenizer(), pieces, 32)
    torch.manual_seed(0)
    return HistogramModel(encoder).eval(), trimmed_tokenizer(load_tokenizer(), pieces)


def test_rounding_goes_half_a_step_of_its_own_row():
    matrix = torch.randn(5, 70, generator=torch.Generator().manual_seed(0))
    matrix *= torch.tensor([1e-3, 1.0, 0.1, 7.0, 0.0])[:, None]
    numbers, scale = to_int8(matrix)
    assert numbers.dtype == torch.int8 and scale.dtype == torch.float16
    error = (from_int8(numbers, scale) - matrix).abs().amax(dim=1)
    step = matrix.abs().amax(dim=1) / 127
    assert (error <= 0.57 * step).all()  # the step, too, is rounded, to 11 binary digits


def test_a_row_of_small_numbers_is_not_lost_beside_a_large_one():
    matrix = torch.tensor([[100.0, -50.0], [0.01, -0.005]])
    back = from_int8(*to_int8(matrix))
    assert torch.allclose(back, matrix, rtol=0.01)


def test_what_is_no_finite_matrix_is_refused():
    for wrong in (torch.zeros(3), torch.tensor([[1.0, float("nan")]])):
        with pytest.raises(ValueError, match="expected a finite matrix"):
            to_int8(wrong)


def test_a_file_brings_weights_pieces_and_settings_and_is_the_same_each_time(small):
    model, tokenizer = small
    content = student_bytes(model, tokenizer)
    assert content == student_bytes(model, tokenizer)
    loaded, own = load_student(content)
    assert own.to_str() == tokenizer.to_str()
    inputs = tokenize(TEXTS, tokenizer)
    assert predict(loaded, inputs) == pytest.approx(predict(model, inputs), abs=0.05)
    assert student_bytes(loaded, own) != b"" and loaded.encoder.config.num_layers == 2


def test_a_file_takes_little_more_than_a_byte_for_each_weight(small):
    model, tokenizer = small
    weights = sum(parameter.numel() for parameter in model.parameters())
    assert weights < len(student_bytes(model, tokenizer)) < 1.06 * weights


def test_other_files_are_refused():
    from safetensors.torch import save

    with pytest.raises(ValueError, match="the student's file is damaged"):
        load_student(b"nothing")
    with pytest.raises(ValueError, match=r"expected a student's file, got tensors \['x'\]"):
        load_student(save({"x": torch.zeros(1)}))
