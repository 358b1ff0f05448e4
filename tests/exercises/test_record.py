"""What the reader has done is kept: whole, never overwritten when damaged, never lost in a race."""

import codecs
import itertools
import json
import multiprocessing
import os
import warnings

import pytest
import torch
from filelock import FileLock

from lessons_lib import exercises
from lessons_lib.exercises.engine import record, registry

OLDER = {"passed": True, "tries": 3, "passed_at": "2026-01-01T10:00:00+00:00", "first_guess": "a"}
NEWER = {"passed": True, "tries": 2, "passed_at": "2026-02-01T10:00:00+00:00", "first_guess": "b"}
OPEN = {"passed": False, "tries": 5}


def test_nothing_yet_is_an_empty_record():
    assert record.load() == {}
    assert not record.location().exists()


def test_tries_passes_and_first_guess_are_kept():
    record.save("c.one", passed=False, guess=3)
    record.save("c.one", passed=True, guess=4)
    record.save("c.one", passed=False, guess=5)
    entry = record.load()["c.one"]
    passed_at = entry.pop("passed_at")
    assert entry == {"passed": True, "tries": 3, "first_guess": 3}
    record.save("c.one", passed=True)
    assert record.load()["c.one"]["passed_at"] == passed_at


def test_location_without_the_variable_is_the_users_data_folder(monkeypatch):
    monkeypatch.delenv("LESSONS_PROGRESS")
    assert record.location().name == "progress.json"
    assert "transformer-transfer" in str(record.location())


def test_a_tilde_in_the_variable_is_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LESSONS_PROGRESS", "~/kept")
    record.save("c.x", passed=True)
    assert (tmp_path / "kept" / "progress.json").exists()


def test_a_user_without_a_home_is_judged_and_told_in_one_sentence(monkeypatch, capsys):
    pwd = pytest.importorskip("pwd", reason="Windows finds a home in another way")
    monkeypatch.setattr(pwd, "getpwuid", lambda number: {}[number])
    for name in ("LESSONS_PROGRESS", "HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.warns(UserWarning) as told:
        found = exercises.check("self_attention.causal", lambda n: torch.ones(n, n).tril().bool())
    assert found.passed is True
    assert [str(one.message).partition(",")[0] for one in told] == [
        "Progress was not kept: there is no home folder"
    ]
    with pytest.warns(UserWarning, match="cannot be read: there is no home folder"):
        exercises.progress("self_attention")
    assert "Self-attention: 0 of" in capsys.readouterr().out


@pytest.mark.parametrize("one", [OLDER, NEWER, OPEN])
@pytest.mark.parametrize("other", [OLDER, NEWER, OPEN])
def test_merge_keeps_everything_whichever_comes_first(one, other):
    left, right = {"c.both": one, "c.left": OPEN}, {"c.both": other, "c.right": NEWER}
    joined = record.merge(left, right)
    assert joined == record.merge(right, left)
    assert joined == record.merge(joined, left) == record.merge(joined, right)
    assert joined["c.left"] == OPEN and joined["c.right"] == NEWER
    assert joined["c.both"]["passed"] == (one["passed"] or other["passed"])
    assert joined["c.both"]["tries"] == max(one["tries"], other["tries"])
    guesses = [entry["first_guess"] for entry in (one, other) if "first_guess" in entry]
    assert joined["c.both"].get("first_guess") in (guesses or [None])


def test_merge_of_three_does_not_depend_on_the_order():
    parts = [{"c.x": OLDER}, {"c.x": NEWER}, {"c.x": OPEN}]
    orders = itertools.permutations(parts)
    joined = [record.merge(record.merge(one, two), three) for one, two, three in orders]
    assert all(one == joined[0] for one in joined)
    assert joined[0]["c.x"]["passed_at"] == OLDER["passed_at"]


def test_merge_leaves_its_arguments_alone():
    one, other = {"c.x": dict(OPEN)}, {"c.x": dict(NEWER)}
    record.merge(one, other)
    assert one == {"c.x": OPEN} and other == {"c.x": NEWER}


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"exercises": {}}',
        b'{"schema": 1}',
        b'{"schema": 1, "exercises": []}',
        b'{"schema": 1, "exercises": {"c.x": {"passed": "yes", "tries": 1}}}',
        b'{"schema": 1, "exercises": {"c.x": 7}}',
        b'{"schema": 1, "exercises": {"c.x": {"passed": true, "tries": 1, "first_guess": [1]}}}',
        b'{"schema": ' + b"[" * 200_000,
    ],
    ids=lambda content: content[:60],
)
def test_damaged_file_is_set_aside_and_named(content, own_progress):
    write_bytes(content)
    with pytest.warns(UserWarning, match=r"is damaged\. It was set aside as .*aside\.json"):
        assert record.load() == {}
    assert [path.read_bytes() for path in own_progress.glob("*.aside.json")] == [content]
    record.save("c.x", passed=True)
    assert [path.read_bytes() for path in own_progress.glob("*.aside.json")] == [content]
    assert record.load()["c.x"]["passed"] is True


