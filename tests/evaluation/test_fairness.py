"""The fairness table, and what the 2020 model card's own numbers say."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.evaluation import fairness

# PDJ by region, 2020 model card of BlazePose Full, "Geographical evaluation results".
CARD_2020 = {
    "Australia and New Zealand": 81.4, "Caribbean": 85.4, "Europe": 80.9, "Northern Africa": 85.4,
    "South America": 84.1, "Southeastern Asia": 84.1, "Western Asia": 84.4, "Central America": 84.8,
    "Central Asia": 84.4, "Eastern Asia": 81.0, "Middle Africa": 85.9, "Northern America": 85.5,
    "Southern Africa": 83.6, "Southern Asia": 86.8,
}  # fmt: skip


def test_the_card_of_2020_spans_more_than_it_says():
    spread = fairness.spread(CARD_2020)
    assert (spread.lowest, spread.highest) == ("Europe", "Southern Asia")
    assert spread.span == pytest.approx(5.9)
    assert not spread.fair(limit=5.0)  # its text says 4.6 points, 80.9 to 85.5, and "fair"
    assert np.mean(list(CARD_2020.values())) == pytest.approx(84.0, abs=0.15)  # its "total" is right


def test_table_by_hand():
    rates = np.concatenate([np.full(40, 0.9), np.tile([0.8, 0.9], 20), [np.nan]])
    groups = np.array(["a"] * 40 + ["b"] * 40 + ["b"])
    table = fairness.by_group(rates, groups, field="region")
    assert [row["people"] for row in table["rows"]] == [40, 40]
    assert table["rows"][1]["pdj"] == pytest.approx(0.85)
    assert table["rows"][1]["std"] == pytest.approx(0.05 * np.sqrt(40 / 39))
    assert table["span"] == pytest.approx(0.05)
    assert table["verdict"] == "within the limit"


def test_small_groups_carry_no_verdict():
    rates = np.concatenate([np.full(40, 0.9), np.full(5, 0.1)])
    groups = np.array(["many"] * 40 + ["few"] * 5)
    assert fairness.by_group(rates, groups, field="g")["verdict"].startswith("undecided")


def test_nobody_is_an_error():
    with pytest.raises(ValueError, match="at least one group"):
        fairness.spread({"a": float("nan")})
