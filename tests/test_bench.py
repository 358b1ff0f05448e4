"""The measurement of speed: same work for all, sound arithmetic, and a page that is in step."""

import json
import re
import statistics
from dataclasses import replace

import pytest
import torch
from tools_path import speed_page as page

from bench import backends, candidates, encoder, generation, real_job, timing
from bench.candidates import OURS, PEERS, SIZES, make_candidates
from bench.encoder import Row, measure
from bench.timing import bootstrap_interval, compare
from lessons_lib.model.encode import encode_texts
from lessons_lib.model.pretrained import load_encoder

SMALL = replace(SIZES, num_layers=2)


@pytest.fixture(scope="module")
def measured():
    row = Row(2, 3, "forward")
    return measure(
        [row, replace(row, work="training")], SMALL, seconds_per_row=0.01, with_memory=False
    )


@pytest.mark.parametrize("work", encoder.WORK)
def test_all_encoders_give_the_same_output_and_gradient_at_awkward_sizes(work):
    config = replace(SIZES, d_model=24, num_heads=3, d_ff=96, num_layers=2)
    torch.manual_seed(2)
    x = torch.randn(3, 5, 24)
    outputs, gradients = [], []
    for model in make_candidates(config).values():
        own = x.clone().requires_grad_(work == "training")
        outputs.append(model(own))
        if work == "training":
            outputs[-1].square().mean().backward()
            gradients.append(own.grad)
    assert len(outputs) == 1 + len(PEERS)
    for other in outputs[1:]:
        torch.testing.assert_close(other, outputs[0], rtol=0, atol=1e-5)
    for other in gradients[1:]:
        torch.testing.assert_close(other, gradients[0], rtol=0, atol=1e-6)


def test_an_encoder_that_does_other_work_is_not_timed():
    models = make_candidates(SMALL)
    models["torch.nn.TransformerEncoder"].layers[1].linear1.bias.data[0] += 1.0
    with pytest.raises(AssertionError, match=r"torch\.nn\.TransformerEncoder differs from ours by"):
        encoder.require_same_output(models, Row(2, 3, "forward"))


def test_every_row_has_times_ratio_and_interval(measured):
    assert [row["work"] for row in measured["rows"]] == ["forward", "training"]
    for row in measured["rows"]:
        assert set(row["milliseconds"]) == {OURS, *PEERS}
        assert min(row["milliseconds"].values()) > 0
        assert row["fastest_peer"] in PEERS and row["rounds"] == timing.FEWEST_ROUNDS
        low, high = row["interval"]
        assert 0 < low <= row["relative_speed"] <= high
        assert ("operators" in row) == (high < 1)


def test_results_say_with_what_they_were_measured(measured):
    assert set(measured["machine"]) == {"hardware", "threads", "versions"}
    assert measured["machine"]["versions"]["torch"] == torch.__version__.split("+")[0]
    assert measured["sizes"] == {"num_layers": 2, "d_model": 384, "num_heads": 12, "d_ff": 1536}


def test_training_needs_at_least_the_memory_of_the_gradients():
    rows = [Row(1, 2, "training")]
    (peak,) = encoder.peak_memory(OURS, rows, SMALL)
    if peak is None:
        pytest.skip("peak memory is measured on Linux only")
    gradients = sum(p.nbytes for p in make_candidates(SMALL, (OURS,))[OURS].parameters())
    assert peak * encoder.MIB == pytest.approx(gradients, rel=0.3)


def test_relative_speed_is_the_fastest_peers_time_over_ours():
    times = {OURS: [2.0, 2.0, 4.0], "slow": [9.0, 9.0, 9.0], "fast": [1.0, 3.0, 4.0]}
    result = compare(times, OURS)
    assert result["fastest_peer"] == "fast" and result["rounds"] == 3
    assert result["relative_speed"] == 1.0  # of 0.5, 1.5 and 1.0
    assert result["milliseconds"] == {OURS: 2_000.0, "slow": 9_000.0, "fast": 3_000.0}


def test_a_stopped_measurement_goes_on_where_it_was(tmp_path, monkeypatch):
    file, rows = tmp_path / "results.json", [Row(1, 2, "forward"), Row(2, 3, "forward")]
    measure(rows[:1], SMALL, 0.01, with_memory=False, results_file=file)
    (first,) = json.loads(file.read_text())["rows"]
    both = measure(rows, SMALL, 0.01, with_memory=False, results_file=file)["rows"]
    assert both[0] == first and both[1]["batch"] == 2
    other = replace(SMALL, d_ff=96)
    assert len(measure(rows[:1], other, 0.01, with_memory=False, results_file=file)["rows"]) == 1


