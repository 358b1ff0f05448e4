"""All exercises whose answer is code, for tests that hold for each of them."""

import pytest

from lessons_lib.exercises.engine import registry
from lessons_lib.exercises.engine.declare import CodeExercise

EXERCISES = [
    exercise
    for chapter in registry.chapters()
    for exercise in registry.exercises_of(chapter)
    if isinstance(exercise, CodeExercise)
]
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)
