"""The runtime's warp: where a dot lands, borders, antialiasing, and images that OpenCV alone would refuse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from blazepose_tf.geometry import affine, roi
from blazepose_tf.runtime.warp import warp

DOT_TOLERANCE = 0.05  # crop px; the centroid of an 8-bit Gaussian


def _dot(width, height, x, y, sigma=3.0):
    """Image of a Gaussian whose centre is at continuous pixel (x, y)."""
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    values = 250 * np.exp(-0.5 * (((columns - x) / sigma)[None] ** 2 + ((rows - y) / sigma)[:, None] ** 2))
    return np.repeat(np.round(values)[..., None], 3, axis=-1).astype(np.uint8)


def _centroid(crop):
    values = crop[..., 0].astype(np.float64)
    grid = np.arange(crop.shape[0]) + 0.5
    return np.array([(values.sum(0) * grid).sum(), (values.sum(1) * grid).sum()]) / values.sum()


@pytest.mark.parametrize("size, rotation", [(200.0, 0.0), (300.0, 0.7), (900.0, -2.0), (2100.0, 0.3)])
def test_dot_lands_where_the_matrix_says(size, rotation):
    point = np.array([[331.3, 207.8]])
    image = _dot(640, 480, *point[0], sigma=0.02 * size)
    region = np.array([320.0, 240.0, size, rotation])
    matrix = roi.crop_matrix(region, 128)
    expected = affine.apply(affine.invert(matrix), point)[0]
    found = _centroid(warp(image, matrix, 128, border="zero"))
    assert np.abs(found - expected).max() < DOT_TOLERANCE


def test_identity_copies_pixels_in_both_conventions():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    matrix = np.array([[1.0, 0, 4], [0, 1, 7]])
    for half_pixel in (True, False):
        assert np.array_equal(warp(image, matrix, 16, half_pixel=half_pixel), image[7:23, 4:20])


def test_corner_aligned_samples_the_corner():
    """Twice reduced: index 0 samples pixel index 0 in the corner-aligned crop, between 0 and 1 otherwise."""
    ramp = np.repeat(np.arange(0, 240, 8, np.uint8)[None], 30, axis=0)
    image = np.repeat(ramp[..., None], 3, axis=-1)
    matrix = np.array([[2.0, 0, 0], [0, 2, 0]])
    assert warp(image, matrix, 8, half_pixel=False)[3, :4, 0].tolist() == [0, 16, 32, 48]
    assert warp(image, matrix, 8, antialias=False)[3, :4, 0].tolist() == [4, 20, 36, 52]


def test_borders():
    image = np.full((20, 30, 3), 90, np.uint8)
    matrix = roi.crop_matrix(roi.whole_image(30, 20), 30)
    zero = warp(image, matrix, 30, border="zero")
    assert zero[0].max() == 0 and zero[29].max() == 0 and zero[15].min() == 90
    assert warp(image, matrix, 30).min() == 90


def test_antialias_averages_instead_of_sampling():
    """A checkerboard of single pixels is uniform grey seen from afar, and noise when sampled."""
    board = ((np.indices((512, 512)).sum(axis=0) % 2) * 255).astype(np.uint8)
    image = np.repeat(board[..., None], 3, axis=-1)
    matrix = roi.crop_matrix(np.array([250.0, 260.0, 300.0, 0.4]), 64)
    assert np.ptp(warp(image, matrix, 64)) <= 8
    assert np.ptp(warp(image, matrix, 64, antialias=False)) > 100


def test_odd_sides_shift_nothing():
    """A slope of one value a pixel, halved three times: each crop pixel has the value of its own place."""
    image = np.repeat(np.tile(np.arange(251, dtype=np.uint8)[None, :, None], (133, 1, 1)), 3, axis=2)
    crop = warp(image, np.array([[9.0, 0.0, 10.0], [0.0, 9.0, 0.0]]), 24)
    places = 10.0 + 9.0 * (np.arange(24) + 0.5)
    np.testing.assert_allclose(crop[5, :, 0], places - 0.5, atol=1.0)


@pytest.mark.parametrize("shape", [(10, 40000), (40000, 10), (1, 1), (3, 2)])
def test_extreme_shapes_keep_their_place(shape):
    height, width = shape
    image = np.zeros((height, width, 3), np.uint8)
    image[: max(height // 2, 1), : max(width // 2, 1)] = 200
    matrix = roi.crop_matrix(roi.whole_image(width, height), 64)
    for antialias in (True, False):
        crop = warp(image, matrix, 64, antialias=antialias)
        assert crop.shape == (64, 64, 3) and crop.max() >= 100


def test_region_outside_the_image_repeats_its_edge():
    image = np.zeros((300, 400, 3), np.uint8)
    image[:, -40:] = 77
    crop = warp(image, roi.crop_matrix(np.array([2000.0, 150.0, 600.0, 0.0]), 64), 64)
    assert (crop == 77).all()


def test_a_view_with_strides_works():
    image = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    matrix = roi.crop_matrix(np.array([40.0, 30.0, 50.0, 0.2]), 32)
    assert np.array_equal(warp(image[..., ::-1], matrix, 32), warp(image, matrix, 32)[..., ::-1])


@pytest.mark.parametrize(
    "image, matrix, border, error",
    [
        ([[1]], np.eye(3)[:2], "zero", TypeError),
        (np.zeros((4, 4), np.uint8), np.eye(3)[:2], "zero", ValueError),
        (np.zeros((4, 4, 3), np.float32), np.eye(3)[:2], "zero", ValueError),
        (np.zeros((0, 4, 3), np.uint8), np.eye(3)[:2], "zero", ValueError),
        (np.zeros((4, 4, 3), np.uint8), np.eye(3), "zero", ValueError),
        (np.zeros((4, 4, 3), np.uint8), np.full((2, 3), np.nan), "zero", ValueError),
        (np.zeros((4, 4, 3), np.uint8), np.eye(3)[:2], "mirror", ValueError),
    ],
)
def test_wrong_arguments(image, matrix, border, error):
    with pytest.raises(error, match="Received"):
        warp(image, matrix, 8, border=border)


@pytest.mark.parametrize("region", [(60.0, 40.0, 70.0, 0.3), (5.0, 90.0, 200.0, -1.0), (80.0, 50.0, 300.0, 0.0)])
@pytest.mark.parametrize("border", ["zero", "replicate"])
def test_what_is_cut_and_warped_is_the_picture(region, border):
    """Against OpenCV's warp of the whole picture, three channels as they are: to a grey level of rounding."""
    image = np.random.default_rng(2).integers(0, 256, (100, 160, 3), np.uint8)
    matrix = np.asarray(roi.crop_matrix(np.array(region), 48), np.float64)
    shifted = matrix.copy()
    shifted[:, 2] += 0.5 * matrix[:, :2].sum(axis=1) - 0.5
    mode = cv2.BORDER_CONSTANT if border == "zero" else cv2.BORDER_REPLICATE
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    expected = cv2.warpAffine(image, shifted, (48, 48), flags=flags, borderMode=mode)
    found = warp(image, matrix, 48, border=border, antialias=False)
    # Before OpenCV 5 coordinates are rounded to 1/32 of a pixel.
    limit = 1 if int(cv2.__version__.split(".")[0]) >= 5 else 12
    assert np.abs(found.astype(int) - expected).max() <= limit
