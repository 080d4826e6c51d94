"""Alignment errors of bodies that were moved, resized and turned by known amounts."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.geometry import alignment as geometry
from blazepose_tf.metrics import alignment


def made(x, y, radius, degrees):
    return geometry.from_parts(np.array([x, y], float), np.float64(radius), np.float64(np.deg2rad(degrees)))


def test_errors_by_hand():
    truth = made(100, 100, 80, 170)
    predicted = made(103, 104, 100, -170)
    error = alignment.errors(predicted, truth, np.float64(50))
    assert error.center == pytest.approx(5 / 50)
    assert error.radius == pytest.approx(0.25)
    assert np.rad2deg(error.incline) == pytest.approx(20)  # across 180 degrees, not 340
    assert not alignment.within(error)


def test_limits_hold_each_on_its_own():
    truth, torso = made(0, 0, 100, 0), np.float64(50)
    good = made(24, 0, 129, 14)
    assert alignment.within(alignment.errors(good, truth, torso))
    for bad in (made(26, 0, 100, 0), made(0, 0, 131, 0), made(0, 0, 69, 0), made(0, 0, 100, 16)):
        assert not alignment.within(alignment.errors(bad, truth, torso))


def test_an_unknown_torso_comes_from_the_radius():
    error = alignment.errors(made(10, 0, 185, 0), made(0, 0, 185, 0), np.float64(np.nan))
    assert error.center == pytest.approx(0.1)
