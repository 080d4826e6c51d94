"""Spreads to error bars: what `fit` learns holds on points that it did not see."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.codecs.error_bars import ErrorBars, fit, fit_angles
from blazepose_tf.geometry import angles
from blazepose_tf.specs import TrackerSpec

NAMES = ("nose", "left_knee", "right_knee", "paw")


def _seen(rng, count):
    """Errors that grow with the spread: normal in both directions, faces half as far off as legs."""
    spreads = rng.uniform(3.0, 9.0, (count, len(NAMES)))
    scale = spreads * np.array([0.5, 1.0, 1.0, 2.0])
    return spreads, np.linalg.norm(rng.normal(0.0, scale[..., None], (*scale.shape, 2)), axis=-1)


def test_nine_of_ten_errors_lie_within_the_bars_wherever_the_spread_is():
    table = fit(*_seen(np.random.default_rng(0), 2000), NAMES)
    assert list(table) == ["face", "legs", "others"]
    bars = ErrorBars(table, NAMES)
    spreads, errors = _seen(np.random.default_rng(1), 4000)
    radii = np.stack([bars(row) for row in spreads])
    for k in range(len(NAMES)):
        for low in (3.5, 5.0, 7.0):
            chosen = (spreads[:, k] >= low) & (spreads[:, k] < low + 1.5)
            assert np.mean(errors[chosen, k] <= radii[chosen, k]) == pytest.approx(0.9, abs=0.05)
    # A normal error in two directions lies within 2.146 standard deviations in 90 % of the cases.
    np.testing.assert_allclose(bars(np.full(4, 6.0)), 6.0 * 2.146 * np.array([0.5, 1, 1, 2]), rtol=0.12)


def test_points_without_support_or_table_have_no_bar():
    spreads, errors = _seen(np.random.default_rng(0), 300)
    errors[:, 0] = np.nan  # nobody labelled faces
    spreads[:50] = np.nan
    bars = ErrorBars(fit(spreads, errors, NAMES), NAMES)
    found = bars(np.array([5.0, np.nan, 5.0, 5.0]))
    assert np.isnan(found[:2]).all() and np.isfinite(found[2:]).all()
    assert fit(spreads[:60], errors[:60], NAMES) == {}  # ten people are no calibration


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "table"),
        ({"table": {"legs": {"spread": [1.0]}}}, "error"),
        ({"table": {"legs": {"spread": [2.0, 1.0], "error": [3.0, 4.0]}}}, "legs: expected as many errors"),
        ({"table": {"legs": {"spread": [1.0], "error": [0.0]}}}, "legs: expected as many errors"),
        ({"table": {}, "angles": {"knee": 0.0}}, "angles: expected factors above 0"),
        ({"table": {}, "angles": {"knee": "much"}}, "angles"),
    ],
)
def test_a_damaged_table_is_refused_by_name(document, message):
    with pytest.raises(ValueError, match=rf"own.tflite: metadata: error.*{message}"):
        ErrorBars.of_file(document, TrackerSpec(), "own.tflite")


def test_factors_make_bars_of_angles_hold_nine_of_ten():
    """Knees are half as far off as their bars say, trunks as much; the others go by what all have."""
    rng = np.random.default_rng(0)

    def seen(count, share):
        bars = rng.uniform(5.0, 30.0, count)
        return np.stack([np.abs(rng.normal(0.0, share * bars / 1.645)), bars], axis=-1)

    factors = fit_angles({"knee": seen(3000, 0.5), "trunk": seen(3000, 1.0), "hip": seen(50, 3.0)})
    assert set(factors) == {"knee", "trunk", "others"}  # 50 hips are too few
    assert factors["knee"] == pytest.approx(0.5, rel=0.05) and factors["trunk"] == pytest.approx(1.0, rel=0.05)
    later = seen(3000, 0.5)
    assert np.mean(later[:, 0] <= later[:, 1] * angles.factor(factors, "knee")) == pytest.approx(0.9, abs=0.02)
    assert angles.factor(factors, "ankle") == factors["others"] and angles.factor({}, "knee") == 1.0
    assert fit_angles({}) == {}
    document = {"table": {"legs": {"spread": [1.0], "error": [2.0]}}, "angles": factors}
    assert ErrorBars.of_file(document, TrackerSpec(), "own").angles == factors
    assert ErrorBars.of_file({"table": document["table"]}, TrackerSpec(), "own").angles == {}
