"""Hand-computed values of the penalties."""

from __future__ import annotations

import math

import numpy as np
import pytest

from blazepose_tf.losses.penalties import KNEE, WING_CURVATURE, WING_WIDTH, penalty


def test_values_by_hand():
    residual = np.float32([0.0, 0.005, -0.01, 0.11])
    np.testing.assert_allclose(penalty(residual, kind="l1"), [0.0, 0.005, 0.01, 0.11], rtol=1e-6)
    # Knee 0.01: 0.005^2 / 0.02, then |r| - 0.005.
    np.testing.assert_allclose(penalty(residual, kind="huber", knee=KNEE), [0, 0.00125, 0.005, 0.105], rtol=1e-5)


def test_wing_joins_its_two_parts():
    inside = WING_WIDTH * math.log(1 + 1.0 / 256 / WING_CURVATURE)
    np.testing.assert_allclose(penalty(np.float32([1.0 / 256]), kind="wing"), [inside], rtol=1e-5)
    below, above = penalty(np.float32([WING_WIDTH - 1e-6, WING_WIDTH + 1e-6]), kind="wing")
    assert float(above) - float(below) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("kind", ["l1", "huber", "wing"])
def test_large_residuals_have_slope_one(kind):
    a, b = np.asarray(penalty(np.float32([0.4, 0.6]), kind=kind))
    assert b - a == pytest.approx(0.2, rel=1e-4)


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="Received: kind='l3'"):
        penalty(np.float32([0.0]), kind="l3")
