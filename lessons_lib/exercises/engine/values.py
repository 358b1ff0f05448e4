"""Exercises whose answer is a value: a number, a choice, an order, a shape."""

from collections.abc import Callable, Iterable, Mapping

from .answer import text_of
from .declare import Exercise
from .reading import is_compared, letters_of, number_of, order_of, shortest, shown, sizes_of
from .state import fixed_state
from .verdict import Verdict


class ValueExercise(Exercise):
    """The reader replaces `...` by a value.

    Args:
        answer_name: the variable that the reader sets.
        form: what may be put in, said in a comment beside the `...`.
    """

    def __init__(self, *, answer_name: str, form: str, **texts):
        super().__init__(**texts)
        self._answer_name = answer_name
        self.form = form

    @property
    def answer_name(self) -> str:
        return self._answer_name

    @property
    def right_answer(self):
        raise NotImplementedError

    def stub_source(self) -> str:
        return f"{self.answer_name} = ...  # {self.form}"

    def solution_source(self) -> str:
        return f"{self.answer_name} = {self.right_answer!r}"

    def judge(self, answer) -> Verdict:
        if answer is ...:
            return self.says(None, f"Replace the `...` by {self.form}.")
        if callable(answer):
            return self.says(False, f"The answer should be {self.form}, not a function.")
        return self._judge_value(answer)

    def _judge_value(self, answer) -> Verdict:
        raise NotImplementedError

    def _wants(self, answer) -> Verdict:
        return self.says(False, f"The answer should be {self.form}; yours is {text_of(answer)}.")


class Number(ValueExercise):
    """A number, measured or derived; a guess may be off by a factor.

    Args:
        truth: a function that measures or works out the number when the answer is checked.
        factor: right when within this factor of the truth; 1 where the exact number is asked for.
        traps: pairs (a wrong number, what leads to it); a number within 1 % of one is told so, of
            several the nearest.
        reveal: say the true number after a guess: for predictions, whose point is the surprise.
    """

    def __init__(
        self,
        *,
        truth: Callable[[], float],
        factor: float,
        traps: Iterable[tuple[float, str]] = (),
        reveal: bool = False,
        form: str = "a number",
        **texts,
    ):
        super().__init__(form=form, **texts)
        self.truth = truth
        self.factor = factor
        self.traps = tuple(traps)
        self.reveal = reveal

    @property
    def right_answer(self) -> float:
        """The truth: in full where it is whole, else as few digits as are surely right."""
        with fixed_state():
            truth = float(self.truth())
        near = 1 + (self.factor - 1) / 10
        return shortest(truth, lambda value: _within(value, truth, near))

    def _judge_value(self, answer) -> Verdict:
        number = number_of(answer)
        if number is None:
            return self._wants(answer)
        truth = self.truth()
        told = f" It comes out at {truth:.3g}. {self.because}" if self.reveal else ""
        told = told.rstrip()
        if _within(number, truth, self.factor):
            reason = told or f" {self.because}".rstrip()
            return self.says(True, f"{shown(number)} is right.{reason}")
        near = [trap for trap in self.traps if _within(number, trap[0], 1.01)]
        if near:
            _, reason = min(near, key=lambda trap: abs(trap[0] - number))
            return self.says(False, f"{reason}{told}")
        side = "low" if number < truth else "high"
        return self.says(False, f"{shown(number)} is too {side}.{told}")


