"""Declaring an exercise: one place from which cells, hints, solution page and tests are derived."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from .answer import Answer, AnswerProblem, NotAnswered
from .closing import other_dtype_problem
from .guard import LET_THROUGH
from .verdict import Verdict

Check = Callable[[Answer], str | None]


class Exercise:
    """What all kinds of exercise have in common.

    Args:
        kind: the few words that head the task, such as "Write it".
        task: what to do, in a sentence or two of Markdown.
        hints: from a nudge to nearly there.
        because: why it is so, in a sentence or two of Markdown without formulas: shown with the
            solution, and with a right value.
        refresher: a section of the same page, by its heading, to read again after a miss.
    """

    name = ""  # "chapter.exercise"; the registry sets it from the module and the variable

    def __init__(
        self,
        kind: str,
        task: str,
        hints: tuple[str, ...],
        because: str = "",
        refresher: str = "",
    ):
        self.kind = kind
        self.task = _tidy(task)
        self.hints = tuple(_tidy(hint) for hint in hints)
        self.because = _tidy(because)
        self.refresher = refresher

    def judge(self, answer) -> Verdict:
        """Look at an answer; the first thing that is wrong decides what is said."""
        raise NotImplementedError

    def stub_source(self) -> str:
        """The code that the reader starts from."""
        raise NotImplementedError

    def solution_source(self) -> str:
        """The code that answers the exercise: what takes the stub's place in a solved notebook."""
        raise NotImplementedError

    @property
    def answer_name(self) -> str:
        """The name under which the reader's answer is passed to `check`."""
        raise NotImplementedError

    def says(self, passed: bool | None, message: str) -> Verdict:
        return Verdict(self.name, passed, message, self.refresher if passed is False else "")


@dataclass(frozen=True)
class WrongAnswer:
    """A known wrong answer: the check that must catch it, and words its message must hold."""

    function: Callable
    caught_by: Check
    saying: str


class CodeExercise(Exercise):
    """The reader writes a function.

    Declare one, then decorate its parts in this order: `stub`, `reference`, `right` (the same
    answer written differently), `check` (each states one property; the order is the order in which
    they run), `wrong`. All functions bear the name that the reader's function has.

    Args:
        returns: names of what comes back, in order.
        returned_type: what each of them is; None for tensors.
    """

    def __init__(
        self,
        *,
        returns: tuple[str, ...],
        returned_type: type | None = None,
        kind: str = "Write it",
        **texts,
    ):
        super().__init__(kind, **texts)
        self.returns = returns
        self.returned_type = returned_type
        self.checks: list[Check] = []
        self.rights: list[Callable] = []
        self.wrongs: list[WrongAnswer] = []

    def stub(self, function: Callable) -> Callable:
        self.stub_function = function
        return function

    def reference(self, function: Callable) -> Callable:
        self.reference_function = function
        return function

    def right(self, function: Callable) -> Callable:
        self.rights.append(function)
        return function

    def check(self, function: Check) -> Check:
        self.checks.append(function)
        return function

    def inputs(
        self, *, oracle: Callable | None = None, holds: Callable | None = None, room: float = 0.0
    ) -> Callable[[Callable], Check]:
        """Register a generator of valid inputs; it becomes the check that compares on them.

        Args:
            oracle: called as the answer is, its results are right; not the reference itself.
            holds: in place of an oracle, where several results are right; see `ValidInputs`.
            room: by how much a number may be off in any case.
        """
        from .comparing import ValidInputs  # loads torch

        def keep(generator: Callable) -> Check:
            right = oracle or self.reference_function  # of which only the type counts, then
            self.valid = ValidInputs(generator, self.reference_function, right, holds, room)

            def check(answer: Answer) -> str | None:
                return self.valid.problem(answer)

            check.__name__ = generator.__name__
            return self.check(check)

        return keep

    def wrong(self, caught_by: Check, saying: str) -> Callable:
        def keep(function: Callable) -> Callable:
            self.wrongs.append(WrongAnswer(function, caught_by, saying))
            return function

        return keep

    @property
    def answer_name(self) -> str:
        return self.stub_function.__name__

    def stub_source(self) -> str:
        return source_of(self.stub_function)

    def solution_source(self) -> str:
        return source_of(self.reference_function)

    def judge(self, answer) -> Verdict:
        if answer is ...:
            return self.says(None, "")
        if not callable(answer):
            return self.says(False, self._not_a_function(answer))
        if self._is_untouched(answer):
            return self.says(None, "This is still the code that you started from.")
        calls = []
        try:
            for check in self.checks:
                message = self.message_of(check, answer, calls)
                if message:
                    return self.says(False, message)
            message = self.message_of(self._close(calls), answer)
            if message:
                return self.says(False, message)
        except NotAnswered:
            return self.says(None, "")
        except AnswerProblem as problem:
            return self.says(False, str(problem))
        return self.says(True, f"All {len(self.checks)} properties hold.")

    def _close(self, calls: list[tuple]) -> Check:
        """The check that closes every exercise, on inputs of the checks before it."""
        return lambda answer: other_dtype_problem(answer, self.reference_function, calls)

    def message_of(
        self, check: Check, answer: Callable, calls: list[tuple] | None = None
    ) -> str | None:
        """What one check says of an answer; None where its property holds.

        Args:
            calls: a list to which the arguments of all calls are added.

        Raises:
            NotAnswered, AnswerProblem: as the call of an `Answer` does.
        """
        called = Answer(answer, self.stub_function, self.returns, self.returned_type)
        try:
            return check(called)
        except (NotAnswered, AnswerProblem, MemoryError):
            raise
        except LET_THROUGH:
            raise
        except BaseException as error:  # a result of another dtype or shape, or without gradient
            return called.describe_unusable(error)
        finally:
            if calls is not None:
                calls += called.calls

    def _not_a_function(self, answer) -> str:
        name = self.answer_name
        return (
            f"`check` wants the function itself, without calling it: `{name}`, not `{name}(…)`. "
            f"It was given a {type(answer).__name__}."
        )

    def _is_untouched(self, answer: Callable) -> bool:
        """Only where the stub is runnable code: others say so themselves."""
        return False


class FindTheBug(CodeExercise):
    """The stub runs, but is wrong; the reader repairs it. The stub is itself a known wrong answer.

    Args:
        harm: words that the message about the unrepaired code must hold.
    """

    def __init__(self, *, harm: str, **texts):
        super().__init__(kind="Find the bug", **texts)
        self.harm = harm

    def _is_untouched(self, answer: Callable) -> bool:
        return _same_code(answer, self.stub_function)


def source_of(function: Callable) -> str:
    """A function's source as a reader would write it: no decorator, no indentation."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    first = next(i for i, line in enumerate(lines) if re.match(r"(def|class) ", line))
    return "\n".join(lines[first:]).rstrip()


def _same_code(one: Callable, other: Callable) -> bool:
    """Equal as syntax: comments, spacing and docstring play no part."""
    try:
        return _syntax_of(one) == _syntax_of(other)
    except (OSError, TypeError, SyntaxError, StopIteration):
        return False  # no source to be had: then it is not the stub


def _syntax_of(function: Callable) -> str:
    definition = ast.parse(source_of(function)).body[0]
    if ast.get_docstring(definition) is not None:
        definition.body = definition.body[1:]
    return ast.dump(definition)


def _tidy(text: str) -> str:
    return textwrap.dedent(text).strip()
