"""Codecs: decode(encode(x)) == x, hand numbers of the published anchors, masks."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import specs
from blazepose_tf.codecs import anchors, detection, heatmaps, landmarks

SPEC = specs.DetectorSpec()
FACES = np.float32([[40, 40, 60, 60], [100, 90, 104, 94]])
ALIGNMENTS = np.float32([[[50, 120], [52, 20]], [[102, 110], [102, 80]]])
NOBODY = (np.zeros((0, 4), np.float32), np.zeros((0, 2, 2), np.float32), np.zeros((0, 4), np.float32))


def test_anchor_counts_and_order_of_the_published_detectors():
    old, new = anchors.grid_anchors(specs.DETECTOR_2020), anchors.grid_anchors(specs.DETECTOR_2021)
    assert old.shape == (896, 2) and new.shape == (2254, 2)
    # Two anchors of a cell stand together, cells go along the row first, the 8 px level of 28 x 28 cells comes first.
    np.testing.assert_array_equal(new[:4], [[4, 4], [4, 4], [12, 4], [12, 4]])
    np.testing.assert_array_equal(new[28 * 28 * 2], [8, 8])
    np.testing.assert_array_equal(old[-1], [120, 120])


def test_detection_round_trip():
    scores, _, regressors, _ = detection.encode(FACES, ALIGNMENTS, NOBODY[0], spec=SPEC)
    boxes, keypoints, _ = detection.decode(regressors, scores, anchors=anchors.grid_anchors(SPEC))
    positive = scores[:, 0] > 0
    for box, points in zip(boxes[positive], keypoints[positive], strict=True):
        face = np.abs(FACES - box).sum(axis=-1).argmin()
        np.testing.assert_allclose(box, FACES[face], atol=1e-4)
        np.testing.assert_allclose(points, ALIGNMENTS[face], atol=1e-4)


def test_every_face_weighs_one_however_small():
    scores, score_weights, _, weights = detection.encode(FACES, ALIGNMENTS, NOBODY[0], spec=SPEC)
    grid = anchors.grid_anchors(SPEC)
    small = (np.abs(grid - [102, 92]).max(axis=-1) <= 4) & (scores[:, 0] > 0)
    assert small.sum() == 1 and weights[small].sum() == pytest.approx(1)
    assert weights.sum() == pytest.approx(2)
    assert (weights[scores == 0] == 0).all() and (score_weights[scores > 0] == 1).all()
    assert (score_weights == 0).any()  # the neutral ring


def test_ignored_regions_are_neither_positive_nor_negative():
    _, weights, _, _ = detection.encode(*NOBODY[:2], np.float32([[96, 96, 192, 192]]), spec=SPEC)
    grid = anchors.grid_anchors(SPEC)
    np.testing.assert_array_equal(weights[:, 0] == 0, (grid >= 96).all(axis=-1))


def test_a_picture_without_people_is_all_negative():
    scores, score_weights, regressors, weights = detection.encode(*NOBODY, spec=SPEC)
    assert scores.sum() == 0 and score_weights.min() == 1 and not regressors.any() and not weights.any()


def test_the_face_of_an_anchor_is_the_relatively_nearest():
    faces = np.float32([[60, 60, 120, 120], [112, 84, 124, 96]])  # a small face overlapping a large one
    scores, _, regressors, _ = detection.encode(faces, np.zeros((2, 2, 2), np.float32), NOBODY[0], spec=SPEC)
    boxes, _, _ = detection.decode(regressors, scores, anchors=anchors.grid_anchors(SPEC))
    grid = anchors.grid_anchors(SPEC)
    at_small = np.abs(grid - [116, 92]).sum(axis=-1).argmin()
    np.testing.assert_allclose(boxes[at_small], faces[1], atol=1e-4)


TWO_PROXIES = specs.DetectorSpec(anchors_per_cell=(2,), proxies=(specs.FACE, specs.TORSO))


def test_a_torso_lies_between_hips_and_head_and_never_vanishes():
    center, length = detection.torsos(FACES[:1], ALIGNMENTS[:1])
    # Face (50, 50), hips (50, 120): 70 px, of which the torso's middle is 38 % from the hips.
    np.testing.assert_allclose(center, [[50, 120 - 0.38 * 70]], rtol=1e-6)
    np.testing.assert_allclose(length, [0.75 * 70], rtol=1e-6)
    # From above the face hides the hips: the circle, of 100.02 px, is what is left.
    _, length = detection.torsos(np.float32([[40, 110, 60, 130]]), ALIGNMENTS[:1])
    np.testing.assert_allclose(length, [0.3 * np.hypot(2, 100)], rtol=1e-6)


def test_both_proxies_of_a_person_say_the_same():
    scores, _, regressors, weights = detection.encode(FACES[:1], ALIGNMENTS[:1], NOBODY[0], spec=TWO_PROXIES)
    grid = anchors.grid_anchors(TWO_PROXIES)
    boxes, points, _ = detection.decode(regressors, scores, anchors=grid)
    positive = scores[:, 0] > 0
    np.testing.assert_allclose(boxes[positive], np.tile(FACES[:1], (positive.sum(), 1)), atol=1e-4)
    np.testing.assert_allclose(points[positive], np.tile(ALIGNMENTS[:1], (positive.sum(), 1, 1)), atol=1e-4)
    faces, torsos = positive[0::2], positive[1::2]
    assert np.abs(grid[0::2][faces] - [50, 50]).max() <= 8 and np.abs(grid[1::2][torsos] - [50, 93.4]).max() <= 20
    assert weights[0::2].sum() == pytest.approx(1) and weights[1::2].sum() == pytest.approx(1)


def test_a_face_that_cannot_be_seen_is_found_by_its_torso_alone():
    taught = np.float32([[0, 1]])
    scores, score_weights, _, weights = detection.encode(
        FACES[:1], ALIGNMENTS[:1], NOBODY[0], spec=TWO_PROXIES, taught=taught
    )
    grid = anchors.grid_anchors(TWO_PROXIES)[0::2]
    assert not scores[0::2].any() and scores[1::2].sum() > 1 and weights.sum() == pytest.approx(1)
    at_face = np.abs(grid - [50, 50]).max(axis=-1) <= 16  # the neutral ring
    np.testing.assert_array_equal(score_weights[0::2, 0] == 0, at_face)


def test_heatmap_round_trip_and_mask():
    rng = np.random.default_rng(0)
    points = rng.uniform(4, 252, (3, 33, 2)).astype(np.float32)
    weights = (rng.random((3, 33)) > 0.3).astype(np.float32)
    maps, offsets, offset_weights = heatmaps.encode(points, weights, size=64, stride=4)
    assert maps.shape == (3, 64, 64, 33) and offsets.shape == offset_weights.shape == (3, 64, 64, 66)
    decoded, scores = heatmaps.decode(maps, offsets, stride=4)
    labelled = weights > 0
    np.testing.assert_allclose(decoded[labelled], points[labelled], atol=1e-3)
    assert (scores[~labelled] == 0).all() and not offset_weights.reshape(3, 64, 64, 33, 2)[:, :, :, ~labelled[0]][
        0
    ].any()


def test_heatmap_peaks_at_the_cell_centre_by_hand():
    # (10, 22) px at stride 4 is column 2.5, row 5.5: exactly the centre of cell (5, 2).
    maps, offsets, _ = heatmaps.encode(np.float32([[10, 22]]), np.float32([1]), size=64, stride=4)
    assert maps[5, 2, 0] == pytest.approx(1) and maps[5, 4, 0] == pytest.approx(
        np.exp(-0.5 * (2 / heatmaps.SIGMA) ** 2)
    )
    np.testing.assert_allclose(offsets[5, 3], [-1, 0], atol=1e-6)  # one cell to the right of the point


def test_a_far_out_point_gives_finite_maps():
    maps, offsets, weights = heatmaps.encode(np.float32([[1e30, -1e30]]), np.float32([1]), size=64, stride=4)
    assert np.isfinite(maps).all() and np.isfinite(offsets).all() and not weights.any()


def test_heatmap_decode_without_offsets_is_within_half_a_cell():
    points = np.random.default_rng(1).uniform(8, 248, (20, 2)).astype(np.float32)
    maps, _, _ = heatmaps.encode(points, np.ones(20, np.float32), size=64, stride=4)
    decoded, _ = heatmaps.decode(maps, stride=4)
    assert np.abs(decoded - points).max() <= 1.01  # a quarter of a cell of 4 px after the quarter step


def test_landmarks_round_trip_and_states():
    points = np.float32([[10, 20], [30, 40], [50, 60]])
    targets, weights = landmarks.encode(points, np.int32([0, 1, 2]))
    np.testing.assert_array_equal(weights, [0, 1, 1])
    np.testing.assert_array_equal(targets[:, 2], [0, 0, 1])
    decoded = landmarks.decode(np.concatenate([targets[:, :2], [[-50], [0], [50]]], axis=-1))
    np.testing.assert_allclose(decoded.points, points)
    np.testing.assert_allclose(decoded.visibility, [0, 0.5, 1], atol=1e-6)


def test_mediapipe_layout():
    vector = np.arange(195, dtype=np.float32)[None]
    decoded = landmarks.decode_mediapipe(vector)
    np.testing.assert_array_equal(decoded.points[0, 32], [160, 161])
    np.testing.assert_array_equal(decoded.z[0, :2], [2, 7])
    np.testing.assert_array_equal(decoded.alignment[0], [[165, 166], [170, 171]])
    with pytest.raises(ValueError, match="39 x 5"):
        landmarks.decode_mediapipe(np.zeros((1, 99)))
