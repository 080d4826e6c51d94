"""Detector losses: values by hand, the choice of hard negatives, and scale by the size of the person."""

from __future__ import annotations

import math

import numpy as np
import pytest

from blazepose_tf.losses.detection import ClassificationLoss, RegressionLoss

LN2 = math.log(2.0)


def test_focal_by_hand():
    target = np.float32([[[1.0], [0.0], [0.0], [0.0]]])
    values = ClassificationLoss(alpha=0.25, gamma=2.0).call(target, np.zeros((1, 4, 1), np.float32))
    # p = 0.5: 0.25 of the cross-entropy ln 2, times 4 anchors over 1 positive.
    np.testing.assert_allclose(values, [[0.25 * 0.25 * LN2 * 4] + 3 * [0.75 * 0.25 * LN2 * 4]], rtol=1e-5)


def test_focal_ignores_what_is_easy():
    target = np.zeros((1, 4, 1), np.float32)
    easy = ClassificationLoss().call(target, np.full((1, 4, 1), -8.0, np.float32))
    hard = ClassificationLoss().call(target, np.full((1, 4, 1), 2.0, np.float32))
    assert np.max(easy) < 1e-6 < np.min(hard)


def test_hard_negatives_are_the_highest_scores_and_never_ignored_anchors():
    logits = np.linspace(-3.0, 3.0, 40, dtype=np.float32).reshape(1, 40, 1)
    target = np.zeros((1, 40, 1), np.float32)
    target[0, 0] = 1.0
    target[0, 39] = -1.0  # the highest score of all does not count
    values = np.asarray(ClassificationLoss(kind="hard_negative").call(target, logits))[0]
    assert values[39] == 0.0 and values[0] > 0.0
    assert np.flatnonzero(values[1:]).tolist() == list(range(30, 38))  # the eight below it


def test_a_neutral_anchor_costs_nothing():
    target = np.float32([[[-1.0], [0.0]]])
    values = np.asarray(ClassificationLoss().call(target, np.full((1, 2, 1), 5.0, np.float32)))
    assert values[0, 0] == 0.0 and values[0, 1] > 0.0


def test_regression_counts_in_sizes_of_the_person():
    target = np.float32([[[2.0, 3.0, 20.0, 20.0, 5.0, 5.0, 5.0, 45.0]]])
    error = np.float32([4.0, 0.0, 0.0, 0.0, 8.0, 0.0, 0.0, 0.0])
    # Box: (4 / 20 - 0.05) / 4; points: 8 / 40 = 0.2 of the radius, (0.2 - 0.05) / 4, twice.
    expected = 0.15 / 4 + 2.0 * 0.15 / 4
    np.testing.assert_allclose(RegressionLoss().call(target, target + error), [[expected]], rtol=1e-5)
    np.testing.assert_allclose(RegressionLoss().call(3 * target, 3 * (target + error)), [[expected]], rtol=1e-5)


def test_an_anchor_without_a_face_stays_finite():
    zeros = np.zeros((1, 2, 8), np.float32)
    assert np.isfinite(np.asarray(RegressionLoss().call(zeros, zeros + 50.0))).all()


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="Received: kind='ohem'"):
        ClassificationLoss(kind="ohem")
