"""Regressed points to the peaks of their heatmaps."""

from __future__ import annotations

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.codecs import heatmaps, refinement


def _peaks(*peaks, size=64, sigma=2.0):
    """Logits of Gaussians (x, y in crop pixels at stride 4, height as a probability) in one map."""
    cells = np.arange(size) + 0.5
    logits = np.full((size, size, 1), -8.0, np.float32)
    for x, y, height in peaks:
        distance = (cells[None, :] - x / 4) ** 2 + (cells[:, None] - y / 4) ** 2
        value = np.log(height / (1 - height)) - 0.5 * distance / sigma**2 * 4
        logits[..., 0] = np.maximum(logits[..., 0], value)
    return logits


BOTH = pytest.mark.parametrize("refine", [refinement.refine, refinement.refine_smoothly])


@BOTH
@pytest.mark.parametrize("at", [(101.0, 130.0), (7.0, 250.0), (254.0, 3.0)])
def test_refine_finds_the_peak_near_the_regressed_point(refine, at):
    logits = _peaks((*at, 0.9))
    moved = refine(np.float32([[at[0] - 6, at[1] + 4]]), logits, stride=4).points
    assert moved.dtype == np.float32
    # At the rim half of the peak is outside, which pulls the centre of mass inwards by a cell.
    assert np.abs(moved - at).max() < (1.0 if at[0] == 101.0 else 4.0)


def test_in_a_picture_of_its_own_a_point_is_read_between_cells():
    # Where the regression is right, nothing pulls: the parabolas say where in the cell the peak is.
    for x in np.arange(100.2, 104.0, 0.6):
        moved = refinement.refine(np.float32([[x, 130.0]]), _peaks((x, 130.0, 0.5)), stride=4).points
        np.testing.assert_allclose(moved, [[x, 130.0]], atol=0.2)


def test_a_broad_peak_counts_more_than_a_single_cell():
    logits = _peaks((120, 100, 0.7))
    logits[25, 22, 0] = 3.0  # a probability of 0.95 at crop pixel (90, 102)
    moved = refinement.refine(np.float32([[105, 100]]), logits, stride=4).points
    np.testing.assert_allclose(moved, [[120, 100]], atol=2.0)


def test_of_peaks_that_are_as_good_a_picture_takes_one_and_film_moves_smoothly():
    shares = np.linspace(0.6, 0.8, 21)
    regressed = np.float32([[104, 100]])
    maps = [_peaks((84, 100, share), (124, 100, 0.7)) for share in shares]
    picture = np.array([refinement.refine(regressed, m, stride=4).points[0, 0] for m in maps])
    film = np.array([refinement.refine_smoothly(regressed, m, stride=4).points[0, 0] for m in maps])
    assert (np.abs(np.abs(picture - 104) - 20) < 3).all() and np.ptp(picture) > 30
    assert np.abs(np.diff(film)).max() < 3 and np.ptp(film) > 15


@BOTH
def test_limbs_may_be_farther_from_where_they_were_regressed_than_trunk_and_head(refine):
    names = ("nose", "left_ear", "right_shoulder", "left_hip", "left_elbow", "right_heel", "paw")
    sigmas = refinement.prior_sigmas(names)
    assert sigmas.dtype == np.float32
    np.testing.assert_array_equal(sigmas, [refinement.TRUNK_SIGMA] * 4 + [refinement.LIMB_SIGMA] * 3)
    logits = np.repeat(_peaks((100, 100, 0.4), (138, 100, 0.95)), 2, axis=2)
    regressed = np.float32([[98, 100]] * 2)
    moved = refine(regressed, logits, stride=4, sigmas=refinement.prior_sigmas(("left_hip", "left_knee"))).points
    np.testing.assert_allclose(moved, [[100, 100], [138, 100]], atol=8.0)


@BOTH
def test_refine_prefers_the_near_peak_over_a_slightly_higher_far_one(refine):
    logits = _peaks((100, 100, 0.7), (150, 100, 0.8))
    moved = refine(np.float32([[104, 98]]), logits, stride=4).points
    np.testing.assert_allclose(moved, [[100, 100]], atol=1.0)
    decoded, _ = heatmaps.decode(logits, stride=4)
    assert abs(decoded[0, 0] - 150) < 2  # the plain maximum jumps
    alone = refine(np.float32([[104, 98]]), _peaks((100, 100, 0.02), (125, 100, 0.8)), stride=4).points
    np.testing.assert_allclose(alone, [[125, 100]], atol=1.0)


def test_refine_stays_at_the_peak_where_the_point_was():
    # Two knees, equally far from the regressed place; the other one is a little more probable in this frame.
    logits, regressed = _peaks((74, 100, 0.7), (134, 100, 0.75)), np.float32([[104, 100]])
    for was in (74, 134):
        moved = refinement.refine_smoothly(regressed, logits, stride=4, previous=np.float32([[was - 3, 104]])).points
        np.testing.assert_allclose(moved, [[was, 100]], atol=1.5)


