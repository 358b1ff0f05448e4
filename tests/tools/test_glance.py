"""Forests, dots and heat tables: what is drawn is what the numbers say, and words say it too."""

import re

import pytest
from tools_path import glance


def entry(**changes) -> dict:
    told = {"words": "A against B", "interval": [0.1, 0.3], "mean": 0.2, "held": True}
    return told | {"sealed": None} | changes


def test_zero_is_in_the_middle_and_the_most_is_near_the_end():
    drawn = glance.forest([entry(mean=0.5, held=False), entry(interval=[-1.0, 0.0], mean=0.0)])
    places = [float(x) for x in re.findall(r'"outcome" style="left:([\d.]+)%"', drawn)]
    assert places == [pytest.approx(50 + 50 * 0.5 / 1.1, abs=0.1), 50.0]
    left, width = re.findall(r'"forecast" style="left:([\d.]+)%;width:([\d.]+)%"', drawn)[1]
    assert float(left) + float(width) == pytest.approx(50, abs=0.11)


def test_a_miss_stands_out_and_is_said():
    row = glance.forest([entry(mean=0.5, held=False)])
    assert 'class="forest-row missed"' in row
    assert "forecast +0.10 to +0.30, outcome +0.50: missed" in row


def test_what_was_not_run_has_no_dot():
    row = glance.forest([entry(mean=None, held=None)])
    assert "not run" in row and 'class="outcome"' not in row


def test_sealed_outcomes_are_drawn_beside():
    row = glance.forest([entry(sealed={"value": -0.1, "low": -0.2, "high": 0.0})])
    assert row.count('class="sealed') == 2 and "on sealed texts −0.10" in row


def test_names_are_no_markup():
    assert "<b>" not in glance.forest([entry(words="<b>")]) + glance.heat({"<b>": [0.1]}, ["<b>"])


def test_heat_grows_with_r_and_letters_stay_legible():
    drawn = glance.heat({"own": [0.2, 0.6, 0.95, None]}, list("abcd"), corner="x")
    shares = [int(x) for x in re.findall(r"--share:(\d+)%", drawn)]
    assert shares == [4, 36, 90] and drawn.count('class="strong"') == 1
    assert drawn.count('scope="col"') == 5 and "<td>–</td>" in drawn


def ratio(words: str, value: float, low: float, high: float) -> dict:
    return {"words": words, "value": value, "low": low, "high": high}


def test_twice_and_half_are_equally_far_from_the_line():
    drawn = glance.dots({"All": [ratio("a", 2, 1.5, 2), ratio("b", 0.5, 0.5, 1.2)]})
    line = float(re.search(r'style="--one:([\d.]+)%"', drawn)[1])
    places = [float(x) for x in re.findall(r'"dots-dot" style="left:([\d.]+)%"', drawn)]
    assert places[0] - line == pytest.approx(line - places[1], abs=0.11)
    spans = re.findall(r'"dots-span" style="left:([\d.]+)%;width:([\d.]+)%"', drawn)
    left, width = map(float, spans[0])
    assert left + width == pytest.approx(places[0], abs=0.11)
    assert all(0 < float(x) < 100 for span in spans for x in span)


def test_a_ratio_is_above_or_below_only_where_its_interval_says_so():
    entries = [ratio("a", 1.1, 1.01, 1.2), ratio("b", 1.1, 0.9, 1.2), ratio("c", 0.9, 0.8, 0.99)]
    drawn = glance.dots({"<All>": entries})
    assert re.findall(r'class="dots-row (above|even|below)"', drawn) == ["above", "even", "below"]
    assert "1.10<span" in drawn and "(1.01 to 1.20)" in drawn and "&lt;All&gt;" in drawn
    assert re.findall(r">(\d\.\d)</span>", drawn) == ["0.8", "0.9", "1.0", "1.1", "1.2"]
