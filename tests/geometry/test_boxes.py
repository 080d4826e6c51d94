"""Overlap and weighted suppression, by hand."""

from __future__ import annotations

import numpy as np

from blazepose_tf.geometry import boxes


def test_iou_by_hand():
    a = np.float32([[0, 0, 10, 10]])
    b = np.float32([[5, 0, 15, 10], [0, 0, 10, 10], [20, 20, 30, 30], [3, 3, 3, 3]])
    np.testing.assert_allclose(boxes.iou(a, b), [[50 / 150, 1, 0, 0]], rtol=1e-6)


def test_weighted_nms_averages_a_group_by_score():
    candidates = np.float32([[0, 0, 10, 10], [2, 0, 12, 10], [100, 100, 110, 110]])
    points = np.float32([[[0, 0]], [[4, 8]], [[50, 50]]])
    merged, merged_points, scores = boxes.weighted_nms(candidates, points, np.float32([0.9, 0.3, 0.8]))
    # 0.9 : 0.3 is 3 : 1, so the second candidate pulls by a quarter.
    np.testing.assert_allclose(merged, [[0.5, 0, 10.5, 10], [100, 100, 110, 110]], rtol=1e-6)
    np.testing.assert_allclose(merged_points, [[[1, 2]], [[50, 50]]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.9, 0.8], rtol=1e-6)


def test_weighted_nms_takes_somebody_elses_word_for_what_is_the_same():
    candidates = np.float32([[0, 0, 10, 10], [0, 0, 10, 10], [100, 100, 110, 110]])
    same = np.array([[True, False, True], [False, True, False], [True, False, True]])
    merged, _, scores = boxes.weighted_nms(candidates, np.zeros((3, 1, 2)), np.float32([0.6, 0.5, 0.2]), same=same)
    np.testing.assert_allclose(merged, [[25, 25, 35, 35], [0, 0, 10, 10]], rtol=1e-6)
    np.testing.assert_allclose(scores, [0.6, 0.5], rtol=1e-6)


def test_nothing_in_nothing_out():
    merged, points, scores = boxes.weighted_nms(np.zeros((0, 4)), np.zeros((0, 2, 2)), np.zeros(0))
    assert merged.shape == (0, 4) and points.shape == (0, 2, 2) and scores.shape == (0,)


def test_a_box_without_area_does_not_loop_forever():
    merged, _, _ = boxes.weighted_nms(np.float32([[5, 5, 5, 5]]), np.zeros((1, 2, 2)), np.float32([0.5]))
    assert merged.shape == (1, 4)
