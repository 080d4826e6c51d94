"""Statistics of rounds and ratios, by hand."""

from __future__ import annotations

import pytest

from blazepose_tf.timing import latencies


def test_summary_by_hand():
    result = latencies.summarize([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
    assert (result["median"], result["min"], result["mean"], result["count"]) == (2.5, 1.0, 3.0, 6)
    assert result["rounds"] == [2.0, 4.0]
    assert result["p5"] == pytest.approx(1.25) and result["p95"] == pytest.approx(5.5)


@pytest.mark.parametrize("rounds", [[], [[]], [[1.0, 0.0]], [[float("nan")]]])
def test_no_runs_or_impossible_ones(rounds):
    with pytest.raises(ValueError, match="latencies"):
        latencies.summarize(rounds)


def test_a_disturbance_of_whole_rounds_leaves_the_ratio():
    reference, twice = [1.0, 5.0, 1.2], [2.0, 10.0, 2.4]
    assert latencies.ratio(twice, reference) == {"median": 2.0, "p5": 2.0, "p95": 2.0}


def test_rounds_must_match():
    with pytest.raises(ValueError, match="same rounds"):
        latencies.ratio([1.0], [1.0, 2.0])
