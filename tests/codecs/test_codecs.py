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


def _peaks(*peaks, size=64, sigma=2.0):
    """Logits of Gaussians (x, y in crop pixels at stride 4, height as a probability) in one map."""
    cells = np.arange(size) + 0.5
    logits = np.full((size, size, 1), -8.0, np.float32)
    for x, y, height in peaks:
        distance = (cells[None, :] - x / 4) ** 2 + (cells[:, None] - y / 4) ** 2
        value = np.log(height / (1 - height)) - 0.5 * distance / sigma**2 * 4
        logits[..., 0] = np.maximum(logits[..., 0], value)
    return logits


BOTH = pytest.mark.parametrize("refine", [heatmaps.refine, heatmaps.refine_smoothly])


@BOTH
@pytest.mark.parametrize("at", [(101.0, 130.0), (7.0, 250.0), (254.0, 3.0)])
def test_refine_finds_the_peak_near_the_regressed_point(refine, at):
    logits = _peaks((*at, 0.9))
    moved = refine(np.float32([[at[0] - 6, at[1] + 4]]), logits, stride=4)
    assert moved.dtype == np.float32
    # At the rim half of the peak is outside, which pulls the centre of mass inwards by a cell.
    assert np.abs(moved - at).max() < (1.0 if at[0] == 101.0 else 4.0)


def test_in_a_picture_of_its_own_a_point_is_read_between_cells():
    # Where the regression is right, nothing pulls: the parabolas say where in the cell the peak is.
    for x in np.arange(100.2, 104.0, 0.6):
        moved = heatmaps.refine(np.float32([[x, 130.0]]), _peaks((x, 130.0, 0.5)), stride=4)
        np.testing.assert_allclose(moved, [[x, 130.0]], atol=0.2)


def test_a_broad_peak_counts_more_than_a_single_cell():
    logits = _peaks((120, 100, 0.7))
    logits[25, 22, 0] = 3.0  # a probability of 0.95 at crop pixel (90, 102)
    moved = heatmaps.refine(np.float32([[105, 100]]), logits, stride=4)
    np.testing.assert_allclose(moved, [[120, 100]], atol=2.0)


def test_of_peaks_that_are_as_good_a_picture_takes_one_and_film_moves_smoothly():
    shares = np.linspace(0.6, 0.8, 21)
    regressed = np.float32([[104, 100]])
    maps = [_peaks((84, 100, share), (124, 100, 0.7)) for share in shares]
    picture = np.array([heatmaps.refine(regressed, m, stride=4)[0, 0] for m in maps])
    film = np.array([heatmaps.refine_smoothly(regressed, m, stride=4)[0, 0] for m in maps])
    assert (np.abs(np.abs(picture - 104) - 20) < 3).all() and np.ptp(picture) > 30
    assert np.abs(np.diff(film)).max() < 3 and np.ptp(film) > 15


@BOTH
def test_limbs_may_be_farther_from_where_they_were_regressed_than_trunk_and_head(refine):
    names = ("nose", "left_ear", "right_shoulder", "left_hip", "left_elbow", "right_heel", "paw")
    sigmas = heatmaps.prior_sigmas(names)
    assert sigmas.dtype == np.float32
    np.testing.assert_array_equal(sigmas, [heatmaps.TRUNK_SIGMA] * 4 + [heatmaps.LIMB_SIGMA] * 3)
    logits = np.repeat(_peaks((100, 100, 0.4), (138, 100, 0.95)), 2, axis=2)
    regressed = np.float32([[98, 100]] * 2)
    moved = refine(regressed, logits, stride=4, sigmas=heatmaps.prior_sigmas(("left_hip", "left_knee")))
    np.testing.assert_allclose(moved, [[100, 100], [138, 100]], atol=8.0)


@BOTH
def test_refine_prefers_the_near_peak_over_a_slightly_higher_far_one(refine):
    logits = _peaks((100, 100, 0.7), (150, 100, 0.8))
    moved = refine(np.float32([[104, 98]]), logits, stride=4)
    np.testing.assert_allclose(moved, [[100, 100]], atol=1.0)
    decoded, _ = heatmaps.decode(logits, stride=4)
    assert abs(decoded[0, 0] - 150) < 2  # the plain maximum jumps
    alone = refine(np.float32([[104, 98]]), _peaks((100, 100, 0.02), (125, 100, 0.8)), stride=4)
    np.testing.assert_allclose(alone, [[125, 100]], atol=1.0)


def test_refine_stays_at_the_peak_where_the_point_was():
    # Two knees, equally far from the regressed place; the other one is a little more probable in this frame.
    logits, regressed = _peaks((74, 100, 0.7), (134, 100, 0.75)), np.float32([[104, 100]])
    for was in (74, 134):
        moved = heatmaps.refine_smoothly(regressed, logits, stride=4, previous=np.float32([[was - 3, 104]]))
        np.testing.assert_allclose(moved, [[was, 100]], atol=1.5)


def test_refine_does_not_hold_back_a_point_that_moves():
    logits, regressed = _peaks((100, 100, 0.9)), np.float32([[102, 99]])
    alone = heatmaps.refine_smoothly(regressed, logits, stride=4)
    moving = heatmaps.refine_smoothly(regressed, logits, stride=4, previous=np.float32([[93, 105]]))
    np.testing.assert_allclose(moving, alone, atol=0.05)


@pytest.mark.parametrize("was", [(60, 100), (100, 10), (-400, 900)])
def test_refine_follows_a_point_that_has_jumped(was):
    logits, previous = _peaks((100, 100, 0.9)), np.float32([was])
    moved = heatmaps.refine_smoothly(np.float32([[104, 98]]), logits, stride=4, previous=previous)
    np.testing.assert_allclose(moved, [[100, 100]], atol=1.5)


@BOTH
def test_refine_leaves_points_outside_and_empty_maps(refine):
    empty = np.full((64, 64, 3), -30, np.float32)
    points = np.float32([[-3, 100], [100, 300], [130, 90]])
    moved = refine(points, empty, stride=4)
    np.testing.assert_array_equal(moved[:2], points[:2])
    assert np.abs(moved[2] - points[2]).max() <= 2.0  # the cell that it is in


def test_refine_mediapipe_moves_to_the_centre_of_mass_and_respects_confidence():
    logits = np.full((64, 64, 2), -20, np.float32)
    logits[30, 20:23, 0] = 10  # columns 20, 21, 22 of row 30
    moved = heatmaps.refine_mediapipe(np.float32([[80, 120], [80, 120]]), logits, stride=4)
    np.testing.assert_allclose(moved, [[21 * 4, 30 * 4], [80, 120]], atol=1e-3)


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
