"""Heatmap and offset losses: values by hand, masks, and agreement with the codec."""

from __future__ import annotations

import math

import numpy as np
import pytest

from blazepose_tf.codecs import heatmaps as codec
from blazepose_tf.losses.heatmaps import HeatmapLoss, OffsetLoss


def test_cross_entropy_by_hand():
    target = np.zeros((1, 2, 2, 1), np.float32)
    target[0, 0, 0, 0] = 1.0
    logits = np.zeros((1, 2, 2, 1), np.float32)
    # Four cells of ln 2, the positive one ten times.
    expected = math.log(2.0) * (10 + 3) / 4
    np.testing.assert_allclose(HeatmapLoss().call(target, logits), [[expected]], rtol=1e-6)
    np.testing.assert_allclose(HeatmapLoss(kind="mse").call(target, logits), [[0.25 * 13 / 4]], rtol=1e-6)


def maps(*cells):
    """(1, 8, 8, K) targets with their mass in single cells."""
    target = np.zeros((1, 8, 8, len(cells)), np.float32)
    for k, (row, column) in enumerate(cells):
        target[0, row, column, k] = 8.0  # more than MIN_TARGET, as a Gaussian has
    return target


def test_of_two_peaks_one_must_win_by_hand():
    target = maps((2, 2))
    logits = np.full((1, 8, 8, 1), -50.0, np.float32)
    logits[0, 2, 2, 0] = logits[0, 6, 6, 0] = 3.0
    terms = HeatmapLoss(place_weight=1.0).call(target, logits) - HeatmapLoss().call(target, logits)
    np.testing.assert_allclose(terms, [[math.log(2.0)]], rtol=1e-3)
    logits[0, 6, 6, 0] = -50.0
    terms = HeatmapLoss(place_weight=1.0).call(target, logits) - HeatmapLoss().call(target, logits)
    np.testing.assert_allclose(terms, [[0.0]], atol=1e-3)


def test_partners_are_told_apart_by_hand():
    # The right one's map is as high at the left one's place as the left one's; at its own it is 2 higher.
    target, pairs = maps((2, 2), (6, 6), (4, 4)), [(0, 1)]
    logits = np.zeros((1, 8, 8, 3), np.float32)
    logits[0, 2, 2, :2] = 5.0
    logits[0, 6, 6, 1], logits[0, 6, 6, 0] = 3.0, 1.0
    loss = HeatmapLoss(side_weight=1.0, pairs=pairs)
    terms = loss.call(target, logits) - HeatmapLoss().call(target, logits)
    np.testing.assert_allclose(terms, [[math.log(2.0), math.log1p(math.exp(-2.0)), 0.0]], atol=1e-4)
    # Where the two coincide, or one is unknown, there is nothing to tell apart.
    for other in (maps((2, 2), (2, 2), (4, 4)), maps((2, 2), (6, 6), (4, 4)) * np.float32([1, 0, 1])):
        terms = loss.call(other, logits) - HeatmapLoss().call(other, logits)
        np.testing.assert_allclose(terms, np.zeros((1, 3)), atol=1e-4)


def test_nobody_has_no_place():
    zeros = np.zeros((1, 8, 8, 2), np.float32)
    loss = HeatmapLoss(place_weight=1.0, side_weight=1.0, pairs=[(0, 1)])
    np.testing.assert_array_equal(loss.call(zeros, zeros), HeatmapLoss().call(zeros, zeros))


def test_large_logits_stay_finite():
    target = np.ones((1, 1, 1, 1), np.float32)
    assert np.asarray(HeatmapLoss().call(target, target * -1e4))[0, 0] == pytest.approx(1e5)


def test_weights_mask_keypoints_and_keep_the_scale():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 4, 4, 5)).astype(np.float32)
    target = rng.uniform(size=(3, 4, 4, 5)).astype(np.float32)
    weights = np.ones((3, 5), np.float32)
    weights[1, 2] = 0.0
    loss = HeatmapLoss()
    full = float(loss(target, logits, sample_weight=weights))
    values = np.asarray(loss.call(target, logits))
    assert full == pytest.approx(values[weights > 0].mean(), rel=1e-5)
    # What the masked keypoint predicts does not matter.
    logits[1, ..., 2] = 100.0
    assert float(loss(target, logits, sample_weight=weights)) == pytest.approx(full, rel=1e-6)
    # The same examples twice give the same loss.
    twice = float(
        loss(np.tile(target, (2, 1, 1, 1)), np.tile(logits, (2, 1, 1, 1)), sample_weight=np.tile(weights, (2, 1)))
    )
    assert twice == pytest.approx(full, rel=1e-5)


def test_nothing_labelled_costs_nothing():
    zeros = np.zeros((2, 4, 4, 3), np.float32)
    assert float(HeatmapLoss()(zeros, zeros, sample_weight=np.zeros((2, 3), np.float32))) == 0.0


def test_offsets_of_the_codec_cost_nothing_and_a_shift_costs_its_half_square():
    points = np.float32([[[9.0, 13.0], [20.0, 7.5]]])
    weights = np.float32([[1.0, 0.5]])
    _, offsets, near = codec.encode(points, weights, size=8, stride=4.0)
    target = np.concatenate([offsets, near], axis=-1)
    loss = OffsetLoss()
    # The codec scales targets by the keypoint's weight only where it is not 0 or 1.
    prediction = np.where(near > 0, offsets / np.maximum(near, 1e-6) * near, 3.0).astype(np.float32)
    np.testing.assert_allclose(loss.call(target, prediction), [[0.0, 0.0]], atol=1e-6)
    shifted = prediction + 0.5
    np.testing.assert_allclose(loss.call(target, shifted), [[0.125, 0.125]], rtol=1e-4)


def test_a_point_outside_has_no_cells():
    _, offsets, near = codec.encode(np.float32([[[400.0, 3.0]]]), np.float32([[1.0]]), size=8, stride=4.0)
    target = np.concatenate([offsets, near], axis=-1)
    np.testing.assert_allclose(OffsetLoss().call(target, np.ones((1, 8, 8, 2), np.float32)), [[0.0]])


def test_config_round_trip():
    loss = HeatmapLoss(kind="mse", positive_weight=3.0)
    assert HeatmapLoss.from_config(loss.get_config()).get_config() == loss.get_config()
    with pytest.raises(ValueError, match="kind"):
        HeatmapLoss(kind="l1")
