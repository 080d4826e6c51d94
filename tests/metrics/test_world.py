"""Metric points: hand-computed distances, and laws of the alignment."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.metrics import world


def test_mean_distance_of_what_is_known():
    truth = np.zeros((2, 3, 3))
    predicted = truth + np.array([[3, 4, 0], [0, 0, 1], [9, 9, 9]])
    known = np.array([[1, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(world.mpjpe(predicted, truth, known), [3.0, np.nan])


def test_turned_scaled_and_moved_points_are_the_same_after_alignment():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4, 33, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    known = np.ones((4, 33))
    np.testing.assert_allclose(world.pa_mpjpe(0.3 * truth @ turn + 5.0, truth, known), 0.0, atol=1e-9)
    # A mirror image is another pose.
    assert (world.pa_mpjpe(truth * (1, 1, -1), truth, known) > 0.1).all()
    assert np.isnan(world.pa_mpjpe(truth, truth, np.eye(4, 33))).all()


def test_limbs():
    points = np.zeros((1, 33, 3))
    index = topology.KEYPOINTS.index
    for side, length in (("left", 0.3), ("right", 0.2)):
        points[0, index(f"{side}_elbow")] = (length, 0, 0)
        points[0, index(f"{side}_wrist")] = (length, 0.25, 0)
        points[0, index(f"{side}_knee")] = (0, 0.4, 0)
        points[0, index(f"{side}_ankle")] = (0, 0.4, 0.4)
    np.testing.assert_allclose(world.limb_lengths(points)[0], [[0.3, 0.2], [0.25, 0.25], [0.4, 0.4], [0.4, 0.4]])
    assert world.asymmetry(points) == pytest.approx(0.0)
    known = np.ones((1, 33))
    assert world.length_spread(2.0 * points, points, known) == pytest.approx(0.0)
    assert world.length_spread(points, points * (1, 2, 1), known) > 0.2


def test_depth_order_counts_clear_pairs():
    truth = np.array([[0.0, 1.0, 2.0, 2.1]])
    known = np.ones((1, 4))
    # Six pairs, of which the last (0.1 of a torso) has no order; the guess exchanges the first two.
    assert world.depth_order(np.array([[1.0, 0.0, 2.0, 3.0]]), truth, known, np.ones(1)) == pytest.approx(4 / 5)
    assert np.isnan(world.depth_order(truth, truth, np.zeros((1, 4)), np.ones(1)))


def test_mask_overlap():
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert world.mask_iou(a, b) == 1.0
    a[:2], b[1:3] = True, True
    assert world.mask_iou(a, b) == pytest.approx(1 / 3)
