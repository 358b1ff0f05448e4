"""The course's small library: what the reader builds, and what keeps set-up out of the way.

Importing it loads no torch, so it is quick and works before torch is installed. The names a
chapter opens with are loaded when first used.
"""

from importlib import import_module

_HOME_OF = {
    "set_up": "lessons_lib.base.set_up",
    "show_source": "lessons_lib.base.source",
    "check": "lessons_lib.exercises",
    "hint": "lessons_lib.exercises",
    "solution": "lessons_lib.exercises",
    "progress": "lessons_lib.exercises",
    "reset": "lessons_lib.exercises.reset",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'lessons_lib' has no attribute {name!r}; it has {__all__}")


def __dir__():
    return __all__
