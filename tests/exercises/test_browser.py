"""One judge, two languages: what Python says of a value, and what the page's scripts say of it.

The scripts are run in a browser, as the page runs them, with the data that the book has.
"""

import itertools

import pytest
from tools_path import exercise_data, notebooks

from lessons_lib.exercises.engine import browser, registry
from lessons_lib.exercises.engine.declare import CodeExercise
from lessons_lib.exercises.engine.reading import shown
from lessons_lib.exercises.engine.state import fixed_state
from lessons_lib.exercises.engine.values import Choice, Number, Ordering, ShapePuzzle, ValueExercise

CHAPTERS = notebooks.chapter_names()
VALUES = [
    one
    for chapter in registry.chapters()
    for one in registry.exercises_of(chapter)
    if isinstance(one, ValueExercise)
]
ODD_TEXTS = [
    *("", " ", "3/4", "2,304", "1e3", " b ", "B", "NaN", "nan", "inf", "-inf", "None", "..."),
    *("1_000", "1__0", "1_", "_1", "1,2", "1,234,567.5", "1e999", "1e-999", "8/0", "0/0"),
    *("8/", "/8", "1/1e999", "0", "-0", "+3", "-16", ".5", "5.", ".", "0x8", "8 %", "½"),
    *("1 2", "1e", "e3", "1234.5", "1235.5", "12345.5", "0.00012345", "9999", "10000"),
    *("1e15", "1e22", "2.5e-7", "and", "then", "a and b", "a then b", "b & c", "(b)", "b)"),
    *("a, b", "ba", "aa", "abcdefgh", "yes", "ß", "Ä", "²", "it's", 'say "it\'s"'),
    *('a "word"', "a\\b", "a\tb", "x\u00a0y", "c > b > a", "a<b", "b -> a", "b => a", "b >"),
]
ODD_SHAPES = ["", " ", "b", "2.5", "(2,", "[2)", "(,)", "2,,3", "-1", "2 x 3", "(2, 3.0)", "½"]


def stored(exercise) -> dict:
    chapter = exercise.name.partition(".")[0]
    name = next(name for name in CHAPTERS if name.endswith(f"_{chapter}"))
    return exercise_data.read(name)[exercise.name]


# What the book knows of an exercise


def plain(described: dict) -> dict:
    """The data of a chapter with what is veiled laid open."""
    return {
        name: {**one, "judge": browser.unveil(one["judge"])} if "judge" in one else one
        for name, one in described.items()
    }


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_books_data_are_those_of_the_declarations(name):
    kept, made = plain(exercise_data.read(name)), plain(exercise_data.made_of(name))
    assert list(kept) == list(made), "run: make notebooks"
    for exercise in made:
        numbers = [
            one.get("judge", {}).pop("right", None) for one in (kept[exercise], made[exercise])
        ]
        assert kept[exercise] == made[exercise], "run: make notebooks"
        if isinstance(numbers[1], float):
            assert numbers[0] == pytest.approx(numbers[1], rel=1e-4)
        else:
            assert numbers[0] == numbers[1]


def test_no_reason_of_an_exercise_can_be_read_in_its_chapters_data():
    for exercise in VALUES:
        chapter = exercise.name.partition(".")[0]
        name = next(name for name in CHAPTERS if name.endswith(f"_{chapter}"))
        text = exercise_data.file_of(name).read_text("utf-8")
        reasons = [exercise.because, *getattr(exercise, "reasons", {}).values()]
        assert not [reason for reason in reasons if reason and reason in text]


def test_of_an_exercise_in_code_there_is_nothing_to_judge_by():
    code = [
        one
        for chapter in registry.chapters()
        for one in registry.exercises_of(chapter)
        if isinstance(one, CodeExercise)
    ]
    assert len(code) > 20
    assert {tuple(browser.describe(one)) for one in code} == {("kind", "minutes", "type")}


# Verdicts


def cases_of(exercise) -> list[tuple[str, object]]:
    """Pairs: what a reader of the page puts in, and the same as a value in Python."""
    if isinstance(exercise, ShapePuzzle):
        return shape_cases(exercise)
    if isinstance(exercise, Number):
        texts = number_texts(exercise)
    else:
        letters = exercise.options if isinstance(exercise, Choice) else exercise.items
        texts = letter_texts("".join(letters), exercise.right)
    return [(text, text) for text in [*texts, *ODD_TEXTS]]


