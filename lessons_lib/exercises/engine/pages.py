"""An exercise as Markdown: its task, its hints, its solution; for pages and notebooks alike."""

from .declare import CodeExercise, Exercise
from .values import Choice, Ordering


def task_markdown(exercise: Exercise) -> str:
    """The task, headed by its kind, with its options where there are some."""
    text = f"**Exercise · {exercise.kind}.** {exercise.task}"
    listed = _options(exercise)
    return text + ("\n\n" + listed if listed else "")


def help_markdown(exercise: Exercise) -> str:
    """Hints and solution, each folded, readable without a kernel."""
    parts = [
        _folded(f"Hint {number} of {len(exercise.hints)}", hint)
        for number, hint in enumerate(exercise.hints, start=1)
    ]
    return "\n\n".join([*parts, _folded("Solution", solution_markdown(exercise))])


def solution_markdown(exercise: Exercise) -> str:
    """The answer, why it is so, and why each other option is not."""
    parts = [f"```python\n{exercise.solution_source()}\n```"]
    if exercise.because:
        parts.append(exercise.because)
    if isinstance(exercise, Choice):
        parts.append("\n".join(f"- **{key}** {why}" for key, why in exercise.reasons.items()))
    return "\n\n".join(parts)


def _options(exercise: Exercise) -> str:
    options = {}
    if isinstance(exercise, Choice):
        options = exercise.options
    elif isinstance(exercise, Ordering):
        options = exercise.items
    return "\n".join(f"- **{key}** {text}" for key, text in options.items())


def _folded(summary: str, body: str) -> str:
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def stub_cells(exercise: Exercise) -> list[str]:
    """The code cells of an exercise: stub and check, in one cell where the stub is one line."""
    checked = f'check("{exercise.name}", {exercise.answer_name})'
    if isinstance(exercise, CodeExercise):
        return [exercise.stub_source(), checked]
    return [f"{exercise.stub_source()}\n{checked}"]
