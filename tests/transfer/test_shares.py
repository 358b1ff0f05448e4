"""Means over languages and seeds, and what resampling says of them."""

import numpy as np
import pytest

from lessons_lib.transfer.shares import mean_share, share_gap, shares_of, show_shares_forecast


def results_of(rows):
    return {
        "runs": [
            {
                "variant": ["e5", "en", "0"],
                "stage": "final",
                "seed": seed,
                "settings": {},
                "numbers": {f"in {name}": value for name, value in row.items()},
            }
            for seed, row in enumerate(rows)
        ]
    }


def test_shares_come_by_seed_and_language():
    results = results_of([{"de": 0.1, "fi": 0.3}, {"de": 0.2, "fi": 0.4}])
    found = shares_of(results, ("e5", "en", "0"), ["fi", "de"])
    np.testing.assert_allclose(found, [[0.3, 0.1], [0.4, 0.2]])
    assert shares_of(results, ("e5", "en", "0"), ["sv"]) is None
    assert shares_of(results, ("words", "en", "0"), ["de"]) is None


def test_interval_holds_the_mean_and_narrows_with_more_languages():
    rng = np.random.default_rng(0)
    few, many = (0.5 + 0.2 * rng.standard_normal((3, count)) for count in (8, 400))
    for shares in (few, many):
        found = mean_share(shares)
        assert found.value == pytest.approx(shares.mean())
        assert found.low < found.value < found.high
    wide, narrow = mean_share(few), mean_share(many)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_interval_of_the_mean_is_near_that_of_the_normal_law():
    rng = np.random.default_rng(1)
    shares = np.repeat(0.5 + 0.1 * rng.standard_normal((1, 100)), 2, axis=0)  # seeds agree
    found = mean_share(shares)
    half = 1.96 * shares[0].std() / 10
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.12)


def test_a_difference_in_every_language_is_found_though_languages_differ_more():
    rng = np.random.default_rng(2)
    base = rng.uniform(0.1, 0.9, size=(1, 30)) + 0.001 * rng.standard_normal((3, 30))
    found = share_gap(base + 0.02, base)
    assert found.low > 0.015 and found.p < 0.01
    assert share_gap(base, base).p > 0.5
    assert share_gap(None, base) is None


def test_forecast_without_runs_is_printed_as_missing(capsys):
    show_shares_forecast({"study": "intents", "runs": []}, {"accuracy": ["de"]})
    assert capsys.readouterr().out.startswith("Not run: e5 - words, from English;")