def test_refine_does_not_hold_back_a_point_that_moves():
    logits, regressed = _peaks((100, 100, 0.9)), np.float32([[102, 99]])
    alone = refinement.refine_smoothly(regressed, logits, stride=4).points
    moving = refinement.refine_smoothly(regressed, logits, stride=4, previous=np.float32([[93, 105]])).points
    np.testing.assert_allclose(moving, alone, atol=0.05)


@pytest.mark.parametrize("was", [(60, 100), (100, 10), (-400, 900)])
def test_refine_follows_a_point_that_has_jumped(was):
    logits, previous = _peaks((100, 100, 0.9)), np.float32([was])
    moved = refinement.refine_smoothly(np.float32([[104, 98]]), logits, stride=4, previous=previous).points
    np.testing.assert_allclose(moved, [[100, 100]], atol=1.5)


@BOTH
def test_refine_leaves_points_outside_and_empty_maps(refine):
    empty = np.full((64, 64, 3), -30, np.float32)
    points = np.float32([[-3, 100], [100, 300], [130, 90]])
    moved = refine(points, empty, stride=4).points
    np.testing.assert_array_equal(moved[:2], points[:2])
    assert np.abs(moved[2] - points[2]).max() <= 2.0  # the cell that it is in


def test_refine_mediapipe_moves_to_the_centre_of_mass_and_respects_confidence():
    logits = np.full((64, 64, 2), -20, np.float32)
    logits[30, 20:23, 0] = 10  # columns 20, 21, 22 of row 30
    moved = refinement.refine_mediapipe(np.float32([[80, 120], [80, 120]]), logits, stride=4)
    np.testing.assert_allclose(moved, [[21 * 4, 30 * 4], [80, 120]], atol=1e-3)


LEGS = np.array([[0, 1]])


def _pair(left, right):
    """(64, 64, 2) logits, each map with its own hills (x, y, probability)."""
    return np.concatenate([_peaks(*left), _peaks(*right)], axis=2)


def test_two_legs_that_choose_one_place_part_where_one_of_them_has_a_second_peak():
    logits = _pair([(100, 100, 0.9)], [(100, 100, 0.9), (132, 104, 0.8)])
    regressed = np.float32([[102, 100], [108, 100]])
    alone = refinement.refine(regressed, logits, stride=4).points
    np.testing.assert_allclose(alone, [[100, 100]] * 2, atol=1.5)
    moved = refinement.refine(regressed, logits, stride=4, pairs=LEGS).points
    np.testing.assert_allclose(moved, [[100, 100], [132, 104]], atol=1.5)
    mirrored = refinement.refine(regressed[::-1], logits[..., ::-1], stride=4, pairs=LEGS).points
    np.testing.assert_allclose(mirrored, moved[::-1], atol=1e-4)


def test_of_two_legs_the_one_that_loses_less_goes():
    logits = _pair([(100, 100, 0.9), (100, 130, 0.6)], [(100, 100, 0.9), (130, 100, 0.8)])
    moved = refinement.refine(np.float32([[104, 104]] * 2), logits, stride=4, pairs=LEGS).points
    np.testing.assert_allclose(moved, [[100, 100], [130, 100]], atol=1.5)


@pytest.mark.parametrize(
    "second",
    [(150, 100, 0.5), (108, 100, 0.8)],
    ids=["far less plausible", "the same place"],
)
def test_legs_stay_together_where_no_second_peak_is_nearly_as_good(second):
    logits, regressed = _pair([(100, 100, 0.9)], [(100, 100, 0.9), second]), np.float32([[100, 100], [101, 100]])
    moved = refinement.refine(regressed, logits, stride=4, pairs=LEGS).points
    np.testing.assert_array_equal(moved, refinement.refine(regressed, logits, stride=4).points)
    assert np.abs(moved[1] - 100).max() < 8


def test_the_pairs_are_those_of_the_legs():
    pairs = refinement.leg_pairs(topology.KEYPOINTS)
    names = [(topology.KEYPOINTS[left], topology.KEYPOINTS[right]) for left, right in pairs]
    assert names == [(f"left_{part}", f"right_{part}") for part in ("knee", "ankle", "heel", "foot_index")]
    assert refinement.leg_pairs(("nose", "left_knee", "right_ankle")).shape == (0, 2)


def test_the_spread_grows_with_doubt_and_is_unknown_without_support():
    near = np.float32([[100, 100]])
    sure = refinement.refine(near, _peaks((100, 100, 0.95)), stride=4).spread[0]
    flat = refinement.refine(near, _peaks((100, 100, 0.3)), stride=4).spread[0]
    two = refinement.refine(near, _peaks((100, 100, 0.95), (130, 100, 0.9)), stride=4).spread[0]
    assert 0 < sure < flat and sure < two
    nothing = np.full((64, 64, 1), -8.0, np.float32)
    for refine in (refinement.refine, refinement.refine_smoothly):
        assert np.isnan(refine(near, nothing, stride=4).spread).all()
        assert np.isnan(refine(np.float32([[-20, 5]]), _peaks((5, 5, 0.9)), stride=4).spread).all()
    film = refinement.refine_smoothly(near, _peaks((100, 100, 0.95)), stride=4).spread[0]
    assert film == pytest.approx(sure, rel=0.05)
