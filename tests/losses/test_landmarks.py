"""Landmark, alignment and presence losses by hand."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest

from blazepose_tf.losses.landmarks import INITIAL_SCALE, LOG_INITIAL_SCALE, AlignmentLoss, LandmarkLoss, PresenceLoss

TARGET = np.float32([[[100.0, 50.0, 1.0], [30.0, 40.0, 0.0]]])
LN2 = math.log(2.0)


def predicted(dx: float, *, z: bool = False):
    points = TARGET.copy()
    points[..., 0] += dx
    points[..., 2] = 0.0
    return np.insert(points, 2, 77.0, axis=-1) if z else points


@pytest.mark.parametrize("z", [False, True])
def test_l1_by_hand(z):
    loss = LandmarkLoss(input_size=256, coordinates="l1", coordinate_weight=20.0, visibility_weight=0.1)
    expected = 20.0 * (25.6 / 256 / 2) + 0.1 * LN2
    np.testing.assert_allclose(loss.call(TARGET, predicted(25.6, z=z)), [[expected, expected]], rtol=1e-5)


def test_a_resolution_does_not_change_the_loss():
    small = LandmarkLoss(input_size=128).call(TARGET * [0.5, 0.5, 1.0], predicted(10.0) * [0.5, 0.5, 1.0])
    np.testing.assert_allclose(small, LandmarkLoss(input_size=256).call(TARGET, predicted(10.0)), rtol=1e-5)


def test_unlabelled_points_do_not_matter():
    loss = LandmarkLoss(input_size=256)
    wrong = predicted(5.0)
    wrong[0, 1] = [1e5, -1e5, 50.0]
    weights = np.float32([[1.0, 0.0]])
    assert float(loss(TARGET, wrong, sample_weight=weights)) == pytest.approx(
        float(loss(TARGET, predicted(5.0), sample_weight=weights)), rel=1e-6
    )


def test_rle_is_least_where_the_scale_is_the_error():
    loss = LandmarkLoss(input_size=256, coordinates="rle", visibility_weight=0.0, coordinate_weight=1.0)

    def value(log_scale: float) -> float:
        column = np.full((1, 2, 1), log_scale, np.float32)
        return float(np.asarray(loss.call(TARGET, np.concatenate([predicted(20.0), column], axis=-1)))[0, 0])

    error = 20.0 / 256 / 2  # mean of |dx| and |dy|
    assert value(math.log(error)) < min(value(math.log(error) - 0.2), value(math.log(error) + 0.2))
    # At its initial scale the penalty is that of L1.
    assert value(LOG_INITIAL_SCALE) == pytest.approx(INITIAL_SCALE * error / INITIAL_SCALE, rel=1e-4)


def test_alignment_and_presence_by_hand():
    points = np.float32([[[128.0, 128.0], [128.0, 20.0]]])
    # 25.6 px of 256 in x only: (0.1 - 0.005) / 2.
    np.testing.assert_allclose(
        AlignmentLoss(input_size=256, weight=2.0).call(points, points + np.float32([25.6, 0.0])),
        [[0.095, 0.095]],
        rtol=1e-4,
    )
    values = PresenceLoss(weight=1.0).call(np.float32([[1.0], [0.0]]), np.float32([[0.0], [-2.0]]))
    np.testing.assert_allclose(values, [LN2, math.log1p(math.exp(-2.0))], rtol=1e-5)


def test_unknown_coordinates_are_refused():
    with pytest.raises(ValueError, match="Received: coordinates='l2'"):
        LandmarkLoss(input_size=256, coordinates="l2")


def test_losses_are_functions_of_keras_tensors():
    loss = LandmarkLoss(input_size=256)
    value = loss(keras.ops.convert_to_tensor(TARGET), keras.ops.convert_to_tensor(predicted(3.0)))
    assert np.isfinite(float(value))
