"""Judging here and in a process of its own: each bad answer gets its sentence, and life goes on."""

import ctypes
import itertools
import os
import threading
import time

import pytest
import torch

from lessons_lib import exercises
from lessons_lib.exercises.engine import guard, judging, record, registry

SOFT_LOOKUP = registry.find("self_attention.soft_lookup")
CAUSAL = registry.find("self_attention.causal")


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(guard, "TIME_LIMIT_SECONDS", 1.0)


def good(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril()


def endless(seq_len):
    while True:
        pass


def endless_in_c(seq_len):
    return sum(itertools.repeat(1))


def quits(seq_len):
    os._exit(0)


def quits_with_error(seq_len):
    os._exit(3)


def crashes(seq_len):
    ctypes.string_at(0)


def told(answer, exercise=CAUSAL) -> str:
    found = judging.judge(exercise, answer)
    assert found.passed is False
    return found.message


def test_good_answer_passes():
    assert judging.judge(CAUSAL, good).passed is True


def test_dots_are_unanswered():
    assert judging.judge(CAUSAL, ...).passed is None


@pytest.mark.parametrize("answer", [torch.ones(3), "text", 3, None, [good]])
def test_answer_called_instead_of_passed_is_told(answer):
    message = told(answer)
    assert "the function itself, without calling it: `my_causal_mask`" in message
    assert type(answer).__name__ in message


def test_endless_answer_is_told():
    assert "stopped after 1 seconds" in told(endless)


def test_answer_that_tries_all_ways_is_told_so():
    def my_viterbi(word, scores):
        starts = [start for start in range(len(word)) if word[start:] in scores]
        ways = [[*my_viterbi(word[:start], scores), word[start:]] for start in starts]
        return max(ways, key=lambda way: sum(map(scores.get, way)), default=[])

    message = told(my_viterbi, registry.find("across_languages.viterbi"))
    assert "are all ways tried one by one?" in message


def test_answer_that_sleeps_is_told():
    assert "stopped after 1 seconds" in told(lambda seq_len: time.sleep(60))


def test_lambda_is_an_answer_too():
    assert judging.judge(CAUSAL, lambda n: torch.ones(n, n).tril().bool()).passed is True


def test_too_much_memory_is_told():
    assert "more memory" in told(lambda seq_len: torch.ones(25 * 2**30))
    assert "more memory" in told(lambda seq_len: [0] * 10**12)


def test_other_dtype_is_told():
    message = told(lambda q, k, v: (torch.softmax(k @ q, 0) @ v).float(), SOFT_LOOKUP)
    assert "Given torch.float64, `output` is torch.float32" in message


def test_result_that_no_check_can_work_with_is_told():
    message = told(lambda q, k, v: (torch.softmax(k @ q, 0) @ v).to_sparse(), SOFT_LOOKUP)
    assert "cannot be worked with: `output` (3,)" in message


@pytest.mark.parametrize("stop", [SystemExit, GeneratorExit])
def test_stop_in_the_backward_pass_is_told(stop):
    class Stopping(torch.autograd.Function):
        @staticmethod
        def forward(ctx, values):
            return values.clone()

        @staticmethod
        def backward(ctx, gradient):
            raise stop

    message = told(lambda q, k, v: Stopping.apply(torch.softmax(k @ q, 0) @ v), SOFT_LOOKUP)
    assert (
        f"cannot be worked with: `output` (3,) of torch.float64 led to {stop.__name__}" in message
    )


@pytest.mark.parametrize("stop", [SystemExit, GeneratorExit])
def test_stop_in_a_property_of_what_is_returned_is_told(stop):
    class Lazy(torch.Tensor):
        @property
        def shape(self):
            raise stop

    message = told(lambda seq_len: good(seq_len).as_subclass(Lazy))
    assert f"led to {stop.__name__}" in message


def test_emptied_vocabulary_is_told_and_breaks_no_later_check():
    exercise = registry.find("tokens.wordpiece")

    def my_wordpiece(word, vocabulary):
        pieces = exercise.reference_function(word, vocabulary)
        vocabulary.clear()
        return pieces

    assert "changes its input `vocabulary` in place" in told(my_wordpiece, exercise)
    assert judging.judge(exercise, exercise.reference_function).passed is True


def test_prints_are_kept_with_the_verdict():
    def answer(seq_len):
        print("looking at", seq_len)
        return good(seq_len)

    found = judging.judge(CAUSAL, answer)
    assert found.passed is True
    assert found.printed.startswith("looking at 5\n")


def test_endless_prints_are_cut():
    def answer(seq_len):
        while True:
            print("again")

    found = judging.judge(CAUSAL, answer)
    assert found.passed is False
    assert len(found.printed) < 2_100


def test_judging_in_another_thread_stops_an_endless_answer():
    found = []
    thread = threading.Thread(target=lambda: found.append(judging.judge(CAUSAL, endless)))
    thread.start()
    thread.join(timeout=20)
    assert found and found[0].passed is False


def test_isolated_good_answer_passes():
    found = judging.judge_isolated(CAUSAL, good)
    assert found == judging.judge(CAUSAL, good)


def test_isolated_answer_may_be_a_closure_and_print():
    offset = 0

    def answer(seq_len):
        print("hello")
        return torch.ones(seq_len, seq_len).tril(offset).bool()

    found = judging.judge_isolated(CAUSAL, answer)
    assert found.passed is True
    assert "hello" in found.printed


def test_isolated_endless_answer_is_stopped():
    found = judging.judge_isolated(CAUSAL, endless)
    assert (found.passed, "stopped after" in found.message) == (False, True)


def test_isolated_answer_that_hangs_in_compiled_code_is_ended(monkeypatch):
    monkeypatch.setattr(judging, "_ISOLATED_LIMIT_SECONDS", 6.0)
    found = judging.judge_isolated(CAUSAL, endless_in_c)
    assert (found.passed, "was ended after 6 seconds" in found.message) == (False, True)


@pytest.mark.parametrize(
    ("answer", "words"),
    [(quits, "exit status 0"), (quits_with_error, "exit status 3"), (crashes, "SIGSEGV")],
)
def test_isolated_answer_that_ends_its_process_is_told(answer, words):
    found = judging.judge_isolated(CAUSAL, answer)
    assert found.passed is False
    assert f"Your code ended its process ({words}" in found.message


def test_answer_that_cannot_be_sent_is_an_error_where_isolation_is_asked_for():
    with pytest.raises(TypeError, match="cannot be sent to another process"):
        exercises.check(CAUSAL.name, unsendable(), isolated=True)


def test_answer_that_cannot_be_sent_is_judged_here_after_a_dead_kernel(capsys):
    mark = record.started_mark(CAUSAL.name)
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert exercises.check(CAUSAL.name, unsendable()).passed is True
    assert not mark.exists()


def test_check_after_a_dead_kernel_is_isolated(monkeypatch, capsys):
    seen = []
    monkeypatch.setattr(
        exercises,
        "judge_isolated",
        lambda exercise, answer: seen.append(1) or judging.judge(exercise, answer),
    )
    mark = record.started_mark(CAUSAL.name)
    mark.parent.mkdir(parents=True)
    mark.touch()
    exercises.check(CAUSAL.name, good)
    assert seen == [1]
    assert not mark.exists()
    exercises.check(CAUSAL.name, good)
    assert seen == [1]


def test_mark_stands_while_an_answer_is_checked(capsys):
    seen = []

    def answer(seq_len):
        seen.append(record.started_mark(CAUSAL.name).exists())
        return good(seq_len)

    exercises.check(CAUSAL.name, answer)
    assert all(seen) and not record.started_mark(CAUSAL.name).exists()


def unsendable():
    lock = threading.Lock()

    def answer(seq_len):
        with lock:
            return good(seq_len)

    return answer