def test_the_compiled_encoder_is_measured_beside_ours_and_the_peers(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda model: model)  # needs no compiler here
    row = Row(1, 2, "forward", compiled=True)
    (result,) = measure([row], SMALL, 0.01, with_memory=False)["rows"]
    assert set(result["milliseconds"]) == {OURS, f"{OURS}, compiled", *PEERS}
    assert result["fastest_peer"] in PEERS and result["without_compile"] > 0
    assert "| 1\u00a0×\u00a02 | forward | float32 | " in page.compiled_table([result])


def test_interval_holds_the_median_and_narrows_with_more_rounds():
    rng = torch.Generator().manual_seed(0)
    few, many = (torch.randn(n, generator=rng).tolist() for n in (7, 700))
    for ratios in (few, many):
        low, high = bootstrap_interval(ratios)
        assert low < statistics.median(ratios) < high
    widths = [high - low for low, high in map(bootstrap_interval, (few, many))]
    assert widths[1] < widths[0] / 4


def test_full_measurement_has_every_shape_and_work():
    rows = [row for row in encoder.all_rows(with_compiled=True) if not row.compiled]
    shapes = {(row.batch, row.length, row.work) for row in rows if row.dtype == "float32"}
    assert shapes == {
        (batch, length, work)
        for batch in (8, 32)
        for length in (32, 128, 512)
        for work in ("forward", "training")
    }
    assert any(row.dtype == "bfloat16" for row in rows) == encoder.has_bfloat16()


def test_without_x_transformers_the_other_peers_are_measured(monkeypatch):
    monkeypatch.setattr(candidates, "PEERS", {n: m for n, m in PEERS.items() if n[0] != "x"})
    made = make_candidates(SMALL)
    assert list(made) == [OURS, "torch.nn.TransformerEncoder", "transformers.BertModel"]


def test_page_is_in_step_with_the_results():
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.whole(text) == text


def test_the_plot_has_a_dot_for_every_row_and_job_and_counts_as_the_page_does():
    modules = encoder, real_job, generation
    found, jobs, texts = (
        json.loads(module.RESULTS.read_text(encoding="utf-8")) for module in modules
    )
    drawn = page.plot_section(found, jobs, texts)
    others = len(real_job.compared(jobs)) + len(texts["rows"])
    assert drawn.count('class="dots-dot"') == len(found["rows"]) + others
    plain = [row for row in found["rows"] if not row["compiled"]]
    only = page.plot_section(found | {"rows": plain}, jobs, texts | {"rows": []})
    shown = {side: only.count(f'class="dots-row {side}"') for side in ("above", "below", "even")}
    told = page.verdict(plain)
    for one in real_job.compared(jobs).values():  # the jobs' dots are counted apart
        low, high = one["interval"]
        shown["above" if low > 1 else "below" if high < 1 else "even"] -= 1
    assert f"In {shown['above']} of {len(plain)} rows ours is quicker" in told
    assert f"in {shown['below']} it is slower, and in {shown['even']} the interval" in told
    training = page.geometric_mean([row for row in plain if row["work"] == "training"])
    assert f"is {training:.2f} in training, " in drawn


def test_tables_are_folded():
    text = page.PAGE.read_text(encoding="utf-8")
    outside = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert "| --- |" in text and "| --- |" not in outside


def test_page_tells_every_number_of_a_row(measured):
    product = {"name": "aten::addmm", "calls": 24, "milliseconds": 3.5}
    slow = measured["rows"][0] | {
        "peak_mib": {OURS: 12.34, **{name: None for name in PEERS}},
        "relative_speed": 0.812,
        "interval": [0.78, 0.9],
        "milliseconds": {OURS: 1_234.5, **{name: 9.87 for name in PEERS}},
        "operators": {OURS: [product], measured["rows"][0]["fastest_peer"]: [product]},
    }
    text = page.section(measured | {"rows": [slow]})
    assert "| 2\u00a0×\u00a03 | forward | 0.81 | 0.78\u2060–\u20600.90 | 1,234 | " in text
    assert text.count("| **9.9** |") == 1  # the quickest peer's
    assert "in 1 it is slower" in text.replace("\n", " ")
    assert "| 2\u00a0×\u00a03 | forward | 12 | not measured |" in text
    assert "| ours | `aten::addmm` | 24 | 3.5 |" in text
    assert text.count("`aten::addmm` | 24 | 3.5 |") == 2