def letter_texts(letters: str, right: str) -> list[str]:
    chosen = [
        "".join(some)
        for size in range(1, len(letters) + 1)
        for some in itertools.combinations(letters, size)
    ]
    swapped = [right[:k] + right[k + 1] + right[k] + right[k + 2 :] for k in range(len(right) - 1)]
    ways = [right, right.upper(), ", ".join(right), " and ".join(right), right[::-1]]
    return [*chosen, *swapped, *ways]


def number_texts(exercise: Number) -> list[str]:
    with fixed_state():
        truth = float(exercise.truth())
    near = [factor * (1 + nudge) for factor in (exercise.factor, 1) for nudge in (-1e-4, 0, 1e-4)]
    values = [exercise.right_answer, 2 * truth, -truth, truth + 1, truth - 1]
    if exercise.factor > 1:
        near = [one for one in near if one != exercise.factor]  # the very edge is no one's answer
    values += [truth * one for one in near] + [truth / one for one in near]
    for trap, _ in exercise.traps:
        values += [trap, *(trap * 1.01 * (1 + k) for k in (-1e-9, 1e-9)), trap / 1.02]
    texts = [repr(value) for value in values]
    return [*texts, shown(exercise.right_answer), f" {exercise.right_answer} "]


def shape_cases(exercise: ShapePuzzle) -> list[tuple[str, object]]:
    right = exercise.right_answer
    shapes = [
        right,
        *exercise.traps,
        *itertools.permutations(right),
        *((*right[:k], right[k] + 1, *right[k + 1 :]) for k in range(len(right))),
        *(right[:-1], (*right, 1), (1,), (), (10, 9, 8), (0,) * len(right)),
    ]
    written = [(str(shape), shape) for shape in shapes]
    written += [(str(list(shape)), shape) for shape in shapes]
    loose = [("2, 3", (2, 3)), ("2 3", (2, 3)), (" ( 2,3 ) ", (2, 3)), ("24", (24,))]
    return written + loose + [(text, text) for text in ODD_SHAPES]


JUDGE = "([text, answers]) => answers.map(one => lessons.judge(lessons.unveil(text), one))"


@pytest.mark.browser
@pytest.mark.parametrize("exercise", VALUES, ids=lambda exercise: exercise.name)
def test_python_and_the_page_say_the_same_of_every_answer(exercise, scripts):
    cases = cases_of(exercise)
    said = scripts.evaluate(JUDGE, [stored(exercise)["judge"], [text for text, _ in cases]])
    differing = []
    with fixed_state():
        for (text, answer), on_page in zip(cases, said, strict=True):
            found = exercise.judge(answer)
            in_python = {
                "passed": found.passed,
                "message": found.message,
                "refresher": found.refresher,
            }
            if in_python != on_page:
                differing.append((text, in_python, on_page))
    assert differing == []
    verdicts = {one["passed"] for one in said}
    assert verdicts == {True, False}


def test_every_option_and_every_trap_is_among_the_answers():
    for exercise in VALUES:
        texts = {text for text, _ in cases_of(exercise)}
        if isinstance(exercise, Choice):
            assert set(exercise.options) <= texts
        elif isinstance(exercise, Ordering):
            assert exercise.right in texts
        elif isinstance(exercise, Number):
            assert {repr(value) for value, _ in exercise.traps} <= texts
        else:
            assert {str(shape) for shape in exercise.traps} <= texts


@pytest.mark.browser
@pytest.mark.parametrize("digits", [3, 4])
def test_numbers_are_written_with_as_many_digits_as_in_python(scripts, digits):
    numbers = [0.5, 1234.5, 1235.5, 12345.5, 0.125, 2.5e-7, 99995, 9999.5, 1 / 3, 2e-5, 1e-4]
    numbers += [1e22, 0.00012345, 123456, -1234.5, 0.92651, 100, 7.0, 0.1 + 0.2]
    written = scripts.evaluate(
        "([numbers, digits]) => numbers.map(one => lessons.general(one, digits))",
        [numbers, digits],
    )
    assert written == [f"{number:.{digits}g}" for number in numbers]
