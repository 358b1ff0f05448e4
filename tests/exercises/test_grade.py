"""What a class hands in becomes one table: judged, never trusted, and run only where asked to."""

import csv
import io
import json
import subprocess
import sys

import pytest

from lessons_lib.exercises import grade
from lessons_lib.exercises.classroom import handed_in, running
from lessons_lib.exercises.engine import record, registry

CHAPTER = "self_attention"
GOOD_MASK = """import torch

def triangle(n):
    return torch.ones(n, n, dtype=torch.bool).tril()
"""


def notebook(path, *sources: str, tags: dict | None = None):
    """Write a notebook of these code cells, with a heading between them."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": ["# A heading"]}]
    for number, source in enumerate(sources):
        metadata = {"tags": (tags or {}).get(number, [])}
        lines = source.splitlines(keepends=True)
        cells.append({"cell_type": "code", "metadata": metadata, "source": lines, "outputs": []})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}))
    return path


def answer(short: str, value: str) -> str:
    exercise = registry.find(f"{CHAPTER}.{short}")
    return f'{exercise.answer_name} = {value}\ncheck("{exercise.name}", {exercise.answer_name})'


def table(folder, **options) -> dict[tuple[str, str], tuple[str, str, str]]:
    """(person, exercise without its chapter): (state, first guess, tries), read back from CSV."""
    rows, _ = grade.rows_of(folder, **options)
    head, *lines = csv.reader(io.StringIO(grade.as_csv(rows)))
    assert head == ["person", "exercise", "state", "first guess", "tries"]
    return {(one[0], one[1].removeprefix(f"{CHAPTER}.")): tuple(one[2:]) for one in lines}


def right(short: str) -> str:
    return repr(registry.find(f"{CHAPTER}.{short}").right_answer)


# --- what is read without running ----------------------------------------------------------------


def test_value_answers_are_judged_as_they_are_written(tmp_path):
    notebook(
        tmp_path / "ada.ipynb",
        answer("softmax_shift", right("softmax_shift")),
        answer("matmul_shape", "(1, 2, 3, 4, 5)"),
        answer("weights_shape", "..."),
        answer("score_memory", "2 ** 3 * 4"),
    )
    found = table(tmp_path)
    assert found["ada", "softmax_shift"] == ("right", "", "")
    assert found["ada", "matmul_shape"][0] == "not yet"
    assert found["ada", "weights_shape"][0] == "not answered"
    assert found["ada", "score_memory"][0].startswith("not judged: it is worked out by code")
    assert found["ada", "causal"][0] == "not answered"
    assert len(found) == len(registry.exercises_of(CHAPTER))


def test_every_right_answer_of_a_shipped_chapter_is_right(tmp_path):
    exercises = registry.exercises_of("start_here")
    sources = [
        f'{one.solution_source()}\ncheck("{one.name}", {one.answer_name})' for one in exercises
    ]
    notebook(tmp_path / "ada.ipynb", *sources)
    states = {state.partition(":")[0] for state, _, _ in table(tmp_path).values()}
    assert states == {"right", "not judged"}


def test_the_last_answer_counts_also_where_check_is_given_it(tmp_path):
    name = f"{CHAPTER}.softmax_shift"
    notebook(
        tmp_path / "ada.ipynb",
        answer("softmax_shift", "'no letter'"),
        f'check("{name}", {right("softmax_shift")})',
    )
    assert table(tmp_path)["ada", "softmax_shift"][0] == "right"


@pytest.mark.parametrize("old", record.RENAMED)
def test_an_exercise_that_was_renamed_is_the_one_it_became(tmp_path, old):
    new = registry.find(record.RENAMED[old])
    notebook(tmp_path / "ada.ipynb", new.solution_source(), f'check("{old}", {new.answer_name})')
    notebook(tmp_path / "bob.ipynb", new.stub_source(), tags={0: [f"exercise:{old}"]})
    found = table(tmp_path)
    assert list(found) == [("ada", new.name), ("bob", new.name)]  # and none of its neighbours
    assert found["ada", new.name][0].startswith("not judged: ")  # code, which is not run
    assert found["bob", new.name][0] == "not answered"


def test_a_renamed_exercise_may_be_given_its_value_in_check(monkeypatch, tmp_path):
    name = f"{CHAPTER}.softmax_shift"
    monkeypatch.setitem(record.RENAMED, "old.shift", name)
    notebook(tmp_path / "ada.ipynb", f'check("old.shift", {right("softmax_shift")})')
    assert table(tmp_path) == {("ada", "softmax_shift"): ("right", "", "")}


def test_answers_share_a_name_but_not_a_chapter(tmp_path):
    one = registry.find("start_here.softmax_shift")
    other = registry.find("self_attention.softmax_shift")
    assert one.answer_name == other.answer_name
    source = f'{one.answer_name} = "{one.right_answer}"\ncheck("{one.name}", {one.answer_name})'
    notebook(tmp_path / "ada.ipynb", source)
    assert {name.partition(".")[0] for _, name in table(tmp_path)} == {"start_here"}


def test_a_stub_with_comments_is_not_answered_and_changed_code_is_not_judged(tmp_path):
    causal, padding = (registry.find(f"{CHAPTER}.{name}") for name in ("causal", "padding"))
    notebook(
        tmp_path / "ada.ipynb",
        causal.stub_source() + "  # I shall do it tomorrow",
        padding.solution_source(),
        f'check("{causal.name}", my_causal_mask)',
    )
    found = table(tmp_path)
    assert found["ada", "causal"][0] == "not answered"
    assert found["ada", "padding"][0] == "not judged: code, which runs with --run only"


def test_nothing_that_was_handed_in_runs(tmp_path):
    victim = tmp_path / "victim.txt"
    victim.write_text("here")
    harm = f"import os; os.remove({str(victim)!r})"
    notebook(
        tmp_path / "class" / "eve.ipynb",
        f"softmax_shift_answer = (__import__('os').remove({str(victim)!r}), 'a')[1]",
        f'check("{CHAPTER}.softmax_shift", softmax_shift_answer)\n{harm}',
        f"def my_causal_mask(n, _={harm.partition(';')[2]}):\n    return n",
    )
    found = table(tmp_path / "class")
    assert victim.read_text() == "here"
    assert found["eve", "softmax_shift"][0].startswith("not judged: it is worked out by code")


@pytest.mark.parametrize("value", ["[" * 90 + "]" * 90, "'" + "a" * 5000 + "'", "{[]}", "9" * 900])
def test_odd_literals_are_no_trouble(tmp_path, value):
    notebook(tmp_path / "eve.ipynb", answer("score_memory", value))
    assert table(tmp_path)["eve", "score_memory"][0].startswith(("not yet", "not judged"))


def test_cells_that_are_no_python_cost_only_themselves(tmp_path):
    notebook(
        tmp_path / "ada.ipynb",
        "this is no Python",
        "%%bash\nrm -rf something",
        "%matplotlib inline\n!ls\n" + answer("softmax_shift", right("softmax_shift")),
    )
    assert table(tmp_path)["ada", "softmax_shift"][0] == "right"


def test_of_two_copies_the_better_one_counts(tmp_path):
    notebook(tmp_path / "ada" / "a.ipynb", answer("softmax_shift", right("softmax_shift")))
    notebook(tmp_path / "ada" / "b.ipynb", answer("softmax_shift", "..."))
    assert table(tmp_path)["ada", "softmax_shift"][0] == "right"


# --- claims --------------------------------------------------------------------------------------


def claims(path, **entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    record.write({f"{CHAPTER}.{name}": entry for name, entry in entries.items()}, path)


def test_progress_files_are_claims(tmp_path):
    claims(
        tmp_path / "ada.json",
        causal={"passed": True, "tries": 3},
        largest_weight={"passed": False, "tries": 2, "first_guess": "c"},
    )
    assert table(tmp_path) == {
        ("ada", "causal"): ("claimed right", "", "3"),
        ("ada", "largest_weight"): ("claimed not yet", "c", "2"),
    }


def test_a_forged_claim_does_not_hide_what_was_judged(tmp_path):
    claims(tmp_path / "eve" / "progress.json", softmax_shift={"passed": True, "tries": 1})
    notebook(tmp_path / "eve" / "two.ipynb", answer("softmax_shift", "'no letter'"))
    assert table(tmp_path)["eve", "softmax_shift"] == ("not yet, claimed right", "", "1")


def test_exercises_that_the_course_does_not_have_are_shown_last(tmp_path):
    claims(tmp_path / "eve.json", invented={"passed": True, "tries": 1})
    record.write({"zzz": {"passed": True, "tries": 1}}, tmp_path / "bob.json")
    assert [key for key in table(tmp_path)] == [("bob", "zzz"), ("eve", "invented")]


# --- the table -----------------------------------------------------------------------------------


def test_commas_quotes_and_other_scripts_come_back_as_they_were(tmp_path):
    for person in ('Lovelace, "Ada"', "李雷", "Zoë"):
        claims(tmp_path / person / "progress.json", causal={"passed": True, "tries": 1})
    assert {person for person, _ in table(tmp_path)} == {'Lovelace, "Ada"', "李雷", "Zoë"}


@pytest.mark.parametrize("guess", ["=1+1", "+cmd|x", "@SUM(A1)", " =1", "-2+3", "＝1"])
def test_no_cell_is_a_formula(tmp_path, guess):
    claims(tmp_path / "=eve.json", causal={"passed": True, "tries": 1, "first_guess": guess})
    assert table(tmp_path) == {("'=eve", "causal"): ("claimed right", f"'{guess}", "1")}


def test_a_negative_number_is_no_formula(tmp_path):
    claims(tmp_path / "ada.json", causal={"passed": True, "tries": 1, "first_guess": -16})
    assert table(tmp_path)["ada", "causal"][1] == "-16"


def test_line_breaks_and_halves_of_characters_stay_in_their_row(tmp_path):
    claims(tmp_path / "eve.json", causal={"passed": True, "tries": 1, "first_guess": "a\nb\ud800"})
    assert table(tmp_path)["eve", "causal"][1] == r"a\nb\ud800"


DAMAGED = {
    "half.json": b'{"schema": 1, "exer',
    "half.ipynb": b'{"cells": [{"cell_ty',
    "empty.ipynb": b"",
    "list.ipynb": b"[1, 2]",
    "old.ipynb": b'{"worksheets": []}',
    "odd.ipynb": b'{"cells": [{"cell_type": "code", "source": [1, 2]}]}',
    "odd_tags.ipynb": b'{"cells": [{"cell_type": "code", "source": "", "metadata": []}]}',
    "deep.ipynb": b"[" * 100_000,
    "bytes.json": b"\xff\xfe\x00",
    "schema.json": b'{"schema": 7, "exercises": {}}',
    "other.ipynb": b'{"cells": [{"cell_type": "code", "source": "x = 1", "metadata": {}}]}',
}


def test_each_damaged_file_has_its_row_and_the_others_theirs(tmp_path):
    for name, content in DAMAGED.items():
        (tmp_path / name).write_bytes(content)
    claims(tmp_path / "good.json", causal={"passed": True, "tries": 1})
    rows, _ = grade.rows_of(tmp_path)
    told = {row.judged.split(": ")[1] for row in rows if row.judged.startswith("damaged: ")}
    assert told == set(DAMAGED)
    assert [row.person for row in rows if row.claimed] == ["good"]


def test_hidden_folders_are_passed_over_and_other_files_are_counted(tmp_path):
    claims(tmp_path / ".ipynb_checkpoints" / "ada.json", causal={"passed": True, "tries": 1})
    (tmp_path / "essay.pdf").write_bytes(b"%PDF")
    assert grade.rows_of(tmp_path) == ([], 1)


def test_the_command_writes_a_file_and_says_what_it_read(tmp_path, capsys):
    claims(tmp_path / "class" / "李雷.json", causal={"passed": True, "tries": 2})
    grade.main([str(tmp_path / "class"), "--out", str(tmp_path / "out.csv")])
    written = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    assert written.splitlines()[1] == "李雷,self_attention.causal,claimed right,,2"
    told = capsys.readouterr()
    assert told.out == "" and told.err.startswith("People: 1; rows: 1; damaged files: 0")


def test_a_folder_that_is_not_there_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit):
        grade.main([str(tmp_path / "missing")])
    assert "is no folder" in capsys.readouterr().err


def test_a_terminal_without_unicode_gets_the_table_all_the_same(tmp_path):
    claims(tmp_path / "李雷.json", causal={"passed": True, "tries": 2})
    command = [sys.executable, "-m", "lessons_lib.exercises.grade", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env=_ascii_environment())
    assert done.returncode == 0, done.stderr
    assert "李雷" in done.stdout.decode()


def _ascii_environment() -> dict:
    import os

    return os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)}


# --- run -----------------------------------------------------------------------------------------


def test_code_is_judged_where_asked_and_bad_answers_cost_only_themselves(tmp_path):
    """One notebook with an honest answer between all that may go wrong."""
    victim = tmp_path / "victim.txt"
    victim.write_text("here")
    harm = f"os.remove({str(victim)!r})"
    notebook(
        tmp_path / "class" / "eve.ipynb",
        GOOD_MASK,
        f"import os\n{harm}",
        "def my_causal_mask(seq_len):\n    return triangle(seq_len)",
        f"def my_padding_mask(*args, **kwargs):\n    {harm}\n",
        "def my_soft_lookup(*args, **kwargs):\n    os._exit(0)",
        "def my_attention(*args, **kwargs):\n    while True:\n        print('x' * 10**6)",
        "import math\n" + answer("score_variance", "math.sqrt(-1)"),
        answer("score_memory", "int(" + right("score_memory") + ")"),
        "raise SystemExit",
        f'check("{CHAPTER}.causal", my_causal_mask)',
    )
    found = {
        name: state for (_, name), (state, _, _) in table(tmp_path / "class", run=True).items()
    }
    assert victim.read_text() == "here"
    assert found["causal"] == "right"
    assert found["padding"] == "not yet"
    assert found["soft_lookup"] == "not yet: it ended its process"
    assert found["attention"] == "not yet"
    assert found["score_variance"].startswith("not judged: its cell stops: ValueError")
    assert found["score_memory"] == "right"
    assert found["late_mask"] == "not answered"


def test_a_notebook_that_never_ends_is_ended(tmp_path):
    path = notebook(
        tmp_path / "eve.ipynb",
        "import itertools\ndef my_causal_mask(n, forever=sum(itertools.repeat(1))):\n    return n",
    )
    causal = registry.find(f"{CHAPTER}.causal")
    cells = handed_in.read_notebook(path)
    passed, why = running.judge_by_running(cells, [causal], seconds=1.0)[causal.name]
    assert passed is None and why


def test_a_printed_verdict_is_not_believed():
    forged = json.dumps(["end", f"{CHAPTER}.causal", True, ""])
    written = f"guess {forged}\n{forged}\nword {json.dumps(['done'])}\nword {{".encode()
    assert running._reported(written, "word") == [["done"]]
