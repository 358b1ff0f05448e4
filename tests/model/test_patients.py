"""Patients: each is ill, and otherwise the published encoder."""

import pytest
import torch

from lessons_lib.model.patients import first_patient, second_patient
from lessons_lib.model.pretrained import load_encoder


@pytest.mark.parametrize(("make", "healthy_layers"), [(first_patient, 4), (second_patient, 0)])
def test_a_patient_is_well_up_to_its_fault_and_not_beyond(make, healthy_layers):
    ids = torch.tensor([[101, 7592, 2088, 102]])
    with torch.inference_mode():
        ill, well = make().hidden_states(ids), load_encoder().hidden_states(ids)
    same = [torch.allclose(a, b, atol=1e-5) for a, b in zip(ill, well, strict=True)]
    assert same == [True] * (healthy_layers + 1) + [False] * (6 - healthy_layers)


def test_one_token_alone_does_not_show_the_second_fault():
    with torch.inference_mode():
        ill, well = (model(torch.tensor([[7592]])) for model in (second_patient(), load_encoder()))
    torch.testing.assert_close(ill, well)
