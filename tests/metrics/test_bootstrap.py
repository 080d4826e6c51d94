"""Intervals of known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.metrics import bootstrap


def test_interval_of_a_share():
    # 400 people, 80 % right: standard error sqrt(.8 * .2 / 400) = .02, 95 % within 1.96 of them.
    right = np.repeat([1.0, 0.0], [320, 80])
    low, high = bootstrap.ratio_interval(right, np.ones(400))
    assert low == pytest.approx(0.8 - 0.0392, abs=0.006)
    assert high == pytest.approx(0.8 + 0.0392, abs=0.006)
    assert bootstrap.ratio_interval(right, np.ones(400)) == (low, high)  # reproducible


def test_certainty_and_nobody():
    assert bootstrap.ratio_interval([2.0, 2.0], [2.0, 2.0]) == (1.0, 1.0)
    assert np.isnan(bootstrap.ratio_interval([], [])).all()


def test_a_paired_difference_is_narrower_than_two_intervals():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 18, 300).astype(float)
    second = np.maximum(first - (rng.uniform(size=300) < 0.3), 0)  # a little worse on the same people
    low, high = bootstrap.difference_interval(first, second, np.full(300, 17.0))
    assert 0 < low < high < 0.05
