"""Finding an exercise by its name, "chapter.exercise"."""

import difflib
import importlib
import sys
from types import ModuleType

from .declare import Exercise
from .record import RENAMED
from .state import fixed_state

# The chapters that have exercises, in the course's order, with their titles.
TITLES = {
    "start_here": "Start here",
    "sequences_before_attention": "Sequences before attention",
    "self_attention": "Self-attention",
    "multi_head_attention": "Multi-head attention",
    "positional_encoding": "Positional encoding",
    "tokens": "Tokens",
    "transformer": "The whole Transformer",
    "training_and_generation": "Training and generation",
    "pretraining": "Pre-training",
    "real_weights": "Real weights, your own code",
    "real_language_model": "A real language model",
    "domains_and_transfer": "Domains and transfer",
    "fine_tuning": "Fine-tuning",
    "parameter_efficient": "Few parameters",
    "domain_adaptation": "Domain adaptation",
    "forgetting": "Forgetting",
    "low_resource": "Few labels",
    "distillation": "Distillation",
    "across_languages": "Across languages",
    "across_modalities": "Across kinds of data",
}
_HOME = __package__.rpartition(".")[0]  # lessons_lib.exercises


class UnknownExercise(LookupError):
    """No exercise has that name; the message names the nearest ones."""


def chapters() -> list[str]:
    """The chapters that have exercises, in the course's order."""
    return list(TITLES)


def exercises_of(chapter: str) -> list[Exercise]:
    """A chapter's exercises, in the order in which they are declared.

    Raises:
        UnknownExercise: no chapter has that name.
    """
    if chapter not in chapters():
        raise UnknownExercise(_no_chapter(chapter))
    module = _module_of(chapter)
    found = []
    for variable, value in vars(module).items():
        if isinstance(value, Exercise):
            value.name = f"{chapter}.{variable}"
            found.append(value)
    return found


def _module_of(chapter: str) -> ModuleType:
    """A chapter's module; what it makes as it is imported is made in the state of a check."""
    name = f"{_HOME}.{chapter}"
    if name in sys.modules:
        return sys.modules[name]
    with fixed_state():
        return importlib.import_module(name)


def find(name: str) -> Exercise:
    """The exercise called `name`, now or in an older notebook.

    Raises:
        UnknownExercise: there is none; the message names near ones, and the chapter that has it.
    """
    if not isinstance(name, str):
        raise UnknownExercise(
            f'The first argument is the exercise\'s name in quotes, such as "{_all_names()[0]}"; '
            f"it was a {type(name).__name__}."
        )
    name = RENAMED.get(name, name)
    chapter, _, short = name.partition(".")
    if chapter in chapters():
        for exercise in exercises_of(chapter):
            if exercise.name == name:
                return exercise
    raise UnknownExercise(_no_exercise(name, short or chapter))


def _all_names() -> list[str]:
    return [exercise.name for chapter in chapters() for exercise in exercises_of(chapter)]


def _no_exercise(name: str, short: str) -> str:
    names = _all_names()
    elsewhere = [other for other in names if other.partition(".")[2] == short]
    if elsewhere and "." not in name:
        return f'Write the chapter first: "{elsewhere[0]}".'
    if elsewhere:
        return f'There is no exercise "{name}". "{short}" is in another chapter: "{elsewhere[0]}".'
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    listed = ", ".join(f'"{other}"' for other in near)
    return f'There is no exercise "{name}".' + (f" Near it: {listed}." if near else _chapter_list())


def _no_chapter(chapter: str) -> str:
    return f'There is no chapter "{chapter}".{_chapter_list()}'


def _chapter_list() -> str:
    return f" Chapters with exercises: {', '.join(chapters())}."
