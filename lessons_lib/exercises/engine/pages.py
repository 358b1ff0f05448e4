"""An exercise as Markdown: its task, its hints, its solution; for pages and notebooks alike."""

from .declare import CodeExercise, Exercise
from .values import Choice, Ordering


def heading(exercise: Exercise) -> str:
    """The task's first line: JupyterLab and Colab list headings in a notebook's contents."""
    short = exercise.name.partition(".")[2].replace("_", " ")
    return f"### Exercise · {exercise.kind} · {short}"


def body_markdown(exercise: Exercise) -> str:
    """The task, with its options where there are some."""
    listed = _options(exercise)
    return exercise.task + ("\n\n" + listed if listed else "")


def task_markdown(exercise: Exercise) -> str:
    """The task as it stands in a notebook, under its heading."""
    return f"{heading(exercise)}\n\n{body_markdown(exercise)}"


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