def test_page_without_its_marks_is_refused():
    with pytest.raises(ValueError, match="the page should hold the marks '<!-- encoder: made by"):
        page.updated("# A page\n", "encoder", None)


def test_what_was_not_measured_is_said_to_be_missing():
    text = "".join(mark.format("encoder") for mark in page.MARKS)
    assert "There are no measurements yet" in page.updated(text, "encoder", None)


def test_writing_is_the_same_work_and_told_in_milliseconds_a_token():
    results = generation.measure([generation.Row(3, 2)], seconds=0.1)
    (row,) = results["rows"]
    assert row["rounds"] >= 5 and set(row["milliseconds"]) == {generation.OURS, generation.PEER}
    row["milliseconds"] = {generation.OURS: 84.2, generation.PEER: 90.0}
    told = generation.section(results)
    assert "| 3 tokens | 2 tokens |" in told and "| 42 ms | 45 ms |" in told


TINY = replace(real_job.QUICK, snippets=24, parts=3, tweets=16, tests=12)


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    for package in ("sentence_transformers", "accelerate"):
        pytest.importorskip(package, reason="part of the extra `bench`")
    file = tmp_path_factory.mktemp("job") / "real_job.json"
    real_job.measure(replace(TINY, parts=2), file)
    return file


def test_an_interrupted_job_goes_on_where_it_was(job):
    stored = json.loads(job.read_text())["encoding"]["rounds"]
    rounds = real_job.measure(TINY, job)["encoding"]["rounds"]
    assert len(stored) == 2 and len(rounds) == 3 and rounds[:2] == stored


def test_both_ways_of_a_job_do_the_same_work(job):
    results = json.loads(job.read_text())
    for found in results["encoding"]["rounds"]:
        assert found["gap"] < real_job.SAME_VECTOR
        assert set(found["seconds"]) == {real_job.OURS, *real_job.measured(results, "encoding")}
    (seed,) = results["fine-tuning"]["rounds"]
    assert set(seed["r"]) == {real_job.OURS, *real_job.PEERS["fine-tuning"]}
    assert "| encoding, 24 texts | float32 |" in real_job.section(results)


def test_a_runtime_that_is_not_installed_is_told_as_missing(job):
    results = json.loads(job.read_text())
    for each in results["encoding"]["rounds"]:
        each["seconds"] = {n: s for n, s in each["seconds"].items() if n not in backends.RUNTIMES}
    told = real_job.section(results)
    assert "Not installed, and so missing here: `onnxruntime`, `openvino`." in told
    for each in results["encoding"]["rounds"]:
        each["seconds"] |= dict.fromkeys(backends.RUNTIMES, 0.001)
    told = real_job.section(results)
    assert "missing here" not in told and "0 s with `openvino`" in told
    assert real_job.compared(results)["encoding"]["fastest_peer"] in backends.RUNTIMES


def test_without_the_exporter_no_runtime_is_measured(monkeypatch):
    monkeypatch.setattr(backends, "EXPORT", ("no_such_package",))
    assert backends.installed() == []


def test_other_vectors_are_other_work():
    vectors = {real_job.OURS: torch.zeros(2, 3), "other": torch.zeros(2, 3)}
    assert real_job.require_same_vectors(vectors) == 0
    vectors["other"][1, 2] = 2e-4
    with pytest.raises(AssertionError, match=r"other differs from ours by 0\.0002: not the same"):
        real_job.require_same_vectors(vectors)
    vectors["other"][1, 2] = float("nan")
    with pytest.raises(AssertionError, match="other differs"):
        real_job.require_same_vectors(vectors)


def test_each_runtime_gives_our_vectors_for_every_length_and_number_of_texts(tmp_path):
    names = backends.installed()
    if not names:
        pytest.skip("onnx, onnxscript and a runtime are part of the extra `bench`")
    encoder = load_encoder()
    file = backends.export(encoder, tmp_path / "encoder.onnx")
    for texts in (["one"], ["", "It rains.", "word " * 600]):
        wanted = encode_texts(texts, encoder, cache=False)
        for name in names:
            found = backends.encode(texts, backends.RUNTIMES[name](file))
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
