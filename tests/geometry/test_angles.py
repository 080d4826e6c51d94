"""Angles against right, straight and half right ones."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.geometry import angles


def test_between_two_limbs_in_the_plane_and_in_space():
    vertex = np.array([10.0, 20.0])
    ends = np.array([[10, 0], [30, 20], [10, 40], [24, 6], [10, 15]])
    found = angles.between([10.0, 0.0], vertex, ends)
    np.testing.assert_allclose(found, [0, 90, 180, 45, 0], atol=1e-9)
    assert angles.between([1, 0, 0], [0, 0, 0], [0, 0, 5]) == pytest.approx(90.0)
    assert angles.between([1, 0, 0], [0, 0, 0], [-3, 0, 3]) == pytest.approx(135.0)


def test_an_angle_without_limbs_is_unknown():
    assert np.isnan(angles.between([1.0, 1.0], [1.0, 1.0], [2.0, 2.0]))
    assert np.isnan(angles.between([np.nan, 1.0], [0.0, 0.0], [2.0, 2.0]))
    assert np.isnan(angles.lean([3.0, 3.0], [3.0, 3.0]))


def test_lean_is_zero_upright_and_positive_to_the_right():
    tips = np.array([[0, -2], [2, -2], [2, 0], [0, 2], [-2, 0]])
    np.testing.assert_allclose(angles.lean([0.0, 0.0], tips), [0, 45, 90, 180, -90])
    np.testing.assert_allclose(angles.wrapped([350.0, -190.0, 180.0, 10.0]), [-10, 170, -180, 10])


def test_mirroring_and_turning_keep_the_angle():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(3, 50, 2))
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    np.testing.assert_allclose(angles.between(*points), angles.between(*(points @ turn.T)))
    np.testing.assert_allclose(angles.between(*points), angles.between(*(points * [-1, 1])))


def test_error_bars_hold_nine_of_ten_errors_of_points_that_are_off_in_any_direction():
    rng = np.random.default_rng(0)
    first, vertex, second = np.array([[40.0, 0.0]]), np.array([[0.0, 0.0]]), np.array([[20.0, 60.0]])
    radii = np.array([[4.0, 2.0, 6.0]])  # of a normal error in two directions, 2.146 standard deviations hold 90 %
    noise = rng.normal(0.0, 1.0, (20000, 3, 2)) * (radii.T / 2.146)
    truth = angles.between(first, vertex, second)
    found = angles.between(first + noise[:, 0], vertex + noise[:, 1], second + noise[:, 2])
    bar = angles.between_error(first, vertex, second, radii)
    assert np.mean(np.abs(found - truth) <= bar) == pytest.approx(0.9, abs=0.01)
    lean = angles.lean(vertex + noise[:, 0], second + noise[:, 2]) - angles.lean(vertex, second)
    assert np.mean(np.abs(lean) <= angles.lean_error(vertex, second, radii[:, [0, 2]])) == pytest.approx(0.9, abs=0.01)


def test_error_bars_of_angles_are_unknown_where_a_points_is_and_end_at_half_a_turn():
    line = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert np.isnan(angles.between_error(*line, [1.0, np.nan, 1.0]))
    assert np.isnan(angles.between_error(line[0], line[0], line[1], [1.0, 1.0, 1.0]))
    assert angles.between_error(*line, [99.0, 99.0, 99.0]) == 180.0