class Choice(ValueExercise):
    """One of several options, or several of them; every option has its reason.

    Args:
        options: letter to text.
        right: the letter, or for "choose all that hold" all of them, such as "ac".
        reasons: letter to why it is right or wrong; one for each option.
    """

    def __init__(
        self, *, options: Mapping[str, str], right: str, reasons: Mapping[str, str], **texts
    ):
        letters = ", ".join(f'"{letter}"' for letter in options)
        self.several = len(right) > 1
        form = (
            f"letters together, such as {_example(options)}"
            if self.several
            else f"one of {letters}"
        )
        super().__init__(form=form, **texts)
        if set(options) != set(reasons) or not set(right) <= set(options):
            raise ValueError("every option needs a reason, and `right` names options")
        self.options = dict(options)
        self.right = "".join(sorted(right))
        self.reasons = dict(reasons)

    @property
    def right_answer(self) -> str:
        return self.right

    def _judge_value(self, answer) -> Verdict:
        chosen = _letters(answer)
        if not chosen or not set(chosen) <= set(self.options):
            return self._wants(answer)
        if not self.several and len(chosen) > 1:
            return self.says(False, "Only one of them is right: give one letter.")
        if chosen == self.right:
            return self.says(True, " ".join(self.reasons[letter] for letter in chosen))
        wrong = [letter for letter in chosen if letter not in self.right]
        if wrong:
            return self.says(False, f'"{wrong[0]}" does not hold. {self.reasons[wrong[0]]}')
        return self.says(
            False, "What you chose holds, but it is not all: look again at the others."
        )


class Ordering(ValueExercise):
    """Several items to be put in order.

    Args:
        items: letter to text.
        right: the letters in the right order, such as "bca".
        rule: said when the order is wrong: what to compare, without the answer.
    """

    def __init__(self, *, items: Mapping[str, str], right: str, rule: str, **texts):
        super().__init__(form=f"letters in order, such as {_example(items)}", **texts)
        if sorted(right) != sorted(items):
            raise ValueError("`right` should hold every item once")
        self.items, self.right, self.rule = dict(items), right, rule

    @property
    def right_answer(self) -> str:
        return self.right

    def _judge_value(self, answer) -> Verdict:
        if is_compared(answer):
            return self.says(
                False,
                "Signs such as > leave open which end comes first: give the letters alone, the "
                f"first of the order first, such as {_example(self.items)}.",
            )
        order = order_of(answer)
        if sorted(order) != sorted(self.items):
            return self._wants(answer)
        if order == self.right:
            return self.says(True, f"That is the order. {self.because}".rstrip())
        first = next(
            i
            for i, (mine, right) in enumerate(zip(order, self.right, strict=True))
            if mine != right
        )
        return self.says(False, f'Place {first + 1} is not "{order[first]}". {self.rule}')


class ShapePuzzle(ValueExercise):
    """A tensor's shape, worked out before it is computed.

    Args:
        truth: a function that computes the tensor; its shape is the answer.
        traps: shape to what leads to it.
    """

    def __init__(self, *, truth: Callable, traps: Mapping[tuple[int, ...], str], **texts):
        super().__init__(kind="Shape puzzle", form="a tuple of whole numbers", **texts)
        self.truth = truth
        self.traps = dict(traps)

    @property
    def right_answer(self) -> tuple[int, ...]:
        with fixed_state():
            return tuple(self.truth().shape)

    def _judge_value(self, answer) -> Verdict:
        given, right = answer, self.right_answer
        answer = sizes_of(given)
        if answer is None:
            return self._wants(given)
        if answer == right:
            return self.says(True, f"{right} is right. {self.because}".rstrip())
        if answer in self.traps:
            return self.says(False, self.traps[answer])
        if len(answer) != len(right):
            return self.says(False, f"Yours has {len(answer)} axes; the tensor has {len(right)}.")
        if sorted(answer) == sorted(right):
            return self.says(False, "The right numbers, in another order: which axis comes last?")
        wrong = next(
            i for i, (mine, size) in enumerate(zip(answer, right, strict=True)) if mine != size
        )
        return self.says(False, f"Axis {wrong} (counted from 0) is not {answer[wrong]} long.")


def _within(value: float, truth: float, factor: float) -> bool:
    if truth == 0 or value == 0 or factor == 1:
        return value == truth
    return value * truth > 0 and 1 / factor <= value / truth <= factor


def _letters(answer) -> str:
    """'CA', ['c', 'a'] and {'a', 'c'} are all 'ac'; anything else is ''."""
    return "".join(sorted(set(letters_of(answer))))


def _example(options: Iterable[str]) -> str:
    return '"' + "".join(list(options)[:2][::-1]) + '"'
