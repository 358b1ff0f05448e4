"""The page keeps the same record as the notebooks, and one's file is the other's."""

import itertools
import json
import re

import pytest

from lessons_lib import exercises
from lessons_lib.exercises.engine import record

OLDER = {"passed": True, "tries": 3, "passed_at": "2026-01-01T10:00:00+00:00", "first_guess": "a"}
NEWER = {"passed": True, "tries": 2, "passed_at": "2026-02-01T10:00:00+00:00", "first_guess": 4.5}
OPEN = {"passed": False, "tries": 5}


def written_there(scripts, kept: record.Record) -> str:
    return scripts.evaluate("record => lessons.written(record)", kept)


@pytest.mark.browser
def test_a_progress_file_of_the_notebooks_is_read_by_the_page(scripts, tmp_path):
    record.save("c.one", passed=False, guess="b")
    record.save("c.one", passed=True, guess="a")
    record.save("c.two", passed=False, guess=0.25)
    path = exercises.export_progress(tmp_path / "taken along.json")
    assert scripts.evaluate("text => lessons.read(text)", path.read_text("utf-8")) == record.load()


@pytest.mark.browser
def test_a_progress_file_of_the_page_is_read_by_the_notebooks(scripts, tmp_path):
    path = tmp_path / "progress.json"
    kept = {"c.two": OLDER, "c.one": NEWER, "c.three": OPEN}
    path.write_text(written_there(scripts, kept), encoding="utf-8")
    exercises.import_progress(path)
    assert record.load() == kept


@pytest.mark.browser
@pytest.mark.parametrize("also", [{}, {new: OPEN for new in record.RENAMED.values()}])
def test_both_know_an_exercise_by_its_older_name(scripts, also, tmp_path):
    path = tmp_path / "progress.json"
    record.write({old: OLDER for old in record.RENAMED} | also | {"c.one": NEWER}, path)
    read = scripts.evaluate("text => lessons.read(text)", path.read_text("utf-8"))
    assert read == record.read(path)
    assert set(read) == {*record.RENAMED.values(), "c.one"}


@pytest.mark.browser
def test_both_write_the_same_file(scripts, tmp_path):
    kept = {"c.two": OLDER, "c.one": NEWER, "c.three": OPEN}
    record.write(kept, tmp_path / "progress.json")
    assert written_there(scripts, kept) == (tmp_path / "progress.json").read_text("utf-8")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("one", "other"),
    list(itertools.product([OLDER, NEWER, OPEN, {**OPEN, "first_guess": 3}], repeat=2)),
)
def test_both_join_two_records_to_the_same(scripts, one, other):
    left, right = {"c.both": one, "c.left": OPEN}, {"c.both": other, "c.right": NEWER}
    joined = scripts.evaluate("([one, other]) => lessons.merge(one, other)", [left, right])
    assert joined == record.merge(left, right)


@pytest.mark.browser
@pytest.mark.parametrize(
    "content",
    [
        *("{", "", "[]", "null", "7", '{"exercises": {}}', '{"schema": 1}', '{"schema": 2}'),
        *('{"schema": 1, "exercises": []}', '{"schema": 1, "exercises": {"c.x": 7}}'),
        '{"schema": 1, "exercises": {"c.x": {"passed": "yes", "tries": 1}}}',
        '{"schema": 1, "exercises": {"c.x": {"passed": true, "tries": true}}}',
        '{"schema": 1, "exercises": {"c.x": {"passed": true, "tries": 1, "first_guess": [1]}}}',
    ],
)
def test_both_refuse_a_damaged_file_with_the_same_words(scripts, content, tmp_path):
    path = tmp_path / "progress.json"
    path.write_text(content)
    with pytest.raises(record.ProgressError) as refused:
        record.read(path)
    told = scripts.evaluate(
        "text => { try { return lessons.read(text); } catch (error) { return error.message; } }",
        content,
    )
    assert told == re.sub(rf" {re.escape(str(path))}", "", str(refused.value))


@pytest.mark.browser
def test_the_first_guess_stays_and_a_pass_is_kept(scripts):
    tries = "[[false, 3], [true, 4], [false, 5]]"
    scripts.evaluate(f"{tries}.forEach(([passed, guess]) => lessons.save('c.x', passed, guess))")
    entry = json.loads(written_there(scripts, scripts.evaluate("lessons.load()")))["exercises"][
        "c.x"
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", entry.pop("passed_at"))
    assert entry == {"passed": True, "tries": 3, "first_guess": 3}
