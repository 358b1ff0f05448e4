"""Faults around each reference: which exercises see them, and which do not yet.

What the checks of an exercise do not see is listed, and the list may only become shorter: a fault
that is caught from now on has to be struck out, and one that passes and is not listed is an error.
"""

import functools
import random
import warnings

import pytest
from faults import FAULTS, HARMLESS, Fault
from random_inputs import GENERATORS

from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.declare import CodeExercise
from lessons_lib.exercises.engine.judging import judge

EXERCISES = [
    exercise
    for chapter in registry.chapters()
    for exercise in registry.exercises_of(chapter)
    if isinstance(exercise, CodeExercise)
]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)

# By fault: the exercises that do not see it yet. To be made shorter, never longer.
SURVIVORS = {
    "rounds_to_half_precision": """
        start_here.step_down positional_encoding.alibi
    """,
    "halves_the_gradient": """
        multi_head_attention.merge
    """,
    "turns_the_gradient_around": """
        multi_head_attention.merge
    """,
    "refuses_what_is_not_contiguous": """
        start_here.step_down sequences_before_attention.recurrent
        sequences_before_attention.convolution sequences_before_attention.carried_state
        self_attention.soft_lookup self_attention.late_mask multi_head_attention.split
        multi_head_attention.merge multi_head_attention.multi_head
        positional_encoding.rotary transformer.layer_norm transformer.residual
        pretraining.masked_loss real_weights.pooling real_weights.kernels
        domains_and_transfer.human fine_tuning.kept fine_tuning.rating_loss
    """,
    "refuses_many_elements": """
        start_here.step_down sequences_before_attention.recurrent
        sequences_before_attention.carried_state self_attention.soft_lookup
        self_attention.padding positional_encoding.alibi positional_encoding.left_padding
        transformer.wordpiece transformer.residual transformer.shift
        pretraining.perplexity pretraining.shift real_weights.tokenize
        real_weights.kernels domains_and_transfer.grouped_split domains_and_transfer.human
        fine_tuning.trained_names fine_tuning.rates fine_tuning.rating_loss
    """,
    "not_a_number_on_long_axes": """
        start_here.step_down sequences_before_attention.recurrent
        sequences_before_attention.convolution sequences_before_attention.carried_state
        self_attention.soft_lookup self_attention.attention self_attention.late_mask
        multi_head_attention.split multi_head_attention.merge
        multi_head_attention.multi_head positional_encoding.rotary
        positional_encoding.alibi transformer.layer_norm transformer.residual
        real_weights.pooling real_weights.kernels domains_and_transfer.human
        domains_and_transfer.paired fine_tuning.kept fine_tuning.rates
    """,
    "ends_after_sixteen": """
        start_here.step_down sequences_before_attention.recurrent
        sequences_before_attention.convolution sequences_before_attention.carried_state
        self_attention.soft_lookup self_attention.attention self_attention.causal
        self_attention.padding self_attention.late_mask multi_head_attention.split
        multi_head_attention.merge multi_head_attention.multi_head
        positional_encoding.rotary positional_encoding.alibi
        positional_encoding.left_padding transformer.wordpiece transformer.layer_norm
        transformer.residual transformer.shift pretraining.shift real_weights.pooling
        real_weights.kernels domains_and_transfer.human fine_tuning.kept fine_tuning.rates
    """,
    "squeezes": """
        start_here.step_down self_attention.soft_lookup pretraining.mask_rule
        real_weights.kernels domains_and_transfer.grouped_split domains_and_transfer.human
        domains_and_transfer.paired fine_tuning.kept fine_tuning.rates
    """,
    "bounded_by_fifty": """
        start_here.step_down sequences_before_attention.convolution
        self_attention.attention self_attention.late_mask multi_head_attention.split
        multi_head_attention.merge multi_head_attention.multi_head
        positional_encoding.rotary positional_encoding.alibi transformer.layer_norm
        transformer.residual pretraining.perplexity pretraining.masked_loss
        fine_tuning.rating_loss
    """,
    "not_a_number_for_large_inputs": """
        start_here.step_down sequences_before_attention.recurrent
        sequences_before_attention.convolution sequences_before_attention.carried_state
        multi_head_attention.split multi_head_attention.merge
        multi_head_attention.multi_head positional_encoding.rotary transformer.layer_norm
        transformer.residual pretraining.perplexity pretraining.masked_loss
        real_weights.kernels domains_and_transfer.human domains_and_transfer.paired
        fine_tuning.kept fine_tuning.rating_loss
    """,
}


@each_exercise
def test_faults_that_pass_are_exactly_those_listed(exercise):
    seen = samples(exercise)
    passing = {name for name, fault in FAULTS.items() if passes(exercise, fault, seen)}
    listed = {name for name, exercises in SURVIVORS.items() if exercise.name in exercises.split()}
    assert passing == listed


@each_exercise
@pytest.mark.parametrize("harmless", HARMLESS)
def test_what_does_no_harm_passes(exercise, harmless):
    if HARMLESS[harmless].applies(*samples(exercise)):
        found = judged(exercise, HARMLESS[harmless])
        assert found.passed is True, found.message


@functools.cache
def samples(exercise: CodeExercise) -> tuple[list, list]:
    """All inputs of a few calls, and all that the reference returns."""
    inputs, outputs = [], []
    for number in range(20):
        args = GENERATORS[exercise.name](random.Random(number))
        returned = exercise.reference_function(*args)
        inputs += args
        outputs += returned if isinstance(returned, tuple) else (returned,)
    return inputs, outputs


def passes(exercise: CodeExercise, fault: Fault, seen: tuple[list, list]) -> bool:
    return fault.applies(*seen) and judged(exercise, fault).passed is not False


def judged(exercise: CodeExercise, fault: Fault):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return judge(exercise, fault.around(exercise.reference_function))


def test_lists_name_faults_and_exercises_that_exist():
    assert SURVIVORS.keys() <= FAULTS.keys()
    listed = [name for exercises in SURVIVORS.values() for name in exercises.split()]
    assert set(listed) <= {exercise.name for exercise in EXERCISES}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_seen_somewhere(name):
    """One that no exercise sees would say nothing of any."""
    for exercise in EXERCISES:
        seen = samples(exercise)
        if FAULTS[name].applies(*seen) and not passes(exercise, FAULTS[name], seen):
            return
    raise AssertionError(f"{name} passes everywhere")
