"""Affine maps, alignment and rois: hand numbers, laws, and the same result from every array type."""

from __future__ import annotations

import math

import numpy as np
import pytest

from blazepose_tf import topology
from blazepose_tf.geometry import affine, alignment, roi

FLOAT = 2e-3  # px; float32 arithmetic on coordinates of some hundred pixels


@pytest.fixture
def rois(rng=None):
    rng = np.random.default_rng(3)
    return np.stack(
        [rng.uniform(0, 480, 5), rng.uniform(0, 640, 5), rng.uniform(50, 900, 5), rng.uniform(-3.1, 3.1, 5)], axis=-1
    ).astype(np.float32)


def test_roi_of_an_upright_body_by_hand():
    points = np.float32([[100, 200], [100, 120]])  # radius 80 straight up
    np.testing.assert_allclose(roi.from_alignment(points), [100, 200, 2 * 80 * 1.25, 0], atol=FLOAT)


@pytest.mark.parametrize(
    ("scale_point", "rotation"),
    [((180, 200), math.pi / 2), ((20, 200), -math.pi / 2), ((100, 280), -math.pi), ((180, 120), math.pi / 4)],
)
def test_rotation_follows_mediapipes_formula(scale_point, rotation):
    # pi / 2 - atan2(-(py - cy), px - cx), wrapped to [-pi, pi)
    points = np.float32([[100, 200], scale_point])
    assert roi.from_alignment(points)[3] == pytest.approx(rotation, abs=1e-6)


def test_crop_matrix_by_hand():
    # A 200 px square at (100, 200), lying body (up points right): the crop's top middle is the roi's right edge.
    matrix = roi.crop_matrix(np.float32([100, 200, 200, math.pi / 2]), 256)
    points = affine.apply(matrix, np.float32([[128, 0], [128, 128], [0, 128]]))
    np.testing.assert_allclose(points, [[200, 200], [100, 200], [100, 100]], atol=FLOAT)


def test_mirror_flips_the_crop_about_its_vertical_axis(rois):
    plain, mirrored = roi.crop_matrix(rois, 256), roi.crop_matrix(rois, 256, 1.0)
    points = np.random.default_rng(0).uniform(0, 256, (5, 7, 2)).astype(np.float32)
    flipped = np.stack([256 - points[..., 0], points[..., 1]], axis=-1)
    np.testing.assert_allclose(affine.apply(mirrored, points), affine.apply(plain, flipped), atol=FLOAT)
    assert (np.linalg.det(mirrored[:, :, :2]) < 0).all()


def test_inverse_and_composition(rois):
    matrix = roi.crop_matrix(rois, 256)
    points = np.random.default_rng(0).uniform(0, 256, (5, 9, 2)).astype(np.float32)
    image = affine.apply(matrix, points)
    np.testing.assert_allclose(affine.apply(affine.invert(matrix), image), points, atol=FLOAT)
    both = affine.compose(matrix, matrix[::-1])
    np.testing.assert_allclose(
        affine.apply(both, points), affine.apply(matrix, affine.apply(matrix[::-1], points)), atol=20 * FLOAT
    )
    np.testing.assert_allclose(affine.scale_of(matrix), rois[:, 2] / 256, rtol=1e-5)


def test_alignment_and_roi_are_inverse(rois):
    np.testing.assert_allclose(roi.from_alignment(roi.to_alignment(rois, 1.5), 1.5), rois, atol=FLOAT)


def test_letterbox_is_the_roi_of_the_whole_image():
    box = roi.whole_image(480, 640)
    np.testing.assert_allclose(box, [240, 320, 640, 0])
    corners = affine.apply(roi.crop_matrix(box, 128), np.float32([[0, 0], [128, 128]]))
    np.testing.assert_allclose(corners, [[-80, 0], [560, 640]], atol=FLOAT)


def test_rotating_the_image_rotates_the_roi():
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 300, (33, 2)).astype(np.float32)
    angle = 0.7
    turn = np.float32([[math.cos(angle), -math.sin(angle), 50], [math.sin(angle), math.cos(angle), 20]])
    index = {"hips": (23, 24), "shoulders": (11, 12)}
    before = roi.from_alignment(alignment.from_keypoints(points, np.ones(33, np.float32), **index))
    after = roi.from_alignment(alignment.from_keypoints(affine.apply(turn, points), np.ones(33, np.float32), **index))
    np.testing.assert_allclose(after[:2], affine.apply(turn, before[None, :2])[0], atol=FLOAT)
    assert after[2] == pytest.approx(before[2], rel=1e-5)
    assert math.remainder(after[3] - before[3] - angle, 2 * math.pi) == pytest.approx(0, abs=1e-5)


def test_alignment_from_keypoints_by_hand():
    points = np.zeros((33, 2), np.float32)
    points[11], points[12] = (110, 100), (90, 100)  # shoulders
    points[23], points[24] = (105, 200), (95, 200)  # hips: mid-hip (100, 200), torso 100
    points[27], points[28] = (100, 400), (100, 390)  # ankles, 200 px below mid-hip
    labelled = np.zeros(33, np.float32)
    labelled[[11, 12, 23, 24, 27, 28]] = 1
    index = {"hips": (23, 24), "shoulders": (11, 12), "ankles": (27, 28)}
    full = alignment.from_keypoints(points, labelled, **index)
    np.testing.assert_allclose(full, [[100, 200], [100, 200 - 1.15 * 200]], atol=FLOAT)
    labelled[27] = labelled[28] = 0  # now the shoulders are the farthest: 1.8 torsos win over 1.15 x 100
    np.testing.assert_allclose(alignment.radius(alignment.from_keypoints(points, labelled, **index)), 180, rtol=1e-5)


