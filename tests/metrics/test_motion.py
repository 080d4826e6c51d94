"""Jitter, lag and track losses of made motions."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf.metrics import motion


def test_steady_motion_has_no_jitter():
    points = np.arange(10)[:, None, None] * np.array([3.0, -2.0]) + np.zeros((10, 4, 2))
    assert motion.jitter(points, 50.0) == pytest.approx(0, abs=1e-12)


def test_alternating_points_by_hand():
    # x = +1, -1, +1 ...: second difference is -4 or 4 every time; torso 8.
    points = np.zeros((9, 2, 2))
    points[:, :, 0] = np.where(np.arange(9) % 2, -1.0, 1.0)[:, None]
    assert motion.jitter(points, 8.0) == pytest.approx(0.5)


def test_white_noise_gives_root_twelve():
    points = np.random.default_rng(0).normal(0, 1, (20_000, 1, 2))
    assert motion.jitter(points, 1.0) == pytest.approx(np.sqrt(12.0), rel=0.02)


def test_frames_without_a_pose_do_not_count():
    points = np.zeros((7, 1, 2))
    points[3] = 1e6
    found = np.ones(7, bool)
    found[3] = False
    assert motion.jitter(points, 1.0, found=found) == 0.0
    assert np.isnan(motion.jitter(points[:2], 1.0))


def test_resting_keypoints_are_told_apart_from_moving_ones():
    x = np.concatenate([np.zeros(20), np.arange(20) * 10.0])
    moving = np.stack([x, np.zeros(40)], axis=-1)
    points = np.stack([moving, np.zeros((40, 2))], axis=1)
    resting = motion.resting(points, 100.0)
    assert resting[:15, 0].all() and not resting[25:, 0].any()
    assert resting[:, 1].all()


def test_jitter_of_the_resting_keypoint_only():
    points = np.zeros((9, 2, 2))
    points[:, 0, 0] = np.where(np.arange(9) % 2, -1.0, 1.0)
    mask = np.zeros((9, 2), bool)
    mask[:, 0] = True
    assert motion.jitter(points, 8.0, found=mask) == pytest.approx(0.5)
    assert motion.jitter(points, 8.0, found=~mask) == 0.0


def test_lag_of_a_delayed_copy():
    velocity = np.array([2.0, 1.0])
    reference = np.arange(30)[:, None, None] * velocity + np.zeros((30, 5, 2))
    assert motion.lag(reference - 1.5 * velocity, reference, velocity) == pytest.approx(1.5)


def test_track_counts():
    found = [False, True, True, False, True, True, True]
    detected = [True, True, False, False, True, False, True]
    # Losses: frame 3 has none after frame 2; frame 6 was detected anew after frame 5.
    result = motion.track(found, detected)
    assert result == motion.Track(frames=7, found=5, losses=2, detector_runs=4)
    assert (result + result).losses == 4