def test_byte_order_mark_is_no_damage():
    record.save("c.x", passed=True)
    before = record.load()
    write_bytes(codecs.BOM_UTF8 + record.location().read_bytes())
    assert record.load() == before


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_file_of_another_schema_is_set_aside(schema, own_progress):
    content = json.dumps({"schema": schema, "other": "things"}).encode()
    write_bytes(content)
    with pytest.warns(UserWarning, match=f"has schema {schema!r}; this is 1. It was set aside"):
        record.save("c.x", passed=False)
    assert [path.read_bytes() for path in own_progress.glob("*.aside.json")] == [content]
    assert record.load()["c.x"]["tries"] == 1


def test_damaged_file_that_cannot_be_moved_is_not_written_over(monkeypatch):
    write_bytes(b"precious")

    def refuse(*_):
        raise PermissionError("read-only")

    monkeypatch.setattr(record.os, "replace", refuse)
    with pytest.warns(UserWarning, match=r"Progress was not kept: read-only"):
        record.save("c.x", passed=True)
    assert record.location().read_bytes() == b"precious"
    with pytest.warns(UserWarning, match="cannot be read"):
        assert record.load() == {}


def test_folder_that_cannot_be_written_is_a_warning(monkeypatch, tmp_path, capsys):
    blocker = tmp_path / "a file"
    blocker.write_text("in the way")
    monkeypatch.setenv("LESSONS_PROGRESS", str(blocker / "below"))
    with pytest.warns(UserWarning, match="Progress was not kept"):
        found = exercises.check("self_attention.softmax_shift", "b")
    assert found.passed is True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exercises.progress()
    assert "Self-attention: 0 of" in capsys.readouterr().out


def test_writer_that_is_interrupted_leaves_the_old_file(monkeypatch, own_progress):
    record.save("c.x", passed=True)
    before = record.location().read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record.save("c.y", passed=True)
    assert record.location().read_bytes() == before
    names = {path.name for path in own_progress.iterdir()}
    assert names <= {"progress.json", "progress.json.lock"}


def test_writer_that_is_killed_leaves_the_old_file_and_stops_nobody():
    record.save("c.x", passed=True)
    before = record.location().read_bytes()
    run_apart(_die_while_writing)
    assert record.location().read_bytes() == before
    record.save("c.y", passed=True)
    assert set(record.load()) == {"c.x", "c.y"}


def test_kernel_that_writes_for_too_long_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(record, "_LOCK_PATIENCE_SECONDS", 0.1)
    record.save("c.x", passed=True)
    held = FileLock(record.location().with_name("progress.json.lock"))
    with held, pytest.warns(UserWarning, match=r"Progress was not kept: .* could not be acquired"):
        record.save("c.y", passed=True)
    assert set(record.load()) == {"c.x"}


def test_two_kernels_at_once_lose_no_try():
    writers = [start_apart(_save_often, name) for name in ("c.one", "c.two")]
    for writer in writers:
        writer.join(timeout=60)
        assert writer.exitcode == 0
    kept = record.load()
    assert kept["c.shared"]["tries"] == 60
    assert kept["c.one"]["tries"] == kept["c.two"]["tries"] == 30


def test_exported_progress_comes_back(tmp_path, monkeypatch):
    record.save("c.x", passed=True, guess="a")
    path = exercises.export_progress(tmp_path / "taken along.json")
    taken = record.load()
    monkeypatch.setenv("LESSONS_PROGRESS", str(tmp_path / "another machine"))
    record.save("c.y", passed=False)
    exercises.import_progress(path)
    assert record.load() == {**taken, "c.y": {"passed": False, "tries": 1}}
    exercises.import_progress(path)
    assert record.load()["c.x"] == taken["c.x"]


def test_what_was_done_under_an_older_name_is_kept_under_the_present_one(tmp_path):
    earlier, later = tmp_path / "earlier.json", tmp_path / "later.json"
    record.write({"transformer.wordpiece": OLDER, "c.x": OPEN}, earlier)
    assert record.read(earlier) == {"tokens.wordpiece": OLDER, "c.x": OPEN}
    record.write({"transformer.wordpiece": OLDER, "tokens.wordpiece": OPEN}, later)
    entry = record.read(later)["tokens.wordpiece"]
    assert (entry["passed"], entry["tries"], entry["first_guess"]) == (True, 5, "a")


def test_every_present_name_of_a_renamed_exercise_is_that_of_an_exercise():
    for old, new in record.RENAMED.items():
        assert registry.find(new).name == new
        assert registry.find(old).name == new  # so an older notebook can still ask for it


def test_import_of_something_else_changes_nothing(tmp_path):
    record.save("c.x", passed=True)
    before = record.location().read_bytes()
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(record.ProgressError, match=r"other\.json is damaged"):
        exercises.import_progress(other)
    with pytest.raises(FileNotFoundError):
        exercises.import_progress(tmp_path / "missing.json")
    assert other.exists() and record.location().read_bytes() == before


def write_bytes(content: bytes) -> None:
    record.location().parent.mkdir(parents=True, exist_ok=True)
    record.location().write_bytes(content)


def start_apart(work, *args):
    process = multiprocessing.get_context("spawn").Process(target=work, args=args)
    process.start()
    return process


def run_apart(work) -> None:
    process = start_apart(work)
    process.join(timeout=60)
    assert process.exitcode == 9


def _die_while_writing() -> None:
    os.fsync = lambda _: os._exit(9)  # all is written, and has not got its name yet
    record.save("c.y", passed=True)


def _save_often(name: str) -> None:
    for _ in range(30):
        record.save(name, passed=False)
        record.save("c.shared", passed=False)