def test_feet_do_not_widen_the_circle_where_the_ankle_is_labelled():
    points = np.zeros((33, 2), np.float32)
    points[[11, 12]], points[[23, 24]] = (100, 100), (100, 200)
    points[27], points[31] = (100, 400), (100, 430)  # left ankle and toe
    labelled = np.zeros(33, np.float32)
    labelled[[11, 12, 23, 24, 27, 31]] = 1
    indices = {**topology.alignment_indices(), "ankles": None}
    with_ankle = alignment.radius(alignment.from_keypoints(points, labelled, **indices))
    labelled[27] = 0
    without = alignment.radius(alignment.from_keypoints(points, labelled, **indices))
    np.testing.assert_allclose([with_ankle, without], [1.15 * 200, 1.15 * 230], rtol=1e-5)


def test_incline_is_clockwise():
    leaning = alignment.from_parts(np.float32([10, 10]), np.float32(5), np.float32(math.pi / 2))
    np.testing.assert_allclose(leaning[1], [15, 10], atol=1e-5)
    assert alignment.incline(leaning) == pytest.approx(math.pi / 2)


def test_distance_counts_place_size_and_incline():
    body = np.array([[10.0, 20.0], [10.0, 10.0]])
    others = np.array(
        [
            body,
            body + np.array([1.0, 0.0]),
            [body[0], [10.0, 12.0]],
            [body[0], [10 + 10 * np.sin(0.2), 20 - 10 * np.cos(0.2)]],
        ]
    )
    np.testing.assert_allclose(alignment.distance(body, others), [0, 0.1, 0.1, np.sin(0.1)], atol=1e-9)
    # In radii of the larger one, whichever comes first.
    assert alignment.distance(body, 2 * body) == pytest.approx(alignment.distance(2 * body, body))


def test_jitter_moves_along_the_rois_own_axes():
    box = np.float32([100, 100, 200, math.pi / 2])
    moved = roi.jitter(box, shift=np.float32([0.1, 0]), log_scale=np.float32(math.log(2)), rotation=np.float32(0.5))
    np.testing.assert_allclose(moved, [100, 120, 400, math.pi / 2 + 0.5], atol=FLOAT)


def test_corners_are_the_crops_corners(rois):
    expected = affine.apply(
        roi.crop_matrix(rois, 256), np.broadcast_to(np.float32([[0, 0], [256, 0], [256, 256], [0, 256]]), (5, 4, 2))
    )
    np.testing.assert_allclose(roi.corners(rois), expected, atol=FLOAT)


@pytest.mark.parametrize(
    ("width", "height", "count"), [(640, 480, 5), (480, 640, 5), (1280, 720, 3), (1000, 400, 3), (90, 90, 5)]
)
def test_parts_cover_a_picture(width, height, count):
    regions = roi.parts(width, height, 0.7)
    assert regions.shape == (count, 4) and (regions[:, 3] == 0).all()
    np.testing.assert_allclose(regions[:, 2], 0.7 * max(width, height))
    np.testing.assert_allclose(regions[0, :2], [width / 2, height / 2])
    xs, ys = np.meshgrid(np.linspace(0, width, 41), np.linspace(0, height, 41))
    half = regions[:, 2, None, None] / 2 + 1e-3
    seen = (abs(xs - regions[:, 0, None, None]) <= half) & (abs(ys - regions[:, 1, None, None]) <= half)
    assert seen.any(axis=0).all()


def test_one_item_gives_what_it_gives_among_others(rois):
    """A single region or matrix is calculated with Python's numbers, a batch with arrays."""
    points = np.random.default_rng(0).uniform(0, 256, (33, 2)).astype(np.float32)
    matrices, bodies = roi.crop_matrix(rois, 256), roi.to_alignment(rois)
    for i, region in enumerate(rois):
        matrix = roi.crop_matrix(region, 256)
        assert matrix.dtype == np.float32 and matrix.shape == (2, 3)
        np.testing.assert_allclose(matrix, matrices[i], rtol=1e-6, atol=1e-4)
        np.testing.assert_allclose(affine.scale_of(matrix), affine.scale_of(matrices)[i], rtol=1e-6)
        np.testing.assert_allclose(roi.from_alignment(bodies[i]), roi.from_alignment(bodies)[i], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(
            affine.apply(matrix, points), affine.apply(matrices[i : i + 1], points)[0], atol=FLOAT
        )


def test_numbers_that_are_none_stay_so():
    for wrong in (np.nan, np.inf):
        with np.errstate(invalid="ignore"):
            assert not np.isfinite(roi.crop_matrix(np.float32([10, 10, 50, wrong]), 256)).all()
            assert not np.isfinite(roi.from_alignment(np.float32([[10, 10], [wrong, 5]]))).all()
